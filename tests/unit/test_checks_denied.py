"""`denied` wants a refusal and leaves nothing behind."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.checks.denied import CASCADE, MARK
from lab.checks.outcomes import remember
from lab.checks.run import once, run
from lab.ports import Object, Ref
from lab.results import CheckResult
from tests.fakes.kube import FakeKube
from tests.fakes.stand_in import StandIn, check, stand_in

CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "sneak", "namespace": "default"}}
APP = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Application",
    "metadata": {"name": "sneak", "namespace": "argocd", "finalizers": [CASCADE]},
    "spec": {"destination": {"server": "${cluster.w1.server}", "namespace": "kube-system"}, "project": "team"},
}
APP_REF = Ref(kind="Application", name="sneak", namespace="argocd")
NOT_PERMITTED = "application destination server and namespace do not match any of the allowed destinations"


@pytest.fixture
def stand(tmp_path: Path) -> StandIn:
    made = stand_in(tmp_path)
    made.hub.add({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argocd"}})
    return made


def outcome(stand: StandIn, obj: Object, message: str = "not match any", timeout: str = "10s", **more: Any) -> Any:
    (stand.lab.scenario.folder / "bad.yaml").write_text(yaml.safe_dump(obj))
    values = {"apply": "bad.yaml", "message": message, **more}
    result = run(stand.lab, [check(denied=values, timeout=timeout)])[0]
    return result.outcome, result.reason


def judge(kube: FakeKube, status: dict[str, Any]) -> None:
    """Play Argo CD: write this status on whatever Application is applied."""

    def react(_: FakeKube, verb: str, obj: Object) -> None:
        if verb == "apply" and obj["kind"] == "Application":
            kube.add({**obj, "status": status})

    kube.reactions.append(react)


def test_a_refusal_by_the_api_with_the_wanted_message_holds(stand: StandIn) -> None:
    stand.hub.refuse("apply", "ConfigMap", message='configmaps is forbidden: User "x" cannot create', impersonate="x")
    assert outcome(stand, CONFIG, "cannot create", **{"as": "x"}) == ("passed", "")
    assert stand.hub.mutations == []


def test_it_applies_as_the_user_it_names(stand: StandIn) -> None:
    stand.hub.refuse("apply", "ConfigMap", impersonate="system:serviceaccount:a:b")
    assert outcome(stand, CONFIG, "forbidden")[0] == "failed"
    assert outcome(stand, CONFIG, "forbidden", **{"as": "system:serviceaccount:a:b"})[0] == "passed"


def test_another_refusal_does_not_hold(stand: StandIn) -> None:
    stand.hub.refuse("apply", "ConfigMap", status=422, reason="Invalid", message="name is too long")
    assert outcome(stand, CONFIG, "quota") == ("failed", 'refusal: got "name is too long", want "quota"')


def test_a_server_error_is_no_refusal(stand: StandIn) -> None:
    stand.hub.refuse("apply", "ConfigMap", status=500, reason="InternalError", message="quota webhook is down")
    assert outcome(stand, CONFIG, "quota") == (
        "failed",
        "the API of hub refused: InternalError: quota webhook is down",
    )


def test_what_is_accepted_fails_and_is_removed(stand: StandIn) -> None:
    assert outcome(stand, CONFIG, "quota") == (
        "failed",
        'ConfigMap default/sneak on hub was accepted, want it refused with "quota"',
    )
    assert stand.hub.names("ConfigMap") == []
    assert "ConfigMap/sneak" in stand.hub.verbs("delete")


def test_a_policy_that_comes_late_still_counts(stand: StandIn) -> None:
    stand.clock.at(3, lambda: stand.hub.refuse("apply", "ConfigMap", message="exceeded quota"))
    assert outcome(stand, CONFIG, "quota") == ("passed", "")
    assert stand.hub.names("ConfigMap") == []


def test_what_was_there_before_is_left_alone(stand: StandIn) -> None:
    stand.hub.add({**CONFIG, "data": {"learner": "work"}})
    assert outcome(stand, CONFIG, "quota") == (
        "failed",
        "ConfigMap default/sneak on hub exists already and is not the check's; it is left alone",
    )
    assert stand.hub.mutations == []
    assert stand.clock.passed == 0


def test_what_an_earlier_run_left_is_removed_even_when_the_api_refuses_now(stand: StandIn) -> None:
    left = {**CONFIG, "metadata": {**CONFIG["metadata"], "annotations": {MARK: "it"}}}
    stand.hub.add(left)
    stand.hub.refuse("apply", "ConfigMap", message="exceeded quota")
    assert outcome(stand, CONFIG, "quota") == ("passed", "")
    assert stand.hub.names("ConfigMap") == []


@pytest.mark.parametrize(
    "status",
    [
        {"conditions": [{"type": "InvalidSpecError", "message": NOT_PERMITTED}]},
        {"operationState": {"phase": "Failed", "message": NOT_PERMITTED}},
    ],
)
def test_argo_cd_refuses_in_the_status(stand: StandIn, status: dict[str, Any]) -> None:
    judge(stand.hub, status)
    assert outcome(stand, APP) == ("passed", "")
    assert stand.hub.names("Application") == []


def test_the_applied_object_has_real_addresses_and_the_checks_mark(stand: StandIn) -> None:
    seen: list[Object] = []
    stand.hub.reactions.append(lambda _, verb, obj: seen.append(obj) if verb == "apply" else None)
    judge(stand.hub, {"conditions": [{"type": "InvalidSpecError", "message": NOT_PERMITTED}]})
    outcome(stand, APP)
    assert seen[0]["spec"]["destination"]["server"] == "https://lab-w1-control-plane:6443"
    assert seen[0]["metadata"]["annotations"] == {MARK: "it"}


def test_an_application_that_nobody_refuses_fails_at_the_deadline_and_is_removed(stand: StandIn) -> None:
    assert outcome(stand, APP) == (
        "failed",
        'Application argocd/sneak on hub was accepted, want it refused with "not match any"',
    )
    assert stand.hub.verbs("apply") == ["Application/sneak"]
    assert stand.hub.names("Application") == []


def test_another_complaint_is_shown(stand: StandIn) -> None:
    judge(stand.hub, {"conditions": [{"type": "ComparisonError", "message": "path does not exist"}]})
    assert outcome(stand, APP) == (
        "failed",
        "Application argocd/sneak on hub: got ComparisonError: path does not exist, "
        'want it refused with "not match any"',
    )


def test_an_application_that_synced_is_removed_with_what_it_deployed(stand: StandIn) -> None:
    judge(stand.hub, {"operationState": {"phase": "Succeeded", "message": "successfully synced"}})
    finalizers: list[Any] = []

    def argocd(kube: FakeKube, verb: str, obj: Object) -> None:
        if verb == "delete":
            finalizers.append(obj["metadata"].get("finalizers"))
            stand.clock.at(stand.clock.passed + 2, lambda: kube.patch(APP_REF, {"metadata": {"finalizers": []}}))

    stand.hub.reactions.append(argocd)
    found, reason = outcome(stand, APP)
    assert found == "failed"
    assert "was accepted and synced" in reason
    assert finalizers == [[CASCADE]]
    assert stand.hub.names("Application") == []
    assert stand.clock.passed < 5


def test_a_removal_that_hangs_is_forced(stand: StandIn) -> None:
    judge(stand.hub, {"operationState": {"phase": "Failed", "message": NOT_PERMITTED}})
    assert outcome(stand, APP) == ("passed", "")
    assert stand.hub.names("Application") == []
    assert stand.clock.passed >= 30


def test_a_removal_that_is_refused_fails_the_check(stand: StandIn) -> None:
    stand.hub.refuse("delete", "ConfigMap", message="a webhook says no")
    found, reason = outcome(stand, CONFIG, "quota")
    assert found == "failed"
    assert "could not be removed" in reason
    assert "a webhook says no" in reason


def test_a_stopped_check_still_removes_what_it_applied(stand: StandIn) -> None:
    stand.clock.at(2, stand.lab.cancel.set)
    assert outcome(stand, APP) == ("skipped", "stopped on request")
    assert stand.clock.passed < 5
    assert stand.hub.names("Application") == []


def test_a_single_look_changes_nothing(stand: StandIn) -> None:
    (stand.lab.scenario.folder / "bad.yaml").write_text(yaml.safe_dump(CONFIG))
    denied = check(denied={"apply": "bad.yaml", "message": "quota"})
    assert once(stand.lab, [denied])[0].reason == "has not run yet"
    remember(stand.lab.folder, [CheckResult(id="it", title="it holds", outcome="passed")], 1.0)
    assert once(stand.lab, [denied])[0].outcome == "passed"
    assert stand.hub.mutations == []


def test_more_than_one_object_is_refused_before_anything_is_applied(stand: StandIn) -> None:
    (stand.lab.scenario.folder / "bad.yaml").write_text(yaml.safe_dump_all([CONFIG, APP]))
    result = run(stand.lab, [check(denied={"apply": "bad.yaml", "message": "x"})])[0]
    assert (result.outcome, result.reason) == ("failed", "bad.yaml has 2 objects, want 1")
    assert stand.hub.mutations == []


def test_a_rule_that_comes_after_argo_cds_first_answer_is_heard(stand: StandIn) -> None:
    answers = ["kind Namespace is not permitted", "kind Namespace is not permitted", "LimitRange is not permitted"]

    def react(kube: FakeKube, verb: str, obj: Object) -> None:
        if verb == "apply" and obj["kind"] == "Application":
            kube.add({**obj, "status": {"operationState": {"phase": "Failed", "message": answers.pop(0)}}})

    stand.hub.reactions.append(react)
    assert outcome(stand, APP, "LimitRange is not", timeout="2m") == ("passed", "")
    assert answers == []
    assert stand.hub.get(APP_REF) is None
