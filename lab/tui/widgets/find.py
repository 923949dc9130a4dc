"""The line to type what one looks for."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input


class Find(Input):
    """Hidden until it is opened; escape clears and hides it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "clear", show=True)]

    def __init__(self, placeholder: str, *, id: str = "find") -> None:
        super().__init__(placeholder=placeholder, id=id, compact=True)
        self.display = False

    def open(self) -> None:
        """Show it and take the keys."""
        self.display = True
        self.focus()

    def action_leave(self) -> None:
        self.value = ""
        self.display = False
        self.screen.focus_next()
