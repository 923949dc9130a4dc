from __future__ import annotations

import copy
import time
from typing import Any

import orjson
import pytest

from lab.sim.api import patch as patches
from lab.sim.api import schema
from lab.sim.api.context import Context
from lab.sim.api.kinds import BUILT_IN
from lab.sim.api.status import ApiError
from tests.sim.decoding import BASES, CASES, ROWS, WIDGET, bare_text, changed

RECORDED = orjson.loads(CASES.read_bytes())
ROW = {(row.group, row.kind): row for row in BUILT_IN}


def decoded(kind: str, path: list[Any], value: Any, context: Context | None = None, minor: int = 34) -> Any:
    obj = changed(kind, path, value)
    schema.decode(ROWS[kind], obj, context or Context(validation="Strict"), minor)
    return obj


def refusal(form: str, kind: str, path: list[Any], value: Any) -> str | None:
    row = ROWS[kind]
    patch = None
    if form in ("", "apply"):
        obj = changed(kind, path, value)
    else:
        patch = value
        obj = patches.patched(row, BASES[kind], patch, form, 34)
    try:
        schema.decode(row, obj, Context(validation="Strict"), 34, form, patch)
    except ApiError as error:
        right = error.code == {"": 400, "apply": 500}.get(form, 422)
        return bare_text(error.message, kind, form) if right else f"code {error.code}"
    return None


@pytest.mark.parametrize(
    ("form", "kind", "path", "value", "said"),
    RECORDED,
    ids=[
        f"{number}-{form or 'body'}-{kind}-{'.'.join(map(str, path))}"
        for number, (form, kind, path, _, _) in enumerate(RECORDED)
    ],
)
def test_refuses_what_a_real_server_refuses_in_its_words(
    form: str, kind: str, path: list[Any], value: Any, said: str | None
) -> None:
    assert refusal(form, kind, path, value) == said


def test_the_recording_has_both_refusals_and_none() -> None:
    said = [row[-1] for row in RECORDED]
    assert len(said) > 200
    assert 20 < said.count(None) < len(said) / 3


UNKNOWN = ["spec", "zz"]


def test_strict_refuses_warn_warns_ignore_is_silent_and_all_drop_the_field() -> None:
    warned, silent = Context(validation="Warn"), Context(validation="Ignore")
    assert "zz" not in decoded("Deployment", UNKNOWN, 1, warned)["spec"]
    assert warned.warnings == ['unknown field "spec.zz"']
    assert "zz" not in decoded("Deployment", UNKNOWN, 1, silent)["spec"]
    assert silent.warnings == []
    with pytest.raises(ApiError, match=r'strict decoding error: unknown field "spec\.zz"'):
        decoded("Deployment", UNKNOWN, 1)


def test_a_wrong_type_is_refused_whatever_the_validation() -> None:
    with pytest.raises(ApiError, match=r"cannot unmarshal string into Go struct field DeploymentSpec\.spec\.replicas"):
        decoded("Deployment", ["spec", "replicas"], "x", Context(validation="Ignore"))


def test_duplicates_are_told_where_their_object_ends() -> None:
    context = Context(validation="Warn", duplicates=("metadata.name", "data.a", "data"))
    obj = {**copy.deepcopy(BASES["ConfigMap"]), "data": {"a": "b"}, "q": 5}
    obj["metadata"]["zz"] = 5
    schema.decode(ROWS["ConfigMap"], obj, context, 34)
    assert context.warnings == [
        'unknown field "metadata.zz"',
        'duplicate field "metadata.name"',
        'duplicate field "data.a"',
        'unknown field "q"',
        'duplicate field "data"',
    ]


def test_a_custom_resource_tells_duplicates_first() -> None:
    context = Context(validation="Warn", duplicates=("metadata.name",))
    obj = changed("Widget", ["spec", "b"], 1)
    schema.decode(WIDGET, obj, context, 34)
    assert context.warnings == ['duplicate field "metadata.name"', 'unknown field "spec.b"']
    assert obj["spec"] == {"replicas": 2}


