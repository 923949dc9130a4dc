"""Putting an Argo CD on a cluster and seeing that it runs."""

import hashlib
import json
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from lab.argocd import NAMESPACE
from lab.ports import Clock, Kube, Object, Ref
from lab.waiting import SystemClock, wait_until

DIGEST = "gitops-lab.io/argocd-digest"
"""Annotation of the namespace: what was applied, set when all of it was."""

CORE = ("argocd-application-controller", "argocd-applicationset-controller", "argocd-redis", "argocd-repo-server")
"""Workloads every install has."""

WORKLOADS = ("Deployment", "StatefulSet")
LATE = (*WORKLOADS, "AppProject")
THREADS = 4
ESTABLISHED_TIMEOUT = 60.0


def install(
    kube: Kube, objects: Sequence[Object], clock: Clock | None = None, cancel: threading.Event | None = None
) -> None:
    """Apply everything server-side: the namespace, then definitions and settings, then what needs them.

    Client-side apply cannot carry Argo CD's definitions since 3.3 (they outgrow the annotation it writes). The
    namespace is marked with the digest last, so a run that was cut short is not mistaken for a whole one.

    :param objects: from `manifest.objects`, with `manifest.admin_secret` when there is a UI
    :raises LabError: the API's refusal, or `wait-timeout` when a definition is not accepted within 60 s
    """
    namespace = next(obj for obj in objects if obj["kind"] == "Namespace")
    definitions = [obj for obj in objects if obj["kind"] == "CustomResourceDefinition"]
    late = [obj for obj in objects if obj["kind"] in LATE]
    early = [obj for obj in objects if obj["kind"] not in LATE and obj not in definitions and obj is not namespace]
    kube.apply(namespace)
    _apply_all(kube, [*definitions, *early])
    names = [obj["metadata"]["name"] for obj in definitions]
    wait_until(
        lambda: _unestablished(kube, names),
        awaited=f"Argo CD's definitions on {kube.cluster}",
        timeout=ESTABLISHED_TIMEOUT,
        clock=clock or SystemClock(),
        cancel=cancel or threading.Event(),
        interval=0.2,
    )
    _apply_all(kube, late)
    annotations = {**namespace["metadata"].get("annotations", {}), DIGEST: digest(objects)}
    kube.apply({**namespace, "metadata": {**namespace["metadata"], "annotations": annotations}})


def installed(kube: Kube, objects: Sequence[Object]) -> str:
    """Empty when these objects were applied and their workloads are still as applied, else what differs.

    Three reads, no change. Settings a learner edits by hand are not looked at.
    """
    namespace = kube.get(Ref(kind="Namespace", name=NAMESPACE))
    if namespace is None:
        return f"namespace {NAMESPACE} is missing"
    found = namespace["metadata"].get("annotations", {}).get(DIGEST, "")
    if found != digest(objects):
        return "another version or other settings were applied" if found else "the install was not finished"
    live = {(kind, obj["metadata"]["name"]): obj for kind in WORKLOADS for obj in _live(kube, kind)}
    for wanted in objects:
        if wanted["kind"] not in WORKLOADS:
            continue
        name = wanted["metadata"]["name"]
        obj = live.get((wanted["kind"], name))
        if obj is None:
            return f"{name} is missing"
        if obj["spec"].get("replicas") != wanted["spec"]["replicas"]:
            return f"{name} is scaled to {obj['spec'].get('replicas')}"
        if _images(obj) != _images(wanted):
            return f"{name} runs another image"
    return ""


def ready(kube: Kube) -> str:
    """Empty when every part of the Argo CD is available, else which is not and what its pod says.

    Also for an install that comes from git, whose objects the lab does not apply itself.
    """
    live = [obj for kind in WORKLOADS for obj in _live(kube, kind)]
    missing = sorted(set(CORE) - {obj["metadata"]["name"] for obj in live})
    if missing:
        return f"{missing[0]} is missing on {kube.cluster}"
    for obj in live:
        problem = _unavailable(obj)
        if problem:
            name = obj["metadata"]["name"]
            return f"{name} on {kube.cluster}: {_blocking(kube, obj) or problem}"
    return ""


def digest(objects: Iterable[Object]) -> str:
    """SHA-256 of what is applied, without Secrets: a password's hash differs each time it is made."""
    said = [obj for obj in objects if obj["kind"] != "Secret"]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _apply_all(kube: Kube, objects: Sequence[Object]) -> None:
    # The large definitions come first in the list: they take longest.
    with ThreadPoolExecutor(THREADS, thread_name_prefix="apply") as pool:
        for _ in pool.map(kube.apply, objects):
            pass


def _unestablished(kube: Kube, names: Iterable[str]) -> str:
    for name in names:
        definition = kube.get(Ref(kind="CustomResourceDefinition", name=name)) or {}
        conditions = (definition.get("status") or {}).get("conditions") or ()
        if not any(c["type"] == "Established" and c["status"] == "True" for c in conditions):
            return f"{name} is not established"
    return ""


def _live(kube: Kube, kind: str) -> Sequence[Object]:
    return kube.list(Ref(kind=kind, namespace=NAMESPACE))


def _images(obj: Object) -> list[str]:
    return [container["image"] for container in obj["spec"]["template"]["spec"]["containers"]]


def _unavailable(obj: Object) -> str:
    """Why a workload's roll-out is not complete; empty when it is."""
    wanted = obj["spec"].get("replicas", 1)
    status = obj.get("status", {})
    if status.get("observedGeneration", 0) < obj["metadata"].get("generation", 1):
        return "not looked at by its controller yet"
    if status.get("updatedReplicas", 0) < wanted:
        return f"{status.get('updatedReplicas', 0)} of {wanted} pods are up to date"
    if status.get("availableReplicas", 0) < wanted:
        return f"{status.get('availableReplicas', 0)} of {wanted} pods are available"
    return ""


def _blocking(kube: Kube, workload: Object) -> str:
    """What the first pod that is not ready says."""
    labels = workload["spec"]["selector"]["matchLabels"]
    for pod in kube.list(Ref(kind="Pod", namespace=NAMESPACE), labels):
        status = pod.get("status", {})
        conditions = {c["type"]: c for c in status.get("conditions", ())}
        if conditions.get("Ready", {}).get("status") == "True" or pod["metadata"].get("deletionTimestamp"):
            continue
        return f"pod {pod['metadata']['name']}: {_reason(status, conditions)}"
    return ""


def _reason(status: Object, conditions: dict[str, Object]) -> str:
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False":
        return f"cannot be scheduled: {scheduled.get('message', '')}"
    for container in [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]:
        state = container.get("state", {})
        waiting, ended = state.get("waiting", {}), state.get("terminated", {})
        # A container that waits for those before it says nothing of its own.
        if waiting.get("reason") not in (None, "PodInitializing", "ContainerCreating"):
            message = waiting.get("message", "")
            return f"container {container['name']}: {waiting['reason']}{': ' + message if message else ''}"
        if ended and ended.get("exitCode"):
            return f"container {container['name']}: ended with code {ended['exitCode']} ({ended.get('reason', '')})"
        if state.get("running") and not container.get("ready", True):
            return f"container {container['name']}: started, not ready"
    return str(status.get("phase", "Pending"))
