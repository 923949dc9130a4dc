"""Resource quantities such as `500m`, `1Gi` or `12e6`: what they are worth and how a server writes them.

Source of the rules: apimachinery `pkg/api/resource/quantity.go`, `suffix.go`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

BINARY, DECIMAL, EXPONENT = "BinarySI", "DecimalSI", "DecimalExponent"
NANO = 10**9
"""A quantity's smallest part is a billionth."""

FORM = r"^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
_NUMBER = re.compile(r"([+-]?)0*([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)", re.ASCII)
_EXPONENT = re.compile(r"[eE]([-+]?[0-9]+)", re.ASCII)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL_SUFFIX = {power: suffix for suffix, power in _DECIMAL.items()}
_BINARY_SUFFIX = {0: "", **{power: suffix for suffix, power in _BINARY.items()}}
_LARGEST = 2**63 - 1
_LONGEST = 1000
_DIGITS = 18
"""Digits that fit a 64-bit number for sure; longer values take the server's slow way, with its rounding."""


class NotAQuantity(ValueError):
    """The text is no quantity; the message is the server's."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount and the way it is written."""

    nanos: int
    """Billionths."""
    form: str
    """`BinarySI`, `DecimalSI` or `DecimalExponent`."""
    said: str = ""
    """The text as given where a server keeps it, else ""."""
    fine: bool = False
    """Whether the text gave more digits than thousandths, so that rounding to them rewrites it."""

    def __str__(self) -> str:
        return self.said or _written(self.nanos, self.form)

    @property
    def value(self) -> int:
        """The amount in whole units, rounded away from zero."""
        return _away(self.nanos, NANO)

    @property
    def milli(self) -> int:
        """The amount in thousandths, rounded away from zero."""
        return _away(self.nanos, NANO // 1000)


def _away(amount: int, unit: int) -> int:
    return -(-amount // unit) if amount > 0 else amount // unit


def parse(text: str) -> Quantity:
    """The quantity `text` stands for. Raises NotAQuantity, also for text of more than 1000 characters."""
    if len(text) > _LONGEST:
        raise NotAQuantity("unable to parse numeric part of quantity")
    return _parsed(text)


@lru_cache(maxsize=8192)
def _parsed(text: str) -> Quantity:
    if text == "0":
        return Quantity(0, DECIMAL, "0")
    if not text:
        raise NotAQuantity(f"quantities must match the regular expression '{FORM}'")
    read = _NUMBER.fullmatch(text)
    if read is None:
        raise NotAQuantity(f"quantities must match the regular expression '{FORM}'")
    sign, whole, part, suffix = read[1], read[2] or "0", read[3] or "", read[4]
    form, base, power = _suffix(suffix)
    digits = whole + part
    nanos, exact = _nanos(int(digits), base, power, len(part))
    if base == 2:
        quick = power >= 0 and not part and len(whole) + power * 3 // 10 + 1 <= 15
    else:
        quick = len(digits) <= _DIGITS and power - len(part) >= -9
    said = ""
    if quick:
        if form == BINARY:
            keep = power % 10 == 0 and int(digits) & 7 != 0
        else:
            keep = (power - len(part)) % 3 == 0 and not digits.endswith("000") and digits[0] != "0"
        said = text if keep else ""
    elif not exact:
        nanos += 1
    if form == BINARY and not quick:
        nanos = min(nanos, _LARGEST * NANO)
        if 0 < nanos < NANO:
            form = DECIMAL
    return Quantity(
        -nanos if sign == "-" else nanos,
        form,
        said,
        nanos % (NANO // 1000) != 0 if base == 2 else power - len(part) < -3,
    )


def _nanos(digits: int, base: int, power: int, places: int) -> tuple[int, bool]:
    """Billionths, rounded down, and whether nothing was lost."""
    if digits == 0:
        return 0, True
    if base == 2:
        over = digits * NANO << power
        return over // 10**places, over % 10**places == 0
    shift = power - places + 9
    if shift >= 0:
        return digits * 10 ** min(shift, 400), True
    under = 10 ** min(-shift, 400)
    return digits // under, digits % under == 0


def _suffix(suffix: str) -> tuple[str, int, int]:
    if suffix in _DECIMAL:
        return DECIMAL, 10, _DECIMAL[suffix]
    if suffix in _BINARY:
        return BINARY, 2, _BINARY[suffix]
    read = _EXPONENT.fullmatch(suffix)
    if read is None:
        raise NotAQuantity("unable to parse quantity's suffix")
    return EXPONENT, 10, int(read[1])


def _written(nanos: int, form: str) -> str:
    if nanos == 0:
        return "0"
    if form == BINARY and (abs(nanos) < 1024 * NANO or nanos % NANO):
        form = DECIMAL
    if form == BINARY:
        amount, power = nanos // NANO, 0
        while amount % 1024 == 0 and power < 60:
            amount, power = amount // 1024, power + 10
        return f"{amount}{_BINARY_SUFFIX[power]}"
    amount, power = nanos, -9
    while amount % 1000 == 0:
        amount, power = amount // 1000, power + 3
    if form == EXPONENT:
        return f"{amount}e{power}" if power else str(amount)
    return f"{amount}{_DECIMAL_SUFFIX.get(power, '')}"  # a server, too, has no suffix above E


def canonical(value: object) -> str:
    """How a server writes the quantity `value` (text or number) back. Raises NotAQuantity."""
    return str(parse(text_of(value)))


@lru_cache(maxsize=8192)
def _rounded(text: str) -> str:
    read = parse(text)
    if not read.fine:
        return str(read)
    return _written(read.milli * (NANO // 1000), read.form)


def resource(value: object) -> str:
    """How a server writes a quantity in a list of resources: rounded up to thousandths. Raises NotAQuantity."""
    return _rounded(value if type(value) is str else text_of(value))


def text_of(value: object) -> str:
    """The text of a quantity that JSON gave as text or as a number."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NotAQuantity(f"quantities must match the regular expression '{FORM}'")
    return repr(value)


def compare(one: object, other: object) -> int:
    """-1, 0 or 1: how `one` stands to `other`. Raises NotAQuantity."""
    left, right = parse(text_of(one)).nanos, parse(text_of(other)).nanos
    return (left > right) - (left < right)
