"""What is applied to install Argo CD: equal to the release where it counts, valid everywhere, and enough to run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from lab.sim.api.status import ApiError
from lab.sim.argocd.install import objects
from lab.sim.argocd.install.definitions import definitions
from lab.sim.argocd.install.schema import Types
from lab.sim.client import Client
from lab.sim.clock import ManualClock
from lab.sim.cluster import Cluster, Settings
from lab.sim.objects import condition, thaw

RELEASED = {
    "Application": "f460d517b67b5cf1e74a5e91a089f57055e0683991beff3e85c89ee005267cee",
    "ApplicationSet": "d4da5c93a1915b380383a3c66f70159b703f79b0195352d85ab2b1d986f24d95",
    "AppProject": "c58061cd758a1d75c45dcbc1a8f504b8a1b4917a050dead3e40037e414f67268",
}
"""SHA-256 of the definitions in Argo CD 3.6.1's `manifests/crds`, as JSON with sorted keys, descriptions left out."""
RESOURCES = {
    "AppProject": "appprojects.argoproj.io",
    "ClusterRole": "clusterroles.rbac.authorization.k8s.io",
    "ClusterRoleBinding": "clusterrolebindings.rbac.authorization.k8s.io",
    "ConfigMap": "configmaps",
    "CustomResourceDefinition": "customresourcedefinitions.apiextensions.k8s.io",
    "Deployment": "deployments.apps",
    "Namespace": "namespaces",
    "NetworkPolicy": "networkpolicies.networking.k8s.io",
    "Role": "roles.rbac.authorization.k8s.io",
    "RoleBinding": "rolebindings.rbac.authorization.k8s.io",
    "Secret": "secrets",
    "Service": "services",
    "ServiceAccount": "serviceaccounts",
    "StatefulSet": "statefulsets.apps",
}
Object = dict[str, Any]


@pytest_asyncio.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    made = Cluster(Settings("hub", timing="instant"), tmp_path, None, ManualClock())
    await made.start()
    yield made
    await made.stop()


async def install(cluster: Cluster, wanted: list[Object]) -> Client:
    """Create everything, unknown fields being refused."""
    client = cluster.admin("test")
    clock = cluster.clock
    assert isinstance(clock, ManualClock)
    for obj in wanted:
        await client.create(RESOURCES[obj["kind"]], obj, strict=True)
        await clock.advance(0)
    return client


def application(**spec: Any) -> Object:
    usual = {
        "project": "default",
        "source": {"repoURL": "http://lab-git:3000/lab/apps", "path": "web"},
        "destination": {"name": "in-cluster", "namespace": "web"},
    }
    return {"metadata": {"name": "web", "namespace": "argocd"}, "spec": {**usual, **spec}}


def test_the_definitions_are_the_released_ones_without_the_prose() -> None:
    for definition in map(thaw, definitions()):
        (version,) = definition["spec"]["versions"]
        assert version["schema"]["openAPIV3Schema"].pop("description")
        text = json.dumps(definition, sort_keys=True, separators=(",", ":"))
        kind = definition["spec"]["names"]["kind"]
        assert hashlib.sha256(text.encode()).hexdigest() == RELEASED[kind], kind


def test_the_notation_says_every_kind_of_field() -> None:
    types = Types("Outer = name! count:int inner:[]Inner free:{}any whole:[=]string\n  far\nInner (atomic) = key")
    assert types.schema("Outer") == {
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string"},
            "count": {"type": "integer", "format": "int64"},
            "inner": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"key": {"type": "string"}},
                    "x-kubernetes-map-type": "atomic",
                },
            },
            "free": {"type": "object", "additionalProperties": {"x-kubernetes-preserve-unknown-fields": True}},
            "whole": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "atomic"},
            "far": {"type": "string"},
        },
    }
    with pytest.raises(KeyError):
        types.schema("Nowhere")


@pytest.mark.parametrize("full", [False, True])
async def test_everything_can_be_applied(cluster: Cluster, full: bool) -> None:
    wanted = objects(full=full)
    client = await install(cluster, wanted)
    names = [(obj["kind"], obj["metadata"]["name"]) for obj in wanted]
    assert len(names) == len(set(names)) == (62 if full else 37)
    assert (names[0], names[-1]) == (("Namespace", "argocd"), ("AppProject", "default"))
    for definition in definitions():
        live = await client.get(RESOURCES["CustomResourceDefinition"], "", definition["metadata"]["name"])
        established = condition(live, "Established")
        assert established is not None
        assert established["status"] == "True"


