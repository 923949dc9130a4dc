"""The line at the top: where one is on the left, who speaks on the right."""

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from lab.providers import simulated


class Bar(Widget):
    """One line. The right side is never cut; the left side gives way."""

    DEFAULT_CSS = "Bar { height: 1; dock: top; }"

    left: reactive[Content] = reactive(Content(""))
    right: reactive[Content] = reactive(Content(""))

    def render(self) -> Content:
        width = self.size.width
        left = self.left.truncate(max(0, width - self.right.cell_length - 1), ellipsis=True)
        gap = max(1, width - left.cell_length - self.right.cell_length)
        return left + Content(" " * gap) + self.right

    @property
    def plain(self) -> str:
        """What it says, for tests."""
        return f"{self.left.plain} | {self.right.plain}"


def speaker(provider: str) -> Content:
    """Which provider speaks; a simulated lab always says so."""
    if simulated(provider):
        return Content.styled(" SIMULATED ", "reverse bold $warning") + Content(f" {provider}")
    return Content(provider)


def crumbs(*parts: Content | str) -> Content:
    """Parts joined by a quiet dot; empty ones are left out."""
    dot = Content.styled(" · ", "$text-muted")
    return dot.join([Content(part) if isinstance(part, str) else part for part in parts if part])
