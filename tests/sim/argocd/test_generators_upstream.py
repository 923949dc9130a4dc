"""Generators against Argo CD's own tables."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from lab.sim.argocd.applicationset.generators import requeue_after, transform
from lab.sim.argocd.applicationset.generators.git import chosen, file_params
from lab.sim.argocd.applicationset.generators.git import generate as git
from lab.sim.argocd.applicationset.merge import combine
from lab.sim.argocd.applicationset.params import GeneratorError, add_values, interpolate
from lab.sim.templates.json_text import floats
from lab.sim.templates.values import Struct
from tests.sim.argocd.upstream import Case, cases
from tests.sim.argocd.worlds import run

_GENERATORS = ("clusters", "decisions", "git", "list", "matrix", "merge", "plugin", "pull_requests", "scm")
_IN_ORDER = ("list", "matrix", "pull_requests", "scm", "plugin")


def _sorted(sets: list[Any]) -> list[Any]:
    """In an order of their own, those of `flatList` too: Argo CD's order is that of a Go map."""
    made = [
        {**one, "clusters": _sorted(one["clusters"])} if isinstance(one.get("clusters"), list) else one for one in sets
    ]
    return sorted(made, key=lambda one: orjson.dumps(one, option=orjson.OPT_SORT_KEYS))


def _without_folders(sets: list[Any], case: Case) -> list[Any]:
    """What a replaced git generator of the matrix tests does not give."""
    if "matrix" not in case["entry"]:
        return sets
    made = [{key: value for key, value in one.items() if key != "path[0]"} for one in sets]
    for one in made:
        if isinstance(one.get("path"), dict):
            one["path"] = {key: value for key, value in one["path"].items() if key != "segments"}
    return made


def _read(value: Any) -> Any:
    """With JSON that Go leaves undecoded as what it says."""
    if isinstance(value, Struct):
        return value.json
    if isinstance(value, dict):
        return {key: _read(one) for key, one in value.items()}
    return [_read(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("case", [one for group in _GENERATORS for one in cases(group)])
def test_generator(case: Case) -> None:
    made = transform(case["entry"], run(case))
    if "error" in case:
        # The matrix tests ask with errors.Is, which sees through the words in front.
        said = str(made.error)
        assert said.endswith(case["error"]) if "matrix" in case["entry"] else said == case["error"]
        return
    assert made.error is None
    (result,) = made.results
    expected, found = floats(case["expect"]) or [], floats(_read(result.params))
    name = next(key for key in case["entry"] if key != "selector")
    if name in _IN_ORDER:
        assert _without_folders(found, case) == expected
    else:
        assert _sorted(found) == _sorted(expected)


@pytest.mark.parametrize("case", cases("values"))
def test_values(case: Case) -> None:
    params = dict(case.get("params") or {})
    add_values(case["values"], params, run(case).renderer)
    assert params == case["expect"]


@pytest.mark.parametrize("case", cases("interpolate"))
def test_interpolation(case: Case) -> None:
    if case.get("error"):
        with pytest.raises(GeneratorError) as failed:
            interpolate(case["generator"], case["params"], run(case).renderer)
        assert str(failed.value) == case["error"]
        return
    made = interpolate(case["generator"], case["params"], run(case).renderer)
    for key in ("values", "revision", "repoURL", "files", "directories"):
        assert (made["git"].get(key) or None) == (case["expect"]["git"].get(key) or None), key


@pytest.mark.parametrize("case", cases("requeue"))
def test_requeue(case: Case) -> None:
    assert requeue_after(case["entries"], case.get("default") or 180.0) == case["expect"]


@pytest.mark.parametrize("case", cases("params"))
def test_combined_sets(case: Case) -> None:
    if case.get("error"):
        with pytest.raises(GeneratorError) as failed:
            combine(case["a"], case["b"])
        assert str(failed.value) == case["error"]
    else:
        assert combine(case["a"], case["b"]) == case["expect"]


@pytest.mark.parametrize("case", cases("paths"))
def test_paths(case: Case) -> None:
    if case["call"] == "filter":
        assert chosen(case["directories"], case["allPaths"]) == (case.get("expected") or [])
        return
    if case["call"] == "parse":
        if case.get("fails"):
            with pytest.raises(GeneratorError):
                file_params(case["path"], case["content"].encode(), case.get("spec") or {}, run(case))
        else:
            made = file_params(case["path"], case["content"].encode(), case.get("spec") or {}, run(case))
            assert floats(made) == floats(case["expect"])
        return
    go_template = case.get("useGoTemplate") or False
    paths = case.get("paths") or [case["appPath"]]
    spec = {
        "directories": [{"path": one} for one in paths],
        "pathParamPrefix": case.get("pathParamPrefix") or "",
        "values": case.get("values") or {},
    }
    made = git(spec, run({"goTemplate": go_template, "world": {"directories": paths}}))
    expected = case["expected"] if case["call"] == "fromPaths" else [case["expected"]]
    assert made == expected
