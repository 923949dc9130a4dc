"""Persistent volumes: claims get a volume from the class `standard` as kind's local-path provisioner makes them.

Source: Kubernetes `pkg/controller/volume/persistentvolume`, `pkg/controller/volume/{pvc,pv}protection`; rancher's
local-path-provisioner for the shape of a volume. No data is kept anywhere.
"""

from __future__ import annotations

from lab.sim.api.resources import Object
from lab.sim.api.selectors import matches
from lab.sim.api.status import ApiError
from lab.sim.client import Client
from lab.sim.clock import Clock
from lab.sim.controllers.controller import Controller, Informers
from lab.sim.controllers.informer import Informer
from lab.sim.controllers.node_fit import amount_of
from lab.sim.objects import evolve, name_of, namespace_of

PROVISIONER = "rancher.io/local-path"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
_BOUND = "pv.kubernetes.io/bind-completed"
_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
_PROVISIONED = "pv.kubernetes.io/provisioned-by"
_CLAIM_FINALIZER = "kubernetes.io/pvc-protection"
_VOLUME_FINALIZER = "kubernetes.io/pv-protection"
_CLASSES = "storageclasses.storage.k8s.io"


def claim_names(pod: Object) -> list[str]:
    """The claims a pod's volumes refer to, those of ephemeral volumes too."""
    names = []
    for volume in pod["spec"].get("volumes") or ():
        if "persistentVolumeClaim" in volume:
            names.append(str(volume["persistentVolumeClaim"]["claimName"]))
        elif "ephemeral" in volume:
            names.append(f"{name_of(pod)}-{volume['name']}")
    return names


def waits_for_consumer(claim: Object, classes: Informer) -> bool:
    """Whether the claim is bound only when a pod that uses it is scheduled."""
    held = classes.get("", claim["spec"].get("storageClassName") or "")
    return held is not None and held.get("volumeBindingMode") == "WaitForFirstConsumer"


