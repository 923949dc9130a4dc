"""What a story waits for. All of it is read from objects, the same way on every provider."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tests.equality.world import Object, World


@dataclass(frozen=True)
class Condition:
    """Something that is true of a world or not."""

    text: str
    holds: Callable[[World, World], bool]
    """Called with the world of the checkpoint before and with the present one."""


def _application(world: World, cluster: str, name: str) -> Object:
    return world.get(cluster, "Application", "argocd", name) or {}


def _status(obj: Object) -> Object:
    return obj.get("status") or {}


def _started(obj: Object) -> str:
    return str((_status(obj).get("operationState") or {}).get("startedAt", ""))


def synced(cluster: str, *names: str, health: str = "Healthy") -> Condition:
    """Applications are synced to the newest commit, without an operation that still runs and without conditions."""

    def holds(_: World, now: World) -> bool:
        for name in names:
            one = _application(now, cluster, name)
            status = _status(one)
            sync = status.get("sync") or {}
            if "operation" in one or status.get("conditions"):
                return False
            if (sync.get("status"), sync.get("revision")) != ("Synced", now.head):
                return False
            if (status.get("health") or {}).get("status") != health:
                return False
            if (status.get("operationState") or {"phase": "Succeeded"})["phase"] != "Succeeded":
                return False
        return True

    return Condition(f"{', '.join(names)} of {cluster} synced and {health}", holds)


def complains(cluster: str, name: str, kind: str, text: str = "") -> Condition:
    """An Application has a condition of this type with this text (a regular expression)."""

    def holds(_: World, now: World) -> bool:
        conditions = _status(_application(now, cluster, name)).get("conditions") or ()
        return any(one["type"] == kind and re.search(text, one["message"]) for one in conditions)

    return Condition(f"{name} of {cluster} says {kind}: {text}", holds)


def either(first: Condition, second: Condition) -> Condition:
    """One of two, where it is chance which."""
    return Condition(
        f"{first.text}, or {second.text}", lambda before, now: first.holds(before, now) or second.holds(before, now)
    )


def operated(cluster: str, name: str, phase: str = "Succeeded") -> Condition:
    """Another operation than at the checkpoint before has ended, in this phase."""

    def holds(before: World, now: World) -> bool:
        one = _application(now, cluster, name)
        ended = (_status(one).get("operationState") or {}).get("phase")
        return ended == phase and _started(one) != _started(_application(before, cluster, name))

    return Condition(f"{name} of {cluster} has ended another operation: {phase}", holds)


def sync_status(cluster: str, name: str, status: str) -> Condition:
    """An Application's sync status."""
    return Condition(
        f"{name} of {cluster} is {status}",
        lambda _, now: (_status(_application(now, cluster, name)).get("sync") or {}).get("status") == status,
    )


def set_says(cluster: str, name: str, kind: str, status: str, text: str = "") -> Condition:
    """A condition of an ApplicationSet; the text is a regular expression."""

    def holds(_: World, now: World) -> bool:
        found = _status(now.get(cluster, "ApplicationSet", "argocd", name) or {}).get("conditions") or ()
        return any(
            (one["type"], one["status"]) == (kind, status) and re.search(text, one.get("message", "")) for one in found
        )

    return Condition(f"ApplicationSet {name} of {cluster} says {kind}={status}: {text}", holds)


def runs(cluster: str, namespace: str, name: str, replicas: int = 1, kind: str = "Deployment") -> Condition:
    """A Deployment or StatefulSet is rolled out with this many pods, and no pod of it is going away."""

    def holds(_: World, now: World) -> bool:
        one = now.get(cluster, kind, namespace, name)
        if one is None or one["spec"].get("replicas") != replicas:
            return False
        status = _status(one)
        counted = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "readyReplicas")]
        pods = [
            pod
            for pod in now.all(cluster, "Pod", namespace)
            if (one["spec"]["selector"]["matchLabels"].items() <= pod["metadata"].get("labels", {}).items())
        ]
        return (
            counted == [replicas] * 3
            and len(pods) == replicas
            and status.get("observedGeneration") == one["metadata"]["generation"]
        )

    return Condition(f"{namespace}/{name} of {cluster} runs {replicas} pods", holds)


def stopped(cluster: str, namespace: str, name: str) -> Condition:
    """A StatefulSet has no pods left."""

    def holds(_: World, now: World) -> bool:
        return not any(
            owner["kind"] == "StatefulSet" and owner["name"] == name
            for pod in now.all(cluster, "Pod", namespace)
            for owner in pod["metadata"].get("ownerReferences", ())
        )

    return Condition(f"{namespace}/{name} of {cluster} has stopped", holds)


def there(cluster: str, kind: str, namespace: str, *names: str) -> Condition:
    """Objects exist."""
    return Condition(
        f"{kind} {', '.join(names)} on {cluster} is there",
        lambda _, now: all(now.get(cluster, kind, namespace, name) for name in names),
    )


def gone(cluster: str, kind: str, namespace: str, *names: str) -> Condition:
    """Objects do not exist."""
    return Condition(
        f"{kind} {', '.join(names)} on {cluster} is gone",
        lambda _, now: cluster in now.clusters and not any(now.get(cluster, kind, namespace, name) for name in names),
    )


def remade(cluster: str, kind: str, namespace: str, name: str) -> Condition:
    """An object of the checkpoint before was deleted, and one of its name is there again."""

    def holds(before: World, now: World) -> bool:
        old, new = (world.get(cluster, kind, namespace, name) for world in (before, now))
        return old is not None and new is not None and old["metadata"]["uid"] != new["metadata"]["uid"]

    return Condition(f"{kind} {name} on {cluster} is another one", holds)


def has(cluster: str, kind: str, namespace: str, name: str, path: str, value: object) -> Condition:
    """A field of an object has a value; None: it is not there.

    :param path: keys and places with `/` between them, `~1` for a slash within a key
    """

    def holds(_: World, now: World) -> bool:
        found: object = now.get(cluster, kind, namespace, name)
        if found is None:
            return False
        for step in path.split("/"):
            key = step.replace("~1", "/")
            if isinstance(found, list):
                found = found[int(key)] if int(key) < len(found) else None
            else:
                found = found.get(key) if isinstance(found, dict) else None
        return found == value

    return Condition(f"{kind} {name} on {cluster} has {path} = {value}", holds)
