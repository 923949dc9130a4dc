"""`Chart.yaml`: what it may say, and how templates see it. Source: Helm `pkg/chart/v2/metadata.go`, `dependency.go`."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field, replace
from typing import Any

from lab.sim.render import yaml_documents
from lab.sim.templates.builtins import GoError
from lab.sim.templates.semver import Version
from lab.sim.templates.values import StringMap, quoted, shown

from .errors import HelmError

_ALIAS = re.compile(r"[a-zA-Z0-9_-]+")
_TEXTS = {
    "Name": "name", "Home": "home", "Version": "version", "Description": "description", "Icon": "icon",
    "APIVersion": "apiVersion", "Condition": "condition", "Tags": "tags", "AppVersion": "appVersion",
    "KubeVersion": "kubeVersion", "Type": "type",
}  # fmt: skip


@dataclass(slots=True)
class Dependency:
    """One entry of `dependencies`."""

    name: str
    version: str = ""
    repository: str = ""
    condition: str = ""
    tags: list[str] = field(default_factory=list)
    imports: list[Any] = field(default_factory=list)
    alias: str = ""
    enabled: bool = False

    def seen(self) -> dict[str, Any]:
        """As templates see it."""
        return {
            "Name": self.name, "Version": self.version, "Repository": self.repository, "Condition": self.condition,
            "Tags": list(self.tags), "Enabled": self.enabled, "ImportValues": list(self.imports), "Alias": self.alias,
        }  # fmt: skip


@dataclass(slots=True)
class Metadata:
    """A chart's description of itself."""

    fields: dict[str, Any]
    """By Helm's field names, e.g. `AppVersion`; without the dependencies."""
    dependencies: list[Dependency]
    has_dependencies: bool
    """Whether the list was given at all."""

    @property
    def name(self) -> str:
        """The chart's name; an alias gives it another."""
        return str(self.fields["Name"])

    @property
    def is_library(self) -> bool:
        """Whether it is there for its helpers only."""
        return str(self.fields["Type"]).lower() == "library"

    def copy(self) -> Metadata:
        """With dependencies of its own."""
        return Metadata(dict(self.fields), [replace(one) for one in self.dependencies], self.has_dependencies)

    def seen(self, is_root: bool) -> dict[str, Any]:
        """`.Chart` as templates see it."""
        return {**self.fields, "Dependencies": [one.seen() for one in self.dependencies], "IsRoot": is_root}


def read(content: bytes, before: dict[str, Any] | None = None, file: str = "Chart.yaml") -> dict[str, Any]:
    """The plain content of a metadata file laid over `before`. Raises HelmError."""
    try:
        found = yaml_documents.value(content.removeprefix(b"\xef\xbb\xbf"))
    except yaml_documents.Malformed as error:
        raise HelmError(f"cannot load {file}: error converting YAML to JSON: {error}") from None
    if found is None:
        found = {}
    if not isinstance(found, dict):
        raise _wrong_type(file, found, "v2.Metadata")
    merged = {**(before or {}), **found}
    for key, value in found.items():
        if key in _TEXTS.values():
            if isinstance(value, (dict, list)):
                raise _wrong_type(file, value, "string", f".{key}")
            merged[key] = _text(value)
    return merged


def _text(value: Any) -> str:
    """A scalar as sigs.k8s.io/yaml reads it where a text is wanted."""
    return "" if value is None else shown(value)


def _wrong_type(file: str, value: Any, wanted: str, where: str = "") -> HelmError:
    kind = {bool: "bool", list: "array", dict: "object", str: "string"}.get(type(value), "number")
    place = f"Go struct field {where} of type" if where else "Go value of type"
    return HelmError(
        f"cannot load {file}: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {kind} into "
        f"{place} {wanted}"
    )


def parse(raw: dict[str, Any]) -> Metadata:
    """Checked metadata. Raises HelmError with Helm's validation text."""
    fields: dict[str, Any] = {name: _clean(raw.get(key) or "") for name, key in _TEXTS.items()}
    fields["APIVersion"] = str(raw.get("apiVersion") or "v1")
    fields["Version"] = str(raw.get("version") or "")
    fields["Type"] = str(raw.get("type") or "")
    fields["Sources"] = [_clean(one) for one in raw.get("sources") or []]
    fields["Keywords"] = [_clean(one) for one in raw.get("keywords") or []]
    fields["Deprecated"] = raw.get("deprecated") is True
    annotations = raw.get("annotations")
    fields["Annotations"] = StringMap((key, _text(one)) for key, one in annotations.items()) if annotations else None
    fields["Maintainers"] = [
        {
            "Name": _clean(one.get("name") or ""),
            "Email": _clean(one.get("email") or ""),
            "URL": _clean(one.get("url") or ""),
        }
        for one in raw.get("maintainers") or []
    ]
    made = Metadata(fields, _dependencies(raw.get("dependencies")), raw.get("dependencies") is not None)
    _validate(made)
    return made


def _dependencies(raw: Any) -> list[Dependency]:
    made = []
    for one in raw or []:
        if one is None:
            raise HelmError("validation: dependencies must not contain empty or null nodes")
        made.append(
            Dependency(
                _clean(one.get("name") or ""),
                _clean(one.get("version") or ""),
                _clean(one.get("repository") or ""),
                _clean(one.get("condition") or ""),
                [_clean(tag) for tag in one.get("tags") or []],
                list(one.get("import-values") or []),
                str(one.get("alias") or ""),
            )
        )
    return made


def _clean(text: Any) -> str:
    """Without signs that do not print, white space as blanks."""
    return "".join(" " if sign.isspace() else sign for sign in _text(text) if sign.isspace() or sign.isprintable())


def _validate(metadata: Metadata) -> None:
    fields = metadata.fields
    name, version = metadata.name, fields["Version"]
    if not name:
        raise HelmError("validation: chart.metadata.name is required")
    if name in (".", ".."):
        raise HelmError(f"validation: chart.metadata.name {quoted(name)} is not allowed")
    if name != (posixpath.basename(name.rstrip("/")) or "/"):
        raise HelmError(f"validation: chart.metadata.name {quoted(name)} is invalid")
    if not version:
        raise HelmError("validation: chart.metadata.version is required")
    try:
        Version.parse(version)
    except GoError:
        raise HelmError(f"validation: chart.metadata.version {quoted(version)} is invalid") from None
    if fields["Type"] not in ("", "application", "library"):
        raise HelmError("validation: chart.metadata.type must be application or library")
    seen = set()
    for one in metadata.dependencies:
        if one.alias and not _ALIAS.fullmatch(one.alias):
            raise HelmError(f"validation: dependency {quoted(one.name)} has disallowed characters in the alias")
        key = one.alias or one.name
        if key in seen:
            raise HelmError(f"validation: more than one dependency with name or alias {quoted(key)}")
        seen.add(key)
