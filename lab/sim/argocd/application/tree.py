"""An Application's resource tree: images and links for its summary, and what in its namespace belongs to nobody.

Source: Argo CD 3.6.1 `controller/appcontroller.go` (getResourceTree), `controller/cache/info.go`,
`pkg/apis/application/v1alpha1/types.go` (GetSummary).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from lab.sim.argocd.application import spec as specs
from lab.sim.argocd.clusters import Cluster
from lab.sim.argocd.comparison.records import Comparison, Condition
from lab.sim.argocd.live.cluster import LiveCluster
from lab.sim.argocd.live.key import ResourceKey
from lab.sim.argocd.project import Project
from lab.sim.objects import Object

_LINK = "link.argocd.argoproj.io/"
_IGNORE_LINKS = "argocd.argoproj.io/ignore-default-links"
_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_SCHEMES = frozenset(("http", "https"))


def managed_keys(comparison: Comparison) -> list[ResourceKey]:
    """What the tree of an Application grows from."""
    return [one.key for one in comparison.resources if one.live is not None]


def summary(
    app: Object, keys: Iterable[ResourceKey], missing: Iterable[ResourceKey], live: LiveCluster, project: Project
) -> Object:
    """`status.summary`: images of pods, links, and whether there are child Applications.

    :param keys: live resources the Application manages
    :param missing: those it wants and that are not there
    """
    images: set[str] = set()
    urls = {str(value) for key, value in specs.annotations_of(app).items() if key.startswith(_LINK)}
    children = any((one.group, one.kind) == ("argoproj.io", "Application") for one in missing)
    permits = _permits(project, live.cluster)

    def enter(key: ResourceKey, obj: Object) -> bool:
        nonlocal children
        if not permits(key):
            return False
        notes = (obj.get("metadata") or {}).get("annotations")
        if notes:
            urls.update(str(value) for name, value in notes.items() if name.startswith(_LINK) and _is_link(str(value)))
        if key.group == "":
            if key.kind == "Pod":
                images.update(_images(obj))
        elif key.kind == "Ingress" and key.group in ("networking.k8s.io", "extensions"):
            urls.update(_ingress_urls(obj))
        elif key.kind == "Application" and key.group == "argoproj.io":
            children = True
        return True

    live.objects.walk(keys, enter)
    made: Object = {}
    if urls:
        made["externalURLs"] = sorted(urls)
    if images:
        made["images"] = sorted(images)
    if children:
        made["isAppOfApps"] = True
    return made


def orphans(
    app: Object,
    managed: Iterable[ResourceKey],
    live: LiveCluster,
    project: Project,
    exists: Callable[[str], bool],
) -> list[Condition]:
    """OrphanedResourceWarning, when the project asks for it and there is something to warn of.

    :param exists: whether there is an Application that tracking marks call so
    """
    if not project.watches_orphans:
        return []
    namespace = str(specs.destination(app["spec"]).get("namespace") or "")
    own = set(managed)
    candidates = [
        key
        for key in live.objects.top_level(namespace)
        if key not in own
        and key.namespace
        and project.permits_kind(key.group, key.kind, key.name, namespaced=True)
        and not project.ignores_orphan(key.group, key.kind, key.namespace, key.name)
    ]
    permits = _permits(project, live.cluster)
    count = 0

    def enter(key: ResourceKey, obj: Object) -> bool:
        nonlocal count
        instance = live.objects.application_of(obj)
        if (instance and exists(instance)) or not permits(key):
            return False
        count += 1
        return True

    live.objects.walk(candidates, enter)
    if not count or not project.warns_of_orphans:
        return []
    return [Condition("OrphanedResourceWarning", f"Application has {count} orphaned resources")]


def _permits(project: Project, cluster: Cluster) -> Callable[[ResourceKey], bool]:
    """The project's word on a resource, asked once for each kind and namespace where the name does not matter."""
    known: dict[tuple[str, str, str], bool] = {}

    def permits(key: ResourceKey) -> bool:
        if not key.namespace:
            return project.permits_resource(key.group, key.kind, key.name, "", cluster)
        place = (key.group, key.kind, key.namespace)
        verdict = known.get(place)
        if verdict is None:
            verdict = known[place] = project.permits_resource(key.group, key.kind, key.name, key.namespace, cluster)
        return verdict

    return permits


def _images(pod: Object) -> list[str]:
    spec = pod.get("spec") or {}
    listed = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    return [str(one["image"]) for one in listed if one.get("image")]


def _is_link(text: str) -> bool:
    """Whether it is an address, alone or after `TITLE|`, that a browser may be sent to."""
    _, bar, address = text.partition("|")
    try:
        parts = urlsplit(address if bar else text)
    except ValueError:
        return False
    return not (address if bar else text) or parts.scheme in _SCHEMES


def _ingress_urls(ingress: Object) -> list[str]:
    if str((ingress["metadata"].get("annotations") or {}).get(_IGNORE_LINKS)) in _TRUE:
        return []
    spec = ingress.get("spec") or {}
    balanced = ((ingress.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    addresses = (one.get("hostname") or one.get("ip") for one in balanced)
    default = next((one for one in addresses if one), "")
    found = []
    for rule in spec.get("rules") or ():
        host = rule.get("host") or default
        if not host:
            continue
        scheme = "https" if any(_secures(one, host) for one in spec.get("tls") or ()) else "http"
        for path in (rule.get("http") or {}).get("paths") or ():
            found.append(f"{scheme}://{host}{str(path.get('path') or '').removesuffix('*')}")
    return found


def _secures(entry: dict[str, Any], host: str) -> bool:
    hosts: Sequence[str] = entry.get("hosts") or ()
    return entry.get("secretName") is not None or host in hosts
