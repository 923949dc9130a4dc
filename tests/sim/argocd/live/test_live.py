"""Live state: what is found, what is told of it, and what happens to clusters that cannot be reached or change."""

from __future__ import annotations

from typing import Any

import pytest

from lab.sim.argocd.clusters import Cluster, ClusterConfig
from lab.sim.argocd.comparison import read_settings
from lab.sim.argocd.live.key import ResourceKey, key_of
from lab.sim.argocd.ports import ConnectError
from lab.sim.argocd.tracking import Tracking
from lab.sim.objects import Object, evolve
from tests.sim.argocd.live.reach import SERVER, seen

TRACKING = Tracking()


def config(name: str, instance: str = "", **fields: Any) -> Object:
    made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop"}, **fields}
    return TRACKING.marked(made, instance) if instance else made


def owned(name: str, by: Object, kind: str = "Pod") -> Object:
    owner = {"apiVersion": by["apiVersion"], "kind": by["kind"], "name": by["metadata"]["name"]}
    owner["uid"] = by["metadata"]["uid"]
    metadata = {"name": name, "namespace": "shop", "ownerReferences": [owner]}
    made: Object = {"apiVersion": "v1", "kind": kind, "metadata": metadata}
    return {**made, "spec": {"containers": [{"name": "a", "image": "b"}]}} if kind == "Pod" else made


REPLICA_SET: Object = {
    "apiVersion": "apps/v1",
    "kind": "ReplicaSet",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "b"}]}},
    },
}


async def test_everything_that_was_there_is_found_and_nothing_is_told_of_it() -> None:
    async with seen() as world:
        await world.client.create("configmaps", config("a", "web"))
        live = await world.live()
        assert list(live.objects.managed("web")) == [ResourceKey("", "ConfigMap", "shop", "a")]
        assert await world.told() == []
        assert live.version == "v1.34.0"
        assert "apps/v1/Deployment" in live.api_versions()
        assert live.is_namespaced("", "ConfigMap") is True
        assert live.is_namespaced("", "Namespace") is False
        assert live.is_namespaced("example.com", "Widget") is None


async def test_objects_are_shared_with_the_cluster_itself() -> None:
    async with seen() as world:
        await world.client.create("configmaps", config("a", "web"))
        live = await world.live()
        held = await world.client.get("configmaps", "shop", "a")
        assert live.objects.get(key_of(held)) is held


async def test_changes_are_told_with_the_applications_they_are_about() -> None:
    async with seen() as world:
        live = await world.live()
        await world.client.create("configmaps", config("a", "web"))
        await world.client.patch("configmaps", "shop", "a", {"data": {"k": "v"}})
        await world.client.delete("configmaps", "shop", "a")
        told = await world.told()
        assert [(one.key.name, dict(one.instances)) for one in told] == [("a", {"web": True})] * 3
        assert live.objects.managed("web") == {}


async def test_an_object_that_moves_to_another_application_is_told_to_both() -> None:
    async with seen() as world:
        live = await world.live()
        await world.client.create("configmaps", config("a", "web"))
        await world.told()
        await world.client.update("configmaps", config("a", "other"))
        (change,) = await world.told()
        assert dict(change.instances) == {"web": True, "other": True}
        assert (list(live.objects.managed("web")), len(live.objects.managed("other"))) == ([], 1)


async def test_what_an_application_owns_by_owner_references_belongs_to_it_but_is_not_managed() -> None:
    async with seen() as world:
        live = await world.live()
        parent = await world.client.create("replicasets.apps", TRACKING.marked(REPLICA_SET, "web"))
        await world.told()
        await world.client.create("pods", owned("web-1", parent))
        (change,) = await world.told()
        assert (change.key.kind, dict(change.instances)) == ("Pod", {"web": False})
        assert list(live.objects.managed("web")) == [key_of(parent)]
        assert [one["metadata"]["name"] for one in live.objects.children(key_of(parent))] == ["web-1"]


async def test_an_object_of_nobody_is_told_so() -> None:
    async with seen() as world:
        await world.live()
        await world.client.create("configmaps", config("stray"))
        (change,) = await world.told()
        assert (change.key.name, dict(change.instances)) == ("stray", {})


