"""Rolling syncs against Argo CD's own tables."""

from __future__ import annotations

import pytest

from lab.sim.argocd.applicationset import progressive, rollout_operations, rollout_spec
from lab.sim.argocd.applicationset.rollout_issues import RolloutIssues
from tests.sim.argocd.upstream import Case, cases


@pytest.mark.parametrize("case", cases("progressive"))
def test_progressive(case: Case) -> None:
    match case["ask"]:
        case "steps":
            made = progressive.select_steps(case["applicationSet"], case.get("applications") or [])
            assert made.members == case["expect"]
            assert made.first == case.get("first", {})
            assert [list(one) for one in made.issues.invalid_operators] == case.get("operators", [])
            assert made.issues.empty_steps == case.get("emptySteps", [])
            assert made.issues.duplicates == case.get("duplicates", {})
        case "to_sync":
            steps = progressive.Steps(case.get("members") or [], {}, RolloutIssues())
            live = [{"metadata": {"name": name}} for name in case.get("live") or []]
            assert sorted(progressive.applications_to_sync(case["applicationSet"], steps, live)) == case["expect"]
        case "rolling":
            assert rollout_spec.is_rolling(case["applicationSet"]) is case["expect"]
        case "reversed":
            assert rollout_spec.deletes_in_reverse(case["applicationSet"]) is case["expect"]
        case "operation":
            status = {"application": "a", "status": "Pending", "targetRevisions": case.get("revisions") or []}
            spec = case["application"]["spec"]
            if case.get("prune"):
                spec = {**spec, "syncPolicy": {**spec["syncPolicy"], "automated": {"prune": True}}}
            application = {"metadata": {"name": "a"}, "spec": spec}
            (made,) = rollout_operations.with_operations(
                {"status": {"applicationStatus": [status]}}, {"a"}, [application]
            )
            assert made["operation"] == _without_false(case["expect"])
        case _:
            issues = RolloutIssues()
            given = case["issues"]
            for one in given.get("invalidMatchExpressions") or ():
                issues.invalid_operator(one.get("stepIndex", 0), one["operator"])
            issues.duplicates = given.get("duplicateAppSelections") or {}
            issues.empty_steps = given.get("emptySteps") or []
            assert issues.message() == case["expectedConditionMessage"]


def _without_false(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_false(one) for key, one in value.items() if one is not False}
    return value
