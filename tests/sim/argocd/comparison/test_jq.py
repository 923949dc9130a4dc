"""jq expressions that say what to ignore. What is expected is what jq 1.7 answers to `del(EXPRESSION)`."""

from __future__ import annotations

from typing import Any

import pytest

from lab.sim.argocd.comparison.jq import JqError, deletion

DOCUMENT: Any = {
    "metadata": {"annotations": {"a/b": "1", "team-x": "2"}, "labels": {"on": True, "off": False}},
    "list": [
        {"name": "a", "env": [{"name": "X", "v": 1}, {"name": "Y"}]},
        {"name": "b", "n": 2},
        {"name": "c", "n": 10},
    ],
    "numbers": [1, 2, 3, 4],
    "nothing": None,
}


@pytest.mark.parametrize(
    ("expression", "changed"),
    [
        (".nothing", {"nothing": ...}),
        (".missing.deep", {}),
        ('.metadata.annotations["a/b"]', {"metadata": {**DOCUMENT["metadata"], "annotations": {"team-x": "2"}}}),
        ('.metadata.annotations."team-x"', {"metadata": {**DOCUMENT["metadata"], "annotations": {"a/b": "1"}}}),
        (".numbers[1]", {"numbers": [1, 3, 4]}),
        (".numbers[-1]", {"numbers": [1, 2, 3]}),
        (".numbers[1:3]", {"numbers": [1, 4]}),
        (".numbers[9]", {}),
        (".numbers[0, 2]", {"numbers": [2, 4]}),
        (".numbers[] | select(. > 2)", {"numbers": [1, 2]}),
        (".numbers[] | select(. % 2 == 0 and . != 4)", {"numbers": [1, 3, 4]}),
        (".numbers | first, last", {"numbers": [2, 3]}),
        ("first(.numbers[] | select(. > 1))", {"numbers": [1, 3, 4]}),
        (".numbers, .nothing", {"numbers": ..., "nothing": ...}),
        ('.list[] | select(.name == "b")', {"list": [DOCUMENT["list"][0], DOCUMENT["list"][2]]}),
        ('.list[] | select(.name | test("^[bc]$"))', {"list": [DOCUMENT["list"][0]]}),
        ('.list[] | select(.name | IN("a", "b"))', {"list": [DOCUMENT["list"][2]]}),
        (
            ".list[] | select(.n // 0 | . < 5 and . > 0).n",
            {"list": [DOCUMENT["list"][0], {"name": "b"}, DOCUMENT["list"][2]]},
        ),
        (
            ".list[].env[]? | .v",
            {"list": [{"name": "a", "env": [{"name": "X"}, {"name": "Y"}]}, *DOCUMENT["list"][1:]]},
        ),
        ('.list[] | select(has("env") | not)', {"list": [DOCUMENT["list"][0]]}),
        ('.list[] | select(.name as $n | ["a", "c"] | index($n))', {"list": [DOCUMENT["list"][1]]}),
        ('.list[] | select(any(.env[]?; .name == "Y"))', {"list": DOCUMENT["list"][1:]}),
        (".metadata.labels[] | select(. == false)", {"metadata": {**DOCUMENT["metadata"], "labels": {"on": True}}}),
        ('.metadata.annotations | .["a/b", "team-x"]', {"metadata": {**DOCUMENT["metadata"], "annotations": {}}}),
        ('getpath(["metadata", "labels"])', {"metadata": {"annotations": DOCUMENT["metadata"]["annotations"]}}),
        ('..|select(type == "array" and length == 4)', {"numbers": ...}),
        ("if .nothing then .numbers else .list end", {"list": ...}),
        ("(.numbers | .[0], .[1])", {"numbers": [3, 4]}),
        ("empty", {}),
    ],
)
def test_what_is_left(expression: str, changed: dict[str, Any]) -> None:
    expected = {key: value for key, value in {**DOCUMENT, **changed}.items() if value is not ...}
    assert deletion(expression)(DOCUMENT) == expected


def test_what_does_not_change_is_the_very_same() -> None:
    assert deletion(".missing")(DOCUMENT) is DOCUMENT
    assert deletion(".nothing")(DOCUMENT)["list"] is DOCUMENT["list"]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ('.list[] | select(.name == "missing)', 'unexpected token """'),
        (".list[", "unexpected EOF"),
        (".list[] |", "unexpected EOF"),
        ("reduce .[] as $x (0; . + 1)", "reduce is not supported by the simulator's jq"),
        (".a |= 1", "|= is not supported by the simulator's jq"),
        ("@base64", "@base64 is not supported by the simulator's jq"),
        ("nonsense(1)", "function not defined in the simulator's jq: nonsense/1"),
        ('."a\\(1)"', "text with \\( ) in it is not supported by the simulator's jq"),
        ("(" * 500 + "." + ")" * 500, "expression is nested too deeply"),
    ],
)
def test_what_cannot_be_read_is_told(expression: str, message: str) -> None:
    with pytest.raises(JqError) as caught:
        deletion(expression)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (".missing[]", "cannot iterate over: null"),
        (".numbers.a", "expected an object but got: array ([1,2,3,4])"),
        (".numbers | map(. + 1)", "invalid path against: [2, 3, 4, 5]"),
        ("recurse(.)", "JQ patch execution timed out"),
        ('.list[] | error("stop")', "error: stop"),
    ],
)
def test_what_fails_on_a_document_is_told(expression: str, message: str) -> None:
    with pytest.raises(JqError) as caught:
        deletion(expression)(DOCUMENT)
    assert str(caught.value) == message
