"""Where the learner is, and doing steps for them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.checks import outcomes
from lab.errors import LabError
from lab.events import RunStarted
from lab.model import LessonStep
from lab.operations import lesson
from lab.operations.lesson import commands, jump, seen, show, solve, where
from lab.ports import Command, CommandResult
from lab.results import CheckResult
from lab.shell import SystemShell
from tests.fakes.kube import FakeKube
from tests.fakes.stand_in import StandIn, check, stand_in

CHECKS = [
    check(id=name, title=f"{name} is there", phase="lesson", expect={"kind": "Namespace", "name": name}, timeout="5s")
    for name in ("one", "two", "three")
] + [
    check(id="broken", phase="lesson", expect={"kind": "Namespace", "name": "two", "absent": True}, timeout="5s"),
    check(id="up", expect={"kind": "Namespace", "name": "default"}, timeout="5s"),
    check(id="loss", phase="drill", script="loss.sh", timeout="5s"),
    check(id="real", phase="lesson", needs=["runs_containers"], expect={"kind": "Namespace", "name": "real"}),
]


def step(number: int, *checks: str, solve: str = "", text: str = "Read this.\n") -> LessonStep:
    return LessonStep(
        number=number, slug=f"step-{number}", title=f"Step {number}", checks=checks, solve=solve, text=text, hint="h"
    )


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., StandIn]:
    def made(*steps: LessonStep) -> StandIn:
        stand = stand_in(tmp_path, checks=CHECKS, lesson=steps)
        stand.lab.workspace.mkdir(parents=True)
        script = stand.lab.scenario.folder / "loss.sh"
        script.write_text("#!/bin/sh\n")
        script.chmod(0o755)
        return stand

    return made


def make_namespace(kube: FakeKube, *names: str) -> None:
    for name in names:
        kube.add({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def solving(stand: StandIn) -> None:
    """The shell makes the namespaces its input names with `make NAME`, as a solution would."""

    def answer(command: Command) -> CommandResult:
        for line in str(command.stdin).splitlines():
            if line.startswith("make "):
                make_namespace(stand.hub, line.removeprefix("make "))
        return CommandResult(exit_code=0, stdout="", stderr="")

    stand.shell.answers = [answer]


def place(stand: StandIn) -> tuple[int, bool]:
    status = where(stand.lab)
    return status.step, status.done


def test_the_first_step_whose_checks_do_not_hold(make: Callable[..., StandIn]) -> None:
    stand = make(step(1, "one"), step(2, "two"), step(3, "three"))
    assert place(stand) == (1, False)
    make_namespace(stand.hub, "one")
    assert place(stand) == (2, False)
    status = where(stand.lab)
    assert (status.steps, status.title, status.hint, status.finished) == (3, "Step 2", "h", (1,))
    assert [(c.id, c.outcome, c.reason) for c in status.checks] == [
        ("two", "failed", "Namespace two on hub: not found")
    ]
    make_namespace(stand.hub, "two", "three")
    assert place(stand) == (3, True)


def test_looking_waits_for_nothing_and_records_nothing(make: Callable[..., StandIn]) -> None:
    stand = make(step(1, "one"))
    where(stand.lab)
    show(stand.lab, 1)
    assert stand.clock.passed == 0
    assert stand.events == []
    assert stand.hub.mutations == []


def test_the_state_of_a_later_step_does_not_skip_the_ones_before(make: Callable[..., StandIn]) -> None:
    stand = make(step(1, "one"), step(2, "two"), step(3, "three"))
    make_namespace(stand.hub, "three")
    assert place(stand) == (1, False)
    make_namespace(stand.hub, "one")
    assert place(stand) == (2, False)


def test_a_step_stays_done_when_a_later_one_undoes_it(make: Callable[..., StandIn]) -> None:
    stand = make(step(1, "two"), step(2, "broken"), step(3, "three"))
    make_namespace(stand.hub, "two")
    assert place(stand) == (2, False)
    del stand.hub.objects["v1", "Namespace", "", "two"]
    assert place(stand) == (3, False)
    assert show(stand.lab, 1).checks[0].outcome == "failed"


def test_a_step_to_read_is_done_when_the_next_is_shown(make: Callable[..., StandIn]) -> None:
    stand = make(step(1), step(2, "one"), step(3))
    assert place(stand) == (1, False)
    assert show(stand.lab, 1).done is False
    assert place(stand) == (1, False)
    assert show(stand.lab, 2).done is False
    assert place(stand) == (2, False)


def test_a_step_to_read_is_done_when_it_was_marked(make: Callable[..., StandIn]) -> None:
    stand = make(step(1), step(2), step(3, "one"))
    seen(stand.lab, 1)
    assert place(stand) == (2, False)
    seen(stand.lab, 2)
    assert place(stand) == (3, False)


def test_a_step_to_read_is_done_when_a_later_one_is(make: Callable[..., StandIn]) -> None:
    stand = make(step(1), step(2), step(3, "one"), step(4, "two"))
    make_namespace(stand.hub, "one")
    assert place(stand) == (4, False)
    assert where(stand.lab).finished == (1, 2, 3)


def test_a_step_to_read_is_done_when_a_later_one_was_solved(make: Callable[..., StandIn]) -> None:
    stand = make(step(1), step(2, "one", solve="make one"), step(3, "two"))
    solving(stand)
    solve(stand.lab, 2)
    assert place(stand) == (3, False)
    assert where(stand.lab).finished == (1, 2)


def test_checks_that_hold_from_the_start_decide_nothing(make: Callable[..., StandIn]) -> None:
    stand = make(step(1, "up"), step(2, "up", "one"), step(3, "up"))
    assert place(stand) == (1, False)
    assert show(stand.lab, 2).done is False
    assert place(stand) == (2, False)
    make_namespace(stand.hub, "one")
    assert place(stand) == (3, False)
    assert [c.outcome for c in where(stand.lab).checks] == ["passed"]
    assert show(stand.lab, 3).done


def test_a_broken_lab_holds_the_learner_at_the_step_that_shows_it(make: Callable[..., StandIn]) -> None:
    stand = make(step(1, "up"), step(2, "one"))
    make_namespace(stand.hub, "one")
    del stand.hub.objects["v1", "Namespace", "", "default"]
    assert place(stand) == (1, False)
    assert where(stand.lab).checks[0].outcome == "failed"


def test_showing_the_last_step_to_read_ends_the_lesson(make: Callable[..., StandIn]) -> None:
    stand = make(step(1, "one"), step(2))
    make_namespace(stand.hub, "one")
    assert place(stand) == (2, False)
    assert show(stand.lab, 2).done
    assert place(stand) == (2, True)


def test_a_step_that_only_a_skipped_check_decides_does_not_stop_the_learner(make: Callable[..., StandIn]) -> None:
    stand = make(step(1, "real"), step(2, "two"))
    stand.provider.capabilities = frozenset()
    assert place(stand) == (1, False)
    seen(stand.lab, 1)
    assert place(stand) == (2, False)


def test_where_a_check_can_never_hold_the_others_decide(make: Callable[..., StandIn]) -> None:
    stand = make(step(1, "one", "real"), step(2, "two"))
    stand.provider.capabilities = frozenset()
    assert place(stand) == (1, False)
    make_namespace(stand.hub, "one")
    assert place(stand) == (2, False)
    # The same lab with a provider that could make it hold.
    (stand.lab.folder.path / lesson.FILE).unlink()
    stand.provider.capabilities = frozenset({"runs_containers"})
    assert place(stand) == (1, False)


def test_showing_a_later_step_passes_over_one_that_can_never_be_done(make: Callable[..., StandIn]) -> None:
    stand = make(step(1, "real"), step(2, "two"))
    stand.provider.capabilities = frozenset()
    show(stand.lab, 2)
    assert place(stand) == (2, False)


def test_a_drill_counts_by_its_last_outcome(make: Callable[..., StandIn]) -> None:
    stand = make(step(1, "loss"), step(2, "one"))
    status = where(stand.lab)
    assert (status.step, status.checks[0].reason) == (1, "has not run yet")
    assert stand.shell.commands == []
    outcomes.remember(stand.lab.folder, [CheckResult(id="loss", title="t", outcome="passed")], 1.0)
    assert place(stand) == (2, False)


@pytest.mark.parametrize("number", [0, -1, 3])
@pytest.mark.parametrize("operation", [show, solve, jump, seen])
def test_a_step_that_is_not_there(
    make: Callable[..., StandIn], number: int, operation: Callable[[Any, int], Any]
) -> None:
    stand = make(step(1, "one"), step(2, "two"))
    with pytest.raises(LabError) as raised:
        operation(stand.lab, number)
    assert raised.value.code == "lesson-unknown"
    assert "1 to 2" in raised.value.why


def test_a_scenario_without_a_lesson(make: Callable[..., StandIn]) -> None:
    with pytest.raises(LabError) as raised:
        where(make().lab)
    assert raised.value.code == "lesson-unknown"


@pytest.mark.parametrize("text", ["{", "[]", '{"scenario": "other", "done": ["step-1"]}', '{"done": 3}'])
def test_damaged_or_foreign_progress_is_none(make: Callable[..., StandIn], text: str) -> None:
    stand = make(step(1, "one"), step(2, "two"))
    (stand.lab.folder.path / lesson.FILE).write_text(text)
    assert place(stand) == (1, False)


def test_an_api_that_is_away_is_the_reason(make: Callable[..., StandIn]) -> None:
    stand = make(step(1, "one"))
    stand.hub.reachable = False
    assert where(stand.lab).checks[0].reason == "the API of hub does not answer: connection refused"


# --- solving --------------------------------------------------------------------------------------------------------


def test_solving_runs_the_text_and_then_the_checks(make: Callable[..., StandIn]) -> None:
    stand = make(step(1, "one", solve="make one\n"))
    solving(stand)
    status = solve(stand.lab, 1)
    assert (status.done, [c.outcome for c in status.checks]) == (True, ["passed"])
    command = stand.shell.commands[0]
    assert command.argv == ("bash", "-eu", "-o", "pipefail", "-s")
    assert command.stdin == "make one\n"
    assert command.cwd == stand.lab.workspace
    assert dict(command.env)["LAB_SCENARIO"] == "03-multi-cluster/centralized"
    assert stand.told(RunStarted)[0].checks == ("one",)
    assert outcomes.read(stand.lab.folder)["one"].outcome == "passed"
    assert place(stand) == (1, True)


def test_a_solution_gets_the_checks_time_to_show(make: Callable[..., StandIn]) -> None:
    stand = make(step(1, "one", solve="true"))
    stand.clock.at(3, lambda: make_namespace(stand.hub, "one"))
    assert solve(stand.lab, 1).done


def test_a_solution_that_does_not_solve_says_so(make: Callable[..., StandIn]) -> None:
    stand = make(step(1, "one", solve="true"))
    status = solve(stand.lab, 1)
    assert (status.done, status.checks[0].outcome) == (False, "failed")
    assert place(stand) == (1, False)


def test_solving_runs_a_drill(make: Callable[..., StandIn]) -> None:
    stand = make(step(1, "loss"))
    assert solve(stand.lab, 1).done
    assert [Path(command.argv[0]).name for command in stand.shell.commands] == ["loss.sh"]


def test_solving_a_step_to_read_marks_it(make: Callable[..., StandIn]) -> None:
    stand = make(step(1), step(2, "one"))
    assert solve(stand.lab, 1).done
    assert place(stand) == (2, False)
    assert stand.shell.commands == []


def test_a_solution_that_fails_shows_its_last_lines(make: Callable[..., StandIn]) -> None:
    stand = make(step(1, "one", solve="x"))
    error = "\n".join(f"line {n}" for n in range(9)) + "\x1b[1m\n"
    stand.shell.answers = [lambda _: CommandResult(exit_code=3, stdout="", stderr=error)]
    with pytest.raises(LabError) as raised:
        solve(stand.lab, 1)
    assert raised.value.what == "the solution of step 1 failed with exit code 3"
    assert raised.value.why == "line 4\nline 5\nline 6\nline 7\nline 8"
    assert stand.events == []


def test_a_solution_that_hangs_says_so(make: Callable[..., StandIn]) -> None:
    stand = make(step(1, "one", solve="x"))
    stand.shell.answers = [lambda _: CommandResult(exit_code=-15, stdout="", stderr="", seconds=lesson.SOLVE_TIMEOUT)]
    with pytest.raises(LabError) as raised:
        solve(stand.lab, 1)
    assert raised.value.code == "command-timeout"


@pytest.mark.parametrize(
    "text", ["false\ntouch after", "false | true\ntouch after", "echo $NOT_SET_AT_ALL\ntouch after"]
)
def test_the_real_bash_stops_at_the_first_failure(make: Callable[..., StandIn], text: str) -> None:
    stand = make(step(1, solve=text))
    shell = SystemShell(lambda _: None)
    stand.shell.answers = [lambda command: shell.run(command, check=False)]
    with pytest.raises(LabError):
        solve(stand.lab, 1)
    assert not (stand.lab.workspace / "after").exists()


def test_the_real_bash_runs_in_the_workspace(make: Callable[..., StandIn]) -> None:
    stand = make(step(1, solve='cat > made <<EOF\n$LAB_NAME "quoted"\nEOF\n'))
    shell = SystemShell(lambda _: None)
    stand.shell.answers = [lambda command: shell.run(command, check=False)]
    assert solve(stand.lab, 1).done
    assert (stand.lab.workspace / "made").read_text() == 'lab "quoted"\n'


# --- jumping --------------------------------------------------------------------------------------------------------


def test_jumping_solves_what_is_not_done_and_shows_the_step(make: Callable[..., StandIn]) -> None:
    stand = make(step(1, "one", solve="make one"), step(2, "two", solve="make two"), step(3), step(4, "three"))
    make_namespace(stand.hub, "one")
    solving(stand)
    status = jump(stand.lab, 4)
    assert (status.step, status.done, status.finished) == (4, False, (1, 2, 3))
    assert [command.stdin for command in stand.shell.commands] == ["make two"]
    assert place(stand) == (4, False)


def test_jumping_does_not_solve_again_what_was_solved(make: Callable[..., StandIn]) -> None:
    stand = make(step(1, "one", solve="make one"), step(2, "two", solve="make two"), step(3, "three"))
    solving(stand)
    solve(stand.lab, 2)
    assert jump(stand.lab, 3).finished == (1, 2)
    assert [command.stdin for command in stand.shell.commands] == ["make two", "make one"]


def test_jumping_stops_at_a_step_that_its_solution_does_not_solve(make: Callable[..., StandIn]) -> None:
    stand = make(step(1, "one", solve="true"), step(2, "two", solve="make two"), step(3, "three"))
    solving(stand)
    status = jump(stand.lab, 3)
    assert (status.step, status.done) == (1, False)
    assert [command.stdin for command in stand.shell.commands] == ["true"]


def test_jumping_back_only_shows(make: Callable[..., StandIn]) -> None:
    stand = make(step(1, "one", solve="make one"), step(2, "two", solve="make two"))
    make_namespace(stand.hub, "one")
    where(stand.lab)
    assert jump(stand.lab, 1).step == 1
    assert stand.shell.commands == []


# --- commands -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Type\n\n```sh\nkubectl get pods\n```\n", ["kubectl get pods"]),
        ("```sh\na\n```\ntext\n```sh\nb \\\n  c\nd\n```", ["a", "b \\\n  c\nd"]),
        ("```yaml\nkind: X\n```\n```\nplain\n```\n```shell\nno\n```\n", []),
        ("- item\n\n  ```sh\n  indented\n    more\n  ```\n", ["indented\n  more"]),
        ("````sh\necho '```'\n````\n", ["echo '```'"]),
        ("~~~sh\na\n~~~\n", ["a"]),
        ("```sh\n\n```\n", []),
        ("```sh\nnever closed\n", []),
        ("`sh` is inline\n", []),
        ("", []),
    ],
)
def test_commands_are_what_is_fenced_as_sh(text: str, found: list[str]) -> None:
    assert commands(text) == found


def test_a_status_has_the_commands_of_its_step(make: Callable[..., StandIn]) -> None:
    stand = make(step(1, "one", text="```sh\nkubectl create ns one\n```\n"))
    assert where(stand.lab).commands == ("kubectl create ns one",)
