"""Environment variables of a container.

Source: Kubernetes `pkg/apis/core/validation/validation.go`.
"""

from __future__ import annotations

from lab.sim.api.resources import Object
from lab.sim.api.validation import names
from lab.sim.api.validation.causes import (
    Wrong,
    invalid_value,
    named,
    needs_name,
    present,
    required,
)
from lab.sim.api.validation.fields import ENV_FIELDS, field_reference, resource_reference

_ENV_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")


def environment(wrong: Wrong, path: str, values: list[Object]) -> None:
    """`env` of a container."""
    for index, one in enumerate(values):
        at = f"{path}[{index}]"
        name = one.get("name")
        if not name:
            wrong.append(required(f"{at}.name"))
        else:
            for message in names.environment_name(name):
                wrong.append(invalid_value(f"{at}.name", name, message))
        source = one.get("valueFrom")
        if source is not None:
            _environment_source(wrong, f"{at}.valueFrom", source, bool(one.get("value")))


def _environment_source(wrong: Wrong, path: str, source: Object, has_value: bool) -> None:
    given = [name for name in _ENV_SOURCES if source.get(name) is not None]
    for name in given:
        at, part = f"{path}.{name}", source[name]
        if name == "fieldRef":
            field_reference(wrong, at, part, ENV_FIELDS)
        elif name == "resourceFieldRef":
            resource_reference(wrong, at, part, volume=False)
        elif name == "fileKeyRef":
            for field_name in ("key", "volumeName", "path"):
                present(wrong, f"{at}.{field_name}", part.get(field_name))
        else:
            named(wrong, f"{at}.name", part.get("name") or "", names.dns_subdomain)
            needs_name(wrong, f"{at}.key", part.get("key"), names.config_key)
    if not given:
        said = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
        wrong.append(invalid_value(path, "", said))
    elif has_value:
        wrong.append(invalid_value(path, "", "may not be specified when `value` is not empty"))
    elif len(given) > 1:
        wrong.append(invalid_value(path, "", "may not have more than one field specified at a time"))


def environment_from(wrong: Wrong, path: str, values: list[Object]) -> None:
    """`envFrom` of a container."""
    for index, one in enumerate(values):
        at = f"{path}[{index}]"
        if one.get("prefix"):
            named(wrong, f"{at}.prefix", one["prefix"], names.environment_name)
        given = [name for name in ("configMapRef", "secretRef") if one.get(name) is not None]
        for name in given:
            needs_name(wrong, f"{at}.{name}.name", one[name].get("name"), names.prefix_of(names.dns_subdomain))
        if not given:
            wrong.append(invalid_value(path, "", "must specify one of: `configMapRef` or `secretRef`"))
        elif len(given) > 1:
            wrong.append(invalid_value(path, "", "may not have more than one field specified at a time"))
