"""What no two labs have in common, taken out of their objects: identities, moments, addresses, names drawn by lot.

Whatever can be told apart stays so: a commit becomes its place in the history, a moment the checkpoint in whose course
it fell, a ReplicaSet its place among those of its Deployment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.equality.world import Object, World

Value = Any
Snapshot = dict[str, Value]
"""By name of the object: `CLUSTER KIND NAMESPACE/NAME`; pods and events of a cluster stand together in one entry."""

ARGOCD = frozenset({"Application", "ApplicationSet", "AppProject"})
LEFT_OUT = frozenset({"default", "kube-system", "kube-public", "kube-node-lease", "local-path-storage"})
"""Namespaces that are the cluster's own."""
OWN_CONFIGMAPS = frozenset({"kube-root-ca.crt"})
UNTIMED = frozenset({"reconciledAt", "observedAt"})
"""Moments of things that come round by the clock."""
EARLY = 1.0
"""Seconds: moments are cut to whole ones."""

_SAFE = "[bcdfghjklmnpqrstvwxz2456789]"
_TIME = re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)?")
_COMMIT = re.compile(r"\b[0-9a-f]{40}\b")
_RULES = [
    (re.compile(pattern), into)
    for pattern, into in (
        (r"\b[0-9a-f]{64}\b", "<digest>"),
        (r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "<uid>"),
        (r"\b10\.244\.\d+\.\d+\b(?!/)", "<pod-ip>"),
        (r"\b10\.(?:9[6-9]|10\d|11[01])\.(?!0\.1\b)\d+\.\d+\b(?!/)", "<service-ip>"),
        (r"\b172\.\d+\.\d+\.\d+\b(?!/)", "<node-ip>"),
        (r"\b\d{1,2}:\d\d[AP]M\b", "<clock>"),
        (r"(?<=127\.0\.0\.1:)\d+", "<port>"),
        (r"(?<=<pod-ip>:)\d+(?=->)", "<port>"),
    )
]
_POD = re.compile(rf"(?<=<hash \d>)-{_SAFE}{{5}}\b")


