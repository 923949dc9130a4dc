"""What exists: the scenarios, one of them drawn, and whether this machine can run it."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Input, OptionList

from lab.tui.actions import Facts, bindings
from lab.tui.messages import CatalogRead, Diagnosed
from lab.tui.screens.page import Page
from lab.tui.source import Card, Choice, Standing, Ticket
from lab.tui.states import LEVELS, VERDICT
from lab.tui.topology import picture
from lab.tui.widgets.bar import crumbs, speaker
from lab.tui.widgets.find import Find
from lab.tui.widgets.rows import Row, RowList, Rows
from lab.tui.widgets.verdict import verdict

SETTLE = 0.25
"""Seconds the highlight rests on a scenario before doctor is asked about it."""


class ChooseScreen(Page):
    """Home."""

    PAGE = "choose"
    BINDINGS: ClassVar[list[BindingType]] = bindings("choose")

    def __init__(self) -> None:
        super().__init__()
        self.cards: tuple[Card, ...] = ()
        self.standing: Standing | None = None
        self.running: Ticket | None = None
        self.providers: tuple[str, ...] = ()
        self.provider = ""
        self.list = RowList("scenarios", id="scenarios")
        self.about = Rows(id="about-text")
        self.drawing = Rows(id="about-drawing")
        self.verdict = Rows()
        self._settle: Timer | None = None

    def compose(self) -> ComposeResult:
        yield self.bar
        with Horizontal(id="choose-panes"):
            with Vertical(id="choose-list"):
                yield Find("find a scenario")
                yield self.list
            with Vertical(id="about", classes="pane"):
                with VerticalScroll(id="about-scroll"):
                    yield self.about
                    yield self.drawing
                with VerticalScroll(id="about-verdict", can_focus=False):
                    yield self.verdict
        yield self.foot

    def on_mount(self) -> None:
        self.list.focus()
        self._draw_bar()

    def on_screen_resume(self) -> None:
        self.in_thread(self._read, "catalog", self.refused)

    def _read(self) -> CatalogRead:
        source = self.source
        return CatalogRead(tuple(source.scenarios()), source.standing(), source.active(), tuple(source.providers()))

    # --- facts --------------------------------------------------------------------------------------------------

    @property
    def facts(self) -> Facts:
        return Facts(
            lab="up" if self.standing else "",
            watched=self.running is not None,
            choices=len(self.providers),
        )

    @property
    def card(self) -> Card | None:
        """The scenario under the highlight."""
        return next((card for card in self.cards if card.id == self.list.chosen), None)

    @property
    def choice(self) -> Choice | None:
        """What enter would bring up."""
        card = self.card
        return Choice(scenario=card.id, provider=self.provider) if card and card.scenario else None

    # --- what arrives -------------------------------------------------------------------------------------------

    @on(CatalogRead)
    def _take_catalog(self, message: CatalogRead) -> None:
        first = not self.cards
        self.cards, self.standing, self.running = message.cards, message.standing, message.active
        self.providers = message.providers
        self.provider = self.provider or (message.providers[0] if message.providers else "")
        self._draw_list()
        if first:
            self.list.choose(self.standing.scenario if self.standing else self.host.last_scenario)
        self._draw_bar()
        self._draw_about()
        self.refresh_bindings()

    @on(Diagnosed)
    def _take_diagnosis(self, message: Diagnosed) -> None:
        if message.diagnosis is not None:
            self.host.diagnoses[message.choice] = message.diagnosis
        if message.choice == self.choice:
            self.verdict.show(verdict(message.diagnosis, message.error))

    @on(OptionList.OptionHighlighted, "#scenarios")
    def _highlight(self) -> None:
        self._draw_about()

    @on(OptionList.OptionSelected, "#scenarios")
    def _click(self) -> None:
        self.do_choose()

    @on(Input.Changed, "#find")
    def _filter(self) -> None:
        self._draw_list()

    @on(Input.Submitted, "#find")
    def _found(self) -> None:
        self.list.focus()

    # --- drawing ------------------------------------------------------------------------------------------------

    def _draw_bar(self) -> None:
        self.bar.left = crumbs(Content.styled("GitOps Lab", "bold $accent"), "choose a scenario")
        standing = ""
        if self.standing:
            name = "lab" if self.standing.lab == "lab" else f"lab {self.standing.lab}"
            unfinished = "" if self.standing.complete else ", unfinished"
            standing = f"{name}: {self.standing.scenario.rpartition('/')[2]}{unfinished}"
        self.bar.right = crumbs(standing, Content("provider ") + speaker(self.provider) if self.provider else "")

    def _draw_list(self) -> None:
        needle = self.query_one(Find).value.casefold().strip()
        rows: list[Row] = []
        group = ""
        for card in self.cards:
            if needle and needle not in _words(card).casefold():
                continue
            folder = card.id.rpartition("/")[0]
            if folder != group:
                group = folder
                rows.append(Row(left=Content.styled(folder.replace("-", " "), "$text-muted")))
            rows.append(self._row(card))
        if not rows:
            rows.append(Row(left=Content.styled("nothing matches" if needle else "no scenarios", "$text-muted")))
        self.list.show(rows)

    def _row(self, card: Card) -> Row:
        if card.scenario is None:
            return Row(
                left=Content(card.id.rpartition("/")[2]),
                right=VERDICT["problem"].content("invalid"),
                indent=2,
                id=card.id,
            )
        meta = card.scenario.metadata
        here = self.standing is not None and self.standing.scenario == card.id
        mark = (
            Content.styled("●", "$accent") if here else Content.styled("✓", "$success") if card.done else Content(" ")
        )
        right = Content.assemble(
            mark, " ", (LEVELS[meta.level], "$text-muted"), (f" {meta.minutes:>3} min", "$text-muted")
        )
        return Row(left=Content(meta.name), right=right, indent=2, limit=1, id=card.id)

    def _draw_about(self) -> None:
        pane = self.query_one("#about")
        card = self.card
        if card is None:
            pane.border_title = "about"
            for part in (self.about, self.drawing, self.verdict):
                part.show(())
            return
        pane.border_subtitle = ""
        pane.border_title = card.id.rpartition("/")[2]
        if card.scenario is None:
            self.about.show([Row(left=Content("This scenario does not follow the format:")), Row()])
            self.drawing.show([Row(left=Content.styled(problem, "$error")) for problem in card.problems])
            self.verdict.show(())
            return
        scenario = card.scenario
        pane.border_subtitle = f"{scenario.metadata.level}, {scenario.metadata.minutes} min"
        rows = [Row(left=Content.styled(scenario.metadata.title, "bold"), hang=0)]
        if card.done:
            rows.append(Row(left=Content.styled("✓ lesson done", "$success")))
        if scenario.metadata.summary:
            rows.append(Row(left=Content.styled(scenario.metadata.summary, "$text-muted"), hang=0, limit=4))
        self.about.show([*rows, Row()])
        width = max(20, self.query_one("#about-scroll").scrollable_content_region.width)
        lines = picture(scenario, width).split("\n", allow_blank=True)
        git = ", ".join(repository.name for repository in scenario.spec.repositories)
        if git:
            lines.append(Content.assemble(("git ", "$text-muted"), git))
        rows = [Row(left=line) for line in lines]
        if scenario.lesson:
            rows += [Row(), Row(left=Content.styled("the lesson", "$text-muted"))]
            rows += [Row(left=Content(f"{step.number}  {step.title}"), hang=3) for step in scenario.lesson]
        self.drawing.show(rows)
        self._ask_doctor()

    def on_resize(self) -> None:
        if self.cards:
            self.call_after_refresh(self._draw_about)

    def _ask_doctor(self) -> None:
        choice = self.choice
        if choice is None:
            return
        if self._settle is not None:
            self._settle.stop()
        known = self.host.diagnoses.get(choice)
        if known is not None:
            self.verdict.show(verdict(known))
            return
        self.verdict.show([Row(left=Content.styled("… doctor looks at this machine", "$text-muted"))])
        self._settle = self.set_timer(SETTLE, lambda: self._diagnose(choice))

    def _diagnose(self, choice: Choice) -> None:
        self.in_thread(
            lambda: Diagnosed(choice, self.source.diagnose(choice)),
            "doctor",
            lambda error, hint: Diagnosed(choice, None, f"{error}\n{hint}"),
        )

    # --- actions ------------------------------------------------------------------------------------------------

    def do_choose(self) -> None:
        card, choice = self.card, self.choice
        if card is None or choice is None:
            return
        self.host.last_scenario = card.id
        if self.running is not None:
            self.host.show_run(self.running)
        elif self.standing and self.standing.complete and self.standing.scenario == card.id:
            self.host.show_lab()
        elif card.scenario is not None:
            self.host.open_confirm(card.scenario, choice, self.standing)

    def do_doctor(self) -> None:
        if self.choice is not None:
            self.host.open_doctor(self.choice)

    def do_provider(self) -> None:
        index = self.providers.index(self.provider) if self.provider in self.providers else -1
        self.provider = self.providers[(index + 1) % len(self.providers)]
        self._draw_bar()
        self._draw_about()

    def do_watch(self) -> None:
        if self.running is not None:
            self.host.show_run(self.running)

    def do_lab(self) -> None:
        self.host.show_lab()

    def do_find(self) -> None:
        self.query_one(Find).open()


def _words(card: Card) -> str:
    meta = card.scenario.metadata if card.scenario else None
    return f"{card.id} {meta.title} {meta.summary} {meta.level}" if meta else card.id
