"""Running checks: events, skips, drills, stopping, evidence, the recorded operation."""

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from lab.argocd.secret_data import encode
from lab.checks import outcomes
from lab.checks.evidence import bounded, clean, known_secrets
from lab.checks.run import once, run
from lab.errors import LabError
from lab.events import CheckFinished, CheckRetried, CheckStarted, RunFinished, RunStarted
from lab.operations.check import check as operation
from lab.operations.check import exit_code, remember
from lab.ports import Command, CommandResult, Object, Ref
from lab.recording import current_step
from lab.results import CheckResult
from lab.steps.registration import Register
from tests.fakes.stand_in import StandIn, check, stand_in

NAMESPACE = {"kind": "Namespace", "name": "team"}


def namespace(name: str = "team") -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def script(stand: StandIn, *names: str) -> None:
    for name in names:
        path = stand.lab.scenario.folder / name
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)


@pytest.fixture
def stand(tmp_path: Path) -> StandIn:
    return stand_in(tmp_path)


def test_the_events_of_a_check_that_recovers(stand: StandIn) -> None:
    stand.clock.at(1, lambda: stand.hub.add(namespace()))
    result = run(stand.lab, [check(expect=NAMESPACE, hint="look there")])[0]
    assert [type(event) for event in stand.events] == [CheckStarted, CheckRetried, CheckFinished]
    finished = stand.told(CheckFinished)[0]
    assert (finished.outcome, finished.reason, finished.hint, finished.evidence) == ("passed", "", "", ())
    assert result == CheckResult(id="it", title="it holds", outcome="passed", seconds=finished.seconds)
    assert 1 <= result.seconds < 2


def test_a_mismatch_that_comes_back_is_told_once(stand: StandIn) -> None:
    script(stand, "look.sh")
    said = iter(["a", "b", "a", "b", "c"])

    def answer(_: Command) -> CommandResult:
        return CommandResult(exit_code=1, stdout=next(said, "c"), stderr="")

    stand.shell.answers = [answer]
    run(stand.lab, [check(script="look.sh", timeout="20s")])
    assert [event.mismatch for event in stand.told(CheckRetried)] == ["a", "b", "c"]


def test_a_failed_check_ends_at_its_deadline_with_hint(stand: StandIn) -> None:
    result = run(stand.lab, [check(expect=NAMESPACE, timeout="7s", hint="kubectl get ns")])[0]
    assert (result.outcome, result.hint) == ("failed", "kubectl get ns")
    assert result.seconds == pytest.approx(7)


def test_results_keep_the_order_of_the_checks(stand: StandIn) -> None:
    stand.hub.add(namespace())
    checks = [check(id=f"c{n}", expect=NAMESPACE, phase="drill" if n == 1 else "up") for n in range(6)]
    assert [result.id for result in run(stand.lab, checks)] == [f"c{n}" for n in range(6)]


def test_what_the_provider_lacks_is_skipped_and_not_asked(stand: StandIn) -> None:
    stand.provider.capabilities = frozenset({"has_network"})
    stand.hub.add(namespace())
    result = run(stand.lab, [check(expect=NAMESPACE, needs=["runs_containers", "has_network"])])[0]
    assert (result.outcome, result.reason) == ("skipped", "provider kind lacks runs_containers")
    assert stand.hub.reads == []


def test_checks_run_side_by_side(stand: StandIn) -> None:
    script(stand, "a.sh", "b.sh")
    together = threading.Barrier(2)

    def answer(_: Command) -> CommandResult:
        together.wait(timeout=10)
        return CommandResult(exit_code=0, stdout="", stderr="")

    stand.shell.answers = [answer]
    results = run(stand.lab, [check(id="a", script="a.sh"), check(id="b", script="b.sh")])
    assert [result.outcome for result in results] == ["passed", "passed"]


def test_drills_run_alone_after_the_others(stand: StandIn) -> None:
    script(stand, "a.sh", "b.sh", "c.sh", "d.sh")
    running: list[str] = []
    order: list[str] = []
    alone: dict[str, bool] = {}
    guard = threading.Lock()

    def answer(command: Command) -> CommandResult:
        name = Path(command.argv[0]).stem
        with guard:
            running.append(name)
            order.append(name)
            alone[name] = len(running) == 1
        time.sleep(0.02)
        with guard:
            alone[name] = alone[name] and len(running) == 1
            running.remove(name)
        return CommandResult(exit_code=0, stdout="", stderr="")

    stand.shell.answers = [answer]
    phases = {"a": "drill", "b": "up", "c": "drill", "d": "up"}
    run(stand.lab, [check(id=name, script=f"{name}.sh", phase=phase) for name, phase in phases.items()])
    assert order[2:] == ["a", "c"]
    assert alone["a"]
    assert alone["c"]


