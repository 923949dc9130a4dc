"""Manifests become plain objects as kubectl reads them, and nothing else gets through."""

import os
from pathlib import Path
from typing import Any

import pytest

from lab.errors import USAGE
from lab.manifests import TRUSTED_LIMIT, documents, images, images_of, manifest_files, substitute
from lab.reading.dialects import MANIFEST
from lab.reading.marks import parse
from lab.reading.problems import Problem, Problems, ScenarioProblems

SERVERS = {"cluster.hub.server": "https://lab-hub-control-plane:6443", "cluster.w1.server": "https://lab-w1:6443"}
OBJECT = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"


def read(text: str) -> Any:
    """The data of a one-document text."""
    problems = Problems()
    (document,) = parse(text, MANIFEST, problems.report(Path("x.yaml")))
    problems.raise_any(Path("x.yaml"))
    return document.data


def problems_of(path: Path, trusted: bool = False) -> tuple[Problem, ...]:
    with pytest.raises(ScenarioProblems) as raised:
        documents(path, trusted=trusted)
    assert raised.value.exit_code == USAGE
    return raised.value.problems


# --- scalars --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("on", True),
        ("y", True),
        ("No", False),
        ("'on'", "on"),
        ("~", None),
        ("", None),
        ("0644", 420),
        ("0o17", 15),
        ("0x1F", 31),
        ("-0b11", -3),
        ("1_000", 1000),
        ("089", 89.0),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("1:30", "1:30"),
        ("3000:30", "3000:30"),
        ("2026-01-01", "2026-01-01"),
        ("2026-01-01T10:00:00Z", "2026-01-01T10:00:00Z"),
        ("=", "="),
        ("1.2.3", "1.2.3"),
        ("0x", "0x"),
        ("18446744073709551615", 18446744073709551615),
        ('"1"', "1"),
        ("!!str 1", "1"),
        ("!!float 1", 1),
    ],
)
def test_scalars_are_those_of_go_yaml(written: str, value: object) -> None:
    """Cases of resolve.go of sigs.k8s.io/yaml's go-yaml v2, which kubectl and Argo CD read with."""
    found = read(f"a: {written}\n")["a"]
    assert found == value
    assert type(found) is type(value)


def test_keys_are_text() -> None:
    assert read("{on: 1, 8080: 2, 1.5: 3, no: 4}") == {"true": 1, "8080": 2, "1.5": 3, "false": 4}


def test_anchors_and_merge_keys_are_written_out() -> None:
    data = read("base: &b {x: 1, v: {z: 2}}\none: {<<: *b, x: 3}\ntwo: {<<: [*b, {w: 4}]}\nlist: [*b, *b]\n")
    assert data["one"] == {"x": 3, "v": {"z": 2}}
    assert data["two"] == {"x": 1, "v": {"z": 2}, "w": 4}
    data["list"][0]["v"]["z"] = 9
    assert data["list"][1]["v"]["z"] == 2


# --- documents ------------------------------------------------------------------------------------------------------


def test_documents_are_split_and_empty_ones_left_out(tmp_path: Path) -> None:
    file = tmp_path / "two.yaml"
    file.write_text(f"---\n# nothing\n---\n{OBJECT}---\n{OBJECT.replace('a}', 'b}')}---\n")
    assert [obj["metadata"]["name"] for obj in documents(file)] == ["a", "b"]


def test_a_list_gives_its_items(tmp_path: Path) -> None:
    file = tmp_path / "list.yaml"
    items = ", ".join(f"{{apiVersion: v1, kind: Secret, metadata: {{name: {name}}}}}" for name in "ab")
    file.write_text(f"apiVersion: v1\nkind: List\nitems: [{items}]\n")
    assert [obj["kind"] for obj in documents(file)] == ["Secret", "Secret"]


def test_an_item_of_a_list_is_addressed(tmp_path: Path) -> None:
    file = tmp_path / "list.yaml"
    file.write_text("apiVersion: v1\nkind: List\nitems:\n  - {kind: Secret, metadata: {name: a}}\n")
    (problem,) = problems_of(file)
    assert (problem.line, problem.column, problem.path) == (4, 5, "items[0].apiVersion")


def test_a_folder_gives_its_manifests_by_name(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "c.json"):
        text = f'{{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {{"name": "{name[0]}"}}}}'
        (tmp_path / name).write_text(text)
    (tmp_path / "README.md").write_text("no manifest")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "d.yaml").write_text("not: applied")
    assert [obj["metadata"]["name"] for obj in documents(tmp_path)] == ["a", "b", "c"]


