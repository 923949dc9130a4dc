"""One registry feeds keys, footer, palette and help."""

from collections import defaultdict

import pytest
from textual.command import CommandPalette
from textual.widgets import OptionList

from lab.tui.actions import ACTIONS, PAGES, Facts, bindings, on, shown
from lab.tui.screens.choose import ChooseScreen
from lab.tui.screens.confirm import ConfirmScreen
from lab.tui.screens.detail import DetailScreen
from lab.tui.screens.doctor import DoctorScreen
from lab.tui.screens.help import HelpScreen, help_rows
from lab.tui.screens.lab import LabScreen
from lab.tui.screens.page import Page
from lab.tui.screens.run import RunScreen
from tests.tui import data
from tests.tui.driving import app_of, notices, until
from tests.tui.driving import shown as seen
from tests.tui.fakes import STANDING, FakeSource

SCREENS: tuple[type[Page], ...] = (
    ChooseScreen,
    ConfirmScreen,
    RunScreen,
    LabScreen,
    DetailScreen,
    DoctorScreen,
    HelpScreen,
)
POSSIBLE = [
    Facts(lab=lab, busy=busy, running=running, ready=ready, watched=watched, choices=2)
    for lab in ("", "up", "partial", "paused", "absent")
    for busy in ("", "checking")
    for running in (True, False)
    for ready in (True, False)
    for watched in (True, False)
]


def test_every_action_has_its_handler_on_every_screen_that_offers_it() -> None:
    assert {screen.PAGE for screen in SCREENS} == set(PAGES)
    for screen in SCREENS:
        for action in on(screen.PAGE):
            assert callable(getattr(screen, action.handler, None)), f"{screen.__name__}.{action.handler}"


def test_no_two_actions_of_a_screen_answer_to_one_key_at_once() -> None:
    for page in PAGES:
        for facts in POSSIBLE:
            keys = defaultdict(list)
            for action in on(page):
                if action.key and not (action.hidden and action.possible(facts)):
                    keys[action.key].append(action.id)
            assert not [ids for ids in keys.values() if len(ids) > 1], (page, facts)


def test_ids_are_unique_and_every_action_explains_itself() -> None:
    assert len({action.id for action in ACTIONS}) == len(ACTIONS)
    for action in ACTIONS:
        assert action.help.endswith(".")
        assert len(action.label) <= 22
        assert set(action.on) <= set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_the_footer_fits_eighty_columns(page: str) -> None:
    # On the lab's screen, what can be watched also keeps the lab busy.
    for facts in [facts for facts in POSSIBLE if page != "lab" or bool(facts.busy) == facts.watched]:
        offered = [a for a in on(page) if a.key and a.footer and not (a.hidden and a.possible(facts))]
        # A key of the footer takes a blank, the key, a blank, the label and a blank.
        assert sum(len(shown(a)) + len(a.label) + 3 for a in offered) <= 80, [a.id for a in offered]


@pytest.mark.parametrize("page", PAGES)
def test_help_names_every_key_of_the_screen(page: str) -> None:
    text = "\n".join(row.left.plain for row in help_rows(page))
    for action in on(page):
        assert action.help in text
        assert shown(action) in text


def test_bindings_carry_the_help_as_tooltip_and_an_id() -> None:
    for binding in bindings("lab"):
        assert binding.tooltip  # type: ignore[union-attr]
        assert binding.id.startswith("lab.")  # type: ignore[union-attr]


async def test_the_palette_offers_what_is_possible_and_does_it() -> None:
    app = app_of(FakeSource(lab=STANDING, state=data.PAUSED))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await seen(pilot, LabScreen)
        await until(pilot, lambda: screen.status is not None)
        await pilot.press(":")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        entries = app.screen.query_one(OptionList)
        await until(pilot, lambda: entries.option_count > 5)
        offered = "\n".join(str(option.prompt) for option in entries.options)
        assert "resume  (r)" in offered
        assert "pause  (z)" not in offered
        await pilot.press(*"resume")
        await until(pilot, lambda: 0 < entries.option_count < 5)
        await pilot.press("down", "enter")
        await seen(pilot, RunScreen)
    assert app.source.started == [("resume",)]  # type: ignore[attr-defined]


async def test_an_action_that_is_not_possible_says_why() -> None:
    app = app_of(FakeSource(lab=STANDING, state=data.PAUSED))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await seen(pilot, LabScreen)
        await until(pilot, lambda: screen.status is not None)
        await pilot.press("c")
        await until(pilot, lambda: bool(notices(app)))
        assert "the lab is paused; r resumes it" in notices(app)
    assert app.source.started == []  # type: ignore[attr-defined]


async def test_help_opens_for_the_screen_and_goes_back() -> None:
    app = app_of(FakeSource())
    async with app.run_test(size=(80, 24)) as pilot:
        await seen(pilot, ChooseScreen)
        await pilot.press("?")
        screen = await seen(pilot, HelpScreen)
        assert screen.page == "choose"
        await pilot.press("escape")
        await seen(pilot, ChooseScreen)