def test_stopping_skips_what_has_not_ended(stand: StandIn) -> None:
    script(stand, "drill.sh")
    stand.hub.add(namespace("there"))
    stand.clock.at(2, stand.lab.cancel.set)
    results = run(
        stand.lab,
        [
            check(id="waits", expect=NAMESPACE),
            check(id="drill", script="drill.sh", phase="drill"),
        ],
    )
    assert [(r.outcome, r.reason) for r in results] == [("skipped", "stopped on request")] * 2
    assert stand.shell.commands == []
    assert stand.clock.passed < 4


@pytest.mark.parametrize("phase", ["up", "drill"])
def test_what_a_check_does_is_told_apart_from_the_steps(stand: StandIn, phase: str) -> None:
    seen: list[str] = []
    stand.lab.sink.target = lambda _: seen.append(current_step.get())
    run(stand.lab, [check(expect={"kind": "Namespace", "name": "default"}, phase=phase)])
    assert seen == ["check:it", "check:it"]
    assert current_step.get() == ""


def test_a_defect_is_not_hidden_as_a_failed_check(stand: StandIn) -> None:
    def broken(_: Command) -> CommandResult:
        raise ZeroDivisionError

    script(stand, "look.sh")
    stand.shell.answers = [broken]
    with pytest.raises(ZeroDivisionError):
        run(stand.lab, [check(script="look.sh")])


# --- once -----------------------------------------------------------------------------------------------------------


def test_once_looks_once_and_tells_nobody(stand: StandIn) -> None:
    result = once(stand.lab, [check(expect=NAMESPACE, hint="h")])[0]
    assert (result.outcome, result.reason, result.hint) == ("failed", "Namespace team on hub: not found", "h")
    assert stand.clock.passed == 0
    assert stand.events == []
    assert outcomes.read(stand.lab.folder) == {}


def test_once_takes_the_last_outcome_of_a_drill(stand: StandIn) -> None:
    drill = check(id="hub-loss", script="loss.sh", phase="drill")
    never = once(stand.lab, [drill])[0]
    assert (never.outcome, never.reason, never.hint) == ("failed", "has not run yet", "lab check hub-loss")
    outcomes.remember(stand.lab.folder, [CheckResult(id="hub-loss", title="t", outcome="passed")], 5.0)
    assert once(stand.lab, [drill])[0].outcome == "passed"
    assert stand.shell.commands == []


def test_once_skips_a_drill_that_cannot_run_here(stand: StandIn) -> None:
    stand.provider.capabilities = frozenset()
    drill = check(id="hub-loss", script="loss.sh", phase="drill", needs=["runs_containers"])
    assert once(stand.lab, [drill])[0].outcome == "skipped"


# --- evidence -------------------------------------------------------------------------------------------------------


def pod(name: str, **status: Any) -> Object:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "web"}, "status": status}


def event(name: str, kind: str, when: str, reason: str, message: str, count: int = 1) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": "web"},
        "type": kind,
        "lastTimestamp": when,
        "count": count,
        "reason": reason,
        "message": message,
        "involvedObject": {"kind": "Pod", "name": "web-1"},
    }


def evidence_of(stand: StandIn) -> tuple[str, ...]:
    values = {"kind": "Deployment", "namespace": "web", "name": "web"}
    return run(stand.lab, [check(expect=values)])[0].evidence


