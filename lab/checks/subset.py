"""Compare a wanted tree with a found one and say where they differ."""

import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from lab.plaintext import one_line

LIMIT = 5
VALUE_WIDTH = 80

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_NOTHING = object()


def mismatches(want: Any, got: Any, limit: int = LIMIT, hidden: Sequence[str] = ()) -> list[str]:
    """What `got` lacks to contain `want`, as lines `path: got X, want Y`.

    A mapping must contain the wanted keys and may have more. A list must have the wanted length and match element by
    element, in order; when it does not, the found element that comes nearest is named. A wanted null means that the
    key is absent or null. Scalars must be equal and of one type, so `"3"` is not `3`.

    :param limit: at most this many lines; one more says how many were left out
    :param hidden: top-level keys whose values are not shown, for the data of Secrets
    """
    found = list(islice(_compare(want, got, "", frozenset(hidden)), 100))
    if len(found) <= limit:
        return found
    return [*found[:limit], f"and {len(found) - limit} more"]


def shown(value: Any) -> str:
    """A value on one line of at most 80 characters, as JSON."""
    if value is _NOTHING:
        return "nothing"
    text = one_line(json.dumps(value, ensure_ascii=False, default=str))
    return text if len(text) <= VALUE_WIDTH else text[: VALUE_WIDTH - 1] + "…"


def join(path: str, key: str) -> str:
    """`spec` and `replicas` -> `spec.replicas`; keys with dots or slashes get brackets."""
    if _PLAIN_KEY.fullmatch(key):
        return f"{path}.{key}" if path else key
    return f"{path}[{json.dumps(key)}]"


def _compare(want: Any, got: Any, path: str, hidden: frozenset[str]) -> Iterator[str]:
    if isinstance(want, dict) and isinstance(got, dict):
        for key, wanted in want.items():
            if not path and key in hidden:
                yield from (_hide(line) for line in _compare(wanted, got.get(key, _NOTHING), join(path, key), hidden))
            else:
                yield from _compare(wanted, got.get(key, _NOTHING), join(path, key), hidden)
    elif isinstance(want, list | tuple) and isinstance(got, list):
        yield from _compare_lists(want, got, path, hidden)
    elif not _same(want, got):
        yield f"{path or 'value'}: got {shown(got)}, want {shown(want)}"


def _compare_lists(want: Sequence[Any], got: list[Any], path: str, hidden: frozenset[str]) -> Iterator[str]:
    if len(want) != len(got):
        lacking = [index for index, wanted in enumerate(want) if not _held(wanted, got)]
        yield f"{path or 'value'}: got {_elements(len(got))}, want {len(want)}" + (
            "" if lacking else "; the wanted are among them"
        )
        for index in lacking:
            yield from _nearest(want[index], got, f"{path}[{index}]", path, hidden)
        return
    for index, (wanted, found) in enumerate(zip(want, got, strict=True)):
        lines = list(_compare(wanted, found, f"{path}[{index}]", hidden))
        elsewhere = _index(wanted, got)
        if lines and elsewhere is not None:
            yield f"{path}[{index}]: got {shown(found)}, want {shown(wanted)}, which is at [{elsewhere}]"
        else:
            yield from lines


def _nearest(want: Any, got: list[Any], wanted_path: str, path: str, hidden: frozenset[str]) -> Iterator[str]:
    if not got:
        yield f"{wanted_path}: got nothing, want {shown(want)}"
        return
    candidates = [list(_compare(want, found, f"{path}[{index}]", hidden)) for index, found in enumerate(got)]
    best = min(range(len(got)), key=lambda index: len(candidates[index]))
    if isinstance(want, dict) and len(candidates[best]) < len(want):
        for line in candidates[best]:
            yield f"{line} (the nearest to {wanted_path})"
    else:
        yield f"{wanted_path}: none of the {len(got)} found is {shown(want)}"


def _held(want: Any, got: list[Any]) -> bool:
    return _index(want, got) is not None


def _index(want: Any, got: list[Any]) -> int | None:
    return next((i for i, found in enumerate(got) if not any(_compare(want, found, "", frozenset()))), None)


def _same(want: Any, got: Any) -> bool:
    if want is None:
        return got is None or got is _NOTHING
    # True == 1 in Python, not in Kubernetes.
    if isinstance(want, bool) or isinstance(got, bool):
        return want is got
    return bool(want == got)


def _elements(number: int) -> str:
    return "1 element" if number == 1 else f"{number} elements"


def _hide(line: str) -> str:
    return f"{line.partition(': ')[0]}: got ***, want ***"
