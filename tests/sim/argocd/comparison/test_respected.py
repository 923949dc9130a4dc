"""What a sync applies with `RespectIgnoreDifferences=true`."""

from __future__ import annotations

from typing import Any

from lab.sim.argocd.comparison import respecting
from lab.sim.argocd.comparison.rules import DiffRules, diff_rules
from lab.sim.argocd.comparison.settings import DEFAULTS
from lab.sim.objects import Object
from tests.sim.argocd.comparison.given import application


def rules(**ignored: Any) -> DiffRules:
    return diff_rules(application(ignoreDifferences=[{"group": "*", "kind": "*", **ignored}]), DEFAULTS)


def deployment(replicas: int | None, image: str, *more: Object, **fields: Any) -> Object:
    spec: Object = {"template": {"spec": {"containers": [{"name": "web", "image": image}, *more]}}}
    if replicas is not None:
        spec["replicas"] = replicas
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec, **fields}


def test_an_ignored_field_is_as_it_is_live_and_the_rest_as_it_is_wanted() -> None:
    live = deployment(5, "old", status={"replicas": 5})
    made = respecting(rules(jsonPointers=["/spec/replicas"]), deployment(2, "new"), live)
    assert made == deployment(5, "new")


def test_an_ignored_item_of_a_list_stays_as_it_is_live() -> None:
    expression = '.spec.template.spec.containers[] | select(.name == "side")'
    target = deployment(2, "new", {"name": "side", "image": "wanted"})
    live = deployment(2, "old", {"name": "side", "image": "injected"})
    made = respecting(rules(jqPathExpressions=[expression]), target, live)
    assert {one["name"]: one["image"] for one in made["spec"]["template"]["spec"]["containers"]} == {
        "web": "new",
        "side": "injected",
    }


def test_what_is_not_live_is_not_taken_over() -> None:
    made = respecting(rules(jsonPointers=["/spec/replicas"]), deployment(2, "new"), deployment(None, "old"))
    assert made == deployment(None, "new")


def test_siblings_in_an_object_that_is_replaced_as_a_whole_stay_as_they_are_wanted() -> None:
    def budget(selector: Object) -> Object:
        spec = {"minAvailable": 1, "selector": selector}
        return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "b"}, "spec": spec}

    target = budget({"matchLabels": {"app": "web", "tier": "new"}})
    live = budget({"matchLabels": {"app": "old", "tier": "live", "extra": "x"}})
    made = respecting(rules(jsonPointers=["/spec/selector/matchLabels/tier"]), target, live)
    assert made["spec"]["selector"] == {"matchLabels": {"app": "web", "tier": "live"}}


def test_custom_resources_are_merged_as_json() -> None:
    def widget(**spec: Any) -> Object:
        return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": spec}

    made = respecting(rules(jsonPointers=["/spec/size"]), widget(size=1, color="red"), widget(size=3, color="blue"))
    assert made == widget(size=3, color="red")


def test_nothing_given_is_changed() -> None:
    target, live = deployment(2, "new"), deployment(5, "old")
    respecting(rules(jsonPointers=["/spec/replicas"]), target, live)
    assert (target, live) == (deployment(2, "new"), deployment(5, "old"))
