"""The screens as pictures, at the smallest size they must work at and at a comfortable one."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from textual.pilot import Pilot

from lab.errors import LabError
from lab.tui.app import LabApp
from lab.tui.screens.choose import ChooseScreen
from lab.tui.screens.confirm import ConfirmScreen
from lab.tui.screens.detail import DetailScreen
from lab.tui.screens.doctor import DoctorScreen
from lab.tui.screens.help import HelpScreen
from lab.tui.screens.lab import LabScreen
from lab.tui.screens.run import RunScreen
from lab.tui.source import Ticket
from tests.tui import data
from tests.tui.driving import app_of, shown, until
from tests.tui.fakes import STANDING, FakeSource

Compare = Callable[..., bool]
Before = Callable[[Pilot[None]], Awaitable[None]]

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])


def running(seconds: float, log: str = "up") -> LabApp:
    ticket = Ticket(command="up", pid=4711)
    return app_of(FakeSource(running=ticket, time=data.START + seconds, logs={"up": log}))


def standing(**values: object) -> LabApp:
    return app_of(FakeSource(lab=STANDING, time=data.START + 150, **values))  # type: ignore[arg-type]


async def chosen(pilot: Pilot[None]) -> ChooseScreen:
    screen = await shown(pilot, ChooseScreen)
    await until(pilot, lambda: bool(screen.cards))
    await pilot.press("down", "down", "down")
    await until(pilot, lambda: "run" in screen.verdict.plain)
    return screen


async def looked(pilot: Pilot[None]) -> LabScreen:
    screen = await shown(pilot, LabScreen)
    await until(pilot, lambda: screen.status is not None and bool(screen.learner.board))
    await until(pilot, lambda: bool(screen.lesson.text))
    await pilot.pause(0.1)
    return screen


@SIZES
@pytest.mark.parametrize("diagnosis", [data.READY, data.BLOCKED], ids=["ready", "blocked"])
def test_choose(snap_compare: Compare, size: tuple[int, int], diagnosis: object) -> None:
    async def before(pilot: Pilot[None]) -> None:
        await chosen(pilot)

    app = app_of(FakeSource(diagnosis=diagnosis))  # type: ignore[arg-type]
    assert snap_compare(app, terminal_size=size, run_before=before)


@SIZES
def test_confirm(snap_compare: Compare, size: tuple[int, int]) -> None:
    async def before(pilot: Pilot[None]) -> None:
        await chosen(pilot)
        await pilot.press("enter")
        screen = await shown(pilot, ConfirmScreen)
        await until(pilot, lambda: bool(screen.steps))

    assert snap_compare(app_of(FakeSource()), terminal_size=size, run_before=before)


@SIZES
def test_doctor(snap_compare: Compare, size: tuple[int, int]) -> None:
    async def before(pilot: Pilot[None]) -> None:
        await chosen(pilot)
        await pilot.press("d")
        screen = await shown(pilot, DoctorScreen)
        await until(pilot, lambda: screen.diagnosis is not None)

    assert snap_compare(app_of(FakeSource(diagnosis=data.BLOCKED)), terminal_size=size, run_before=before)


@SIZES
@pytest.mark.parametrize(
    ("log", "seconds"),
    [("up", 47.0), ("up", 99.0), ("up-check-failed", 300.0), ("up-step-failed", 99.0)],
    ids=["middle", "done", "check-failed", "step-failed"],
)
def test_run(snap_compare: Compare, size: tuple[int, int], log: str, seconds: float) -> None:
    async def before(pilot: Pilot[None]) -> None:
        screen = await shown(pilot, RunScreen)
        await until(pilot, lambda: screen.view.ended == 9 if seconds == 47.0 else screen.view.finished is not None)
        await pilot.pause(0.1)

    assert snap_compare(running(seconds, log), terminal_size=size, run_before=before)


@SIZES
@pytest.mark.parametrize(
    "state",
    [data.UP, data.DEGRADED, data.PAUSED, replace(data.UP, provider="sim")],
    ids=["healthy", "degraded", "paused", "simulated"],
)
def test_lab(snap_compare: Compare, size: tuple[int, int], state: object) -> None:
    async def before(pilot: Pilot[None]) -> None:
        await looked(pilot)

    assert snap_compare(standing(state=state), terminal_size=size, run_before=before)


@SIZES
def test_lab_with_an_old_answer(snap_compare: Compare, size: tuple[int, int]) -> None:
    app = standing(state=data.DEGRADED)

    async def before(pilot: Pilot[None]) -> None:
        source = app.source
        assert isinstance(source, FakeSource)
        screen = await looked(pilot)
        source.fail["status"] = LabError("kube-unreachable", cluster="hub", reason="connection refused")
        source.time += 14
        await until(pilot, lambda: screen.failure != "" and "14 s ago" in screen.bar.plain)

    assert snap_compare(app, terminal_size=size, run_before=before)


@SIZES
def test_lab_asking_about_down(snap_compare: Compare, size: tuple[int, int]) -> None:
    app = standing(unsaved="platform: 1 file changed (apps/web/overlays/staging/patch.yaml)")

    async def before(pilot: Pilot[None]) -> None:
        screen = await looked(pilot)
        await pilot.press("d")
        await until(pilot, lambda: app.screen is not screen)

    assert snap_compare(app, terminal_size=size, run_before=before)


@SIZES
def test_detail(snap_compare: Compare, size: tuple[int, int]) -> None:
    async def before(pilot: Pilot[None]) -> None:
        await looked(pilot)
        await pilot.press("down", "down", "right", "right", "enter")
        await shown(pilot, DetailScreen)

    assert snap_compare(standing(state=data.DEGRADED), terminal_size=size, run_before=before)


@SIZES
def test_help(snap_compare: Compare, size: tuple[int, int]) -> None:
    async def before(pilot: Pilot[None]) -> None:
        await looked(pilot)
        await pilot.press("?")
        await shown(pilot, HelpScreen)

    assert snap_compare(standing(), terminal_size=size, run_before=before)


def test_without_colour(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def before(pilot: Pilot[None]) -> None:
        await looked(pilot)

    assert snap_compare(standing(state=data.DEGRADED), terminal_size=(80, 24), run_before=before)


def test_light(snap_compare: Compare) -> None:
    app = standing(state=data.DEGRADED)

    async def before(pilot: Pilot[None]) -> None:
        screen = await looked(pilot)
        screen.do_theme()

    assert snap_compare(app, terminal_size=(120, 40), run_before=before)
