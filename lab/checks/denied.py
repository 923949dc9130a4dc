"""`denied`: something that must be refused.

The API server refuses at once. Argo CD accepts the object and refuses in a condition or in the operation's message
(Argo CD, application specification: InvalidSpecError, SyncError), so an Application gets time to be judged.
"""

import threading
from collections.abc import Sequence
from typing import ClassVar

from lab import manifests
from lab.checks.app import messages, pattern
from lab.checks.look import Look, Settled, filled
from lab.checks.subset import shown
from lab.errors import KubeError, WaitTimeout
from lab.kube import ref_of
from lab.model import Check
from lab.ports import Object
from lab.session import Lab
from lab.waiting import wait_until

MARK = "gitops-lab.io/check"
"""Annotation on what a check applies; only what carries it is ever removed."""

JUDGED_LATER = ("Application", "ApplicationSet")
ENDED = ("Failed", "Error")
CASCADE = "resources-finalizer.argocd.argoproj.io"
REMOVAL = 30.0
"""Seconds Argo CD gets to remove what an Application that should have been refused has deployed."""


class DeniedLook(Look):
    """Applies the object, judges the refusal by its message and always removes the object again."""

    interval: ClassVar[float] = 1.0

    def __init__(self, lab: Lab, check: Check) -> None:
        super().__init__(lab, check)
        assert check.denied is not None
        self.wanted = check.denied
        self.message = pattern(self.wanted.message)
        self.obj = self._load()
        self.ref = ref_of(self.obj)
        self.applied = False
        self.present = False
        self.said: list[str] = []

    def __call__(self) -> str:
        if not self.applied:
            mismatch = self._apply()
            if mismatch is not None:
                return mismatch
        if self.ref.kind not in JUDGED_LATER:
            self._remove()
            return f"{self._words()} was accepted, want it refused with {shown(self.wanted.message)}"
        return self._judge()

    def evidence(self) -> Sequence[str]:
        return self.said

    def close(self) -> None:
        """Remove what was applied; what cannot be removed is in the check's reason.

        :raises LabError: when the API does not let it be removed
        """
        if self.present:
            self._remove()

    def _load(self) -> Object:
        objects = manifests.documents(self.lab.scenario.folder / self.wanted.apply)
        if len(objects) != 1:
            raise Settled("failed", f"{self.wanted.apply} has {len(objects)} objects, want 1")
        obj = filled(self.lab, objects[0])
        metadata = obj["metadata"]
        annotations = {**(metadata.get("annotations") or {}), MARK: self.check.id}
        return {**obj, "metadata": {**metadata, "annotations": annotations}}

    def _apply(self) -> str | None:
        """None when it was accepted, else the mismatch; empty when it was refused as wanted."""
        found = self.kube.get(self.ref)
        if found is not None and not self._ours(found):
            raise Settled("failed", f"{self._words()} exists already and is not the check's; it is left alone")
        self.present = found is not None
        try:
            self.kube.apply(self.obj, self.wanted.impersonate)
        except KubeError as refusal:
            if not 400 <= refusal.status < 500:
                raise
            if self.message.search(refusal.message):
                return ""
            return f"refusal: got {shown(refusal.message)}, want {shown(self.wanted.message)}"
        self.applied = self.present = True
        return None

    def _judge(self) -> str:
        found = self.kube.get(self.ref)
        if found is None:
            self.applied = self.present = False
            return f"{self._words()} was removed by somebody else"
        self.said = list(messages(found))
        if any(self.message.search(said) for said in self.said):
            return ""
        want = f"want it refused with {shown(self.wanted.message)}"
        status = found.get("status") or {}
        if (status.get("operationState") or {}).get("phase") == "Succeeded":
            raise Settled("failed", f"{self._words()} was accepted and synced, {want}")
        if (status.get("operationState") or {}).get("phase") in ENDED:
            # Argo CD does not try the same revision again, so a rule that came later would never be heard.
            self._remove()
        if self.said:
            return f"{self._words()}: got {'; '.join(self.said)}, {want}"
        return f"{self._words()} was accepted, {want}"

    def _remove(self) -> None:
        """Delete the object with whatever it deployed, and wait until it has gone.

        Argo CD's finalizer takes deployed resources along; where nothing was synced it could only hold the object
        back, because a missing project blocks it.
        """
        found = self.kube.get(self.ref)
        if found is not None and self._ours(found):
            if self.ref.kind == "Application":
                deployed = bool((found.get("status") or {}).get("operationState"))
                self._finalizers([CASCADE] if deployed else [])
            self.kube.delete(self.ref)
            if not self._gone():
                self._finalizers([])
        self.applied = self.present = False

    def _gone(self) -> bool:
        try:
            wait_until(
                lambda: "it is still there" if self.kube.get(self.ref) else "",
                awaited=f"removal of {self._words()}",
                timeout=REMOVAL,
                clock=self.lab.clock,
                # A run that was asked to stop still tidies up.
                cancel=threading.Event(),
            )
        except WaitTimeout:
            return False
        return True

    def _finalizers(self, names: list[str]) -> None:
        try:
            self.kube.patch(self.ref, {"metadata": {"finalizers": names}})
        except KubeError as error:
            if error.status != 404:
                raise

    def _ours(self, obj: Object) -> bool:
        return bool((obj["metadata"].get("annotations") or {}).get(MARK) == self.check.id)

    def _words(self) -> str:
        return f"{self.ref.kind} {f'{self.ref.namespace}/{self.ref.name}'.strip('/')} on {self.cluster}"
