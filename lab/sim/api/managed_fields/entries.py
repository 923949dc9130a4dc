"""`metadata.managedFields`: a list of who owns what, read into owners and written back in the server's order.

Source: apimachinery `pkg/util/managedfields/internal/{managedfields,capmanagers,stripmeta}.go`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import orjson

from lab.sim.api.managed_fields.fieldset import SELF, BadFields, Fields, checked, union

MAX_UPDATERS = 10
"""Managers with the operation Update an object may have; the oldest are put together beyond that."""

_ANCIENT = "ancient-changes"
_STRIPPED = frozenset(
    (
        "f:clusterName",
        "f:creationTimestamp",
        "f:generation",
        "f:managedFields",
        "f:name",
        "f:namespace",
        "f:resourceVersion",
        "f:selfLink",
        "f:uid",
    )
)


class Owner(NamedTuple):
    """What tells one entry from another."""

    manager: str
    operation: str
    version: str
    """`apiVersion` of an Update, "" of an Apply: an applier has one entry whatever the version."""
    subresource: str

    def sort_key(self) -> str:
        """The order in which a server names owners in messages: by this record's JSON."""
        return f"{self.manager}\x00{self.operation}\x00{self.version}\x00{self.subresource}"


@dataclass(frozen=True, slots=True)
class Claim:
    """What one owner holds."""

    api_version: str
    fields: Fields
    time: str | None
    """`metav1.Time` of the last change, None for never said."""


Claims = dict[Owner, Claim]


def owner(manager: str, operation: str, api_version: str, subresource: str) -> Owner:
    """The owner a request acts as."""
    return Owner(manager or "unknown", operation, "" if operation == "Apply" else api_version, subresource)


def cleared(entries: Any) -> bool:
    """Whether a client asks to forget all owners: `[]` or `[{}]`."""
    return isinstance(entries, list) and (not entries or entries == [{}])


def read(entries: Any, trusted: bool) -> Claims:
    """The claims of `managedFields`; `trusted` for entries this server wrote. Raises BadFields."""
    claims: Claims = {}
    for entry in entries or ():
        fields = entry["fieldsV1"] if trusted else _checked(entry)
        api_version, operation = entry["apiVersion"], entry["operation"]
        who = Owner(
            entry.get("manager", ""),
            operation,
            "" if operation == "Apply" else api_version,
            entry.get("subresource", ""),
        )
        claims[who] = Claim(api_version, fields, entry.get("time"))
    return claims


def _checked(entry: Any) -> Fields:
    if not isinstance(entry, dict) or entry.get("operation") not in ("Apply", "Update"):
        raise BadFields("operation must be `Apply` or `Update`")
    if not entry.get("apiVersion"):
        raise BadFields("apiVersion must not be empty")
    if entry.get("fieldsType") != "FieldsV1":
        raise BadFields("missing or invalid fieldsType in managed fields entry")
    return checked(entry.get("fieldsV1") or {})


def written(claims: Claims, custom: bool) -> list[dict[str, Any]]:
    """`managedFields` of these claims: appliers first, then by time and name.

    Of a `custom` resource a server writes every object's keys in the order of their text.
    """
    entries = []
    for who, claim in sorted(claims.items(), key=_entry_order):
        entry: dict[str, Any] = {"manager": who.manager} if who.manager else {}
        entry["operation"] = who.operation
        entry["apiVersion"] = claim.api_version
        if claim.time is not None:
            entry["time"] = claim.time
        entry["fieldsType"] = "FieldsV1"
        entry["fieldsV1"] = _shared(_by_text(claim.fields) if custom else claim.fields)
        if who.subresource:
            entry["subresource"] = who.subresource
        entries.append(entry)
    return entries


def _shared(fields: Fields) -> Fields:
    """One and the same record for sets that are equal: objects of one maker own the same fields by the thousand."""
    text = orjson.dumps(fields)
    known = _known.get(text)
    if known is None:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        # orjson hands out its whole buffer, at least 4 KiB of memory however short the text: what is kept is copied.
        known = _known[bytes(memoryview(text))] = fields
    return known


_known: dict[bytes, Fields] = {}
_MOST_KNOWN = 4096


def _by_text(fields: Fields) -> Fields:
    """The set in the order of its text; what is in order already is shared, so that versions of an object share it."""
    order = sorted(fields)
    made = {key: _by_text(fields[key]) if fields[key] else fields[key] for key in order}
    if order == list(fields) and all(made[key] is fields[key] for key in order):
        return fields
    return made


def _entry_order(item: tuple[Owner, Claim]) -> tuple[str, str, str, str, str]:
    who, claim = item
    return who.operation, claim.time or "", who.manager, claim.api_version, who.subresource


def stripped(fields: Fields) -> Fields:
    """The set without what nobody owns: the object's identity and what the server alone writes."""
    metadata = fields.get("f:metadata")
    if metadata is None and "f:kind" not in fields and "f:apiVersion" not in fields:
        return fields
    made = {key: node for key, node in fields.items() if key not in ("f:apiVersion", "f:kind", "f:metadata")}
    kept = {key: node for key, node in (metadata or {}).items() if key != SELF and key not in _STRIPPED}
    if kept:
        made["f:metadata"] = kept
        return {key: made[key] for key in sorted(made)}
    return made


def capped(claims: Claims) -> Claims:
    """At most `MAX_UPDATERS` updaters: the oldest of a version become one, named `ancient-changes`."""
    updaters = [who for who in claims if who.operation == "Update"]
    excess = len(updaters) - MAX_UPDATERS
    if excess <= 0:
        return claims
    made = dict(claims)
    first: dict[str, Owner] = {}
    for who in sorted(updaters, key=lambda one: (claims[one].time or "", one.sort_key())):
        if excess <= 0:
            break
        claim = claims[who]
        bucket = Owner(_ANCIENT, "Update", claim.api_version, "")
        if claim.api_version not in first:
            first[claim.api_version] = who
            continue
        if bucket not in made:
            made[bucket] = made.pop(first[claim.api_version])
        made[bucket] = replace(claim, fields=union(claim.fields, made[bucket].fields))
        if who != bucket:
            del made[who]
        excess -= 1
    return made
