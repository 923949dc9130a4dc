"""StatefulSets: pods with a number, made in order, updated in reverse order, each with its own claims.

Source: Kubernetes `pkg/controller/statefulset/{stateful_set,stateful_set_control,stateful_pod_control}.go`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lab.sim.api.resources import Object, Objects
from lab.sim.api.status import ApiError
from lab.sim.client import Client
from lab.sim.clock import Clock
from lab.sim.controllers import pod_state
from lab.sim.controllers import statefulset_pod as identity
from lab.sim.controllers.controller import Informers
from lab.sim.controllers.pod_control import slow_start
from lab.sim.controllers.revisions import HASH, RESOURCE, Revisions, in_order
from lab.sim.controllers.workload import WorkloadController, compact, labels_of, scaled
from lab.sim.objects import evolve, name_of, thaw

_CLAIMS = "persistentvolumeclaims"
_REVISION_HASH = "controller.kubernetes.io/hash"
_MAX_UNAVAILABLE_SINCE = 35
"""The minor from which `rollingUpdate.maxUnavailable` is in force."""


@dataclass(slots=True)
class _Round:
    """One reconcile: the set, its two revisions, and its pods by whether they are asked for."""

    owner: Object
    current: Object
    update: Object
    collisions: int
    replicas: list[Object]
    """By number, from the first on; a pod that is to be created has no uid."""
    condemned: Objects
    """Highest number first."""

    @property
    def monotonic(self) -> bool:
        return bool(self.owner["spec"].get("podManagementPolicy", "OrderedReady") != "Parallel")

    @property
    def min_ready(self) -> int:
        return int(self.owner["spec"].get("minReadySeconds", 0))


def _exists(pod: Object) -> bool:
    return "uid" in pod["metadata"]


def _revision(pod: Object) -> str:
    return labels_of(pod).get(HASH, "")


class StatefulSetController(WorkloadController):
    """Keeps the pods and claims of every StatefulSet."""

    name = "statefulset-controller"
    resource = "statefulsets.apps"
    kind = "StatefulSet"

    def __init__(self, client: Client, clock: Clock, informers: Informers) -> None:
        """As `Controller`."""
        super().__init__(client, clock, informers)
        self.claims = self.informer(_CLAIMS)
        self.pods = self.children("pods")
        # A set that goes in the foreground would make its revision again each time the collector deletes it.
        self.revisions = self.children(RESOURCE, followed=False)
        self._history = Revisions(client, self.revisions, _REVISION_HASH)

    async def reconcile(self, namespace: str, name: str) -> None:
        """Create, update or delete the pods whose turn it is, and count them."""
        owner = self.objects.get(namespace, name)
        if owner is None:
            return
        held = await self.claim(self.revisions, owner)
        pods = await self.claim(self.pods, owner, keep=lambda pod: identity.is_member(owner, pod))
        update, collisions = await self._history.newest(owner, held)
        said = owner.get("status", {}).get("currentRevision")
        current = next((one for one in held if name_of(one) == said), update)
        moment = self._round(owner, current, update, collisions, pods)
        error = None
        try:
            taken = await self._step(moment)
        except ApiError as refused:
            error, taken = refused, 0
        await self.write_status(owner, self._status(moment, taken))
        if error is not None:
            raise error
        live = {name_of(current), name_of(update)} | {_revision(pod) for pod in pods}
        await self._history.truncate(owner, in_order(self.owned(self.revisions, owner)), live)
        wait = pod_state.next_availability(moment.replicas, moment.min_ready, self.clock.now())
        if wait is not None:
            self.enqueue_after(namespace, name, wait)

    def _round(self, owner: Object, current: Object, update: Object, collisions: int, pods: Objects) -> _Round:
        start = identity.first_ordinal(owner)
        by_number = {identity.ordinal_of(pod): pod for pod in pods}
        replicas = []
        for number in range(start, start + int(owner["spec"].get("replicas", 1))):
            pod = by_number.pop(number, None)
            if pod is None:
                old = number - start < self._kept_old(owner)
                pod = identity.new_pod(owner, current if old else update, number)
            replicas.append(pod)
        condemned = [by_number[number] for number in sorted(by_number, reverse=True)]
        return _Round(owner, current, update, collisions, replicas, condemned)

    def _kept_old(self, owner: Object) -> int:
        """How many pods, from the first on, are made of the current revision and not of the newest."""
        strategy = owner["spec"].get("updateStrategy") or {}
        if strategy.get("type", "RollingUpdate") != "RollingUpdate":
            return 0
        rolling = strategy.get("rollingUpdate")
        if rolling is None:
            return int(owner.get("status", {}).get("currentReplicas", 0))
        return int(rolling.get("partition") or 0)

    # -- one step

    async def _step(self, moment: _Round) -> int:
        """Do what may be done now. Returns how many pods of the current revision were deleted for an update."""
        owner = moment.owner
        if owner["metadata"].get("deletionTimestamp"):
            return 0
        if await self._each(moment, moment.replicas, self._process_replica):
            return 0
        if await self._each(moment, moment.condemned, self._keep_claims):
            return 0
        first = next((pod for pod in moment.replicas if self._is_unavailable(moment, pod)), None)
        if first is None:
            first = next((pod for pod in reversed(moment.condemned) if self._is_unavailable(moment, pod)), None)

        async def process(moment: _Round, pod: Object) -> bool:
            return await self._process_condemned(moment, pod, first)

        if await self._each(moment, moment.condemned, process):
            return 0
        if (owner["spec"].get("updateStrategy") or {}).get("type", "RollingUpdate") != "RollingUpdate":
            return 0
        return await self._roll(moment)

    async def _each(self, moment: _Round, pods: Objects, act: Callable[[_Round, Object], Awaitable[bool]]) -> bool:
        """Do `act` for each pod: in order until one says stop, or for all where the set is parallel."""
        if moment.monotonic:
            for pod in list(pods):
                if await act(moment, pod):
                    return True
            return False

        async def one(pod: Object) -> None:
            await act(moment, pod)

        error = (await slow_start(list(pods), one))[1]
        if error is not None:
            raise error
        return False

    async def _process_replica(self, moment: _Round, pod: Object) -> bool:
        owner = moment.owner
        if pod_state.is_finished(pod):
            if not pod_state.is_leaving(pod):
                await self._delete(owner, pod)
            return True
        if not _exists(pod):
            if self._has_stale_claim(owner, pod):
                return True
            made = await self._create(owner, pod)
            moment.replicas[moment.replicas.index(pod)] = pod = made
            if moment.monotonic:
                return True
        if pod_state.phase(pod) == "Pending":
            await self._create_claims(owner, pod)
        if moment.monotonic:
            running = pod_state.phase(pod) == "Running" and not pod_state.is_leaving(pod)
            if not running or not pod_state.is_available(pod, moment.min_ready, self.clock.now()):
                return True
        await self._mend(moment, pod)
        return False

    async def _process_condemned(self, moment: _Round, pod: Object, first: Object | None) -> bool:
        if pod_state.is_leaving(pod):
            return moment.monotonic
        if moment.monotonic and pod is not first and self._is_unavailable(moment, pod):
            return True
        await self._delete(moment.owner, pod)
        return True

    def _is_unavailable(self, moment: _Round, pod: Object) -> bool:
        available = pod_state.is_available(pod, moment.min_ready, self.clock.now())
        return not available or pod_state.is_leaving(pod)

    async def _roll(self, moment: _Round) -> int:
        """Delete pods of older revisions, highest number first, as far as others are available."""
        rolling = moment.owner["spec"].get("updateStrategy", {}).get("rollingUpdate") or {}
        last = int(rolling.get("partition") or 0)
        newest = name_of(moment.update)
        outdated = [pod for pod in moment.replicas[last:] if _revision(pod) != newest]
        if self.minor < _MAX_UNAVAILABLE_SINCE:
            for pod in reversed(moment.replicas[last:]):
                if _revision(pod) != newest and not pod_state.is_leaving(pod):
                    await self._delete(moment.owner, pod)
                    return 1
                if self._is_unavailable(moment, pod):
                    return 0
            return 0
        most = max(scaled(rolling.get("maxUnavailable", 1), len(moment.replicas), up=False), 1)
        room = most - sum(1 for pod in moment.replicas if self._is_unavailable(moment, pod))
        taken = 0
        for pod in reversed(outdated):
            if taken < room and not pod_state.is_leaving(pod):
                await self._delete(moment.owner, pod)
                taken += 1
        return taken

    # -- pods

    async def _create(self, owner: Object, pod: Object) -> Object:
        try:
            await self._create_claims(owner, pod)
            made = await self.client.create("pods", pod)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                await self._pod_event(owner, pod, "create", error)
            raise
        await self._pod_event(owner, pod, "create")
        await self.pods.reached(made)
        await self._own_claims(owner, made)
        return made

    async def _delete(self, owner: Object, pod: Object) -> None:
        try:
            await self.client.delete("pods", owner["metadata"]["namespace"], name_of(pod), uid=pod["metadata"]["uid"])
        except ApiError as error:
            if error.code in (404, 409):
                return
            await self._pod_event(owner, pod, "delete", error)
            raise
        await self._pod_event(owner, pod, "delete")
        await self.pods.dropped(pod)

    async def _mend(self, moment: _Round, pod: Object) -> None:
        """Put back what was taken from a pod's identity, and its claims' owners."""
        owner = moment.owner
        if not identity.identity_matches(owner, pod):
            changed = thaw(pod)
            number = identity.ordinal_of(pod)
            labels = changed["metadata"].setdefault("labels", {})
            labels.update({identity.POD_NAME: name_of(pod), identity.POD_INDEX: str(number)})
            changed["spec"]["volumes"] = identity.volumes_of(owner, number, changed["spec"].get("volumes") or [])
            try:
                written = await self.client.update("pods", changed)
            except ApiError as error:
                await self._pod_event(owner, pod, "update", error)
                raise
            await self._pod_event(owner, pod, "update")
            await self.pods.reached(written)
        await self._own_claims(owner, pod)

    async def _pod_event(self, owner: Object, pod: Object, verb: str, error: ApiError | None = None) -> None:
        text = f"{verb} Pod {name_of(pod)} in StatefulSet {name_of(owner)}"
        if error is None:
            await self.event(owner, "Normal", f"Successful{verb.title()}", f"{text} successful")
        else:
            await self.event(owner, "Warning", f"Failed{verb.title()}", f"{text} failed error: {error.message}")

    # -- claims

    async def _create_claims(self, owner: Object, pod: Object) -> None:
        """Create the claims a pod needs and does not have. Raises ApiError when one is refused or on its way out."""
        namespace = owner["metadata"]["namespace"]
        for claim in identity.claims_of(owner, identity.ordinal_of(pod)):
            name = name_of(claim)
            there = self.claims.get(namespace, name)
            if there is not None:
                if there["metadata"].get("deletionTimestamp"):
                    raise ApiError(409, "Conflict", f"pvc {name} is being deleted")
                continue
            about = f"Pod {name_of(pod)} in StatefulSet {name_of(owner)}"
            try:
                made = await self.client.create(_CLAIMS, claim)
            except ApiError as error:
                if error.reason == "AlreadyExists":
                    continue
                text = f"create Claim {name} for {about} failed error: {error.message}"
                await self.event(owner, "Warning", "FailedCreate", text)
                raise ApiError(error.code, error.reason, f"failed to create PVC {name}: {error.message}") from error
            await self.event(owner, "Normal", "SuccessfulCreate", f"create Claim {name} {about} success")
            await self.claims.reached(made)

    def _claims_of(self, owner: Object, pod: Object) -> Objects:
        number, namespace = identity.ordinal_of(pod), owner["metadata"]["namespace"]
        names = [identity.claim_name(owner, one, number) for one in owner["spec"].get("volumeClaimTemplates") or ()]
        return [claim for name in names if (claim := self.claims.get(namespace, name)) is not None]

    def _has_stale_claim(self, owner: Object, pod: Object) -> bool:
        """Whether a claim still belongs to an earlier pod of this name and will be deleted with it."""
        if identity.retention(owner)["whenScaled"] == "Retain":
            return False
        absent = evolve(pod, metadata={"uid": ""})
        return any(identity.is_stale(claim, absent) for claim in self._claims_of(owner, pod))

    async def _own_claims(self, owner: Object, pod: Object) -> None:
        for claim in self._claims_of(owner, pod):
            owners = identity.owners_of_claim(owner, pod, claim)
            if owners is not None:
                written = await self.client.update(_CLAIMS, evolve(claim, metadata={"ownerReferences": owners}))
                await self.claims.reached(written)

    async def _keep_claims(self, moment: _Round, pod: Object) -> bool:
        await self._own_claims(moment.owner, pod)
        return False

    # -- status

    def _status(self, moment: _Round, taken: int) -> Object:
        now = self.clock.now()
        pods = [pod for pod in [*moment.replicas, *moment.condemned] if pod_state.phase(pod)]
        staying = [_revision(pod) for pod in pods if not pod_state.is_leaving(pod)]
        ready = [pod for pod in pods if pod_state.phase(pod) == "Running" and pod_state.is_ready(pod)]
        current, update = name_of(moment.current), name_of(moment.update)
        status: Object = {
            "observedGeneration": moment.owner["metadata"]["generation"],
            "replicas": len(pods),
            "readyReplicas": len(ready),
            "availableReplicas": sum(1 for pod in ready if pod_state.is_available(pod, moment.min_ready, now)),
            "currentReplicas": staying.count(current) - taken,
            "updatedReplicas": staying.count(update),
            "currentRevision": current,
            "updateRevision": update,
            "collisionCount": moment.collisions,
        }
        wanted = int(moment.owner["spec"].get("replicas", 1))
        strategy = (moment.owner["spec"].get("updateStrategy") or {}).get("type", "RollingUpdate")
        counts = {status["updatedReplicas"], status["readyReplicas"], status["replicas"]}
        if strategy == "RollingUpdate" and counts == {wanted}:
            status["currentReplicas"] = wanted
            status["currentRevision"] = update
        return compact(status, "replicas", "availableReplicas", "collisionCount")
