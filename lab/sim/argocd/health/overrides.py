"""Health checks given by the user: `resource.customizations` of argocd-cm.

Source: Argo CD 3.6.1 `util/settings/settings.go` `GetResourceOverrides`, `util/lua/lua.go` `GetHealthScript`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import yaml

from lab.sim.argocd.glob import matches as glob_matches

_KEY = "resource.customizations"
_TYPES = frozenset(
    ("health", "useOpenLibs", "actions", "ignoreDifferences", "ignoreResourceUpdates", "knownTypeFields")
)
_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_FALSE = frozenset(("0", "f", "F", "FALSE", "false", "False"))


class OverrideError(ValueError):
    """A customization that cannot be read, with Argo CD's message."""


@dataclass(frozen=True, slots=True)
class HealthOverride:
    """A Lua script, "" when only another customization stands under the key, and whether all libraries are open."""

    script: str = ""
    open_libraries: bool = False


def read_overrides(data: Mapping[str, str]) -> dict[str, HealthOverride]:
    """The checks in argocd-cm's `data`, by `GROUP/KIND`, with globs in either part. Raises OverrideError."""
    found: dict[str, HealthOverride] = {}
    together = data.get(_KEY)
    if together:
        found.update(_read_together(together))
    for key in sorted(data):
        parts = key.split(".", 3)
        if not key.startswith(f"{_KEY}.") or len(parts) < 4:
            continue
        kind, target = parts[2], _target(parts[3])
        if kind not in _TYPES:
            raise OverrideError(f"resource customization type {kind} not supported")
        current = found.get(target, HealthOverride())
        if kind == "health":
            found[target] = replace(current, script=data[key])
        elif kind == "useOpenLibs":
            found[target] = replace(current, open_libraries=_flag(data[key]))
    return found


def _read_together(text: str) -> dict[str, HealthOverride]:
    try:
        read = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise OverrideError(str(error)) from None
    return {
        str(target): HealthOverride(str(one.get("health.lua") or ""), one.get("health.lua.useOpenLibs") is True)
        for target, one in read.items()
        if one
    }


def _target(group_kind: str) -> str:
    """`GROUP_KIND` as `GROUP/KIND`; `all` is everything."""
    parts = group_kind.split("_")
    if len(parts) > 2 or not group_kind:
        raise OverrideError(
            "group kind should be in format `resource.customizations.<type>.<group_kind>` or "
            f"resource.customizations.<type>.<kind>`, got group kind: '{group_kind}'"
        )
    return "*/*" if group_kind == "all" else "/".join(parts)


def _flag(text: str) -> bool:
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise OverrideError(f'strconv.ParseBool: parsing "{text}": invalid syntax')


def override_for(overrides: Mapping[str, HealthOverride], group: str, kind: str) -> HealthOverride | None:
    """The check for a kind: the one under its own name, else the first, by name, whose glob matches.

    Argo CD's choice among several globs is random.
    """
    key = f"{group}/{kind}" if group else kind
    exact = overrides.get(key)
    if exact is not None and exact.script:
        return exact
    for pattern in sorted(overrides):
        if overrides[pattern].script and glob_matches(pattern, key):
            return overrides[pattern]
    return None
