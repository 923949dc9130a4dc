"""Short names for pod templates: the value of `pod-template-hash` and of `controller-revision-hash`.

A real server hashes the memory layout of Go structures, which nothing outside Go can reproduce, so a Deployment's hash
differs from a real cluster's. It is FNV-1 over the template's JSON with sorted keys, written in Kubernetes' own safe
alphabet; for a StatefulSet that is what a real server hashes too. Source: apimachinery `pkg/util/rand/rand.go`,
Kubernetes `pkg/controller/history/controller_history.go`.
"""

from __future__ import annotations

from typing import Any

import orjson

_SAFE = "bcdfghjklmnpqrstvwxz2456789"
_FNV_START = 2166136261
_FNV_PRIME = 16777619


def safe_encode(text: str) -> str:
    """`text` in letters and digits that spell no words."""
    return "".join(_SAFE[ord(one) % len(_SAFE)] for one in text)


def hash_of(data: Any, collisions: int | None) -> str:
    """Hash of a JSON value. `collisions`: how often such a hash was taken already; None for not counted yet."""
    raw = canonical(data)
    if collisions is not None:
        raw += str(collisions).encode()
    value = _FNV_START
    for byte in raw:
        value = (value * _FNV_PRIME & 0xFFFFFFFF) ^ byte
    return safe_encode(str(value))


def canonical(data: Any) -> bytes:
    """JSON with sorted keys and the escapes of Go's encoder."""
    raw = orjson.dumps(data, option=orjson.OPT_SORT_KEYS)
    return raw.replace(b"&", b"\\u0026").replace(b"<", b"\\u003c").replace(b">", b"\\u003e")


def equal(one: Any, other: Any) -> bool:
    """Whether two values mean the same to Kubernetes, where an empty list or map is as good as none."""
    return bool(one == other or _bare(one) == _bare(other))


def _bare(value: Any) -> Any:
    if isinstance(value, dict):
        made = {key: _bare(one) for key, one in value.items()}
        return {key: one for key, one in made.items() if one not in (None, {}, [])}
    if isinstance(value, list):
        return [_bare(one) for one in value]
    return value
