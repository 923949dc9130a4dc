"""What names, keys and values may look like: every function gives the messages for a text that may not be.

Source: apimachinery `pkg/util/validation/validation.go`, `pkg/api/validation/{generic,path/name}.go`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from functools import lru_cache, wraps

Messages = tuple[str, ...]
NameRule = Callable[[str], Messages]
FINE: Messages = ()

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_UNDERSCORE = r"_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_DNS1035 = r"[a-z]([-a-z0-9]*[a-z0-9])?"
_QUALIFIED = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_HTTP_PATH = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"
_LOWER = "must consist of lower case alphanumeric characters"
_ENDS = "and must start and end with an alphanumeric character"


def _compiled(pattern: str) -> Callable[[str], object]:
    return re.compile(pattern, re.ASCII).fullmatch


_is_label = _compiled(_LABEL)
_is_subdomain = _compiled(_SUBDOMAIN)
_is_underscored = _compiled(rf"{_UNDERSCORE}(\.{_UNDERSCORE})*")
_is_1035 = _compiled(_DNS1035)
_is_qualified = _compiled(_QUALIFIED)
_is_wildcard = _compiled(rf"\*\.{_SUBDOMAIN}")
_is_config_key = _compiled(r"[-._a-zA-Z0-9]+")
_is_header = _compiled(r"[-A-Za-z0-9]+")
_is_percent = _compiled(r"[0-9]+%")
_is_port_name = _compiled(r"[-a-z0-9]+")
_is_environment = _compiled(r"[\x20-\x3c\x3e-\x7e]*")
_is_http_path = _compiled(_HTTP_PATH)
_LETTER = re.compile(r"[a-z]")


def _remembered(rule: NameRule) -> NameRule:
    """The same rule, with a memory for texts of ordinary length."""
    known = lru_cache(maxsize=4096)(rule)

    @wraps(rule)
    def remembered(text: str) -> Messages:
        return known(text) if len(text) < 300 else rule(text)

    return remembered


def too_long(limit: int) -> str:
    """The message for a text of more than `limit` characters."""
    return f"must be no more than {limit} characters"


def between(low: int, high: int) -> str:
    """The message for a number outside these bounds."""
    return f"must be between {low} and {high}, inclusive"


def _form(said: str, pattern: str, *examples: str) -> str:
    shown = " or ".join(f"'{one}', " for one in examples)
    return f"{said} (e.g. {shown}regex used for validation is '{pattern}')"


_LABEL_TEXT = _form(f"a lowercase RFC 1123 label {_LOWER} or '-', {_ENDS}", _LABEL, "my-name", "123-abc")
_SUBDOMAIN_TEXT = _form(f"a lowercase RFC 1123 subdomain {_LOWER}, '-' or '.', {_ENDS}", _SUBDOMAIN, "example.com")
_UNDERSCORED_TEXT = _form(
    f"a lowercase RFC 1123 subdomain {_LOWER}, '_', '-' or '.', {_ENDS}",
    rf"{_UNDERSCORE}(\.{_UNDERSCORE})*",
    "example.com",
)
_1035_TEXT = _form(
    f"a DNS-1035 label {_LOWER} or '-', start with an alphabetic character, and end with an alphanumeric character",
    _DNS1035,
    "my-name",
    "abc-123",
)
_WILDCARD_TEXT = _form(
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which "
    f"{_LOWER}, '-' or '.' and end with an alphanumeric character",
    rf"\*\.{_SUBDOMAIN}",
    "*.example.com",
)
_QUALIFIED_TEXT = _form(
    f"must consist of alphanumeric characters, '-', '_' or '.', {_ENDS}", _QUALIFIED, "MyName", "my.name", "123-abc"
)
_VALUE_TEXT = _form(
    f"a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', {_ENDS}",
    f"({_QUALIFIED})?",
    "MyValue",
    "my_value",
    "12345",
)
_CONFIG_KEY_TEXT = _form(
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    "[-._a-zA-Z0-9]+",
    "key.name",
    "KEY_NAME",
    "key-name",
)
_HEADER_TEXT = _form(
    "a valid HTTP header must consist of alphanumeric characters or '-'", "[-A-Za-z0-9]+", "X-Header-Name"
)
_PERCENT_TEXT = _form(
    "a valid percent string must be a numeric string followed by an ending '%'", "[0-9]+%", "1%", "93%"
)


@_remembered
def dns_label(text: str) -> Messages:
    """RFC 1123 label."""
    if len(text) <= 63 and _is_label(text):
        return FINE
    found = [too_long(63)] if len(text) > 63 else []
    if not _is_label(text):
        found.append("must not contain dots" if _is_subdomain(text) else _LABEL_TEXT)
    return tuple(found)


@_remembered
def dns_subdomain(text: str) -> Messages:
    """RFC 1123 subdomain."""
    return _checked(text, 253, _is_subdomain, _SUBDOMAIN_TEXT)


def dns_underscored(text: str) -> Messages:
    """RFC 1123 subdomain with underscores, as DNS search lists may hold."""
    return _checked(text, 253, _is_underscored, _UNDERSCORED_TEXT)


def dns_1035(text: str) -> Messages:
    """RFC 1035 label."""
    return _checked(text, 63, _is_1035, _1035_TEXT)


def dns_wildcard(text: str) -> Messages:
    """A subdomain after `*.`."""
    return _checked(text, 253, _is_wildcard, _WILDCARD_TEXT)


def _checked(text: str, limit: int, matches: Callable[[str], object], message: str) -> Messages:
    found = [too_long(limit)] if len(text) > limit else []
    if not matches(text):
        found.append(message)
    return tuple(found)


@_remembered
def qualified_name(text: str) -> Messages:
    """Keys of labels and annotations, and names of the like: `[PREFIX/]NAME`."""
    found: list[str] = []
    prefix, slash, name = text.rpartition("/")
    if slash:
        if "/" in prefix:
            said = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            return (f"a qualified name {_QUALIFIED_TEXT} {said}",)
        if not prefix:
            found.append("prefix part must be non-empty")
        else:
            found.extend(f"prefix part {one}" for one in dns_subdomain(prefix))
    if not name:
        found.append("name part must be non-empty")
    elif len(name) > 63:
        found.append(f"name part {too_long(63)}")
    if not _is_qualified(name):
        found.append(f"name part {_QUALIFIED_TEXT}")
    return tuple(found)


@_remembered
def label_value(text: str) -> Messages:
    """The value of a label."""
    if not text:
        return FINE
    return _checked(text, 63, _is_qualified, _VALUE_TEXT)


def path_segment(text: str) -> Messages:
    """Anything that can stand in a path."""
    if text in (".", ".."):
        return (f"may not be '{text}'",)
    return tuple(f"may not contain '{one}'" for one in ("/", "%") if one in text)


def config_key(text: str) -> Messages:
    """Keys of ConfigMaps and Secrets."""
    return _checked(text, 253, _is_config_key, _CONFIG_KEY_TEXT) + _dots(text)


def _dots(text: str) -> Messages:
    if text in (".", ".."):
        return (f"must not be '{text}'",)
    return ("must not start with '..'",) if text.startswith("..") else FINE


def environment_name(text: str) -> Messages:
    """Names of environment variables; empty ones are another rule's."""
    if _is_environment(text):
        return FINE
    return ("a valid environment variable name must consist only of printable ASCII characters other than '='",)


