"""Every story, told on the simulator, shows what kind showed, but for what is listed."""

from __future__ import annotations

import shutil
from itertools import pairwise

import pytest

from tests.equality import differences, recording
from tests.equality.__main__ import told
from tests.equality.comparison import shown
from tests.equality.stories import STORIES

LIMIT = 1_500_000
"""Bytes of a story's recording."""


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl, with which the stories are told, is not here")
def test_the_simulator_does_what_kind_did(story: str) -> None:
    recorded = recording.load(story)
    found = told(story, "sim", recorded.about["kubernetes"])
    unlisted, stale = differences.load().judge(story, recorded.differences(found))
    gone = [f"listed, but does not differ: {one.object}: {one.path}: {one.reason}" for one in stale]
    assert not unlisted, shown(unlisted)
    assert not gone, "\n".join(gone)


@pytest.mark.parametrize("story", STORIES)
def test_every_checkpoint_is_recorded_on_kind(story: str) -> None:
    found = recording.load(story)
    assert found.about["provider"] == "kind"
    assert [one.name for one in found.records] == [one.name for one in STORIES[story].checkpoints]
    assert [bool(one.objects) for one in found.records] == [one.settles for one in STORIES[story].checkpoints]


@pytest.mark.parametrize("story", STORIES)
def test_every_checkpoint_changes_something(story: str) -> None:
    records = [one for one in recording.load(story).records if one.objects]
    assert [one.name for before, one in pairwise(records) if before.objects == one.objects] == []


@pytest.mark.parametrize("story", STORIES)
def test_recordings_stay_small(story: str) -> None:
    assert sum(path.stat().st_size for path in recording.folder(story).iterdir()) < LIMIT


def test_every_reason_is_used() -> None:
    listing = differences.load()
    assert listing.reasons.keys() == {one.reason for one in listing.entries}
