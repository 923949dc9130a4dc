"""Reading Applications, asking for a refresh, and taking everything down again."""

import threading
from typing import Any

import pytest

from lab.argocd import fleet, refresh, sources, teardown
from lab.errors import WaitTimeout
from lab.ports import Object, Ref
from tests.fakes.clock import FakeClock
from tests.fakes.kube import FakeKube

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "http://lab-git:3000/lab/platform.git"
FINALIZER = "resources-finalizer.argocd.argoproj.io"


def application(name: str, owner: Object | None = None, finalizer: bool = False, **more: Any) -> Object:
    metadata: Object = {"name": name, "namespace": "argocd"}
    if owner:
        metadata["ownerReferences"] = [
            {"kind": "ApplicationSet", "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}
        ]
    if finalizer:
        metadata["finalizers"] = [FINALIZER]
    spec = {
        "source": {"repoURL": REPOSITORY, "path": name},
        "destination": {"name": "w1", "namespace": "web"},
        **more.pop("spec", {}),
    }
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata, "spec": spec, **more}


def applicationset(name: str, url: str = REPOSITORY) -> Object:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ApplicationSet",
        "metadata": {"name": name, "namespace": "argocd", "uid": f"set-{name}"},
        "spec": {"generators": [{"git": {"repoURL": url}}], "template": {"spec": {"source": {"repoURL": "{{.url}}"}}}}
        if url == "templated"
        else {"generators": [{"clusters": {}}], "template": {"spec": {"source": {"repoURL": url}}}},
    }


# --- fleet ------------------------------------------------------------------------------------------------------------

CLUSTERS = {"hub": "hub", "w1": "w1", "https://lab-w2-control-plane:6443": "w2"}


def test_a_cell_says_what_argo_cd_reports() -> None:
    status = {
        "sync": {"status": "Synced", "revision": COMMIT},
        "health": {"status": "Healthy", "lastTransitionTime": "2026-01-01T00:00:05Z"},
        "operationState": {
            "phase": "Succeeded",
            "message": "successfully synced",
            "finishedAt": "2026-01-01T00:00:03Z",
        },
    }
    hub = FakeKube().add(application("web-w1", applicationset("web"), status=status))
    (cell,) = fleet.read({"hub": hub}, CLUSTERS)
    assert (cell.application, cell.instance, cell.cluster, cell.namespace) == ("web-w1", "hub", "w1", "web")
    assert (cell.sync, cell.health, cell.revision, cell.message) == ("Synced", "Healthy", "0123456", "")
    assert (cell.since, cell.applicationset) == ("2026-01-01T00:00:05Z", "web")


def test_a_new_application_has_no_status_yet() -> None:
    (cell,) = fleet.read({"hub": FakeKube().add(application("new"))}, CLUSTERS)
    assert (cell.sync, cell.health, cell.revision, cell.since) == ("Unknown", "Unknown", "", "")


@pytest.mark.parametrize(
    ("destination", "cluster"),
    [
        ({"name": "w1"}, "w1"),
        ({"server": "https://lab-w2-control-plane:6443/"}, "w2"),
        ({"server": "https://kubernetes.default.svc"}, "team"),
        ({"name": "in-cluster"}, "team"),
        ({"name": "nowhere"}, "?"),
        ({}, "?"),
    ],
)
def test_destinations_become_the_labs_names(destination: Object, cluster: str) -> None:
    kube = FakeKube().add(application("a", spec={"destination": destination}))
    assert fleet.read({"team": kube}, CLUSTERS)[0].cluster == cluster


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (
            {
                "conditions": [
                    {"type": "OrphanedResourceWarning", "message": "3 orphans"},
                    {"type": "ComparisonError", "message": "Failed to load target state:\n  no such path"},
                ]
            },
            "Failed to load target state: no such path",
        ),
        (
            {"operationState": {"phase": "Failed", "message": "one or more objects failed"}},
            "one or more objects failed",
        ),
        ({"operationState": {"phase": "Running", "message": "waiting for healthy state"}}, ""),
        ({"health": {"status": "Degraded", "message": "crash loop"}}, "crash loop"),
    ],
)
def test_the_message_is_the_first_complaint(status: Object, message: str) -> None:
    assert fleet.message(status) == message


