"""Every story, told on the simulator, shows what kind showed, but for what is listed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from tests.equality import differences, recording
from tests.equality.stories import STORIES

LIMIT = 1_500_000
"""Bytes of a story's recording."""
LONGEST = 900.0
"""Seconds for a story on a machine that is busy with other tests."""


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl, with which the stories are told, is not here")
def test_the_simulator_does_what_kind_did() -> None:
    """Stories side by side: most of their time they wait for something to come to rest."""

    def judged(story: str) -> str:
        command = [sys.executable, "-m", "tests.equality", story]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)
        return "" if done.returncode == 0 else f"{done.stdout}\n{done.stderr[-3000:]}"

    with ThreadPoolExecutor(len(STORIES)) as pool:
        wrong = [text for text in pool.map(judged, STORIES) if text]
    assert not wrong, "\n".join(wrong)


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