def header_name(text: str) -> Messages:
    """Names of HTTP headers."""
    return FINE if _is_header(text) else (_HEADER_TEXT,)


def percent(text: str) -> Messages:
    """A percentage."""
    return FINE if _is_percent(text) else (_PERCENT_TEXT,)


@_remembered
def port_name(text: str) -> Messages:
    """IANA service names, as container ports bear them."""
    found = [too_long(15)] if len(text) > 15 else []
    if not _is_port_name(text):
        found.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not _LETTER.search(text):
        found.append("must contain at least one letter (a-z)")
    if "--" in text:
        found.append("must not contain consecutive hyphens")
    if text.startswith("-") or text.endswith("-"):
        found.append("must not begin or end with a hyphen")
    return tuple(found)


def port_number(number: int) -> Messages:
    """A port's number."""
    return FINE if 1 <= number <= 65535 else (between(1, 65535),)


def http_path(text: str) -> Messages:
    """The part of a domain-prefixed path after the domain."""
    return FINE if _is_http_path(text) else (f"Invalid path (regex used for validation is '{_HTTP_PATH}')",)


def prefix_of(rule: NameRule) -> NameRule:
    """The rule for `generateName`: as for names, but a dash may end it because more follows."""
    if rule is path_segment:
        return lambda text: tuple(f"may not contain '{one}'" for one in ("/", "%") if one in text)
    return lambda text: rule(text[:-2] + "a" if len(text) > 1 and text.endswith("-") else text)


def address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An IP address as servers read it, leading zeros forgiven; None for something else."""
    try:
        return ipaddress.ip_address(_unpadded(text))
    except ValueError:
        return None


def network(text: str) -> ipaddress.IPv4Interface | ipaddress.IPv6Interface | None:
    """An address with its prefix length; None for something else."""
    host, slash, length = text.partition("/")
    if not slash or not length.isdecimal():
        return None
    try:
        return ipaddress.ip_interface(f"{_unpadded(host)}/{length}")
    except ValueError:
        return None


def _unpadded(text: str) -> str:
    if ":" in text or "." not in text or "%" in text:
        return text
    return ".".join(part.lstrip("0") or "0" if part.isdecimal() else part for part in text.split("."))
