"""States look the same everywhere, and foreign text is safe."""

import io

import pytest

from lab.plaintext import clean, one_line
from lab.report.states import ASCII_ERRORS, STATES, mark, seconds, size


@pytest.mark.parametrize(
    ("foreign", "safe"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x07", "link"),
        ("\x1b[2J\x1b[Hcleared", "cleared"),
        ("a\rb", "ab"),
        ("bell\x07 null\x00 \x9b31mc1", "bell null c1"),
        ("\u202eright to left\u2066", "right to left"),
        ("two\nlines", "two\nlines"),
        ("dos\r\nlines", "dos\nlines"),
        ("\ttab", "    tab"),
        ("[bold]markup[/bold] :smile:", "[bold]markup[/bold] :smile:"),
        ("lone \ud800 surrogate", "lone  surrogate"),
        ("zero\u200bwidth", "zerowidth"),
        ("ümläut – ✓ 漢字", "ümläut – ✓ 漢字"),
        ("\x1b", ""),
        ("unfinished \x1b[31", "unfinished [31"),
    ],
)
def test_clean(foreign, safe):
    assert clean(foreign) == safe


def test_one_line():
    assert one_line("  a\n\tb\x1b[0m  c ") == "a b c"


def test_every_state_has_glyph_and_word():
    for state in STATES:
        sign, word = str(mark(state)).split(" ", 1)
        assert len(sign) == 1
        assert word == state


def test_an_unknown_state_is_shown_and_not_hidden():
    assert str(mark("Exploded\x1b[31m")) == "? Exploded"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_every_glyph_can_be_written_in_one_column(encoding):
    for sign, _ in STATES.values():
        written = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors=ASCII_ERRORS)
        written.write(sign)
        written.flush()
        text = written.buffer.getvalue().decode(encoding)
        assert len(text) == 1
        assert text != "?" or sign == "?"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.0 s"), (0.44, "0.4 s"), (9.94, "9.9 s"), (31.4, "31 s"), (119, "119 s"), (125, "2 min 05 s")],
)
def test_seconds(value, text):
    assert seconds(value) == text


@pytest.mark.parametrize(("value", "text"), [(0, "–"), (851443712, "812 MiB"), (2576980378, "2.4 GiB")])
def test_size(value, text):
    assert size(value) == text
