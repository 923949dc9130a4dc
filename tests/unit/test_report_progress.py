"""A run as it is told while it goes on."""

import io
import os
import pty
import select

import pytest

from lab import events as e
from lab.report.narrator import Narrator
from lab.report.writer import Progress, console, to_text

STEPS = (
    e.StepInfo(id="create:hub", title="creating cluster hub", clusters=("hub",)),
    e.StepInfo(id="create:w1", title="creating cluster w1", clusters=("w1",)),
    e.StepInfo(id="argocd:hub", title="installing Argo CD on hub", needs=("create:hub",)),
)
RUN = (
    e.RunStarted(time=100.0, command="up", lab="lab", scenario="c", provider="kind", steps=STEPS, log="/runs/1.jsonl"),
    e.StepStarted(time=100.0, step="create:hub"),
    e.StepStarted(time=100.0, step="create:w1"),
    e.StepProgressed(time=101.0, step="create:hub", detail="waiting for the node", cluster="hub"),
    e.StepProgressed(time=103.0, step="create:hub", detail="waiting for DNS", cluster="hub"),
    e.CommandFinished(time=112.0, step="create:hub", command="kind create cluster", exit_code=0, seconds=12.0),
    e.ChangeMade(time=112.0, step="create:hub", command="kind create cluster"),
    e.ChangeMade(time=112.1, step="create:hub", command="kubectl apply -f x"),
    e.LogLine(time=112.2, step="create:hub", text="node ready"),
    e.StepFinished(time=112.3, step="create:hub", outcome="done", seconds=12.3),
    e.StepFinished(time=112.4, step="create:w1", outcome="failed", seconds=12.4, detail="kind failed\nexit code 1"),
    e.StepFinished(time=112.5, step="argocd:hub", outcome="skipped", detail="an earlier step did not end well"),
    e.RunFinished(time=113.0, outcome="error", exit_code=1, seconds=13.0, changes=2),
)
CHECKED = (
    e.RunStarted(time=10.0, command="check", lab="lab", scenario="c", provider="kind", checks=("a", "b")),
    e.CheckStarted(time=10.0, check="a", title="a holds"),
    e.CheckStarted(time=10.0, check="b", title="b holds"),
    e.CheckRetried(time=10.5, check="b", mismatch="spec.replicas: got 2, want 3"),
    e.CheckFinished(time=11.0, check="a", title="a holds", outcome="passed", seconds=1.0),
    e.CheckFinished(time=19.0, check="b", title="b holds", outcome="failed", seconds=9.0, reason="got 2, want 3"),
)


def told(run, **options):
    narrator = Narrator(**options)
    return [str(line).rstrip() for event in run for line in narrator.take(event)]


def test_plain_log():
    assert told(RUN) == [
        "lab up: c on kind, lab lab · log /runs/1.jsonl",
        "[  0.0s] … creating cluster hub",
        "[  0.0s] … creating cluster w1",
        "          creating cluster hub: hub: waiting for the node",
        "[ 12.3s] ✓ creating cluster hub  12 s",
        "[ 12.4s] ✗ creating cluster w1  12 s",
        "          kind failed",
        "          exit code 1",
        "[ 12.5s] ○ installing Argo CD on hub  skipped: an earlier step did not end well",
        "✗ failed in 13 s, 2 changes",
    ]


def test_v_shows_each_command_once():
    shown = [line.strip() for line in told(RUN, verbose=1) if "$" in line]
    assert shown == ["$ kind create cluster    # 12 s", "$ kubectl apply -f x"]


def test_vv_shows_what_children_print():
    assert "          | node ready" in told(RUN, verbose=2)
    assert not any("node ready" in line for line in told(RUN, verbose=1))


def test_a_command_that_failed_says_so():
    failed = e.CommandFinished(step="x", command="git push", exit_code=128, seconds=0.2)
    assert told([failed], verbose=1) == ["          $ git push    # 0.2 s, exit code 128"]


def test_waiting_is_told_at_most_every_ten_seconds_in_a_log():
    waits = [e.StepProgressed(time=100.0 + n, step="create:hub", detail=f"{n}") for n in range(25)]
    shown = [line for line in told([*RUN[:2], *waits]) if "creating cluster hub: " in line]
    assert [line.rsplit(" ", 1)[1] for line in shown] == ["0", "10", "20"]


