"""Directories of manifests: which files count, in which order, and what Argo CD says of broken ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.sim.render import directory
from lab.sim.render.errors import NotSupported, RenderError
from lab.sim.render.folder import DiskFolder, MemoryFolder


def _object(name: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n"


def _names(files: dict[str, str], **options: Any) -> list[str]:
    folder = MemoryFolder({f"app/{path}": text.encode() for path, text in files.items()})
    return [one["metadata"]["name"] for one in directory.render(folder, "app", options)]


TREE = {
    "b.yaml": _object("b"),
    "a.yml": _object("a"),
    "c.json": '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}',
    "notes.txt": _object("text"),
    ".hidden.yaml": _object("hidden"),
    "b/inner.yaml": _object("inner"),
    "b/deep/er.yaml": _object("deeper"),
    "b-side.yaml": _object("b-side"),
}


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, ["hidden", "a", "b-side", "b", "c"]),
        ({"recurse": True}, ["hidden", "a", "deeper", "inner", "b-side", "b", "c"]),
        ({"recurse": True, "include": "*.json"}, ["c"]),
        ({"recurse": True, "include": "{a,b}*.y*ml"}, ["a", "deeper", "inner", "b-side", "b"]),
        ({"recurse": True, "include": "b/*"}, ["deeper", "inner"]),
        ({"recurse": True, "exclude": "b/*"}, ["hidden", "a", "b-side", "b", "c"]),
        ({"exclude": "{.*,*.json}", "include": "*"}, ["a", "b-side", "b"]),
        ({"include": "?.yaml"}, ["b"]),
        ({"include": "[ac].*"}, ["a", "c"]),
        ({"include": "{broken"}, []),
        ({"exclude": "{broken"}, ["hidden", "a", "b-side", "b", "c"]),
        ({"disableExtensionFilter": True, "include": "notes*"}, ["text"]),
    ],
)
def test_chooses_and_orders_files(options: dict[str, Any], wanted: list[str]) -> None:
    assert _names(TREE, **options) == wanted


def test_takes_documents_and_lists_apart() -> None:
    listed = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: one}}\n"
    assert _names({"a.yaml": f"{listed}---\n# nothing\n---\n{_object('two')}"}) == ["one", "two"]
    assert _names({"a.yaml": "apiVersion: v1\nkind: ConfigMapList\nitems: null\n"}) == []


def test_passes_over_what_is_no_manifest() -> None:
    assert _names({"values.yaml": "replicas: 3\nimage: x\n", "broken.yaml": "a: [\n", "a.yaml": _object("a")}) == ["a"]
    assert _names({"a.yaml": f"# +argocd:skip-file-rendering\n{_object('a')}", "b.yaml": _object("b")}) == ["b"]


def test_reads_files_with_a_byte_order_mark() -> None:
    contents = (_object("a").encode("utf-8-sig"), _object("a").encode("utf-16"))
    for content in contents:
        assert directory.render(MemoryFolder({"a.yaml": content}), "")[0]["metadata"] == {"name": "a"}


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        (
            "a.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n   b: c\n",
            'Failed to unmarshal "a.yaml": failed to unmarshal manifest: error converting YAML to JSON: yaml: line 5: '
            "mapping values are not allowed in this context",
        ),
        (
            "a.yaml",
            f"{_object('a')}---\nreplicas: 3\n",
            'Failed to unmarshal "a.yaml": failed to unmarshal manifest: error unmarshaling JSON: while decoding JSON: '
            "Object 'Kind' is missing in '{\"replicas\":3}'",
        ),
        ("a.json", '{"kind": "A"} {"kind": "B"}', None),
        ("a.json", "", 'Failed to unmarshal "a.json": EOF'),
        ("a.json", '{"kind": "A"', 'Failed to unmarshal "a.json": unexpected EOF'),
        (
            "a.json",
            "{]",
            "Failed to unmarshal \"a.json\": invalid character ']' looking for beginning of object key string",
        ),
        ("a.json", '{"a": 1}', "Failed to unmarshal \"a.json\": Object 'Kind' is missing in '{\"a\":1}'"),
    ],
)
def test_says_what_argocd_says(name: str, text: str, wanted: str | None) -> None:
    with pytest.raises(RenderError) as failed:
        _names({name: text})
    if wanted is None:
        wanted = 'Found multiple objects in "a.json". Only single objects are allowed in JSON files.'
    assert str(failed.value) == wanted
    assert failed.value.code == "FailedPrecondition"


def test_refuses_jsonnet_by_name_where_it_counts() -> None:
    with pytest.raises(NotSupported, match=r"jsonnet file a\.jsonnet: not supported by the simulator"):
        _names({"a.jsonnet": "{}"})
    assert _names({"a.jsonnet": "{}", "b.yaml": _object("b")}, exclude="*.jsonnet") == ["b"]


def test_counts_the_bytes_of_all_files() -> None:
    folder = MemoryFolder({"a.yaml": _object("a").encode(), "b.yaml": _object("b").encode()})
    assert len(directory.render(folder, "", limit=200)) == 2
    with pytest.raises(
        RenderError, match=r"^failed to get potentially valid manifests: exceeded max combined manifest file size$"
    ):
        directory.render(folder, "", limit=60)


def test_links_stay_inside(tmp_path: Path) -> None:
    (tmp_path / "repo/app").mkdir(parents=True)
    (tmp_path / "outside.yaml").write_text(_object("outside"))
    (tmp_path / "repo/shared.yaml").write_text(_object("shared"))
    (tmp_path / "repo/app/in.yaml").symlink_to("../shared.yaml")
    (tmp_path / "repo/app/missing.yaml").symlink_to("nowhere.yaml")
    folder = DiskFolder(tmp_path / "repo")
    assert [one["metadata"]["name"] for one in directory.render(folder, "app")] == ["shared"]
    (tmp_path / "repo/app/out.yaml").symlink_to("../../outside.yaml")
    with pytest.raises(RenderError, match=r'illegal filepath in symlink at "out\.yaml"'):
        directory.render(folder, "app")


def test_a_missing_folder_is_named() -> None:
    with pytest.raises(RenderError, match=r"nope: app path does not exist"):
        directory.render(MemoryFolder({"a.yaml": b""}), "nope")
