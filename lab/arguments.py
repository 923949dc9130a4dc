"""The command line: verbs, their options, and usage errors that name the nearest valid word.

Only argparse is imported, and only the parser of the verb at hand is built: `lab --help` has to answer at once.
"""

import argparse
import os
from collections.abc import Callable, Sequence

Add = Callable[[argparse.ArgumentParser], None]

GROUPS = ("start", "look", "learn", "change", "more")
VALUE_OPTIONS = ("--name", "--output", "-o")
SHELLS = ("bash", "zsh", "fish")

_COMPLETE = {
    "scenario": ("lab scenarios --quiet", "_lab_scenarios"),
    "check": ("lab check --list --quiet", "_lab_checks"),
}


def complete(what: str) -> dict[str, str]:
    """How each shell completes such a word; the functions stand in PREAMBLE."""
    command, function = _COMPLETE[what]
    return {"bash": function, "zsh": function, "fish": f"({command} 2>/dev/null)"}


PREAMBLE = {
    "bash": "\n".join(
        f'{function}() {{ compgen -W "$({command} 2>/dev/null)" -- "$1"; }}' for command, function in _COMPLETE.values()
    ),
    "zsh": "\n".join(
        f'{function}() {{ compadd -- ${{(f)"$({command} 2>/dev/null)"}}; }}' for command, function in _COMPLETE.values()
    ),
    "fish": "",
}


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Help as wide as the terminal, 100 columns at most."""

    def __init__(self, prog: str) -> None:
        try:
            columns = int(os.environ.get("COLUMNS") or os.get_terminal_size().columns)
        except (OSError, ValueError):
            columns = 80
        # An explicit width keeps argparse from importing shutil, a sixth of the whole start.
        super().__init__(prog, max_help_position=30, width=max(40, min(columns, 100) - 2))


class Parser(argparse.ArgumentParser):
    """Raises LabError `usage` where argparse would print and exit."""

    def error(self, message: str) -> None:  # type: ignore[override]  # argparse says NoReturn; raising is that
        raise usage(message, f"{self.prog} --help")


def usage(problem: str, fix: str, why: str = "") -> Exception:
    """A `usage` error with its own command to paste and, where there is more to say, its own reason."""
    from lab.errors import LabError

    error = LabError("usage", problem=problem)
    error.fix = fix
    error.why = why or error.why
    return error


def _nearest(word: str, known: Sequence[str]) -> str:
    from lab.reading.problems import nearest

    return nearest(word, known) or ""


def _scenario(parser: argparse.ArgumentParser, what: str, required: bool = False) -> None:
    action = parser.add_argument(
        "scenario", metavar="SCENARIO", nargs=None if required else "?", default=None if required else "", help=what
    )
    action.complete = complete("scenario")  # type: ignore[attr-defined]  # read by shtab


def _clusters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("clusters", metavar="CLUSTER", nargs="*", help="only these clusters (default: all)")


def _yes(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--yes", "-y", action="store_true", help=what)


def _provider(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--provider",
        choices=("auto", "kind", "sim"),
        default="auto",
        help="kind: real clusters on Docker; sim: simulated ones, without Docker (default: what works here)",
    )


def _lab_options(parser: argparse.ArgumentParser) -> None:
    _provider(parser)
    parser.add_argument("--ui", action="store_true", default=None, help="install Argo CD with its API server and UI")
    parser.add_argument(
        "--timing",
        choices=("fast", "argocd"),
        help="fast: a push is noticed at once (default); argocd: Argo CD's own timing",
    )


def _scenarios(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("filter", metavar="TEXT", nargs="?", default="", help="only those whose id or title holds this")


def _doctor(parser: argparse.ArgumentParser) -> None:
    _scenario(parser, "judge the machine for this scenario (default: the lab's own, else in general)")
    _provider(parser)


def _plan(parser: argparse.ArgumentParser) -> None:
    _scenario(parser, "scenario name or id (default: the lab's own)")
    _lab_options(parser)


def _up(parser: argparse.ArgumentParser) -> None:
    _scenario(parser, "scenario name or id, e.g. centralized (default: the lab's own)")
    _lab_options(parser)
    parser.add_argument("--skip-checks", action="store_true", help="leave out the scenario's checks at the end")
    _yes(parser, "answer every question with yes, for scripts")


def _check(parser: argparse.ArgumentParser) -> None:
    action = parser.add_argument("ids", metavar="ID", nargs="*", help="only these checks (default: all of `lab up`)")
    action.complete = complete("check")  # type: ignore[attr-defined]  # read by shtab
    parser.add_argument("--drills", action="store_true", help="also the drills, which disturb the lab for a while")
    parser.add_argument("--list", action="store_true", help="list the scenario's checks and run none")
    junit = parser.add_argument("--junit", metavar="FILE", default="", help="also write the results as JUnit XML")
    junit.complete = {"bash": "_shtab_compgen_files", "zsh": "_files"}  # type: ignore[attr-defined]  # read by shtab


def _lesson(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("step", metavar="STEP", nargs="?", type=int, help="step to show (default: where you are)")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--list", action="store_true", help="list the steps")
    choice.add_argument("--solve", action="store_true", help="bring the state of the step: do it for me")
    choice.add_argument("--jump", action="store_true", help="solve every step before STEP, then show it")
    choice.add_argument("--next", action="store_true", help="show the step after the current one")


def _push(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("repository", metavar="REPO", nargs="?", default="", help="default: the one with changes")
    parser.add_argument("-m", "--message", metavar="MSG", default="", help="commit message")


def _down(parser: argparse.ArgumentParser) -> None:
    _yes(parser, "do not ask, and let go of work that is only in the workspace")


def _shell(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cluster", metavar="CLUSTER", nargs="?", default="", help="cluster kubectl talks to first")


def _open(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="?", choices=("git", "argocd", "workspace"), default="git", help="default: git")


def _events(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--follow", "-f", action="store_true", help="wait for more until the run ends")
    parser.add_argument("--run", metavar="ID", default="", help="a run's id (default: the newest)")


def _completion(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=", ".join(SHELLS))


def _password(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--show", action="store_true", help="print the password itself")


def _none(parser: argparse.ArgumentParser) -> None:
    del parser


VERBS: dict[str, tuple[str, str, Add, str]] = {
    # verb: (group, what it does, its arguments, an example)
    "up": ("start", "bring a lab up, or mend it", _up, "lab up centralized"),
    "down": ("start", "remove the lab and everything it made", _down, "lab down --yes"),
    "pause": ("start", "stop the lab's clusters", _clusters, "lab pause hub"),
    "resume": ("start", "start them again and mend every link", _clusters, "lab resume"),
    "tui": ("start", "the same on one screen", _none, "lab tui"),
    "scenarios": ("look", "list the scenarios", _scenarios, "lab scenarios multi"),
    "doctor": ("look", "can this machine run it, and what to do if not", _doctor, "lab doctor centralized"),
    "plan": ("look", "the steps `up` would take", _plan, "lab plan centralized"),
    "status": ("look", "clusters, registrations and applications", _none, "lab status"),
    "events": ("look", "what a run did, step by step", _events, "lab events --follow"),
    "measure": ("look", "memory, pods and times of this lab, as a table", _none, "lab measure"),
    "check": ("learn", "is it true? run the scenario's checks", _check, "lab check --drills"),
    "lesson": ("learn", "the lesson: show, solve or jump to a step", _lesson, "lab lesson 3 --solve"),
    "push": ("change", "commit, push and wait until Argo CD has it", _push, 'lab push -m "three replicas"'),
    "env": ("change", "variables for your shell", _none, 'eval "$(lab env)"'),
    "shell": ("change", "a shell with kubectl and git set up", _shell, "lab shell w1"),
    "open": ("change", "open the git server, Argo CD or the workspace", _open, "lab open argocd"),
    "password": ("more", "where Argo CD's admin password is", _password, "lab password --show"),
    "completion": ("more", "completion for your shell", _completion, 'eval "$(lab completion bash)"'),
}


def _common(parser: argparse.ArgumentParser) -> None:
    options = parser.add_argument_group("every verb")
    options.add_argument(
        "--name",
        metavar="LAB",
        default=os.environ.get("LAB_NAME") or "lab",
        help="which lab (default: $LAB_NAME or `lab`)",
    )
    options.add_argument("--output", "-o", choices=("text", "json"), default="text", help="what stdout carries")
    options.add_argument(
        "--verbose", "-v", action="count", default=0, help="show the command behind every change; -vv: all output"
    )
    options.add_argument("--quiet", "-q", action="store_true", help="only the result")
    options.add_argument("--no-color", action="store_true", help="no colours (also: NO_COLOR=1)")
    options.add_argument("--help", "-h", action="help", help="show this help")


def _fill(parser: argparse.ArgumentParser, verb: str) -> argparse.ArgumentParser:
    _, what, add, example = VERBS[verb]
    parser.description = what[0].upper() + what[1:] + "."
    parser.epilog = f"example:\n  {example}"
    add(parser)
    _common(parser)
    return parser


def parser(verb: str) -> argparse.ArgumentParser:
    """The parser of one verb, for the words that remain without it."""
    return _fill(Parser(prog=f"lab {verb}", formatter_class=Formatter, allow_abbrev=False, add_help=False), verb)


def overview() -> str:
    """The text of `lab --help`."""
    lines = ["usage: lab VERB [options]", "", "Local multi-cluster GitOps labs that check themselves.", ""]
    for group in GROUPS:
        lines.append(f"{group}:")
        lines += [f"  {verb:<12}{what}" for verb, (of, what, _, _) in VERBS.items() if of == group]
        lines.append("")
    lines += [
        "first steps:",
        "  lab doctor centralized      can this machine run it?",
        "  lab up centralized          three clusters, Argo CD, a git server, checked",
        "  lab lesson                  what to do with it",
        "",
        "`lab VERB --help` shows a verb's options; --output json gives every answer as one JSON object.",
    ]
    return "\n".join(lines)


def whole() -> argparse.ArgumentParser:
    """The parser with all verbs, for the completion generator."""
    every = argparse.ArgumentParser(prog="lab", formatter_class=Formatter, allow_abbrev=False)
    every.add_argument("--version", action="store_true", help="show the version")
    verbs = every.add_subparsers(metavar="VERB")
    for verb, (_, what, _, _) in VERBS.items():
        _fill(verbs.add_parser(verb, help=what, add_help=False, formatter_class=Formatter), verb)
    return every


def find_verb(argv: Sequence[str]) -> int:
    """Where the verb stands among the words; -1 when there is none."""
    value = False
    for index, word in enumerate(argv):
        if not value and not word.startswith("-"):
            return index
        value = not value and word in VALUE_OPTIONS
    return -1


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the words after `lab`; `verb` is set in the answer.

    :raises LabError: `usage`, with the nearest valid word where there is one
    """
    index = find_verb(argv)
    if index < 0:
        extra = next((word for word in argv if word.startswith("-")), "")
        raise usage(f"a verb is missing{f' after {extra}' if extra else ''}", "lab --help")
    verb = argv[index]
    if verb not in VERBS:
        near = _nearest(verb, list(VERBS))
        hint = f"; the nearest is {near}" if near else ""
        raise usage(f"there is no verb {verb}{hint}", f"lab {near}" if near else "lab --help")
    reader = parser(verb)
    args, extras = reader.parse_known_args([*argv[:index], *argv[index + 1 :]])
    if extras:
        extra = extras[0].split("=")[0]
        if extra.startswith("-"):
            near = _nearest(extra, [option for action in reader._actions for option in action.option_strings])
            hint = f"; the nearest is {near}" if near else ""
            raise usage(f"`lab {verb}` has no option {extra}{hint}", f"lab {verb} --help")
        raise usage(f"`lab {verb}` takes no more words, found {extra}", f"lab {verb} --help")
    args.verb = verb
    return args


def wants_json(argv: Sequence[str]) -> bool:
    """Whether JSON was asked for, even when the rest of the line cannot be read."""
    pairs = zip(argv, [*argv[1:], ""], strict=True)
    return any(
        word in ("--output=json", "-ojson") or (word in ("--output", "-o") and after == "json") for word, after in pairs
    )
