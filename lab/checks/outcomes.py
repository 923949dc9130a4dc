"""The last outcome of every check, kept in the lab folder for whoever shows it later."""

import json
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import get_args

from lab.events import CheckOutcome
from lab.results import CheckResult
from lab.state import LabFolder, write_private

FILE = "checks.json"
_guard = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a check ended the last time it ran."""

    id: str
    title: str
    outcome: CheckOutcome
    time: float
    """Seconds since the epoch."""
    seconds: float = 0.0
    reason: str = ""


def read(folder: LabFolder) -> dict[str, Outcome]:
    """Last outcomes by check id; empty when none ran or the file is damaged, because running again makes it new."""
    try:
        data = json.loads((folder.path / FILE).read_text(encoding="utf-8"))
        found = {str(name): Outcome(**values) for name, values in data.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
    return {name: outcome for name, outcome in found.items() if outcome.outcome in get_args(CheckOutcome)}


def remember(folder: LabFolder, results: Sequence[CheckResult], now: float) -> None:
    """Replace the outcomes of these checks; the others stay.

    :param now: seconds since the epoch
    """
    if not results:
        return
    with _guard:
        known = read(folder)
        for r in results:
            known[r.id] = Outcome(
                id=r.id, title=r.title, outcome=r.outcome, time=now, seconds=r.seconds, reason=r.reason
            )
        text = json.dumps({name: asdict(outcome) for name, outcome in known.items()}, indent=2)
        write_private(folder.path / FILE, text + "\n")
