"""How a state looks: always a glyph and a word, and a colour of the theme for those who see it."""

from dataclasses import dataclass
from datetime import datetime

from rich.text import Text
from textual.content import Content

from lab.report.states import STATES


@dataclass(frozen=True, kw_only=True)
class Mark:
    """The look of one state."""

    glyph: str
    word: str
    color: str
    """Name of a theme variable, without `$`."""
    short: str = ""
    """The word in at most eight characters, for narrow columns; empty: the word itself."""
    rank: int = 0
    """The higher, the more it needs a person."""

    def content(self, text: str = "") -> Content:
        """The glyph and the word, or the given text instead of the word."""
        return Content.styled(f"{self.glyph} {text or self.word}", f"${self.color}")

    def only(self) -> Content:
        """The glyph alone, for places where the word stands next to it."""
        return Content.styled(self.glyph, f"${self.color}")

    def text(self, variables: dict[str, str], text: str) -> Text:
        """The same for widgets that take Rich text; variables are the theme's."""
        return Text(f"{self.glyph} {text}", style=variables.get(self.color, ""), no_wrap=True, end="")


NONE = Mark(glyph="–", word="", color="text-muted")


def _mark(state: str, color: str, rank: int = 0, word: str = "", short: str = "") -> Mark:
    """The glyph is the one the command line shows for the same state."""
    return Mark(glyph=STATES[state][0], word=word or state, color=color, short=short, rank=rank)


APPLICATION = {
    "Synced": _mark("Synced", "success"),
    "Suspended": _mark("Suspended", "secondary", 1, short="Suspend"),
    "Progressing": _mark("Progressing", "accent", 2, short="Progress"),
    "OutOfSync": _mark("OutOfSync", "warning", 3, short="OutSync"),
    "Missing": _mark("Missing", "warning", 4),
    "Unknown": _mark("Unknown", "warning", 5),
    "Degraded": _mark("Degraded", "error", 6),
}
SILENT = _mark("unreachable", "error", 7, word="no answer", short="silent")
"""An Argo CD that could not be asked."""

CHECK = {
    "passed": _mark("passed", "success"),
    "failed": _mark("failed", "error", 3),
    "skipped": _mark("skipped", "text-muted"),
    "running": _mark("running", "accent", 1),
    "unknown": _mark("waiting", "text-muted", word="not run yet"),
}

STEP = {
    "waiting": _mark("waiting", "text-muted"),
    "running": _mark("running", "accent"),
    "done": _mark("done", "success"),
    "already": _mark("already", "success"),
    "failed": _mark("failed", "error"),
    "skipped": _mark("skipped", "text-muted"),
    "cancelled": _mark("cancelled", "warning", word="stopped"),
}

CLUSTER = {
    "ready": _mark("ready", "success"),
    "paused": _mark("paused", "secondary"),
    "absent": _mark("absent", "warning"),
    "partial": _mark("partial", "warning", word="unfinished"),
    "unreachable": _mark("unreachable", "error"),
}

VERDICT = {
    "ok": _mark("ok", "success"),
    "warning": _mark("warning", "warning", 2),
    "problem": _mark("problem", "error", 3),
    "unknown": _mark("unknown", "text-muted", 1, word="cannot tell"),
}

OUTCOME = {
    "success": _mark("success", "success", word="done"),
    "partial": _mark("partial", "warning", word="not all holds"),
    "error": _mark("error", "error", word="failed"),
    "cancelled": _mark("cancelled", "warning", word="stopped"),
    "lost": _mark("unknown", "error", word="ended without a word"),
}


def application(sync: str, health: str) -> Mark:
    """One mark for the two words Argo CD gives an Application; health speaks first when it is not well."""
    if "unreachable" in (sync, health):
        return SILENT
    if health in ("Degraded", "Missing", "Progressing", "Suspended"):
        return APPLICATION[health]
    if sync == "OutOfSync":
        return APPLICATION["OutOfSync"]
    if sync == "Synced" and health == "Healthy":
        return APPLICATION["Synced"]
    return APPLICATION["Unknown"]


LEVELS = {"beginner": "●○○", "intermediate": "●●○", "advanced": "●●●"}


def clock(seconds: float) -> str:
    """`0:09`, `1:07`, `1:02:30`."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def ago(seconds: float) -> str:
    """`8 s ago`, `12 min ago`, `3 h ago`, `2 d ago`."""
    whole = max(0, int(seconds))
    for limit, unit, name in ((90, 1, "s"), (90 * 60, 60, "min"), (36 * 3600, 3600, "h")):
        if whole < limit:
            return f"{whole // unit} {name} ago"
    return f"{whole // 86400} d ago"


def since(time: str, now: float) -> float:
    """Seconds from an RFC 3339 time to now; 0 when it cannot be read."""
    try:
        return now - datetime.fromisoformat(time).timestamp()
    except ValueError:
        return 0.0
