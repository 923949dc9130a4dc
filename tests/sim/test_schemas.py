from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from lab.sim import schemas
from lab.sim.api.kinds import BUILT_IN
from lab.sim.schemas import build


def references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        for below in (*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")):
            yield from references(below)


@pytest.mark.parametrize("minor", schemas.MINORS)
def test_every_served_kind_has_a_definition_and_every_reference_leads_somewhere(minor: int) -> None:
    known = schemas.definitions(minor)
    for row in BUILT_IN:
        assert (row.group, row.version, row.kind) in schemas.kinds(minor)
    assert {one for schema in known.values() for one in references(schema)} <= known.keys()


@pytest.mark.parametrize("minor", schemas.MINORS)
def test_fields_have_their_descriptions(minor: int) -> None:
    texts = schemas.texts(minor)
    assert texts.keys() == schemas.definitions(minor).keys()
    assert texts["io.k8s.api.core.v1.Pod"]["spec"].startswith("Specification of the desired behavior of the pod.")


def test_the_data_is_small() -> None:
    assert sum(path.stat().st_size for path in schemas.FOLDER.glob("*.xz")) < 400_000


def test_another_minor_is_refused() -> None:
    with pytest.raises(KeyError):
        schemas.definitions(33)


def test_what_go_tells_names_fields_that_are_there() -> None:
    newest = {**schemas.definitions(34), **schemas.definitions(35), **schemas.definitions(36)}
    known = [schemas.definitions(minor) for minor in schemas.MINORS]
    for name, fields in schemas.go_types().items():
        everywhere = {field for one in known for field in one.get(name, {}).get("properties", {})}
        assert fields.keys() <= everywhere, name
        assert name in newest


def test_enumerations_are_those_of_the_minor() -> None:
    assert list(schemas.enums(34)["v1.PullPolicy"]) == ["Always", "IfNotPresent", "Never"]
    assert schemas.enums(34).keys() <= schemas.enums(36).keys()
    assert schemas.enums(34) != schemas.enums(36)


def raw_of(minor: int) -> dict[str, Any]:
    """Definitions in the form the wheel has them, from those that are committed."""

    def widened(schema: dict[str, Any], texts: dict[str, str], key: str = "") -> dict[str, Any]:
        made = {**schema}
        if key in texts:
            made["description"] = texts[key]
        if "$ref" in made:
            made["$ref"] = f"#/$defs/{made['$ref']}"
        elif "type" in made:
            made["type"] = [made["type"], "null"]
        if "properties" in made:
            made["properties"] = {name: widened(below, texts, name) for name, below in made["properties"].items()}
        for below in ("items", "additionalProperties"):
            if below in made:
                made[below] = widened(made[below], {})
        return made

    texts = schemas.texts(minor)
    return {name: widened(schema, texts[name]) for name, schema in schemas.definitions(minor).items()}


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel with what the committed data came from, and one definition that nothing refers to."""
    path = tmp_path / "kubernetes_validate.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for minor in schemas.MINORS:
            raw = {**raw_of(minor), "io.k8s.api.none.v1.Unused": {"type": "object"}}
            inside = f"kubernetes_validate/kubernetes-json-schema/v1.{minor}.0-local/_definitions.json"
            archive.writestr(inside, orjson.dumps({"$defs": raw}))
    monkeypatch.setattr(build, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def test_the_same_wheel_makes_the_same_bytes(wheel: Path) -> None:
    for path, content in build.built(wheel).items():
        assert build.compressed(content) == build.compressed(content)
        assert build.compressed(content) == path.read_bytes()


def test_the_check_finds_the_committed_files_in_order(wheel: Path) -> None:
    assert build.main(["--check", "--wheel", str(wheel)]) == 0


def test_the_check_names_a_stale_file_and_changes_nothing(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(build, "FOLDER", tmp_path)
    for path in schemas.FOLDER.glob("*.xz"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    stale = tmp_path / "v1.35.json.xz"
    stale.write_bytes(build.compressed(b"{}\n"))
    assert build.main(["--check", "--wheel", str(wheel)]) == 1
    assert capsys.readouterr().err == "v1.35.json.xz is stale; make it again with: python -m lab.sim.schemas.build\n"
    assert stale.read_bytes() == build.compressed(b"{}\n")
    assert build.main(["--wheel", str(wheel)]) == 0
    assert build.main(["--check", "--wheel", str(wheel)]) == 0


def test_a_file_packed_otherwise_with_the_same_content_is_not_stale(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import lzma

    monkeypatch.setattr(build, "FOLDER", tmp_path)
    for path in schemas.FOLDER.glob("*.xz"):
        (tmp_path / path.name).write_bytes(lzma.compress(lzma.decompress(path.read_bytes()), preset=1))
    assert build.main(["--check", "--wheel", str(wheel)]) == 0


def test_another_wheel_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other.whl"
    other.write_bytes(b"other")
    assert build.main(["--wheel", str(other)]) == 1
    assert "is not the pinned wheel of kubernetes-validate==1.37.0" in capsys.readouterr().err


def test_a_keyword_nobody_thought_about_stops_the_build() -> None:
    with pytest.raises(build.Stale, match="x-kubernetes-new"):
        build.condensed("a.b.C", {"type": "object", "x-kubernetes-new": 1})


def test_properties_named_like_keywords_are_properties() -> None:
    made = build.condensed("a.b.C", {"type": "object", "properties": {"$ref": {"type": ["string", "null"]}}})
    assert made == {"type": "object", "properties": {"$ref": {"type": "string"}}}
    assert build.reached({"a": {"properties": {"$ref": {"type": "string"}}}, "b": {}}, ["a"]) == ["a"]
