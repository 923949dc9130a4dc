"""Sprig's functions on numbers. Source of the rules: Masterminds/sprig `numeric.go` and spf13/cast."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from ..builtins import GoError
from ..values import Int64, IntList, Struct
from .borrowed import borrowed
from .collections import integers

_to_int = borrowed("numeric.to_int")
_to_float = borrowed("numeric.to_float64")


def whole(value: Any) -> int:
    """Any value as an integer, 0 for what is none."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return _wrapped(int(value)) if math.isfinite(value) and abs(value) < 2**63 else -(2**63)
    if isinstance(value, str):
        if value.isascii() and value.isdigit() and (value[0] != "0" or len(value) == 1) and len(value) < 19:
            return int(value)
        return int(_to_int(str(value)))
    return 0


def real(value: Any) -> float:
    """Any value as a float, 0 for what is none."""
    if isinstance(value, (int, float)):
        return float(value)
    return float(_to_float(str(value))) if isinstance(value, str) else 0.0


def _wrapped(value: int) -> int:
    """Within 64 bits, as Go's integers run over."""
    return (value + 2**63) % 2**64 - 2**63


def _int64(call: Callable[..., int]) -> Callable[..., Int64]:
    return lambda *values: Int64(_wrapped(call(*map(whole, values))))


def _product(*values: int) -> int:
    return math.prod(values)


def _largest(*values: int) -> int:
    return max(values)


def _smallest(*values: int) -> int:
    return min(values)


def _divided(one: int, other: int) -> int:
    if other == 0:
        raise GoError("runtime error: integer divide by zero")
    quotient = abs(one) // abs(other)
    return quotient if (one < 0) == (other < 0) else -quotient


def _remainder(one: int, other: int) -> int:
    return one - other * _divided(one, other)


def _decimals(step: Callable[[Decimal, Decimal], Decimal]) -> Callable[..., float]:
    """Decimal arithmetic over all values, as the library shopspring/decimal does it."""

    def call(*values: Any) -> float:
        numbers = [Decimal(repr(real(one))) for one in values]
        made = numbers[0]
        for one in numbers[1:]:
            made = step(made, one)
        return float(made)

    return call


def _quotient(one: Decimal, other: Decimal) -> Decimal:
    if other == 0:
        raise GoError("decimal division by 0")
    return (one / other).quantize(Decimal(1).scaleb(-16)) if abs(one) < 10**9 else one / other


def add_floats(*values: Any) -> float:
    """The sum of all."""
    return _decimals(lambda one, other: one + other)(0.0, *values)


def round_to(value: Any, places: int, *threshold: float) -> float:
    """Rounded to places, up from a threshold on, which is a half unless given."""
    number = real(value)
    limit = threshold[0] if threshold else 0.5
    scale = math.pow(10, places)
    scaled = scale * number
    fraction = math.fmod(scaled, 1)
    rounded = math.ceil(scaled) if fraction >= limit else math.floor(scaled)
    return rounded / scale


def until(count: int) -> IntList:
    """0, 1 … before `count`."""
    return until_step(0, count, -1 if count < 0 else 1)


def until_step(start: int, stop: int, step: int) -> IntList:
    """Numbers from `start` before `stop`; none when the step leads away from it."""
    if step == 0 or (stop < start and step >= 0) or (stop > start and step <= 0):
        return IntList()
    return integers(range(start, stop, step))


def seq(*values: int) -> str:
    """Numbers as text, as the command `seq` prints them."""
    if not values or len(values) > 3:
        return ""
    start, step, end = (
        (1, 0, values[0]) if len(values) == 1 else (values[0], values[1] if len(values) == 3 else 0, values[-1])
    )
    if not step:
        step = -1 if end < start else 1
    elif (end < start) != (step < 0) and len(values) == 3:
        return ""
    return " ".join(map(str, until_step(start, end + (1 if step > 0 else -1), step)))


def atoi(value: str) -> int:
    """Decimal text as a number, 0 for what is none."""
    text = value[1:] if value[:1] in ("+", "-") else value
    return int(value) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def to_decimal(value: Any) -> Int64:
    """Octal text as a number."""
    from .strings import text

    if isinstance(value, Struct):
        return Int64(0)
    try:
        return Int64(int(text(value), 8))
    except ValueError:
        return Int64(0)


TABLE: dict[str, tuple[str, Callable[..., Any]]] = {
    "add": ("(...any) int64", _int64(lambda *values: sum(values))),
    "add1": ("(any) int64", _int64(lambda value: value + 1)),
    "add1f": ("(any) float64", lambda value: add_floats(value, 1.0)),
    "addf": ("(...any) float64", add_floats),
    "atoi": ("(string) int", atoi),
    "biggest": ("(any, ...any) int64", _int64(_largest)),
    "ceil": ("(any) float64", lambda value: _rounded(math.ceil, real(value))),
    "div": ("(any, any) int64", _int64(_divided)),
    "divf": ("(any, ...any) float64", _decimals(_quotient)),
    "float64": ("(any) float64", real),
    "floor": ("(any) float64", lambda value: _rounded(math.floor, real(value))),
    "int": ("(any) int", whole),
    "int64": ("(any) int64", lambda value: Int64(whole(value))),
    "max": ("(any, ...any) int64", _int64(_largest)),
    "maxf": ("(any, ...any) float64", lambda *values: max(map(real, values))),
    "min": ("(any, ...any) int64", _int64(_smallest)),
    "minf": ("(any, ...any) float64", lambda *values: min(map(real, values))),
    "mod": ("(any, any) int64", _int64(_remainder)),
    "mul": ("(any, ...any) int64", _int64(_product)),
    "mulf": ("(any, ...any) float64", _decimals(lambda one, other: one * other)),
    "round": ("(any, int, ...float64) float64", round_to),
    "seq": ("(...int) string", seq),
    "sub": ("(any, any) int64", _int64(lambda one, other: one - other)),
    "subf": ("(any, ...any) float64", _decimals(lambda one, other: one - other)),
    "toDecimal": ("(any) int64", to_decimal),
    "until": ("(int) []int", until),
    "untilStep": ("(int, int, int) []int", until_step),
}


def _rounded(call: Callable[[float], int], value: float) -> float:
    return float(call(value)) if math.isfinite(value) else value
