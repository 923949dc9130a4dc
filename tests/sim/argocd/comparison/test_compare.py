"""An Application's comparison: statuses, conditions, hooks, and what is not done twice."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from lab.sim.argocd.clusters import Cluster
from lab.sim.argocd.comparison import compare, read_settings
from lab.sim.argocd.comparison.records import Condition
from lab.sim.argocd.comparison.settings import DEFAULTS
from lab.sim.argocd.ports import ConnectError
from lab.sim.argocd.tracking import Tracking
from lab.sim.objects import Object, evolve
from tests.sim.argocd.comparison.given import application, compared, placed, project, states, targets, told
from tests.sim.argocd.live.reach import SERVER, Seen, applied, objects, seen

CONFIG = "{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME}, data: {a: one}}"
HOOK = "argocd.argoproj.io/hook"


def config(name: str) -> Object:
    (made,) = targets(CONFIG.replace("NAME", name))
    return made


async def exists(world: Seen, *wanted: Object, resource: str = "configmaps") -> None:
    for one in wanted:
        await world.client.create(resource, applied(one))
    await world.told()


async def test_nothing_wanted_and_nothing_live_is_synced_and_healthy() -> None:
    async with seen() as world:
        found = await compared(world, [])
    assert (found.status, found.health.status, found.resources, found.conditions) == ("Synced", "Healthy", [], [])


async def test_a_missing_resource_makes_the_application_out_of_sync_and_missing() -> None:
    async with seen() as world:
        found = await compared(world, [config("a")])
    assert (found.status, found.health.status) == ("OutOfSync", "Missing")
    assert found.status_resources() == [
        {"version": "v1", "kind": "ConfigMap", "namespace": "shop", "name": "a", "status": "OutOfSync"}
    ]


async def test_what_is_live_as_wanted_is_synced() -> None:
    async with seen() as world:
        await exists(world, placed(config("a")))
        found = await compared(world, [config("a")])
    assert (found.status, found.health.status) == ("Synced", "Healthy")


async def test_a_live_object_that_is_not_wanted_is_to_be_pruned() -> None:
    async with seen() as world:
        await exists(world, placed(config("a")), placed(config("b")))
        found = await compared(world, [config("a")])
    assert found.status == "OutOfSync"
    assert [(one.name, one.status, one.requires_pruning) for one in found.resources] == [
        ("a", "Synced", False),
        ("b", "OutOfSync", True),
    ]
    assert found.resources[1].target is None


async def test_ignore_extraneous_keeps_an_extra_object_out_of_the_applications_status() -> None:
    extra = placed(config("b"))
    extra["metadata"]["annotations"]["argocd.argoproj.io/compare-options"] = "IgnoreExtraneous"
    async with seen() as world:
        await exists(world, extra)
        found = await compared(world, [])
    assert (found.status, states(found)) == ("Synced", {"ConfigMap/b": "OutOfSync"})


async def test_an_object_whose_mark_was_copied_from_another_is_neither_pruned_nor_counted() -> None:
    stray = placed(config("b"))
    stray["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] = "web:/ConfigMap:shop/a"
    async with seen() as world:
        await exists(world, stray)
        found = await compared(world, [])
    assert [(one.status, one.requires_pruning) for one in found.resources] == [("", False)]
    assert found.status == "Synced"


async def test_an_object_without_a_mark_is_found_and_differs_by_it() -> None:
    (plain,) = objects(CONFIG.replace("NAME", "a"))
    async with seen() as world:
        await exists(world, evolve(plain, metadata={"namespace": "shop"}))
        found = await compared(world, [config("a")])
    assert found.status == "OutOfSync"
    assert found.resources[0].live is not None
    assert found.conditions == []


async def test_an_object_of_another_application_gives_a_warning() -> None:
    async with seen() as world:
        await exists(world, placed(config("a"), instance="team_other"))
        found = await compared(world, [config("a")])
    text = "ConfigMap/a is part of applications argocd/web and team/other"
    assert told(found) == [("SharedResourceWarning", text)]


@pytest.mark.parametrize(
    ("hook", "held", "hooks", "status"),
    [
        pytest.param("PreSync", [], ["a"], "Synced", id="a hook is no resource"),
        pytest.param("Skip", ["a"], [], "Synced", id="a skipped one has no status"),
        pytest.param("PostDelete", [], [], "Synced", id="a hook of a deletion is left out"),
        pytest.param("PostDelete,Sync", [], ["a"], "Synced", id="unless it is one of a sync, too"),
        pytest.param("Garbage", [], [], "Synced", id="an unknown type is left alone"),
    ],
)
async def test_hooks_stand_apart(hook: str, held: list[str], hooks: list[str], status: str) -> None:
    one = config("a")
    one["metadata"]["annotations"][HOOK] = hook
    async with seen() as world:
        found = await compared(world, [one])
    assert [each.name for each in found.resources] == held
    assert [each["metadata"]["name"] for each in found.hooks] == hooks
    assert found.status == status
    assert found.has_post_delete_hooks is ("PostDelete" in hook)


async def test_a_live_hook_has_no_status_and_the_wave_of_its_manifest() -> None:
    wanted = config("a")
    wanted["metadata"]["annotations"] |= {HOOK: "PreSync", "argocd.argoproj.io/sync-wave": "-3"}
    async with seen() as world:
        await exists(world, placed(wanted))
        found = await compared(world, [wanted])
    assert found.status_resources() == [
        {"version": "v1", "kind": "ConfigMap", "namespace": "shop", "name": "a", "hook": True, "requiresPruning": True}
        | {"syncWave": -3}
    ]
    assert found.status == "Synced"


async def test_of_two_objects_with_one_key_the_last_counts() -> None:
    first, last = config("a"), evolve(config("a"), data={"a": "two"})
    async with seen() as world:
        found = await compared(world, [first, config("b"), last])
    assert told(found) == [
        ("RepeatedResourceWarning", "Resource /ConfigMap/shop/a appeared 2 times among application resources.")
    ]
    assert [one.target["data"] for one in found.resources] == [{"a": "two"}, {"a": "one"}]  # type: ignore[index]


async def test_namespaces_are_set_and_taken_away_with_the_marks_to_match() -> None:
    wanted = targets(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n---\n"
        "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: r, namespace: x}, rules: []}"
    )
    async with seen() as world:
        found = await compared(world, wanted)
    made = {one.name: one.target["metadata"] for one in found.resources if one.target is not None}
    assert made["a"]["namespace"] == "shop"
    assert "namespace" not in made["r"]
    assert made["r"]["annotations"]["argocd.argoproj.io/tracking-id"] == (
        "web:rbac.authorization.k8s.io/ClusterRole:shop/r"
    )
    assert wanted[1]["metadata"]["namespace"] == "x", "what was rendered stays as it is"


async def test_a_namespaced_object_without_any_namespace_is_an_invalid_spec() -> None:
    async with seen() as world:
        found = await compared(world, [config("a")], application(destination={"server": "x"}))
    assert ("InvalidSpecError", "Namespace for a /v1, Kind=ConfigMap is missing.") in told(found)


async def test_excluded_kinds_are_left_out_with_a_warning() -> None:
    settings = read_settings({"resource.exclusions": "- {apiGroups: [''], kinds: [ConfigMap]}"})
    async with seen(settings) as world:
        found = await compared(world, [config("a")], settings=settings)
    assert told(found) == [("ExcludedResourceWarning", "Resource /ConfigMap a is excluded in the settings")]
    assert (found.status, found.resources) == ("Synced", [])


async def test_an_object_outside_the_resource_selector_is_never_seen_live() -> None:
    settings = read_settings({"resource.selectors": "- {kinds: [ConfigMap], selector: 'team=a'}"})
    async with seen(settings) as world:
        await exists(world, placed(config("a")))
        found = await compared(world, [config("a")], settings=settings)
    assert told(found) == [
        (
            "ExcludedResourceWarning",
            'Resource /ConfigMap a does not match the resource selector "team=a" in the settings and will not be '
            "watched; it will appear as OutOfSync",
        )
    ]
    assert states(found) == {"ConfigMap/a": "OutOfSync"}


async def test_a_kind_the_project_forbids_is_unknown() -> None:
    forbidding = project(namespaceResourceBlacklist=[{"group": "", "kind": "ConfigMap"}])
    async with seen() as world:
        found = await compared(world, [config("a")], project=forbidding)
    assert states(found) == {"ConfigMap/a": "Unknown"}


async def test_a_live_object_the_project_forbids_is_not_seen() -> None:
    elsewhere = project(destinations=[{"server": "*", "namespace": "other"}])
    async with seen() as world:
        await exists(world, placed(config("extra")))
        found = await compared(world, [], project=elsewhere)
    assert (found.status, found.resources) == ("Synced", [])


async def test_a_failed_rendering_leaves_everything_unknown_but_health() -> None:
    failure = Condition("ComparisonError", "Failed to load target state: nothing there")
    async with seen() as world:
        await exists(world, placed(config("a")))
        found = await compared(world, [], failures=[failure])
    assert (found.status, found.health.status, states(found)) == ("Unknown", "Healthy", {"ConfigMap/a": "Unknown"})
    assert found.conditions == [failure]


async def test_a_cluster_that_cannot_be_reached_leaves_everything_unknown() -> None:
    found = await compare(
        application(),
        project(),
        Cluster(SERVER, "one"),
        ConnectError("no route"),
        [config("a")],
        DEFAULTS,
        controller_namespace="argocd",
    )
    assert (found.status, found.health.status) == ("Unknown", "Missing")
    assert told(found) == [("ComparisonError", "Failed to load live state: no route")]


@pytest.mark.parametrize(
    ("policy", "annotation", "expected"),
    [
        pytest.param({}, "", False, id="nothing"),
        pytest.param({}, "Delete=confirm", True, id="its own"),
        pytest.param({}, "Prune=confirm", True, id="its own for pruning"),
        pytest.param({"syncOptions": ["Delete=confirm"]}, "", True, id="the Application's"),
        pytest.param({"syncOptions": ["Delete=confirm"]}, "Delete=true", False, id="its own goes first"),
    ],
)
async def test_deletion_may_need_somebodys_word(policy: Object, annotation: str, expected: bool) -> None:
    one = config("a")
    if annotation:
        one["metadata"]["annotations"]["argocd.argoproj.io/sync-options"] = annotation
    async with seen() as world:
        found = await compared(world, [one], application(syncPolicy=policy))
    assert found.resources[0].requires_deletion_confirmation is expected


class TestManagedNamespaces:
    policy: ClassVar[Any] = {"managedNamespaceMetadata": {"labels": {"team": "a"}}}

    async def test_a_live_one_with_a_mark_is_not_pruned(self) -> None:
        async with seen() as world:
            notes = {"argocd.argoproj.io/tracking-id": "web:/Namespace:shop/shop"}
            change = {"metadata": {"annotations": notes, "labels": {"team": "a"}}}
            await world.client.patch("namespaces", "", "shop", change)
            found = await compared(world, [], application(syncPolicy=self.policy))
        (one,) = found.resources
        assert (one.name, one.requires_pruning, one.target is not None) == ("shop", False, True)

    async def test_other_metadata_than_at_the_last_sync_makes_out_of_sync(self) -> None:
        status = {"operationState": {"syncResult": {"managedNamespaceMetadata": {"labels": {"team": "b"}}}}}
        async with seen() as world:
            found = await compared(world, [], application(status=status, syncPolicy=self.policy))
        assert found.status == "OutOfSync"

    async def test_the_same_metadata_does_not(self) -> None:
        status = {"operationState": {"syncResult": self.policy}}
        async with seen() as world:
            found = await compared(world, [], application(status=status, syncPolicy=self.policy))
        assert found.status == "Synced"


async def test_tracking_by_label_finds_what_bears_the_label() -> None:
    settings = read_settings({"application.resourceTrackingMethod": "label"})
    tracking = Tracking("label")
    (wanted,) = targets(CONFIG.replace("NAME", "a"), tracking)
    async with seen(settings) as world:
        await exists(world, evolve(wanted, metadata={"namespace": "shop"}))
        extra = evolve(wanted, metadata={"namespace": "shop", "name": "extra"})
        await exists(world, extra)
        found = await compared(world, [wanted], settings=settings)
    assert states(found) == {"ConfigMap/a": "Synced", "ConfigMap/extra": "OutOfSync"}


async def test_an_application_outside_argo_cds_namespace_is_called_by_both_names() -> None:
    app = evolve(application(), metadata={"namespace": "team"})
    async with seen() as world:
        await exists(world, placed(config("a"), instance="team_web"))
        found = await compared(world, [], app)
    assert [one.name for one in found.resources] == ["a"]


async def test_bad_rules_are_told_and_leave_everything_unknown() -> None:
    expression = ".data | reduce .[] as $x (0; 1)"
    app = application(ignoreDifferences=[{"kind": "ConfigMap", "jqPathExpressions": [expression]}])
    async with seen() as world:
        found = await compared(world, [config("a")], app)
    text = "failed to create diff normalizer: reduce is not supported by the simulator's jq"
    assert told(found) == [("ComparisonError", f"Failed to compare desired state to live state: {text}")]
    assert found.status == "Unknown"


async def test_health_is_told_only_where_it_is_persisted() -> None:
    settings = read_settings({}, {"ARGOCD_APPLICATION_CONTROLLER_PERSIST_RESOURCE_HEALTH": "true"})
    async with seen(settings) as world:
        kept = await compared(world, [config("a")], settings=settings)
        plain = await compared(world, [config("a")])
    assert kept.status_resources()[0]["health"] == {"status": "Missing"}
    assert "health" not in plain.status_resources()[0]


class TestWhatIsNotDoneTwice:
    async def test_an_unchanged_application_gives_the_very_same_record(self) -> None:
        async with seen() as world:
            await exists(world, placed(config("a")))
            wanted = [config("a")]
            first = await compared(world, wanted)
            again = await compared(world, list(wanted), application(), previous=first)
        assert again is first

    async def test_only_what_changed_is_compared_anew(self) -> None:
        async with seen() as world:
            await exists(world, placed(config("a")), placed(config("b")))
            wanted = [config("a"), config("b")]
            first = await compared(world, wanted)
            await world.client.patch("configmaps", "shop", "b", {"data": {"a": "two"}})
            await world.told()
            again = await compared(world, wanted, previous=first)
        assert states(again) == {"ConfigMap/a": "Synced", "ConfigMap/b": "OutOfSync"}
        assert again.by_key[first.resources[0].key].difference is first.resources[0].difference

    @pytest.mark.parametrize(
        "change",
        [
            pytest.param({"ignoreDifferences": [{"kind": "ConfigMap", "jsonPointers": ["/data"]}]}, id="ignored"),
            pytest.param({"destination": {"server": SERVER, "namespace": "other"}}, id="destination"),
        ],
    )
    async def test_a_changed_spec_is_compared_anew(self, change: Object) -> None:
        async with seen(namespaces=("shop", "other")) as world:
            await exists(world, evolve(placed(config("a")), data={"a": "two"}))
            wanted = [config("a")]
            first = await compared(world, wanted)
            again = await compared(world, wanted, application(**change), previous=first)
        assert again is not first
        assert states(first) != states(again) or len(first.resources) != len(again.resources)

    async def test_a_refresh_takes_nothing_from_before(self) -> None:
        async with seen() as world:
            await exists(world, placed(config("a")))
            wanted = [config("a")]
            first = await compared(world, wanted)
            again = await compared(world, wanted, previous=first, fresh=True)
        assert again is not first
        assert again.status_resources() == first.status_resources()

    async def test_a_project_that_forbids_more_is_noticed(self) -> None:
        forbidding = project(namespaceResourceBlacklist=[{"group": "", "kind": "ConfigMap"}])
        async with seen() as world:
            wanted = [config("a")]
            first = await compared(world, wanted)
            again = await compared(world, wanted, previous=first, project=forbidding)
        assert states(again) == {"ConfigMap/a": "Unknown"}