class TestUpdatesThatDoNotMatter:
    """`resource.customizations.ignoreResourceUpdates`, which holds for objects with a mark."""

    settings = read_settings({"resource.customizations.ignoreResourceUpdates.ConfigMap": "jsonPointers: [/data/beat]"})

    async def changed(self, instance: str, settings: Any, data: Object) -> int:
        async with seen(settings) as world:
            await world.live()
            await world.client.create("configmaps", config("a", instance, data={"beat": "1", "x": "1"}))
            await world.told()
            await world.client.patch("configmaps", "shop", "a", {"data": data})
            return len(await world.told())

    async def test_an_ignored_field_is_not_told(self) -> None:
        assert await self.changed("web", self.settings, {"beat": "2"}) == 0

    async def test_another_field_is_told(self) -> None:
        assert await self.changed("web", self.settings, {"beat": "2", "x": "2"}) == 1

    async def test_of_an_object_without_a_mark_everything_is_told(self) -> None:
        assert await self.changed("", self.settings, {"beat": "2"}) == 1

    async def test_nothing_is_ignored_when_it_is_switched_off(self) -> None:
        data = {
            "resource.customizations.ignoreResourceUpdates.ConfigMap": "jsonPointers: [/data/beat]",
            "resource.ignoreResourceUpdatesEnabled": "false",
        }
        assert await self.changed("web", read_settings(data), {"beat": "2"}) == 1


class TestTrees:
    async def test_children_are_walked_each_once_and_no_further_than_wanted(self) -> None:
        async with seen() as world:
            live = await world.live()
            parent = await world.client.create("replicasets.apps", REPLICA_SET)
            pod = await world.client.create("pods", owned("one", parent))
            await world.client.create("configmaps", owned("leaf", pod, "ConfigMap"))
            await world.told()
            met: list[str] = []
            live.objects.walk([key_of(parent), key_of(pod)], lambda key, _: bool(met.append(key.name)) or True)
            assert met == ["web", "one", "leaf"]
            met.clear()
            live.objects.walk([key_of(parent)], lambda key, _: bool(met.append(key.name)) or key.kind != "Pod")
            assert met == ["web", "one"]

    async def test_owners_that_own_each_other_end_the_walk(self) -> None:
        async with seen() as world:
            live = await world.live()
            one = await world.client.create("configmaps", config("one"))
            two = await world.client.create("configmaps", owned("two", one, "ConfigMap"))
            await world.client.update("configmaps", owned("one", two, "ConfigMap"))
            await world.told()
            met: list[str] = []
            live.objects.walk([key_of(one)], lambda key, _: bool(met.append(key.name)) or True)
            assert met == ["one", "two"]
            assert live.objects.application_of(two) == ""

    async def test_claims_belong_to_the_stateful_set_whose_template_names_them(self) -> None:
        stateful = {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": {"name": "db", "namespace": "shop"},
            "spec": {
                "serviceName": "db",
                "selector": {"matchLabels": {"a": "b"}},
                "template": REPLICA_SET["spec"]["template"],
                "volumeClaimTemplates": [
                    {
                        "metadata": {"name": "data"},
                        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
                    }
                ],
            },
        }
        async with seen() as world:
            live = await world.live()
            parent = await world.client.create("statefulsets.apps", TRACKING.marked(stateful, "web"))
            for name in ("data-db-0", "data-db-x", "other-db-0"):
                (template,) = stateful["spec"]["volumeClaimTemplates"]
                claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **template}
                await world.client.create(
                    "persistentvolumeclaims", evolve(claim, metadata={"name": name, "namespace": "shop"})
                )
            await world.told()
            found = live.objects.children(key_of(parent))
            assert [one["metadata"]["name"] for one in found] == ["data-db-0"]

    async def test_top_level_objects_are_those_nothing_owns(self) -> None:
        async with seen() as world:
            live = await world.live()
            one = await world.client.create("configmaps", config("one"))
            await world.client.create("configmaps", owned("two", one, "ConfigMap"))
            await world.told()
            assert [key.name for key in live.objects.top_level("shop")] == ["one"]


class TestClustersOutOfReach:
    async def test_the_error_is_argo_cds_and_holds_for_ten_seconds(self) -> None:
        why = f'Get "{SERVER}/version?timeout=32s": dial tcp: lookup one.example: no such host'
        async with seen(refused=why) as world:
            with pytest.raises(ConnectError) as caught:
                await world.live()
            assert str(caught.value) == (
                f'failed to get cluster info for "{SERVER}": error synchronizing cache state : '
                f"failed to get server version: failed to get server version: {why}"
            )
            world.reach.refused = ""
            with pytest.raises(ConnectError):
                await world.live()
            assert world.reach.connected == 1
            await world.reach.cluster.clock.advance(10.0)
            assert (await world.live()).version == "v1.34.0"

    async def test_a_kind_that_may_not_be_listed_fails_the_whole_cluster(self) -> None:
        async with seen(hidden=("secrets",)) as world:
            with pytest.raises(ConnectError, match="initial state of resource Secret: secrets is forbidden"):
                await world.live()

    async def test_unless_permissions_are_respected(self) -> None:
        settings = read_settings({"resource.respectRBAC": "strict"})
        async with seen(settings, hidden=("secrets",)) as world:
            live = await world.live()
            assert live.is_namespaced("", "Secret") is None
            assert live.is_namespaced("", "ConfigMap") is True


