"""`app`: the state of one Application.

Reads the status Argo CD writes into the object (Argo CD operator manual, Application specification); a core install
has no API of its own to ask.
"""

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from lab.argocd import fleet
from lab.checks.evidence import Place
from lab.checks.look import Look, Settled
from lab.checks.subset import shown
from lab.model import App
from lab.ports import Object, Ref

HEAD = "head:"
MIN_COMMIT = 7


def messages(app: Object) -> Iterator[str]:
    """What an Application or ApplicationSet says about itself: conditions first, then its last operation.

    An ApplicationSet lists good conditions too, with status True; only `ErrorOccurred` is one that complains.
    """
    status = app.get("status") or {}
    for condition in status.get("conditions", ()):
        if "status" not in condition or (condition.get("type") == "ErrorOccurred" and condition["status"] == "True"):
            yield f"{condition.get('type', '?')}: {condition.get('message', '')}"
    operation = status.get("operationState") or {}
    if operation.get("message"):
        yield f"operation {operation.get('phase', '?')}: {operation['message']}"
    for resource in (operation.get("syncResult") or {}).get("resources", ()):
        if resource.get("status") == "SyncFailed" or resource.get("hookPhase") in ("Failed", "Error"):
            yield f"{resource.get('kind', '?')} {resource.get('name', '?')}: {resource.get('message', '')}"


def pattern(text: str) -> re.Pattern[str]:
    """The compiled expression.

    :raises Settled: when it is none
    """
    try:
        return re.compile(text)
    except re.error as error:
        raise Settled("failed", f"{shown(text)} is not a regular expression: {error}") from error


class AppLook(Look):
    """Sync, health, revision and conditions of one Application."""

    app: Object | None = None

    @property
    def wanted(self) -> App:
        assert self.check.app is not None
        return self.check.app

    def __call__(self) -> str:
        want = self.wanted
        ref = Ref(kind="Application", name=want.name, namespace=want.namespace)
        self.app = app = self.kube.get(ref)
        if app is None:
            names = [o["metadata"]["name"] for o in self.kube.list(Ref(kind="Application", namespace=want.namespace))]
            close = get_close_matches(want.name, names, n=2)
            hint = f" (there is {' and '.join(close)})" if close else ""
            return f"Application {want.namespace}/{want.name} on {self.cluster}: not found{hint}"
        mismatch = "; ".join(self._differences(app))
        if not mismatch:
            return self._condition(app)
        why = fleet.message(app.get("status") or {})
        return f"{mismatch} ({why})" if why else mismatch

    def evidence(self) -> Sequence[str]:
        return [*(messages(self.app) if self.app else ()), *super().evidence()]

    def places(self) -> Sequence[Place]:
        if self.app is None:
            return ()
        names = {c.name: c.name for c in self.lab.scenario.clusters}
        servers = {self.lab.provider.server(name): name for name in names}
        cell = fleet.cell(self.app, self.cluster, {**names, **servers})
        known = cell.cluster in names and cell.namespace
        return [Place(cluster=cell.cluster, namespace=cell.namespace)] if known else ()

    def _differences(self, app: Object) -> Iterator[str]:
        want = self.wanted
        status = app.get("status") or {}
        sync = status.get("sync") or {}
        # A revision that was compared is only there once it is synced.
        wanted_sync = want.sync or ("Synced" if want.revision else None)
        if wanted_sync and sync.get("status") != wanted_sync:
            yield f"sync: got {sync.get('status') or 'nothing'}, want {wanted_sync}"
        health = (status.get("health") or {}).get("status")
        if want.health and health != want.health:
            yield f"health: got {health or 'nothing'}, want {want.health}"
        if want.revision:
            yield from self._revision(sync)

    def _revision(self, sync: Object) -> Iterator[str]:
        want = self.wanted.revision
        if want.startswith(HEAD):
            repository = want.removeprefix(HEAD)
            want = self.lab.git().head(repository)
            if not want:
                yield f"revision: repository {repository} has no commit on main"
                return
        found = [revision for revision in (sync.get("revision"), *sync.get("revisions", ())) if revision]
        if not any(revision.startswith(want) for revision in found if len(want) >= MIN_COMMIT):
            yield f"revision: got {', '.join(r[:7] for r in found) or 'nothing'}, want {want[:7]}"

    def _condition(self, app: Object) -> str:
        if not self.wanted.condition:
            return ""
        wanted = pattern(self.wanted.condition)
        found = list(messages(app))
        if any(wanted.search(message) for message in found):
            return ""
        return f"condition: got {'; '.join(found) or 'nothing'}, want {shown(wanted.pattern)}"