@pytest.mark.parametrize(
    ("kind", "path", "value", "written"),
    [
        ("ConfigMap", ["data"], {"a": None}, {"a": ""}),
        ("ConfigMap", ["data"], {}, None),
        ("ConfigMap", ["immutable"], False, False),
        ("ConfigMap", ["binaryData"], {"a": "Y\nQ==\n"}, {"a": "YQ=="}),
        ("ConfigMap", ["binaryData"], {"a": [1, 2]}, {"a": "AQI="}),
        ("ConfigMap", ["binaryData"], {"a": "YR=="}, {"a": "YQ=="}),
        ("ConfigMap", ["metadata", "labels"], None, None),
        ("ConfigMap", ["metadata", "creationTimestamp"], "2020-01-01T01:00:00.9+02:00", "2019-12-31T23:00:00Z"),
        ("Deployment", ["spec", "replicas"], 0, 0),
        ("Deployment", ["spec", "minReadySeconds"], 0, None),
        ("Deployment", ["spec", "paused"], False, None),
        ("Deployment", ["spec", "strategy"], None, {}),
        ("Deployment", ["spec", "template", "spec", "hostNetwork"], False, None),
        ("Deployment", ["spec", "template", "spec", "enableServiceLinks"], False, False),
        ("Deployment", ["spec", "template", "spec", "securityContext"], {}, {}),
        ("Widget", ["spec", "size"], None, None),
        ("Widget", ["spec", "any"], {"a": None}, {"a": None}),
        ("Widget", ["spec", "inner"], {"metadata": {"name": "a", "labels": {}}}, {"metadata": {"name": "a"}}),
    ],
)
def test_values_are_as_a_server_writes_them(kind: str, path: list[Any], value: Any, written: Any) -> None:
    at = decoded(kind, path, value)
    for step in path[:-1]:
        at = at[step]
    assert at.get(path[-1]) == written
    if written is None and kind != "Widget":
        assert path[-1] not in at


def test_a_nullable_field_keeps_its_null_and_another_loses_it() -> None:
    spec = decoded("Widget", ["spec"], {"size": None, "replicas": None})["spec"]
    assert spec == {"size": None}


@pytest.mark.parametrize(
    ("given", "written"), [("0.5", "500m"), (0.5, "500m"), ("1000m", "1"), ("1024Mi", "1Gi"), (2, "2")]
)
def test_quantities_are_canonical(given: Any, written: str) -> None:
    obj = decoded("Deployment", ["spec", "template", "spec", "containers", 0, "resources"], {"limits": {"cpu": given}})
    assert obj["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"] == written


def test_containers_get_resources_and_kinds_no_status() -> None:
    obj = decoded("Deployment", ["spec", "replicas"], 1)
    assert obj["spec"]["template"]["spec"]["containers"][0]["resources"] == {}
    assert "status" not in obj


def test_what_was_decoded_once_stays_as_it_is() -> None:
    for row in BUILT_IN:
        obj: dict[str, Any] = {"apiVersion": row.api_version, "kind": row.kind, "metadata": {"name": "x"}}
        schema.decode(row, obj, Context(validation="Strict"), 36)
        before = orjson.dumps(obj)
        schema.decode(row, obj, Context(validation="Strict"), 36)
        assert orjson.dumps(obj) == before


def test_a_field_of_a_later_minor_is_unknown_to_an_earlier_one() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {"workloadRef": {}, "containers": []}}
    row = ROW["", "Pod"]
    schema.decode(row, copy.deepcopy(pod), Context(validation="Strict"), 35)
    with pytest.raises(ApiError, match=r'unknown field "spec\.workloadRef"'):
        schema.decode(row, copy.deepcopy(pod), Context(validation="Strict"), 34)


def test_deep_schemas_of_definitions_are_followed() -> None:
    row = ROW["apiextensions.k8s.io", "CustomResourceDefinition"]
    inner = {"type": "object", "properties": {"a": {"type": "object", "propertiez": {}}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": inner}}
    obj = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": row.kind,
        "metadata": {"name": "x"},
        "spec": {"versions": [version]},
    }
    with pytest.raises(ApiError) as caught:
        schema.decode(row, obj, Context(validation="Strict"), 34)
    path = "spec.versions[0].schema.openAPIV3Schema.properties.a.propertiez"
    assert caught.value.message.endswith(f'strict decoding error: unknown field "{path}"')


def test_no_more_than_a_hundred_unknown_fields_are_told() -> None:
    context = Context()
    decoded("ConfigMap", ["data"], {}, context)
    obj = copy.deepcopy(BASES["ConfigMap"]) | {f"x{number}": 1 for number in range(150)}
    schema.decode(ROWS["ConfigMap"], obj, context, 34)
    assert len(context.warnings) == 100
    assert obj == BASES["ConfigMap"]


def test_decoding_is_quick() -> None:
    """Against encoding the same object, so that the machine's speed does not matter."""
    obj = decoded("Deployment", ["spec", "replicas"], 3)
    context = Context()

    def seconds(call: Any) -> float:
        best = 1.0
        for _ in range(5):
            start = time.perf_counter()
            for _ in range(300):
                call()
            best = min(best, time.perf_counter() - start)
        return best

    ours = seconds(lambda: schema.decode(ROWS["Deployment"], obj, context, 34))
    assert ours < 40 * seconds(lambda: orjson.loads(orjson.dumps(obj)))


def test_half_a_condition_is_written_whole_as_go_does() -> None:
    made = decoded("Deployment", ["status"], {"conditions": [{"type": "Progressing"}]})
    assert made["status"]["conditions"] == [
        {"type": "Progressing", "status": "", "lastTransitionTime": None, "lastUpdateTime": None}
    ]