def test_pods_and_events_of_the_namespace_are_collected(stand: StandIn) -> None:
    waiting = [{"name": "app", "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}}]
    ended = [{"name": "init", "state": {"terminated": {"exitCode": 3}}}]
    unscheduled = [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}]
    completed = [{"name": "job", "state": {"terminated": {"reason": "Completed", "exitCode": 0}}}]
    stand.hub.add(
        pod("a", phase="Running", containerStatuses=waiting),
        pod("b", phase="Pending", initContainerStatuses=ended),
        pod("c", phase="Pending", conditions=unscheduled),
        pod("d", phase="Failed", message="evicted"),
        pod("ok", phase="Running", containerStatuses=[{"name": "x", "state": {"running": {}}}]),
        pod("done", phase="Succeeded", containerStatuses=completed),
        event("e1", "Normal", "2026-01-01T00:00:09Z", "Pulled", "image is there"),
        event("e2", "Warning", "2026-01-01T00:00:01Z", "BackOff", "back-off restarting", count=4),
        event("e3", "Warning", "2026-01-01T00:00:05Z", "Unhealthy", "probe failed"),
    )
    assert evidence_of(stand) == (
        "pod a on hub: app waiting: CrashLoopBackOff: back-off 10s",
        "pod b on hub: init terminated: exit code 3",
        "pod c on hub: Pending: 0/1 nodes are available",
        "pod d on hub: Failed: evicted",
        "event Pod web-1 on hub: Unhealthy: probe failed",
        "event Pod web-1 on hub: BackOff: back-off restarting (×4)",
        "event Pod web-1 on hub: Pulled: image is there",
    )


def test_evidence_is_bounded_and_the_newest(stand: StandIn) -> None:
    for number in range(30):
        stand.hub.add(pod(f"p{number:02}", phase="Failed", message="x" * 500))
        when = f"2026-01-01T00:00:{number:02}Z"
        stand.hub.add(event(f"e{number:02}", "Warning", when, "R", f"message {number}"))
    lines = evidence_of(stand)
    assert len(lines) <= 10
    assert all(len(line) <= 240 for line in lines)
    assert "event Pod web-1 on hub: R: message 29" in lines


def test_a_cluster_that_does_not_answer_is_one_line_of_evidence(stand: StandIn) -> None:
    stand.hub.refuse("list", "Pod", message="no")
    stand.hub.add(event("e", "Warning", "2026-01-01T00:00:01Z", "R", "message"))
    assert evidence_of(stand) == (
        "could not look: the API of hub refused: Forbidden",
        "event Pod web-1 on hub: R: message",
    )


def test_reasons_events_and_evidence_carry_no_secret(stand: StandIn) -> None:
    secret = stand.lab.folder.secret("git-password")
    stand.hub.refuse("get", "Deployment", message=f"login with {secret} failed\x1b[2J")
    stand.hub.add(event("e", "Warning", "2026-01-01T00:00:01Z", "R", f"using {secret}"))
    evidence_of(stand)
    assert known_secrets(stand.lab.folder) == (secret,)
    lines = [event.to_json() for event in stand.events]
    assert any("login with *** failed" in line for line in lines)
    assert not [line for line in lines if secret in line or "\\u001b" in line]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abc.def-123456", "Authorization: Bearer ***"),
        ("http://lab:s3cr3t@host/x", "http://***@host/x"),
        ("password=hunter22 rest", "password=*** rest"),
        ('"token": "abcdefgh"', '"token": "***"'),
        ("jwt eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJr.sig-nature end", "jwt *** end"),
        ('secret "web" not found', 'secret "web" not found'),
        ("a\tb\r\nc\x07d", "a b cd"),
        ("http://host:3000/lab/platform.git", "http://host:3000/lab/platform.git"),
    ],
)
def test_a_line_is_clean(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_equal_and_empty_lines_are_left_out() -> None:
    assert bounded(["a", "", "a", " b "], ()) == ("a", "b")


def test_evidence_has_ten_lines_at_most() -> None:
    assert bounded([f"line {n}" for n in range(30)], ()) == tuple(f"line {n}" for n in range(10))


# --- the operation --------------------------------------------------------------------------------------------------


@pytest.fixture
def full(tmp_path: Path) -> StandIn:
    made = stand_in(
        tmp_path,
        checks=[
            check(id="team", expect=NAMESPACE),
            check(id="default", expect={"kind": "Namespace", "name": "default"}),
            check(id="later", expect=NAMESPACE, phase="lesson"),
            check(id="loss", script="loss.sh", phase="drill"),
        ],
    )
    script(made, "loss.sh")
    return made


def test_a_run_is_recorded_and_its_outcomes_remembered(full: StandIn) -> None:
    full.hub.add(namespace())
    result = operation(full.lab)
    assert (result.outcome, result.exit_code) == ("success", 0)
    assert [r.id for r in result.checks] == ["team", "default"]
    started, finished = full.told(RunStarted)[0], full.told(RunFinished)[0]
    assert (started.command, started.checks) == ("check", ("team", "default"))
    assert (finished.outcome, finished.exit_code) == ("success", 0)
    lines = Path(result.log).read_text().splitlines()
    assert json.loads(lines[0])["event"] == "RunStarted"
    assert json.loads(lines[-1])["event"] == "RunFinished"
    assert {name: o.outcome for name, o in outcomes.read(full.lab.folder).items()} == {
        "team": "passed",
        "default": "passed",
    }


def test_a_check_that_fails_gives_1(full: StandIn) -> None:
    result = operation(full.lab)
    assert (result.outcome, result.exit_code) == ("partial", 1)
    assert outcomes.read(full.lab.folder)["team"].reason == "Namespace team on hub: not found"


def test_ids_choose_whatever_the_phase(full: StandIn) -> None:
    full.hub.add(namespace())
    assert [r.id for r in operation(full.lab, ids=["loss", "later"]).checks] == ["later", "loss"]


def test_phases_choose(full: StandIn) -> None:
    full.hub.add(namespace())
    assert [r.id for r in operation(full.lab, phases=("up", "drill")).checks] == ["team", "default", "loss"]


def test_an_unknown_id_names_the_known_and_runs_nothing(full: StandIn) -> None:
    with pytest.raises(LabError) as raised:
        operation(full.lab, ids=["team", "tema"])
    assert raised.value.code == "check-unknown"
    assert "team, default, later, loss" in raised.value.why
    assert full.events == []


def test_nothing_to_run_gives_5(stand: StandIn) -> None:
    assert operation(stand.lab).exit_code == 5


def test_only_skipped_gives_5(full: StandIn) -> None:
    full.shell.answers = [lambda _: CommandResult(exit_code=5, stdout="no containers", stderr="")]
    assert operation(full.lab, ids=["loss"]).exit_code == 5


def test_a_paused_lab_is_said_so_at_once(full: StandIn) -> None:
    full.provider.states = {"hub": "paused", "w1": "paused", "w2": "paused"}
    with pytest.raises(LabError) as raised:
        operation(full.lab)
    assert raised.value.code == "lab-paused"
    assert full.clock.passed == 0


def test_one_paused_cluster_does_not_keep_checks_from_running(full: StandIn) -> None:
    full.provider.states = {"hub": "paused"}
    full.hub.add(namespace())
    assert operation(full.lab).exit_code == 0


def test_stopping_is_recorded_and_keeps_what_was_known(full: StandIn) -> None:
    remember(full.lab, [CheckResult(id="team", title="t", outcome="passed")])
    full.clock.at(1, full.lab.cancel.set)
    with pytest.raises(LabError) as raised:
        operation(full.lab)
    assert raised.value.exit_code == 130
    assert full.told(RunFinished)[0].outcome == "cancelled"
    known = outcomes.read(full.lab.folder)
    assert known["team"].outcome == "passed"


# --- tokens ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def linked(tmp_path: Path) -> StandIn:
    made = stand_in(tmp_path, checks=[check(expect={"kind": "Namespace", "name": "default"})], manages=["w1"])
    made.hub.add(namespace("argocd"))
    for name in ("hub", "w1"):
        Register(hub="hub", cluster=made.lab.scenario.cluster(name)).run(made.lab, lambda _: None)
    made.lab.sink.target = made.events.append
    return made


@pytest.mark.parametrize(("days", "tokens"), [(1, 1), (19, 1), (21, 2), (40, 2)])
def test_a_token_that_ends_soon_is_renewed(linked: StandIn, days: int, tokens: int) -> None:
    linked.clock.advance(days * 86400)
    assert operation(linked.lab).exit_code == 0
    assert len(linked.kubes["w1"].tokens) == tokens
    assert operation(linked.lab).exit_code == 0
    assert len(linked.kubes["w1"].tokens) == tokens


def test_what_else_is_wrong_with_a_registration_is_left_alone(linked: StandIn) -> None:
    secret = Ref(kind="Secret", namespace="argocd", name="cluster-w1")
    linked.hub.patch(secret, {"data": encode({"server": "https://elsewhere"})})
    before = len(linked.hub.mutations)
    assert operation(linked.lab).exit_code == 0
    assert len(linked.hub.mutations) == before


def test_a_hub_that_is_stopped_is_not_asked_for_tokens(linked: StandIn) -> None:
    linked.clock.advance(25 * 86400)
    linked.provider.states = {"hub": "paused"}
    operation(linked.lab)
    assert len(linked.kubes["w1"].tokens) == 1


def test_a_refused_renewal_does_not_keep_checks_from_running(linked: StandIn) -> None:
    linked.clock.advance(25 * 86400)
    linked.kubes["w1"].refuse("token", "ServiceAccount")
    assert operation(linked.lab).exit_code == 0


@pytest.mark.parametrize(
    ("found", "code"),
    [((), 5), (("skipped",), 5), (("passed", "skipped"), 0), (("passed", "failed"), 1), (("skipped", "failed"), 1)],
)
def test_exit_codes(found: tuple[Any, ...], code: int) -> None:
    assert exit_code([CheckResult(id="x", title="x", outcome=outcome) for outcome in found]) == code


def test_damaged_outcomes_are_no_outcomes(full: StandIn) -> None:
    remember(full.lab, [CheckResult(id="team", title="t", outcome="passed")])
    path = full.lab.folder.path / outcomes.FILE
    assert path.stat().st_mode & 0o777 == 0o600
    for text in ("{", "[]", '{"team": {"id": 1}}', '{"team": 3}'):
        path.write_text(text)
        assert outcomes.read(full.lab.folder) == {}
