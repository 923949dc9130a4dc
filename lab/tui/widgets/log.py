"""The streamed log of a run, one tab a cluster."""

import textwrap
from collections.abc import Iterable

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import RichLog, Tab, Tabs

from lab.tui.runview import ALL, LINES, Line
from lab.tui.states import clock

PREFIX = {"output": "", "command": "$ ", "failed": "$ ", "change": "+ "}
INDENT = 6
"""Cells of the time; continued lines stand below the text."""


class RunLog(Vertical):
    """Lines of all clusters or of one. It holds on to the end unless a person scrolled up."""

    ALLOW_MAXIMIZE = True

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, classes="pane")
        self.border_title = "log"
        self._lines: list[Line] = []
        self._cluster = ALL
        self._names: tuple[str, ...] = ()

    def compose(self) -> ComposeResult:
        yield Tabs(Tab("all", id="all"))
        yield RichLog(max_lines=LINES, wrap=False, markup=False, auto_scroll=True, min_width=20)

    def on_mount(self) -> None:
        # Rich text carries its colours with it.
        self.app.theme_changed_signal.subscribe(self, lambda _: self._again())

    def clusters(self, names: Iterable[str]) -> None:
        """Offer a tab for each cluster."""
        fresh = tuple(names)
        tabs = self.query_one(Tabs)
        for name in fresh:
            if name not in self._names:
                tabs.add_tab(Tab(name, id=f"cluster-{name}"))
        self._names = fresh

    def write(self, lines: Iterable[Line]) -> None:
        """Append lines."""
        log = self.query_one(RichLog)
        for line in lines:
            self._lines.append(line)
            if self._shown(line):
                log.write(self._draw(line))
        del self._lines[:-LINES]

    def _shown(self, line: Line) -> bool:
        return self._cluster in (ALL, line.cluster)

    def _draw(self, line: Line) -> Text:
        variables = self.app.theme_variables
        text = Text(f"{clock(line.at):>{INDENT - 1}} ", style=variables.get("text-muted", "dim"))
        if self._cluster == ALL and line.cluster:
            text.append(f"{line.cluster} ", style=variables.get("secondary", ""))
        style = {
            "output": variables.get("text-muted", "dim"),
            "command": variables.get("text-muted", "dim"),
            "failed": variables.get("error", "bold"),
            "change": variables.get("foreground", ""),
        }[line.kind]
        said = textwrap.wrap(
            PREFIX[line.kind] + line.text,
            width=max(20, self.query_one(RichLog).scrollable_content_region.width - INDENT),
            initial_indent=" " * (len(text) - INDENT),
            break_on_hyphens=False,
        )
        return text.append(f"\n{' ' * INDENT}".join(said).lstrip(" "), style=style)

    @on(Tabs.TabActivated)
    def _choose(self, event: Tabs.TabActivated) -> None:
        chosen = event.tab.id or "all"
        cluster = ALL if chosen == "all" else chosen.removeprefix("cluster-")
        if cluster == self._cluster:
            return
        self._cluster = cluster
        self._again()

    def on_resize(self) -> None:
        """Lay the lines out for the new width."""
        self.call_after_refresh(self._again)

    def _again(self) -> None:
        log = self.query_one(RichLog)
        log.clear()
        for line in self._lines:
            if self._shown(line):
                log.write(self._draw(line))

    @property
    def plain(self) -> str:
        """The lines that are shown, for tests."""
        return "\n".join(strip.text.rstrip() for strip in self.query_one(RichLog).lines)
