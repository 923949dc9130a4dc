"""A scenario folder as data: loaded, checked, and every problem said at once with its place."""

from pathlib import Path

from lab.catalogue import FILE, locate, names
from lab.manifests import read_documents
from lab.model import Scenario, ScenarioFile
from lab.reading.dialects import LAB
from lab.reading.files import digest, inside, resolved
from lab.reading.marks import Document
from lab.reading.problems import START, Problem, Problems, Report, ScenarioProblems
from lab.reading.wording import validate
from lab.scenario.facts import Facts
from lab.scenario.lessons import read_lesson
from lab.scenario.rules import check_scenario
from lab.settings import Settings

__all__ = ["Problem", "ScenarioProblems", "all_scenarios", "find", "load", "names"]


def load(folder: Path, root: Path | None = None) -> Scenario:
    """The scenario of a folder.

    `root` is the folder its id is counted from; a scenario outside of it has its full path as id, and without a root
    the folder's name.
    Raises ScenarioProblems (`scenario-invalid`) with everything that is wrong in scenario.yaml, the lesson, what is
    pushed and what is applied.
    """
    folder = resolved(folder)
    file = folder / FILE
    problems = Problems()
    report = problems.report(file)
    document = _document(file, report)
    read = None if document is None else validate(document, ScenarioFile, report)
    facts = None if document is None else Facts(document, folder, report)
    files = [] if document is None or facts is None else check_scenario(document, facts, report, problems)
    lesson = read_lesson(folder, None if facts is None else facts.checks, problems)
    mark = "" if document is None else digest(folder, [file, *files], problems)
    problems.raise_any(file)
    if read is None:
        raise AssertionError("a file without problems is a scenario")
    return Scenario(
        id=_id(folder, root),
        folder=folder,
        metadata=read.metadata,
        spec=read.spec,
        lesson=lesson,
        digest=mark,
    )


def find(settings: Settings, name: str) -> Scenario:
    """The scenario of an id, a short name or a path to a folder.

    Raises `scenario-unknown`, `scenario-ambiguous` or, when it is found and wrong, ScenarioProblems.
    """
    return load(locate(settings, name), settings.scenarios_dir)


def all_scenarios(settings: Settings, broken: list[ScenarioProblems] | None = None) -> tuple[Scenario, ...]:
    """Every scenario in the scenarios folder, by id.

    Those that cannot be loaded are appended to `broken`; without it, their problems are raised together.
    """
    found: list[Scenario] = []
    failed: list[ScenarioProblems] = []
    for name in names(settings):
        try:
            found.append(load(settings.scenarios_dir / name, settings.scenarios_dir))
        except ScenarioProblems as problems:
            failed.append(problems)
    if broken is not None:
        broken.extend(failed)
    elif failed:
        raise ScenarioProblems(str(settings.scenarios_dir), [one for error in failed for one in error.problems])
    return tuple(found)


def _document(file: Path, report: Report) -> Document | None:
    if file.is_symlink() and not inside(file, file.parent):
        report.add(START, (), "must not be a link that leads out of the scenario folder")
        return None
    documents = read_documents(file, report, dialect=LAB)
    if len(documents) > 1:
        report.add(documents[1].place(), (), "must be one document, found another after ---")
    if not documents and not report.count:
        report.add(START, (), "must hold a scenario, found an empty file")
    return documents[0] if documents else None


def _id(folder: Path, root: Path | None) -> str:
    if root is None:
        return folder.name
    root = resolved(root)
    return folder.relative_to(root).as_posix() if folder.is_relative_to(root) else str(folder)
