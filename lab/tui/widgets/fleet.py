"""The fleet grid: one cell an application and cluster, with glyph and word."""

from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.widgets import DataTable
from textual.widgets.data_table import RowDoesNotExist

from lab.tui.fleet import Fleet, FleetRow, Place

NAME_MIN, NAME_MAX = 9, 28
CELL_MIN = 10
"""Glyph, space and a short word."""
CELL_MAX = 24
PADDING = 1


class FleetGrid(DataTable[Text], inherit_bindings=False):
    """Applications by clusters. Cells are replaced only where they changed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "cursor_up", "Up", show=False),
        Binding("down,j", "cursor_down", "Down", show=False),
        Binding("left", "cursor_left", "Left", show=False),
        Binding("right", "cursor_right", "Right", show=False),
        Binding("pageup", "page_up", "Page up", show=False),
        Binding("pagedown", "page_down", "Page down", show=False),
        Binding("home", "scroll_top", "Top", show=False),
        Binding("end", "scroll_bottom", "Bottom", show=False),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__(
            id=id,
            classes="pane",
            cursor_type="cell",
            fixed_columns=1,
            cell_padding=PADDING,
            show_row_labels=False,
            header_height=1,
        )
        self.border_title = "fleet"
        self.fleet = Fleet()
        self._drawn: dict[tuple[str, str], str] = {}
        self._shape: tuple[object, ...] = ()

    def on_mount(self) -> None:
        # Rich text carries its colours with it.
        self.app.theme_changed_signal.subscribe(self, lambda _: self.show(self.fleet))

    def show(self, fleet: Fleet) -> None:
        """Draw a fleet; the cursor stays on the same application and cluster."""
        self.fleet = fleet
        name, cell = self._widths()
        shape = (fleet.columns, tuple(row.key for row in fleet.rows), fleet.many, name, cell, self.app.theme)
        if shape != self._shape:
            self._rebuild(name, cell)
            self._shape = shape
            return
        for row in fleet.rows:
            for cluster in fleet.columns:
                place = row.places.get(cluster, Place())
                text = self._cell(place, cell)
                if self._drawn.get((row.key, cluster)) != text.plain:
                    self._drawn[(row.key, cluster)] = text.plain
                    self.update_cell(row.key, cluster, text)

    def _widths(self) -> tuple[int, int]:
        room = max(20, self.scrollable_content_region.width)
        longest = max((len(self._label(row)) for row in self.fleet.rows), default=NAME_MIN)
        name = min(max(NAME_MIN, longest), NAME_MAX)
        columns = max(1, len(self.fleet.columns))
        cell = (room - name - 2 * PADDING) // columns - 2 * PADDING
        if cell < CELL_MIN:
            name = max(NAME_MIN, min(name, room - 2 * PADDING - columns * (CELL_MIN + 2 * PADDING)))
        return name, min(CELL_MAX, max(CELL_MIN, cell))

    def _label(self, row: FleetRow) -> str:
        return f"{row.name} @{row.instance}" if self.fleet.many else row.name

    def _cell(self, place: Place, width: int) -> Text:
        return place.mark.text(self.app.theme_variables, place.word(width - 2))

    def _rebuild(self, name: int, cell: int) -> None:
        where = self.crossing
        self.clear(columns=True)
        self._drawn.clear()
        self.add_column(Text("app"), key="", width=name)
        for cluster in self.fleet.columns:
            self.add_column(Text(cluster), key=cluster, width=cell)
        for row in self.fleet.rows:
            label = Text(self._label(row), no_wrap=True, overflow="ellipsis")
            cells = [self._cell(row.places.get(cluster, Place()), cell) for cluster in self.fleet.columns]
            self._drawn.update({(row.key, c): t.plain for c, t in zip(self.fleet.columns, cells, strict=True)})
            self.add_row(label, *cells, key=row.key)
        self._return_to(*where)

    def _return_to(self, key: str, cluster: str) -> None:
        column = self.fleet.columns.index(cluster) + 1 if cluster in self.fleet.columns else 1
        if not key and self.fleet.rows:
            # A new grid starts where there is something to read.
            first = self.fleet.rows[0]
            column = next((i + 1 for i, c in enumerate(self.fleet.columns) if c in first.places), 1)
        try:
            row = self.get_row_index(key)
        except RowDoesNotExist:
            row = 0
        self.move_cursor(row=row, column=column)

    @property
    def crossing(self) -> tuple[str, str]:
        """Row key and cluster under the cursor; empty texts where there is none."""
        if not self.row_count:
            return "", ""
        row, column = self.coordinate_to_cell_key(self.cursor_coordinate)
        return row.value or "", column.value or ""

    @property
    def place(self) -> Place:
        """What stands under the cursor; on the name, everything of that row."""
        key, cluster = self.crossing
        if key and not cluster:
            row = next((r for r in self.fleet.rows if r.key == key), None)
            return Place(tuple(c for p in row.places.values() for c in p.cells)) if row else Place()
        return self.fleet.place(key, cluster)

    def on_resize(self, _: Resize) -> None:
        self.show(self.fleet)

    def word(self, key: str, cluster: str) -> str:
        """What a cell says, for tests."""
        return self.get_cell(key, cluster).plain
