"""Run checks: the quiet ones side by side, then every drill alone."""

import contextvars
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from lab.checks import evidence, outcomes
from lab.checks.app import AppLook
from lab.checks.appset import AppSetLook
from lab.checks.denied import DeniedLook
from lab.checks.expect import ExpectLook
from lab.checks.http import HttpLook
from lab.checks.look import Look, Settled, filled, step_of
from lab.checks.script import ScriptLook
from lab.errors import Cancelled, LabError, WaitTimeout
from lab.events import CheckFinished, CheckOutcome, CheckRetried, CheckStarted
from lab.model import Check, seconds
from lab.recording import current_step
from lab.results import CheckResult
from lab.session import Lab
from lab.waiting import wait_until

WORKERS = 4
STOPPED = "stopped on request"

LOOKS: dict[str, Callable[[Lab, Check], Look]] = {
    "expect": ExpectLook,
    "app": AppLook,
    "appset": AppSetLook,
    "denied": DeniedLook,
    "script": ScriptLook,
    "http": HttpLook,
}


def run(lab: Lab, checks: Sequence[Check]) -> tuple[CheckResult, ...]:
    """Run checks, each to its own deadline; results come in the order of the checks.

    Emits CheckStarted, CheckRetried for every mismatch that is new, and CheckFinished. A check that needs what the
    provider lacks is skipped, which is not a pass; so is one that had not ended when `lab.cancel` was set.
    """
    return _all(lab, checks, _run_one)


def once(lab: Lab, checks: Sequence[Check]) -> tuple[CheckResult, ...]:
    """Look at every check a single time, without waiting, events or evidence.

    Nothing is changed: of drills and of what must be denied, which have to try it, the last outcome counts, and one
    that never ran does not hold.
    """
    return _all(lab, checks, _once_one)


def _all(lab: Lab, checks: Sequence[Check], evaluate: Callable[[Lab, Check], CheckResult]) -> tuple[CheckResult, ...]:
    ended: dict[str, CheckResult] = {}
    with ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="check") as pool:
        futures = [
            pool.submit(contextvars.copy_context().run, evaluate, lab, check)
            for check in checks
            if check.phase != "drill"
        ]
    for future in futures:
        result = future.result()
        ended[result.id] = result
    for check in checks:
        if check.phase == "drill":
            ended[check.id] = contextvars.copy_context().run(evaluate, lab, check)
    return tuple(ended[check.id] for check in checks)


def _run_one(lab: Lab, check: Check) -> CheckResult:
    # What a check does to the lab it takes back: its commands are told apart from the lab's own by their step.
    current_step.set(step_of(check))
    start = lab.clock.monotonic()
    lab.sink(CheckStarted(check=check.id, title=check.title, cluster=check.on))
    seen: set[str] = set()
    secrets = evidence.known_secrets(lab.folder)

    def retried(mismatch: str) -> None:
        line = evidence.clean(mismatch, secrets)
        if line not in seen:
            seen.add(line)
            lab.sink(CheckRetried(check=check.id, mismatch=line))

    outcome, reason, found = _watch(lab, check, seconds(check.timeout), retried)
    result = CheckResult(
        id=check.id,
        title=check.title,
        outcome=outcome,
        seconds=round(lab.clock.monotonic() - start, 3),
        reason=evidence.clean(reason, secrets),
        hint=check.hint if outcome == "failed" else "",
        evidence=evidence.bounded(found, secrets),
    )
    lab.sink(
        CheckFinished(
            check=result.id,
            title=result.title,
            outcome=result.outcome,
            seconds=result.seconds,
            reason=result.reason,
            hint=result.hint,
            evidence=result.evidence,
        )
    )
    return result


def _once_one(lab: Lab, check: Check) -> CheckResult:
    if (check.phase == "drill" or check.kind == "denied") and not _lacking(lab, check):
        last = outcomes.read(lab.folder).get(check.id)
        if last is not None:
            return CheckResult(id=check.id, title=check.title, outcome=last.outcome, reason=last.reason)
        return CheckResult(
            id=check.id, title=check.title, outcome="failed", reason="has not run yet", hint=f"lab check {check.id}"
        )
    outcome, reason, _ = _watch(lab, check, None, lambda _: None)
    reason = evidence.clean(reason, evidence.known_secrets(lab.folder))
    hint = check.hint if outcome == "failed" else ""
    return CheckResult(id=check.id, title=check.title, outcome=outcome, reason=reason, hint=hint)


Verdict = tuple[CheckOutcome, str, Sequence[str]]
"""Outcome, reason, evidence."""


def _watch(lab: Lab, check: Check, timeout: float | None, retried: Callable[[str], None]) -> Verdict:
    """Look until the check holds or its time is over; without a timeout, once."""
    lacking = _lacking(lab, check)
    if lacking:
        return "skipped", f"provider {lab.provider.name} lacks {lacking}", ()
    try:
        look = LOOKS[check.kind](lab, _filled(lab, check))
    except Settled as settled:
        return settled.outcome, settled.reason, ()
    except LabError as error:
        return "failed", f"{error.what}: {error.why}", ()
    verdict: Verdict = ("failed", STOPPED, ())
    try:
        verdict = _wait(lab, look, check, timeout, retried)
    finally:
        left = _closed(look)
    return ("failed", f"{left} {verdict[1]}".strip(), verdict[2]) if left else verdict


def _wait(lab: Lab, look: Look, check: Check, timeout: float | None, retried: Callable[[str], None]) -> Verdict:
    def told() -> Sequence[str]:
        return evidence.gathered(lambda: list(look.evidence())) if timeout is not None else ()

    try:
        wait_until(
            look,
            awaited=check.title,
            timeout=timeout or 0.0,
            clock=lab.clock,
            cancel=lab.cancel,
            interval=look.interval,
            seen=retried,
        )
    except Cancelled:
        return "skipped", STOPPED, ()
    except Settled as settled:
        return settled.outcome, settled.reason, told() if settled.outcome == "failed" else ()
    except WaitTimeout as late:
        return "failed", late.seen, told()
    except LabError as error:
        return "failed", f"{error.what}: {error.why}", told()
    return "passed", "", ()


def _lacking(lab: Lab, check: Check) -> str:
    return ", ".join(name for name in check.needs if name not in lab.provider.capabilities)


def _closed(look: Look) -> str:
    """Empty, or why what the check has changed could not be taken back."""
    try:
        look.close()
    except LabError as error:
        return f"what the check applied could not be removed: {error.what}: {error.why};"
    return ""


def _filled(lab: Lab, check: Check) -> Check:
    data = check.model_dump(by_alias=True, exclude_unset=True)
    changed = filled(lab, data)
    return check if changed is data else Check.model_validate(changed)
