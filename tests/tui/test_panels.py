"""What the panes of the lab screen say."""

from dataclasses import replace

import pytest

from lab.results import LabStatus
from lab.tui.widgets.panels import check_rows, cluster_rows
from lab.tui.widgets.rows import Row
from tests.tui import data


def text(rows: list[Row]) -> str:
    return "\n".join(f"{row.left.plain} {row.right.plain}".rstrip() for row in rows)


def test_clusters_say_state_purpose_and_memory_then_where_things_are() -> None:
    said = text(cluster_rows(data.UP))
    assert "✓ hub ready  Argo CD management 1.2 GiB" in said
    assert "✓ w1 ready  production eu 625 MiB" in said
    assert "workspace ~/gitops-lab" in said
    assert "git http://127.0.0.1:40123" in said


def test_drift_comes_first_and_what_a_row_says_already_is_not_repeated() -> None:
    status = replace(data.DEGRADED, problems=("cluster w1 is ready", *data.DEGRADED.problems))
    rows = cluster_rows(status)
    assert rows[0].left.plain == "! hub → w2: stale, the token ends in 2 hours"
    assert "cluster w1 is ready" not in text(rows)


@pytest.mark.parametrize("status", [data.PAUSED, replace(data.DEGRADED, running="`lab up` since 3 s, process 1")])
def test_what_is_missing_while_it_is_paused_or_made_is_no_drift(status: LabStatus) -> None:
    assert status.problems
    assert "!" not in text(cluster_rows(status))


def test_checks_are_grouped_by_what_they_are_for() -> None:
    titles = [row.left.plain for row in check_rows(data.AFTER_UP, ["staging-scaled"])]
    assert titles[:3] == ["this step", "· staging runs two copies of web", "the lab"]
    assert titles[-2:] == ["drills, only when asked for", "· without the hub, production keeps serving"]


def test_lesson_checks_of_other_steps_are_left_out() -> None:
    assert "staging-scaled" not in [row.id for row in check_rows(data.AFTER_UP, [])]


def test_what_needs_nobody_takes_one_line_until_it_is_chosen() -> None:
    def limits(chosen: str) -> dict[str, int]:
        return {row.id: row.limit for row in check_rows(data.AFTER_UP, [], chosen) if row.id}

    assert limits("")["root"] == 1
    assert limits("root")["root"] == 0
    assert set(limits("*").values()) == {0}
    failed = [replace(data.AFTER_UP[1], state="failed", reason="got Missing")]
    (row,) = check_rows(failed, [])
    assert (row.limit, row.below[0].left.plain) == (0, "got Missing")


def test_a_hint_is_shown_where_it_is_asked_for() -> None:
    rows = {row.id: row for row in check_rows(data.AFTER_UP, [], hinting="web-w2")}
    assert rows["web-w2"].below[-1].left.plain.startswith("hint: kubectl")
    assert not rows["web-w1"].below
