"""How a state looks: always a glyph and a word, and a colour of the theme for those who see it."""

from dataclasses import dataclass
from datetime import datetime

from rich.text import Text
from textual.content import Content


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

APPLICATION = {
    "Synced": Mark(glyph="✓", word="Synced", color="success", rank=0),
    "Suspended": Mark(glyph="‖", word="Suspended", color="secondary", short="Suspend", rank=1),
    "Progressing": Mark(glyph="…", word="Progressing", color="accent", short="Progress", rank=2),
    "OutOfSync": Mark(glyph="~", word="OutOfSync", color="warning", short="OutSync", rank=3),
    "Missing": Mark(glyph="○", word="Missing", color="warning", rank=4),
    "Unknown": Mark(glyph="?", word="Unknown", color="warning", rank=5),
    "Degraded": Mark(glyph="✗", word="Degraded", color="error", rank=6),
}

CHECK = {
    "passed": Mark(glyph="✓", word="passed", color="success"),
    "failed": Mark(glyph="✗", word="failed", color="error", rank=3),
    "skipped": Mark(glyph="–", word="skipped", color="text-muted"),
    "running": Mark(glyph="…", word="running", color="accent", rank=1),
    "unknown": Mark(glyph="·", word="not run yet", color="text-muted"),
}

STEP = {
    "waiting": Mark(glyph="·", word="waiting", color="text-muted"),
    "running": Mark(glyph="…", word="running", color="accent"),
    "done": Mark(glyph="✓", word="done", color="success"),
    "already": Mark(glyph="✓", word="already", color="success"),
    "failed": Mark(glyph="✗", word="failed", color="error"),
    "skipped": Mark(glyph="–", word="skipped", color="text-muted"),
    "cancelled": Mark(glyph="‖", word="stopped", color="warning"),
}

CLUSTER = {
    "ready": Mark(glyph="●", word="ready", color="success"),
    "paused": Mark(glyph="‖", word="paused", color="secondary"),
    "absent": Mark(glyph="○", word="absent", color="warning"),
    "partial": Mark(glyph="◐", word="unfinished", color="warning"),
    "unreachable": Mark(glyph="✗", word="unreachable", color="error"),
}

VERDICT = {
    "ok": Mark(glyph="✓", word="ok", color="success"),
    "warning": Mark(glyph="~", word="warning", color="warning", rank=2),
    "problem": Mark(glyph="✗", word="problem", color="error", rank=3),
    "unknown": Mark(glyph="?", word="cannot tell", color="text-muted", rank=1),
}

OUTCOME = {
    "success": Mark(glyph="✓", word="done", color="success"),
    "partial": Mark(glyph="~", word="done, but not all holds", color="warning"),
    "error": Mark(glyph="✗", word="failed", color="error"),
    "cancelled": Mark(glyph="‖", word="stopped", color="warning"),
    "lost": Mark(glyph="?", word="ended without a word", color="error"),
}


def application(sync: str, health: str) -> Mark:
    """One mark for the two words Argo CD gives an Application; health speaks first when it is not well."""
    if health in ("Degraded", "Missing", "Progressing", "Suspended"):
        return APPLICATION[health]
    if sync == "OutOfSync":
        return APPLICATION["OutOfSync"]
    if sync == "Synced" and health == "Healthy":
        return APPLICATION["Synced"]
    return APPLICATION["Unknown"]


LEVELS = {"beginner": "●○○", "intermediate": "●●○", "advanced": "●●●"}


def duration(seconds: float) -> str:
    """`9 s`, `1:07`, `1:02:30`: as short as it is clear."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    return clock(whole)


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


def size(count: int) -> str:
    """Bytes as `512 MiB` or `2.4 GiB`; empty for none."""
    if count <= 0:
        return ""
    if count < 1 << 30:
        return f"{count / (1 << 20):.0f} MiB"
    return f"{count / (1 << 30):.1f} GiB"


def since(time: str, now: float) -> float:
    """Seconds from an RFC 3339 time to now; 0 when it cannot be read."""
    try:
        return now - datetime.fromisoformat(time).timestamp()
    except ValueError:
        return 0.0