def test_several_instances_are_read_and_one_that_is_away_is_marked() -> None:
    hub, team = FakeKube(cluster="hub").add(application("b"), application("a")), FakeKube(cluster="w1")
    team.reachable = False
    cells = fleet.read({"hub": hub, "w1": team}, CLUSTERS)
    assert [(c.instance, c.application) for c in cells] == [("hub", "a"), ("hub", "b"), ("w1", "")]
    assert cells[-1].sync == fleet.UNREACHABLE
    assert "does not answer" in cells[-1].message
    assert [verb for verb, _ in hub.reads] == ["list"]


# --- refresh ----------------------------------------------------------------------------------------------------------


def annotations(kube: FakeKube, kind: str, name: str) -> dict[str, str]:
    found = kube.get(Ref(kind=kind, namespace="argocd", name=name))
    assert found is not None
    result: dict[str, str] = found["metadata"].get("annotations", {})
    return result


@pytest.fixture
def kube() -> FakeKube:
    other = {"source": {"repoURL": "http://lab-git:3000/lab/other"}}
    several = {"source": None, "sources": [{"repoURL": "http://x"}, {"repoURL": REPOSITORY.removesuffix(".git")}]}
    return FakeKube().add(
        application("mine"),
        application("foreign", spec=other),
        application("several", spec=several),
        applicationset("set"),
        applicationset("foreign-set", "http://lab-git:3000/lab/other.git"),
        applicationset("templated-set", "templated"),
    )


def test_a_refresh_marks_what_reads_the_repository(kube: FakeKube) -> None:
    names = refresh.refresh(kube, REPOSITORY.upper(), "2026-01-01T00:00:00Z")
    assert names == (
        "ApplicationSet/set",
        "ApplicationSet/templated-set",
        "Application/mine",
        "Application/several",
    )
    assert annotations(kube, "Application", "mine") == {
        "argocd.argoproj.io/refresh": "normal",
        "argocd.argoproj.io/refresh-timestamp": "2026-01-01T00:00:00Z",
    }
    assert annotations(kube, "ApplicationSet", "set") == {"argocd.argoproj.io/application-set-refresh": "true"}
    assert annotations(kube, "Application", "foreign") == {}


def test_without_a_repository_everything_is_marked(kube: FakeKube) -> None:
    assert len(refresh.refresh(kube)) == 6
    assert annotations(kube, "Application", "foreign") == {"argocd.argoproj.io/refresh": "normal"}


def test_what_went_away_meanwhile_is_left_out(kube: FakeKube) -> None:
    kube.refuse("patch", "Application", name="mine", status=404, reason="NotFound")
    assert "Application/mine" not in refresh.refresh(kube, REPOSITORY)


@pytest.mark.parametrize("url", ["HTTP://lab-git:3000/lab/platform", " http://lab-git:3000/lab/platform.git "])
def test_urls_are_compared_as_argo_cd_does(url: str) -> None:
    assert sources.uses({"a": [{"repoURL": url}]}, REPOSITORY)
    assert not sources.uses({"a": [{"repoURL": url}]}, REPOSITORY + "x")


# --- teardown ---------------------------------------------------------------------------------------------------------


