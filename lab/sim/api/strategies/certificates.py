"""Requests for certificates: who asks is written down by the server, and only `approval` decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.sim.api.context import Context
from lab.sim.api.resources import Object, Resource
from lab.sim.api.strategies.strategy import Strategy
from lab.sim.clock import timestamp

if TYPE_CHECKING:
    from lab.sim.api.rest import Rest

_DECISIONS = ("Approved", "Denied")


class CertificateSigningRequests(Strategy):
    """`spec` is fixed at creation; conditions get their times here."""

    def prepare_create(self, rest: Rest, resource: Resource, obj: Object, context: Context) -> None:
        """Write down who asks."""
        super().prepare_create(rest, resource, obj, context)
        spec = obj["spec"] = dict(obj.get("spec") or {})
        for field in ("username", "uid", "groups", "extra"):
            spec.pop(field, None)
        user = context.user
        spec["username"] = user.name
        if user.uid:
            spec["uid"] = user.uid
        if user.groups:
            spec["groups"] = list(user.groups)
        if user.extra:
            spec["extra"] = {key: list(values) for key, values in user.extra}

    def prepare_update(self, rest: Rest, resource: Resource, new: Object, old: Object, subresource: str) -> None:
        """Keep the spec; `status` keeps decisions, `approval` changes nothing but conditions."""
        new["spec"] = old.get("spec", {})
        before = old.get("status") or {}
        if not subresource:
            new["status"] = before
            return
        after = new["status"] = dict(new.get("status") or {})
        _set_times(after, before, timestamp(rest.clock.now()))
        if subresource == "approval":
            new["status"] = {**before, "conditions": after.get("conditions") or []}
        else:
            _keep_decisions(after, before)


def _set_times(after: Object, before: Object, now: str) -> None:
    for one in after.get("conditions") or ():
        if not one.get("lastUpdateTime"):
            one["lastUpdateTime"] = now
        if not one.get("lastTransitionTime"):
            same = (
                known["lastTransitionTime"]
                for known in before.get("conditions") or ()
                if (known.get("type"), known.get("status")) == (one.get("type"), one.get("status"))
                and known.get("lastTransitionTime")
            )
            one["lastTransitionTime"] = next(same, now)


def _keep_decisions(after: Object, before: Object) -> None:
    """The `status` subresource cannot rewrite a decision. Adding or dropping one is left to validation."""
    for kind in _DECISIONS:
        known = [one for one in before.get("conditions") or () if one.get("type") == kind]
        places = [index for index, one in enumerate(after.get("conditions") or ()) if one.get("type") == kind]
        if len(known) == len(places):
            for index, one in zip(places, known, strict=True):
                after["conditions"][index] = one
