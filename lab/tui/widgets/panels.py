"""What stands in the lab screen's panes: clusters and checks as rows, a lesson step as Markdown."""

from collections.abc import Iterable, Mapping

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Markdown

from lab.report.states import size
from lab.results import ClusterStatus, LabStatus, LessonStatus
from lab.tui.source import CheckRow
from lab.tui.states import CHECK, CLUSTER, VERDICT
from lab.tui.widgets.rows import BLANK, Row

NO_LESSON = "This scenario has no lesson. Look around: **enter** on a cell of the fleet says why it is as it is."


def cluster_rows(status: LabStatus) -> list[Row]:
    """What differs from what `up` would leave, then the clusters with what they are for."""
    # What a cluster's own row says already is not said twice; what is missing while it is made or paused is no drift.
    said = {f"cluster {cluster.name} is {cluster.state}" for cluster in status.clusters}
    drift = status.state != "paused" and not status.running
    problems = [problem for problem in status.problems if drift and problem not in said]
    rows = [Row(left=Content.styled(f"{VERDICT['warning'].glyph} {problem}", "$warning")) for problem in problems]
    rows += [_cluster(cluster) for cluster in status.clusters]
    places = (("workspace", status.workspace), ("git", status.git_url), ("Argo CD", status.ui_url))
    there = [Row(left=Content.assemble((f"{name} ", "$text-muted"), text)) for name, text in places if text]
    return [*rows, Row(), *there] if there else rows


def _cluster(cluster: ClusterStatus) -> Row:
    mark = CLUSTER[cluster.state]
    about = [*(["Argo CD"] if cluster.argocd else []), *cluster.labels.values()]
    left = Content.assemble(
        mark.only(),
        f" {cluster.name} ",
        (mark.word, f"${mark.color}"),
        ("  " + " ".join(about) if about else "", "$text-muted"),
    )
    memory = Content.styled(size(cluster.memory_bytes), "$text-muted") if cluster.memory_bytes else BLANK
    return Row(left=left, right=memory)


def check_rows(checks: Iterable[CheckRow], step: Iterable[str], chosen: str = "", hinting: str = "") -> list[Row]:
    """Checks of the lesson step, of the lab, and drills; lesson checks of other steps are left out.

    A check that needs nobody takes one line, unless it is shown in full.

    :param step: ids of the checks that decide the lesson step
    :param chosen: id of the check that is shown in full; `*`: all
    :param hinting: id of the check whose hint is shown
    """
    known: Mapping[str, CheckRow] = {check.id: check for check in checks}
    deciding = [known[id] for id in step if id in known]
    groups = (
        ("this step", deciding),
        ("the lab", [c for c in known.values() if c.phase == "up" and c not in deciding]),
        ("drills, only when asked for", [c for c in known.values() if c.phase == "drill" and c not in deciding]),
    )
    rows: list[Row] = []
    filled = [group for group in groups if group[1]]
    for title, members in filled:
        if len(filled) > 1:
            rows.append(Row(left=Content.styled(title, "$text-muted")))
        rows += [_check(check, chosen in ("*", check.id), check.id == hinting) for check in members]
    return rows


def _check(check: CheckRow, full: bool, hint: bool) -> Row:
    mark = CHECK[check.state]
    limit = 0 if full or check.state in ("failed", "running") else 1
    below = []
    if check.reason and check.state in ("failed", "running", "skipped"):
        below.append(Row(left=Content.styled(check.reason, "$text-muted"), indent=2, hang=0, limit=4))
    if hint and check.hint:
        below.append(Row(left=Content.styled(f"hint: {check.hint}", "$accent"), indent=2, hang=0))
    return Row(left=mark.only() + Content(f" {check.title}"), id=check.id, limit=limit, below=tuple(below))


class LessonPane(VerticalScroll):
    """A step of the lesson to read."""

    ALLOW_MAXIMIZE = True

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, classes="pane")
        self.border_title = "lesson"
        self.text = ""

    def compose(self) -> ComposeResult:
        yield Markdown("", open_links=False)

    def show(self, step: LessonStatus | None, here: int, hint: bool) -> None:
        """Show a step; the text is only set again when it changed.

        :param here: number of the step the learner is at
        :param hint: whether the step's hint is shown
        """
        if step is None:
            self.border_title, self.border_subtitle = "lesson", ""
            text = NO_LESSON
        else:
            browsed = f", you are at {here}" if here and step.step != here else ""
            done = " ✓ done" if step.done and not browsed else ""
            self.border_title = f"lesson {step.step}/{step.steps}{browsed}{done}"
            self.border_subtitle = "n next  b back  h hint" if step.hint else "n next  b back"
            text = f"### {step.title}\n\n{step.text}"
            if hint and step.hint:
                text += f"\n\n> **hint** {step.hint}"
        if text != self.text:
            self.text = text
            self.query_one(Markdown).update(text)
            self.scroll_home(animate=False)
