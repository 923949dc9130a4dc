"""What rules are made of: each function adds to a list the causes it finds, worded as a real server words them.

`wrong` is always the list that grows, `path` the field's path such as `spec.ports[0].name`.
Source: apimachinery `pkg/util/validation/field/errors.go`, `pkg/apis/meta/v1/validation/validation.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lab.sim.api.status import Cause as Cause
from lab.sim.api.status import duplicate as duplicate
from lab.sim.api.status import forbidden_field as forbidden_field
from lab.sim.api.status import invalid_value as invalid_value
from lab.sim.api.status import not_supported as not_supported
from lab.sim.api.status import required as required
from lab.sim.api.validation import names
from lab.sim.api.validation.names import NameRule
from lab.sim.quantity import NotAQuantity, compare

Wrong = list[Cause]
IMMUTABLE = "field is immutable"
NEGATIVE = "must be greater than or equal to 0"
POSITIVE = "must be greater than zero"
LARGEST = 2**31 - 1


def too_long(path: str, limit: int) -> Cause:
    """More than `limit` bytes."""
    unit = "byte" if limit == 1 else "bytes"
    return Cause("FieldValueTooLong", f"Too long: may not be more than {limit} {unit}", path)


def too_many(path: str, number: int, limit: int) -> Cause:
    """More than `limit` items."""
    unit = "item" if limit == 1 else "items"
    return Cause("FieldValueTooMany", f"Too many: {number}: must have at most {limit} {unit}", path)


def not_found(path: str, value: str, detail: str = "") -> Cause:
    """A value that refers to nothing."""
    said = invalid_value(path, value, detail).message.replace("Invalid value", "Not found", 1)
    return Cause("FieldValueNotFound", said if detail else said.removesuffix(": "), path)


def shown(path: str, reason: str, value: str, detail: str = "") -> Cause:
    """A cause whose value is written already. `reason`: `Invalid`, `NotSupported`, `Duplicate`."""
    lead = {"Invalid": "Invalid value", "NotSupported": "Unsupported value", "Duplicate": "Duplicate value"}[reason]
    return Cause(f"FieldValue{reason}", f"{lead}: {value}" + (f": {detail}" if detail else ""), path)


def bare(path: str, detail: str) -> Cause:
    """A cause that leaves its value out."""
    return Cause("FieldValueInvalid", f"Invalid value: {detail}", path)


def supported(allowed: Iterable[str]) -> str:
    """The detail that lists what is allowed."""
    return "supported values: " + ", ".join(f'"{one}"' for one in allowed)


def named(wrong: Wrong, path: str, text: str, rule: NameRule) -> None:
    """`text` must keep to `rule`."""
    for message in rule(text):
        wrong.append(invalid_value(path, text, message))


def present(wrong: Wrong, path: str, value: Any, detail: str = "") -> bool:
    """`value` must be there; whether it is."""
    if value:
        return True
    wrong.append(required(path, detail))
    return False


def needs_name(wrong: Wrong, path: str, text: str | None, rule: NameRule) -> None:
    """`text` must be there and keep to `rule`."""
    if text:
        named(wrong, path, text, rule)
    else:
        wrong.append(required(path))


def one_of(wrong: Wrong, path: str, value: Any, allowed: Iterable[str], *, needed: bool = False) -> None:
    """`value` must be among `allowed`, which are listed in this order. A missing one is wrong only where `needed`."""
    if not value and value is not False:
        if needed:
            wrong.append(required(path))
    elif value not in allowed:
        wrong.append(not_supported(path, value, allowed))


def not_negative(wrong: Wrong, path: str, value: int | None) -> None:
    """`value` must be 0 or more."""
    if value is not None and value < 0:
        wrong.append(invalid_value(path, value, NEGATIVE))


def none_negative(wrong: Wrong, path: str, holder: Mapping[str, Any], fields: Iterable[str]) -> None:
    """These fields of `holder` must be 0 or more."""
    for field in fields:
        value = holder.get(field)
        if value is not None and value < 0:
            wrong.append(invalid_value(f"{path}.{field}", value, NEGATIVE))


def int_or_percent(wrong: Wrong, path: str, value: Any) -> None:
    """A count or a percentage."""
    if isinstance(value, str):
        named(wrong, path, value, names.percent)
    else:
        not_negative(wrong, path, value)


def at_most_whole(wrong: Wrong, path: str, value: Any) -> None:
    """A percentage may not be above 100."""
    if isinstance(value, str) and not names.percent(value) and int(value[:-1]) > 100:
        wrong.append(invalid_value(path, value, "must not be greater than 100%"))


def amount(value: Any) -> int:
    """The number in a count or a percentage; 0 for other text."""
    if isinstance(value, str):
        digits = value.removesuffix("%")
        return int(digits) if digits.isascii() and digits.removeprefix("-").isdecimal() else 0
    return int(value or 0)


def port(wrong: Wrong, path: str, value: Any) -> None:
    """A port's number or name."""
    if isinstance(value, str):
        named(wrong, path, value, names.port_name)
    elif not 1 <= (value or 0) <= 65535:
        wrong.append(invalid_value(path, value or 0, names.between(1, 65535)))


