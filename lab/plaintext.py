"""Third-party text made safe to show: whatever a program, a pod or a registry printed."""

import re
import unicodedata

# CSI and OSC sequences and every other escape; what remains of control characters goes one by one.
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-Z\\-_]?|\x9b[0-?]*[ -/]*[@-~]"
)


def clean(text: object) -> str:
    """Third-party text without escape sequences, control characters and direction overrides; lines stay lines."""
    bare = _ESCAPES.sub("", str(text).replace("\r\n", "\n").expandtabs(4))
    return "".join(c for c in bare if c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp"))


def one_line(text: object) -> str:
    """The same on one line, words apart by one blank."""
    return " ".join(clean(text).split())
