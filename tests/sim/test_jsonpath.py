"""The JSONPath dialect of printer columns; what a real cluster makes of paths stands in `test_table.py`'s Gadgets."""

from __future__ import annotations

import random
from typing import Any

import pytest

from lab.sim.api.jsonpath import MAX_LENGTH, compiled, text_of

OBJECT: dict[str, Any] = {
    "metadata": {"labels": {"app.kubernetes.io/name": "web", "plain": "p"}},
    "spec": {"replicas": 3, "ratio": 2.5, "on": True, "none": None, "empty": []},
    "status": {
        "conditions": [
            {"type": "Ready", "status": "True", "n": 1},
            {"type": "Other", "status": "False", "n": 2, "note": "it's ) here"},
            {"type": "Third", "status": "False", "n": 3},
        ],
        "list": ["a", "b", "c", "d"],
        "nested": [{"inner": [1, 2]}, {"inner": [3]}],
    },
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (".spec.replicas", [3]),
        ("spec.replicas", ValueError),
        ("$.spec.replicas", [3]),
        ("@.spec.replicas", [3]),
        (".spec.none", [None]),
        (".spec.missing", []),
        (".spec.missing.deeper[0]", []),
        (".spec.replicas.deeper", []),
        (r".metadata.labels.app\.kubernetes\.io/name", ["web"]),
        (r".metadata.labels['app\.kubernetes\.io/name']", ["web"]),
        (".metadata.labels['plain']", ["p"]),
        (".metadata.labels['app.kubernetes.io/name']", []),
        (".metadata.labels.*", ["web", "p"]),
        (".status.list[0]", ["a"]),
        (".status.list[-1]", ["d"]),
        (".status.list[-2]", ["c"]),
        (".status.list[*]", ["a", "b", "c", "d"]),
        (".status.list[1:3]", ["b", "c"]),
        (".status.list[1:]", ["b", "c", "d"]),
        (".status.list[:-1]", ["a", "b", "c"]),
        (".status.list[::2]", ["a", "c"]),
        (".status.list[2:2]", []),
        (".status.list[0,2]", ["a", "c"]),
        (".status.list[0, -1]", ["a", "d"]),
        (".status.list[9]", ValueError),
        (".status.list[-9]", ValueError),
        (".status.list[0:9]", ValueError),
        (".status.list[3:1]", ValueError),
        (".status.list[0:2:-1]", ValueError),
        (".spec.replicas[0]", ValueError),
        (".spec.empty[0]", ValueError),
        (".status['list','nested'][0]", ["a", {"inner": [1, 2]}]),
        (".status.nested[*].inner[*]", [1, 2, 3]),
        (".status.nested[*].inner[0]", [1, 3]),
        ("..inner", [[1, 2], [3]]),
        (".status..type", ["Ready", "Other", "Third"]),
        ('.status.conditions[?(@.type=="Ready")].status', ["True"]),
        (".status.conditions[?(@.type=='Ready')].status", ["True"]),
        ('.status.conditions[?(@.type == "Ready")].status', ["True"]),
        ('.status.conditions[?(@.type!="Ready")].n', [2, 3]),
        (".status.conditions[?(@.n>1)].n", [2, 3]),
        (".status.conditions[?(@.n>=2)].n", [2, 3]),
        (".status.conditions[?(@.n<2)].n", [1]),
        (".status.conditions[?(@.n<=2)].n", [1, 2]),
        (".status.conditions[?(@.note)].n", [2]),
        ('.status.conditions[?(@.note=="it\'s ) here")].n', [2]),
        ('.status.conditions[?(@.missing=="x")].n', []),
        ('.status.conditions[?(@.n=="1")].n', ValueError),
        (".status.conditions[?(@.n=1)].n", ValueError),
        (".spec[?(@.a)]", ValueError),
        ('.spec.none[?(@.a=="b")]', ValueError),
        (".spec.missing[?(@.a)]", []),
        ("", [OBJECT]),
        (".", []),
    ],
)
def test_what_a_path_finds(path: str, expected: Any) -> None:
    if expected is ValueError:
        with pytest.raises(ValueError, match=r".+"):
            compiled(path).find(OBJECT)
    else:
        assert compiled(path).find(OBJECT) == expected


@pytest.mark.parametrize(
    "path",
    [
        ".a[",
        ".a[b]",
        ".a[1:2:3:4]",
        ".a[-]",
        ".a[?(@.b=='c']",
        ".a[?(@.b)",
        ".a[?(@.b) ]",
        ".....a",
        ".a}",
        ".a{b",
        ".a,b",
        ".a\\",
        ".a\nb",
        ".a[\n0]",
        '.a[?(@.b=="\\q")]',
        "'open",
        "..[?(" * 30,
        "." + "a" * MAX_LENGTH,
        ".a[?(" + "@[?(" * 25 + "@" + ")]" * 26,
    ],
)
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        compiled(path)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", "text"),
        (5, "5"),
        (True, "true"),
        (None, "<no value>"),
        (3.0, "3"),
        (2.5, "2.5"),
        (-0.25, "-0.25"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (123456.0, "123456"),
        (1234567.5, "1.2345675e+06"),
        (1e21, "1e+21"),
        ({"b": "<&>", "a": [1, None]}, '{"a":[1,null],"b":"\\u003c\\u0026\\u003e"}'),
        ([], "[]"),
    ],
)
def test_how_values_are_written(value: Any, expected: str) -> None:
    assert text_of(value) == expected


def test_a_path_is_compiled_once() -> None:
    assert compiled(".a.b") is compiled(".a.b")


def test_no_text_is_anything_but_a_path_or_refused() -> None:
    chance = random.Random(7)
    pieces = [
        *".[]()?@$*'\"\\:,-=!<>{} \n",
        "..",
        "[?(",
        ")]",
        "==",
        "a",
        "spec",
        "status",
        "list",
        "0",
        "-1",
        "²",
        "é",
    ]
    found = 0
    for _ in range(20_000):
        text = "".join(chance.choice(pieces) for _ in range(chance.randint(1, 12)))
        try:
            compiled(text).find(OBJECT)
        except ValueError:
            continue
        found += 1
    assert 200 < found < 20_000
