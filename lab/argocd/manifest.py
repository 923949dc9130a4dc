"""Argo CD as the lab installs it: the release manifest with the patches of `manifests/argocd/`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import yaml

from lab.argocd import MARK, NAMESPACE
from lab.argocd.release import Name, load_all, parsed, release
from lab.argocd.secret_data import decode, encode
from lab.ports import Object
from lab.settings import Settings
from lab.state import Options

__all__ = ["admin_secret", "images", "objects", "password_matches", "proxy_environment", "release", "text"]

CLUSTER_SCOPED = frozenset({"Namespace", "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding"})
WORKLOADS = ("Deployment", "StatefulSet")
PROXIED = ("argocd-repo-server", "argocd-application-controller", "argocd-applicationset-controller", "argocd-server")

Released = Callable[[Name], list[Object]]
"""Where the objects come from that the lab patches; they are the lab's own to change."""

PROXY_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
IN_CLUSTER_HOSTS = (".svc", ".cluster.local", "argocd-repo-server", "argocd-redis", "127.0.0.1", "localhost")


def objects(
    settings: Settings,
    options: Options,
    ui: bool | None = None,
    proxy: Mapping[str, str] | None = None,
    released: Released | None = None,
) -> list[Object]:
    """Everything to apply for one Argo CD, the namespace first.

    With the UI, `argocd-secret` is left out: it carries the admin's password and comes from :func:`admin_secret`,
    which otherwise would lose the password to the next apply.

    :param ui: the full install with its API server on a node port, else core; default: what the options say
    :param proxy: environment for the pods that reach other machines, from :func:`proxy_environment`
    :param released: what the provider's clusters run as Argo CD; default: the release manifest
    :raises LabError: as :func:`release`
    """
    full = options.ui if ui is None else ui
    everything = _objects(settings, options, "install" if full else "core-install", dict(proxy or {}), released)
    return [obj for obj in everything if not (full and _is(obj, "Secret", "argocd-secret"))]


def images(settings: Settings, ui: bool, released: Released | None = None) -> tuple[str, ...]:
    """Container images an Argo CD of this kind needs on its node, sorted."""
    found = {
        container["image"]
        for obj in objects(settings, Options(), ui, released=released)
        if obj["kind"] in WORKLOADS
        for container in _containers(obj)
    }
    return tuple(sorted(found))


def text(
    settings: Settings,
    options: Options,
    name: Literal["core-install", "install"] = "core-install",
    released: Released | None = None,
) -> str:
    """The same objects as one YAML file, for a repository from which an Argo CD is installed; always the same bytes.

    There is no password in it: an `install` from git gets the admin password that its API server makes up.
    """
    documents = _objects(settings, options, name, {}, released)
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    head = f"# Argo CD {settings.argocd_version}, {name} as the lab installs it.\n"
    body: str = yaml.dump_all(documents, Dumper=dumper, sort_keys=True, width=120, default_flow_style=False)
    return f"{head}---\n{body}"


