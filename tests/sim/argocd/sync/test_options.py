"""What sync options change, of an operation and of single resources."""

from __future__ import annotations

import orjson
import pytest

from lab.sim.api.status import ApiError
from lab.sim.argocd.sync import SyncOptions
from lab.sim.argocd.sync.order import in_order, turn_prune_waves
from lab.sim.argocd.sync.task import Task
from tests.sim.argocd.sync.destination import NAMESPACE, Destination, Operation, manifests, told
from tests.sim.argocd.sync.test_hooks import SETTINGS, config
from tests.sim.argocd.sync.test_syncs import WEB

PRUNE = SyncOptions(prune=True)
OPTION = "argocd.argoproj.io/sync-options"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: toys.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: toys, singular: toy, kind: Toy, listKind: ToyList}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties: {size: {type: integer}, parts: {type: array, items: {type: string}}}
---
"""
TOY = """
apiVersion: example.com/v1
kind: Toy
metadata: {name: bear}
spec: {size: 3, parts: [a, b]}
---
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web, annotations: {OPTIONS}}
spec: {TYPE: x, selector: {app: web}, ports: [{port: 80}]}
"""


# -- the namespace of the destination


async def test_a_namespace_is_made_first_and_stays_unmarked(cluster: Destination) -> None:
    operation = Operation(cluster, manifests(SETTINGS), more={"create_namespace": True, "namespace": "fresh"})
    context = await operation.run()
    assert context.phase == "Succeeded"
    assert operation.messages[0] == "waiting for healthy state of /Namespace/fresh"
    assert told(context)["Namespace/fresh"] == ("Synced", "Running", "namespace/fresh created")
    made = await cluster.get("namespaces", "fresh", "")
    assert "argocd.argoproj.io/tracking-id" not in made["metadata"]["annotations"]
    assert await cluster.find("configmaps", "settings", "fresh")
    again = await Operation(cluster, manifests(SETTINGS), more={"create_namespace": True}).run()
    assert "Namespace/shop" not in told(again)


async def test_a_missing_namespace_fails_the_sync(cluster: Destination) -> None:
    context = await Operation(cluster, manifests(SETTINGS), more={"namespace": "fresh"}).run()
    assert context.phase == "Failed"
    assert context.message == 'one or more objects failed to apply, reason: namespaces "fresh" not found'
    assert told(context)["ConfigMap/settings"] == ("SyncFailed", "Failed", 'namespaces "fresh" not found')


async def test_metadata_of_a_namespace_can_be_managed(cluster: Destination) -> None:
    await cluster.client.patch("namespaces", "", NAMESPACE, {"metadata": {"labels": {"mine": "1"}}})
    more = {"create_namespace": True, "namespace_metadata": {"labels": {"team": "red"}, "annotations": {"a": "b"}}}
    context = await Operation(cluster, manifests(SETTINGS), more=more).run()
    assert told(context)["Namespace/shop"][2] == "namespace/shop serverside-applied"
    metadata = (await cluster.get("namespaces", NAMESPACE, ""))["metadata"]
    assert {"mine": "1", "team": "red"}.items() <= metadata["labels"].items()
    assert metadata["annotations"] == {"a": "b", OPTION: "ServerSideApply=true"}


async def test_a_namespace_in_git_comes_before_what_lives_in_it(cluster: Destination) -> None:
    space = (
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: other, annotations: {argocd.argoproj.io/sync-wave: '5'}}\n"
    )
    inside = SETTINGS.replace("name: settings", "name: settings, namespace: other")
    context = await Operation(cluster, manifests(f"{inside}\n---\n{space}")).run()
    assert context.phase == "Succeeded"
    assert [one.key.kind for one in context.results] == ["Namespace", "ConfigMap"]


# -- definitions and what they define


async def test_in_the_first_sync_of_all_kubectl_does_not_see_what_it_defines(cluster: Destination) -> None:
    operation = Operation(cluster, manifests(TOY + DEFINITION))
    context = await operation.run()
    assert context.phase == "Failed"
    assert told(context)["Toy/bear"][2].endswith("ensure CRDs are installed first")
    assert (await Operation(cluster, manifests(TOY + DEFINITION)).run()).phase == "Succeeded"


async def test_a_definition_and_its_resources_come_in_one_sync(cluster: Destination) -> None:
    await Operation(cluster, manifests(SETTINGS)).run()
    operation = Operation(cluster, manifests(TOY + DEFINITION), SyncOptions())
    operation.more = {"selected": lambda key, target, live: target is not None}
    context = await operation.run()
    assert (context.phase, operation.passes) == ("Succeeded", 1)
    assert [one.message for one in context.results] == [
        "customresourcedefinition.apiextensions.k8s.io/toys.example.com created",
        "toy.example.com/bear created",
    ]
    smaller = manifests(DEFINITION + TOY.replace("size: 3, ", ""))
    context = await Operation(cluster, smaller).run()
    assert told(context)["Toy/bear"][2] == "toy.example.com/bear configured"
    assert (await cluster.get("toys.example.com", "bear"))["spec"] == {"parts": ["a", "b"]}


async def test_a_kind_that_is_not_served_is_refused_before_anything_is_done(cluster: Destination) -> None:
    context = await Operation(cluster, manifests(TOY + SETTINGS)).run()
    missing = "failed to discover server resources for group version example.com/v1: "
    missing += "the server could not find the requested resource"
    assert context.phase == "Failed"
    assert context.message == f"one or more synchronization tasks are not valid: {missing}"
    assert told(context) == {"Toy/bear": ("SyncFailed", "", missing)}
    assert await cluster.find("configmaps", "settings") is None


async def test_a_missing_kind_can_be_left_for_later(cluster: Destination) -> None:
    options = SyncOptions(prune=True, skip_dry_run_on_missing=True)
    context = await Operation(cluster, manifests(SETTINGS + TOY), options).run()
    assert context.phase == "Failed"
    assert told(context)["ConfigMap/settings"][0] == "Synced"
    assert told(context)["Toy/bear"][2].startswith('resource mapping not found for name: "bear" namespace: "shop" from')
    assert told(context)["Toy/bear"][2].endswith(
        'no matches for kind "Toy" in version "example.com/v1"\nensure CRDs are installed first'
    )


async def test_an_old_version_of_a_kind_is_applied_as_it_is_written(cluster: Destination) -> None:
    text = """
apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  maxReplicas: 3
  targetCPUUtilizationPercentage: 60
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
"""
    await Operation(cluster, manifests(text)).run()
    context = await Operation(cluster, manifests(text.replace("60", "70"))).run()
    assert context.phase == "Succeeded"
    live = await cluster.get("horizontalpodautoscalers.v2.autoscaling", "web")
    assert live["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 70
    again = await Operation(cluster, manifests(text.replace("60", "70"))).run()
    assert told(again)["HorizontalPodAutoscaler/web"][2] == "horizontalpodautoscaler.autoscaling/web unchanged"


# -- refusals


async def test_what_the_api_refuses_fails_the_sync_and_the_rest_is_applied(cluster: Destination) -> None:
    bad = SETTINGS.replace("name: settings", "name: Bad_Name")
    operation = Operation(cluster, manifests(bad + WEB))
    context = await operation.run()
    assert operation.messages[0] == "waiting for healthy state of /ConfigMap/settings and 2 more resources"
    assert context.phase == "Failed"
    said = told(context)["ConfigMap/Bad_Name"]
    assert said[:2] == ("SyncFailed", "Failed")
    assert said[2].startswith('ConfigMap "Bad_Name" is invalid: metadata.name: Invalid value: "Bad_Name": a lowercase')
    assert context.message == f"one or more synchronization tasks completed unsuccessfully, reason: {said[2]}"
    assert await cluster.find("deployments.apps", "web")


async def test_an_immutable_field_says_so(cluster: Destination) -> None:
    await Operation(cluster, manifests(WEB)).run()
    changed = manifests(WEB.replace("app: web", "app: other"))
    context = await Operation(cluster, changed).run()
    status, _, message = told(context)["Deployment/web"]
    assert status == "SyncFailed"
    assert message.startswith('error when patching "/dev/shm/')
    assert message.endswith("field is immutable")
    assert 'Deployment.apps "web" is invalid: spec.selector: Invalid value:' in message


async def test_a_list_without_its_key_is_found_before_anything_is_done(cluster: Destination) -> None:
    await Operation(cluster, manifests(WEB)).run()
    changed = manifests(WEB.replace("ports: [{port: 80}]", "ports: [{name: x}]").replace("red", "blue"))
    context = await Operation(cluster, changed).run()
    assert (context.phase, context.message) == ("Failed", "one or more objects failed to apply (dry run)")
    assert list(told(context)) == ["Service/web"]
    assert told(context)["Service/web"][2].endswith("for: map:  does not contain declared merge key: port")
    assert (await cluster.get("configmaps", "settings"))["data"] == {"colour": "red"}


async def test_a_project_can_forbid_a_resource(cluster: Destination) -> None:
    def no_services(obj, resource):  # type: ignore[no-untyped-def]
        assert resource.namespaced
        return "resource :Service is not permitted in project strict" if obj["kind"] == "Service" else ""

    context = await Operation(cluster, manifests(WEB), more={"permitted": no_services}).run()
    assert context.phase == "Failed"
    assert context.message == (
        "one or more synchronization tasks are not valid: resource :Service is not permitted in project strict"
    )
    assert [one.key.kind for one in context.results] == ["Service"]


async def test_a_dry_run_tells_what_would_be_done(cluster: Destination) -> None:
    context = await Operation(cluster, manifests(WEB), SyncOptions(dry_run=True, prune=True)).run()
    assert (context.phase, context.message) == ("Succeeded", "successfully synced (no more tasks)")
    assert told(context)["Deployment/web"] == ("Synced", "Succeeded", "deployment.apps/web created (dry run)")
    assert await cluster.find("deployments.apps", "web") is None


# -- other ways to apply


async def test_replace_takes_away_what_git_does_not_have(cluster: Destination) -> None:
    await Operation(cluster, manifests(SETTINGS)).run()
    await cluster.client.patch("configmaps", NAMESPACE, "settings", {"data": {"added": "1"}})
    context = await Operation(cluster, manifests(SETTINGS), SyncOptions(replace=True)).run()
    assert told(context)["ConfigMap/settings"][2] == "configmap/settings replaced"
    live = await cluster.get("configmaps", "settings")
    assert live["data"] == {"colour": "red"}
    assert LAST_APPLIED not in live["metadata"]["annotations"]
    made = manifests(config("made", **{OPTION: "Replace=true"}))
    context = await Operation(cluster, made).run()
    assert told(context)["ConfigMap/made"][2] == "configmap/made created"
    entries = (await cluster.get("configmaps", "made"))["metadata"]["managedFields"]
    assert [one["manager"] for one in entries] == ["argocd-application-controller"]


async def test_what_is_created_is_checked_for_unknown_fields(cluster: Destination) -> None:
    odd = SETTINGS.replace("\ndata:", "\ncolour: red\ndata:")
    context = await Operation(cluster, manifests(odd), SyncOptions(replace=True)).run()
    assert 'strict decoding error: unknown field "colour"' in told(context)["ConfigMap/settings"][2]
    assert (
        await Operation(cluster, manifests(odd), SyncOptions(replace=True, validate=False)).run()
    ).phase == "Succeeded"
    await cluster.client.delete("configmaps", NAMESPACE, "settings")
    assert (await Operation(cluster, manifests(odd)).run()).phase == "Succeeded", "apply asks for no strictness"


async def test_force_deletes_what_cannot_be_changed(cluster: Destination) -> None:
    await Operation(cluster, manifests(WEB)).run()
    before = await cluster.get("deployments.apps", "web")
    changed = manifests(WEB.replace("app: web", "app: other"))
    context = await Operation(cluster, changed, SyncOptions(force=True)).run()
    assert told(context)["Deployment/web"][:2] == ("Synced", "Running")
    after = await cluster.get("deployments.apps", "web")
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert after["spec"]["selector"] == {"matchLabels": {"app": "other"}}


async def test_forced_replace_deletes_and_creates(cluster: Destination) -> None:
    await Operation(cluster, manifests(WEB)).run()
    before = await cluster.get("services", "web")
    context = await Operation(cluster, manifests(WEB), SyncOptions(force=True, replace=True)).run()
    assert told(context)["Service/web"][2] == 'service "web" deleted from shop namespace\nservice/web replaced'
    assert (await cluster.get("services", "web"))["metadata"]["uid"] != before["metadata"]["uid"]


async def test_namespaces_are_updated_even_when_replaced_by_force(cluster: Destination) -> None:
    text = "apiVersion: v1\nkind: Namespace\nmetadata: {name: other, labels: {a: one}}\n"
    await Operation(cluster, manifests(text)).run()
    before = await cluster.get("namespaces", "other", "")
    options = SyncOptions(force=True, replace=True)
    context = await Operation(cluster, manifests(text.replace("one", "two")), options).run()
    assert told(context)["Namespace/other"][2] == "Namespace/other updated"
    after = await cluster.get("namespaces", "other", "")
    assert (after["metadata"]["uid"], after["metadata"]["labels"]["a"]) == (before["metadata"]["uid"], "two")


async def test_server_side_apply_leaves_no_annotation(cluster: Destination) -> None:
    context = await Operation(cluster, manifests(WEB), SyncOptions(server_side=True)).run()
    assert told(context)["Deployment/web"][2] == "deployment.apps/web serverside-applied"
    live = await cluster.get("configmaps", "settings")
    assert LAST_APPLIED not in live["metadata"]["annotations"]
    assert [(one["manager"], one["operation"]) for one in live["metadata"]["managedFields"]] == [
        ("argocd-controller", "Apply")
    ]


async def test_server_side_apply_takes_over_from_client_side_apply(cluster: Destination) -> None:
    await Operation(cluster, manifests(SETTINGS.replace("colour: red", "colour: red, old: '1'"))).run()
    await Operation(cluster, manifests(SETTINGS), SyncOptions(server_side=True)).run()
    live = await cluster.get("configmaps", "settings")
    assert live["data"] == {"colour": "red"}
    assert LAST_APPLIED not in live["metadata"]["annotations"]
    assert [(one["manager"], one["operation"]) for one in live["metadata"]["managedFields"]] == [
        ("argocd-controller", "Apply")
    ]


@pytest.mark.parametrize(("manager", "left"), [("kubectl-client-side-apply", {"colour": "red"}), ("", None)])
async def test_server_side_apply_takes_over_from_kubectl(
    cluster: Destination, manager: str, left: dict[str, str] | None
) -> None:
    obj = manifests(SETTINGS.replace("colour: red", "colour: red, old: '1'"))[0]
    obj = {**obj, "metadata": {**obj["metadata"], "namespace": NAMESPACE}}
    await cluster.client.create("configmaps", obj, manager="kubectl-client-side-apply")
    options = SyncOptions(server_side=True, migrate_manager=manager)
    await Operation(cluster, manifests(SETTINGS), options).run()
    live = await cluster.get("configmaps", "settings")
    assert live["data"] == (left or {"colour": "red", "old": "1"})


async def test_a_resource_of_somebody_else_is_taken_over_with_a_warning(cluster: Destination) -> None:
    await cluster.client.create("configmaps", {"metadata": {"name": "settings", "namespace": NAMESPACE}})
    context = await Operation(cluster, manifests(SETTINGS)).run()
    assert told(context)["ConfigMap/settings"][2] == (
        "configmap/settings configured. Warning: resource configmaps/settings is missing the "
        f"{LAST_APPLIED} annotation which is required by  apply.  apply should only be used on resources created "
        "declaratively by either  create --save-config or  apply. The missing annotation will be patched automatically."
    )
    live = await cluster.get("configmaps", "settings")
    assert orjson.loads(live["metadata"]["annotations"][LAST_APPLIED])["data"] == {"colour": "red"}


async def test_roles_are_reconciled_before_they_are_applied(cluster: Destination) -> None:
    text = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: robot, namespace: shop}]
"""
    context = await Operation(cluster, manifests(text)).run()
    assert context.phase == "Succeeded", context.message
    missing = "is missing the kubectl.kubernetes.io/last-applied-configuration annotation"
    said = told(context)["Role/reader"][2]
    assert said.startswith(
        "role.rbac.authorization.k8s.io/reader reconciled. reconciliation required create\n\tmissing rules added:\n"
        "\t\t{Verbs:[get] APIGroups:[] Resources:[pods] ResourceNames:[] NonResourceURLs:[]}"
        f"role.rbac.authorization.k8s.io/reader configured. Warning: resource roles/reader {missing}"
    )
    other = text.replace("Role, name: reader", "Role, name: writer").replace("get", "get, list")
    context = await Operation(cluster, manifests(other)).run()
    assert told(context)["RoleBinding/reader"][2] == (
        "rolebinding.rbac.authorization.k8s.io/reader reconciled. reconciliation required recreate"
        "rolebinding.rbac.authorization.k8s.io/reader configured. Warning: resource rolebindings/reader "
        + missing
        + " which is required by  apply.  apply should only be used on resources created declaratively by either  "
        "create --save-config or  apply. The missing annotation will be patched automatically."
    )
    assert (await cluster.get("rolebindings.rbac.authorization.k8s.io", "reader"))["roleRef"]["name"] == "writer"
    role = await cluster.get("roles.rbac.authorization.k8s.io", "reader")
    assert role["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]


# -- less than everything


async def test_only_what_is_selected_is_synced(cluster: Destination) -> None:
    more = {"selected": lambda key, target, live: key.kind == "Service"}
    context = await Operation(cluster, manifests(WEB), more=more).run()
    assert [one.key.kind for one in context.results] == ["Service"]
    assert await cluster.find("configmaps", "settings") is None


async def test_only_what_differs_is_synced_on_request(cluster: Destination) -> None:
    await Operation(cluster, manifests(WEB)).run()
    operation = Operation(cluster, manifests(WEB.replace("red", "blue")), SyncOptions(out_of_sync_only=True))
    compared = await cluster.pairs(operation.targets)
    known = [type(one)(one.target, one.live, one.key.kind == "ConfigMap") for one in compared]
    operation.more = {"pairs": known}
    context = await operation.run()
    assert [one.key.kind for one in context.results] == ["ConfigMap"]
    assert (await cluster.get("configmaps", "settings"))["data"] == {"colour": "blue"}


# -- pruning


async def test_what_says_so_is_not_pruned(cluster: Destination) -> None:
    kept = manifests(config("kept", **{OPTION: "Prune=false"}) + config("gone"))
    await Operation(cluster, kept).run()
    context = await Operation(cluster, [], PRUNE).run()
    assert told(context) == {
        "ConfigMap/gone": ("Pruned", "Succeeded", "pruned"),
        "ConfigMap/kept": ("PruneSkipped", "Succeeded", "ignored (no prune)"),
    }
    assert await cluster.find("configmaps", "kept")
    context = await Operation(cluster, [], SyncOptions(prune=True, default_prune="false")).run()
    assert told(context)["ConfigMap/kept"][0] == "PruneSkipped"


async def test_pruning_can_wait_for_confirmation(cluster: Destination) -> None:
    await Operation(cluster, manifests(config("a", **{OPTION: "Prune=confirm"}) + config("b"))).run()
    operation = Operation(cluster, [], PRUNE)
    context = await operation.step()
    assert (context.phase, context.message) == ("Running", "waiting for pruning confirmation of /ConfigMap/a")
    assert context.results == []
    assert await cluster.find("configmaps", "b")
    operation.options = SyncOptions(prune=True, prune_confirmed=True)
    context = await operation.run()
    assert context.phase == "Succeeded"
    assert await cluster.find("configmaps", "a") is None


async def test_waves_are_pruned_in_reverse_each_when_the_last_is_gone(cluster: Destination) -> None:
    held = config("late", 2).replace("name: late", "name: late\n  finalizers: [example.com/hold]")
    await Operation(cluster, manifests(config("early", 1) + held)).run()
    operation = Operation(cluster, [], PRUNE)
    context = await operation.step()
    assert context.message == "waiting for healthy state of /ConfigMap/late"
    context = await operation.step()
    assert context.message == "waiting for deletion of /ConfigMap/late"
    assert await cluster.find("configmaps", "early")
    await cluster.client.patch("configmaps", NAMESPACE, "late", {"metadata": {"finalizers": None}})
    context = await operation.run()
    assert context.phase == "Succeeded"
    assert await cluster.find("configmaps", "early") is None


def _task(name: str, wave: int, pruned: bool = True, options: str = "") -> Task:
    annotations = {"argocd.argoproj.io/sync-wave": str(wave), OPTION: options}
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "annotations": annotations}}
    return Task("Sync", None, obj) if pruned else Task("Sync", obj)