def test_a_generated_name_is_a_name(tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    file.write_text("apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: a-}\n")
    assert documents(file)[0]["kind"] == "Job"


@pytest.mark.parametrize(
    ("text", "place", "path"),
    [
        ("kind: ConfigMap\nmetadata: {name: a}\n", (1, 1), "apiVersion"),
        ("apiVersion: v1\nkind: ''\nmetadata: {name: a}\n", (2, 7), "kind"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: a\n", (3, 1), "metadata.name"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 1}\n", (3, 18), "metadata.name"),
        ("- a\n", (1, 1), ""),
        ("text\n", (1, 1), ""),
    ],
)
def test_what_is_not_an_object_is_refused(tmp_path: Path, text: str, place: tuple[int, int], path: str) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(text)
    (problem,) = problems_of(file)
    assert (problem.line, problem.column, problem.path) == (*place, path)


def test_every_problem_of_every_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: [")
    (tmp_path / "b.yaml").write_text("kind: X\nkind: Y\n")
    (tmp_path / "c.yaml").write_text(OBJECT)
    files = [problem.file.rpartition("/")[2] for problem in problems_of(tmp_path)]
    assert files == ["a.yaml", "b.yaml", "b.yaml", "b.yaml"]


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path / "nothing.yaml")
    assert problem.text == "must exist"


def test_an_unreadable_file_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    file = tmp_path / "x.yaml"
    file.write_text(OBJECT)
    monkeypatch.setattr(os, "open", refuse)
    (problem,) = problems_of(file)
    assert problem.text == "must be readable, found: Permission denied"


def test_a_pinned_manifest_may_be_larger(tmp_path: Path) -> None:
    file = tmp_path / "install.yaml"
    file.write_text(OBJECT + "data:\n" + "".join(f"  k{n}: {'x' * 1000}\n" for n in range(2000)))
    assert file.stat().st_size > 1 << 20
    assert problems_of(file)[0].text == "must be at most 1 MiB"
    assert len(documents(file, trusted=True)[0]["data"]) == 2000


def test_a_pinned_manifest_has_a_limit_too(tmp_path: Path) -> None:
    file = tmp_path / "install.yaml"
    with file.open("wb") as content:
        content.truncate(TRUSTED_LIMIT + 1)
    assert problems_of(file, trusted=True)[0].text == "must be at most 16 MiB"


# --- substitution ---------------------------------------------------------------------------------------------------


def test_names_are_filled_in_everywhere() -> None:
    obj = {"a": ["x ${cluster.hub.server}/${cluster.w1.server}", 1, None], "b": {"c": "${cluster.w1.server}"}}
    assert substitute(obj, SERVERS) == {
        "a": ["x https://lab-hub-control-plane:6443/https://lab-w1:6443", 1, None],
        "b": {"c": "https://lab-w1:6443"},
    }
    assert obj["b"] == {"c": "${cluster.w1.server}"}
    assert substitute("${cluster.hub.server}", SERVERS) == SERVERS["cluster.hub.server"]
    assert substitute(("${cluster.hub.server}",), SERVERS) == (SERVERS["cluster.hub.server"],)


@pytest.mark.parametrize("text", ["${HOME}", "$HOME", "${1}", "${A:-b.c}", "{{ .cluster.name }}", "$${x", "${a b.c}"])
def test_what_is_not_ours_stays(text: str) -> None:
    assert substitute(text, SERVERS) == text


def test_a_value_is_not_filled_in_again() -> None:
    values = {"cluster.a.server": "${cluster.b.server}", "cluster.b.server": "x"}
    assert substitute("${cluster.a.server}", values) == "${cluster.b.server}"


def test_an_unknown_name_is_a_problem_with_the_nearest() -> None:
    with pytest.raises(ScenarioProblems) as raised:
        substitute({"a": "${cluster.w2.server} ${cluster.hub.sever}"}, SERVERS, "root.yaml")
    assert raised.value.exit_code == USAGE
    found = [problem.text for problem in raised.value.problems]
    assert found == [
        "must be one of cluster.hub.server or cluster.w1.server, found ${cluster.hub.sever}; did you mean "
        "cluster.hub.server?",
        "must be one of cluster.hub.server or cluster.w1.server, found ${cluster.w2.server}; did you mean "
        "cluster.w1.server?",
    ]
    assert {problem.file for problem in raised.value.problems} == {"root.yaml"}


# --- images ---------------------------------------------------------------------------------------------------------


def test_images_of_a_folder_are_listed_once_and_sorted(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    pod = "spec: {initContainers: [{image: 'b:1'}], containers: [{name: x, image: 'a:1'}, {image: 'b:1'}]}\n"
    (tmp_path / "deep" / "pod.yaml").write_text(
        f"kind: Pod\n{pod}---\nkind: Deployment\nspec: {{template: {{{pod[:-1]}}}}}\n"
    )
    (tmp_path / "kustomization.yml").write_text(
        "kind: Kustomization\nimages: [{name: a, newTag: '2'}, {name: b, newName: c, digest: 'sha256:0'}, {name: d}]\n"
    )
    (tmp_path / "values.yaml").write_text("image: not-a-container:1\n")
    (tmp_path / "notes.txt").write_text("containers: [{image: 'z:1'}]")
    assert images(tmp_path) == ("a:1", "a:2", "b:1", "c@sha256:0")
    assert images(tmp_path / "deep" / "pod.yaml") == ("a:1", "b:1")


@pytest.mark.parametrize(
    "value",
    [
        None,
        1,
        "x",
        {"containers": "x"},
        {"containers": [1, {"image": 2}]},
        {"kind": "Kustomization", "images": [1, {}]},
    ],
)
def test_odd_objects_have_no_images(value: object) -> None:
    assert list(images_of(value)) == []


def test_images_of_what_is_not_yaml_are_a_problem(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("a: [")
    with pytest.raises(ScenarioProblems):
        images(tmp_path)


def test_chart_templates_are_no_manifests(tmp_path: Path) -> None:
    chart = tmp_path / "charts" / "web"
    (chart / "templates" / "deep").mkdir(parents=True)
    (tmp_path / "templates").mkdir()
    for name in ("Chart.yaml", "values.yaml", "templates/a.yaml", "templates/deep/b.yaml"):
        (chart / name).write_text("a: 1\n")
    (tmp_path / "templates" / "c.yaml").write_text("a: 1\n")
    found = [path.relative_to(tmp_path).as_posix() for path in manifest_files(tmp_path)]
    assert found == ["charts/web/Chart.yaml", "charts/web/values.yaml", "templates/c.yaml"]
