"""Bring a lab up: record it, run the plan, run the checks."""

from collections.abc import Sequence
from dataclasses import replace

from lab import engine, plan
from lab.checks import outcomes
from lab.checks.run import run as run_checks
from lab.errors import CHECK_FAILED, LabError, as_lab_error
from lab.model import Check, Scenario
from lab.operations.check import remember
from lab.providers import CAPABILITIES
from lab.results import CheckResult, RunResult
from lab.session import Lab
from lab.state import Options, Record, port_free


def up(lab: Lab, skip_checks: bool = False, force: bool = False) -> RunResult:
    """Everything from nothing to checked; what is there already stays as it is.

    :param force: go on although doctor finds problems
    :raises LabError: `lab-busy`; `lab-other-spec` when the lab runs something else; `unsupported` when a UI is asked
        for where no pod runs; errors of the run itself are raised after RunFinished was recorded
    """
    refuse_impossible(lab.scenario, lab.options, lab.provider.name)
    with lab.folder.lock(f"up {lab.scenario.name}"):
        steps = plan.make(lab.scenario, lab.settings, force, lab.provider.capabilities)
        _record(lab)
        checks = () if skip_checks else lab.scenario.checks("up")
        started = lab.clock.monotonic()
        with lab.recording("up", tuple(step.info for step in steps), checks) as recording:
            results: tuple[CheckResult, ...] = ()
            try:
                engine.run(steps, lab, f"lab up {lab.scenario.name}")
                lab.mark_complete(True)
                results = _check(lab, checks, changed=recording.changes > 0)
                if lab.cancel.is_set():
                    raise LabError("interrupted", command=f"lab up {lab.scenario.name}")
            except Exception as error:
                lab.finish(recording, started, as_lab_error(error, "lab up"), results)
                raise
            failed = any(result.outcome == "failed" for result in results)
            return lab.finish(recording, started, checks=results, exit_code=CHECK_FAILED if failed else 0)


def refuse_impossible(scenario: Scenario, options: Options, provider: str) -> None:
    """Say no to what a provider cannot do, before anything is made.

    :raises LabError: `unsupported`
    """
    if options.ui and "runs_containers" not in CAPABILITIES[provider]:
        raise LabError(
            "unsupported",
            what="Argo CD's UI",
            provider=provider,
            reason="The UI is a program in a pod, and there no pod runs anything.",
            wish=f"{scenario.name} --ui",
        )


def _check(lab: Lab, checks: Sequence[Check], changed: bool) -> tuple[CheckResult, ...]:
    """Run the checks. On a lab in which nothing had to be changed, those that passed before and would have to write
    to find out are left alone, so that a second `up` only reads."""
    known = {} if changed else outcomes.read(lab.folder)
    left = {check.id for check in checks if check.denied and check.id in known and known[check.id].outcome == "passed"}
    ran = {result.id: result for result in run_checks(lab, [check for check in checks if check.id not in left])}
    remember(lab, tuple(ran.values()))
    return tuple(ran.get(check.id) or _left_alone(check) for check in checks)


def _left_alone(check: Check) -> CheckResult:
    reason = f"it passed, nothing has changed since, and trying it again would write: lab check {check.id}"
    return CheckResult(id=check.id, title=check.title, outcome="skipped", reason=reason)


def _record(lab: Lab) -> None:
    """Write what the lab is meant to be, with a port for each purpose; refuse to turn it into another."""
    record = lab.folder.record()
    if record is not None and (difference := differs(record, lab)):
        raise LabError(
            "lab-other-spec",
            name=lab.name,
            difference=difference,
            scenario=lab.scenario.name,
            other=f"{lab.name}-2",
        )
    bound = lab.provider.ports()
    if record is None:
        lab.folder.save(replace(lab.fresh_record(), ports=bound))
    argocd = set(lab.instances)
    purposes = ["git"]
    for cluster in lab.scenario.clusters:
        purposes.append(f"api:{cluster.name}")
        if cluster.name in argocd:
            purposes.append(f"ui:{cluster.name}")
    for purpose in purposes:
        port = lab.folder.port(purpose)
        if purpose not in bound and not port_free(port):
            lab.folder.new_port(purpose)


def differs(record: Record, lab: Lab) -> str:
    """How the wanted lab differs from the recorded one; empty when it is the same."""
    if record.scenario != lab.scenario.id:
        return f"it runs {record.scenario}, not {lab.scenario.id}"
    if record.provider != lab.provider.name:
        return f"its provider is {record.provider}, not {lab.provider.name}"
    if record.options != lab.options:
        before, now = vars(record.options), vars(lab.options)
        changed = [f"{key} is {before[key]}, not {now[key]}" for key in before if before[key] != now[key]]
        return "; ".join(changed)
    if record.digest != lab.scenario.digest:
        return "the scenario's files have changed since it was started"
    return ""
