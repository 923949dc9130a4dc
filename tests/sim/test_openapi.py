from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest

from lab.sim.api import openapi
from lab.sim.api.kinds import BUILT_IN
from lab.sim.api.resources import Custom, Registry, Resource
from lab.sim.api.status import ApiError
from tests.sim.decoding import GROUP, WIDGET

STRATEGIC = "application/strategic-merge-patch+json"


def documents(*more: Resource, minor: int = 34) -> openapi.Documents:
    return openapi.Documents(Registry.of((*BUILT_IN, *more)), minor)


def read(path: str, *more: Resource, minor: int = 34) -> Any:
    return orjson.loads(documents(*more, minor=minor).get(f"/openapi/v3/{path}").body)


def path_of(row: Resource) -> str:
    return f"apis/{row.api_version}" if row.group else f"api/{row.version}"


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for below in value.values():
            yield from references(below)
    elif isinstance(value, list):
        for below in value:
            yield from references(below)


@pytest.mark.parametrize("minor", [34, 35, 36])
def test_every_reference_leads_somewhere_and_every_kind_has_its_schema(minor: int) -> None:
    found = documents(WIDGET, minor=minor)
    for row in (*BUILT_IN, WIDGET):
        document = orjson.loads(found.get(f"/openapi/v3/{path_of(row)}").body)
        schemas = document["components"]["schemas"]
        assert {one.removeprefix("#/components/schemas/") for one in references(document)} <= schemas.keys()
        gvk = {"group": row.group, "version": row.version, "kind": row.kind}
        assert sum(gvk in one.get("x-kubernetes-group-version-kind", ()) for one in schemas.values()) == 1


