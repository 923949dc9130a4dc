"""`appset`: what one ApplicationSet generates."""

from collections.abc import Sequence

from lab.checks.app import messages
from lab.checks.look import Look
from lab.model import AppSet
from lab.ports import Object, Ref


class AppSetLook(Look):
    """The Applications that an ApplicationSet owns.

    Counted by owner reference: `status.resources` is cut at 5000 and lags behind.
    """

    appset: Object | None = None

    @property
    def wanted(self) -> AppSet:
        assert self.check.appset is not None
        return self.check.appset

    def __call__(self) -> str:
        want = self.wanted
        ref = Ref(kind="ApplicationSet", name=want.name, namespace=want.namespace)
        self.appset = appset = self.kube.get(ref)
        if appset is None:
            return f"ApplicationSet {want.namespace}/{want.name} on {self.cluster}: not found"
        found = self._owned(appset)
        error = next(messages(appset), "")
        why = f" ({error})" if error else ""
        if want.applications is not None:
            missing, extra = sorted(set(want.applications) - set(found)), sorted(set(found) - set(want.applications))
            parts = [f"missing {', '.join(missing)}"] * bool(missing) + [f"not wanted {', '.join(extra)}"] * bool(extra)
            if parts:
                return f"applications: {'; '.join(parts)}{why}"
        if want.count is not None and len(found) != want.count:
            return f"applications: got {len(found)}, want {want.count}{why}"
        if want.applications is None and want.count is None:
            return error
        return ""

    def evidence(self) -> Sequence[str]:
        return list(messages(self.appset)) if self.appset else []

    def _owned(self, appset: Object) -> list[str]:
        uid = appset["metadata"].get("uid")
        return [
            app["metadata"]["name"]
            for app in self.kube.list(Ref(kind="Application", namespace=self.wanted.namespace))
            if any(
                owner.get("kind") == "ApplicationSet" and owner.get("uid") == uid
                for owner in app["metadata"].get("ownerReferences", ())
            )
        ]
