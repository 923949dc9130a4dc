"""Fields of custom resources that hold built-in types, written as those types are.

Source: Argo CD 3.6.1 `util/argo/normalizers/knowntypes_normalizer.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from lab.sim import quantity
from lab.sim.api import types
from lab.sim.api.unmarshal import Unmarshaller, Unreadable
from lab.sim.argocd.comparison.kinds import MINOR, completed
from lab.sim.argocd.comparison.settings import Override
from lab.sim.argocd.durations import parse_duration
from lab.sim.argocd.health.fields import group_and_kind
from lab.sim.objects import Object, thaw

_Rewrite = Callable[[Any], Any]
_ROLLOUT = ("argoproj.io", "Rollout")
_POD_SPEC = "core/v1/PodSpec"


class KnownTypes:
    """The fields of each kind. One that names a type nobody knows is passed over, as Argo CD does."""

    def __init__(self, overrides: Mapping[str, Override]) -> None:
        self._fields: dict[tuple[str, str], list[tuple[tuple[str, ...], _Rewrite]]] = {}
        for target, override in overrides.items():
            group, _, kind = target.rpartition("/")
            for path, name in override.known_types:
                rewrite = _rewrite(name)
                if rewrite is not None:
                    self._fields.setdefault((group, kind), []).append((tuple(path.split(".")), rewrite))
        if _ROLLOUT not in self._fields:
            pod_spec = _rewrite(_POD_SPEC)
            assert pod_spec is not None
            self._fields[_ROLLOUT] = [(("spec", "template", "spec"), pod_spec)]

    def normalized(self, obj: Object) -> Object:
        """`obj` with those fields rewritten; shared with it. After a value that does not fit its type, nothing is."""
        for path, rewrite in self._fields.get(group_and_kind(obj), ()):
            try:
                obj = _rewritten(obj, path, rewrite)
            except (Unreadable, ValueError):
                return obj
        return obj


def _rewritten(value: Any, path: Sequence[str], rewrite: _Rewrite) -> Any:
    if isinstance(value, list):
        return [_rewritten(one, path, rewrite) if isinstance(one, dict) else one for one in value]
    if not path:
        return rewrite(value)
    if not isinstance(value, dict) or path[0] not in value:
        return value
    return {**value, path[0]: _rewritten(value[path[0]], path[1:], rewrite)}


@lru_cache(maxsize=256)
def _rewrite(name: str) -> _Rewrite | None:
    if name == "core/Quantity":
        return quantity.canonical
    if name == "meta/v1/Duration":
        return _duration
    if not name.startswith("core/v1/"):
        return None
    try:
        kind = types.named(f"io.k8s.api.core.v1.{name.removeprefix('core/v1/')}", MINOR)
    except KeyError:
        return None
    return lambda value: completed(Unmarshaller().read(kind, thaw(value)), kind)


def _duration(value: Any) -> str:
    """As Go writes it: `1h30m0s`, `1.5s`, `200ms`."""
    if not isinstance(value, str):
        raise ValueError("json: cannot unmarshal into Go value of type string")
    nanos = round(parse_duration(value) * 1e9)
    sign, nanos = ("-", -nanos) if nanos < 0 else ("", nanos)
    if nanos == 0:
        return "0s"
    for unit, size in (("ns", 1), ("µs", 10**3), ("ms", 10**6)):
        if nanos < size * 1000:
            return f"{sign}{_decimal(nanos, size)}{unit}"
    minutes, nanos = divmod(nanos, 60 * 10**9)
    text = f"{_decimal(nanos, 10**9)}s"
    if minutes:
        hours, minutes = divmod(minutes, 60)
        text = f"{hours}h{minutes}m{text}" if hours else f"{minutes}m{text}"
    return sign + text


def _decimal(amount: int, unit: int) -> str:
    whole, rest = divmod(amount, unit)
    if not rest:
        return str(whole)
    digits = len(str(unit)) - 1
    return f"{whole}.{rest:0{digits}d}".rstrip("0")
