"""What bodies mean: JSON, YAML as Go reads it, protobuf, patches."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest

from lab.sim.api import bodies, yaml_body
from lab.sim.api.status import ApiError

JSON, YAML = "application/json", "application/yaml"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 12:30", {"a": "12:30"}),
        ("a: 2026-01-01", {"a": "2026-01-01"}),
        ("a: 2026-01-01T00:00:00Z", {"a": "2026-01-01T00:00:00Z"}),
        ("a: [y, N, yes, off, True]", {"a": [True, False, True, False, True]}),
        ("a: [~, null, '', '~']", {"a": [None, None, "", "~"]}),
        ("a: [1, -2, 0x1F, 0o17, 017, 0b11, 1_000]", {"a": [1, -2, 31, 15, 15, 3, 1000]}),
        ("a: [1e3, .5, 1., -1.5e-1]", {"a": [1000.0, 0.5, 1.0, -0.15]}),
        ("a: [1.2.3, 1Gi, 100m, v1, 0.0.0.0/0, '1']", {"a": ["1.2.3", "1Gi", "100m", "v1", "0.0.0.0/0", "1"]}),
        ("a: 18446744073709551615", {"a": 18446744073709551615}),
        ("1: a\ntrue: b\n1.5: c", {"1": "a", "true": "b", "1.5": "c"}),
        ("a: &x {b: 1}\nc: {<<: *x, d: 2}\ne: {b: 3, <<: *x}", {"a": {"b": 1}, "c": {"b": 1, "d": 2}, "e": {"b": 3}}),
        ("a: !!str 1\nb: !!int '2'\nc: !!binary aGk=\nd: !nope x", {"a": "1", "b": 2, "c": "hi", "d": "x"}),
        ("a: |\n  one\n  two\n", {"a": "one\ntwo\n"}),
        ("a: 1\n---\nb: 2\n", {"a": 1}),
        ("", None),
    ],
)
def test_yaml_means_what_it_means_to_a_server(text: str, value: Any) -> None:
    found, twice = yaml_body.read(text.encode())
    assert (found, twice) == (value, ())
    if isinstance(found, dict) and "a" in found and isinstance(found["a"], list):
        assert [type(one) for one in found["a"]] == [type(one) for one in value["a"]]


def test_aliases_do_not_share_what_they_stand_for() -> None:
    found, _ = yaml_body.read(b"a: &x {b: [1]}\nc: *x\n")
    found["a"]["b"].append(2)
    assert found["c"] == {"b": [1]}


@pytest.mark.parametrize(
    ("body", "header", "paths"),
    [
        (b'{"a":{"x":1,"x":2},"b":[{"c":1,"c":1}]}', JSON, ("a.x", "b[0].c")),
        (b'{"a":1,"a":1,"n":' + b"9" * 300 + b"}", JSON, ("a",)),
        (b'{"text":"looks \\": like a key"}', JSON, ()),
        (b"a: {x: 1, x: 2}\n", YAML, ("a.x",)),
    ],
)
def test_keys_that_stand_twice_are_named(body: bytes, header: str, paths: tuple[str, ...]) -> None:
    assert bodies.decoded(body, header)[1] == paths


def test_a_refusal_quotes_the_beginning() -> None:
    with pytest.raises(ApiError) as json:
        bodies.decoded(b'{"a":', JSON, "v1", "Pod")
    assert json.value.message.startswith("the object provided is unrecognized (must be of type Pod): couldn't get")
    assert json.value.message.endswith('({"a":)')
    with pytest.raises(ApiError) as binary:
        bodies.decoded(b"\xff" * 40, JSON)
    assert binary.value.message.endswith(f"({'ff' * 30} ...)")


@pytest.mark.parametrize(
    "body",
    [
        b'"' + b" " * 3_000_000,
        b'{"a":"' + b'\\"  :' * 500_000 + b'"}',
        b"{" + b" " * 3_000_000,
        b"a: [" + b"x," * 1_400_000,
        b"a: " + b"9" * 3_000_000,
        b"a: " + b"1_" * 1_500_000,
        b"- " * 1_500_000,
        b"? " * 1_000_000,
        b"[" * 3_000_000,
    ],
)
@pytest.mark.parametrize("header", [JSON, YAML])
def test_no_body_takes_long(body: bytes, header: str) -> None:
    began = time.perf_counter()
    with contextlib.suppress(ApiError):
        bodies.decoded(body, header)
    assert time.perf_counter() - began < 4


def test_protobuf_takes_its_kind_from_the_path() -> None:
    body = b"k8s\x00\x0a\x00\x12\x05\x0a\x03\x0a\x01a"
    assert bodies.decoded(body, bodies.PROTOBUF, "v1", "ConfigMap")[0] == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a"},
    }


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("application/json-patch+json", "json"),
        ("application/merge-patch+json; charset=utf-8", "merge"),
        ("APPLICATION/strategic-merge-patch+json", "strategic"),
        ("application/apply-patch+yaml", "apply"),
    ],
)
def test_the_kind_of_a_patch_is_in_its_header(header: str, kind: str) -> None:
    assert bodies.patch_value(b"{}", header)[1] == kind
