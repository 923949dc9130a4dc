"""What a person can do, once: keys, the footer, the command palette and the help screen come from here."""

from collections.abc import Callable
from dataclasses import dataclass

from textual.binding import Binding, BindingType


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What decides whether an action is possible now."""

    lab: str = ""
    """State of the lab: `absent`, `partial`, `up`, `paused`; empty while it is not known."""
    busy: str = ""
    """What holds the lab right now; empty: nothing."""
    watched: bool = False
    """Whether a run goes on that can be watched."""
    choices: int = 1
    """How many providers there are to choose from."""
    ready: bool = True
    """Whether what the screen leads to can be started or opened."""
    reason: str = ""
    """Why it cannot."""
    running: bool = False
    """Whether the run on the screen still goes on."""


Possible = Callable[[Facts], str]
"""Empty when it is possible, else why not."""


def _always(_: Facts) -> str:
    return ""


def _ready(facts: Facts) -> str:
    return "" if facts.ready else facts.reason or "there is nothing to open"


def _stands(facts: Facts) -> str:
    return "" if facts.lab in ("up", "partial", "paused") else "there is no lab"


def _free(facts: Facts) -> str:
    return f"the lab is busy: {facts.busy}" if facts.busy else ""


def _up_and_free(facts: Facts) -> str:
    if facts.lab == "paused":
        return "the lab is paused; r resumes it"
    return _stands(facts) or _free(facts)


def _pausable(facts: Facts) -> str:
    return "" if facts.lab in ("up", "partial") and not facts.busy else _free(facts) or "the lab does not run"


def _resumable(facts: Facts) -> str:
    return "" if facts.lab == "paused" and not facts.busy else _free(facts) or "the lab is not paused"


def _stands_and_free(facts: Facts) -> str:
    return _stands(facts) or _free(facts)


def _running(facts: Facts) -> str:
    return "" if facts.running else "the run has ended"


def _ended(facts: Facts) -> str:
    return "the run goes on" if facts.running else ""


@dataclass(frozen=True, kw_only=True)
class Action:
    """One row of the registry. Its screen's method `do_<id>` carries it out, `-` written as `_`."""

    id: str
    key: str
    """Textual's key name; empty: only in the palette."""
    label: str
    """One or two words for the footer."""
    help: str
    """A sentence for the help screen and the palette."""
    on: tuple[str, ...]
    """Screens that have it."""
    possible: Possible = _always
    footer: bool = True
    """Whether the footer has room for it."""
    hidden: bool = False
    """Whether it is left out, instead of explained, while it is not possible."""

    @property
    def handler(self) -> str:
        return f"do_{self.id.replace('-', '_')}"


PAGES = ("choose", "confirm", "run", "lab", "detail", "doctor", "help")