def labels(wrong: Wrong, path: str, values: Mapping[str, str] | None) -> None:
    """A map of labels."""
    if values:
        for key, value in values.items():
            for message in names.qualified_name(key):
                wrong.append(invalid_value(path, key, message))
            for message in names.label_value(value or ""):
                wrong.append(invalid_value(path, value, message))


def annotation_map(wrong: Wrong, path: str, values: Mapping[str, str] | None) -> None:
    """A map of annotations."""
    if not values:
        return
    size = 0
    for key, value in values.items():
        for message in names.qualified_name(key.lower()):
            wrong.append(invalid_value(path, key, message))
        size += len(key) + len(value or "")
    if size > 65536:
        size = sum(len(key.encode()) + len((value or "").encode()) for key, value in values.items())
        if size > 262144:
            wrong.append(too_long(path, 262144))


_WITH_VALUES = ("In", "NotIn")
_WITHOUT_VALUES = ("Exists", "DoesNotExist")


def label_selector(wrong: Wrong, path: str, selector: Mapping[str, Any] | None) -> None:
    """A `metav1.LabelSelector`."""
    if not selector:
        return
    labels(wrong, f"{path}.matchLabels", selector.get("matchLabels"))
    for index, one in enumerate(selector.get("matchExpressions") or ()):
        requirement(wrong, f"{path}.matchExpressions[{index}]", one)


def requirement(wrong: Wrong, path: str, one: Mapping[str, Any], *, bounds: bool = False) -> None:
    """One expression of a selector; with `bounds` `Gt` and `Lt` are operators, too, as node selectors have them."""
    operator, values = one.get("operator") or "", one.get("values") or ()
    if operator in _WITH_VALUES:
        present(wrong, f"{path}.values", values, "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in _WITHOUT_VALUES:
        if values:
            said = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            wrong.append(forbidden_field(f"{path}.values", said))
    elif bounds and operator in ("Gt", "Lt"):
        if len(values) != 1:
            wrong.append(required(f"{path}.values", "must be specified single value when `operator` is 'Lt' or 'Gt'"))
    else:
        wrong.append(invalid_value(f"{path}.operator", operator, "not a valid selector operator"))
    named(wrong, f"{path}.key", one.get("key") or "", names.qualified_name)
    for index, value in enumerate(values):
        named(wrong, f"{path}.values[{index}]", value, names.label_value)


def selects(selector: Mapping[str, Any] | None, values: Mapping[str, str]) -> bool | None:
    """Whether a label selector matches these labels; None where it is not valid. No selector matches nothing."""
    if selector is None:
        return False
    for key, value in (selector.get("matchLabels") or {}).items():
        if names.qualified_name(key) or names.label_value(value or ""):
            return None
        if values.get(key) != (value or ""):
            return False
    for one in selector.get("matchExpressions") or ():
        broken: Wrong = []
        requirement(broken, "", one)
        if broken:
            return None
        operator, key, allowed = one["operator"], one["key"], one.get("values") or ()
        held = values.get(key)
        matches = {
            "In": held in allowed,
            "NotIn": held not in allowed,
            "Exists": held is not None,
            "DoesNotExist": held is None,
        }[operator]
        if not matches:
            return False
    return True


def sorted_labels(values: Mapping[str, str] | None) -> dict[str, str] | None:
    """Labels as a server shows them; None for none."""
    return {key: values[key] for key in sorted(values)} if values else None


def shown_selector(selector: Mapping[str, Any]) -> dict[str, Any]:
    """A label selector as a server shows it."""
    made: dict[str, Any] = {}
    if selector.get("matchLabels"):
        made["matchLabels"] = sorted_labels(selector["matchLabels"])
    if selector.get("matchExpressions"):
        made["matchExpressions"] = [
            {name: one[name] for name in ("key", "operator", "values") if one.get(name)}
            for one in selector["matchExpressions"]
        ]
    return made


def valid_selector(selector: Mapping[str, Any] | None) -> bool:
    """Whether a label selector can be used at all."""
    broken: Wrong = []
    label_selector(broken, "", selector)
    return not broken


def same(one: Any, other: Any) -> bool:
    """Whether two values mean the same: what is missing, null or empty is equal."""
    if one == other:
        return True
    if isinstance(one, dict) and isinstance(other, dict):
        return all(same(one.get(key), other.get(key)) for key in {*one, *other})
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(left, right) for left, right in zip(one, other, strict=True))
    return _empty(one) and _empty(other)


