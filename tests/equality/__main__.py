"""Record stories on kind and compare the simulator with the recordings.

`python -m tests.equality STORY…` compares the simulator with what is recorded, `--both` with kind as it is now;
`--provider kind --record STORY…` records; `--provider kind --again STORY…` runs kind once more and marks what it shows
otherwise as unsteady. `--keep FOLDER` writes what a run showed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.equality import differences
from tests.equality import recording as recordings
from tests.equality.comparison import shown
from tests.equality.recording import Recording
from tests.equality.run import NotReached, Telling
from tests.equality.stories import STORIES


def main() -> int:
    """Run the command line; its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--provider", choices=("kind", "sim"), default="sim")
    parser.add_argument("--record", action="store_true", help="keep what kind shows as the story's recording")
    parser.add_argument("--again", action="store_true", help="mark what kind shows otherwise this time as unsteady")
    parser.add_argument("--both", action="store_true", help="compare with kind as it is now, not as recorded")
    parser.add_argument("--keep", type=Path, help="also write the run into this folder")
    parser.add_argument("stories", nargs="+", choices=sorted(STORIES), metavar="STORY")
    options = parser.parse_args()
    failed = 0
    for name in options.stories:
        try:
            failed += _one(name, options)
        except NotReached as error:
            print(f"{name}: not reached: {error}")
            failed += 1
    return int(failed > 0)


def _one(name: str, options: argparse.Namespace) -> int:
    if options.provider == "kind" and not options.both:
        return _kind(name, options)
    real = _told(name, "kind", options.keep) if options.both else recordings.load(name)
    return _judged(real, _told(name, "sim", options.keep, real.about["kubernetes"]))


def _kind(name: str, options: argparse.Namespace) -> int:
    found = _told(name, "kind", options.keep)
    if options.record:
        found.unsteady = []
        recordings.save(found)
        return 0
    recorded = recordings.load(name)
    places = recorded.learn(found)
    print(f"{name}: {places} places are unsteady that were not known to be")
    if options.again:
        recordings.save(recorded)
        return 0
    return places


def _judged(real: Recording, simulated: Recording) -> int:
    """Print what differs and is not listed, and what is listed and does not differ; how much that is."""
    unlisted, stale = differences.load().judge(real.story, real.differences(simulated))
    print(shown(unlisted))
    for entry in stale:
        print(f"listed, but does not differ: {entry.object}: {entry.path}: {entry.reason}")
    print(f"{real.story}: {len(unlisted)} differences that are not listed, {len(stale)} that are but do not occur")
    return len(unlisted) + len(stale)


def _told(name: str, provider: str, keep: Path | None, kubernetes: str = "") -> Recording:
    found = told(name, provider, kubernetes)
    if keep:
        recordings.save(found, keep / provider / name)
    missing = [f"{one.name}: {one.missing}" for one in found.records if one.missing]
    if provider == "kind" and missing:
        raise NotReached("; ".join(missing))
    if provider == "kind":
        # What kind does not agree with itself about is known from earlier runs.
        found.unsteady = recordings.load(name).unsteady if recordings.folder(name).exists() else []
    return found


def told(name: str, provider: str, kubernetes: str = "") -> Recording:
    """A story on a lab of its own, which is gone afterwards.

    :param kubernetes: version of the clusters; what a run is compared with must have the same
    :raises NotReached: the lab does not come up, or a script of the story fails
    """
    with tempfile.TemporaryDirectory(prefix="equality-") as home:
        return Telling(STORIES[name], provider, Path(home), kubernetes).whole()


if __name__ == "__main__":
    sys.exit(main())
