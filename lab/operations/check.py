"""Is it true? Run the scenario's checks and remember how they ended."""

import contextlib
from collections.abc import Sequence
from datetime import datetime

from lab.argocd.registration import RENEW_BEFORE
from lab.checks import outcomes
from lab.checks.run import STOPPED, run
from lab.errors import CHECK_FAILED, NOTHING_RAN, OK, LabError, as_lab_error
from lab.model import Check
from lab.results import CheckResult, Link, RunResult
from lab.session import Lab
from lab.steps.registration import registrations


def check(lab: Lab, ids: Sequence[str] = (), phases: Sequence[str] = ("up",)) -> RunResult:
    """Run checks by id, whatever their phase, or all of some phases.

    Registration tokens that end soon are renewed on the way; nothing else of the lab is mended here. The lab is not
    locked: the script of a drill may itself call `lab pause` or `lab push`.

    Exit code 0 when all that ran hold, 1 when one does not, 5 when there was none or all were skipped.

    :raises LabError: `check-unknown`; `lab-paused` when every cluster is stopped; `interrupted` when `lab.cancel`
        was set, after the run was recorded
    """
    chosen = select(lab, ids, phases)
    nodes = lab.provider.nodes()
    if nodes and all(node.state == "paused" for node in nodes):
        raise LabError("lab-paused", name=lab.name)
    started = lab.clock.monotonic()
    with lab.recording("check", (), chosen) as recording:
        results: tuple[CheckResult, ...] = ()
        try:
            _renew_tokens(lab, {node.cluster for node in nodes if node.state == "running"})
            results = run(lab, chosen)
            remember(lab, results)
            if lab.cancel.is_set():
                raise LabError("interrupted", command=" ".join(["lab check", *ids]))
        except Exception as error:
            lab.finish(recording, started, as_lab_error(error, "lab check"), results)
            raise
        return lab.finish(recording, started, checks=results, exit_code=exit_code(results))


def select(lab: Lab, ids: Sequence[str] = (), phases: Sequence[str] = ("up",)) -> tuple[Check, ...]:
    """The checks meant, in the scenario's order.

    :raises LabError: `check-unknown`
    """
    if not ids:
        return lab.scenario.checks(*phases)
    known = [check.id for check in lab.scenario.spec.checks]
    for name in ids:
        if name not in known:
            raise LabError("check-unknown", name=name, known=", ".join(known) or "none")
    return tuple(check for check in lab.scenario.spec.checks if check.id in ids)


def exit_code(results: Sequence[CheckResult]) -> int:
    """0, 1 or 5 as `check` says."""
    found = {result.outcome for result in results}
    if "failed" in found:
        return CHECK_FAILED
    return OK if "passed" in found else NOTHING_RAN


def remember(lab: Lab, results: Sequence[CheckResult]) -> None:
    """Keep how checks ended for whoever shows them later; those that were stopped keep their last outcome."""
    ended = [result for result in results if result.reason != STOPPED]
    outcomes.remember(lab.folder, ended, lab.clock.now())


def _renew_tokens(lab: Lab, running: set[str]) -> None:
    for step in registrations(lab.scenario):
        if set(step.clusters) <= running:
            # A hub that cannot be asked is what the checks are about to tell.
            with contextlib.suppress(LabError):
                if _ends_soon(lab, step.link(lab)):
                    step.run(lab, lambda _: None)


def _ends_soon(lab: Lab, link: Link) -> bool:
    if link.state != "stale" or not link.expires:
        return False
    try:
        end = datetime.fromisoformat(link.expires).timestamp()
    except ValueError:
        return False
    return end - lab.clock.now() <= RENEW_BEFORE
