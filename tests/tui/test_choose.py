"""Choosing a scenario and confirming its plan."""

from lab.errors import LabError
from lab.results import Diagnosis
from lab.tui.screens.ask import AskScreen
from lab.tui.screens.choose import ChooseScreen
from lab.tui.screens.confirm import ConfirmScreen, made_rows, plan_rows
from lab.tui.screens.doctor import DoctorScreen
from lab.tui.screens.lab import LabScreen
from lab.tui.screens.run import RunScreen
from lab.tui.source import Choice, Standing, Ticket
from lab.tui.widgets.verdict import verdict
from tests.tui import data
from tests.tui.driving import app_of, notices, shown, until
from tests.tui.fakes import STANDING, FakeSource

CHOICE = Choice(scenario=data.CENTRALIZED, provider="kind")


async def test_home_lists_scenarios_by_group_and_looks_at_the_chosen_one() -> None:
    app = app_of(FakeSource())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await shown(pilot, ChooseScreen)
        await until(pilot, lambda: bool(screen.cards))
        text = screen.list.plain
        assert text.index("01 app of apps") < text.index("basic-example") < text.index("03 multi cluster")
        assert "✓ ●○○  20 min" in text
        assert "✗ invalid" in text
        await pilot.press("down", "down", "down")
        await until(pilot, lambda: "this machine can run it" in screen.verdict.plain)
        assert "One Argo CD, many clusters" in screen.about.plain
        assert "╭─ hub ──────╮" in screen.drawing.plain
        assert "about 2.4 GiB more needed" in " ".join(screen.verdict.plain.split())


async def test_doctor_is_asked_once_a_scenario_and_only_where_the_highlight_rests() -> None:
    source = FakeSource()
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await shown(pilot, ChooseScreen)
        await until(pilot, lambda: bool(screen.cards))
        await pilot.press("down", "down", "down")
        await until(pilot, lambda: "can run it" in screen.verdict.plain)
        await pilot.press("down", "up")
        await until(pilot, lambda: "can run it" in screen.verdict.plain)
        assert source.diagnosed.count(data.CENTRALIZED) == 1
        assert len(source.diagnosed) < 5


async def test_a_torn_scenario_says_what_is_wrong_and_cannot_be_chosen() -> None:
    app = app_of(FakeSource())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await shown(pilot, ChooseScreen)
        await until(pilot, lambda: bool(screen.cards))
        await pilot.press("end")
        await until(pilot, lambda: "did you mean clusters?" in " ".join(screen.drawing.plain.split()))
        await pilot.press("enter")
        await pilot.pause()
        assert app.screen is screen


async def test_the_provider_is_chosen_where_there_are_several_and_a_simulated_one_says_so() -> None:
    source = FakeSource(names=("kind", "sim"))
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await shown(pilot, ChooseScreen)
        await until(pilot, lambda: bool(screen.cards))
        assert "provider kind" in screen.bar.plain
        await pilot.press("v")
        await until(pilot, lambda: "SIMULATED" in screen.bar.plain)
        await pilot.press("enter")
        confirm = await shown(pilot, ConfirmScreen)
        assert "SIMULATED" in confirm.bar.plain
        await until(pilot, lambda: bool(confirm.steps) and confirm.diagnosis is not None)
        await pilot.press("enter")
        await shown(pilot, RunScreen)
    assert source.started[0][3] == "sim"


async def test_finding_narrows_the_list_and_escape_brings_it_back() -> None:
    app = app_of(FakeSource())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await shown(pilot, ChooseScreen)
        await until(pilot, lambda: bool(screen.cards))
        await pilot.press("/", *"hybr")
        await until(pilot, lambda: "basic-example" not in screen.list.plain)
        assert "hybrid" in screen.list.plain
        await pilot.press("enter")
        await until(pilot, lambda: screen.list.has_focus)
        assert screen.list.chosen == "03-multi-cluster/hybrid"
        await pilot.press("/", "escape")
        await until(pilot, lambda: "basic-example" in screen.list.plain)


async def test_enter_shows_the_plan_and_enter_again_starts_it() -> None:
    source = FakeSource()
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await shown(pilot, ChooseScreen)
        await until(pilot, lambda: bool(screen.cards))
        await pilot.press("down", "down", "down", "enter")
        confirm = await shown(pilot, ConfirmScreen)
        await until(pilot, lambda: len(confirm.steps) == 13 and confirm.diagnosis is not None)
        assert source.started == []
        await pilot.press("enter")
        await shown(pilot, RunScreen)
    assert source.started == [("up", data.CENTRALIZED, "--provider", "kind")]


async def test_a_click_chooses_like_enter() -> None:
    app = app_of(FakeSource())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await shown(pilot, ChooseScreen)
        await until(pilot, lambda: bool(screen.cards))
        await pilot.click("#scenarios", offset=(8, 5))
        confirm = await shown(pilot, ConfirmScreen)
        assert confirm.scenario.name == "list-generator"


async def test_argo_cd_s_ui_is_a_choice_that_reaches_the_command() -> None:
    source = FakeSource()
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: bool((app.screen.query("#scenarios") or [None])[0]))
        app.open_confirm(data.SCENARIOS[3], CHOICE, None)
        confirm = await shown(pilot, ConfirmScreen)
        assert "without UI" in confirm.made.body.plain
        await pilot.press("u")
        await until(pilot, lambda: "with its UI" in confirm.made.body.plain and bool(confirm.steps))
        await pilot.press("enter")
        await shown(pilot, RunScreen)
    assert source.started[0][-1] == "--ui"


