"""Syncs from the first pass to the last, on a cluster with its controllers."""

from __future__ import annotations

from lab.sim.argocd.sync import SyncOptions
from tests.sim.argocd.sync.destination import Destination, Operation, manifests, told

WEB = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: nginx:1.27}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: red}
"""


async def test_one_wave_without_hooks_is_done_once_applied(cluster: Destination) -> None:
    operation = Operation(cluster, manifests(WEB))
    context = await operation.run()
    assert (context.phase, context.message) == ("Succeeded", "successfully synced (all tasks run)")
    assert operation.passes == 1
    assert [(one.key.kind, one.message) for one in context.results] == [
        ("ConfigMap", "configmap/settings created"),
        ("Service", "service/web created"),
        ("Deployment", "deployment.apps/web created"),
    ]
    assert {one.hook_phase for one in context.results} == {"Running"}
    made = await cluster.get("deployments.apps", "web")
    assert made["status"]["availableReplicas"] == 1
    assert made["metadata"]["managedFields"][0]["manager"] == "argocd-controller"
    assert context.results[2].images == ("nginx:1.27",)


async def test_a_second_sync_changes_what_git_changed_and_nothing_else(cluster: Destination) -> None:
    await Operation(cluster, manifests(WEB)).run()
    await cluster.client.patch("deployments.apps", "shop", "web", {"spec": {"replicas": 3}})
    changed = manifests(WEB.replace("colour: red", "colour: blue, size: big"))
    context = await Operation(cluster, changed).run()
    assert told(context)["Deployment/web"][2] == "deployment.apps/web unchanged"
    assert told(context)["ConfigMap/settings"][2] == "configmap/settings configured"
    assert (await cluster.get("configmaps", "settings"))["data"] == {"colour": "blue", "size": "big"}
    assert (await cluster.get("deployments.apps", "web"))["spec"]["replicas"] == 3
    context = await Operation(cluster, manifests(WEB)).run()
    assert (await cluster.get("configmaps", "settings"))["data"] == {"colour": "red"}


async def test_prune_takes_away_what_is_not_wanted_any_more(cluster: Destination) -> None:
    await Operation(cluster, manifests(WEB)).run()
    left = manifests(WEB)[:2]
    context = await Operation(cluster, left, SyncOptions(prune=False)).run()
    assert told(context)["ConfigMap/settings"] == ("PruneSkipped", "Succeeded", "ignored (requires pruning)")
    assert await cluster.find("configmaps", "settings")
    context = await Operation(cluster, left).run()
    assert told(context)["ConfigMap/settings"] == ("Pruned", "Succeeded", "pruned")
    assert await cluster.find("configmaps", "settings") is None
