from __future__ import annotations

from typing import Any

import orjson
import pytest

from lab.sim.api import discovery
from lab.sim.api.kinds import BUILT_IN
from lab.sim.api.resources import Custom, Registry, Resource
from tests.sim.decoding import GROUP, WIDGET

V2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
BETA = V2.replace("v2", "v2beta1")
KUBECTL = f"{V2},{BETA},application/json"


def documents(*more: Resource) -> discovery.Documents:
    return discovery.Documents(Registry.of((*BUILT_IN, *more)), 34)


def read(found: discovery.Documents, path: str, accept: str = "") -> Any:
    document = found.get(path, accept)
    assert document is not None
    return orjson.loads(document.body)


def custom(group: str, version: str, plural: str = "things") -> Resource:
    return Resource(group, version, plural, "Thing", "thing", custom=Custom(f"{plural}.{group}", {}))


def test_groups_stand_as_on_a_real_server() -> None:
    names = " ".join(group["name"] for group in read(documents(), "/apis")["groups"])
    assert names == (
        "apiregistration.k8s.io apps events.k8s.io authentication.k8s.io authorization.k8s.io autoscaling batch "
        "certificates.k8s.io networking.k8s.io policy rbac.authorization.k8s.io storage.k8s.io "
        "admissionregistration.k8s.io apiextensions.k8s.io scheduling.k8s.io coordination.k8s.io node.k8s.io "
        "discovery.k8s.io"
    )


def test_custom_groups_follow_by_name_with_the_best_version_first() -> None:
    rows = [custom("b.com", one) for one in ("v1alpha1", "v2", "foo", "v1beta2", "v10", "v1beta10", "v1")]
    groups = read(documents(*rows, custom("a.com", "v1")), "/apis")["groups"][-2:]
    assert [group["name"] for group in groups] == ["a.com", "b.com"]
    versions = [one["version"] for one in groups[1]["versions"]]
    assert versions == ["v10", "v2", "v1", "v1beta10", "v1beta2", "v1alpha1", "foo"]
    assert groups[1]["preferredVersion"] == {"groupVersion": "b.com/v10", "version": "v10"}


def test_aggregated_and_plain_documents_tell_the_same() -> None:
    found = documents(WIDGET)
    for path, root in (("/api", "/api"), ("/apis", "/apis/{}")):
        for group in read(found, path, V2)["items"]:
            for version in group["versions"]:
                plain = read(found, f"{root.format(group['metadata'].get('name'))}/{version['version']}")["resources"]
                names = []
                for resource in version["resources"]:
                    names.append((resource["resource"], resource["verbs"], resource["responseKind"]["kind"]))
                    names += [
                        (
                            f"{resource['resource']}/{below['subresource']}",
                            below["verbs"],
                            below["responseKind"]["kind"],
                        )
                        for below in resource.get("subresources", ())
                    ]
                assert names == [(one["name"], one["verbs"], one["kind"]) for one in plain]


def entry(group: str, plural: str) -> Any:
    found = documents(WIDGET)
    items = read(found, "/apis" if group else "/api", V2)["items"]
    versions = next(item["versions"] for item in items if item["metadata"].get("name", "") == group)
    return next(one for one in versions[0]["resources"] if one["resource"] == plural)


def test_a_deployment_as_a_real_server_describes_it() -> None:
    change = ["get", "patch", "update"]
    assert entry("apps", "deployments") == {
        "resource": "deployments",
        "responseKind": {"group": "", "version": "", "kind": "Deployment"},
        "scope": "Namespaced",
        "singularResource": "deployment",
        "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
        "shortNames": ["deploy"],
        "categories": ["all"],
        "subresources": [
            {
                "subresource": "scale",
                "responseKind": {"group": "autoscaling", "version": "v1", "kind": "Scale"},
                "verbs": change,
            },
            {
                "subresource": "status",
                "responseKind": {"group": "", "version": "", "kind": "Deployment"},
                "verbs": change,
            },
        ],
    }


def test_the_subresources_of_a_pod() -> None:
    told = {one["subresource"]: (one["responseKind"], one["verbs"]) for one in entry("", "pods")["subresources"]}
    assert told["eviction"] == ({"group": "policy", "version": "v1", "kind": "Eviction"}, ["create"])
    assert told["log"] == ({"group": "", "version": "", "kind": "Pod"}, ["get"])
    assert told["exec"] == ({"group": "", "version": "", "kind": "PodExecOptions"}, ["create", "get"])
    assert list(told) == sorted(told)


def test_a_custom_resource_names_its_group_and_orders_as_its_server_does() -> None:
    told = entry(GROUP, "widgets")
    assert told["responseKind"] == {"group": GROUP, "version": "v1", "kind": "Widget"}
    assert told["verbs"] == ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"]
    assert [one["subresource"] for one in told["subresources"]] == ["status", "scale"]


@pytest.mark.parametrize(
    ("path", "accept", "content_type", "kind"),
    [
        ("/apis", KUBECTL, V2, "APIGroupDiscoveryList"),
        ("/apis", f"{BETA},application/json", BETA, "APIGroupDiscoveryList"),
        ("/apis", f"application/json,{V2}", "application/json", "APIGroupList"),
        ("/apis", "*/*", "application/json", "APIGroupList"),
        ("/apis", "", "application/json", "APIGroupList"),
        (
            "/apis",
            "application/json;as=APIGroupDiscoveryList;v=v3;g=apidiscovery.k8s.io",
            "application/json",
            "APIGroupList",
        ),
        ("/api", KUBECTL, V2, "APIGroupDiscoveryList"),
        ("/api", "application/json", "application/json", "APIVersions"),
        ("/apis/apps", KUBECTL, "application/json", "APIGroup"),
        ("/apis/apps/v1", KUBECTL, "application/json", "APIResourceList"),
        ("/api/v1", KUBECTL, "application/json", "APIResourceList"),
    ],
)
def test_the_form_is_the_one_asked_for(path: str, accept: str, content_type: str, kind: str) -> None:
    document = documents().get(path, accept)
    assert document is not None
    assert document.content_type == content_type
    assert orjson.loads(document.body)["kind"] == kind


@pytest.mark.parametrize("path", ["/apis/none", "/apis/apps/v9", "/api/v2", "/apis//v1", "/api/v1/pods", "/else"])
def test_there_is_nothing_at_other_paths(path: str) -> None:
    assert documents().get(path) is None


def test_documents_hold_until_the_registry_changes() -> None:
    registry = Registry.of(BUILT_IN)
    found = discovery.Documents(registry, 34)
    before = found.get("/apis", V2)
    assert found.get("/apis", V2) is before
    registry.add(WIDGET)
    after = found.get("/apis", V2)
    assert before is not None
    assert after is not None
    assert before.etag != after.etag
    assert found.get(f"/apis/{GROUP}/v1") is not None
    registry.remove(WIDGET)
    again = found.get("/apis", V2)
    assert again is not None
    assert again.etag == before.etag
    assert found.get(f"/apis/{GROUP}/v1") is None


def test_asking_for_paths_that_are_not_there_takes_no_memory_for_ever() -> None:
    found = documents()
    for number in range(3000):
        assert found.get(f"/apis/{number}") is None
    assert len(found._made) < 1100


def test_the_version_says_that_it_is_simulated() -> None:
    told = discovery.version(35)
    assert (told["major"], told["minor"], told["gitVersion"]) == ("1", "35", "v1.35.0+sim")
    assert told["gitTreeState"] == "simulated"
    assert {"goVersion", "platform", "compiler", "buildDate", "gitCommit"} <= told.keys()