@dataclass
class Normaliser:
    """Remembers, over the checkpoints of one lab, what was seen before."""

    lab: str
    """The lab's name, which is part of addresses."""
    starts: list[tuple[float, str]] = field(default_factory=list)
    """When each checkpoint began, in seconds, and its name."""
    _sets: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)
    """ReplicaSets by cluster, namespace and Deployment, in the order of their making."""
    _seen: dict[str, tuple[int, str]] = field(default_factory=dict)
    """How often and when last each event had happened at the last checkpoint, by uid."""

    def begin(self, checkpoint: str, now: float) -> None:
        """From now on moments belong to this checkpoint."""
        self.starts.append((now, checkpoint))

    def snapshot(self, world: World) -> Snapshot:
        """Everything but the events."""
        found: Snapshot = {}
        for cluster, objects in world.clusters.items():
            names = self._names(cluster, objects)
            text = _Texts(self, world.commits, names)
            pods: dict[str, int] = {}
            for obj in objects:
                if obj["kind"] == "Event" or _is_the_cluster_s_own(obj):
                    continue
                if obj["kind"] == "Pod":
                    shown = _pod(text.value(obj))
                    pods[shown] = pods.get(shown, 0) + 1
                    continue
                plain = text.value(_trimmed(obj))
                meta = plain["metadata"]
                where = f"{meta['namespace']}/" if "namespace" in meta else ""
                found[f"{cluster} {obj['kind']} {where}{meta['name']}"] = plain
            found[f"{cluster} Pods"] = dict(sorted(pods.items()))
        for cluster, why in world.unread.items():
            found[f"{cluster} unread"] = why.splitlines()[-1] if why else "no answer"
        return dict(sorted(found.items()))

    def events(self, world: World) -> Snapshot:
        """What has happened since this was asked last: events by object, without how often."""
        found: dict[str, set[str]] = {}
        for cluster, objects in world.clusters.items():
            text = _Texts(self, world.commits, self._names(cluster, objects))
            for event in objects:
                if event["kind"] != "Event" or not _is_told(event):
                    continue
                uid, times = event["metadata"]["uid"], _occurrences(event)
                if self._seen.get(uid) == times:
                    continue
                self._seen[uid] = times
                about = event["involvedObject"]
                name = text.string(about["name"])
                where = f"{about['namespace']}/" if about.get("namespace") else ""
                line = f"{event.get('type', '')} {event.get('reason', '')} {text.string(event.get('message', ''))}"
                source = event.get("reportingComponent") or (event.get("source") or {}).get("component", "")
                found.setdefault(f"{cluster} Events {about['kind']} {where}{name}", set()).add(f"{line} ({source})")
        return {key: sorted(found[key]) for key in sorted(found)}

    def _names(self, cluster: str, objects: Sequence[Object]) -> list[tuple[str, str]]:
        """What to replace in all texts of a cluster: names of ReplicaSets and their hashes."""
        sets = [one for one in objects if one["kind"] == "ReplicaSet"]
        sets.sort(key=lambda one: (one["metadata"]["creationTimestamp"], _revision(one)))
        pairs = []
        for one in sets:
            meta = one["metadata"]
            value = (meta.get("labels") or {}).get("pod-template-hash", "")
            owner = next((ref["name"] for ref in meta.get("ownerReferences", ())), "")
            if not value or not owner:
                continue
            known = self._sets.setdefault((cluster, meta["namespace"], owner), [])
            if value not in known:
                known.append(value)
        for (where, _, owner), values in self._sets.items():
            if where == cluster:
                pairs += [(f"{owner}-{value}", f"{owner}-<hash {place}>") for place, value in enumerate(values, 1)]
                pairs += [(value, f"<hash {place} of {owner}>") for place, value in enumerate(values, 1)]
        return pairs

    def moment(self, text: str) -> str:
        """The checkpoint in whose course a moment fell."""
        try:
            parsed = datetime.fromisoformat(text.replace("Z", "+00:00"))
        except ValueError:
            return "<time>"
        at = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
        name = "before"
        for start, checkpoint in self.starts:
            if at >= start - EARLY:
                name = checkpoint
        if at > datetime.now(UTC).timestamp() + 30:
            name = "later"
        return f"<during {name}>"


@dataclass
class _Texts:
    """Replaces in texts what is known by now."""

    normaliser: Normaliser
    commits: Sequence[str]
    names: Sequence[tuple[str, str]]

    def value(self, value: Value, key: str = "") -> Value:
        if isinstance(value, dict):
            return {self.string(name): self.value(one, name) for name, one in value.items()}
        if isinstance(value, list):
            return [self.value(one) for one in value]
        if isinstance(value, str):
            return "<time>" if key in UNTIMED else self.string(value)
        return value

    def string(self, text: str) -> str:
        for place, commit in enumerate(self.commits):
            text = text.replace(commit, f"<commit {place}>")
            text = re.sub(rf"\b{commit[:7]}\b", f"<short commit {place}>", text)
        text = _COMMIT.sub("<other commit>", text)
        for name, shown in self.names:
            text = text.replace(name, shown)
        text = _POD.sub("-<pod>", text)
        text = text.replace(f"{self.normaliser.lab}-", "<lab>-")
        text = _TIME.sub(lambda match: self.normaliser.moment(match[0]), text)
        for pattern, into in _RULES:
            text = pattern.sub(into, text)
        return text


def _is_the_cluster_s_own(obj: Object) -> bool:
    meta = obj["metadata"]
    name = meta["name"]
    match obj["kind"]:
        case "Namespace":
            return name in LEFT_OUT
        case "PriorityClass":
            return name.startswith("system-")
        case "ConfigMap" if name in OWN_CONFIGMAPS:
            return True
        case _:
            return meta.get("namespace") in LEFT_OUT


