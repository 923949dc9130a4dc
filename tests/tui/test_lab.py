"""The lab screen."""

from dataclasses import replace

from lab.errors import LabError
from lab.results import FleetCell, LabStatus
from lab.tui.screens.ask import AskScreen, LineScreen, PickScreen
from lab.tui.screens.choose import ChooseScreen
from lab.tui.screens.detail import DetailScreen
from lab.tui.screens.lab import LabScreen
from lab.tui.screens.run import RunScreen
from lab.tui.source import Ticket
from tests.tui import data
from tests.tui.driving import app_of, notices, shown, until
from tests.tui.fakes import STANDING, FakeSource

SILENT = LabError("kube-unreachable", cluster="hub", reason="connection refused")


def standing(**values: object) -> FakeSource:
    return FakeSource(lab=STANDING, time=data.START + 150, **values)  # type: ignore[arg-type]


async def ready(pilot: object, source: FakeSource) -> LabScreen:
    screen = await shown(pilot, LabScreen)  # type: ignore[arg-type]
    await until(pilot, lambda: screen.status is not None and bool(screen.learner.board), "status and checks")  # type: ignore[arg-type]
    return screen


async def test_it_shows_fleet_clusters_lesson_and_checks() -> None:
    source = standing()
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot, source)
        assert "centralized · step 3 of 8: Change staging, and only staging" in screen.bar.plain
        assert "kind · 2.4 GiB" in screen.bar.plain
        assert screen.grid.word("hub/web", "w1") == "✓ Synced"
        assert screen.grid.word("hub/web", "hub").strip() == "–"
        assert screen.grid.border_title == "fleet 6/6 well"
        assert "✓ hub ready" in screen.clusters.body.plain
        assert "Staging shall run two copies" in screen.lesson.text
        assert "spec.replicas: got 1, want 2" in " ".join(screen.checks.plain.split())
        assert screen.checks.border_title == "checks 7/8"


async def test_only_cells_that_changed_are_drawn_again_and_the_cursor_stays() -> None:
    source = standing()
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot, source)
        await pilot.press("down", "down", "right", "right")
        assert screen.grid.crossing == ("hub/web", "w2")
        source.state = data.DEGRADED
        source.time += 4
        await until(pilot, lambda: screen.grid.word("hub/web", "w2") == "✗ Degraded")
        assert screen.grid.word("hub/web", "w1") == "~ OutSync"
        assert screen.grid.crossing == ("hub/web", "w2")
        assert "Synced, Degraded  9bc01de" in (screen.grid.border_subtitle or "")
        source.state = replace(data.DEGRADED, fleet=data.DEGRADED.fleet[1:])
        source.time += 4
        await until(pilot, lambda: len(screen.grid.fleet.rows) == 2 or screen.grid.row_count == 2)
        assert screen.grid.crossing == ("hub/web", "w2")


async def test_a_simulated_lab_says_so_on_every_screen() -> None:
    source = standing(state=replace(data.UP, provider="sim"))
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot, source)
        assert "SIMULATED" in screen.bar.plain
        await pilot.press("enter")
        detail = await shown(pilot, DetailScreen)
        assert "SIMULATED" in detail.bar.plain


async def test_an_old_answer_is_marked_and_the_mark_goes_with_a_fresh_one() -> None:
    source = standing()
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot, source)
        source.fail["status"] = SILENT
        source.time += 4
        await until(pilot, lambda: screen.failure != "")
        assert "last answer" not in screen.bar.plain
        source.time += 8
        await until(pilot, lambda: "last answer 12 s ago" in screen.bar.plain)
        assert screen.grid.word("hub/web", "w1") == "✓ Synced"
        source.fail.clear()
        source.time += 30
        await until(pilot, lambda: "last answer" not in screen.bar.plain)


async def test_a_lab_that_never_answered_says_why() -> None:
    source = standing(fail={"status": SILENT})
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await shown(pilot, LabScreen)
        await until(pilot, lambda: "the API of hub does not answer" in screen.bar.plain)


