"""`script`: exit codes, one reason, drills once. `http`: through the service proxy."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.checks.run import run
from lab.events import CheckRetried
from lab.ports import Command, CommandResult
from lab.shell import SystemShell
from tests.fakes.stand_in import StandIn, check, stand_in


def said(exit_code: int, stdout: str = "", stderr: str = "", seconds: float = 0.1) -> CommandResult:
    return CommandResult(exit_code=exit_code, stdout=stdout, stderr=stderr, seconds=seconds)


@pytest.fixture
def stand(tmp_path: Path) -> StandIn:
    made = stand_in(tmp_path)
    write(made, "#!/bin/sh\nexit 0\n")
    return made


def write(stand: StandIn, text: str) -> None:
    script = stand.lab.scenario.folder / "look.sh"
    script.write_text(text)
    script.chmod(0o755)


def outcome(stand: StandIn, answer: Callable[[Command], CommandResult] | None = None, **values: Any) -> tuple[str, str]:
    if answer is not None:
        stand.shell.answers = [answer]
    result = run(stand.lab, [check(script="look.sh", **values)])[0]
    return result.outcome, result.reason


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (said(0, "fine\n"), ("passed", "")),
        (said(1, "\nw1 is at a1, want b2\nmore\n"), ("failed", "w1 is at a1, want b2")),
        (said(1, "", "kubectl: no such host\n"), ("failed", "look.sh ended with exit code 1: kubectl: no such host")),
        (said(1), ("failed", "look.sh ended with exit code 1: it printed nothing")),
        (said(5, "there is no git here\n"), ("skipped", "there is no git here")),
        (said(5), ("skipped", "look.sh cannot tell here")),
        (said(7, "", "curl: (7)\n"), ("failed", "look.sh ended with exit code 7: curl: (7)")),
        (said(-15, seconds=10.0), ("failed", "look.sh was ended by signal 15 after 10 s: it printed nothing")),
    ],
)
def test_the_exit_code_decides(stand: StandIn, result: CommandResult, expected: tuple[str, str]) -> None:
    assert outcome(stand, lambda _: result) == expected


def test_it_runs_again_until_it_holds(stand: StandIn) -> None:
    answers = [said(1, "0 of 2"), said(1, "0 of 2"), said(1, "1 of 2"), said(0)]
    assert outcome(stand, lambda _: answers.pop(0)) == ("passed", "")
    assert [event.mismatch for event in stand.told(CheckRetried)] == ["0 of 2", "1 of 2"]


def test_a_drill_runs_once(stand: StandIn) -> None:
    assert outcome(stand, lambda _: said(1, "w1 is gone"), phase="drill") == ("failed", "w1 is gone")
    assert len(stand.shell.commands) == 1
    assert stand.shell.commands[0].changes


@pytest.mark.parametrize("code", [126, 127])
def test_a_script_that_cannot_start_is_not_tried_again(stand: StandIn, code: int) -> None:
    assert outcome(stand, lambda _: said(code, "", "not found"))[0] == "failed"
    assert len(stand.shell.commands) == 1


def test_what_the_script_gets(stand: StandIn) -> None:
    outcome(stand, timeout="30s")
    command = stand.shell.commands[0]
    environment = dict(command.env)
    assert command.argv == (str(stand.lab.scenario.folder / "look.sh"),)
    assert command.cwd == stand.lab.scenario.folder
    assert command.timeout == 30
    assert environment["LAB_NAME"] == "lab"
    assert environment["KUBECONFIG"].split(":")[0].endswith("hub.yaml")
    assert not command.changes


def test_all_tries_share_the_time_limit(stand: StandIn) -> None:
    outcome(stand, lambda _: said(1, "no"), timeout="10s")
    limits = [command.timeout for command in stand.shell.commands]
    assert limits[0] == 10
    assert limits == sorted(limits, reverse=True)
    assert limits[-1] <= 2


def test_a_script_that_is_not_executable_is_said_so(stand: StandIn) -> None:
    (stand.lab.scenario.folder / "look.sh").chmod(0o644)
    if os.access(stand.lab.scenario.folder / "look.sh", os.X_OK):
        pytest.skip("this user may execute everything")
    assert outcome(stand) == ("failed", "look.sh is not an executable file of the scenario")
    assert stand.shell.commands == []


def test_its_output_is_evidence_without_secrets(stand: StandIn) -> None:
    secret = stand.lab.folder.secret("git")
    lines = "\n".join([f"line {n}" for n in range(20)] + [f"pushed with {secret}", "\x1b[31mred"])
    result_lines = run_evidence(stand, said(1, "no\n" + lines))
    assert len(result_lines) == 10
    assert result_lines[-2:] == ("pushed with ***", "red")
    assert stand.shell.commands[0].secrets == (secret,)


def run_evidence(stand: StandIn, result: CommandResult) -> tuple[str, ...]:
    stand.shell.answers = [lambda _: result]
    return run(stand.lab, [check(script="look.sh")])[0].evidence


def test_a_real_script_through_the_real_shell(stand: StandIn) -> None:
    write(stand, '#!/bin/sh\necho "$LAB_NAME in $(basename "$PWD")"\nexit 1\n')
    shell = SystemShell(lambda _: None)
    stand.shell.answers = [lambda command: shell.run(command, check=False)]
    assert outcome(stand, timeout="1s") == ("failed", "lab in scenario")


# --- http -----------------------------------------------------------------------------------------------------------

PROXY = "/api/v1/namespaces/web/services/shop:8080/proxy/"


def ask(stand: StandIn, **values: Any) -> tuple[str, str]:
    wanted = {"namespace": "web", "service": "shop", "port": 8080, **values}
    result = run(stand.lab, [check(http=wanted)])[0]
    return result.outcome, result.reason


@pytest.mark.parametrize(
    ("values", "path"),
    [({}, PROXY), ({"path": "/healthz"}, PROXY + "healthz"), ({"path": "/a b?q=1&r=2"}, PROXY + "a%20b?q=1&r=2")],
)
def test_it_asks_through_the_proxy(stand: StandIn, values: dict[str, Any], path: str) -> None:
    stand.hub.raw_answers[path] = (200, "hello world")
    assert ask(stand, contains="hello", **values) == ("passed", "")
    assert stand.hub.raw_calls == [path]


@pytest.mark.parametrize(
    ("answer", "values", "reason"),
    [
        ((503, "no endpoints\n"), {}, 'status: got 503, want 200 ("no endpoints")'),
        ((200, "hello"), {"status": 404}, 'status: got 200, want 404 ("hello")'),
        ((200, "v1"), {"contains": "v2"}, 'body: got "v1", want it to contain "v2"'),
    ],
)
def test_it_does_not_answer_as_wanted(
    stand: StandIn, answer: tuple[int, str], values: dict[str, Any], reason: str
) -> None:
    stand.hub.raw_answers[PROXY] = answer
    assert ask(stand, **values) == ("failed", reason)


def test_a_service_that_comes_up_is_awaited(stand: StandIn) -> None:
    stand.hub.raw_answers[PROXY] = (503, "no endpoints")
    stand.clock.at(2, lambda: stand.hub.raw_answers.update({PROXY: (200, "ok")}))
    assert ask(stand) == ("passed", "")


def test_an_api_away_is_the_reason(stand: StandIn) -> None:
    stand.hub.reachable = False
    assert ask(stand) == ("failed", "the API of hub does not answer: connection refused")