def _empty(value: Any) -> bool:
    return value is None or value == "" or value == {} or value == []


def immutable(wrong: Wrong, path: str, new: Any, old: Any, show: Callable[[Any], str] | None = None) -> None:
    """`new` must mean the same as `old`. `show` writes a value that Go writes in its own way."""
    if not same(new, old):
        wrong.append(shown(path, "Invalid", show(new), IMMUTABLE) if show else invalid_value(path, new, IMMUTABLE))


def forbid_change(wrong: Wrong, path: str, new: Any, old: Any, detail: str) -> None:
    """`new` must mean the same as `old`, else it is forbidden."""
    if not same(new, old):
        wrong.append(forbidden_field(path, detail))


def sign(value: Any) -> int:
    """-1, 0 or 1 for a quantity below, at or above zero; 0 for text that is none."""
    try:
        return compare(value, "0")
    except NotAQuantity:
        return 0


def ip(wrong: Wrong, path: str, text: str) -> bool:
    """An IP address; whether it is one."""
    if names.address(text) is not None:
        return True
    said = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
    wrong.append(invalid_value(path, text, said))
    return False


def cidr(wrong: Wrong, path: str, text: str) -> bool:
    """An address range; whether it is one."""
    if names.network(text) is not None:
        return True
    wrong.append(invalid_value(path, text, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"))
    return False


def outside_address(wrong: Wrong, path: str, text: str) -> None:
    """An IP address that other machines can reach."""
    found = names.address(text)
    if found is None:
        wrong.append(invalid_value(path, text, "must be a valid IP address"))
        return
    if found.is_unspecified:
        wrong.append(invalid_value(path, text, f"may not be unspecified ({text})"))
    if found.is_loopback:
        wrong.append(invalid_value(path, text, "may not be in the loopback range (127.0.0.0/8, ::1/128)"))
    if found.is_link_local:
        wrong.append(invalid_value(path, text, "may not be in the link-local range (169.254.0.0/16, fe80::/10)"))
    if found.is_multicast and (text.startswith("224.0.0.") or text.lower().startswith("ff02:")):
        said = "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"
        wrong.append(invalid_value(path, text, said))


def domain_prefixed_path(wrong: Wrong, path: str, text: str | None) -> None:
    """`DOMAIN/PATH`, as controllers are named."""
    if not text:
        wrong.append(required(path))
        return
    host, _, rest = text.partition("/")
    if not host or not rest:
        wrong.append(invalid_value(path, text, 'must be a domain-prefixed path (such as "acme.io/foo")'))
        return
    named(wrong, path, host, names.dns_subdomain)
    named(wrong, path, rest, names.http_path)


def unique(wrong: Wrong, path: str, value: Any, seen: set[Any]) -> None:
    """`value` may not be among those `seen` before."""
    if value in seen:
        wrong.append(duplicate(path, value))
    seen.add(value)
