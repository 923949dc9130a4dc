"""Asking an Argo CD to look at git now."""

from lab.argocd import NAMESPACE
from lab.argocd.sources import uses
from lab.errors import KubeError
from lab.ports import Kube, Object, Ref

REFRESH = "argocd.argoproj.io/refresh"
REFRESH_TIME = "argocd.argoproj.io/refresh-timestamp"
SET_REFRESH = "argocd.argoproj.io/application-set-refresh"


def refresh(kube: Kube, repository_url: str = "", when: str = "") -> tuple[str, ...]:
    """Annotate what reads a repository, as Argo CD's own API and webhooks do; the controllers take the mark off.

    A marked Application resolves its branch anew whatever is cached, and so do the git generators of a marked
    ApplicationSet. ApplicationSets come first: what they make is new and needs no mark.

    :param repository_url: as in the sources; empty: all of them
    :param when: RFC 3339 time of the request; with it, a request that arrives during a comparison is not lost
        (`RefreshApp` in util/argo/argo.go)
    :return: `Kind/name` of everything annotated
    :raises LabError: a refusal of the API; something deleted meanwhile is none
    """
    application = {REFRESH: "normal", **({REFRESH_TIME: when} if when else {})}
    annotated = []
    for kind, annotations in (("ApplicationSet", {SET_REFRESH: "true"}), ("Application", application)):
        for obj in kube.list(Ref(kind=kind, namespace=NAMESPACE)):
            if repository_url and not uses(obj.get("spec"), repository_url):
                continue
            if _annotate(kube, obj, kind, annotations):
                annotated.append(f"{kind}/{obj['metadata']['name']}")
    return tuple(annotated)


def _annotate(kube: Kube, obj: Object, kind: str, annotations: dict[str, str]) -> bool:
    ref = Ref(kind=kind, namespace=obj["metadata"]["namespace"], name=obj["metadata"]["name"])
    try:
        kube.patch(ref, {"metadata": {"annotations": annotations}})
    except KubeError as error:
        if error.status != 404:
            raise
        return False
    return True
