"""Doctor's word in a few lines."""

from textual.content import Content

from lab.results import Diagnosis
from lab.tui.states import VERDICT
from lab.tui.widgets.rows import Row


def verdict(diagnosis: Diagnosis | None, error: str = "") -> list[Row]:
    """Doctor's word in a few lines: problems with their fixes first, else the figure that matters most."""
    if diagnosis is None:
        return [Row(left=VERDICT["unknown"].content(f"doctor could not look: {error}"))]
    problems = [f for f in diagnosis.findings if f.verdict == "problem"]
    warnings = [f for f in diagnosis.findings if f.verdict == "warning"]
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        rows = [Row(left=VERDICT["problem"].content(f"it cannot run here yet: {count}"))]
    else:
        rows = [Row(left=VERDICT["ok"].content("this machine can run it"))]
        memory = next((f.detail for f in diagnosis.findings if f.id == "memory" and f.verdict == "ok"), "")
        if memory:
            rows.append(Row(left=Content.styled(memory, "$text-muted"), indent=2, hang=0))
    mark = VERDICT["problem"]
    for finding in problems:
        title = mark.only() + Content(f" {finding.title}")
        if finding.detail:
            title += Content.styled(f": {finding.detail}", "$text-muted")
        fix = (Row(left=Content.styled(f"$ {finding.fix}", "$accent"), indent=4),) if finding.fix else ()
        rows.append(Row(left=title, indent=2, below=fix))
    if warnings:
        count = "1 warning" if len(warnings) == 1 else f"{len(warnings)} warnings"
        rows.append(
            Row(left=VERDICT["warning"].content(f"{count}; d shows {'it' if len(warnings) == 1 else 'them'}"), indent=2)
        )
    return rows
