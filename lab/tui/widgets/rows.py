"""Rows of text that use the width they get: something left, something right, continued lines indented."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.geometry import Size
from textual.widget import Widget
from textual.widgets import OptionList
from textual.widgets.option_list import Option

BLANK = Content("")


@dataclass(frozen=True)
class Row:
    """One row before it knows its width."""

    left: Content = BLANK
    right: Content = BLANK
    indent: int = 0
    """Cells before the text; continued lines hang two cells further, below the word after a glyph."""
    hang: int = 2
    limit: int = 0
    """Lines it may take; the rest is cut with an ellipsis. 0: as many as it needs."""
    id: str = ""
    """Makes it a row that can be chosen."""
    below: tuple["Row", ...] = field(default=())
    """Further rows that belong to it and are highlighted with it."""


def lay(row: Row, width: int) -> list[Content]:
    """The lines of a row at a width in cells; at least one."""
    space = max(8, width - row.indent)
    right = row.right
    first = max(4, space - (right.cell_length + 2 if right else 0))
    if right and row.left.cell_length > first and first < space // 2:
        right, first = BLANK, space
    lines: list[Content] = []
    rest = row.left
    for count in range(1, 100):
        room = first if not lines else max(4, space - row.hang)
        if rest.cell_length <= room:
            lines.append(rest)
            break
        if count == row.limit:
            lines.append(rest.truncate(room, ellipsis=True))
            break
        head, rest = _split(rest, room, max(4, space - row.hang))
        lines.append(head)
    pad = Content(" " * row.indent)
    hang = Content(" " * (row.indent + row.hang))
    laid = [(pad if i == 0 else hang) + line for i, line in enumerate(lines)]
    if right:
        gap = max(1, width - laid[0].cell_length - right.cell_length)
        laid[0] = laid[0] + Content(" " * gap) + right
    for more in row.below:
        laid.extend(lay(more, width))
    return laid


def _split(text: Content, room: int, next_room: int) -> tuple[Content, Content]:
    """Cut at the last space that fits, or in the middle of a word that would not fit on the next line either."""
    head = text.truncate(room)
    plain = text.plain
    cut = len(head.plain)
    if cut < len(plain) and plain[cut] != " ":
        space = plain.rfind(" ", 1, cut)
        if space > 0 and len(plain[space + 1 :].split(" ", 1)[0]) <= next_room:
            cut = space
    rest = cut + (plain[cut : cut + 1] == " ")
    return text[:cut].rstrip(), text[rest:]


class Rows(Widget):
    """Rows to read. Height follows the text."""

    DEFAULT_CSS = "Rows { height: auto; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.rows: tuple[Row, ...] = ()

    def show(self, rows: Sequence[Row]) -> None:
        """Replace the rows; nothing is drawn when they are the same."""
        fresh = tuple(rows)
        if fresh != self.rows:
            self.rows = fresh
            self.refresh(layout=True)

    def _lines(self, width: int) -> list[Content]:
        return [line for row in self.rows for line in lay(row, width)]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        return len(self._lines(width))

    def render(self) -> Content:
        return Content("\n").join(self._lines(self.size.width))

    @property
    def plain(self) -> str:
        """What it says, one line a row, for tests and the clipboard."""
        return "\n".join(line.plain for line in self._lines(max(self.size.width, 20)))


class Panel(VerticalScroll):
    """A bordered pane of rows that scrolls."""

    ALLOW_MAXIMIZE = True

    def __init__(self, title: str, *, id: str) -> None:
        super().__init__(id=id, classes="pane")
        self.border_title = title
        self.body = Rows()

    def compose(self) -> ComposeResult:
        yield self.body

    def show(self, rows: Sequence[Row]) -> None:
        """Replace the rows."""
        self.body.show(rows)


class RowList(OptionList, inherit_bindings=False):
    """Rows to choose from. Enter is left to the screen, whose footer says what it does."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "cursor_down", "Down", show=False),
        Binding("up,k", "cursor_up", "Up", show=False),
        Binding("home", "first", "First", show=False),
        Binding("end", "last", "Last", show=False),
        Binding("pagedown", "page_down", "Page down", show=False),
        Binding("pageup", "page_up", "Page up", show=False),
    ]

    def __init__(self, title: str, *, id: str) -> None:
        super().__init__(id=id, classes="pane", markup=False)
        self.border_title = title
        self.rows: tuple[Row, ...] = ()
        self._laid = 0

    def _width(self, rows: Sequence[Row]) -> int:
        """Cells a row has. The scrollbar that these rows will bring is counted before it is there."""
        region = self.scrollable_content_region
        width = region.width - 2
        if not self.show_vertical_scrollbar and self._height(rows, width) > region.height:
            width -= self.scrollbar_size_vertical
        return max(10, width)

    @staticmethod
    def _height(rows: Sequence[Row], width: int) -> int:
        return sum(len(lay(row, max(10, width))) for row in rows)

    def show(self, rows: Sequence[Row]) -> None:
        """Replace the rows and keep the highlight on the row of the same id. Rows without id cannot be chosen."""
        fresh = tuple(rows)
        width = self._width(fresh)
        if fresh == self.rows and self._laid == width:
            return
        chosen = self.chosen
        same = [row.id for row in fresh] == [row.id for row in self.rows] and self.option_count == len(fresh)
        self.rows, self._laid = fresh, width
        if same:
            for index, row in enumerate(fresh):
                self.replace_option_prompt_at_index(index, self._prompt(row))
            return
        self.set_options([Option(self._prompt(row), id=row.id or None, disabled=not row.id) for row in fresh])
        self.choose(chosen)

    def choose(self, id: str) -> None:
        """Highlight a row; the first that can be chosen when there is none of that id."""
        ids = [row.id for row in self.rows]
        first = next((i for i, name in enumerate(ids) if name), None)
        self.highlighted = ids.index(id) if id and id in ids else first

    def fits(self, rows: Sequence[Row]) -> bool:
        """Whether these rows would be seen without scrolling."""
        return self._height(rows, self._width(rows)) <= self.scrollable_content_region.height

    @property
    def chosen(self) -> str:
        """Id of the highlighted row; empty when none is."""
        option = self.highlighted_option
        return (option.id or "") if option else ""

    def _prompt(self, row: Row) -> Content:
        return Content("\n").join(lay(row, self._laid or self._width(self.rows)))

    def on_resize(self, _: Resize) -> None:
        width = self._width(self.rows)
        if self._laid != width:
            self._laid = width
            for index, row in enumerate(self.rows):
                self.replace_option_prompt_at_index(index, self._prompt(row))

    @property
    def plain(self) -> str:
        """What it says, for tests."""
        return "\n".join(self._prompt(row).plain for row in self.rows)
