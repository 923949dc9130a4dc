"""Claims and volumes: bound when a pod needs them, held while in use, removed when released."""

from __future__ import annotations

from typing import Any

from tests.sim.controllers.cluster_running import NODE, Running, pod, running


def _claim(name: str = "data", **spec: Any) -> dict[str, Any]:
    made = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": "standard",
        "volumeMode": "Filesystem",
        **spec,
    }
    metadata = {"name": name, "namespace": "default", "finalizers": ["kubernetes.io/pvc-protection"]}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": made}


def _volume(name: str = "disk", **spec: Any) -> dict[str, Any]:
    made = {
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "2Gi"},
        "hostPath": {"path": "/data", "type": ""},
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": "manual",
        "volumeMode": "Filesystem",
        **spec,
    }
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": made}


def _using(claim: str = "data", name: str = "web") -> dict[str, Any]:
    return pod(name, volumes=[{"name": "files", "persistentVolumeClaim": {"claimName": claim}}])


async def _phase(lab: Running, name: str = "data") -> str:
    return str((await lab.get("persistentvolumeclaims", name))["status"]["phase"])


async def test_a_claim_is_bound_when_a_pod_that_uses_it_is_scheduled():
    async with running() as lab:
        await lab.create("persistentvolumeclaims", _claim())
        assert await _phase(lab) == "Pending"
        assert lab.events("data") == [
            ("WaitForFirstConsumer", "waiting for first consumer to be created before binding")
        ]
        await lab.create("pods", _using())
        found = await lab.get("pods", "web")
        assert (found["spec"]["nodeName"], found["status"]["phase"]) == (NODE, "Running")
        claim = await lab.get("persistentvolumeclaims", "data")
        name = f"pvc-{claim['metadata']['uid']}"
        assert claim["spec"]["volumeName"] == name
        assert claim["status"] == {
            "phase": "Bound",
            "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": "1Gi"},
        }
        assert claim["metadata"]["annotations"]["volume.kubernetes.io/selected-node"] == NODE
        assert claim["metadata"]["annotations"]["pv.kubernetes.io/bind-completed"] == "yes"
        volume = await lab.get("persistentvolumes", name, "")
        assert volume["status"]["phase"] == "Bound"
        assert volume["spec"]["claimRef"]["uid"] == claim["metadata"]["uid"]
        assert volume["metadata"]["annotations"]["pv.kubernetes.io/provisioned-by"] == "rancher.io/local-path"


async def test_a_claim_in_use_is_held_and_its_volume_goes_with_it():
    async with running() as lab:
        await lab.create("persistentvolumeclaims", _claim())
        await lab.create("pods", _using())
        await lab.delete("persistentvolumeclaims", "data")
        assert "deletionTimestamp" in (await lab.get("persistentvolumeclaims", "data"))["metadata"]
        await lab.delete("pods", "web")
        assert await lab.find("persistentvolumeclaims", "data") is None
        assert await lab.list("persistentvolumes") == []


async def test_a_pod_waits_for_a_claim_that_is_not_there():
    async with running() as lab:
        await lab.create("pods", _using())
        (condition,) = (await lab.get("pods", "web"))["status"]["conditions"]
        assert condition["message"] == '0/1 nodes are available: persistentvolumeclaim "data" not found. not found'
        await lab.create("persistentvolumeclaims", _claim())
        assert (await lab.get("pods", "web"))["status"]["phase"] == "Running"


async def test_a_volume_made_by_hand_is_given_to_the_claim_it_fits_best():
    async with running() as lab:
        await lab.create("persistentvolumes", _volume("large", capacity={"storage": "9Gi"}))
        await lab.create("persistentvolumes", _volume("fitting"))
        await lab.create("persistentvolumes", _volume("small", capacity={"storage": "1Mi"}))
        await lab.create("persistentvolumes", _volume("other", storageClassName="other"))
        assert (await lab.get("persistentvolumes", "large", ""))["status"]["phase"] == "Available"
        await lab.create("persistentvolumeclaims", _claim(storageClassName="manual"))
        claim = await lab.get("persistentvolumeclaims", "data")
        assert (claim["spec"]["volumeName"], claim["status"]["phase"]) == ("fitting", "Bound")
        await lab.delete("persistentvolumes", "fitting", "")
        assert await lab.find("persistentvolumes", "fitting", "") is not None
        await lab.delete("persistentvolumeclaims", "data")
        assert await lab.find("persistentvolumes", "fitting", "") is None


async def test_a_retained_volume_is_released_and_stays():
    async with running() as lab:
        await lab.create("persistentvolumes", _volume())
        await lab.create("persistentvolumeclaims", _claim(storageClassName="manual"))
        await lab.delete("persistentvolumeclaims", "data")
        assert (await lab.get("persistentvolumes", "disk", ""))["status"]["phase"] == "Released"


async def test_an_unknown_class_is_told():
    async with running() as lab:
        await lab.create("persistentvolumeclaims", _claim(storageClassName="gold"))
        await lab.create("pods", _using())
        assert ("ProvisioningFailed", 'storageclass.storage.k8s.io "gold" not found') in lab.events("data")
        (condition,) = (await lab.get("pods", "web"))["status"]["conditions"]
        assert "pod has unbound immediate PersistentVolumeClaims" in condition["message"]


async def test_a_pod_gets_the_claim_of_its_ephemeral_volume():
    async with running() as lab:
        template = {"spec": _claim()["spec"]}
        volume = {"name": "scratch", "ephemeral": {"volumeClaimTemplate": template}}
        await lab.create("pods", pod(volumes=[volume]))
        assert (await lab.get("pods", "web"))["status"]["phase"] == "Running"
        assert await _phase(lab, "web-scratch") == "Bound"
        await lab.delete("pods", "web")
        assert await lab.find("persistentvolumeclaims", "web-scratch") is None
