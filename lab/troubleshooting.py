"""Makes docs/troubleshooting.md from the error table: `python -m lab.troubleshooting [--check]`."""

import re
import sys
from pathlib import Path

from lab import errors
from lab.generated import settle

PAGE = Path(__file__).parent.parent / "docs" / "troubleshooting.md"
HEADINGS = {
    errors.USAGE: "The command or the scenario is not valid",
    errors.NOT_READY: "This machine or the lab is not ready",
    errors.CHECK_FAILED: "Something did not work or does not hold",
    errors.CONSENT: "Your word is needed",
    errors.BUSY: "The lab is busy",
    errors.INTERRUPTED: "You stopped it",
    errors.BUG: "A defect of the lab",
}
_FIELD = re.compile(r"\{(\w+)[^}]*\}")


def page() -> str:
    """The whole page as Markdown."""
    lines = [
        "# Troubleshooting",
        "",
        "Every error the lab can show, by exit code. Words in *italics* stand for what your own message says.",
        "`lab doctor` finds most of them beforehand. This page is generated from `lab/errors.py`.",
    ]
    for code, heading in HEADINGS.items():
        rows = {name: kind for name, kind in errors.ERRORS.items() if kind.exit_code == code}
        if rows:
            lines += ["", f"## {heading} (exit code {code})"]
        for name, kind in rows.items():
            lines += ["", f"### `{name}`", "", f"> {_prose(kind.what)}"]
            if _prose(kind.why).strip("*"):
                lines += ["", _prose(kind.why)]
            lines += ["", "```sh", _FIELD.sub(lambda m: m[1].upper(), kind.fix), "```"]
    return "\n".join(lines) + "\n"


def _prose(template: str) -> str:
    return _FIELD.sub(lambda m: f"*{m[1].replace('_', ' ')}*", template)


if __name__ == "__main__":
    sys.exit(settle({PAGE: page()}, sys.argv[1:], "make catalog"))
