"""Go's `fmt.Sprintf` for the values of templates. Source of the rules: Go's `fmt/print.go` and `fmt/format.go`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from .values import INVALID, Struct, checked, float_text, quoted, shown, type_name

_DIRECTIVE = re.compile(r"%([+\-# 0]*)(\[\d*\])?(\*|\d+)?(?:\.(\[\d*\])?(\*|\d*))?(\[\d*\])?(.)?", re.DOTALL)
_WIDEST = 1_000_000
_BASES = {"d": "d", "b": "b", "o": "o", "O": "o", "x": "x", "X": "X"}
_PREFIXES = {"b": "0b", "o": "0", "O": "0o", "x": "0x", "X": "0X"}


@dataclass(slots=True)
class _Spec:
    verb: str
    flags: str
    width: int | None
    precision: int | None


def sprintf(form: str, *values: Any) -> str:
    """The form with its verbs replaced; what does not fit is named in the text, as Go does."""
    if "%" not in form and not values:
        return form
    checked(values)
    return _Printer(form, values).run()


class _Printer:
    def __init__(self, form: str, values: tuple[Any, ...]) -> None:
        self.form = form
        self.values = values
        self.next = 0
        self.reordered = False
        self.out: list[str] = []

    def run(self) -> str:
        place = 0
        while (start := self.form.find("%", place)) >= 0:
            self.out.append(self.form[place:start])
            match = _DIRECTIVE.match(self.form, start)
            assert match is not None
            place = match.end()
            self.directive(match)
        self.out.append(self.form[place:])
        if not self.reordered and self.next < len(self.values):
            extra = ", ".join(
                "<nil>" if one is None else f"{type_name(one)}={shown(one)}" for one in self.values[self.next :]
            )
            self.out.append(f"%!(EXTRA {extra})")
        return "".join(self.out)

    def directive(self, match: re.Match[str]) -> None:
        flags, first, width_text, second, precision_text, third, verb = match.groups()
        good = self.index(first)
        width = self.number(width_text, "%!(BADWIDTH)")
        if width is not None and width < 0:
            flags, width = flags + "-", -width
        precision = None
        if precision_text is not None:
            good = self.index(second) and good
            precision = 0 if precision_text == "" else self.number(precision_text, "%!(BADPREC)")
            if precision is not None and precision < 0:
                precision = None
        good = self.index(third) and good
        if verb is None:
            self.out.append("%!(NOVERB)")
        elif verb == "%":
            self.out.append("%")
        elif not good:
            self.out.append(f"%!{verb}(BADINDEX)")
        elif self.next >= len(self.values):
            self.out.append(f"%!{verb}(MISSING)")
        else:
            value = self.values[self.next]
            self.next += 1
            self.out.append(_formatted(_Spec(verb, flags, width, precision), value, 0))

    def index(self, text: str | None) -> bool:
        if text is None:
            return True
        self.reordered = True
        number = int(text[1:-1]) if text[1:-1].isdigit() else 0
        if not 1 <= number <= len(self.values):
            return False
        self.next = number - 1
        return True

    def number(self, text: str | None, bad: str) -> int | None:
        if text is None:
            return None
        found: Any = None
        if text != "*":
            found = int(text[:12])
        elif self.next < len(self.values):
            found = self.values[self.next]
            self.next += 1
        if not isinstance(found, int) or isinstance(found, bool) or abs(found) > _WIDEST:
            self.out.append(bad)
            return None
        return found


def _formatted(spec: _Spec, value: Any, depth: int) -> str:
    verb = spec.verb
    if verb == "T":
        return _padded("<nil>" if value is None else type_name(value), spec)
    if value is None or value is INVALID:
        return _padded("<nil>", spec) if verb == "v" else f"%!{verb}(<nil>)"
    if isinstance(value, dict):
        pairs = (
            f"{_formatted(spec, key, depth + 1)}:{_formatted(spec, value[key], depth + 1)}" for key in sorted(value)
        )
        return f"map[{' '.join(pairs)}]"
    if isinstance(value, (list, tuple)):
        return f"[{' '.join(_formatted(spec, one, depth + 1) for one in value)}]"
    if isinstance(value, Struct):
        if verb in "vsq" and "String" in value.methods:
            return _padded(quoted(shown(value)) if verb == "q" else shown(value), spec)
        return "{" + " ".join(_formatted(spec, one, depth + 1) for one in value.fields.values()) + "}"
    made = _scalar(spec, value)
    return made if made is not None else f"%!{verb}({type_name(value)}={shown(value)})"


def _scalar(spec: _Spec, value: Any) -> str | None:
    """None when the verb does not fit the value."""
    verb = spec.verb
    if isinstance(value, bool):
        return _padded("true" if value else "false", spec) if verb in "tv" else None
    if isinstance(value, int):
        return _integer(spec, int(value))
    if isinstance(value, float):
        return _float(spec, value)
    if isinstance(value, str):
        return _text(spec, str(value))
    if isinstance(value, bytes):
        if verb in "sqxX":
            return _text(spec, value.decode(errors="replace"))
        return "[" + " ".join(str(one) for one in value) + "]" if verb in "vd" else None
    return _padded(shown(value), spec) if verb in "vs" else None


def _integer(spec: _Spec, value: int) -> str | None:
    verb = "d" if spec.verb == "v" else spec.verb
    if verb == "c":
        return _padded(chr(value) if 0 <= value < 0x110000 else "\ufffd", spec)
    if verb == "q":
        sign = chr(value) if 0 <= value < 0x110000 else "\ufffd"
        return _padded("'" + quoted(sign)[1:-1].replace('\\"', '"').replace("'", "\\'") + "'", spec)
    if verb == "U":
        return _padded(f"U+{value:04X}", spec)
    if verb not in _BASES:
        return None
    digits = format(abs(value), _BASES[verb])
    if spec.precision is not None:
        digits = digits.rjust(spec.precision, "0")
    sign = "-" if value < 0 else "+" if "+" in spec.flags else " " if " " in spec.flags else ""
    if verb == "O" or "#" in spec.flags:
        sign += _PREFIXES.get(verb, "")
    return _padded_number(sign, digits, spec, spec.precision is None)


def _float(spec: _Spec, value: float) -> str | None:
    verb = spec.verb
    if verb not in "veEfFgG":
        return None
    if not math.isfinite(value):
        text = "NaN" if math.isnan(value) else "Inf"
        sign = "-" if value < 0 else "+" if "+" in spec.flags or text == "Inf" else ""
        return _padded(sign + text, spec)
    magnitude = abs(value)
    if verb in "vgG":
        text = float_text(magnitude) if spec.precision is None else f"{magnitude:.{max(spec.precision, 1)}g}"
        if verb == "G":
            text = text.upper()
    else:
        precision = 6 if spec.precision is None else spec.precision
        text = f"{magnitude:.{precision}{verb}}"
    sign = "-" if math.copysign(1, value) < 0 else "+" if "+" in spec.flags else " " if " " in spec.flags else ""
    return _padded_number(sign, text, spec, True)


def _text(spec: _Spec, value: str) -> str | None:
    verb = spec.verb
    if verb in "xX":
        data = value.encode()[: spec.precision] if spec.precision is not None else value.encode()
        return _padded(data.hex().upper() if verb == "X" else data.hex(), spec)
    if verb not in "vsq":
        return None
    if spec.precision is not None:
        value = value[: spec.precision]
    if verb == "q" or (verb == "v" and "#" in spec.flags):
        value = f"`{value}`" if verb == "q" and "#" in spec.flags and "`" not in value else quoted(value)
    return _padded(value, spec)


def _padded(text: str, spec: _Spec) -> str:
    if spec.width is None:
        return text
    if "-" in spec.flags:
        return text.ljust(spec.width)
    return text.rjust(spec.width, "0" if "0" in spec.flags else " ")


def _padded_number(sign: str, digits: str, spec: _Spec, zeros: bool) -> str:
    if spec.width is not None and "0" in spec.flags and "-" not in spec.flags and zeros:
        return sign + digits.rjust(spec.width - len(sign), "0")
    text = sign + digits
    if spec.width is None:
        return text
    return text.ljust(spec.width) if "-" in spec.flags else text.rjust(spec.width)
