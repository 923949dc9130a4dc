"""The two kinds of YAML the lab reads, and what their unquoted scalars mean."""

import math
import re
from dataclasses import dataclass

import yaml

TAG = "tag:yaml.org,2002:"
CORE_TAGS = frozenset(TAG + name for name in ("str", "null", "bool", "int", "float", "map", "seq"))
_NULL = re.compile(r"(?:~|null|Null|NULL|)\Z")
_BOOL = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
_OLD_BOOL = re.compile(r"(?:y|Y|yes|Yes|YES|n|N|no|No|NO|on|On|ON|off|Off|OFF|true|True|TRUE|false|False|FALSE)\Z")
_INT = re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]*|[1-9][0-9_]*)\Z")
_FLOAT = re.compile(
    r"(?:[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
)
TRUE = frozenset({"y", "yes", "on", "true"})
"""What a scalar that was resolved to a boolean says, in lower case, when it is true."""


class _LabLoader(yaml.CSafeLoader):
    """Scalars as YAML 1.2 resolves them: `on`, `yes` and dates are text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own protocol


class _ManifestLoader(yaml.CSafeLoader):
    """Scalars as sigs.k8s.io/yaml (go-yaml v2) resolves them for kubectl and Argo CD: `on` is true, dates are text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own protocol


for _loader, _bool, _letters in ((_LabLoader, _BOOL, "tTfF"), (_ManifestLoader, _OLD_BOOL, "yYnNtTfFoO")):
    _loader.add_implicit_resolver(TAG + "null", _NULL, ["~", "n", "N", ""])
    _loader.add_implicit_resolver(TAG + "bool", _bool, list(_letters))
    _loader.add_implicit_resolver(TAG + "int", _INT, list("-+0123456789"))
    _loader.add_implicit_resolver(TAG + "float", _FLOAT, list("-+.0123456789"))
_ManifestLoader.add_implicit_resolver(TAG + "merge", re.compile(r"<<\Z"), ["<"])


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """Which YAML a file may hold."""

    loader: type[yaml.CSafeLoader]
    aliases: bool
    """Whether anchors, aliases and merge keys may be used."""
    controls: bool
    """Whether text may hold control characters other than line breaks and tabs."""
    values: int
    """Most keys and values a file may hold, aliases written out."""


LAB = Dialect(loader=_LabLoader, aliases=False, controls=False, values=20_000)
"""Files of the lab's own format."""
MANIFEST = Dialect(loader=_ManifestLoader, aliases=True, controls=True, values=200_000)
"""Kubernetes manifests."""


def number(text: str) -> int | float | None:
    """The number go-yaml v2 reads; None when it is not finite or wider than 64 bits."""
    plain = text.replace("_", "")
    digits = plain.lstrip("+-")
    try:
        if len(digits) > 80:
            return None
        if _INT.match(plain):
            octal = digits.startswith("0") and digits.isdigit() and len(digits) > 1
            whole = int(plain, 8 if octal else 0)
            return whole if -(2**63) <= whole < 2**64 else None
        value = float(plain)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
