"""Steps that many tests of the screens share."""

from collections.abc import Callable
from typing import TypeVar, cast

from textual.pilot import Pilot

from lab.tui.app import LabApp
from lab.tui.screens.page import Page
from tests.tui.fakes import FakeSource

Screen = TypeVar("Screen", bound=Page)
PATIENCE = 500
"""How many hundredths of a second a state may take to come."""


async def until(pilot: Pilot[None], there: Callable[[], bool], what: str = "the awaited state") -> None:
    """Let the app work until something is true; a test that waits in vain says for what."""
    for _ in range(PATIENCE):
        await pilot.pause(0.01)
        if there():
            await pilot.pause()
            return
    raise AssertionError(f"{what} did not come; on the screen: {type(pilot.app.screen).__name__}")


async def shown(pilot: Pilot[None], kind: type[Screen]) -> Screen:
    """Wait for a screen of that kind and return it."""
    await until(pilot, lambda: isinstance(pilot.app.screen, kind), kind.__name__)
    return cast(Screen, pilot.app.screen)


def app_of(source: FakeSource) -> LabApp:
    """The app over a fake, without animations."""
    app = LabApp(source)
    app.animation_level = "none"
    return app


def notices(app: LabApp) -> str:
    """What was said in passing."""
    return "\n".join(f"{n.title} {n.message}" for n in app._notifications)
