"""What stands around generators: templates, selectors, nesting, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from lab.sim.argocd.applicationset.generators import requeue_after, transform, unknown_generators
from lab.sim.argocd.applicationset.merge import fill, override
from lab.sim.argocd.applicationset.slug import slugify
from lab.sim.argocd.applicationset.sources import selected_files, visible_directories
from tests.sim.argocd.worlds import run

LIST = {"list": {"elements": [{"name": "a", "n": "1"}, {"name": "b", "n": "2"}]}}


def params(entry: dict[str, Any], **case: Any) -> list[dict[str, Any]]:
    made = transform(entry, run(case))
    assert made.error is None, made.error
    return [one for result in made.results for one in result.params]


def error(entry: dict[str, Any], **case: Any) -> str:
    return str(transform(entry, run(case)).error)


def test_a_generators_template_goes_before_the_sets() -> None:
    entry = {"list": {**LIST["list"], "template": {"metadata": {"labels": {"x": "1"}}, "spec": {"project": "own"}}}}
    template = {
        "metadata": {"name": "{{name}}", "labels": {"x": "0", "y": "2"}},
        "spec": {"project": "default", "source": {"repoURL": "r"}},
    }
    (result,) = transform(entry, run({"template": template})).results
    assert result.template == {
        "metadata": {"name": "{{name}}", "labels": {"x": "1", "y": "2"}},
        "spec": {"project": "own", "source": {"repoURL": "r"}},
    }


def test_filling_keeps_lists_and_takes_the_place_of_what_is_empty() -> None:
    template = {"a": [], "b": [1], "c": False, "d": {"e": ""}, "valuesObject": {"x": 1}}
    defaults = {"a": [2], "b": [3], "c": True, "d": {"e": "f"}, "valuesObject": {"y": 2}}
    assert fill(template, defaults) == {"a": [2], "b": [1], "c": True, "d": {"e": "f"}, "valuesObject": {"x": 1}}


def test_overriding_as_mergo_does() -> None:
    """What `mergo.Merge(&a, b, mergo.WithOverride)` of v1.0.2 gives for the same input."""
    base = {
        "a": "x",
        "n": {"p": "1", "q": "2"},
        "l": ["1"],
        "z": "keep",
        "m": {},
        "s": "t",
        "nn": None,
        "k": {"a": "1"},
    }
    above = {
        "a": "",
        "n": {"p": "", "r": "3"},
        "l": [],
        "z": None,
        "m": {"x": 1},
        "s": {"now": 1},
        "nn": {"a": 1},
        "k": "t",
    }
    assert override(base, above) == {
        "a": "",
        "k": "t",
        "l": [],
        "m": {"x": 1},
        "n": {"p": "", "q": "2", "r": "3"},
        "nn": {"a": 1},
        "s": {"now": 1},
        "z": None,
    }
    assert base["n"] == {"p": "1", "q": "2"}


def test_several_generators_in_one_entry_give_several_results() -> None:
    made = transform({**LIST, "clusters": {}}, run({}))
    assert [len(one.params) for one in made.results] == [2, 1]


def test_an_error_in_one_generator_is_kept_beside_the_others_results() -> None:
    made = transform({"list": {"elements": [{"n": 1}]}, "clusters": {}}, run({}))
    assert str(made.error) == "error parsing value as string %!w(<nil>)"
    assert len(made.results) == 1


def test_selectors_reach_into_maps_and_lists() -> None:
    elements = [{"tags": {"zone": "eu"}, "ports": [{"p": 80}]}, {"tags": {"zone": "us"}, "ports": []}]
    entry = {"list": {"elements": elements}, "selector": {"matchLabels": {"tags.zone": "eu", "ports.0.p": "80"}}}
    assert len(params(entry, goTemplate=True)) == 1


def test_large_numbers_are_printed_as_go_prints_them() -> None:
    entry = {"list": {"elements": [{"n": 1234567}]}, "selector": {"matchLabels": {"n": "1.234567e+06"}}}
    assert len(params(entry, goTemplate=True)) == 1


@pytest.mark.parametrize(
    ("selector", "said"),
    [
        ({"matchLabels": {"a b": "x"}}, "error parsing label selector: key: Invalid value: "),
        (
            {"matchExpressions": [{"key": "a", "operator": "In", "values": []}]},
            "error parsing label selector: values: Invalid value: []: for 'in', 'notin' operators",
        ),
        (
            {"matchExpressions": [{"key": "a", "operator": "Like", "values": ["x"]}]},
            'error parsing label selector: "Like" is not a valid pod selector operator',
        ),
    ],
)
def test_bad_selectors(selector: dict[str, Any], said: str) -> None:
    assert error({**LIST, "selector": selector}).startswith(said)


def test_matrix_renders_the_second_child_for_each_of_the_first() -> None:
    second = {"list": {"elements": [{"url": "https://{{name}}"}]}}
    made = params({"matrix": {"generators": [LIST, second]}})
    assert made == [
        {"name": "a", "n": "1", "url": "https://a"},
        {"name": "b", "n": "2", "url": "https://b"},
    ]


def test_matrix_of_go_templates_lets_the_first_child_win() -> None:
    first = {"list": {"elements": [{"x": {"a": 1, "b": 1}}]}}
    second = {"list": {"elements": [{"x": {"b": 2, "c": 2}}]}}
    assert params({"matrix": {"generators": [first, second]}}, goTemplate=True) == [{"x": {"a": 1, "b": 1, "c": 2}}]


def test_matrix_with_the_same_key_twice() -> None:
    second = {"list": {"elements": [{"name": "z"}]}}
    assert error({"matrix": {"generators": [LIST, second]}}) == (
        "failed to combine string maps with merging params for the matrix generator: "
        "found duplicate key name with different value, a: a ,b: z"
    )


def test_values_of_the_second_child_may_use_its_own_parameters() -> None:
    world = {
        "secrets": [
            {
                "metadata": {"name": "e", "labels": {"argocd.argoproj.io/secret-type": "cluster"}},
                "stringData": {"name": "edge", "server": "https://edge"},
            }
        ]
    }
    second = {"clusters": {"values": {"own": "{{.name}}", "outer": "{{.n}}"}}}
    first = {"list": {"elements": [{"n": "1"}]}}
    made = params(
        {"matrix": {"generators": [first, second]}}, goTemplate=True, options=["missingkey=error"], world=world
    )
    assert [one["values"] for one in made] == [
        {"own": "edge", "outer": "1"},
        {"own": "in-cluster", "outer": "1"},
    ]


def test_nesting_ends_after_two_levels() -> None:
    inner = {"matrix": {"generators": [{"list": {"elements": [{"x": "1"}]}}, {"list": {"elements": [{"y": "1"}]}}]}}
    assert len(params({"matrix": {"generators": [LIST, inner]}})) == 2
    deeper = {"matrix": {"generators": [inner, {"list": {"elements": [{"z": "1"}]}}]}}
    assert "child generator generated no parameters" in error({"matrix": {"generators": [LIST, deeper]}})


def test_merge_of_nested_and_missing_keys() -> None:
    above = {"list": {"elements": [{"name": "b", "n": "9"}, {"name": "zzz", "n": "0"}]}}
    assert params({"merge": {"mergeKeys": ["name"], "generators": [LIST, above]}}) == [
        {"name": "a", "n": "1"},
        {"name": "b", "n": "9"},
    ]
    assert 'Duplicate key was {"kind":null}' in error({"merge": {"mergeKeys": ["kind"], "generators": [LIST, above]}})


def test_a_missing_repository_may_be_passed_over() -> None:
    entry = {"pullRequest": {"gitea": {"owner": "o", "repo": "r"}}}
    world = {"sourceError": "404 Not Found", "notFound": True}
    assert error(entry, world=world) == "error listing repos: 404 Not Found"
    entry["pullRequest"]["continueOnRepoNotFoundError"] = True  # type: ignore[assignment]
    assert params(entry, world=world) == []


def test_filters_of_pull_requests() -> None:
    pulls = [
        {"number": n, "title": t, "branch": b, "target_branch": "main", "head_sha": "0123456789", "author": "a"}
        for n, t, b in ((1, "fix it", "fix/a"), (2, "add it", "feat/b"), (3, "fix that", "feat/c"))
    ]
    filters = [{"branchMatch": "^feat", "titleMatch": "^add"}, {"branchMatch": "a$"}]
    entry = {"pullRequest": {"gitea": {"owner": "o"}, "filters": filters}}
    assert [one["number"] for one in params(entry, world={"pulls": pulls})] == ["1", "2"]
    entry["pullRequest"]["filters"] = [{"titleMatch": "("}]
    assert error(entry, world={"pulls": pulls}).startswith('error listing repos: error compiling TitleMatch regexp "("')


@pytest.mark.parametrize(
    ("branch", "slug"),
    [
        ("feat/Add_A & b", "feat-add-a-and-b"),
        ("Ünïcode ß & Straße ’x’ – é", "unicode-ss-and-strasse-x-e"),
        ("a" * 60, "a" * 50),
        ("one-two-" + "x" * 50, "one-two"),
        ("--_x_--", "x"),
    ],
)
def test_slugs(branch: str, slug: str) -> None:
    assert slugify(branch) == slug


def test_what_is_not_simulated_is_refused_by_name() -> None:
    assert "generator oci is not supported by the simulator" in error({"oci": {"repoURL": "oci://x"}})


def test_unknown_generators_are_named() -> None:
    spec = {"generators": [LIST, {"clsters": {}, "selector": {}}, {}]}
    made = unknown_generators({"metadata": {"name": "set"}, "spec": spec})
    assert made == "ApplicationSet set contains unrecognized generators: clsters"
    assert unknown_generators({"metadata": {"name": "set"}, "spec": {"generators": [LIST]}}) == ""


def test_requeue_takes_the_shortest_that_asks() -> None:
    git = {"git": {"requeueAfterSeconds": 60}}
    assert requeue_after([LIST, {"clusters": {}}]) == 0
    assert requeue_after([LIST, {"pullRequest": {}}, {"matrix": {"generators": [LIST, git]}}]) == 60


class Files:
    def __init__(self, *names: str) -> None:
        self.names = names

    def paths(self) -> tuple[str, ...]:
        return self.names

    def read(self, path: str) -> bytes:
        return path.encode()


def test_folders_of_a_checkout() -> None:
    names = ("README.md", "apps/a/x.yaml", "apps/b/deep/y.yaml", ".git-like/z/q", "apps/.hidden/r")
    assert visible_directories(names) == ["apps", "apps/a", "apps/b", "apps/b/deep"]
    assert "apps/.hidden" in visible_directories(names, hidden=True)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("apps/*/config.json", ["apps/a/b/config.json", "apps/a/config.json"]),
        ("apps/a", ["apps/a/b/config.json", "apps/a/config.json"]),
        ("**/config.json", ["apps/a/b/config.json", "apps/a/config.json"]),
        ("*.json", ["apps/a/b/config.json", "apps/a/config.json", "top.json"]),
        ("", ["apps/a/b/config.json", "apps/a/config.json", "top.json"]),
        ("./top.json", ["top.json"]),
        ("top.json/", []),
    ],
)
def test_files_of_a_checkout(pattern: str, found: list[str]) -> None:
    """Checked against `git ls-files -- PATTERN` of Git 2.39."""
    checkout = Files("apps/a/config.json", "apps/a/b/config.json", "top.json")
    assert list(selected_files(checkout, pattern)) == found
