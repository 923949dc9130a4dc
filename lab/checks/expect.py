"""`expect`: objects that must exist, must not, or must look a certain way."""

from collections.abc import Sequence
from difflib import get_close_matches

from lab.checks.evidence import Place
from lab.checks.look import Look
from lab.checks.subset import mismatches
from lab.model import Expect
from lab.ports import Object, Ref

NAMES_SHOWN = 5
SECRET_PARTS = ("data", "stringData")


class ExpectLook(Look):
    """Selects by name, else by labels, then compares every selected object."""

    @property
    def wanted(self) -> Expect:
        assert self.check.expect is not None
        return self.check.expect

    def __call__(self) -> str:
        want = self.wanted
        found = self._select()
        where = self._words()
        if want.absent:
            return f"{where}: got {_names(found)}, want none" if found else ""
        if want.count is not None and len(found) != want.count:
            return f"{where}: got {len(found)}{_listed(found)}, want {want.count}"
        if not found and want.count is None:
            return f"{where}: not found{self._near()}"
        hidden = SECRET_PARTS if want.kind == "Secret" else ()
        for obj in found:
            lines = mismatches(want.match, obj, hidden=hidden)
            if lines:
                return f"{want.kind} {obj['metadata']['name']}: {'; '.join(lines)}"
        return ""

    def places(self) -> Sequence[Place]:
        return [Place(cluster=self.cluster, namespace=self.wanted.namespace)] if self.wanted.namespace else []

    def _ref(self, name: str = "") -> Ref:
        want = self.wanted
        return Ref(kind=want.kind, name=name, namespace=want.namespace, api_version=want.apiVersion)

    def _select(self) -> list[Object]:
        want = self.wanted
        obj = self.kube.get(self._ref(want.name)) if want.name else None
        if obj is not None:
            labelled = want.labels.items() <= (obj["metadata"].get("labels") or {}).items()
            return [obj] if labelled else []
        # A kind that lives in a namespace may be asked for without one: then the name is looked for in all of them.
        found = self.kube.list(self._ref(), want.labels or None)
        return [o for o in found if want.name in ("", o["metadata"]["name"])]

    def _words(self) -> str:
        want = self.wanted
        name = f"{want.namespace}/{want.name}".strip("/") if want.name else f"in {want.namespace or 'all namespaces'}"
        labels = ",".join(f"{key}={value}" for key, value in want.labels.items())
        return f"{want.kind} {name}{f' with {labels}' if labels else ''} on {self.cluster}"

    def _near(self) -> str:
        """The names that look most like the wanted one; people mistype names more than anything."""
        if not self.wanted.name:
            return ""
        names = [obj["metadata"]["name"] for obj in self.kube.list(self._ref())]
        if self.wanted.name in names:
            return " (it is there with other labels)"
        close = get_close_matches(self.wanted.name, names, n=2)
        return f" (there is {' and '.join(close)})" if close else ""


def _names(found: Sequence[Object]) -> str:
    names = sorted(obj["metadata"]["name"] for obj in found)
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _listed(found: Sequence[Object]) -> str:
    return f" ({_names(found)})" if found else ""
