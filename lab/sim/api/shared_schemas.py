"""Equal parts of the schemas of all CustomResourceDefinitions are one object, in the whole process.

Large definitions repeat themselves, every cluster of a process has the same ones, and each keeps several revisions of
them. What was found out about a part, its types or that nothing is wrong with it, then holds wherever it stands.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from lab.sim.api.resources import Object

MOST = 20_000
"""Parts that are remembered. With more, sharing begins anew; what was shared stays so."""
_parts: dict[tuple[Any, ...], Any] = {}
_known: dict[int, Any] = {}
_facts: dict[tuple[str, int], Any] = {}
_whole: dict[bytes, Any] = {}


def share(definition: Object) -> None:
    """Put shared parts in the place of a definition's schemas, which must not be changed from then on."""
    for version in (definition.get("spec") or {}).get("versions") or ():
        held = version.get("schema") if isinstance(version, dict) else None
        if isinstance(held, dict) and isinstance(held.get("openAPIV3Schema"), dict):
            held["openAPIV3Schema"] = shared(held["openAPIV3Schema"])


def shared(part: Any) -> Any:
    """The one object that is equal to `part`, in JSON's sense: with the same types and order of keys."""
    if _known.get(id(part)) is part:
        return part
    if len(_parts) >= MOST:
        _parts.clear()
        _known.clear()
        _facts.clear()
        _whole.clear()
    # Most often a client sends what is known as a whole, and its text is compared a hundred times faster.
    digest = hashlib.blake2b(orjson.dumps(part)).digest()
    found = _whole.get(digest)
    if found is None:
        found = _whole[digest] = _shared(part)
    return found


def _shared(part: Any) -> Any:
    key: tuple[Any, ...]
    below: Any
    if part.__class__ is dict:
        if _known.get(id(part)) is part:
            return part
        below = {name: _shared(one) for name, one in part.items()}
        key = (dict, *((name, *_identity(one)) for name, one in below.items()))
    elif part.__class__ is list:
        below = [_shared(one) for one in part]
        key = (list, *map(_identity, below))
    else:
        return part
    found = _parts.get(key)
    if found is None:
        found = _parts[key] = below
        _known[id(below)] = below
    return found


def _identity(value: Any) -> tuple[Any, ...]:
    """What tells two values apart; true is not 1 and 1 is not 1.0."""
    kind = value.__class__
    return (kind, id(value)) if kind is dict or kind is list else (kind, value)


def noted(about: str, part: Any) -> Any:
    """What `note` was told of a shared part; None for nothing."""
    return _facts.get((about, id(part))) if _known.get(id(part)) is part else None


def note(about: str, part: Any, fact: Any) -> None:
    """Remember what was found out about a part, wherever it stands; of a part that is not shared nothing is kept."""
    if _known.get(id(part)) is part:
        _facts[about, id(part)] = fact