async def test_two_instances_share_a_cluster(cluster: Cluster) -> None:
    client = await install(cluster, objects())
    second = objects("team", cluster_wide=False, full=True)
    assert {obj["metadata"].get("namespace", "team") for obj in second} == {"team"}
    assert not [obj["kind"] for obj in second if obj["kind"] in ("ClusterRole", "CustomResourceDefinition")]
    assert "argocd" not in {
        subject["namespace"] for obj in second if obj["kind"] == "RoleBinding" for subject in obj["subjects"]
    }
    await install(cluster, second)
    assert len((await client.list("deployments.apps"))[0]) == 3 + 6


def test_nothing_is_shared_between_two_calls() -> None:
    first = objects()
    first[0]["metadata"]["name"] = "changed"
    next(obj for obj in first if obj["kind"] == "CustomResourceDefinition")["spec"]["versions"][0]["schema"].clear()
    assert objects()[0]["metadata"]["name"] == "argocd"
    assert definitions()[0]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["required"] == ["metadata", "spec"]


def test_the_version_is_that_of_all_its_images() -> None:
    images = {
        container["image"]
        for obj in objects(full=True, version="v9.9.9")
        if obj["kind"] in ("Deployment", "StatefulSet")
        for container in [
            *obj["spec"]["template"]["spec"].get("initContainers", ()),
            *obj["spec"]["template"]["spec"]["containers"],
        ]
        if "argoproj" in container["image"]
    }
    assert images == {"quay.io/argoproj/argocd:v9.9.9"}


async def test_accounts_may_do_their_work_and_no_more(cluster: Cluster) -> None:
    await install(cluster, objects())
    controller = cluster.client_for("argocd", "argocd-application-controller")
    sets = cluster.client_for("argocd", "argocd-applicationset-controller")
    redis = cluster.client_for("argocd", "argocd-redis")
    await controller.list("secrets")
    await controller.create("applications.argoproj.io", application())
    await sets.list("applications.argoproj.io", "argocd")
    await sets.list("secrets", "argocd")
    for client, namespace in ((sets, ""), (redis, "argocd")):
        with pytest.raises(ApiError) as refused:
            await client.list("secrets", namespace)
        assert refused.value.code == 403
    await redis.create("secrets", {"metadata": {"name": "argocd-redis", "namespace": "argocd"}})


async def test_a_full_install_lets_the_application_set_controller_look_everywhere(cluster: Cluster) -> None:
    await install(cluster, objects(full=True))
    await cluster.client_for("argocd", "argocd-applicationset-controller").list("secrets")


_WRONG: list[tuple[str, Object, str]] = [
    ("Application", {"destinations": {}}, 'unknown field "spec.destinations"'),
    ("Application", {"source": {"repoURL": "x", "target": "y"}}, 'unknown field "spec.source.target"'),
    ("Application", {"source": {"path": "x"}}, "spec.source.repoURL: Required value"),
    ("Application", {"syncPolicy": {"automated": {"prune": "yes"}}}, "must be of type boolean"),
    ("Application", {"revisionHistoryLimit": "3"}, "must be of type integer"),
    ("ApplicationSet", {"generators": [{"lists": {}}]}, 'unknown field "spec.generators[0].lists"'),
    ("ApplicationSet", {"generators": [{"git": {"repoURL": "x"}}]}, "spec.generators[0].git.revision: Required value"),
    (
        "ApplicationSet",
        {"generators": [{"matrix": {"generators": [{"list": {"element": []}}]}}]},
        'unknown field "spec.generators[0].matrix.generators[0].list.element"',
    ),
    ("ApplicationSet", {"syncPolicy": {"applicationsSync": "never"}}, 'Unsupported value: "never"'),
    ("AppProject", {"sourceRepo": ["*"]}, 'unknown field "spec.sourceRepo"'),
    ("AppProject", {"clusterResourceWhitelist": [{"kind": "*"}]}, "clusterResourceWhitelist[0].group: Required value"),
    ("AppProject", {"description": "x" * 256}, "Too long: may not be more than 255 bytes"),
]


async def test_mistakes_are_refused(cluster: Cluster) -> None:
    """Beside these few, 135 manifests were refused, or not, with the same words as by the released definitions."""
    client = await install(cluster, objects())
    template = {"metadata": {"name": "x"}, "spec": application()["spec"]}
    good = {
        "Application": application(),
        "ApplicationSet": application(),
        "AppProject": {**application(), "spec": {}},
    }
    good["ApplicationSet"]["spec"] = {"generators": [{"list": {"elements": [{"a": 1}]}}], "template": template}
    for kind, change, why in _WRONG:
        body = {**good[kind], "spec": {**good[kind]["spec"], **change}}
        with pytest.raises(ApiError) as refused:
            await client.create(f"{kind.lower()}s.argoproj.io", body, strict=True)
        assert why in refused.value.message, (kind, change)
    for kind, body in good.items():
        await client.create(f"{kind.lower()}s.argoproj.io", body, strict=True)
