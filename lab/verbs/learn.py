"""check and lesson."""

from argparse import Namespace
from pathlib import Path

from lab.errors import CHECK_FAILED, OK
from lab.model import Scenario
from lab.report import text
from lab.report.writer import Writer
from lab.results import LessonStatus, RunResult
from lab.session import Lab
from lab.stopping import stoppable
from lab.verbs.answer import Answer, lines, open_lab, perform


def check(args: Namespace, writer: Writer) -> Answer:
    from lab.operations.check import check as operation

    if args.list:
        return _list_checks(open_lab(args).scenario, writer)
    phases = ("up", "drill") if args.drills else ("up",)
    answer = perform(writer, lambda sink: open_lab(args, sink), lambda lab: operation(lab, args.ids, phases))
    if args.junit and isinstance(answer.data, RunResult):
        from lab.report.junit import junit

        Path(args.junit).write_text(
            junit(f"lab {args.name}", answer.data.checks, answer.data.provider), encoding="utf-8"
        )
    return answer


def _list_checks(scenario: Scenario, writer: Writer) -> Answer:
    found = scenario.spec.checks
    rows = [(c.id, c.phase, c.on or scenario.hub.name, c.kind, c.title) for c in found]
    data = [dict(zip(("id", "phase", "on", "kind", "title"), row, strict=True)) for row in rows]
    shown = text.table(("CHECK", "PHASE", "ON", "KIND", "WHAT"), rows)
    return Answer(shown=lines([c.id for c in found]) if writer.quiet else shown, data=data)


def lesson(args: Namespace, writer: Writer) -> Answer:
    from lab.operations import lesson as lessons

    with writer.progress() as progress:
        lab = open_lab(args, progress)
        with stoppable(lab, progress.note):
            if args.list:
                return _list_lesson(lab, lessons.where(lab))
            found = _step(args, lab)
    code = CHECK_FAILED if args.solve and not found.done else OK
    return Answer(shown=text.lesson(found, markdown=writer.terminal), data=found, exit_code=code)


def _step(args: Namespace, lab: Lab) -> LessonStatus:
    """Show, solve or jump to the step that is meant."""
    from lab.operations import lesson as lessons

    here = lessons.where(lab) if args.step is None else None
    step = here.step if here else args.step
    if args.next:
        return lessons.show(lab, min(step + 1, len(lab.scenario.lesson)))
    if args.solve:
        return lessons.solve(lab, step)
    if args.jump:
        return lessons.jump(lab, step)
    return here or lessons.show(lab, step)


def _list_lesson(lab: Lab, here: LessonStatus) -> Answer:
    steps = lab.scenario.lesson
    return Answer(
        shown=text.lesson_list(steps, here), data={"step": here.step, "steps": [s.model_dump() for s in steps]}
    )
