"""States as glyph, word and colour, so that none of the three has to be seen; and text that is safe to show."""

import codecs

from rich.text import Text

from lab.plaintext import one_line

STATES: dict[str, tuple[str, str]] = {
    # steps and checks
    "done": ("✓", "green"),
    "already": ("=", "green"),
    "passed": ("✓", "green"),
    "failed": ("✗", "bold red"),
    "skipped": ("○", "yellow"),
    "cancelled": ("‖", "yellow"),
    "running": ("…", "cyan"),
    "waiting": ("·", "dim"),
    # Argo CD's words
    "Synced": ("✓", "green"),
    "OutOfSync": ("~", "yellow"),
    "Healthy": ("✓", "green"),
    "Progressing": ("…", "cyan"),
    "Degraded": ("✗", "bold red"),
    "Suspended": ("‖", "yellow"),
    "Missing": ("○", "yellow"),
    "Unknown": ("?", "magenta"),
    # clusters and labs
    "ready": ("✓", "green"),
    "up": ("✓", "green"),
    "paused": ("‖", "yellow"),
    "partial": ("~", "yellow"),
    "absent": ("○", "dim"),
    "gone": ("○", "dim"),
    "creating": ("…", "cyan"),
    "unreachable": ("✗", "bold red"),
    # registrations and doctor
    "ok": ("✓", "green"),
    "missing": ("○", "yellow"),
    "stale": ("~", "yellow"),
    "warning": ("!", "yellow"),
    "problem": ("✗", "bold red"),
    "unknown": ("?", "magenta"),
    # whole runs
    "success": ("✓", "green"),
    "error": ("✗", "bold red"),
}

_ASCII = {
    "✓": "+",
    "✗": "x",
    "…": ">",
    "·": ".",
    "‖": "|",
    "○": "o",
    "–": "-",
    "—": "-",
    "×": "x",
    "→": ">",
    "▸": ">",
    "●": "*",
    "│": "|",
    "─": "-",
}
ASCII_ERRORS = "lab-ascii"


def _plain_character(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = error.object[error.start : error.end]
    return "".join(_ASCII.get(c, "?") for c in found), error.end


# A stream that cannot encode a glyph writes a character of the same width instead of failing.
codecs.register_error(ASCII_ERRORS, _plain_character)


def glyph(state: str) -> Text:
    """The state's glyph in its colour."""
    sign, style = STATES.get(state, ("?", ""))
    return Text(sign, style=style)


def mark(state: str, word: str = "") -> Text:
    """Glyph and word, e.g. `✓ Synced`."""
    sign, style = STATES.get(state, ("?", ""))
    return Text(f"{sign} {one_line(word or state)}", style=style)


def seconds(value: float) -> str:
    """`0.4 s`, `12 s`, `2 min 05 s`."""
    if value < 10:
        return f"{value:.1f} s"
    if value < 120:
        return f"{value:.0f} s"
    return f"{int(value) // 60} min {int(value) % 60:02d} s"


def size(count: int) -> str:
    """Bytes as `812 MiB` or `2.4 GiB`; an en dash for nothing."""
    if count <= 0:
        return "–"
    mib = count / 2**20
    return f"{mib:.0f} MiB" if mib < 1024 else f"{mib / 1024:.1f} GiB"