async def test_a_lab_that_was_taken_down_elsewhere_says_so() -> None:
    source = standing()
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot, source)
        source.state = LabStatus(lab="lab", scenario="", provider="", state="absent")
        source.time += 4
        await until(pilot, lambda: "no lab any more" in str(screen.grid.border_subtitle))
        await pilot.press("c")
        await until(pilot, lambda: "there is no lab" in notices(app))


async def test_nothing_is_asked_while_another_screen_is_on_top() -> None:
    source = standing()
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot, source)
        await pilot.press("enter")
        await shown(pilot, DetailScreen)
        asked = source.asked.count("status")
        source.time += 60
        screen._tick()
        await pilot.pause(0.1)
        assert source.asked.count("status") == asked


async def test_enter_on_a_cell_says_why() -> None:
    source = standing(state=data.DEGRADED)
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, source)
        await pilot.press("down", "down", "right", "right", "enter")
        detail = await shown(pilot, DetailScreen)
        text = " ".join(detail.panel.body.plain.split())
        for part in (
            "✗ Degraded",
            "sync Synced",
            "revision 9bc01de",
            "80 s ago",
            "cannot be pulled",
            "ApplicationSet web",
            "kubectl --context hub -n argocd describe application web-w2",
        ):
            assert part in text
        await pilot.press("y")
        await until(pilot, lambda: app.clipboard.startswith("kubectl --context hub"))
        await pilot.press("escape")
        await shown(pilot, LabScreen)


async def test_an_argo_cd_that_does_not_answer_has_a_row_that_says_why() -> None:
    silent = FleetCell(
        application="",
        instance="hub",
        cluster="hub",
        namespace="",
        sync="unreachable",
        health="unreachable",
        message="the API of hub does not answer: connection refused",
    )
    source = standing(state=replace(data.UP, fleet=(silent,)))
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot, source)
        assert screen.grid.word("hub/Argo CD", "hub") == "✗ silent"
        await pilot.press("enter")
        detail = await shown(pilot, DetailScreen)
        assert "connection refused" in " ".join(detail.panel.body.plain.split())
        assert "Argo CD on hub" in detail.bar.plain


async def test_enter_on_an_empty_cell_says_that_nothing_is_there() -> None:
    source = standing()
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot, source)
        await pilot.press("down", "right", "enter")
        assert app.screen is screen
        await until(pilot, lambda: "no application here" in notices(app))


async def test_enter_on_a_check_says_why_and_c_runs_only_that_one() -> None:
    source = standing()
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot, source)
        screen.checks.focus()
        await pilot.press("enter")
        detail = await shown(pilot, DetailScreen)
        text = " ".join(detail.panel.body.plain.split())
        assert "staging runs two copies of web" in text
        assert "reason spec.replicas: got 1, want 2" in text
        assert "hint kubectl" in text
        await pilot.press("c")
        await until(pilot, lambda: source.started == [("check", "staging-scaled")])


async def test_a_drill_asks_first() -> None:
    source = standing()
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot, source)
        screen.checks.focus()
        screen.checks.choose("hub-loss")
        await pilot.press("enter")
        await shown(pilot, DetailScreen)
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, AskScreen))
        await pilot.press("n")
        await shown(pilot, LabScreen)
        assert source.started == []
        await pilot.press("enter")
        await shown(pilot, DetailScreen)
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, AskScreen))
        await pilot.press("y")
        await until(pilot, lambda: source.started == [("check", "hub-loss")])


async def test_check_runs_the_step_s_checks_and_the_lab_s_and_shows_them_as_they_go() -> None:
    source = standing()
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot, source)
        await pilot.press("c")
        await until(pilot, lambda: bool(source.started))
        assert source.started[0][:3] == ("check", "staging-scaled", "registered")
        assert "hub-loss" not in source.started[0]
        source.time += 0.6
        await until(pilot, lambda: screen.learner.board["staging-scaled"].state == "running")
        assert screen.learner.board["staging-scaled"].reason == "spec.replicas: got 1, want 2"
        assert "checking" in screen.bar.plain
        await pilot.press("p")
        await until(pilot, lambda: "busy: checking" in notices(app))
        source.step = data.lesson(3, done=True)
        source.time += 60
        await until(pilot, lambda: screen.doing == "" and screen.learner.board["staging-scaled"].state == "passed")
        assert screen.checks.border_title == "checks 8/8"


