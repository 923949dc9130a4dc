"""Which groups, versions and resources a cluster serves: aggregated discovery and the older documents, and `/version`.

Source of shapes and order: apiserver `pkg/endpoints/discovery`, kube-aggregator `pkg/apiserver/handler_discovery.go`,
apimachinery `pkg/version/helpers.go` (order of versions), apiextensions
`pkg/apiserver/customresource_discovery_controller.go`.
"""

from __future__ import annotations

import hashlib
import platform
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from lab.sim.api.kinds import BUILT_IN
from lab.sim.api.resources import Registry, Resource

Json = dict[str, Any]

PLAIN = "application/json"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"
_CUSTOM_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")
_CHANGE = ("get", "patch", "update")
_CONNECT = ("create", "get")
_PROXY = ("create", "delete", "get", "patch", "update")
_VERSION = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?", re.ASCII)
_STABILITY = {None: 3, "beta": 2, "alpha": 1}


@dataclass(frozen=True, slots=True)
class Document:
    """An answer that is the same for everyone until the registry changes."""

    body: bytes
    content_type: str = PLAIN
    etag: str = ""
    cache: str = "no-cache, private"
    """`Cache-Control`."""


@dataclass(frozen=True, slots=True)
class Subresource:
    """What is behind `PLURAL/NAME`: the kind it answers with, of the resource's own group and version if "" is said."""

    name: str
    kind: str
    verbs: tuple[str, ...]
    group: str = ""
    version: str = ""


_KNOWN = {
    ("", "attach"): ("PodAttachOptions", _CONNECT, "", ""),
    ("", "binding"): ("Binding", ("create",), "", ""),
    ("", "eviction"): ("Eviction", ("create",), "policy", "v1"),
    ("", "exec"): ("PodExecOptions", _CONNECT, "", ""),
    ("", "portforward"): ("PodPortForwardOptions", _CONNECT, "", ""),
    ("", "token"): ("TokenRequest", ("create",), "authentication.k8s.io", "v1"),
}
"""Subresources that answer with a kind of their own, by group and name."""
_OWN_VERBS = {"finalize": ("update",), "log": ("get",)}


def subresources(row: Resource) -> list[Subresource]:
    """The subresources of a resource, in the order of discovery."""
    custom = row.custom is not None
    made = []
    for name in sorted(row.subresources, key=lambda one: (custom and one != "status", one)):
        if name == "scale":
            made.append(Subresource(name, "Scale", _CHANGE, "autoscaling", "v1"))
        elif name == "proxy":
            made.append(Subresource(name, f"{row.kind}ProxyOptions", _PROXY))
        elif (row.group, name) in _KNOWN:
            made.append(Subresource(name, *_KNOWN[row.group, name]))
        else:
            made.append(Subresource(name, row.kind, _OWN_VERBS.get(name, _CHANGE)))
    return made


def groups(rows: Iterable[Resource]) -> dict[str, dict[str, list[Resource]]]:
    """Rows by group and version: built-in groups in a server's order, custom ones by name, the best version first."""
    found: dict[str, dict[str, list[Resource]]] = {}
    for row in sorted(rows, key=lambda one: (one.group, _version_order(one.version), one.plural)):
        found.setdefault(row.group, {}).setdefault(row.version, []).append(row)
    return dict(sorted(found.items(), key=lambda item: (_BUILT_IN_ORDER.get(item[0], len(_BUILT_IN_ORDER)), item[0])))


_BUILT_IN_ORDER = {group: index for index, group in enumerate(dict.fromkeys(row.group for row in BUILT_IN))}


def _version_order(version: str) -> tuple[int, int, int, str]:
    """Stable before beta before alpha, then the higher number; other names last, by name."""
    read = _VERSION.fullmatch(version)
    if read is None:
        return (0, 0, 0, version)
    return (-_STABILITY[read[2]], -int(read[1]), -int(read[3] or 0), "")


def _verbs(row: Resource) -> tuple[str, ...]:
    return _CUSTOM_VERBS if row.custom is not None else row.verbs


def _names(row: Resource) -> Json:
    told = {"shortNames": list(row.short), "categories": list(row.categories)}
    return {key: value for key, value in told.items() if value}


def _aggregated(found: dict[str, dict[str, list[Resource]]], version: str) -> Json:
    items = [
        {
            "metadata": {"name": group} if group else {},
            "versions": [
                {"version": one, "resources": [_discovered(row) for row in rows], "freshness": "Current"}
                for one, rows in versions.items()
            ],
        }
        for group, versions in found.items()
    ]
    api_version = f"apidiscovery.k8s.io/{version}"
    return {"kind": "APIGroupDiscoveryList", "apiVersion": api_version, "metadata": {}, "items": items}


def _discovered(row: Resource) -> Json:
    made: Json = {
        "resource": row.plural,
        "responseKind": _kind(row, row.kind),
        "scope": "Namespaced" if row.namespaced else "Cluster",
        "singularResource": row.singular,
        "verbs": list(_verbs(row)),
        **_names(row),
    }
    below = [
        {
            "subresource": one.name,
            "responseKind": _kind(row, one.kind, one.group, one.version),
            "verbs": list(one.verbs),
        }
        for one in subresources(row)
    ]
    if below:
        made["subresources"] = below
    return made


def _kind(row: Resource, kind: str, group: str = "", version: str = "") -> Json:
    """Servers leave out the group and version of built-in kinds where they are those of the resource."""
    if row.custom is not None and not version:
        group, version = row.group, row.version
    return {"group": group, "version": version, "kind": kind}


