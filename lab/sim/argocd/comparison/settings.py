"""What argocd-cm and the controller's environment say about comparing.

Source: Argo CD 3.6.1 `util/settings/settings.go`, `cmd/argocd-application-controller/commands`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from lab.sim.api import selectors
from lab.sim.api.status import ApiError
from lab.sim.argocd.durations import parse_duration
from lab.sim.argocd.health.overrides import HealthOverride, OverrideError, read_overrides
from lab.sim.argocd.live.filter import FilteredResource, ResourceFilter, read_filtered
from lab.sim.argocd.tracking import ANNOTATION, INSTANCE_LABEL, Tracking

_CUSTOMIZATIONS = "resource.customizations"
_DEFINITIONS = "apiextensions.k8s.io/CustomResourceDefinition"
_EVERYTHING = "*/*"
_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_FALSE = frozenset(("0", "f", "F", "FALSE", "false", "False"))


class SettingsError(ValueError):
    """Settings that cannot be read. Argo CD then knows no status: Unknown, without a condition."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """Fields that do not count in a comparison."""

    json_pointers: tuple[str, ...] = ()
    jq_path_expressions: tuple[str, ...] = ()
    managed_fields_managers: tuple[str, ...] = ()
    """What these own, they may change."""

    def joined(self, other: Ignored) -> Ignored:
        """Both, each entry once."""
        return Ignored(
            _union(self.json_pointers, other.json_pointers),
            _union(self.jq_path_expressions, other.jq_path_expressions),
            _union(self.managed_fields_managers, other.managed_fields_managers),
        )


def _union(left: tuple[str, ...], right: tuple[str, ...]) -> tuple[str, ...]:
    return (*left, *(one for one in dict.fromkeys(right) if one not in left))


def ignored_of(entry: Any) -> Ignored:
    """`ignoreDifferences` as YAML holds it. Raises SettingsError."""
    if entry is None:
        return Ignored()
    if not isinstance(entry, Mapping):
        raise SettingsError(f"cannot unmarshal {_json_kind(entry)} into Go value of type v1alpha1.overrideIgnoreDiff")
    found: list[tuple[str, ...]] = []
    for key in ("jsonPointers", "jqPathExpressions", "managedFieldsManagers"):
        given = entry.get(key) or ()
        if not isinstance(given, Sequence) or isinstance(given, str):
            raise SettingsError(
                f"json: cannot unmarshal {_json_kind(given)} into Go struct field "
                f"overrideIgnoreDiff.{key} of type []string"
            )
        found.append(tuple(str(one) for one in given))
    return Ignored(*found)


def _json_kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    return "string" if isinstance(value, str) else "number" if isinstance(value, int | float) else "array"


@dataclass(frozen=True, slots=True)
class Override:
    """`resource.customizations` of a kind, health aside."""

    ignored: Ignored = Ignored()
    ignored_updates: Ignored = Ignored()
    known_types: tuple[tuple[str, str], ...] = ()
    """(path of a field, name of a built-in type)."""


@dataclass(frozen=True, slots=True, eq=False)
class ComparisonSettings:
    """Everything a comparison and the live state ask of argocd-cm. Compared by identity: read it once a change."""

    tracking: Tracking = field(default_factory=Tracking)
    overrides: Mapping[str, Override] = field(default_factory=dict)
    """By `GROUP/KIND`, `KIND` for the core group; the one that ignores `/status` is among them."""
    updates: Mapping[str, Override] = field(default_factory=dict)
    """The same for changes of live objects that nobody needs to hear of."""
    health: Mapping[str, HealthOverride] = field(default_factory=dict)
    filter: ResourceFilter = field(default_factory=ResourceFilter)
    ignore_updates: bool = True
    """`resource.ignoreResourceUpdatesEnabled`."""
    ignore_aggregated_roles: bool = False
    server_side_diff: bool = False
    """Of the whole controller: `ARGOCD_APPLICATION_CONTROLLER_SERVER_SIDE_DIFF`."""
    persist_health: bool = False
    """`ARGOCD_APPLICATION_CONTROLLER_PERSIST_RESOURCE_HEALTH`."""
    respect_rbac: bool = False
    """`resource.respectRBAC` is `strict` or `normal`: kinds that may not be listed are passed over."""
    jq_timeout: float = 1.0
    """Seconds one jq expression may take: `ARGOCD_IGNORE_NORMALIZER_JQ_TIMEOUT`."""


DEFAULTS = ComparisonSettings(
    overrides={_EVERYTHING: Override(Ignored(("/status",)))},
    updates={
        _EVERYTHING: Override(Ignored(("/metadata/resourceVersion", "/metadata/generation", "/metadata/managedFields")))
    },
)
"""What an empty argocd-cm means."""


def read_settings(data: Mapping[str, str], environment: Mapping[str, str] | None = None) -> ComparisonSettings:
    """Read argocd-cm's `data` and the controller's environment. Raises SettingsError."""
    options = _mapping(data.get("resource.compareoptions"), "resource.compareoptions")
    overrides = _overrides(data)
    try:
        health = read_overrides(data)
    except OverrideError as error:
        raise SettingsError(str(error)) from None
    status = options.get("ignoreResourceStatusField", "all")
    status = "false" if status is False else str(status or "")
    if status == "crd":
        _ignore(overrides, _DEFINITIONS, "/status")
    elif status not in ("none", "off", "false"):
        _ignore(overrides, _EVERYTHING, "/status")
    environment = environment or {}
    return ComparisonSettings(
        tracking=Tracking(
            data.get("application.resourceTrackingMethod") or ANNOTATION,
            data.get("application.instanceLabelKey") or INSTANCE_LABEL,
            data.get("installationID") or "",
        ),
        overrides=overrides,
        updates=_updates(overrides, options.get("ignoreDifferencesOnResourceUpdates", True) is True),
        health=health,
        filter=_filter(data),
        ignore_updates=_flag(data.get("resource.ignoreResourceUpdatesEnabled") or "true"),
        ignore_aggregated_roles=options.get("ignoreAggregatedRoles") is True,
        server_side_diff=_set(environment, "ARGOCD_APPLICATION_CONTROLLER_SERVER_SIDE_DIFF"),
        persist_health=_set(environment, "ARGOCD_APPLICATION_CONTROLLER_PERSIST_RESOURCE_HEALTH"),
        respect_rbac=data.get("resource.respectRBAC") in ("strict", "normal"),
        jq_timeout=_seconds(environment.get("ARGOCD_IGNORE_NORMALIZER_JQ_TIMEOUT")),
    )


def _set(environment: Mapping[str, str], name: str) -> bool:
    return environment.get(name, "") in _TRUE


def _seconds(text: str | None) -> float:
    try:
        return parse_duration(text or "") or 1.0
    except ValueError:
        return 1.0


def _flag(text: str) -> bool:
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise SettingsError(f'strconv.ParseBool: parsing "{text}": invalid syntax')


def _yaml(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"error converting YAML to JSON: {error}") from None


def _mapping(text: str | None, key: str) -> Mapping[str, Any]:
    found = _yaml(text) if text else None
    if found is not None and not isinstance(found, Mapping):
        raise SettingsError(f"error unmarshaling {key}: cannot unmarshal {_json_kind(found)}")
    return found or {}


# -- customizations


def _overrides(data: Mapping[str, str]) -> dict[str, Override]:
    found: dict[str, Override] = {}
    for target, one in _mapping(data.get(_CUSTOMIZATIONS), _CUSTOMIZATIONS).items():
        if isinstance(one, Mapping):
            found[str(target)] = Override(
                _nested(one.get("ignoreDifferences")),
                _nested(one.get("ignoreResourceUpdates")),
                _known_types(one.get("knownTypeFields")),
            )
    for key in sorted(data):
        parts = key.split(".", 3)
        if not key.startswith(f"{_CUSTOMIZATIONS}.") or len(parts) < 4:
            continue
        kind, target = parts[2], _target(parts[3])
        current = found.get(target, Override())
        if kind == "ignoreDifferences":
            current = replace(current, ignored=ignored_of(_yaml(data[key])))
        elif kind == "ignoreResourceUpdates":
            current = replace(current, ignored_updates=ignored_of(_yaml(data[key])))
        elif kind == "knownTypeFields":
            current = replace(current, known_types=_known_types(_yaml(data[key])))
        found[target] = current
    return found


def _nested(value: Any) -> Ignored:
    """Within the one key of all customizations, the rules are YAML in a text."""
    return ignored_of(_yaml(value) if isinstance(value, str) else value)


def _known_types(entries: Any) -> tuple[tuple[str, str], ...]:
    return tuple((str(one.get("field") or ""), str(one.get("type") or "")) for one in entries or ())


def _target(group_kind: str) -> str:
    """`GROUP_KIND` as `GROUP/KIND`; what it may not be, `read_overrides` refuses."""
    return _EVERYTHING if group_kind == "all" else "/".join(group_kind.split("_"))


def _ignore(overrides: dict[str, Override], target: str, *pointers: str) -> None:
    known = overrides.get(target, Override())
    ignored = replace(known.ignored, json_pointers=(*known.ignored.json_pointers, *pointers))
    overrides[target] = replace(known, ignored=ignored)


def _updates(overrides: Mapping[str, Override], with_differences: bool) -> dict[str, Override]:
    """The overrides as they count for changes of live objects."""
    made = {
        target: Override(one.ignored_updates.joined(one.ignored) if with_differences else one.ignored_updates)
        for target, one in overrides.items()
    }
    _ignore(made, _EVERYTHING, "/metadata/resourceVersion", "/metadata/generation", "/metadata/managedFields")
    return made


# -- exclusions


def _filter(data: Mapping[str, str]) -> ResourceFilter:
    chosen = _entries(data, "resource.selectors", "resource selectors")
    for one in chosen:
        try:
            selectors.labels(one.selector)
        except ApiError as error:
            raise SettingsError(f'error parsing resource selector "{one.selector}": {error.message}') from None
    return ResourceFilter(
        _entries(data, "resource.exclusions", "excluded resources"),
        _entries(data, "resource.inclusions", "included resources"),
        chosen,
    )


def _entries(data: Mapping[str, str], key: str, what: str) -> tuple[FilteredResource, ...]:
    found = _yaml(data.get(key) or "") or ()
    if not isinstance(found, Sequence) or not all(isinstance(one, Mapping) for one in found):
        raise SettingsError(f"error unmarshalling {what} json: cannot unmarshal {_json_kind(found)}")
    return read_filtered(found)
