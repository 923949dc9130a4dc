"""Text laid out at a width."""

import pytest
from textual.content import Content

from lab.tui.widgets.rows import Row, lay


def plain(row: Row, width: int) -> list[str]:
    return [line.plain for line in lay(row, width)]


def test_right_side_stands_at_the_edge() -> None:
    assert plain(Row(left=Content("web"), right=Content("3 s")), 12) == ["web      3 s"]


def test_continued_lines_hang_below_the_word_after_the_glyph() -> None:
    row = Row(left=Content("✗ web is synced to the newest commit"))
    assert plain(row, 20) == ["✗ web is synced to", "  the newest commit"]


def test_a_long_word_is_cut_rather_than_lost() -> None:
    lines = plain(Row(left=Content("x" * 50), hang=0), 20)
    assert "".join(lines) == "x" * 50


@pytest.mark.parametrize("width", [12, 17, 23, 40, 80])
@pytest.mark.parametrize("indent", [0, 4])
def test_nothing_is_lost_and_nothing_is_too_wide(width: int, indent: int) -> None:
    text = "kubectl --context hub -n argocd describe application web-w2 shows the reason"
    lines = plain(Row(left=Content(text), right=Content("now"), indent=indent), width)
    assert all(len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "").replace("now", "", 1) == text.replace(" ", "")


def test_a_limit_ends_in_an_ellipsis() -> None:
    assert plain(Row(left=Content("one two three four"), limit=1), 12) == ["one two thr…"]


def test_rows_below_belong_to_it() -> None:
    row = Row(left=Content("a"), below=(Row(left=Content("b"), indent=2),))
    assert plain(row, 20) == ["a", "  b"]
