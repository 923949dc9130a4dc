"""What a verb hands back, and what several verbs need to begin."""

from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType

from lab.arguments import usage
from lab.errors import OK, LabError
from lab.model import Scenario
from lab.ports import Sink
from lab.recording import silent
from lab.report import text
from lab.report.envelope import error_item
from lab.report.writer import Writer
from lab.results import RunResult
from lab.settings import Settings
from lab.state import LabFolder, Options, Record

if TYPE_CHECKING:
    from lab.session import Lab


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a verb hands back to be rendered."""

    shown: RenderableType = ""
    data: object = None
    exit_code: int = OK
    status: str = ""
    """A run's outcome; empty: told by the exit code."""
    errors: list[dict[str, Any]] = field(default_factory=list)


def open_lab(args: Namespace, sink: Sink = silent, remains: bool = False) -> "Lab":
    from lab.session import Lab

    return Lab.open(Settings.from_environment(), args.name, sink, remains)


def lab_folder(args: Namespace, settings: Settings) -> LabFolder:
    from lab.session import checked_name

    return LabFolder(settings.home, checked_name(args.name))


def wanted_scenario(args: Namespace, settings: Settings, record: Record | None) -> Scenario:
    """The scenario that was named, else the lab's own."""
    from lab import scenario as scenarios

    if args.scenario:
        return scenarios.find(settings, args.scenario)
    if record is None:
        why = f"There is no lab {args.name} yet whose scenario could be taken."
        raise usage(f"`lab {args.verb}` needs a scenario", "lab scenarios", why)
    return scenarios.find(settings, record.scenario)


def wanted_provider(args: Namespace, record: Record | None) -> tuple[str, str]:
    """The provider to take and, in one line, why: what was asked for, else that of the lab, else what works here."""
    from lab import providers

    if record and args.provider == "auto":
        return record.provider, "as before"
    return providers.choose(args.provider)


def wanted_options(args: Namespace, record: Record | None) -> Options:
    """What was asked for, else as the lab was brought up."""
    given = {name: value for name in ("ui", "timing") if (value := getattr(args, name)) is not None}
    return replace(record.options if record else Options(), **given)


def perform(
    writer: Writer, make: Callable[[Sink], "Lab"], operation: Callable[["Lab"], RunResult], after: Iterable[str] = ()
) -> Answer:
    """Run an operation while its events are shown and Ctrl-C stops it in order."""
    from lab.stopping import stoppable

    with writer.progress() as progress:
        lab = make(progress)
        with stoppable(lab, progress.note):
            result = operation(lab)
    failed = sum(check.outcome == "failed" for check in result.checks)
    errors = [error_item(LabError("checks-failed", count=failed), result.log)] if failed else []
    shown = text.run(result, () if result.exit_code else tuple(after))
    return Answer(shown=shown, data=result, exit_code=result.exit_code, status=result.outcome, errors=errors)


def lines(words: Sequence[str]) -> str:
    return "\n".join(words)


def refuse_json(args: Namespace, writer: Writer) -> None:
    """A verb that hands over to a person answers in no other way."""
    if writer.as_json:
        raise usage(f"`lab {args.verb}` has no JSON answer", f"lab {args.verb}", "It hands the terminal over to you.")
