"""Installing an Argo CD and telling whether it runs."""

import copy
from typing import Any

import pytest

from lab.argocd import install
from lab.argocd.manifest import admin_secret
from lab.errors import KubeError, WaitTimeout
from lab.ports import Object, Ref
from tests.fakes.kube import FakeKube


def obj(kind: str, name: str, api: str = "v1", namespace: str = "argocd", **more: Any) -> Object:
    metadata: Object = {"name": name}
    if kind not in ("Namespace", "CustomResourceDefinition", "ClusterRole"):
        metadata["namespace"] = namespace
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **more}


def workload(name: str, kind: str = "Deployment") -> Object:
    labels = {"app.kubernetes.io/name": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": name, "image": "argocd:v1"}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return obj(kind, name, "apps/v1", spec=spec)


OBJECTS = [
    obj("Namespace", "argocd"),
    obj("ServiceAccount", "argocd-repo-server"),
    obj("CustomResourceDefinition", "appprojects.argoproj.io", "apiextensions.k8s.io/v1"),
    workload("argocd-applicationset-controller"),
    workload("argocd-redis"),
    workload("argocd-repo-server"),
    workload("argocd-application-controller", "StatefulSet"),
    obj("ConfigMap", "argocd-cm"),
    obj("AppProject", "default", "argoproj.io/v1alpha1"),
]


def establish(kube: FakeKube, verb: str, changed: Object) -> None:
    """What the API server does with a definition."""
    if verb == "apply" and changed["kind"] == "CustomResourceDefinition":
        condition = {"type": "Established", "status": "True"}
        kube.add({**changed, "status": {"conditions": [condition]}})


@pytest.fixture
def kube() -> FakeKube:
    return FakeKube(reactions=[establish])


def roll_out(kube: FakeKube, *names: str) -> None:
    """What the controllers do with workloads."""
    done = {"observedGeneration": 9, "updatedReplicas": 1, "availableReplicas": 1}
    for kind in install.WORKLOADS:
        for live in kube.list(Ref(kind=kind, namespace="argocd")):
            if live["metadata"]["name"] in names or not names:
                kube.add({**live, "status": done})


def test_everything_is_applied_in_an_order_that_works(kube: FakeKube) -> None:
    install.install(kube, OBJECTS)
    applied = kube.verbs("apply")
    place = {name: number for number, name in reversed(list(enumerate(applied)))}
    assert applied[0] == "Namespace/argocd"
    assert place["CustomResourceDefinition/appprojects.argoproj.io"] < place["AppProject/default"]
    assert place["ConfigMap/argocd-cm"] < place["Deployment/argocd-repo-server"]
    assert place["ServiceAccount/argocd-repo-server"] < place["Deployment/argocd-repo-server"]
    assert set(applied) == {f"{o['kind']}/{o['metadata']['name']}" for o in OBJECTS}


def test_a_definition_that_is_not_established_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "ESTABLISHED_TIMEOUT", 0.0)
    kube = FakeKube()
    with pytest.raises(WaitTimeout) as raised:
        install.install(kube, OBJECTS)
    assert "appprojects.argoproj.io" in raised.value.seen
    assert kube.names("Deployment") == []


def test_what_was_installed_is_recognised_without_a_change(kube: FakeKube) -> None:
    assert install.installed(kube, OBJECTS) == "namespace argocd is missing"
    install.install(kube, OBJECTS)
    kube.mutations.clear()
    assert install.installed(kube, copy.deepcopy(OBJECTS)) == ""
    assert kube.mutations == []


def test_the_password_hash_does_not_count_as_a_change(kube: FakeKube) -> None:
    install.install(kube, [*OBJECTS, admin_secret("a password")])
    assert install.installed(kube, OBJECTS) == ""
    assert kube.names("Secret") == ["argocd-secret"]


def test_an_install_that_was_cut_short_is_not_whole(kube: FakeKube) -> None:
    install.install(kube, OBJECTS)
    kube.refuse("apply", "Deployment", name="argocd-redis", times=1)
    with pytest.raises(KubeError):
        install.install(kube, OBJECTS)
    assert install.installed(kube, OBJECTS) == "the install was not finished"
    install.install(kube, OBJECTS)
    assert install.installed(kube, OBJECTS) == ""


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"spec": {"replicas": 0}}, "argocd-repo-server is scaled to 0"),
        (
            {"spec": {"template": {"spec": {"containers": [{"name": "x", "image": "argocd:v2"}]}}}},
            "argocd-repo-server runs another image",
        ),
    ],
)
def test_a_changed_workload_is_named_and_mended(kube: FakeKube, change: Object, expected: str) -> None:
    install.install(kube, OBJECTS)
    kube.patch(Ref(kind="Deployment", namespace="argocd", name="argocd-repo-server"), change)
    assert install.installed(kube, OBJECTS) == expected
    install.install(kube, OBJECTS)
    assert install.installed(kube, OBJECTS) == ""


def test_a_deleted_workload_is_named(kube: FakeKube) -> None:
    install.install(kube, OBJECTS)
    kube.delete(Ref(kind="StatefulSet", namespace="argocd", name="argocd-application-controller"))
    assert install.installed(kube, OBJECTS) == "argocd-application-controller is missing"


def test_other_settings_are_noticed(kube: FakeKube) -> None:
    install.install(kube, OBJECTS)
    other = copy.deepcopy(OBJECTS)
    other[-2]["data"] = {"timeout.reconciliation": "20s"}
    assert "other settings" in install.installed(kube, other)


# --- ready ------------------------------------------------------------------------------------------------------------


def test_ready_when_every_workload_is_available(kube: FakeKube) -> None:
    assert install.ready(kube) == "argocd-application-controller is missing on hub"
    install.install(kube, OBJECTS)
    assert install.ready(kube).startswith("argocd-")
    roll_out(kube)
    assert install.ready(kube) == ""


def pod(name: str, **status: Any) -> Object:
    part = name.rsplit("-", 1)[0]
    metadata = {"name": name, "namespace": "argocd", "labels": {"app.kubernetes.io/name": part}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": status}


WAITING = {"waiting": {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "argocd:v1"'}}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (
            {
                "initContainerStatuses": [{"name": "copyutil", "state": {"waiting": {"reason": "PodInitializing"}}}],
                "containerStatuses": [{"name": "argocd-repo-server", "state": WAITING}],
            },
            'container argocd-repo-server: ImagePullBackOff: Back-off pulling image "argocd:v1"',
        ),
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes: Insufficient memory"}]},
            "cannot be scheduled: 0/1 nodes: Insufficient memory",
        ),
        (
            {
                "containerStatuses": [
                    {"name": "main", "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}
                ]
            },
            "container main: ended with code 137 (OOMKilled)",
        ),
        (
            {"containerStatuses": [{"name": "main", "ready": False, "state": {"running": {"startedAt": "x"}}}]},
            "container main: started, not ready",
        ),
        ({"phase": "Pending"}, "Pending"),
    ],
)
def test_the_pod_that_blocks_is_named_with_its_reason(kube: FakeKube, status: Object, expected: str) -> None:
    install.install(kube, OBJECTS)
    roll_out(kube, "argocd-application-controller", "argocd-applicationset-controller", "argocd-redis")
    kube.add(pod("argocd-repo-server-1", conditions=[{"type": "Ready", "status": "True"}]))
    kube.add(pod("argocd-repo-server-2", **status))
    assert install.ready(kube) == f"argocd-repo-server on hub: pod argocd-repo-server-2: {expected}"
