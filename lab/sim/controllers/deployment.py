"""Deployments: a ReplicaSet for each pod template, and the way from one to the next.

Source: Kubernetes `pkg/controller/deployment/{deployment_controller,sync,rolling,recreate}.go`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from lab.sim.api.resources import Object, Objects
from lab.sim.api.status import ApiError
from lab.sim.client import Client
from lab.sim.clock import Clock
from lab.sim.controllers import deployment_revision as revisions
from lab.sim.controllers import deployment_status as statuses
from lab.sim.controllers import pod_state, rollout
from lab.sim.controllers.controller import Informers
from lab.sim.controllers.pod_control import namespace_is_ending
from lab.sim.controllers.template_hash import equal, hash_of
from lab.sim.controllers.workload import (
    BY_CONTROLLER,
    WorkloadController,
    annotations_of,
    by_controller,
    controller_uid,
)
from lab.sim.objects import condition, controller_of, evolve


@dataclass(frozen=True, slots=True)
class _Sets:
    """A Deployment and its ReplicaSets at one moment."""

    deployment: Object
    new: Object | None
    old: Objects

    @property
    def all(self) -> Objects:
        return [*self.old, *([self.new] if self.new else [])]


class DeploymentController(WorkloadController):
    """Rolls every Deployment out to its newest template."""

    name = "deployment-controller"
    resource = "deployments.apps"
    kind = "Deployment"

    def __init__(self, client: Client, clock: Clock, informers: Informers) -> None:
        """As `Controller`."""
        super().__init__(client, clock, informers)
        self.sets = self.children("replicasets.apps")
        self.pods = self.informer("pods")
        self.pods.index(BY_CONTROLLER, by_controller)
        self.pods.handle(self._pod_changed)

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        """A Recreate rollout waits for old pods to go; nothing else looks at pods."""
        if new is not None or old is None:
            return
        owner = controller_of(old)
        namespace = old["metadata"]["namespace"]
        replica_set = self.sets.get(namespace, owner["name"]) if owner and owner["kind"] == "ReplicaSet" else None
        parent = controller_of(replica_set) if replica_set else None
        deployment = self.objects.get(namespace, parent["name"]) if parent else None
        if deployment is not None and not rollout.is_rolling(deployment):
            self.enqueue_object(deployment)

    async def reconcile(self, namespace: str, name: str) -> None:
        """One step of a rollout, of a scaling, or none; and the status."""
        deployment = self.objects.get(namespace, name)
        if deployment is None:
            return
        if deployment["spec"].get("selector") == {}:
            text = "This deployment is selecting all pods. A non-empty selector is required."
            await self.event(deployment, "Warning", "SelectingAll", text)
            return
        owned = await self.claim(self.sets, deployment)
        if deployment["metadata"].get("deletionTimestamp"):
            await self._count(_Sets(deployment, *revisions.split(deployment, owned)))
            return
        deployment = await self._note_pause(deployment)
        sets = await self._found(_Sets(deployment, *revisions.split(deployment, owned)))
        wanted = str(rollout.replicas_of(deployment))
        held = {annotations_of(one).get(rollout.DESIRED, wanted) for one in rollout.active(sets.all)}
        if deployment["spec"].get("paused") or held - {wanted}:
            await self._scale(sets)
        elif rollout.is_rolling(deployment):
            await self._roll(sets)
        else:
            await self._recreate(sets)

    # -- steps

    async def _roll(self, sets: _Sets) -> None:
        if sets.new is None:
            sets = await self._created(sets)
            if sets.new is None:
                return
        wanted, size = rollout.replicas_of(sets.deployment), rollout.replicas_of(sets.new)
        target = wanted if size > wanted else rollout.new_size(sets.deployment, sets.all, size)
        if target != size:
            resized = await self._resized(sets.deployment, sets.new, target)
            await self._progress(replace(sets, new=resized))
            return
        shrinking = rollout.shrunk(sets.deployment, sets.new, sets.old)
        sets, changed = await self._resized_all(sets, shrinking)
        if not changed and statuses.is_complete(sets.deployment, sets.deployment.get("status", {})):
            await self._clean_up(sets)
        await self._progress(sets)

    async def _recreate(self, sets: _Sets) -> None:
        sets, changed = await self._resized_all(sets, [(one, 0) for one in rollout.active(sets.old)])
        if changed or self._old_pods_run(sets):
            await self._progress(sets)
            return
        if sets.new is None:
            sets = await self._created(sets)
            if sets.new is None:
                return
        resized = await self._resized(sets.deployment, sets.new, rollout.replicas_of(sets.deployment))
        sets = replace(sets, new=resized)
        if statuses.is_complete(sets.deployment, sets.deployment.get("status", {})):
            await self._clean_up(sets)
        await self._progress(sets)

    def _old_pods_run(self, sets: _Sets) -> bool:
        if rollout.sum_of(sets.old, "replicas") > 0:
            return True
        return any(not pod_state.is_finished(pod) for one in sets.old for pod in self.owned(self.pods, one))

    async def _scale(self, sets: _Sets) -> None:
        """Follow a change of `spec.replicas`, without moving from one template to the other."""
        only = rollout.active_or_latest(sets.new, sets.old)
        sizes: rollout.Sizes = []
        if only is not None:
            sizes = [(only, rollout.replicas_of(sets.deployment))]
        elif rollout.is_saturated(sets.deployment, sets.new):
            sizes = [(one, 0) for one in rollout.active(sets.old)]
        elif rollout.is_rolling(sets.deployment):
            sizes = rollout.proportional(sets.deployment, sets.new, sets.old)
        sets, _ = await self._resized_all(sets, sizes, annotate=True)
        if sets.deployment["spec"].get("paused"):
            await self._clean_up(sets)
        await self._count(sets)

    def _again(self, sets: _Sets) -> tuple[Object | None, Objects]:
        fresh = [self.sets.get(one["metadata"]["namespace"], one["metadata"]["name"]) or one for one in sets.all]
        return revisions.split(sets.deployment, fresh)

    async def _resized_all(self, sets: _Sets, sizes: rollout.Sizes, annotate: bool = False) -> tuple[_Sets, bool]:
        changed = False
        for one, size in sizes:
            written = await self._resized(sets.deployment, one, size, annotate)
            changed = changed or written is not one
        return (_Sets(sets.deployment, *self._again(sets)) if changed else sets), changed

    async def _resized(self, deployment: Object, replica_set: Object, size: int, annotate: bool = False) -> Object:
        """The ReplicaSet after its size was written; with `annotate` also if only its annotations are behind."""
        before = rollout.replicas_of(replica_set)
        noted = {**annotations_of(replica_set), **revisions.replica_annotations(deployment)}
        if size == before and (not annotate or noted == annotations_of(replica_set)):
            return replica_set
        changed = evolve(replica_set, metadata={"annotations": noted}, spec={**replica_set["spec"], "replicas": size})
        written = await self._write_set(changed)
        if size != before:
            direction = "up" if size > before else "down"
            text = f"Scaled {direction} replica set {written['metadata']['name']} from {before} to {size}"
            await self.event(deployment, "Normal", "ScalingReplicaSet", text)
        return written

    async def _write_set(self, replica_set: Object) -> Object:
        written = await self.client.update("replicasets.apps", replica_set)
        await self.sets.reached(written)
        return written

    async def _clean_up(self, sets: _Sets) -> None:
        """Delete the oldest ReplicaSets without pods beyond `revisionHistoryLimit`."""
        limit = sets.deployment["spec"].get("revisionHistoryLimit")
        if limit is None or limit == statuses.NO_DEADLINE:
            return
        kept = [one for one in sets.old if not one["metadata"].get("deletionTimestamp")]
        in_order = sorted(kept, key=lambda one: (revisions.revision_of(one), one["metadata"]["creationTimestamp"]))
        for one in in_order[: max(len(in_order) - limit, 0)]:
            metadata, status = one["metadata"], one.get("status", {})
            if status.get("replicas", 0) or rollout.replicas_of(one):
                continue
            if metadata["generation"] > status.get("observedGeneration", 0):
                continue
            try:
                await self.client.delete("replicasets.apps", metadata["namespace"], metadata["name"])
            except ApiError as error:
                if error.code != 404:
                    raise
            await self.sets.dropped(one)

    # -- the newest ReplicaSet

    async def _found(self, sets: _Sets) -> _Sets:
        """What is written on an existing newest ReplicaSet and on the Deployment about it, brought up to date."""
        if sets.new is None:
            return sets
        revision = revisions.next_revision(sets.old)
        annotations = revisions.annotated(sets.deployment, sets.new, revision)
        min_ready = sets.deployment["spec"].get("minReadySeconds", 0)
        new = sets.new
        if annotations != annotations_of(new) or min_ready != new["spec"].get("minReadySeconds", 0):
            spec = {key: value for key, value in new["spec"].items() if key != "minReadySeconds"}
            if min_ready:
                spec["minReadySeconds"] = min_ready
            new = await self._write_set(evolve(new, metadata={"annotations": annotations}, spec=spec))
        deployment = await self._note_revision(sets.deployment, annotations_of(new)[revisions.REVISION])
        if condition(deployment, "Progressing") is None:
            text = f'Found new replica set "{new["metadata"]["name"]}"'
            deployment = await self._note_progress(deployment, "True", "FoundNewReplicaSet", text)
        return _Sets(deployment, new, sets.old)

    async def _created(self, sets: _Sets) -> _Sets:
        """The same with a ReplicaSet for the newest template; without one when its name is taken or it is refused."""
        deployment = sets.deployment
        collisions = deployment.get("status", {}).get("collisionCount")
        template_hash = hash_of(revisions.without_hash(deployment["spec"]["template"]), collisions)
        revision = revisions.next_revision(sets.old)
        wanted = revisions.new_replica_set(deployment, template_hash, revision)
        size = wanted["spec"]["replicas"] = rollout.new_size(deployment, sets.old, 0)
        name = wanted["metadata"]["name"]
        try:
            made = await self.client.create("replicasets.apps", wanted)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                await self._refused(deployment, name, error)
                raise
            existing = await self.client.get("replicasets.apps", wanted["metadata"]["namespace"], name)
            same = equal(
                revisions.without_hash(existing["spec"]["template"]),
                revisions.without_hash(deployment["spec"]["template"]),
            )
            if not same or controller_uid(existing) != deployment["metadata"]["uid"]:
                status = {**deployment.get("status", {}), "collisionCount": (collisions or 0) + 1}
                await self.write_status(deployment, status)
                return sets
            await self.sets.reached(existing)
            return await self._found(replace(sets, new=existing))
        await self.sets.reached(made)
        if size > 0:
            await self.event(
                deployment, "Normal", "ScalingReplicaSet", f"Scaled up replica set {name} from 0 to {size}"
            )
        deployment = await self._note_revision(deployment, str(revision))
        text = f'Created new replica set "{name}"'
        deployment = await self._note_progress(deployment, "True", "NewReplicaSetCreated", text)
        return _Sets(deployment, made, sets.old)

    async def _refused(self, deployment: Object, name: str, error: ApiError) -> None:
        if namespace_is_ending(error):
            return
        text = f'Failed to create new replica set "{name}": {error.message}'
        await self._note_progress(deployment, "False", "ReplicaSetCreateError", text)
        await self.event(deployment, "Warning", "ReplicaSetCreateError", text)

    async def _note_revision(self, deployment: Object, revision: str) -> Object:
        """Write the revision as part of the status: a change of annotations alone would make a new generation."""
        annotations = annotations_of(deployment)
        if annotations.get(revisions.REVISION) == revision:
            return deployment
        changed = evolve(deployment, metadata={"annotations": {**annotations, revisions.REVISION: revision}})
        written = await self.client.status(self.resource, changed)
        await self.objects.reached(written)
        return written

    # -- status

    async def _note_progress(self, deployment: Object, status: str, reason: str, text: str) -> Object:
        if statuses.deadline(deployment) is None:
            return deployment
        made = statuses.made_condition("Progressing", status, reason, text, self.stamp())
        held = deployment.get("status", {})
        return await self.write_status(
            deployment, {**held, "conditions": statuses.with_condition(held.get("conditions") or (), made)}
        )

    async def _note_pause(self, deployment: Object) -> Object:
        """Write down that a rollout was paused or resumed, so that the pause does not count towards the deadline."""
        current = condition(deployment, "Progressing")
        reason = current.get("reason", "") if current else ""
        paused = bool(deployment["spec"].get("paused"))
        if reason == "ProgressDeadlineExceeded" or paused == (reason == "DeploymentPaused"):
            return deployment
        if paused:
            return await self._note_progress(deployment, "Unknown", "DeploymentPaused", "Deployment is paused")
        return await self._note_progress(deployment, "Unknown", "DeploymentResumed", "Deployment is resumed")

    async def _count(self, sets: _Sets) -> None:
        status = statuses.counted(sets.deployment, sets.new, sets.all, self.minor, self.stamp())
        await self.write_status(sets.deployment, status)

    async def _progress(self, sets: _Sets) -> None:
        deployment, at, now = sets.deployment, self.stamp(), self.clock.now()
        status = statuses.counted(deployment, sets.new, sets.all, self.minor, at)
        status = statuses.progressed(deployment, status, sets.new, sets.all, now, at)
        deployment = await self.write_status(deployment, status)
        wait = statuses.stuck_in(deployment, status, now)
        if wait is not None:
            self.enqueue_after(deployment["metadata"]["namespace"], deployment["metadata"]["name"], wait)
