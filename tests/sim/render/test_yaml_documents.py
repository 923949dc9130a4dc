"""YAML files as Argo CD's decoder reads them, and what no file can do."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from lab.sim.render.yaml_documents import KUSTOMIZE, Malformed, flattened, kustomize_documents, objects, value

ROWS = orjson.loads((Path(__file__).parent / "yaml_documents.json").read_bytes())


def _read(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {"objects": []}
    try:
        for one in objects(text.encode()):
            found["objects"].append(one)
    except Malformed as error:
        found["error"] = str(error)
    return found


@pytest.mark.parametrize("row", ROWS, ids=[repr(row["text"])[:50] for row in ROWS])
def test_reads_what_argocds_decoder_reads(row: dict[str, Any]) -> None:
    assert _read(row["text"]) == {key: row[key] for key in ("objects", "error") if key in row}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("yes", "yes"),
        ("true", True),
        ("2024-01-02", "2024-01-02T00:00:00Z"),
        ("2024-1-2T3:4:5.120+02:00", "2024-01-02T03:04:05.12+02:00"),
        ("2024-01-02 03:04:05", "2024-01-02T03:04:05Z"),
        ("2024-13-02", "2024-13-02"),
        ("0777", 511),
        ("1.0", 1),
        ("12:30", "12:30"),
    ],
)
def test_kustomize_takes_plain_texts_otherwise(text: str, wanted: object) -> None:
    assert value(f"a: {text}", KUSTOMIZE) == {"a": wanted}


def test_kustomize_keeps_a_maps_own_keys_over_merged_ones() -> None:
    text = "one: &x {a: 2, b: 3}\ntwo: {a: 1, <<: *x}"
    assert value(text, KUSTOMIZE)["two"] == {"a": 1, "b": 3}
    assert value(text)["two"] == {"a": 2, "b": 3}


def test_kustomize_refuses_a_key_that_stands_twice() -> None:
    with pytest.raises(Malformed, match='line 2: mapping key "a" already defined at line 1'):
        value("a: 1\na: 2", KUSTOMIZE)


def test_kustomize_splits_documents_and_drops_empty_ones() -> None:
    assert kustomize_documents(b"a: 1\r\n---\r\n# nothing\r\n--- # more\nb: 2") == [{"a": 1}, {"b": 2}]


def test_lists_are_taken_apart() -> None:
    items = [{"kind": "A"}, {"kind": "B"}]
    found = flattened([{"kind": "List", "items": items}, {"kind": "C"}, {"kind": "ConfigMapList", "items": None}])
    assert found == [*items, {"kind": "C"}]
    with pytest.raises(Malformed):
        flattened([{"kind": "List", "items": ["text"]}])


def test_aliases_are_separate_values() -> None:
    found = value("a: &a {x: [1]}\nb: *a")
    found["a"]["x"].append(2)
    assert found["b"] == {"x": [1]}


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 5_000 + "]" * 5_000,
        "\n".join(
            ["a0: &a0 [x,x,x,x,x,x,x,x,x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
        ),
        "a: &a [*a]",
        "a: 'x",
        "{" * 2_000,
        "a: .nan",
    ],
    ids=["deep", "billion laughs", "itself", "open quote", "open braces", "not a number"],
)
def test_hostile_text_is_refused_quickly(text: str) -> None:
    before = time.process_time()
    with pytest.raises(Malformed):
        value(text)
    assert time.process_time() - before < 2


def test_bytes_that_are_no_text_are_refused() -> None:
    for content in (b"\xff\xfe\xfd", b"a: \x00", b"kind: X\na: \xc3\x28\n"):
        with pytest.raises(Malformed):
            list(objects(content))