@pytest.mark.parametrize(
    ("tasks", "prune_last", "order"),
    [
        (lambda: [_task("a", 0), _task("b", 1), _task("c", 2)], False, [("c", 0), ("b", 1), ("a", 2)]),
        (lambda: [_task("a", -3), _task("b", 7)], False, [("b", -3), ("a", 7)]),
        (lambda: [_task("a", 0), _task("b", 0)], False, [("a", 0), ("b", 0)]),
        (lambda: [_task("a", 0), _task("b", 4), _task("x", 2, False)], True, [("x", 2), ("a", 5), ("b", 5)]),
        (lambda: [_task("a", 0, options="PruneLast=true"), _task("x", 2, False)], False, [("x", 2), ("a", 3)]),
        (lambda: [_task("a", -9), _task("x", -5, False)], True, [("x", -5), ("a", 1)]),
    ],
)
def test_the_order_of_pruning(tasks, prune_last: bool, order: list[tuple[str, int]]) -> None:  # type: ignore[no-untyped-def]
    made = tasks()
    turn_prune_waves(made, prune_last)
    assert [(one.key.name, one.wave) for one in in_order(made)] == order


async def test_a_broken_connection_is_told(cluster: Destination) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise ApiError(503, "ServiceUnavailable", "dial tcp 10.0.0.1:6443: connect: connection refused")

    operation = Operation(cluster, manifests(SETTINGS))
    operation.more = {"pairs": await cluster.pairs(operation.targets)}
    cluster.client.get = refuse  # type: ignore[method-assign, assignment]
    context = await operation.run()
    assert (context.phase, context.message) == ("Failed", "one or more objects failed to apply (dry run)")
    assert told(context)["ConfigMap/settings"][2].endswith("connect: connection refused")