ACTIONS: tuple[Action, ...] = (
    # choose
    Action(
        id="choose",
        key="enter",
        label="plan",
        help="The plan of this scenario, or its lab when it is there.",
        on=("choose",),
    ),
    Action(
        id="provider",
        key="v",
        label="provider",
        help="Take the next provider: where clusters come from.",
        on=("choose",),
        possible=lambda facts: "" if facts.choices > 1 else "there is only one provider",
        hidden=True,
    ),
    Action(
        id="watch",
        key="w",
        label="watch",
        help="Watch the run that goes on.",
        on=("choose", "lab"),
        possible=lambda facts: "" if facts.watched else "nothing runs",
        hidden=True,
    ),
    Action(
        id="lab",
        key="l",
        label="lab",
        help="Go to the lab that is there.",
        on=("choose",),
        possible=_stands,
        hidden=True,
    ),
    # confirm
    Action(
        id="start", key="enter", label="start", help="Bring the lab up as planned.", on=("confirm",), possible=_ready
    ),
    Action(
        id="with-ui",
        key="u",
        label="Argo CD's UI",
        help="With or without Argo CD's own API server and UI.",
        on=("confirm",),
    ),
    Action(
        id="doctor",
        key="d",
        label="doctor",
        help="Everything doctor found on this machine for the scenario.",
        on=("choose", "confirm"),
    ),
    # run
    Action(
        id="go-on",
        key="enter",
        label="go on",
        help="Go to the lab, or back to the scenarios when it is gone.",
        on=("run",),
        possible=_ended,
        hidden=True,
    ),
    Action(
        id="stop",
        key="s",
        label="stop after this step",
        help="Let the running steps end, then stop. What is done stays.",
        on=("run",),
        possible=_running,
        hidden=True,
    ),
    Action(
        id="again",
        key="r",
        label="again",
        help="Run the same command again; it goes on from what is done.",
        on=("run",),
        possible=lambda facts: _ended(facts) or _ready(facts),
        hidden=True,
    ),
    Action(id="log-file", key="l", label="log file", help="Say where the event log is.", on=("run",)),
    Action(
        id="leave",
        key="escape",
        label="leave it running",
        help="Leave; the run goes on.",
        on=("run",),
        possible=_running,
        hidden=True,
    ),
    Action(id="left", key="escape", label="back", help="Back.", on=("run",), possible=_ended, hidden=True),
    # lab
    Action(
        id="why",
        key="enter",
        label="why",
        help="Say why: state, revision, message and the command that shows more.",
        on=("lab",),
    ),
    Action(
        id="check",
        key="c",
        label="check",
        help="Run the lab's checks and those of the lesson step.",
        on=("lab",),
        possible=_up_and_free,
    ),
    Action(
        id="push",
        key="p",
        label="push",
        help="Commit and push the workspace, then wait until it is applied.",
        on=("lab",),
        possible=_up_and_free,
    ),
    Action(
        id="pause",
        key="z",
        label="pause",
        help="Stop the clusters and keep everything.",
        on=("lab",),
        possible=_pausable,
        hidden=True,
    ),
    Action(
        id="resume",
        key="r",
        label="resume",
        help="Start the paused clusters and mend their links.",
        on=("lab",),
        possible=_resumable,
        hidden=True,
    ),
    Action(
        id="down",
        key="d",
        label="down",
        help="Remove the lab. Says what goes and asks once.",
        on=("lab",),
        possible=_stands_and_free,
    ),
    Action(
        id="mend",
        key="u",
        label="up again",
        help="Run up again: it does only what is missing.",
        on=("lab",),
        possible=_stands_and_free,
        footer=False,
    ),
    Action(
        id="open",
        key="o",
        label="open",
        help="Open the git server or Argo CD's UI in the browser.",
        on=("lab",),
        possible=_stands,
    ),
    Action(
        id="shell",
        key="$",
        label="shell",
        help="A shell in the workspace with kubectl set to the lab; exit comes back.",
        on=("lab",),
        possible=_stands,
    ),
    Action(id="next", key="n", label="next", help="Show the next lesson step.", on=("lab",), footer=False),
    Action(id="previous", key="b", label="back", help="Show the lesson step before.", on=("lab",), footer=False),
    Action(id="hint", key="h", label="hint", help="Show or hide the hint of the step.", on=("lab",), footer=False),
    Action(
        id="full",
        key="f",
        label="full",
        help="The focused pane on the whole screen; escape brings the others back.",
        on=("run", "lab"),
        footer=False,
    ),
    Action(id="find", key="/", label="find", help="Show only what matches.", on=("choose", "lab"), footer=False),
    Action(
        id="scenarios",
        key="escape",
        label="scenarios",
        help="Back to the scenarios; the lab stays.",
        on=("lab",),
        footer=False,
    ),
    # detail, doctor
    Action(
        id="recheck",
        key="c",
        label="check this",
        help="Run this check, drills too.",
        on=("detail",),
        possible=lambda facts: _ready(facts) or _free(facts),
        hidden=True,
    ),
    Action(
        id="copy", key="y", label="copy command", help="Copy the command to the clipboard.", on=("detail", "doctor")
    ),
    Action(id="look-again", key="r", label="look again", help="Let doctor look again.", on=("doctor",)),
    Action(id="back", key="escape", label="back", help="Back.", on=("confirm", "detail", "doctor", "help")),
    # everywhere
    Action(id="palette", key=":", label="more", help="All commands, to search.", on=PAGES),
    Action(id="help", key="?", label="help", help="What every key does here.", on=PAGES[:-1]),
    Action(id="theme", key="", label="light or dark", help="Change between the dark and the light theme.", on=PAGES),
    Action(id="quit", key="q", label="quit", help="Leave the screens. What runs goes on.", on=PAGES, footer=False),
)


def on(page: str) -> tuple[Action, ...]:
    """The actions of a screen, in the registry's order."""
    return tuple(action for action in ACTIONS if page in action.on)


def find(id: str) -> Action:
    """The action of that id; KeyError when there is none."""
    for action in ACTIONS:
        if action.id == id:
            return action
    raise KeyError(id)


_KEYS = {"?": "question_mark", ":": "colon", "/": "slash", "$": "dollar_sign"}
_DISPLAY = {"escape": "esc"}


def shown(action: Action) -> str:
    """The key as people read it."""
    return _DISPLAY.get(action.key, action.key)


def bindings(page: str) -> list[BindingType]:
    """Textual's bindings of a screen."""
    return [
        Binding(
            _KEYS.get(action.key, action.key),
            f"act('{action.id}')",
            action.label,
            show=action.footer,
            key_display=shown(action),
            tooltip=action.help,
            id=f"{page}.{action.id}",
        )
        for action in on(page)
        if action.key
    ]