def admin_secret(password: str) -> Object:
    """`argocd-secret` with the admin's password as a bcrypt hash.

    Applied before the API server first starts, no `argocd-initial-admin-secret` is made: `InitializeSettings`
    (util/settings/settings.go) makes up a password only when `admin.password` is empty. What else that server keeps
    in the Secret, its session key and certificate, belongs to its own field manager and survives a later apply.
    """
    import bcrypt

    # Go's library writes 2a and cost 10 as well.
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(10, prefix=b"2a")).decode()
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "argocd-secret",
            "namespace": NAMESPACE,
            "labels": {"app.kubernetes.io/name": "argocd-secret", "app.kubernetes.io/part-of": "argocd"},
        },
        "type": "Opaque",
        "data": encode(
            {
                "admin.password": hashed,
                "admin.passwordMtime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        ),
    }


def password_matches(secret: Object, password: str) -> bool:
    """Whether a live `argocd-secret` lets the admin in with this password."""
    import bcrypt

    try:
        return bcrypt.checkpw(password.encode(), decode(secret).get("admin.password", "").encode())
    except ValueError:
        return False


def proxy_environment(environment: Mapping[str, str], hosts: Sequence[str]) -> dict[str, str]:
    """The proxy settings of this machine as pods need them; empty when there are none.

    A proxy on loopback is left out: inside a pod that address is the pod itself.

    :param environment: usually `os.environ`
    :param hosts: names and networks of the lab that must be reached directly, e.g. `lab-w1-control-plane`
    """
    from lab.web import is_loopback  # brings an HTTP client along

    given = {name: environment.get(name) or environment.get(name.lower()) or "" for name in PROXY_NAMES}
    proxies = {
        name: value
        for name, value in given.items()
        if value and name != "NO_PROXY" and not is_loopback(value if "://" in value else f"http://{value}")
    }
    if not proxies:
        return {}
    direct = [host for host in given["NO_PROXY"].split(",") if host] + [*hosts, *IN_CLUSTER_HOSTS]
    return {**proxies, "NO_PROXY": ",".join(dict.fromkeys(direct))}


def _patches(settings: Settings) -> dict[str, Any]:
    content = (settings.manifests_dir / "argocd" / "patches.yaml").read_text(encoding="utf-8")
    patches: dict[str, Any] = load_all(content)[0]
    return patches


def _objects(
    settings: Settings, options: Options, name: Name, proxy: dict[str, str], released: Released | None
) -> list[Object]:
    patches = _patches(settings)
    found = released(name) if released else parsed(settings, name)
    unused = tuple(patches["unused"])
    return [
        _namespace(),
        *(
            _patched(obj, patches, options.timing, proxy)
            for obj in found
            if not obj["metadata"]["name"].startswith(unused)
        ),
        *load_all((settings.manifests_dir / "argocd" / "project-default.yaml").read_text(encoding="utf-8")),
    ]


def _is(obj: Object, kind: str, name: str) -> bool:
    return bool(obj["kind"] == kind and obj["metadata"]["name"] == name)


def _namespace() -> Object:
    labels = {"app.kubernetes.io/managed-by": MARK}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}


def _patched(obj: Object, patches: dict[str, Any], timing: str, proxy: dict[str, str]) -> Object:
    name, kind = obj["metadata"]["name"], obj["kind"]
    if kind not in CLUSTER_SCOPED:
        obj["metadata"]["namespace"] = NAMESPACE
    if kind == "ConfigMap" and name in ("argocd-cm", "argocd-cmd-params-cm"):
        fast = patches["fast"][name] if timing == "fast" else {}
        obj["data"] = {**obj.get("data", {}), **patches[name], **fast}
    elif kind in WORKLOADS:
        # Said, not defaulted, so that a workload somebody scaled down comes back with the next apply.
        obj["spec"]["replicas"] = 1
        for container in _containers(obj):
            container["imagePullPolicy"] = "IfNotPresent"
        for container in obj["spec"]["template"]["spec"]["containers"]:
            if container["name"] in patches["requests"]:
                container["resources"] = {"requests": patches["requests"][container["name"]]}
            if "readinessProbe" in container:
                container["readinessProbe"] |= patches["readiness"]
            if container["name"] in PROXIED:
                container["env"] = [*container.get("env", ()), *({"name": k, "value": v} for k, v in proxy.items())]
    elif _is(obj, "Service", "argocd-server"):
        # Plain HTTP would only redirect, and to a port nobody listens on.
        https = next(port for port in obj["spec"]["ports"] if port["name"] == "https")
        obj["spec"] |= {"type": "NodePort", "ports": [{**https, "nodePort": patches["ui-node-port"]}]}
    return obj


def _containers(obj: Object) -> Iterator[dict[str, Any]]:
    pod = obj["spec"]["template"]["spec"]
    yield from pod.get("initContainers", ())
    yield from pod["containers"]
