"""Taking what an Argo CD manages away again, in the order that does not hang.

ApplicationSets, then Applications, then the registrations: an Application whose cluster is no longer registered loses
its finalizer and leaves its workloads behind; one whose cluster does not answer is never let go.
"""

import threading
from collections.abc import Callable, Collection, Iterable
from functools import partial

from lab.argocd import NAMESPACE
from lab.argocd.registration import LAB, SECRET_TYPE
from lab.errors import KubeError
from lab.ports import Clock, Kube, Object, Ref
from lab.waiting import wait_until

PARENT_OF = ("Application", "ApplicationSet", "AppProject")
"""An Application with one of these among its resources is deleted after the others."""

AWAY = ("no such host", "connection refused", "i/o timeout", "no route to host", "deadline exceeded", "x509:")
"""In the message of a DeletionError: the destination does not answer."""

Choice = Callable[[Object], bool]


def remove(
    kube: Kube, clock: Clock, cancel: threading.Event, timeout: float, gone: Collection[str] = ()
) -> tuple[str, ...]:
    """Delete all ApplicationSets, Applications and registrations, and wait until they are gone.

    Applications are let finish: Argo CD removes what they made on clusters that answer. Only where the destination
    is gone or does not answer is the finalizer taken off, and that is noted.

    :param timeout: seconds for each wait
    :param gone: names or servers of destinations known not to answer
    :return: one line for each Application that was let go without its cluster
    :raises WaitTimeout: with the Application that hangs and its reason
    """
    notes: list[str] = []

    def wait(probe: Callable[[], str], awaited: str) -> None:
        wait_until(probe, awaited=f"{awaited} on {kube.cluster}", timeout=timeout, clock=clock, cancel=cancel)

    def none_left(chosen: Choice) -> str:
        left = [obj for obj in _all(kube, "Application") if chosen(obj)]
        for obj in left:
            if _stuck(obj, gone) and _let_go(kube, obj):
                name, destination = obj["metadata"]["name"], _destination(obj)
                notes.append(f"{name}: what it made on {destination or 'its cluster'} was left there")
        return _describe(left)

    wait(lambda: _hold_parents(kube), "the end of automated syncs")
    for obj in _all(kube, "ApplicationSet"):
        kube.delete(_ref(obj))
    wait(lambda: _describe(_all(kube, "ApplicationSet")), "the end of all ApplicationSets")
    wait(lambda: none_left(_is_generated), "the end of generated Applications")
    choices: Iterable[Choice] = (lambda obj: not _is_parent(obj), lambda _: True)
    for chosen in choices:
        for obj in filter(chosen, _all(kube, "Application")):
            kube.delete(_ref(obj))
        wait(partial(none_left, chosen), "the end of all Applications")
    for secret in kube.list(Ref(kind="Secret", namespace=NAMESPACE), SECRET_TYPE):
        if LAB in secret["metadata"].get("labels", {}):
            kube.delete(_ref(secret))
    return tuple(notes)


def _all(kube: Kube, kind: str) -> list[Object]:
    return [{**obj, "kind": kind} for obj in kube.list(Ref(kind=kind, namespace=NAMESPACE))]


def _ref(obj: Object) -> Ref:
    return Ref(kind=obj["kind"], namespace=obj["metadata"]["namespace"], name=obj["metadata"]["name"])


def _is_generated(obj: Object) -> bool:
    return any(owner.get("kind") == "ApplicationSet" for owner in obj["metadata"].get("ownerReferences", ()))


def _is_parent(obj: Object) -> bool:
    return any(resource.get("kind") in PARENT_OF for resource in obj.get("status", {}).get("resources") or ())


def _destination(obj: Object) -> str:
    destination = obj.get("spec", {}).get("destination", {})
    return str(destination.get("name") or destination.get("server") or "")


def _hold_parents(kube: Kube) -> str:
    """Switch automated sync off where it would bring back what is about to be deleted; empty when none is on.

    A parent may have put a child's setting back before it was held itself, so this is asked until it holds.
    """
    changed = ""
    for obj in _all(kube, "Application"):
        automated = (obj["spec"].get("syncPolicy") or {}).get("automated")
        if automated is None or automated.get("enabled") is False or not _is_parent(obj) or _is_generated(obj):
            continue
        kube.patch(_ref(obj), {"spec": {"syncPolicy": {"automated": {"enabled": False}}}})
        changed = f"{obj['metadata']['name']} still synced by itself"
    return changed


def _stuck(obj: Object, gone: Collection[str]) -> bool:
    """Whether a deleted Application waits for a cluster that will not answer."""
    metadata, destination = obj["metadata"], obj.get("spec", {}).get("destination", {})
    if not metadata.get("deletionTimestamp") or not metadata.get("finalizers"):
        return False
    if destination.get("name") in gone or destination.get("server", "").rstrip("/") in gone:
        return True
    return any(sign in _deletion_error(obj) for sign in AWAY)


def _let_go(kube: Kube, obj: Object) -> bool:
    try:
        kube.patch(_ref(obj), {"metadata": {"finalizers": None}})
    except KubeError as error:
        if error.status != 404:
            raise
        return False
    return True


def _deletion_error(obj: Object) -> str:
    conditions = obj.get("status", {}).get("conditions") or ()
    return next((c.get("message", "") for c in conditions if c.get("type") == "DeletionError"), "")


def _describe(left: list[Object]) -> str:
    """The first of what is left and why it is, or empty."""
    if not left:
        return ""
    error = _deletion_error(left[0])
    more = f" and {len(left) - 1} more" if len(left) > 1 else ""
    return f"{left[0]['kind']} {left[0]['metadata']['name']}{more} is still there{': ' + error if error else ''}"
