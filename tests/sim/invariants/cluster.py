"""What namespaces, volumes, quotas, events and definitions must say."""

from __future__ import annotations

from lab.sim.api.crd import STORAGE as DEFINITIONS
from lab.sim.api.resources import Object
from tests.sim.invariants.world import Found, World, conditions, holds, leaving, rule, rule_at_rest, seconds


@rule
def namespaces_are_active_or_leave(world: World) -> Found:
    for obj in world.of("namespaces"):
        wanted = "Terminating" if leaving(obj) else "Active"
        if obj.get("status", {}).get("phase") != wanted:
            yield obj, f"phase is {obj.get('status', {}).get('phase')!r}, not {wanted}"
        if (obj["metadata"].get("labels") or {}).get("kubernetes.io/metadata.name") != obj["metadata"]["name"]:
            yield obj, "it has no label with its name"


@rule_at_rest
def namespaces_are_furnished(world: World) -> Found:
    for obj in world.of("namespaces"):
        name = obj["metadata"]["name"]
        if not leaving(obj):
            if world.get("serviceaccounts", name, "default") is None:
                yield obj, "it has no default service account"
            if world.get("configmaps", name, "kube-root-ca.crt") is None:
                yield obj, "it has no kube-root-ca.crt"


@rule
def claims_and_volumes_agree(world: World) -> Found:
    for claim in world.of("persistentvolumeclaims"):
        phase, name = claim.get("status", {}).get("phase"), claim["spec"].get("volumeName")
        if phase not in ("Pending", "Bound", "Lost"):
            yield claim, f"phase is {phase!r}"
        if phase == "Bound":
            volume = world.get("persistentvolumes", "", name or "")
            if volume is None:
                yield claim, f"it is Bound to {name!r}, which does not exist"
            elif (volume["spec"].get("claimRef") or {}).get("uid") != claim["metadata"]["uid"]:
                yield claim, f"{name} is not bound to it"
            if not claim.get("status", {}).get("capacity"):
                yield claim, "it is Bound and has no capacity"
    for volume in world.of("persistentvolumes"):
        if volume.get("status", {}).get("phase") == "Bound":
            uid = (volume["spec"].get("claimRef") or {}).get("uid")
            claim_ = world.by_uid.get(uid or "")
            if claim_ is not None and claim_["spec"].get("volumeName") not in (volume["metadata"]["name"], None):
                yield volume, f"its claim is bound to {claim_['spec'].get('volumeName')}"


@rule_at_rest
def bound_volumes_have_a_claim(world: World) -> Found:
    for volume in world.of("persistentvolumes"):
        phase = volume.get("status", {}).get("phase")
        uid = (volume["spec"].get("claimRef") or {}).get("uid")
        if phase == "Bound" and uid not in world.by_uid:
            yield volume, "it is Bound to a claim that does not exist"
        if phase == "Released" and uid in world.by_uid:
            yield volume, "it is Released and its claim exists"


@rule_at_rest
def quotas_tell_what_is_used(world: World) -> Found:
    for quota in world.of("resourcequotas"):
        # Pods that outlive their grace on a dead node count no longer; a quota learns of it only with the next change.
        pods = world.of("pods", quota["metadata"]["namespace"])
        if leaving(quota) or any(leaving(pod) and (_end(pod) or 0) <= world.now for pod in pods):
            continue
        status = quota.get("status", {})
        if status.get("hard") != quota["spec"].get("hard"):
            yield quota, f"status.hard is {status.get('hard')}"
        if world.used is not None and status.get("used") != world.used(quota):
            yield quota, f"used is {status.get('used')}, counted {world.used(quota)}"


def _end(pod: Object) -> float | None:
    return seconds(pod["metadata"]["deletionTimestamp"])


@rule
def events_are_about_something(world: World) -> Found:
    for event in world.of("events"):
        about = event.get("involvedObject") or {}
        if not about.get("kind") or not about.get("name"):
            yield event, f"involvedObject is {about}"
        if about.get("namespace", "default") != event["metadata"]["namespace"]:
            yield event, f"it is about {about.get('namespace')}"
        if event.get("type") not in ("Normal", "Warning") or not event.get("reason"):
            yield event, f"type is {event.get('type')!r}, reason {event.get('reason')!r}"
        first, last = seconds(event.get("firstTimestamp")), seconds(event.get("lastTimestamp"))
        if first is not None and (last is None or last < first or last > world.now + 1):
            yield event, f"from {event.get('firstTimestamp')} to {event.get('lastTimestamp')}"
        if first is not None and int(event.get("count") or 0) < 1:
            yield event, f"count is {event.get('count')!r}"


@rule
def definitions_are_served(world: World) -> Found:
    served = {(row.storage, row.version) for row in world.registry if row.custom is not None}
    for definition in world.of(DEFINITIONS):
        spec = definition["spec"]
        storage = f"{spec['names']['plural']}.{spec['group']}"
        established = holds(definition, "Established")
        for version in spec["versions"]:
            wanted = established and bool(version.get("served"))
            if wanted != ((storage, version["name"]) in served):
                yield definition, f"{version['name']} is served: {not wanted}, should be: {wanted}"
        if established and definition["status"].get("acceptedNames", {}).get("plural") != spec["names"]["plural"]:
            yield definition, f"acceptedNames are {definition['status'].get('acceptedNames')}"
        kept = [one["name"] for one in spec["versions"] if one.get("storage")]
        if established and not set(kept) <= set(definition["status"].get("storedVersions") or ()):
            yield definition, f"storedVersions are {definition['status'].get('storedVersions')}"
    known = {one["metadata"]["name"] for one in world.of(DEFINITIONS)}
    for row in world.registry:
        if row.custom is not None and row.custom.definition not in known:
            yield None, f"{row.qualified} is served without a definition"


@rule_at_rest
def definitions_are_decided(world: World) -> Found:
    for definition in world.of(DEFINITIONS):
        if not {"NamesAccepted", "Established"} <= set(conditions(definition)):
            yield definition, f"conditions are {sorted(conditions(definition))}"


@rule_at_rest
def account_tokens_have_an_account(world: World) -> Found:
    for secret in world.of("secrets"):
        if secret.get("type") == "kubernetes.io/service-account-token":
            name = (secret["metadata"].get("annotations") or {}).get("kubernetes.io/service-account.name", "")
            if world.get("serviceaccounts", secret["metadata"]["namespace"], name) is None:
                yield secret, f"service account {name!r} does not exist"
            elif not (secret.get("data") or {}).get("token"):
                yield secret, "it has no token"
