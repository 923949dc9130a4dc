"""Objects in the one form in which they can be compared.

Source: Argo CD 3.6.1 `gitops-engine/pkg/diff/diff.go` (remarshal, Normalize), `gitops-engine/pkg/utils/json/json.go`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import orjson

from lab.sim.api.types import MAP, Type
from lab.sim.api.unmarshal import Unmarshaller, Unreadable
from lab.sim.argocd.comparison.ignore import Removal
from lab.sim.argocd.comparison.kinds import is_always_there, type_of, zero, zero_of
from lab.sim.argocd.comparison.rules import DiffRules
from lab.sim.argocd.health.fields import group_and_kind
from lab.sim.objects import Object, evolve, thaw

_RBAC = "rbac.authorization.k8s.io"


def remarshalled(obj: Object) -> Object:
    """`obj` as Go writes it back after it read it into its kind: quantities in their short form, empty fields gone.

    One with a field its kind does not have, or a value of another type, stays as it is; so does one of an unknown kind.
    """
    kind = type_of(str(obj.get("apiVersion") or ""), str(obj.get("kind") or ""))
    if kind is None:
        return {key: _with_whole_numbers(value) for key, value in obj.items()}
    made = thaw(obj)
    reader = Unmarshaller()
    try:
        reader.read(kind, made)
    except Unreadable:
        return obj
    return obj if reader.strict else _with_zeros(obj, within(obj, made), kind)


def _with_zeros(obj: Any, made: Any, kind: Type | None) -> Any:
    """`made`, which was made of `obj`, with the zero values that Go writes for nulls where a field has to be."""
    if kind is None:
        return made
    if isinstance(obj, dict) and isinstance(made, dict):
        for key, given in obj.items():
            below = kind.fields.get(key) or (kind.items if kind.kind == MAP else None)
            if given is None:
                if below is not None and is_always_there(kind, key, below):
                    made[key] = zero_of(kind, key, below)
            elif key in made:
                made[key] = _with_zeros(given, made[key], below)
    elif isinstance(obj, list) and isinstance(made, list):
        return [
            zero(kind.items) if one is None and kind.items is not None else _with_zeros(one, other, kind.items)
            for one, other in zip(obj, made, strict=True)
        ]
    return made


def _with_whole_numbers(value: Any) -> Any:
    """1.0 as 1, which is how JSON of Go holds it."""
    if isinstance(value, dict):
        return {key: _with_whole_numbers(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_with_whole_numbers(one) for one in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return int(value)
    return value


def within(config: Object, live: Object) -> Object:
    """The fields of `live` that `config` has, too, item by item in lists; what a list has more of stays."""
    made = {}
    for key, wanted in config.items():
        if key in live:
            made[key] = _within(wanted, live[key])
    return made


def _within(wanted: Any, have: Any) -> Any:
    if isinstance(wanted, dict) and isinstance(have, dict):
        return within(wanted, have)
    if isinstance(wanted, list) and isinstance(have, list):
        return within_list(wanted, have)
    return have


def within_list(config: list[Any], live: list[Any]) -> list[Any]:
    """`within`, of lists."""
    return [_within(config[place], one) if place < len(config) else one for place, one in enumerate(live)]


def normalized(obj: Object, rules: DiffRules, annotated: Sequence[Removal] = (), *, full: bool = True) -> Object:
    """`obj` without what does not count; shared with it.

    :param annotated: more to leave out, by annotation of the wanted object
    :param full: leave out what rules ignore, too; otherwise only what never counts
    """
    metadata = obj.get("metadata")
    if isinstance(metadata, dict) and "creationTimestamp" in metadata:
        kept = {key: value for key, value in metadata.items() if key != "creationTimestamp"}
        obj = {**obj, "metadata": kept}
    group, kind = group_and_kind(obj)
    if not group and kind == "Secret":
        obj = _secret(obj)
    elif group == _RBAC and kind in ("Role", "ClusterRole"):
        obj = _role(obj, rules.ignore_aggregated_roles)
    elif not group and kind == "Endpoints":
        obj = _endpoints(obj)
    if not full:
        return obj
    return rules.known.normalized(rules.ignore.normalized(obj, annotated))


def _secret(obj: Object) -> Object:
    """With `stringData` moved to `data`, and values in the one form of base64."""
    given = obj.get("stringData")
    if isinstance(given, dict):
        known = obj.get("data")
        data = dict(known) if isinstance(known, dict) else {}
        for key, value in given.items():
            data[key] = base64.b64encode(value.encode()).decode() if isinstance(value, str) else value
        obj = {key: value for key, value in obj.items() if key != "stringData"} | {"data": data}
    held = obj.get("data")
    if not isinstance(held, dict):
        return obj
    try:
        return evolve(obj, data={key: _base64(value) for key, value in held.items()})
    except (binascii.Error, ValueError):
        return obj


def _base64(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError("not a text")
    return base64.b64encode(base64.b64decode(value.replace("\r", "").replace("\n", ""), validate=True)).decode()


def _role(obj: Object, ignore_aggregated: bool) -> Object:
    if (ignore_aggregated and isinstance(obj.get("aggregationRule"), dict)) or obj.get("rules") == []:
        return evolve(obj, rules=None)
    return obj


def _endpoints(obj: Object) -> Object:
    """With subsets, addresses and ports in an order of their own, and every port with a protocol."""
    subsets = obj.get("subsets")
    if not isinstance(subsets, list) or not all(isinstance(one, dict) for one in subsets):
        return obj
    made = []
    for one in subsets:
        ports = [{"protocol": "TCP", **port} for port in one.get("ports") or () if isinstance(port, dict)]
        ordered = {key: sorted(value, key=_text) for key, value in one.items() if key != "ports" and value}
        made.append({**ordered, "ports": sorted(ports, key=_text)} if ports else ordered)
    return evolve(obj, subsets=sorted(made, key=_text))


def _text(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
