"""Trees are compared as subsets, and what differs is said with its path."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.checks.subset import mismatches, shown

scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("want", "got", "lines"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, []),
        ({}, {"a": 1}, []),
        ({"spec": {"replicas": 3}}, {"spec": {"replicas": 2}}, ["spec.replicas: got 2, want 3"]),
        ({"spec": {"replicas": 3}}, {"spec": {}}, ["spec.replicas: got nothing, want 3"]),
        ({"spec": {"replicas": 3}}, {}, ['spec: got nothing, want {"replicas": 3}']),
        ({"spec": {"a": 1}}, {"spec": "text"}, ['spec: got "text", want {"a": 1}']),
        ({"a": "3"}, {"a": 3}, ['a: got 3, want "3"']),
        ({"a": True}, {"a": 1}, ["a: got 1, want true"]),
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": None}, {}, []),
        ({"a": None}, {"a": None}, []),
        ({"a": None}, {"a": 0}, ["a: got 0, want null"]),
        (
            {"metadata": {"labels": {"argocd.argoproj.io/secret-type": "cluster"}}},
            {"metadata": {"labels": {}}},
            ['metadata.labels["argocd.argoproj.io/secret-type"]: got nothing, want "cluster"'],
        ),
        ({"a": [1, 2]}, {"a": [1, 2]}, []),
        ({"a": [{"x": 1}]}, {"a": [{"x": 1, "y": 2}]}, []),
        ({"a": [{"x": 1}, {"x": 2}]}, {"a": [{"x": 1}, {"x": 3}]}, ["a[1].x: got 3, want 2"]),
        (
            {"a": [1, 2]},
            {"a": [2, 1]},
            ["a[0]: got 2, want 1, which is at [1]", "a[1]: got 1, want 2, which is at [0]"],
        ),
        ({"a": []}, {"a": [1]}, ["a: got 1 element, want 0; the wanted are among them"]),
        ({"a": [2]}, {"a": [1, 2]}, ["a: got 2 elements, want 1; the wanted are among them"]),
        (
            {"a": [{"name": "x", "v": 1}]},
            {"a": [{"name": "z", "v": 9}, {"name": "x", "v": 2}]},
            ["a: got 2 elements, want 1", "a[1].v: got 2, want 1 (the nearest to a[0])"],
        ),
        ({"a": ["p"]}, {"a": ["q", "r"]}, ["a: got 2 elements, want 1", 'a[0]: none of the 2 found is "p"']),
        ({"a": [1]}, {"a": []}, ["a: got 0 elements, want 1", "a[0]: got nothing, want 1"]),
        ({"a": [1]}, {"a": {"b": 1}}, ['a: got {"b": 1}, want [1]']),
    ],
)
def test_where_two_trees_differ(want: Any, got: Any, lines: list[str]) -> None:
    assert mismatches(want, got) == lines


def test_only_the_first_differences_are_said() -> None:
    want = {f"k{n}": n for n in range(8)}
    lines = mismatches(want, {}, limit=2)
    assert lines == ["k0: got nothing, want 0", "k1: got nothing, want 1", "and 6 more"]


def test_hidden_values_are_not_shown_at_any_depth() -> None:
    want = {"data": {"password": "hunter2", "list": [{"x": "s3cret"}]}, "type": "Opaque"}
    got = {"data": {"password": "other-secret", "list": ["a", "b"]}, "type": "Other"}
    lines = mismatches(want, got, hidden=("data",))
    assert "data.password: got ***, want ***" in lines
    assert 'type: got "Other", want "Opaque"' in lines
    text = "\n".join(lines)
    assert not [word for word in ("hunter2", "s3cret", "other-secret") if word in text]


def test_a_value_is_one_short_line() -> None:
    text = shown({"a": "line\nnext\x1b[31m" + "x" * 200})
    assert len(text) == 80
    assert text.isprintable()


@given(trees)
def test_everything_contains_itself(tree: Any) -> None:
    assert mismatches(tree, tree) == []


@given(st.dictionaries(st.text(max_size=3), scalars, min_size=1), st.dictionaries(st.text(max_size=3), scalars))
def test_more_keys_never_matter_and_missing_ones_always_do(want: dict[str, Any], more: dict[str, Any]) -> None:
    assert mismatches(want, {**more, **want}) == []
    key = next(iter(want))
    less = {name: value for name, value in want.items() if name != key}
    assert bool(mismatches(want, less)) == (want[key] is not None)