def operations(row: Resource, *more: Resource) -> Iterator[tuple[str, str, Any]]:
    for path, item in read(path_of(row), *more)["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                yield path, method, operation


@pytest.mark.parametrize("row", [row for row in BUILT_IN if "patch" in row.verbs], ids=lambda row: row.plural)
def test_kubectl_finds_what_it_looks_for_in_a_patch(row: Resource) -> None:
    gvk = {"group": row.group, "version": row.version, "kind": row.kind}
    patches = [
        one for _, method, one in operations(row) if method == "patch" and one["x-kubernetes-group-version-kind"] == gvk
    ]
    assert patches
    for one in patches:
        names = {parameter["name"] for parameter in one["parameters"] if parameter["in"] == "query"}
        assert {"dryRun", "fieldManager", "fieldValidation", "force"} <= names
        assert STRATEGIC in one["requestBody"]["content"]


def test_a_custom_resource_takes_no_strategic_patch() -> None:
    patches = [one for _, method, one in operations(WIDGET, WIDGET) if method == "patch"]
    assert len(patches) == 3
    for one in patches:
        assert STRATEGIC not in one["requestBody"]["content"]
        assert "application/merge-patch+json" in one["requestBody"]["content"]


def test_paths_and_actions_of_a_deployment() -> None:
    told = {(path, method): one["x-kubernetes-action"] for path, method, one in operations(BUILT_IN_ROWS["Deployment"])}
    inside = "/apis/apps/v1/namespaces/{namespace}/deployments"
    assert {key: action for key, action in told.items() if "deployments" in key[0]} == {
        ("/apis/apps/v1/deployments", "get"): "list",
        (inside, "get"): "list",
        (inside, "post"): "post",
        (inside, "delete"): "deletecollection",
        (f"{inside}/{{name}}", "get"): "get",
        (f"{inside}/{{name}}", "put"): "put",
        (f"{inside}/{{name}}", "delete"): "delete",
        (f"{inside}/{{name}}", "patch"): "patch",
        (f"{inside}/{{name}}/scale", "get"): "get",
        (f"{inside}/{{name}}/scale", "put"): "put",
        (f"{inside}/{{name}}/scale", "patch"): "patch",
        (f"{inside}/{{name}}/status", "get"): "get",
        (f"{inside}/{{name}}/status", "put"): "put",
        (f"{inside}/{{name}}/status", "patch"): "patch",
    }


BUILT_IN_ROWS = {row.kind: row for row in BUILT_IN}


def test_a_scale_is_a_scale() -> None:
    scales = [
        one for path, _, one in operations(BUILT_IN_ROWS["Deployment"]) if path.endswith("deployments/{name}/scale")
    ]
    for one in scales:
        assert one["x-kubernetes-group-version-kind"] == {"group": "autoscaling", "version": "v1", "kind": "Scale"}


def test_operations_have_names_of_their_own() -> None:
    for row in (BUILT_IN_ROWS["Pod"], BUILT_IN_ROWS["Deployment"], WIDGET):
        names = [one["operationId"] for _, _, one in operations(row, WIDGET)]
        assert len(names) == len(set(names))


def test_what_explain_shows_of_a_field() -> None:
    schemas = read("apis/apps/v1")["components"]["schemas"]
    spec = schemas["io.k8s.api.apps.v1.DeploymentSpec"]
    assert spec["properties"]["strategy"] == {
        "description": "The deployment strategy to use to replace existing pods with new ones.",
        "allOf": [{"$ref": "#/components/schemas/io.k8s.api.apps.v1.DeploymentStrategy"}],
        "x-kubernetes-patch-strategy": "retainKeys",
    }
    assert "template" in spec["required"]
    port = schemas["io.k8s.api.core.v1.ContainerPort"]["properties"]["protocol"]
    assert (port["type"], port["default"]) == ("string", "TCP")


def test_values_of_enumerations_are_told() -> None:
    container = read("api/v1")["components"]["schemas"]["io.k8s.api.core.v1.Container"]["properties"]
    assert container["imagePullPolicy"]["enum"] == ["Always", "IfNotPresent", "Never"]
    assert '\n - `"Always"` means that kubelet always attempts' in container["imagePullPolicy"]["description"]
    assert "enum" not in container["image"]


def test_a_custom_schema_for_explain() -> None:
    schemas = read(path_of(WIDGET), WIDGET)["components"]["schemas"]
    widget = schemas["com.example.decode.v1.Widget"]
    assert widget["description"] == "A widget."
    assert widget["x-kubernetes-group-version-kind"] == [{"group": GROUP, "kind": "Widget", "version": "v1"}]
    assert widget["properties"]["metadata"]["allOf"][0]["$ref"].endswith(".ObjectMeta")
    spec = widget["properties"]["spec"]["properties"]
    assert spec["port"]["anyOf"] == [{"type": "integer"}, {"type": "string"}]
    assert spec["inner"]["required"] == ["apiVersion", "kind"]
    assert spec["l"]["x-kubernetes-list-map-keys"] == ["name", "proto"]
    assert "com.example.decode.v1.WidgetList" in schemas


def test_the_index_leads_to_each_document_by_its_hash() -> None:
    found = documents(WIDGET)
    index = found.get("/openapi/v3")
    paths = orjson.loads(index.body)["paths"]
    assert {"api/v1", "apis/apps/v1", f"apis/{GROUP}/v1"} <= paths.keys()
    assert index.cache == "no-cache, private"
    for path, one in paths.items():
        url = urlsplit(one["serverRelativeURL"])
        assert url.path == f"/openapi/v3/{path}"
        said = parse_qs(url.query)["hash"][0]
        document = found.get(url.path, said)
        assert document.cache == "public, immutable"
        assert document.etag == f'"{said}"'
        assert found.get(url.path, "0").cache == "no-cache, private"


@pytest.mark.parametrize("path", ["/openapi/v3/apis/none/v1", "/openapi/v3/apis", "/openapi/v3/api/v1/pods"])
def test_there_is_nothing_at_other_paths(path: str) -> None:
    with pytest.raises(ApiError) as caught:
        documents().get(path)
    assert caught.value.code == 404


def test_documents_change_with_the_registry() -> None:
    registry = Registry.of(BUILT_IN)
    found = openapi.Documents(registry, 34)
    before = found.get("/openapi/v3")
    registry.add(WIDGET)
    after = found.get("/openapi/v3")
    assert before.etag != after.etag
    first = found.get(f"/openapi/v3/apis/{GROUP}/v1")
    registry.add(
        Resource(GROUP, "v1", "widgets", "Widget", "widget", custom=Custom(f"widgets.{GROUP}", {"type": "object"}))
    )
    assert found.get(f"/openapi/v3/apis/{GROUP}/v1").etag != first.etag


ODD = [
    "x",
    {},
    {"type": "array", "items": {"type": "string"}},
    {"type": "object", "properties": 5},
    {"type": "object", "properties": {"a": None, "b": True, "c": {"items": [1, 2], "allOf": {}, "anyOf": "x"}}},
    {"type": "object", "properties": {"$ref": {"type": "string"}, "type": {"type": "object", "properties": {}}}},
    {"type": "object", "properties": {"a": {"$ref": "#/definitions/none"}}},
    {"type": "object", "x-kubernetes-embedded-resource": True, "required": ["spec"]},
    {"type": "object", "required": "x", "properties": {"a": {"x-kubernetes-embedded-resource": True, "required": 5}}},
]


@pytest.mark.parametrize("schema", ODD)
def test_an_odd_custom_schema_still_has_a_document(schema: Any) -> None:
    row = Resource("odd.com", "v1", "odds", "Odd", "odd", custom=Custom("odds.odd.com", schema, preserve_unknown=True))
    document = read("apis/odd.com/v1", row)
    schemas = document["components"]["schemas"]
    assert {one.removeprefix("#/components/schemas/") for one in references(document["paths"])} <= schemas.keys()
    assert schemas["com.odd.v1.Odd"]["type"] == "object"
    assert schemas["com.odd.v1.Odd"]["properties"]["metadata"]


def test_a_built_in_kind_that_has_no_schema_still_has_a_document() -> None:
    row = Resource("none.k8s.io", "v1", "nones", "None", "none")
    paths = read("apis/none.k8s.io/v1", row)["paths"]
    answer = paths["/apis/none.k8s.io/v1/namespaces/{namespace}/nones/{name}"]["get"]["responses"]["200"]
    assert answer["content"]["application/json"]["schema"] == {"type": "object"}