async def test_a_check_that_cannot_be_started_says_so_and_frees_the_lab() -> None:
    source = standing(fail={"start": LabError("disk-full", path="/home")})
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot, source)
        await pilot.press("c")
        await until(pilot, lambda: "no space left" in notices(app))
        assert screen.doing == ""


async def test_push_asks_for_a_message_and_says_what_it_reached() -> None:
    source = standing()
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot, source)
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, LineScreen))
        await pilot.press("ctrl+u", *"two", "enter")
        await until(pilot, lambda: source.pushed == [("platform", "two")])
        await until(pilot, lambda: "reached 2 applications" in notices(app))
        assert "pushed platform 9bc01de" in notices(app)
        assert screen.doing == ""


async def test_push_asks_which_repository_when_there_are_several_and_can_be_given_up() -> None:
    source = standing(repository_names=("platform", "team"))
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, source)
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, PickScreen))
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, LineScreen))
        await pilot.press("escape")
        await shown(pilot, LabScreen)
        assert source.pushed == []
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, PickScreen))
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, LineScreen))
        await pilot.press("enter")
        await until(pilot, lambda: source.pushed == [("team", "change from the lab")])


async def test_a_refused_push_says_why_and_what_to_do() -> None:
    source = standing(fail={"push": LabError("lab-busy", name="lab", holder="`lab up`")})
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot, source)
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, LineScreen))
        await pilot.press("enter")
        await until(pilot, lambda: "lab lab is busy" in notices(app))
        assert "lab events --follow" in notices(app)
        assert screen.doing == ""


async def test_pause_and_resume_take_turns() -> None:
    source = standing(logs={"pause": "down", "resume": "up"})
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot, source)
        assert not screen.check_action("act", ("resume",))
        await pilot.press("r")
        await pilot.pause()
        assert source.started == []
        await pilot.press("z")
        await shown(pilot, RunScreen)
        source.state = data.PAUSED
        app.show_lab()
        screen = await ready(pilot, source)
        assert not screen.check_action("act", ("pause",))
        assert "paused" in screen.bar.plain
        await pilot.press("r")
        await shown(pilot, RunScreen)
    assert source.started == [("pause",), ("resume",)]


async def test_down_names_what_goes_and_asks_once() -> None:
    source = standing(unsaved="platform: 1 file changed (patch.yaml)")
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, source)
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, AskScreen))
        ask = app.screen
        assert isinstance(ask, AskScreen)
        said = "\n".join(ask.lines)
        assert "clusters hub, w1, w2" in said
        assert "1 file changed" in said
        await pilot.press("enter")
        await shown(pilot, LabScreen)
        assert source.started == []
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, AskScreen))
        await pilot.press("y")
        await shown(pilot, RunScreen)
    assert source.started == [("down", "--yes")]


async def test_up_again_mends_with_the_same_scenario_and_provider() -> None:
    source = standing()
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, source)
        await pilot.press("u")
        await shown(pilot, RunScreen)
    assert source.started == [("up", data.CENTRALIZED, "--provider", "kind")]


async def test_the_lesson_is_browsed_without_losing_where_one_is() -> None:
    source = standing()
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot, source)
        await pilot.press("n")
        await until(pilot, lambda: "Undo what a hand did" in screen.lesson.text)
        assert screen.lesson.border_title == "lesson 4/8, you are at 3"
        await pilot.press("b")
        await until(pilot, lambda: "Staging shall run" in screen.lesson.text)
        await pilot.press("b", "b")
        await until(pilot, lambda: screen.lesson.border_title == "lesson 1/8, you are at 3")
        source.step = data.lesson(4)
        source.time += 60
        await until(pilot, lambda: screen.lesson.border_title == "lesson 4/8")


async def test_the_ends_of_the_lesson() -> None:
    source = standing(step=data.lesson(1))
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, source)
        await pilot.press("b")
        await until(pilot, lambda: "this is the first step" in notices(app))


