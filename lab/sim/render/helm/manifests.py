"""Rendered files as manifests, in the order in which `helm template` prints them.

Source: Helm `pkg/release/v1/util/manifest_sorter.go`, `kind_sorter.go` and `pkg/cmd/template.go`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lab.sim.objects import Object
from lab.sim.render import yaml_documents
from lab.sim.templates.values import shown

from .errors import HelmError

HOOK = "helm.sh/hook"
_ORDER = {
    kind: place
    for place, kind in enumerate(
        [
            "PriorityClass",
            "Namespace",
            "NetworkPolicy",
            "ResourceQuota",
            "LimitRange",
            "PodSecurityPolicy",
            "PodDisruptionBudget",
            "ServiceAccount",
            "Secret",
            "SecretList",
            "ConfigMap",
            "StorageClass",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "CustomResourceDefinition",
            "ClusterRole",
            "ClusterRoleList",
            "ClusterRoleBinding",
            "ClusterRoleBindingList",
            "Role",
            "RoleList",
            "RoleBinding",
            "RoleBindingList",
            "Service",
            "DaemonSet",
            "Pod",
            "ReplicationController",
            "ReplicaSet",
            "Deployment",
            "HorizontalPodAutoscaler",
            "StatefulSet",
            "Job",
            "CronJob",
            "IngressClass",
            "Ingress",
            "APIService",
            "MutatingWebhookConfiguration",
            "ValidatingWebhookConfiguration",
        ]
    )
}
_EVENTS = frozenset(
    [
        "pre-install",
        "post-install",
        "pre-delete",
        "post-delete",
        "pre-upgrade",
        "post-upgrade",
        "pre-rollback",
        "post-rollback",
        "test",
        "test-success",
    ]
)
_TESTS = frozenset(("test", "test-success"))
_SEPARATOR = re.compile(r"^---[ \t]*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Manifest:
    """One document: the file it comes from, its value, and the hooks it is for."""

    file: str
    kind: str
    value: Any
    hooks: tuple[str, ...] = ()


def manifests(rendered: Mapping[str, str]) -> tuple[list[Manifest], list[Manifest]]:
    """Plain manifests and hooks of rendered files, each in install order. Raises HelmError."""
    plain: list[Manifest] = []
    hooks: list[Manifest] = []
    for file in sorted(rendered):
        if file.rpartition("/")[2].startswith("_") or not rendered[file].strip():
            continue
        for document in _SEPARATOR.split(rendered[file].lstrip()):
            if not document.strip():
                continue
            made = _manifest(file, document.lstrip())
            if made is not None:
                (hooks if made.hooks else plain).append(made)
    return _ordered(plain), _ordered(hooks)


def _ordered(found: list[Manifest]) -> list[Manifest]:
    return sorted(found, key=lambda one: (0, _ORDER[one.kind], "") if one.kind in _ORDER else (1, 0, one.kind))


def _manifest(file: str, document: str) -> Manifest | None:
    """None for a hook of an unknown kind, which Helm leaves out."""
    try:
        value = yaml_documents.value(document)
    except yaml_documents.Malformed as error:
        raise HelmError(f"YAML parse error on {file}: error converting YAML to JSON: {error}") from None
    if value is None:
        value = {}
    problem = _head_problem(value)
    if problem:
        raise HelmError(
            f"YAML parse error on {file}: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal "
            f"{problem}"
        )
    annotations = (value.get("metadata") or {}).get("annotations") or {}
    kind = shown(value.get("kind") or "")
    if HOOK not in annotations:
        return Manifest(file, kind, value)
    hooks = tuple(one.strip().lower() for one in shown(annotations[HOOK] or "").split(","))
    return Manifest(file, kind, value, hooks) if _EVENTS.issuperset(hooks) else None


def _head_problem(value: Any) -> str:
    """What Go says when the head of a document has other types than a manifest's, "" when it has not."""
    if not isinstance(value, dict):
        return f"{_json_kind(value)} into Go value of type util.SimpleHead"
    for key in ("apiVersion", "kind"):
        if isinstance(value.get(key), (dict, list)):
            return f"{_json_kind(value[key])} into Go struct field .{key} of type string"
    metadata = value.get("metadata")
    if metadata is None:
        return ""
    inside = 'struct { Name string "json:\\"name\\""; Annotations map[string]string "json:\\"annotations\\"" }'
    if not isinstance(metadata, dict):
        return f"{_json_kind(metadata)} into Go struct field .metadata of type {inside}"
    if isinstance(metadata.get("name"), (dict, list)):
        return f"{_json_kind(metadata['name'])} into Go struct field .metadata.name of type string"
    annotations = metadata.get("annotations")
    if annotations is None:
        return ""
    if not isinstance(annotations, dict):
        return f"{_json_kind(annotations)} into Go struct field .metadata.annotations of type map[string]string"
    for key, one in annotations.items():
        if isinstance(one, (dict, list)):
            return f"{_json_kind(one)} into Go struct field .metadata.annotations.{key} of type string"
    return ""


def _json_kind(value: Any) -> str:
    return {bool: "bool", list: "array", dict: "object", str: "string"}.get(type(value), "number")


def objects(found: Iterable[Manifest], skip_tests: bool) -> list[Object]:
    """The values, without test hooks if so asked, as `kubectl` would read them back."""
    return [one.value for one in found if one.value and not (skip_tests and _TESTS.intersection(one.hooks))]
