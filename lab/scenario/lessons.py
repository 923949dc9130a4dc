"""Lesson files: `lesson/NN-name.md`, YAML front matter between two `---` lines, then Markdown."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from lab.model import LessonStep, Part, is_name
from lab.reading.dialects import LAB
from lab.reading.files import inside, kind_of, listing, read_bytes
from lab.reading.marks import decode, parse
from lab.reading.problems import START, Problems, Report
from lab.reading.wording import validate
from lab.scenario.facts import Facts
from lab.scenario.rules import one_line

FOLDER = "lesson"
_FILE = re.compile(r"([0-9]{2})-(.+)\.md")
_FENCE = "---"


class FrontMatter(Part):
    """What stands between the two `---` lines of a lesson file."""

    title: str
    """One line; the heading of the step."""
    checks: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Ids of the scenario's checks that decide the step; none: reading is enough."""
    hint: str = ""
    """What to try when the checks do not hold."""
    solve: str = ""
    """Shell commands that bring the step's state; run with the environment of `lab env`."""


def read_lesson(scenario: Path, checks: Sequence[str] | None, problems: Problems) -> tuple[LessonStep, ...]:
    """The steps of a scenario folder in their order; what is wrong goes to `problems`.

    `checks` are the ids a step may name; None when they cannot be told. Files that are not Markdown are left alone:
    a step may show pictures.
    """
    folder = scenario / FOLDER
    if kind_of(folder) != "folder":
        return ()
    steps: list[LessonStep] = []
    taken: dict[int, str] = {}
    for file in listing(folder):
        if file.suffix != ".md" or file.name.startswith("."):
            continue
        report = problems.report(file)
        match = _FILE.fullmatch(file.name)
        if not inside(file, scenario):
            report.add(START, (), "must not be a link that leads out of the scenario folder")
            continue
        if match is None or not is_name(match[2]):
            report.add(START, (), "must be named NN-name.md, such as 01-look-around.md")
            continue
        number = int(match[1])
        if number in taken:
            report.add(START, (), f"must have a number of its own, found {match[1]} in {taken[number]} too")
        elif number != len(taken) + 1:
            report.add(
                START,
                (),
                f"must have the number {len(taken) + 1:02}, found {match[1]}; steps count from 01 without gaps",
            )
        taken.setdefault(number, file.name)
        step = _step(file, number, match[2], checks, report)
        if step is not None:
            steps.append(step)
    return tuple(steps)


def _step(file: Path, number: int, slug: str, checks: Sequence[str] | None, report: Report) -> LessonStep | None:
    data = read_bytes(file, report)
    text = None if data is None else decode(data, report)
    parts = None if text is None else _split(text, report)
    if parts is None:
        return None
    front, body = parts
    documents = parse(front, LAB, report, first_line=2)
    if not documents:
        if not report.count:
            report.add(START, (), "must have front matter with a title, found none")
        return None
    read = validate(documents[0], FrontMatter, report)
    facts = Facts(documents[0], file.parent, report)
    one_line(facts, ("title",))
    named = facts.texts(("checks",))
    facts.must_be_unique(named, "listed once")
    for path, name in named:
        facts.must_be_known(path, name, checks, "a check of this scenario")
    if not body.strip():
        report.add(START, (), "must have text after its front matter")
    if read is None:
        return None
    return LessonStep(number=number, slug=slug, text=body.strip() + "\n", **read.model_dump())


def _split(text: str, report: Report) -> tuple[str, str] | None:
    """Front matter and Markdown. Both keep their line breaks as one character."""
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[0].rstrip() != _FENCE:
        report.add(START, (), "must start with front matter: a line ---, the title, a line ---")
        return None
    end = next((n for n, line in enumerate(lines) if n and line.rstrip() == _FENCE), None)
    if end is None:
        report.add(START, (), "must end its front matter with a line ---")
        return None
    return "\n".join(lines[1:end]) + "\n", "\n".join(lines[end + 1 :])