async def test_a_scenario_without_a_lesson_says_so() -> None:
    source = standing(step=None)
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot, source)
        await until(pilot, lambda: "no lesson" in screen.lesson.text)
        await pilot.press("h", "n")
        await until(pilot, lambda: "there is no lesson" in notices(app))


async def test_h_shows_the_hint_of_the_step_and_of_what_fails() -> None:
    source = standing()
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot, source)
        assert data.HINT not in screen.lesson.text
        await pilot.press("h")
        await until(pilot, lambda: data.HINT in screen.lesson.text)
        assert "hint: kubectl" in screen.checks.plain
        await pilot.press("h")
        await until(pilot, lambda: data.HINT not in screen.lesson.text)


async def test_finding_narrows_the_fleet() -> None:
    source = standing()
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot, source)
        await pilot.press("/", *"ingr")
        await until(pilot, lambda: screen.grid.row_count == 1)
        await pilot.press("enter")
        await until(pilot, lambda: screen.grid.has_focus)
        await pilot.press("/", "escape")
        await until(pilot, lambda: screen.grid.row_count == 3)


async def test_a_pane_fills_the_screen_and_comes_back() -> None:
    source = standing()
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot, source)
        screen.lesson.focus()
        await pilot.press("f")
        await until(pilot, lambda: screen.maximized is screen.lesson)
        assert screen.lesson.size.width > 70
        await pilot.press("escape")
        await until(pilot, lambda: screen.maximized is None)
        assert app.screen is screen


async def test_open_offers_what_there_is() -> None:
    source = standing(state=replace(data.UP, ui_url="https://127.0.0.1:40200"))
    app = app_of(source)
    opened: list[str] = []
    app.open_address = opened.append  # type: ignore[method-assign]
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, source)
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, PickScreen))
        await pilot.press("enter")
        await until(pilot, lambda: opened == ["https://127.0.0.1:40200"])
        source.state = data.UP
        source.time += 4
        screen = await ready(pilot, source)
        await until(pilot, lambda: screen.status == data.UP)
        await pilot.press("o")
        await until(pilot, lambda: opened[1:] == ["http://127.0.0.1:40123"])


async def test_a_terminal_that_cannot_be_lent_says_what_to_type() -> None:
    source = standing()
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, source)
        await pilot.press("$")
        await until(pilot, lambda: "lab shell" in notices(app))
    assert source.shells == 0


async def test_what_another_command_does_is_shown_and_can_be_watched() -> None:
    source = standing(state=replace(data.UP, running="`lab up` since 12 s, process 4711"))
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot, source)
        assert "lab up" in screen.bar.plain
        await pilot.press("d")
        await until(pilot, lambda: "the lab is busy" in notices(app))
        source.running = Ticket(command="up", pid=4711)
        await pilot.press("w")
        await shown(pilot, RunScreen)


async def test_escape_leads_home_and_the_lab_stays() -> None:
    source = standing()
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, source)
        await pilot.press("escape")
        home = await shown(pilot, ChooseScreen)
        await until(pilot, lambda: bool(home.cards))
        await pilot.press("l")
        await shown(pilot, LabScreen)
    assert source.started == []


async def test_the_theme_can_be_light() -> None:
    source = standing()
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot, source)
        screen.do_theme()
        await pilot.pause()
        assert app.theme == "lab-light"
        screen.do_theme()
        assert app.theme == "lab-dark"


async def test_three_hundred_and_sixty_applications_fit() -> None:
    clusters = tuple(replace(data.UP.clusters[1], name=f"w{n}") for n in range(1, 13))
    cells = tuple(
        replace(data.FLEET[1], application=f"shop-{s:02}-{c.name}", cluster=c.name) for s in range(30) for c in clusters
    )
    source = standing(state=replace(data.UP, clusters=(data.UP.clusters[0], *clusters), fleet=cells))
    app = app_of(source)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await ready(pilot, source)
        assert screen.grid.row_count == 30
        assert screen.grid.border_title == "fleet 360/360 well"
        assert screen.grid.word("hub/shop-29", "w12") == "✓ Synced"