def test_beside_a_board_only_ends_are_lines():
    assert told(RUN[:10], live=True)[1:] == ["[ 12.3s] ✓ creating cluster hub  12 s"]
    assert told(CHECKED, live=True)[1:] == ["[  9.0s] ✗ b holds  b  9.0 s", "          got 2, want 3"]


def test_checks_in_a_log():
    assert told(CHECKED)[1:] == [
        "          check b: b holds: spec.replicas: got 2, want 3",
        "[  1.0s] ✓ a holds  a  1.0 s",
        "[  9.0s] ✗ b holds  b  9.0 s",
        "          got 2, want 3",
    ]


def board(narrator, now, width=80):
    return to_text(narrator.board(now), width).rstrip("\n").split("\n")


def test_board_shows_what_runs_since_when_and_what_it_waits_for():
    narrator = Narrator(live=True)
    for event in RUN[:5]:
        narrator.take(event)
    assert board(narrator, 105.0) == [
        "… creating cluster hub  5.0 s",
        "    hub: waiting for DNS",
        "… creating cluster w1  5.0 s",
        "0 of 3 · 5.0 s · log /runs/1.jsonl",
    ]
    for event in RUN[5:11]:
        narrator.take(event)
    narrator.note = "stopping"
    assert board(narrator, 113.0) == ["2 of 3 · 13 s · log /runs/1.jsonl", "stopping"]


def test_board_stays_small():
    steps = tuple(e.StepInfo(id=str(n), title=f"step {n}") for n in range(40))
    narrator = Narrator(live=True)
    narrator.take(e.RunStarted(time=1.0, command="up", lab="l", scenario="s", provider="p", steps=steps))
    for step in steps:
        narrator.take(e.StepStarted(step=step.id))
        narrator.take(e.StepProgressed(step=step.id, detail="x" * 300))
    shown = board(narrator, 1.0)
    assert len(shown) <= 20
    assert "  and 32 more" in shown
    assert max(map(len, shown)) <= 80


def test_foreign_text_in_events_cannot_steer_the_terminal():
    nasty = "\x1b[2J[red]x[/red]\n\x07second"
    run = [
        *RUN[:2],
        e.StepProgressed(time=101, step="create:hub", detail=nasty),
        e.LogLine(time=102, text=nasty),
        e.ChangeMade(time=103, command=nasty),
        e.StepFinished(time=104, step="create:hub", outcome="failed", detail=nasty),
    ]
    shown = "\n".join(told(run, verbose=2))
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "[red]x[/red]" in shown


# --- on streams -----------------------------------------------------------------------------------------------------


def test_without_a_terminal_lines_are_written_as_they_happen():
    stream = io.StringIO()
    with Progress(console(stream)) as progress:
        for event in RUN[:2]:
            progress(event)
        assert stream.getvalue().splitlines()[-1] == "[  0.0s] … creating cluster hub"
    assert progress.narrator.log == "/runs/1.jsonl"


def test_quiet_says_nothing_but_knows_the_log():
    stream = io.StringIO()
    with Progress(console(stream), quiet=True) as progress:
        for event in RUN:
            progress(event)
    assert stream.getvalue() == ""
    assert progress.narrator.log == "/runs/1.jsonl"


def test_a_reader_that_went_away_does_not_end_the_run():
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    with Progress(console(Gone())) as progress:
        for event in RUN:
            progress(event)
    assert progress.narrator.log == "/runs/1.jsonl"


@pytest.fixture
def terminal():
    """A pseudo terminal: the end to write to, and a function that reads until a text arrived."""
    master, slave = pty.openpty()

    def until(awaited):
        seen = ""
        while awaited not in seen:
            assert select.select([master], [], [], 5)[0], f"{awaited!r} did not come, only {seen!r}"
            seen += os.read(master, 1 << 16).decode()
        return seen

    with os.fdopen(slave, "w", encoding="utf-8") as stream:
        yield stream, until
    os.close(master)


def test_on_a_terminal_a_board_is_drawn_and_taken_away(terminal, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    stream, until = terminal
    with Progress(console(stream)) as progress:
        for event in RUN[:5]:
            progress(event)
        assert "\x1b[?25l" in until("waiting for DNS")
    until("\x1b[?25h")


def test_a_dumb_terminal_gets_lines(terminal, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    stream, until = terminal
    with Progress(console(stream)) as progress:
        progress(RUN[0])
        progress(RUN[1])
    assert "\x1b[?25l" not in until("… creating cluster hub")