class TestNamespacedMode:
    async def test_only_its_namespaces_are_looked_at(self) -> None:
        async with seen(namespaces=("shop", "other")) as world:
            await world.client.create("configmaps", config("a", "web"))
            await world.client.create("configmaps", evolve(config("b", "web"), metadata={"namespace": "other"}))
            live = await world.live(namespaces=("other",))
            assert [key.name for key in live.objects.managed("web")] == ["b"]
            with pytest.raises(ConnectError, match=r'^namespace "shop" for ConfigMap "a" is not managed$'):
                await live.managed("web", [config("a")])
            with pytest.raises(ConnectError, match=r'^cluster level Namespace "x" can not be managed when in'):
                await live.managed("web", [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}])


async def test_excluded_kinds_are_not_looked_at() -> None:
    excluded = "- {apiGroups: [''], kinds: [ConfigMap], clusters: ['https://one*']}"
    settings = read_settings({"resource.exclusions": excluded})
    async with seen(settings) as world:
        await world.client.create("configmaps", config("a", "web"))
        live = await world.live()
        assert live.objects.managed("web") == {}
        assert live.is_namespaced("", "Event") is None


async def test_a_target_in_another_version_is_found_in_that_version() -> None:
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}},
    }
    async with seen() as world:
        await world.client.create("horizontalpodautoscalers.v2.autoscaling", scaler)
        live = await world.live()
        for version in ("autoscaling/v1", "autoscaling/v2"):
            found = await live.managed("web", [evolve(scaler, apiVersion=version)])
            again = await live.managed("web", [evolve(scaler, apiVersion=version)])
            (one,) = found.values()
            assert one["apiVersion"] == version
            assert one is next(iter(again.values())), "converted once"


DEFINITION: Object = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
        "scope": "Namespaced",
        "versions": [
            {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}},
        ],
    },
}
ESTABLISHED = {
    "acceptedNames": DEFINITION["spec"]["names"],
    "storedVersions": ["v1"],
    "conditions": [{"type": "Established", "status": "True"}, {"type": "NamesAccepted", "status": "True"}],
}


async def test_kinds_that_are_defined_later_are_watched_and_forgotten_with_their_definition() -> None:
    definitions = "customresourcedefinitions.apiextensions.k8s.io"
    async with seen() as world:
        live = await world.live()
        made = await world.client.create(definitions, DEFINITION)
        await world.client.status(definitions, evolve(made, status=ESTABLISHED))
        await world.told()
        assert live.is_namespaced("example.com", "Widget") is True
        widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": "shop"}}
        await world.client.create("widgets.example.com", TRACKING.marked(widget, "web"))
        (change,) = await world.told()
        assert (str(change.key), dict(change.instances)) == ("example.com/Widget/shop/w", {"web": True})
        await world.client.delete(definitions, "", "widgets.example.com")
        await world.client.patch(definitions, "", "widgets.example.com", {"metadata": {"finalizers": None}})
        await world.told()
        assert live.is_namespaced("example.com", "Widget") is None
        assert live.objects.managed("web") == {}


class TestChangesOfTheRegistration:
    async def renewed(self, before: Cluster, after: Cluster | None) -> bool:
        async with seen() as world:
            live = await world.state.cluster(before)
            world.state.update([] if after is None else [after])
            await world.told()
            return world.state.known(SERVER) is not live

    async def test_what_stays_as_it_is_is_kept(self) -> None:
        assert not await self.renewed(Cluster(SERVER, "one"), Cluster(SERVER, "renamed"))

    async def test_other_credentials_begin_anew(self) -> None:
        assert await self.renewed(Cluster(SERVER, "one"), Cluster(SERVER, "one", ClusterConfig(bearer_token="other")))

    async def test_other_namespaces_begin_anew(self) -> None:
        assert await self.renewed(Cluster(SERVER, "one"), Cluster(SERVER, "one", namespaces=("shop",)))

    async def test_a_refresh_that_was_asked_for_begins_anew(self) -> None:
        assert await self.renewed(Cluster(SERVER, "one"), Cluster(SERVER, "one", refresh_requested_at=2e9))

    async def test_what_is_unregistered_is_forgotten(self) -> None:
        assert await self.renewed(Cluster(SERVER, "one"), None)