class Volumes(Controller):
    """Binds claims, makes and removes volumes, and holds both while they are in use."""

    name = "persistentvolume-controller"

    def __init__(self, client: Client, clock: Clock, informers: Informers) -> None:
        super().__init__(client, clock, informers)
        self._claims = self.informer("persistentvolumeclaims")
        self._volumes = self.informer("persistentvolumes")
        self._classes = self.informer(_CLASSES)
        self._pods = self.informer("pods")
        self._pods.index("claim", lambda pod: [f"{namespace_of(pod)}/{name}" for name in claim_names(pod)])
        self._claims.handle(self._claim_changed)
        self._volumes.handle(self._volume_changed)
        self._pods.handle(self._pod_changed)
        self._classes.handle(lambda _old, _new: self._unbound())

    # -- what wakes it; a claim's key has a namespace, a volume's has none

    def _claim_changed(self, old: Object | None, new: Object | None) -> None:
        claim = new if new is not None else old
        assert claim is not None
        self.enqueue_object(claim)
        volume = claim["spec"].get("volumeName")
        if volume:
            self.enqueue("", volume)

    def _volume_changed(self, old: Object | None, new: Object | None) -> None:
        volume = new if new is not None else old
        assert volume is not None
        self.enqueue("", name_of(volume))
        claim = volume["spec"].get("claimRef")
        if claim:
            self.enqueue(claim["namespace"], claim["name"])
        else:
            self._unbound()

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        pod = new if new is not None else old
        assert pod is not None
        if new is None or (new.get("status") or {}).get("phase") in ("Succeeded", "Failed") or old is None:
            for name in claim_names(pod):
                self.enqueue(namespace_of(pod), name)

    def _unbound(self) -> None:
        for claim in self._claims.list():
            if not claim["spec"].get("volumeName"):
                self.enqueue_object(claim)

    # -- claims

    async def reconcile(self, namespace: str, name: str) -> None:
        """Bring one claim, or one volume, nearer to what it asks for."""
        if not namespace:
            await self._volume(name)
            return
        await self._make_ephemeral(namespace, name)
        claim = self._claims.get(namespace, name)
        if claim is None:
            return
        if claim["metadata"].get("deletionTimestamp"):
            await self._release(claim)
            return
        finalizers = claim["metadata"].get("finalizers") or []
        if _CLAIM_FINALIZER not in finalizers:
            changed = evolve(claim, metadata={"finalizers": [*finalizers, _CLAIM_FINALIZER]})
            claim = await self.client.update("persistentvolumeclaims", changed)
        if (claim.get("status") or {}).get("phase") == "Bound":
            if self._volumes.get("", claim["spec"].get("volumeName", "")) is None:
                await self._lost(claim)
            return
        await self._bind(claim)

    async def _make_ephemeral(self, namespace: str, name: str) -> None:
        """Make the claim of a pod's generic ephemeral volume."""
        if self._claims.get(namespace, name) is not None:
            return
        for pod in self._pods.by("claim", f"{namespace}/{name}"):
            for volume in pod["spec"].get("volumes") or ():
                if "ephemeral" in volume and f"{name_of(pod)}-{volume['name']}" == name:
                    template = volume["ephemeral"]["volumeClaimTemplate"]
                    owner = {"apiVersion": "v1", "kind": "Pod", "name": name_of(pod), "uid": pod["metadata"]["uid"]}
                    owner = {**owner, "controller": True, "blockOwnerDeletion": True}
                    metadata = {**(template.get("metadata") or {}), "name": name, "namespace": namespace}
                    made = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": template["spec"]}
                    made["metadata"] = {**metadata, "ownerReferences": [owner]}
                    await self.client.create("persistentvolumeclaims", made)
                    return

    async def _bind(self, claim: Object) -> None:
        volume = self._volumes.get("", claim["spec"].get("volumeName", "")) or self._fitting(claim)
        annotations = claim["metadata"].get("annotations") or {}
        if volume is not None:
            await self._tie(claim, volume)
            return
        kind = self._classes.get("", claim["spec"].get("storageClassName") or "")
        node = annotations.get(SELECTED_NODE)
        if kind is None:
            wanted = claim["spec"].get("storageClassName")
            if wanted:
                text = f'storageclass.storage.k8s.io "{wanted}" not found'
                await self.client.event(claim, "Warning", "ProvisioningFailed", text, self.name)
            else:
                text = "no persistent volumes available for this claim and no storage class is set"
                await self.client.event(claim, "Normal", "FailedBinding", text, self.name)
        elif kind.get("volumeBindingMode") == "WaitForFirstConsumer" and not node:
            text = "waiting for first consumer to be created before binding"
            await self.client.event(claim, "Normal", "WaitForFirstConsumer", text, self.name)
        elif kind["provisioner"] == PROVISIONER:
            await self._provision(claim, kind, node or "")
        else:
            text = (
                f"Waiting for a volume to be created either by the external provisioner '{kind['provisioner']}' or "
                "manually by the system administrator. If volume creation is delayed, please verify that the "
                "provisioner is running and correctly registered."
            )
            await self.client.event(claim, "Normal", "ExternalProvisioning", text, self.name)

    def _fitting(self, claim: Object) -> Object | None:
        """The smallest free volume that the claim may have."""
        spec = claim["spec"]
        wanted = amount_of(((spec.get("resources") or {}).get("requests") or {}).get("storage", "0"))
        fitting = []
        for volume in self._volumes.list():
            held = volume["spec"].get("claimRef")
            if held:
                if (held["namespace"], held["name"]) != (namespace_of(claim), name_of(claim)):
                    continue
                if held.get("uid", claim["metadata"]["uid"]) != claim["metadata"]["uid"]:
                    continue
                return volume
            size = amount_of(volume["spec"].get("capacity", {}).get("storage", "0"))
            if volume["metadata"].get("deletionTimestamp") or size < wanted:
                continue
            if (volume["spec"].get("storageClassName") or "") != (spec.get("storageClassName") or ""):
                continue
            if not set(spec.get("accessModes") or ()) <= set(volume["spec"].get("accessModes") or ()):
                continue
            if _labelled(volume, spec.get("selector")):
                fitting.append((size, name_of(volume), volume))
        return min(fitting, key=lambda one: one[:2])[2] if fitting else None

    async def _provision(self, claim: Object, kind: Object, node: str) -> None:
        if not node:
            nodes = sorted(name_of(one) for one in self.informers.of("nodes").list())
            if not nodes:
                return
            node = nodes[0]
        spec = claim["spec"]
        uid = claim["metadata"]["uid"]
        name = f"pvc-{uid}"
        reference = _reference(claim)
        volume = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {
                "name": name,
                "annotations": {
                    "local.path.provisioner/selected-node": node,
                    _PROVISIONED: PROVISIONER,
                },
                "finalizers": [_VOLUME_FINALIZER],
            },
            "spec": {
                "accessModes": spec.get("accessModes") or ["ReadWriteOnce"],
                "capacity": {"storage": spec["resources"]["requests"]["storage"]},
                "claimRef": reference,
                "hostPath": {
                    "path": f"/var/local-path-provisioner/{name}_{namespace_of(claim)}_{name_of(claim)}",
                    "type": "DirectoryOrCreate",
                },
                "nodeAffinity": {
                    "required": {
                        "nodeSelectorTerms": [
                            {
                                "matchExpressions": [
                                    {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
                                ]
                            }
                        ]
                    }
                },
                "persistentVolumeReclaimPolicy": kind.get("reclaimPolicy", "Delete"),
                "storageClassName": name_of(kind),
                "volumeMode": spec.get("volumeMode", "Filesystem"),
            },
        }
        about = f'External provisioner is provisioning volume for claim "{namespace_of(claim)}/{name_of(claim)}"'
        await self.client.event(claim, "Normal", "Provisioning", about, PROVISIONER)
        volume = await self.client.create("persistentvolumes", volume)
        about = f"Successfully provisioned volume {name}"
        await self.client.event(claim, "Normal", "ProvisioningSucceeded", about, PROVISIONER)
        await self._tie(claim, volume)

    async def _tie(self, claim: Object, volume: Object) -> None:
        held = volume["spec"].get("claimRef") or {}
        if held.get("uid") != claim["metadata"]["uid"]:
            spec = {**volume["spec"], "claimRef": _reference(claim)}
            annotations = {**(volume["metadata"].get("annotations") or {}), _BY_CONTROLLER: "yes"}
            changed = evolve(volume, spec=spec, metadata={"annotations": annotations})
            volume = await self.client.update("persistentvolumes", changed)
        await self.client.status("persistentvolumes", evolve(volume, status={"phase": "Bound"}))
        annotations = {**(claim["metadata"].get("annotations") or {}), _BOUND: "yes", _BY_CONTROLLER: "yes"}
        if volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete" and _is_provisioned(volume):
            for key in ("volume.beta.kubernetes.io/storage-provisioner", "volume.kubernetes.io/storage-provisioner"):
                annotations[key] = PROVISIONER
        spec = {**claim["spec"], "volumeName": name_of(volume)}
        changed = evolve(claim, spec=spec, metadata={"annotations": annotations})
        claim = await self.client.update("persistentvolumeclaims", changed)
        status = {
            "phase": "Bound",
            "accessModes": volume["spec"]["accessModes"],
            "capacity": volume["spec"]["capacity"],
        }
        await self.client.status("persistentvolumeclaims", evolve(claim, status=status))

    async def _lost(self, claim: Object) -> None:
        status = {**claim["status"], "phase": "Lost"}
        await self.client.status("persistentvolumeclaims", evolve(claim, status=status))
        text = "Bound claim has lost its PersistentVolume. Data on the volume is lost!"
        await self.client.event(claim, "Warning", "ClaimLost", text, self.name)

    async def _release(self, claim: Object) -> None:
        """Let a claim go that no pod uses any more."""
        for pod in self._pods.by("claim", f"{namespace_of(claim)}/{name_of(claim)}"):
            if (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed"):
                return
        await self._unhold("persistentvolumeclaims", claim, _CLAIM_FINALIZER)

    async def _unhold(self, resource: str, obj: Object, finalizer: str) -> None:
        kept = [one for one in obj["metadata"].get("finalizers") or () if one != finalizer]
        if len(kept) == len(obj["metadata"].get("finalizers") or ()):
            return
        try:
            await self.client.update(resource, evolve(obj, metadata={"finalizers": kept}))
        except ApiError as error:
            if error.code != 404:
                raise

    # -- volumes

    async def _volume(self, name: str) -> None:
        volume = self._volumes.get("", name)
        if volume is None:
            return
        held = volume["spec"].get("claimRef") or {}
        claim = self._claims.get(held.get("namespace", ""), held.get("name", "")) if held else None
        if claim is not None and held.get("uid") and claim["metadata"]["uid"] != held["uid"]:
            claim = None
        phase = (volume.get("status") or {}).get("phase")
        if volume["metadata"].get("deletionTimestamp"):
            if phase != "Bound" or claim is None:
                await self._unhold("persistentvolumes", volume, _VOLUME_FINALIZER)
            return
        finalizers = volume["metadata"].get("finalizers") or []
        if _VOLUME_FINALIZER not in finalizers:
            changed = evolve(volume, metadata={"finalizers": [*finalizers, _VOLUME_FINALIZER]})
            volume = await self.client.update("persistentvolumes", changed)
        if not held or (not held.get("uid") and claim is None):
            if phase != "Available":
                await self.client.status("persistentvolumes", evolve(volume, status={"phase": "Available"}))
        elif claim is None and phase == "Bound":
            volume = await self.client.status("persistentvolumes", evolve(volume, status={"phase": "Released"}))
            if volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete" and _is_provisioned(volume):
                await self.client.delete("persistentvolumes", "", name)


def _is_provisioned(volume: Object) -> bool:
    return (volume["metadata"].get("annotations") or {}).get(_PROVISIONED) == PROVISIONER


def _labelled(volume: Object, selector: Object | None) -> bool:
    if not selector:
        return True
    return matches(selector, volume["metadata"].get("labels") or {})


def _reference(claim: Object) -> Object:
    metadata = claim["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "name": metadata["name"],
        "namespace": metadata["namespace"],
        "resourceVersion": metadata["resourceVersion"],
        "uid": metadata["uid"],
    }