def _resource_list(api_version: str, rows: list[Resource]) -> Json:
    listed: list[Json] = []
    for row in rows:
        made: Json = {
            "name": row.plural,
            "singularName": row.singular,
            "namespaced": row.namespaced,
            "kind": row.kind,
            "verbs": list(_verbs(row)),
            **_names(row),
        }
        listed.append(made)
        for one in subresources(row):
            own = {"group": one.group, "version": one.version} if one.version else {}
            listed.append(
                {
                    "name": f"{row.plural}/{one.name}",
                    "singularName": "",
                    "namespaced": row.namespaced,
                    **own,
                    "kind": one.kind,
                    "verbs": list(one.verbs),
                }
            )
    head = {} if api_version == "v1" else {"apiVersion": "v1"}  # as a real server, which has it for groups only
    return {"kind": "APIResourceList", **head, "groupVersion": api_version, "resources": listed}


def _group(name: str, versions: Iterable[str]) -> Json:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


class Documents:
    """The discovery documents of one cluster, each made when it is first asked for after a change of the registry."""

    def __init__(self, registry: Registry, minor: int) -> None:
        """`minor`: the Kubernetes minor of the cluster."""
        self._registry = registry
        self._minor = minor
        self._changes = -1
        self._made: dict[tuple[str, str], Document | None] = {}
        self._found: dict[str, dict[str, list[Resource]]] = {}

    def get(self, path: str, accept: str = "") -> Document | None:
        """The document at `path` (`/api`, `/apis/GROUP/VERSION` …, no slash at the end), None where there is none.

        `accept`: the `Accept` header; aggregated discovery is given to those who ask for it.
        """
        if self._changes != self._registry.changes:
            self._changes = self._registry.changes
            self._made.clear()
            self._found = groups(self._registry)
        form = wanted(accept) if path in ("/api", "/apis") else ""
        key = (path, form)
        if key not in self._made:
            if len(self._made) > 1000:  # paths that do not exist are anybody's to ask for
                self._made.clear()
            self._made[key] = self._make(path, form)
        return self._made[key]

    def _make(self, path: str, form: str) -> Document | None:
        if form:
            core = path == "/api"
            found = {group: versions for group, versions in self._found.items() if (group == "") == core}
            return made(_aggregated(found, form), AGGREGATED.format(form), "public")
        content = self._plain(path)
        return None if content is None else made(content)

    def _plain(self, path: str) -> Json | None:
        match path.strip("/").split("/"):
            case [""]:
                return {"paths": self._paths()}
            case ["api"]:
                versions = list(self._found.get("", ()))
                return {"kind": "APIVersions", "versions": versions, "serverAddressByClientCIDRs": []}
            case ["apis"]:
                listed = [_group(name, versions) for name, versions in self._found.items() if name]
                return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}
            case ["api", version] if version in self._found.get("", ()):
                return _resource_list(version, self._found[""][version])
            case ["apis", group] if group and group in self._found:
                return {"kind": "APIGroup", "apiVersion": "v1", **_group(group, self._found[group])}
            case ["apis", group, version] if group and version in self._found.get(group, ()):
                return _resource_list(f"{group}/{version}", self._found[group][version])
        return None

    def _paths(self) -> list[str]:
        listed = {"/.well-known/openid-configuration", "/api", "/apis", "/healthz", "/livez", "/openapi/v3", "/readyz"}
        listed.add("/version")
        for group, versions in self._found.items():
            root = f"/apis/{group}" if group else "/api"
            listed |= {root, *(f"{root}/{version}" for version in versions)}
        return sorted(listed)


def wanted(accept: str) -> str:
    """The version of aggregated discovery that an `Accept` header asks for first, "" for none."""
    for one in accept.split(","):
        media, *parameters = (part.strip() for part in one.split(";"))
        asked = dict(part.partition("=")[::2] for part in parameters)
        if asked.get("as") == "APIGroupDiscoveryList" and asked.get("g") == "apidiscovery.k8s.io":
            if media == PLAIN and asked.get("v") in ("v2", "v2beta1"):
                return asked["v"]
        elif media in (PLAIN, "*/*"):
            return ""
    return ""


def made(content: Json, content_type: str = PLAIN, cache: str = "no-cache, private") -> Document:
    """A document of this content, with its digest as its tag."""
    body = orjson.dumps(content)
    return Document(body, content_type, f'"{digest(body)}"', cache)


def digest(content: bytes) -> str:
    """128 hexadecimal digits, as servers tag documents."""
    return hashlib.sha512(content).hexdigest().upper()


_GO_SYSTEM: dict[str, str] = {"win32": "windows"}
_GO_MACHINE: dict[str, str] = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64"}


def version(minor: int) -> Json:
    """The answer of `/version`: a version that says it is simulated, and what it really runs on."""
    machine = platform.machine()
    return {
        "major": "1",
        "minor": str(minor),
        "emulationMajor": "1",
        "emulationMinor": str(minor),
        "minCompatibilityMajor": "1",
        "minCompatibilityMinor": str(minor - 1),
        "gitVersion": git_version(minor),
        "gitCommit": "",
        "gitTreeState": "simulated",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": f"none, Python {platform.python_version()}",
        "compiler": platform.python_implementation(),
        "platform": f"{_GO_SYSTEM.get(sys.platform, sys.platform)}/{_GO_MACHINE.get(machine, machine)}",
    }


def git_version(minor: int) -> str:
    """The version text of a cluster and its nodes, e.g. `v1.34.0+sim`."""
    return f"v1.{minor}.0+sim"
