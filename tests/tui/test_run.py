"""Watching a run."""

import threading

from textual.widgets import Tabs

from lab.tui.screens.ask import AskScreen
from lab.tui.screens.choose import ChooseScreen
from lab.tui.screens.lab import LabScreen
from lab.tui.screens.run import RunScreen
from lab.tui.source import Ticket
from tests.tui import data
from tests.tui.driving import app_of, notices, shown, until
from tests.tui.fakes import STANDING, FakeSource

UP = Ticket(command="up", pid=4711)


def running(seconds: float = 0, **values: object) -> FakeSource:
    return FakeSource(running=UP, time=data.START + seconds, **values)  # type: ignore[arg-type]


async def test_a_run_that_goes_on_is_picked_up_where_it_is() -> None:
    app = app_of(running(47))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await shown(pilot, RunScreen)
        await until(pilot, lambda: screen.view.ended == 9)
        assert "9/13 steps · 0:47" in screen.bar.plain
        steps = " ".join(screen.steps.body.plain.split())
        assert "✓ creating cluster hub" in steps
        assert "… waiting for Argo CD on hub" in steps
        assert "argocd-application-controller: 0 of" in steps
        assert "· registering w2 with hub" in steps
        assert "kind create cluster --name lab-w2" in " ".join(screen.log_pane.plain.split())


async def test_it_goes_on_as_the_log_grows_to_the_end_and_opens_the_lab() -> None:
    source = running(1)
    app = app_of(source)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await shown(pilot, RunScreen)
        await until(pilot, lambda: bool(screen.view.steps))
        assert not screen.outcome.display
        source.time += 200
        await until(pilot, lambda: screen.view.finished is not None)
        assert "✓ the lab is up after 1:12, 7 of 7 checks hold" in screen.outcome.plain
        assert "13/13 steps · 1:12" in screen.bar.plain
        source.lab, source.running = STANDING, None
        await pilot.press("enter")
        await shown(pilot, LabScreen)
    await_no_followers(source)


async def test_leaving_keeps_it_running_and_coming_back_shows_all_of_it() -> None:
    source = running(47)
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await shown(pilot, RunScreen)
        await until(pilot, lambda: screen.view.ended == 9)
        await pilot.press("escape")
        home = await shown(pilot, ChooseScreen)
        await until(pilot, lambda: home.running is not None and source.followers == 0)
        assert source.interrupted == []
        source.time = data.START + 60
        await pilot.press("w")
        again = await shown(pilot, RunScreen)
        await until(pilot, lambda: again.view.ended == 11)


async def test_quitting_does_not_stop_it() -> None:
    source = running(47)
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await shown(pilot, RunScreen)
        await until(pilot, lambda: screen.view.ended == 9)
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)
    assert source.interrupted == []
    assert source.closed
    await_no_followers(source)


async def test_stop_asks_once_and_interrupts_the_process_of_the_run() -> None:
    source = running(47)
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await shown(pilot, RunScreen)
        await until(pilot, lambda: screen.view.ended == 9)
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, AskScreen))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is screen)
        assert source.interrupted == []
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, AskScreen))
        await pilot.press("y")
        await until(pilot, lambda: source.interrupted == [4711])
        assert "stopping after this step" in screen.bar.plain
        await pilot.press("s")
        await pilot.pause()
        assert app.screen is screen
    assert source.interrupted == [4711]


async def test_a_check_that_fails_is_shown_with_its_reason() -> None:
    app = app_of(running(999, logs={"up": "up-check-failed"}, lab=STANDING))
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await shown(pilot, RunScreen)
        await until(pilot, lambda: screen.view.finished is not None)
        assert "not all holds" in screen.bar.plain
        assert "status.health.status: got Degraded, want Healthy" in screen.outcome.plain
        assert "checks 6/7" in screen.steps.body.plain
        await pilot.press("enter")
        await shown(pilot, LabScreen)


async def test_a_step_that_fails_shows_the_error_and_can_be_run_again() -> None:
    source = running(999, logs={"up": "up-step-failed"})
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await shown(pilot, RunScreen)
        await until(pilot, lambda: screen.view.finished is not None)
        assert "✗ kind failed with exit code 1" in screen.outcome.plain
        assert "$ kind create cluster --name lab-w2" in screen.outcome.plain
        assert "✗ creating cluster w2" in screen.steps.body.plain
        source.logs["up"] = "up"
        await pilot.press("r")
        await until(pilot, lambda: app.screen is not screen and isinstance(app.screen, RunScreen))
    assert source.started == [("up", data.CENTRALIZED, "--provider", "kind")]


async def test_a_run_that_is_gone_without_a_word_says_what_it_printed() -> None:
    app = app_of(running(47, lost_after=20.0))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await shown(pilot, RunScreen)
        await until(pilot, lambda: screen.lost is not None)
        assert "ended without a word" in screen.outcome.plain
        assert "MemoryError" in screen.outcome.plain
        assert screen.check_action("act", ("again",))
        assert not screen.check_action("act", ("stop",))


async def test_tabs_show_one_cluster_or_all() -> None:
    app = app_of(running(47))
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await shown(pilot, RunScreen)
        await until(pilot, lambda: "Starting control-plane" in screen.log_pane.plain)
        tabs = screen.query_one(Tabs)
        assert [tab.label.plain for tab in tabs.query("Tab")] == ["all", "hub", "w1", "w2"]  # type: ignore[attr-defined]
        tabs.active = "cluster-w2"
        await until(pilot, lambda: "lab-hub" not in screen.log_pane.plain)
        assert "kind create cluster --name lab-w2" in screen.log_pane.plain


async def test_down_leads_home_because_the_lab_is_gone() -> None:
    source = FakeSource(lab=STANDING)
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot, LabScreen)
        app.show_run(source.start("down", ("--yes",)))
        screen = await shown(pilot, RunScreen)
        source.time += 100
        await until(pilot, lambda: screen.view.finished is not None)
        assert "the lab is gone" in screen.outcome.plain
        source.lab = None
        await pilot.press("enter")
        await shown(pilot, ChooseScreen)


async def test_where_the_log_is() -> None:
    app = app_of(running(47))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await shown(pilot, RunScreen)
        await until(pilot, lambda: bool(screen.view.log))
        await pilot.press("l")
        await until(pilot, lambda: "1780000000000-up-4711.jsonl" in notices(app))


def await_no_followers(source: FakeSource) -> None:
    """The thread that followed ends soon after the screen; a second is plenty."""
    for _ in range(100):
        if source.followers == 0:
            return
        threading.Event().wait(0.01)
    raise AssertionError("the log is still followed")
