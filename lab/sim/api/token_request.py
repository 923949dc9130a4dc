"""TokenRequest: what `kubectl create token` asks of a service account's `token` subresource.

Source: Kubernetes `pkg/registry/core/serviceaccount/storage/token.go`, `pkg/apis/authentication/validation`.
"""

from __future__ import annotations

from lab.sim.api.resources import Object
from lab.sim.api.rest import Rest
from lab.sim.api.status import ApiError, Cause, bad_request, conflict, invalid, invalid_value, not_found
from lab.sim.api.tokens import HOUR, ISSUER, Tokens
from lab.sim.clock import timestamp

SHORTEST, LONGEST = 600, 1 << 32
"""Seconds a token may be asked for."""
PROJECTED, EXTENDED = 3607, 365 * 86_400
"""A pod's token asked for `PROJECTED` seconds works `EXTENDED` seconds, for programs that never read it again."""
_BINDABLE = {"Pod": "pods", "Secret": "secrets", "Node": "nodes"}


def grant(rest: Rest, tokens: Tokens, namespace: str, name: str, body: Object) -> Object:
    """Answer a TokenRequest for a service account. `body`: as decoded, any part of it may be left out.

    Raises ApiError 400, 404, 409 or 422.
    """
    metadata = body.get("metadata") or {}
    for field, said, real in (
        ("name", metadata.get("name"), name),
        ("namespace", metadata.get("namespace"), namespace),
    ):
        if said and said != real:
            why = f"must match the service account {field} if specified"
            raise _wrong(name, [invalid_value(f"metadata.{field}", said, why)])
    account = rest.store.get("serviceaccounts", namespace, name)
    if account is None:
        raise not_found("", "serviceaccounts", name)
    uid = account["metadata"]["uid"]
    if metadata.get("uid") and metadata["uid"] != uid:
        raise conflict(
            "authentication.k8s.io",
            "TokenRequest",
            name,
            f"the UID in the token request ({metadata['uid']}) does not match the UID of the service account ({uid})",
        )
    spec = body.get("spec") or {}
    seconds = spec.get("expirationSeconds")
    seconds = HOUR if seconds is None else seconds
    audiences = spec.get("audiences") or [ISSUER]
    wrong: list[Cause] = []
    if seconds < SHORTEST:
        wrong.append(_lifetime(seconds, "may not specify a duration less than 10 minutes"))
    if seconds > LONGEST:
        wrong.append(_lifetime(seconds, "may not specify a duration larger than 2^32 seconds"))
    if wrong:
        raise _wrong("", wrong)
    bound = _bound(rest, namespace, name, spec.get("boundObjectRef"))
    granted, warn_after = seconds, 0
    if "pod" in bound and seconds == PROJECTED and set(audiences) <= {ISSUER}:
        granted, warn_after = EXTENDED, seconds
    now = rest.clock.now()
    token = tokens.issue(account, granted, audiences, warn_after=warn_after, **bound)
    return {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {
            **metadata,
            "name": name,
            "namespace": namespace,
            "uid": uid,
            "creationTimestamp": timestamp(now),
        },
        "spec": {
            "audiences": audiences,
            "expirationSeconds": seconds,
            "boundObjectRef": spec.get("boundObjectRef"),
        },
        "status": {"token": token, "expirationTimestamp": timestamp(now + seconds)},
    }


def _bound(rest: Rest, namespace: str, name: str, reference: Object | None) -> dict[str, Object]:
    if reference is None:
        return {}
    api_version, kind = reference.get("apiVersion") or "", reference.get("kind") or ""
    wanted = reference.get("name") or ""
    plural = _BINDABLE.get(kind) if "/" not in api_version else None
    if plural is None:
        group, _, version = api_version.rpartition("/")
        raise bad_request(f"cannot bind token to object of type {group}/{version}, Kind={kind}")
    obj = rest.store.get(plural, "" if kind == "Node" else namespace, wanted)
    if obj is None:
        raise not_found("", plural, wanted)
    found = {kind.lower(): obj}
    if kind == "Pod":
        spec = obj.get("spec", {})
        if spec.get("serviceAccountName") != name:
            raise bad_request(
                f'cannot bind token for serviceaccount "{name}" to pod running with different serviceaccount name.'
            )
        if node := spec.get("nodeName"):
            found["node"] = rest.store.get("nodes", "", node) or {"metadata": {"name": node}}
    if reference.get("uid") and reference["uid"] != obj["metadata"]["uid"]:
        raise conflict(
            "",
            kind,
            wanted,
            f"the UID in the bound object reference ({reference['uid']}) does not match the UID in record. "
            "The object might have been deleted and then recreated",
        )
    return found


def _lifetime(seconds: int, why: str) -> Cause:
    return invalid_value("spec.expirationSeconds", seconds, why)


def _wrong(name: str, causes: list[Cause]) -> ApiError:
    return invalid("authentication.k8s.io", "TokenRequest", name, causes)