async def test_problems_of_the_machine_are_asked_about_before_starting() -> None:
    source = FakeSource(diagnosis=data.BLOCKED)
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot, ChooseScreen)
        app.open_confirm(data.SCENARIOS[3], CHOICE, None)
        confirm = await shown(pilot, ConfirmScreen)
        await until(pilot, lambda: bool(confirm.steps) and confirm.diagnosis is not None)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, AskScreen))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is confirm)
        assert source.started == []
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, AskScreen))
        await pilot.press("y")
        await shown(pilot, RunScreen)
    assert source.started[0][-1] == "--yes"


async def test_another_lab_of_that_name_stands_in_the_way() -> None:
    source = FakeSource(lab=Standing(lab="lab", scenario="x/other", provider="kind", complete=False))
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot, ChooseScreen)
        app.open_confirm(data.SCENARIOS[3], CHOICE, source.lab)
        confirm = await shown(pilot, ConfirmScreen)
        await until(pilot, lambda: bool(confirm.steps))
        await pilot.press("enter")
        await until(pilot, lambda: "take it down first" in notices(app))
    assert source.started == []


async def test_a_plan_that_cannot_be_made_says_why() -> None:
    source = FakeSource(fail={"plan": LabError("scenario-unknown", name="ghost", nearest="")})
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot, ChooseScreen)
        app.open_confirm(data.SCENARIOS[3], CHOICE, None)
        confirm = await shown(pilot, ConfirmScreen)
        await until(pilot, lambda: "there is no scenario ghost" in confirm.plan.body.plain)
        await pilot.press("enter", "escape")
        await shown(pilot, ChooseScreen)
    assert source.started == []


async def test_the_lab_that_stands_is_opened_instead_of_planned() -> None:
    app = app_of(FakeSource(lab=STANDING))
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot, LabScreen)
        await pilot.press("escape")
        screen = await shown(pilot, ChooseScreen)
        await until(pilot, lambda: screen.list.chosen == data.CENTRALIZED)
        assert "lab: centralized" in screen.bar.plain
        await pilot.press("enter")
        await shown(pilot, LabScreen)


async def test_a_run_that_goes_on_can_be_watched_from_home() -> None:
    source = FakeSource()
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await shown(pilot, ChooseScreen)
        await until(pilot, lambda: bool(screen.cards))
        assert not screen.check_action("act", ("watch",))
        source.running = Ticket(command="up", pid=4711)
        app.show_choose()
        screen = await shown(pilot, ChooseScreen)
        await until(pilot, lambda: screen.running is not None)
        await pilot.press("w")
        await shown(pilot, RunScreen)


async def test_doctor_s_screen_puts_problems_first_and_copies_the_fix() -> None:
    app = app_of(FakeSource(diagnosis=data.BLOCKED))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await shown(pilot, ChooseScreen)
        await until(pilot, lambda: bool(screen.cards))
        await pilot.press("d")
        doctor = await shown(pilot, DoctorScreen)
        await until(pilot, lambda: doctor.diagnosis is not None)
        assert [row.id for row in doctor.list.rows][:3] == ["memory", "inotify-instances", "proxy"]
        assert "2 problems to mend" in doctor.bar.plain
        await pilot.press("down", "y")
        await until(pilot, lambda: "copied" in notices(app))
        assert app.clipboard == "sudo sysctl fs.inotify.max_user_instances=512"


async def test_doctor_looks_again_when_asked() -> None:
    source = FakeSource(diagnosis=data.BLOCKED)
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await shown(pilot, ChooseScreen)
        await until(pilot, lambda: bool(screen.cards))
        await pilot.press("d")
        doctor = await shown(pilot, DoctorScreen)
        await until(pilot, lambda: doctor.diagnosis is not None)
        source.diagnosis = data.READY
        await pilot.press("r")
        await until(pilot, lambda: doctor.diagnosis == data.READY)
        assert "this machine can run it" in doctor.bar.plain


async def test_an_unexpected_error_of_doctor_does_not_end_the_screens() -> None:
    source = FakeSource()
    source.fail["diagnose"] = ZeroDivisionError("surprise")  # type: ignore[assignment]
    app = app_of(source)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await shown(pilot, ChooseScreen)
        await until(pilot, lambda: "surprise" in screen.verdict.plain)


def test_the_plan_names_what_each_step_comes_after() -> None:
    rows = plan_rows(data.PLAN)
    assert rows[0].right.plain == ""
    assert rows[9].left.plain == "10 registering w1 with hub"
    assert rows[9].right.plain == "← 4 8"


def test_what_will_be_there_names_clusters_argo_cds_repositories_and_checks() -> None:
    text = "\n".join(row.left.plain for row in made_rows(data.SCENARIOS[4], CHOICE, "mine"))
    for part in (
        "3 clusters",
        "w1   workload · production eu",
        "from git",
        "git server mine-git",
        "team-a",
        "7 checks",
    ):
        assert part in text


def test_the_verdict_shows_every_problem_with_its_fix() -> None:
    text = "\n".join(
        line for row in verdict(data.BLOCKED) for line in (row.left.plain, *(r.left.plain for r in row.below))
    )
    assert "2 problems" in text
    assert "$ sudo sysctl fs.inotify.max_user_instances=512" in text
    assert "! 1 warning; d shows it" in text
    calm = verdict(Diagnosis(findings=(), provider="kind"))
    assert [row.left.plain for row in calm] == ["✓ this machine can run it"]