class ArgoCD:
    """The part of the controllers that deleting needs: generated Applications come back, cascades finish."""

    def __init__(self, kube: FakeKube, away: str = "") -> None:
        self.kube = kube
        self.away = away
        self.clock = FakeClock(each=self.finish)
        self.order: list[str] = []
        kube.reactions.append(self.react)

    def react(self, kube: FakeKube, verb: str, obj: Object) -> None:
        if verb == "delete":
            self.order.append(f"{obj['kind']}/{obj['metadata']['name']}")
            self.heal(obj)

    def heal(self, gone: Object) -> None:
        """A parent with automated sync puts back what it manages."""
        for parent in self.kube.list(Ref(kind="Application", namespace="argocd")):
            automated = parent["spec"].get("syncPolicy", {}).get("automated")
            managed = [(r["kind"], r["name"]) for r in parent.get("status", {}).get("resources", ())]
            on = automated is not None and automated.get("enabled", True)
            alive = not parent["metadata"].get("deletionTimestamp")
            if on and alive and (gone["kind"], gone["metadata"]["name"]) in managed:
                self.kube.add({**gone, "metadata": {"name": gone["metadata"]["name"], "namespace": "argocd"}})

    def finish(self) -> None:
        """Cascades on clusters that answer come to their end; the others say why they do not."""
        for obj in self.kube.list(Ref(kind="Application", namespace="argocd")):
            ref = Ref(kind="Application", namespace="argocd", name=obj["metadata"]["name"])
            if not obj["metadata"].get("deletionTimestamp"):
                continue
            if self.away and obj["spec"]["destination"].get("name") == "w1":
                condition = {"type": "DeletionError", "message": self.away}
                self.kube.objects[self.kube._find(ref)]["status"] = {"conditions": [condition]}  # type: ignore[index]
            else:
                self.kube.patch(ref, {"metadata": {"finalizers": None}})

    def remove(self, timeout: float = 30.0, **options: Any) -> tuple[str, ...]:
        return teardown.remove(self.kube, self.clock, threading.Event(), timeout, **options)


def registrations(kube: FakeKube) -> None:
    kind = {"argocd.argoproj.io/secret-type": "cluster"}
    for name, labels in (("cluster-w1", {**kind, "gitops-lab.io/lab": "lab"}), ("own", kind)):
        metadata = {"name": name, "namespace": "argocd", "labels": labels}
        kube.add({"apiVersion": "v1", "kind": "Secret", "metadata": metadata})


def populated() -> FakeKube:
    owner = applicationset("web")
    managed = [{"kind": "ApplicationSet", "name": "web"}, {"kind": "Application", "name": "single"}]
    kube = FakeKube().add(
        owner,
        application("web-w1", owner, finalizer=True),
        application("web-w2", owner, finalizer=True, spec={"destination": {"name": "w2"}}),
        application("single", finalizer=True, spec={"destination": {"name": "w2"}}),
        application(
            "root",
            finalizer=True,
            spec={"destination": {"name": "in-cluster"}, "syncPolicy": {"automated": {"selfHeal": True}}},
            status={"resources": managed},
        ),
    )
    registrations(kube)
    return kube


def test_everything_goes_in_an_order_that_does_not_hang() -> None:
    argocd = ArgoCD(populated())
    assert argocd.remove() == ()
    assert argocd.order == ["ApplicationSet/web", "Application/single", "Application/root", "Secret/cluster-w1"]
    assert argocd.kube.names("Application") == []
    assert argocd.kube.names("Secret") == ["own"]


def test_a_destination_known_to_be_gone_is_not_waited_for() -> None:
    argocd = ArgoCD(populated(), away="some error")
    assert argocd.remove(gone=["w1"]) == ("web-w1: what it made on w1 was left there",)
    assert argocd.kube.names("Application") == []


def test_a_destination_that_does_not_answer_is_let_go() -> None:
    argocd = ArgoCD(populated(), away="dial tcp: lookup lab-w1-control-plane: no such host")
    assert argocd.remove() == ("web-w1: what it made on w1 was left there",)
    assert argocd.kube.names("ApplicationSet") == []


def test_an_application_that_hangs_for_another_reason_is_named() -> None:
    argocd = ArgoCD(populated(), away="project web which does not exist")
    with pytest.raises(WaitTimeout) as raised:
        argocd.remove(timeout=5.0)
    assert "web-w1" in raised.value.seen
    assert "project web which does not exist" in raised.value.seen
    # Without the registrations, Argo CD would forget what is left on the clusters.
    assert "cluster-w1" in argocd.kube.names("Secret")


def test_nothing_there_is_nothing_to_do() -> None:
    assert ArgoCD(FakeKube()).remove() == ()