def _is_told(event: Object) -> bool:
    """Whether an event is about Argo CD's objects or about what is deployed; not about Argo CD's own pods."""
    about = event["involvedObject"]
    namespace = about.get("namespace", "")
    return namespace not in LEFT_OUT and bool(namespace) and (namespace != "argocd" or about["kind"] in ARGOCD)


def _occurrences(event: Object) -> tuple[int, str]:
    series = event.get("series") or {}
    count = series.get("count") or event.get("count") or 1
    last = series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime") or ""
    return int(count), str(last)


def _revision(replicaset: Object) -> int:
    return int((replicaset["metadata"].get("annotations") or {}).get("deployment.kubernetes.io/revision", "0"))


def _trimmed(obj: Object) -> Object:
    """An object without what is drawn by lot or counts writes; secrets without what is secret."""
    meta = obj["metadata"]
    kept = {
        key: meta[key]
        for key in ("name", "namespace", "labels", "annotations", "finalizers", "creationTimestamp")
        if key in meta
    }
    if "deletionTimestamp" in meta:
        kept["deletionTimestamp"] = meta["deletionTimestamp"]
    if obj["kind"] not in ARGOCD and "generation" in meta:
        kept["generation"] = meta["generation"]
    owners = [{key: one for key, one in owner.items() if key != "uid"} for owner in meta.get("ownerReferences", ())]
    if owners:
        kept["ownerReferences"] = owners
    kept["managers"] = sorted(set(_managers(meta)))
    trimmed = {key: value for key, value in obj.items() if key not in ("metadata", "data", "stringData")}
    trimmed["metadata"] = kept
    if "data" in obj:
        trimmed["data"] = sorted(obj["data"]) if obj["kind"] == "Secret" else obj["data"]
    if obj["kind"] == "StatefulSet":
        status = dict(obj.get("status") or {})
        for key in ("currentRevision", "updateRevision"):
            if key in status:
                status[key] = re.sub(rf"-{_SAFE}{{8,10}}$", "-<hash>", status[key])
        # How many revisions met in one hash; Kubernetes counts them for its own use.
        status.pop("collisionCount", None)
        trimmed["status"] = status
    if obj["kind"] == "ReplicaSet":
        # Its Deployment's.
        trimmed["spec"] = {key: value for key, value in obj.get("spec", {}).items() if key != "template"}
    if obj["kind"] == "Service" and "ports" in obj["spec"]:
        ports = [
            {**port, **({"nodePort": "<node-port>"} if "nodePort" in port else {})} for port in obj["spec"]["ports"]
        ]
        trimmed["spec"] = {**obj["spec"], "ports": ports}
    return trimmed


def _managers(meta: Object) -> Iterator[str]:
    for one in meta.get("managedFields", ()):
        sub = f" {one['subresource']}" if one.get("subresource") else ""
        yield f"{one.get('manager', '')} {one['operation']} {one['apiVersion']}{sub}"


def _pod(pod: Object) -> str:
    """A pod in one line: whose it is, and its state."""
    meta, status = pod["metadata"], pod.get("status") or {}
    owner = next((f"{ref['kind']} {ref['name']}" for ref in meta.get("ownerReferences", ())), meta["name"])
    containers = [
        f"{one['name']} {one['image']} {_state(one)}"
        for one in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ()))
    ]
    going = ", going" if "deletionTimestamp" in meta else ""
    return f"{meta['namespace']}: {owner}: {status.get('phase', '')}{going}; {', '.join(containers)}"


def _state(container: Object) -> str:
    for name, state in (container.get("state") or {}).items():
        reason = state.get("reason", "")
        ready = " and ready" if container.get("ready") else ""
        return f"{name}{': ' + reason if reason else ''}{ready}"
    return "no state"
