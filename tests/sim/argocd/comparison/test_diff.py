"""Differences as Argo CD finds them.

`data/diffs.jsonl` holds what Argo CD 3.6.1's own `StateDiff` says of pairs that were made by chance from
`data/diff_bases.jsonl`: wanted objects of many kinds and what a cluster makes of them, with a few changes to both.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import jsonpatch
import orjson
import pytest

from lab.sim.argocd.comparison.coverage import covers
from lab.sim.argocd.comparison.diff import LAST_APPLIED, DiffError, difference
from lab.sim.argocd.comparison.kinds import type_of
from lab.sim.argocd.comparison.rules import DiffRules, diff_rules
from lab.sim.argocd.comparison.settings import DEFAULTS, read_settings
from lab.sim.objects import Object
from tests.sim.argocd.comparison.given import application
from tests.sim.argocd.live.reach import applied

_DATA = Path(__file__).parent / "data"


@cache
def _lines(name: str) -> list[Any]:
    return [orjson.loads(line) for line in (_DATA / f"{name}.jsonl").read_bytes().splitlines()]


def rules(ignores: list[Object] | None = None, settings: dict[str, str] | None = None) -> DiffRules:
    return diff_rules(
        application(ignoreDifferences=ignores or []), DEFAULTS if settings is None else read_settings(settings)
    )


def _pair(case: Any) -> tuple[Object, Object]:
    base = _lines("diff_bases")[case["base"]]
    return jsonpatch.apply_patch(base["target"], case["target"]), jsonpatch.apply_patch(base["live"], case["live"])


def _cases() -> list[Any]:
    return [
        pytest.param(one, id=one["case"], marks=[pytest.mark.skip(reason=one["skip"])] if "skip" in one else [])
        for one in _lines("diffs")
    ]


@pytest.mark.parametrize("case", _cases())
def test_as_argo_cd_says(case: Any) -> None:
    target, live = _pair(case)
    before = orjson.dumps([target, live])
    if "error" in case:
        with pytest.raises(DiffError) as caught:
            difference(target, live, rules(case["ignores"]))
        assert str(caught.value) == case["error"]
        return
    assert difference(target, live, rules(case["ignores"])).modified is case["modified"]
    assert orjson.dumps([target, live]) == before, "what is compared is never changed"


def test_what_is_plainly_there_is_never_a_difference() -> None:
    """The quick look may leave a pair to the slow one; it may not contradict it."""
    plain = []
    for case in _lines("diffs"):
        target, live = _pair(case)
        text = (live["metadata"].get("annotations") or {}).get(LAST_APPLIED)
        as_before = text is None or orjson.loads(text) == target
        if as_before and covers(target, live, type_of(target["apiVersion"], target["kind"])):
            plain.append(case)
    assert len(plain) > 80
    assert [one["case"] for one in plain if one.get("modified") is not False] == []


def deployment(**spec: Any) -> Object:
    container = {"name": "web", "image": "nginx"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [container]}}, **spec},
    }


class TestWhatIsIgnored:
    @pytest.mark.parametrize(
        "ignored",
        [
            pytest.param({"jsonPointers": ["/spec/replicas"]}, id="by JSON pointer"),
            pytest.param({"jqPathExpressions": [".spec.replicas"]}, id="by jq"),
            pytest.param({"managedFieldsManagers": ["scaler"]}, id="by manager"),
        ],
    )
    def test_an_applications_own_rules(self, ignored: Object) -> None:
        fields = {"f:spec": {"f:replicas": {}}}
        entry = {"manager": "scaler", "operation": "Update", "fieldsType": "FieldsV1", "fieldsV1": fields}
        live = deployment(replicas=5)
        live["metadata"]["managedFields"] = [entry]
        assert difference(deployment(), live, rules()).modified
        assert not difference(deployment(), live, rules([{"group": "apps", "kind": "*", **ignored}])).modified
        assert difference(deployment(), live, rules([{"group": "batch", "kind": "*", **ignored}])).modified
        assert difference(deployment(), live, rules([{"group": "apps", "kind": "*", "name": "x", **ignored}])).modified

    def test_rules_of_argocd_cm(self) -> None:
        text = {"resource.customizations.ignoreDifferences.apps_Deployment": "jsonPointers: [/spec/replicas]"}
        together = {"resource.customizations": "apps/Deployment: {ignoreDifferences: 'jsonPointers: [/spec/replicas]'}"}
        for settings in (text, together):
            assert not difference(deployment(), deployment(replicas=5), rules(settings=settings)).modified

    def test_a_resources_own_annotation(self) -> None:
        target = deployment()
        target["metadata"]["annotations"] = {"argocd.argoproj.io/ignore-differences": "jsonPointers: [/spec/replicas]"}
        live = deployment(replicas=5)
        live["metadata"]["annotations"] = dict(target["metadata"]["annotations"])
        assert not difference(target, live, rules()).modified

    @pytest.mark.parametrize(("where", "counts"), [("all", False), ("crd", True), ("none", True), ("false", True)])
    def test_status(self, where: str, counts: bool) -> None:
        target = {**deployment(), "status": {"replicas": 3}}
        found = rules(settings={"resource.compareoptions": f"ignoreResourceStatusField: {where}"})
        assert difference(target, {**deployment(), "status": {"replicas": 1}}, found).modified is counts

    def test_rules_of_aggregated_roles(self) -> None:
        role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "r"}}
        target = {**role, "aggregationRule": {"clusterRoleSelectors": []}, "rules": [{"verbs": ["get"]}]}
        live = {**target, "rules": [{"verbs": ["list"]}]}
        ignoring = {"resource.compareoptions": "ignoreAggregatedRoles: true"}
        assert difference(target, live, rules()).modified
        assert not difference(target, live, rules(settings=ignoring)).modified


class TestKnownTypes:
    target: ClassVar[Object] = {
        "apiVersion": "some.io/v1",
        "kind": "Thing",
        "metadata": {"name": "a"},
        "spec": {
            "ram": "1.25G",
            "every": "90m",
            "pods": [{"containers": [{"name": "a", "resources": {"limits": {"cpu": "2000m"}}}]}],
        },
    }

    @pytest.mark.parametrize(
        ("field", "name", "changed"),
        [
            ("spec.ram", "core/Quantity", {"ram": "1250M"}),
            ("spec.every", "meta/v1/Duration", {"every": "1h30m0s"}),
            (
                "spec.pods",
                "core/v1/PodSpec",
                {"pods": [{"containers": [{"name": "a", "resources": {"limits": {"cpu": "2"}}}]}]},
            ),
            (
                "spec.pods.containers",
                "core/v1/Container",
                {"pods": [{"containers": [{"name": "a", "resources": {"limits": {"cpu": 2}}}]}]},
            ),
        ],
    )
    def test_other_ways_to_write_a_value_do_not_differ(self, field: str, name: str, changed: Object) -> None:
        live = {**self.target, "spec": {**self.target["spec"], **changed}}
        key = "resource.customizations.knownTypeFields.some.io_Thing"
        assert difference(self.target, live, rules()).modified
        assert not difference(self.target, live, rules(settings={key: f"[{{field: {field}, type: {name}}}]"})).modified


def test_a_label_that_replaced_the_annotation_is_no_difference() -> None:
    target = deployment()
    target["metadata"]["annotations"] = {"argocd.argoproj.io/tracking-id": "web:apps/Deployment:shop/web"}
    live = deployment()
    live["metadata"]["labels"] = {"app.kubernetes.io/instance": "web"}
    assert not difference(target, live, rules()).modified


def test_what_was_applied_before_and_is_wanted_no_longer_is_a_difference() -> None:
    before = deployment(paused=True)
    assert difference(deployment(), applied(before), rules()).modified
    assert not difference(deployment(), deployment(paused=True), rules()).modified


def test_labels_that_were_applied_as_an_empty_map_take_away_all_labels() -> None:
    wanted: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": {}}}
    live = applied(wanted)
    live["metadata"]["labels"] = {"team": "a"}
    assert difference(wanted, live, rules()).modified


def test_a_field_that_its_kind_does_not_have_is_told_by_name() -> None:
    target, live = deployment(nope={"a": 1}), deployment(nope={"a": 2})
    with pytest.raises(DiffError) as caught:
        difference(target, live, rules())
    assert str(caught.value) == (
        "failed to calculate diff: failed to construct thre way merge patch: "
        'unable to find api field in struct DeploymentSpec for the json field "nope"'
    )
