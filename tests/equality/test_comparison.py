"""Differences are found where they are, and only the listed ones are let through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.equality import comparison, differences, recording
from tests.equality.comparison import ABSENT, Difference, compare
from tests.equality.differences import Listed, Listing
from tests.equality.recording import Record, Recording
from tests.equality.stories import STORIES


def paths(real: Any, simulated: Any) -> list[tuple[str, str, str]]:
    return [(one.path, one.real, one.simulated) for one in compare("up", {"thing": real}, {"thing": simulated})]


CONDITIONS = [{"type": "A", "message": "x"}, {"type": "B", "message": "y"}]
CASES = [
    ({"a": 1}, {"a": 1}, []),
    ({"a": 1}, {"a": 2}, [("a", "1", "2")]),
    ({"a": 1}, {"a": True}, [("a", "1", "True")]),
    ({"a": ""}, {}, [("a", "", ABSENT)]),
    ({"a": {"b": None}}, {"a": {}}, [("a/b", "None", ABSENT)]),
    (CONDITIONS, CONDITIONS[::-1], [("[order]", "A, B", "B, A")]),
    ({"c": CONDITIONS}, {"c": CONDITIONS[1:]}, [("c[A]", "{'type': 'A', 'message': 'x'}", ABSENT)]),
    ({"c": [{"x": 1}, {"x": 1}]}, {"c": [{"x": 1}]}, [("c[1]", "{'x': 1}", ABSENT)]),
    (["one", "two"], ["two", "three"], [("[one]", "one", ABSENT), ("[three]", ABSENT, "three")]),
    ([{"group": "apps", "name": "web", "status": "Synced"}], [{"group": "apps", "name": "web"}], None),
]


@pytest.mark.parametrize(("real", "simulated", "expected"), CASES)
def test_places(real: Any, simulated: Any, expected: list[tuple[str, str, str]] | None) -> None:
    assert paths(real, simulated) == (expected or ([] if expected == [] else [("[apps web]/status", "Synced", ABSENT)]))


def test_objects_that_only_one_side_has() -> None:
    found = list(compare("up", {"a": {"x": 1}}, {"b": {"x": 1}}))
    assert [(one.object, one.path, one.real == ABSENT) for one in found] == [("a", "", False), ("b", "", True)]


def test_events_are_told_one_by_one_also_where_the_other_side_has_none() -> None:
    found = list(compare("up", {"w1 Events Pod a": ["x", "y"]}, {}))
    assert [(one.path, one.real, one.simulated) for one in found] == [("[x]", "x", ABSENT), ("[y]", "y", ABSENT)]


def story(*worlds: dict[str, Any], **events: Any) -> Recording:
    records = [Record(f"step-{place}", objects, {}) for place, objects in enumerate(worlds)]
    return Recording("centralized", {"provider": "kind"}, records)


def test_a_recording_reads_back_as_it_was_written(tmp_path: Path) -> None:
    first = {"hub A x": {"a": 1, "text": "yes", "when": "2026"}, "hub B y": {"b": [1, {"c": None}]}}
    second = {"hub A x": {"a": 2}, "hub C z": {"on": "off"}}
    told = Recording(
        "centralized",
        {"kubernetes": "v1.34.4"},
        [
            Record("up", first, {"hub Events": ["Normal Said: 'x' | y"]}),
            Record("flaps", {}, {}),
            Record("later", second, {}),
        ],
        [("up", "hub A x", "a[b | c]/d")],
    )
    recording.save(told, tmp_path / "told")
    assert recording.load("centralized", tmp_path / "told") == told


def test_what_kind_itself_does_not_agree_about_is_not_compared() -> None:
    real = story({"a": {"x": 1, "xy": 1, "z": {"q": 1}}, "b": {"x": 1}})
    assert real.learn(story({"a": {"x": 2, "xy": 1, "z": {"q": 2}}, "b": {"x": 1}})) == 2
    found = real.differences(story({"a": {"x": 3, "xy": 3, "z": 4}, "b": {"x": 3}}))
    assert [(one.object, one.path) for one in found] == [("a", "xy"), ("b", "x")]


def test_a_checkpoint_that_is_not_reached_is_a_difference() -> None:
    real, other = story({"a": 1}, {"a": 1}), story({"a": 1})
    assert [one.object for one in real.differences(other)] == ["checkpoint"]
    other.records.append(Record("step-1", {"a": 1}, {}, "web is synced"))
    assert [one.simulated for one in real.differences(other)] == ["not reached: web is synced"]


def listed(**fields: Any) -> Listed:
    given = {"reason": "why", "object": "*", "path": "*", "real": "", "simulated": "", "stories": ("centralized",)}
    return Listed(**{**given, **fields})


DIFFERENCE = Difference("up", "w1 Deployment shop/web", "status/conditions[Available]/message", "one", "two")
MATCHES = [
    ({}, True),
    ({"object": "* Deployment *"}, True),
    ({"object": "Deployment"}, False),
    ({"path": "status/conditions[*]/message"}, True),
    ({"path": "status/*", "checkpoint": "up"}, True),
    ({"checkpoint": "commit"}, False),
    ({"value": "^two$"}, True),
    ({"value": "three"}, False),
]


@pytest.mark.parametrize(("fields", "expected"), MATCHES)
def test_entries_match_by_place_and_value(fields: dict[str, Any], expected: bool) -> None:
    assert listed(**fields).matches(DIFFERENCE) is expected


def test_unlisted_differences_and_stale_entries_are_told() -> None:
    other = Difference("up", "w1 Service shop/web", "spec", "one", "two")
    stale, rare = listed(object="* Secret *"), listed(object="* ConfigMap *", sometimes=True)
    listing = Listing({"why": "so"}, (listed(object="* Deployment *"), stale, rare, listed(stories=("hybrid",))))
    assert listing.judge("centralized", [DIFFERENCE, other]) == ([other], [stale])


def test_an_entry_needs_a_known_reason_and_story(tmp_path: Path) -> None:
    path = tmp_path / "differences.yaml"
    entry = "{reason: why, object: '*', path: '*', real: a, simulated: b"
    path.write_text(f"reasons: {{why: so}}\ndifferences: [{entry}}}]\n")
    assert differences.load(path).entries[0].stories == tuple(STORIES)
    path.write_text(f"reasons: {{}}\ndifferences: [{entry}}}]\n")
    with pytest.raises(ValueError, match="is not explained"):
        differences.load(path)
    path.write_text(f"reasons: {{why: so}}\ndifferences: [{entry}, stories: [nowhere]}}]\n")
    with pytest.raises(ValueError, match="no story nowhere"):
        differences.load(path)


def test_a_difference_that_lasts_is_shown_once() -> None:
    text = comparison.shown(Difference(name, "w1 Pods", "web", "1", "2") for name in ("up", "commit"))
    assert text.splitlines() == ["w1 Pods: web [up, commit]", "    kind: 1", "    sim:  2"]
