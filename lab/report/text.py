"""Results as tables and lines for people. Every function takes a result and returns something rich can render."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lab.events import StepInfo
from lab.plaintext import clean, one_line
from lab.providers import simulated, spoken
from lab.report.narrator import EVIDENCE_LINES
from lab.report.states import glyph, mark, seconds, size
from lab.results import (
    CheckResult,
    ClusterStatus,
    DecisionTable,
    Diagnosis,
    FleetCell,
    LabStatus,
    LessonStatus,
    Link,
    Measurement,
    Pushed,
    RunResult,
)

if TYPE_CHECKING:
    from lab.errors import LabError
    from lab.model import LessonStep, Scenario

Cell = str | Text
DETAIL_LINES = 20


def table(headers: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Table:
    """Columns without frames; the last one takes what is left of the line."""
    grid = Table(box=None, pad_edge=False, header_style="bold dim", padding=(0, 2, 0, 0))
    for header in headers[:-1]:
        grid.add_column(header, no_wrap=True)
    grid.add_column(headers[-1], overflow="fold")
    for row in rows:
        grid.add_row(*(cell if isinstance(cell, Text) else Text(one_line(cell)) for cell in row))
    return grid


def _paragraph(head: str, body: str, style: str = "") -> Table:
    """`why   text`, wrapped beside its head."""
    grid = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    grid.add_column(width=4)
    grid.add_column(overflow="fold")
    grid.add_row(Text(head, style="dim"), Text(clean(body), style=style))
    return grid


def error(problem: "LabError", log: str = "") -> RenderableType:
    """What failed, why, how to fix it, where the log is; third-party text below, indented."""
    parts: list[RenderableType] = [Text.assemble(glyph("failed"), " ", (one_line(problem.what), "bold"))]
    if problem.why:
        parts.append(Padding(_paragraph("why", problem.why), (0, 0, 0, 2), expand=False))
    parts.append(Padding(_paragraph("fix", problem.fix, "cyan"), (0, 0, 0, 2), expand=False))
    if log:
        parts.append(Padding(_paragraph("log", log), (0, 0, 0, 2), expand=False))
    lines = clean(problem.details).strip().splitlines()
    if len(lines) > DETAIL_LINES:
        lines = [f"({len(lines) - DETAIL_LINES} lines before)", *lines[-DETAIL_LINES:]]
    parts += [Text(f"    | {line}", style="dim") for line in lines]
    return Group(*parts)


# --- checks and runs ------------------------------------------------------------------------------------------------


def checks(results: Sequence[CheckResult]) -> RenderableType:
    """A row a check; below, what is wrong with each that failed."""
    rows = [(mark(c.outcome), c.id, c.title, Text(seconds(c.seconds), style="dim")) for c in results]
    parts: list[RenderableType] = [table(("", "CHECK", "WHAT", "TOOK"), rows)]
    for check in results:
        if check.outcome == "failed":
            parts += ["", failed_check(check)]
        elif check.outcome == "skipped" and check.reason:
            parts.append(Text(f"{check.id}: skipped, {one_line(check.reason)}", style="yellow"))
    return Group(*parts)


def failed_check(check: CheckResult) -> RenderableType:
    """Reason, hint and evidence of one check."""
    parts: list[RenderableType] = [Text.assemble(mark("failed", check.id), f": {one_line(check.title)}")]
    parts += [Text(f"    {line}") for line in clean(check.reason).splitlines()]
    if check.hint:
        parts.append(Text.assemble(("    hint  ", "dim"), (clean(check.hint), "cyan")))
    lines = [line for text in check.evidence for line in clean(text).splitlines()]
    parts += [Text(f"    | {line}", style="dim") for line in lines[:EVIDENCE_LINES]]
    if len(lines) > EVIDENCE_LINES:
        parts.append(Text(f"    | and {len(lines) - EVIDENCE_LINES} more lines in the log", style="dim"))
    return Group(*parts)


def counted(results: Sequence[CheckResult]) -> str:
    """`7 passed, 1 failed, 1 skipped`."""
    counts = [(sum(c.outcome == word for c in results), word) for word in ("passed", "failed", "skipped")]
    return ", ".join(f"{count} {word}" for count, word in counts if count or word == "passed")


def run(result: RunResult, after: Sequence[str] = ()) -> RenderableType:
    """How a run ended, its checks, and commands that lead on."""
    parts: list[RenderableType] = [checks(result.checks), ""] if result.checks else []
    words = {"success": "done", "partial": "done, but not everything holds", "error": "failed", "cancelled": "stopped"}
    end = Text.assemble(mark(result.outcome, words[result.outcome]), f" in {seconds(result.seconds)}")
    end.append(f", {result.changes} change{'' if result.changes == 1 else 's'}")
    if result.checks:
        end.append(f", checks: {counted(result.checks)}")
    if simulated(result.provider):
        end.append(", simulated", style="yellow")
    parts.append(end)
    if result.exit_code and result.log:
        parts.append(Padding(_paragraph("log", result.log), (0, 0, 0, 2), expand=False))
    return Group(*parts, *(Text(f"  {command}", style="cyan") for command in after))


# --- what there is --------------------------------------------------------------------------------------------------


def scenarios(found: Sequence["Scenario"]) -> RenderableType:
    """A row a scenario."""
    if not found:
        return Text("no scenario has that in its id or title")
    rows = [
        (s.id, s.metadata.title, s.metadata.level, f"{s.metadata.minutes} min", " ".join(c.name for c in s.clusters))
        for s in found
    ]
    return table(("SCENARIO", "TITLE", "LEVEL", "TIME", "CLUSTERS"), rows)


def diagnosis(found: Diagnosis, scenario: str = "", whole: bool = False) -> RenderableType:
    """What is not well, each with its fix, and the verdict.

    :param whole: list what is well, too
    """
    parts: list[RenderableType] = []
    well = [finding for finding in found.findings if finding.verdict == "ok"]
    if whole:
        parts += [table(("", "THING", "FOUND"), [(mark(f.verdict), f.title, f.detail) for f in well]), ""]
    for finding in found.findings:
        if finding.verdict != "ok":
            detail = (f": {one_line(finding.detail)}" if finding.detail else "", "dim")
            parts.append(Text.assemble(mark(finding.verdict, finding.title), detail))
            parts += [Text(f"    {line}", style="cyan") for line in clean(finding.fix).splitlines()]
    what = f" {scenario}" if scenario else " labs"
    if found.ready:
        verdict = mark("ok", f"this machine can run{what}, with provider {spoken(found.provider)}")
    else:
        verdict = mark("problem", f"this machine cannot run{what} yet")
    rest = "" if whole else "; `lab doctor -v` lists them"
    counts = f"  {len(well)} of {len(found.findings)} checks are fine, {seconds(found.seconds)}{rest}"
    return Group(*parts, Text.assemble(verdict, (counts, "dim")))


def plan(steps: Sequence[StepInfo], scenario: str, provider: str) -> RenderableType:
    """The steps in order and what each waits for."""
    number = {step.id: str(index) for index, step in enumerate(steps, 1)}
    rows = [(number[s.id], s.title, ", ".join(s.clusters), ", ".join(number.get(n, n) for n in s.needs)) for s in steps]
    where = spoken(provider)
    head = Text(
        f"{scenario} on {where}: {len(steps)} steps; each starts when those in the last column are done", style="bold"
    )
    return Group(head, table(("", "STEP", "CLUSTERS", "AFTER"), rows))


def _cluster_row(cluster: ClusterStatus) -> tuple[Cell, ...]:
    labels = " ".join(f"{key}={value}" for key, value in cluster.labels.items())
    role = f"{cluster.role}, Argo CD" if cluster.argocd else cluster.role
    return (cluster.name, mark(cluster.state), role, cluster.version or "–", size(cluster.memory_bytes), labels)


def _fleet_row(cell: FleetCell) -> tuple[Cell, ...]:
    return (
        cell.application,
        cell.instance,
        f"{cell.cluster}/{cell.namespace}",
        mark(cell.sync),
        mark(cell.health),
        cell.revision or "–",
        cell.message,
    )


def _link_row(link: Link) -> tuple[Cell, ...]:
    return (link.hub, link.cluster, mark(link.state), link.expires or "–", link.detail)


def status(found: LabStatus) -> RenderableType:
    """The lab at a glance: clusters, registrations, applications, addresses, drift."""
    head = Text.assemble(
        (f"lab {found.lab}", "bold"), f"  {found.scenario} on {spoken(found.provider)}  ", mark(found.state)
    )
    parts: list[RenderableType] = [head]
    if found.running:
        parts.append(mark("running", f"running now: {found.running}"))
    sections = (
        (("CLUSTER", "STATE", "ROLE", "VERSION", "MEMORY", "LABELS"), [_cluster_row(c) for c in found.clusters]),
        (("ARGO CD ON", "CLUSTER", "REGISTERED", "TOKEN UNTIL", "DETAIL"), [_link_row(x) for x in found.links]),
        (
            ("APPLICATION", "ARGO CD ON", "GOES TO", "SYNC", "HEALTH", "COMMIT", "WHY"),
            [_fleet_row(c) for c in found.fleet],
        ),
    )
    for headers, rows in sections:
        if rows:
            parts += ["", table(headers, rows)]
    addresses = [("git", found.git_url), ("Argo CD", found.ui_url), ("workspace", found.workspace)]
    if any(url for _, url in addresses):
        parts += ["", table(("WHERE", ""), [(what, url) for what, url in addresses if url])]
    if found.problems:
        parts += ["", Text("differs from what `lab up` would leave:", style="bold")]
        parts += [Text.assemble(glyph("warning"), f" {one_line(problem)}") for problem in found.problems]
    return Group(*parts)


def measurement(found: Measurement, shapes: DecisionTable) -> RenderableType:
    """What this lab costs, what its drills showed, and how the shapes compare."""

    def told(value: int | None) -> str:
        return "–" if value is None else str(value)

    rows = []
    for c in found.clusters:
        synced = "–" if c.synced_seconds is None else f"{seconds(c.synced_seconds)} (of {c.pushes})"
        rows.append((c.cluster, size(c.memory_bytes or 0), told(c.pods), told(c.applications), synced))
    parts: list[RenderableType] = [
        Text(f"{found.scenario} on {spoken(found.provider)}, lab {found.lab}", style="bold"),
        table(("CLUSTER", "MEMORY", "PODS", "APPLICATIONS", "COMMIT TO SYNCED"), rows),
    ]
    if found.survival:
        drills = [(mark(s.outcome), s.check, s.title) for s in found.survival]
        parts += ["", table(("", "DRILL", "WHAT"), drills)]
    grid = Table(box=None, pad_edge=False, header_style="bold dim", padding=(0, 2, 0, 0), leading=1)
    for header in ("", *shapes.columns):
        grid.add_column(header, overflow="fold")
    for row in shapes.rows:
        grid.add_row(Text(one_line(row.criterion), style="dim"), *(Text(one_line(cell)) for cell in row.cells))
    return Group(*parts, "", grid)


# --- lesson and push ------------------------------------------------------------------------------------------------


def lesson(found: LessonStatus, markdown: bool = True) -> RenderableType:
    """One step: text, then its checks.

    :param markdown: render the text for a terminal; otherwise it stays as it is written
    """
    from rich.markdown import Markdown

    head = Text(f"{found.scenario} · step {found.step} of {found.steps}: {one_line(found.title)}", style="bold")
    text = clean(found.text).strip()
    parts: list[RenderableType] = [head, "", Markdown(text) if markdown else Text(text)]
    if found.checks:
        parts += ["", table(("", "CHECK", "WHAT"), [(mark(c.outcome), c.id, c.title) for c in found.checks])]
        parts += [failed_check(c) for c in found.checks if c.outcome == "failed"]
    if found.done:
        parts += ["", mark("done", "every step is done" if found.step == found.steps else "this step is done")]
    return Group(*parts)


def lesson_list(steps: Sequence["LessonStep"], here: LessonStatus) -> RenderableType:
    """A row a step, and which one is at hand."""

    def state(number: int) -> str:
        if number in here.finished:
            return "done"
        return "running" if number == here.step else "waiting"

    words = {"done": "done", "running": "you are here", "waiting": "to do"}
    rows = [(str(s.number), mark(state(s.number), words[state(s.number)]), s.title) for s in steps]
    return table(("", "", "STEP"), rows)


def pushed(found: Pushed) -> RenderableType:
    """The commit and who has it."""
    head = Text.assemble(glyph("done"), f" pushed {found.revision[:7]} to {found.repository}")
    if not found.applications:
        head.append("; no application of this lab reads it")
        return head
    head.append(f"; synced in {seconds(found.seconds)}")
    return Group(head, *(Text.assemble("  ", mark("Synced", name)) for name in found.applications))
