"""CustomResourceDefinitions: names, versions, and whether a schema is structural.

Source: apiextensions-apiserver `pkg/apis/apiextensions/validation/validation.go`, `pkg/apiserver/schema/validation.go`.
"""

from __future__ import annotations

from typing import Any

from lab.sim.api.resources import Object
from lab.sim.api.shared_schemas import note, noted
from lab.sim.api.validation import names, schema_types
from lab.sim.api.validation.causes import (
    Wrong,
    forbidden_field,
    immutable,
    invalid_value,
    one_of,
    required,
    shown,
)
from lab.sim.api.validation.internal import written

_TYPES = ("array", "boolean", "integer", "number", "object", "string")
_TYPES_FIT = "types fit"
_COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
_COLUMN_FORMATS = ("int32", "int64", "float", "double", "byte", "date", "date-time", "password")
_MISSING = {
    "root": "must not be empty at the root",
    "item": "must not be empty for specified array items",
    "field": "must not be empty for specified object fields",
}
_NESTED: tuple[tuple[str, str], ...] = (
    ("type", "must be empty to be structural"),
    ("additionalProperties", "must be undefined to be structural"),
    ("default", "must be undefined to be structural"),
    ("title", "must be empty to be structural"),
    ("description", "must be empty to be structural"),
    ("nullable", "must be false to be structural"),
    ("x-kubernetes-preserve-unknown-fields", "must be false to be structural"),
    ("x-kubernetes-embedded-resource", "must be false to be structural"),
    ("x-kubernetes-int-or-string", "must be false to be structural"),
    ("x-kubernetes-list-map-keys", "must be empty to be structural"),
    ("x-kubernetes-list-type", "must be undefined to be structural"),
    ("x-kubernetes-map-type", "must be undefined to be structural"),
)
_INT_OR_STRING = [{"type": "integer"}, {"type": "string"}]


def new_definition(wrong: Wrong, obj: Object) -> None:
    """A definition to be created: named `PLURAL.GROUP`."""
    spec, name = obj.get("spec") or {}, obj["metadata"].get("name") or ""
    if name and name != f"{(spec.get('names') or {}).get('plural') or ''}.{spec.get('group') or ''}":
        wrong.append(invalid_value("metadata.name", name, 'must be spec.names.plural+"."+spec.group'))
    _definition(wrong, obj)


def changed_definition(wrong: Wrong, new: Object, old: Object) -> None:
    """A definition in place of another: its names stay once it is served."""
    _definition(wrong, new, kept=True)
    after, before = new.get("spec") or {}, old.get("spec") or {}
    said, had = after.get("names") or {}, before.get("names") or {}
    conditions = (old.get("status") or {}).get("conditions") or ()
    if any(one.get("type") == "Established" and one.get("status") == "True" for one in conditions):
        immutable(wrong, "spec.scope", after.get("scope"), before.get("scope"))
        immutable(wrong, "spec.names.kind", said.get("kind"), had.get("kind"))
    immutable(wrong, "spec.group", after.get("group"), before.get("group"))
    immutable(wrong, "spec.names.plural", said.get("plural"), had.get("plural"))


def _definition(wrong: Wrong, obj: Object, *, kept: bool = False) -> None:
    spec = obj.get("spec") or {}
    group, versions = spec.get("group") or "", spec.get("versions") or []
    if not group:
        wrong.append(required("spec.group"))
    elif names.dns_subdomain(group):
        wrong.append(invalid_value("spec.group", group, ",".join(names.dns_subdomain(group))))
    elif "." not in group:
        wrong.append(invalid_value("spec.group", group, "should be a domain with at least one dot"))
    one_of(wrong, "spec.scope", spec.get("scope"), ("Cluster", "Namespaced"), needed=True)
    for index, one in enumerate(versions):
        if not (one.get("schema") or {}).get("openAPIV3Schema"):
            wrong.append(required(f"spec.versions[{index}].schema.openAPIV3Schema"))
    _versions(wrong, versions)
    _names(wrong, spec.get("names") or {})
    if _shared(versions, "schema"):
        _schema(wrong, "spec.validation", versions[0])
    if _shared(versions, "subresources"):
        _subresources(wrong, "spec.subresources", versions[0].get("subresources") or {})
    if _shared(versions, "additionalPrinterColumns"):
        _columns(wrong, "spec.additionalPrinterColumns", versions[0])
    stored = (obj.get("status") or {}).get("storedVersions") or []
    _stored(wrong, versions, stored)
    if not kept and group.endswith(("k8s.io", "kubernetes.io")):
        _approved(wrong, obj, group)


def _approved(wrong: Wrong, obj: Object, group: str) -> None:
    if not (group == "k8s.io" or group == "kubernetes.io" or group.endswith((".k8s.io", ".kubernetes.io"))):
        return
    key = "api-approved.kubernetes.io"
    value = (obj["metadata"].get("annotations") or {}).get(key)
    path = f"metadata.annotations[{key}]"
    if value is None or value == "":
        said = "protected groups must have approval annotation "
        wrong.append(required(path, f'{said}"{key}", see https://github.com/kubernetes/enhancements/pull/1111'))


def _shared(versions: list[Object], field: str) -> bool:
    """Whether all versions have the same: then a server keeps it once, above them."""
    return bool(versions) and all(one.get(field) == versions[0].get(field) for one in versions)


def _versions(wrong: Wrong, versions: list[Object]) -> None:
    apart = [field for field in ("schema", "subresources", "additionalPrinterColumns") if not _shared(versions, field)]
    for index, one in enumerate(versions):
        path, name = f"spec.versions[{index}]", one.get("name") or ""
        if names.dns_1035(name):
            wrong.append(invalid_value(f"{path}.name", name, ",".join(names.dns_1035(name))))
        if one.get("deprecationWarning") is not None and not one.get("deprecated"):
            said = "can only be set for deprecated versions"
            wrong.append(invalid_value(f"{path}.deprecationWarning", one["deprecationWarning"], said))
        if "schema" in apart:
            _schema(wrong, f"{path}.schema", one)
        if "subresources" in apart:
            _subresources(wrong, f"{path}.subresources", one.get("subresources") or {})
        if "additionalPrinterColumns" in apart:
            _columns(wrong, f"{path}.additionalPrinterColumns", one)
    problems = []
    if len({one.get("name") for one in versions}) < len(versions):
        problems.append("must contain unique version names")
    if sum(bool(one.get("storage")) for one in versions) != 1:
        problems.append("must have exactly one version marked as storage version")
    if problems:
        hoisted = {field for field in ("schema", "subresources", "additionalPrinterColumns") if field not in apart}
        listed = [{key: value for key, value in one.items() if key not in hoisted} for one in versions]
        value = written("[apiextensions.CustomResourceDefinitionVersion", listed) if listed else "[]"
        wrong.extend(shown("spec.versions", "Invalid", value, problem) for problem in problems)
    if versions and names.dns_1035(versions[0].get("name") or ""):
        name = versions[0].get("name") or ""
        wrong.append(invalid_value("spec.version", name, ",".join(names.dns_1035(name))))


def _stored(wrong: Wrong, versions: list[Object], stored: list[str]) -> None:
    path = "status.storedVersions"
    if not stored:
        wrong.append(invalid_value(path, None, "must have at least one stored version"))
        return
    for one in versions:
        if one.get("storage") and one.get("name") not in stored:
            wrong.append(invalid_value(path, stored, f"must have the storage version {one.get('name')}"))
    known = {one.get("name") for one in versions}
    for index, name in enumerate(stored):
        if name not in known:
            said = (
                f"missing from spec.versions; {name} was previously a storage version, and must remain in "
                f"spec.versions until a storage migration ensures no data remains persisted in {name} and removes "
                f"{name} from status.storedVersions"
            )
            wrong.append(invalid_value(f"{path}[{index}]", name, said))


def _names(wrong: Wrong, said: Object) -> None:
    for field in ("plural", "singular", "kind", "listKind"):
        if not said.get(field):
            wrong.append(required(f"spec.names.{field}"))
    for field in ("plural", "singular"):
        _label(wrong, f"spec.names.{field}", said.get(field))
    for field in ("kind", "listKind"):
        text = said.get(field) or ""
        messages = names.dns_1035(text.lower()) if text else ()
        if messages:
            lead = "may have mixed case, but should otherwise match: "
            wrong.append(invalid_value(f"spec.names.{field}", text, lead + ",".join(messages)))
    for index, one in enumerate(said.get("shortNames") or ()):
        _label(wrong, f"spec.names.shortNames[{index}]", one)
    if said.get("kind") and said.get("kind") == said.get("listKind"):
        wrong.append(invalid_value("spec.names.listKind", said["listKind"], "kind and listKind may not be the same"))
    for index, one in enumerate(said.get("categories") or ()):
        _label(wrong, f"spec.names.categories[{index}]", one)


def _label(wrong: Wrong, path: str, text: str | None) -> None:
    if text and names.dns_1035(text):
        wrong.append(invalid_value(path, text, ",".join(names.dns_1035(text))))


def _columns(wrong: Wrong, path: str, version: Object) -> None:
    for index, one in enumerate(version.get("additionalPrinterColumns") or ()):
        at, kind, form, where = f"{path}[{index}]", one.get("type") or "", one.get("format") or "", one.get("jsonPath")
        listed = f"must be one of {','.join(_COLUMN_TYPES)}"
        if not one.get("name"):
            wrong.append(required(f"{at}.name"))
        if not kind:
            wrong.append(required(f"{at}.type", listed))
        elif kind not in _COLUMN_TYPES:
            wrong.append(invalid_value(f"{at}.type", kind, listed))
        if form and form not in _COLUMN_FORMATS:
            wrong.append(invalid_value(f"{at}.format", form, f"must be one of {','.join(sorted(_COLUMN_FORMATS))}"))
        if not where:
            wrong.append(required(f"{at}.JSONPath"))
        elif not where.startswith("."):
            wrong.append(invalid_value(f"{at}.JSONPath", where, "must be a simple json path starting with ."))


def _subresources(wrong: Wrong, path: str, found: Object) -> None:
    scale = found.get("scale")
    if scale is None:
        return
    for field, roots in (
        ("specReplicasPath", (".spec.",)),
        ("statusReplicasPath", (".status.",)),
        ("labelSelectorPath", (".spec.", ".status.")),
    ):
        at, text = f"{path}.scale.{field}", scale.get(field) or ""
        if not text:
            if field != "labelSelectorPath":
                wrong.append(required(at))
        elif not text.startswith("."):
            wrong.append(invalid_value(at, text, "must be a simple json path starting with ."))
        elif not text.startswith(roots):
            where = "either .spec or .status" if len(roots) > 1 else roots[0].removesuffix(".")
            wrong.append(invalid_value(at, text, f"should be a json path under {where}"))


def _schema(wrong: Wrong, path: str, version: Object) -> None:
    schema = (version.get("schema") or {}).get("openAPIV3Schema")
    if not schema:
        return
    schema_types.check(schema)
    at = f"{path}.openAPIV3Schema"
    if (version.get("subresources") or {}).get("status") is not None and schema.get("type") not in (None, "object"):
        said = 'only "object" is allowed as the type at the root of the schema if the status subresource is enabled'
        wrong.append(invalid_value(f"{at}.type", schema.get("type"), said))
    if schema.get("nullable"):
        wrong.append(forbidden_field(f"{at}.nullable", "nullable cannot be true at the root"))
    found: Wrong = []
    _structural(found, at, schema, "root")
    wrong.extend(sorted(found, key=str))
    _types(wrong, at, schema)


def _types(wrong: Wrong, path: str, schema: Any) -> None:
    if not isinstance(schema, dict) or noted(_TYPES_FIT, schema):
        return
    before = len(wrong)
    kind = schema.get("type")
    if kind and kind not in _TYPES:
        one_of(wrong, f"{path}.type", kind, _TYPES)
    if schema.get("uniqueItems"):
        said = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        wrong.append(forbidden_field(f"{path}.uniqueItems", said))
    if isinstance(schema.get("items"), list):
        wrong.append(forbidden_field(f"{path}.items", "items must be a schema object and not an array"))
    for field in ("definitions", "dependencies", "id", "patternProperties", "$ref"):
        if schema.get(field):
            wrong.append(forbidden_field(f"{path}.{field}", f"{field} is not supported"))
    for name, one in sorted((schema.get("properties") or {}).items()):
        _types(wrong, f"{path}.properties[{name}]", one)
    for field in ("items", "additionalProperties", "not"):
        _types(wrong, f"{path}.{field}", schema.get(field))
    for field in ("allOf", "anyOf", "oneOf"):
        for index, one in enumerate(schema.get(field) or ()):
            _types(wrong, f"{path}.{field}[{index}]", one)
    if len(wrong) == before:
        note(_TYPES_FIT, schema, True)


def _structural(wrong: Wrong, path: str, schema: Any, level: str) -> None:
    """A schema says what every field is; only inside `anyOf` and its kin it may just judge values."""
    if not isinstance(schema, dict) or noted(f"structural {level}", schema):
        return
    before = len(wrong)
    kind = schema.get("type") or ""
    if kind == "array" and schema.get("items") is None:
        wrong.append(required(f"{path}.items", "must be specified"))
    _structural(wrong, f"{path}.items", schema.get("items"), "item")
    properties = schema.get("properties") or {}
    for name, one in properties.items():
        _structural(wrong, f"{path}.properties[{name}]", {} if one is None else one, "field")
    free = schema.get("additionalProperties")
    if free is not None:
        if level == "root" and free is not False:
            wrong.append(forbidden_field(f"{path}.additionalProperties", "must not be used at the root"))
        _structural(wrong, f"{path}.additionalProperties", free, "field")
        if properties and free is not False:
            said = "additionalProperties and properties are mutual exclusive"
            wrong.append(forbidden_field(f"{path}.additionalProperties", said))
    either = schema.get("x-kubernetes-int-or-string")
    unknown, embedded = schema.get("x-kubernetes-preserve-unknown-fields"), schema.get("x-kubernetes-embedded-resource")
    for field, held in (("preserve-unknown-fields", unknown), ("embedded-resource", embedded)):
        if either and held:
            said = "must be false if x-kubernetes-int-or-string is true"
            wrong.append(invalid_value(f"{path}.x-kubernetes-{field}", True, said))
    _judging(wrong, path, schema, bool(either))
    if embedded and kind != "object":
        said = "must be object if x-kubernetes-embedded-resource is true"
        wrong.append(invalid_value(f"{path}.type", kind, said) if kind else required(f"{path}.type", said))
    elif not kind and not either and not unknown:
        wrong.append(required(f"{path}.type", _MISSING[level]))
    if level == "root" and kind and kind != "object":
        wrong.append(invalid_value(f"{path}.type", kind, "must be object at the root"))
    if level == "root" or embedded:
        _envelope(wrong, path, properties, level)
    if embedded and not unknown and not properties:
        said = (
            "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields"
        )
        wrong.append(required(f"{path}.properties", said))
    if len(wrong) == before:
        note(f"structural {level}", schema, True)


def _envelope(wrong: Wrong, path: str, properties: Object, level: str) -> None:
    for name, kind in (("kind", "string"), ("apiVersion", "string"), ("metadata", "object")):
        one = properties.get(name)
        if one is None:
            continue
        if one.get("type") != kind:
            wrong.append(invalid_value(f"{path}.properties[{name}].type", one.get("type") or "", f"must be {kind}"))
        if name == "metadata" and level == "root":
            rest = {key for key in one if key not in ("type", "properties", "description")}
            if rest or not set(one.get("properties") or {}) <= {"name", "generateName"}:
                said = (
                    "must not specify anything other than name and generateName, but metadata is implicitly specified"
                )
                wrong.append(forbidden_field(f"{path}.properties[metadata]", said))


def _judging(wrong: Wrong, path: str, schema: Object, either: bool) -> None:
    for field in ("anyOf", "allOf", "oneOf"):
        for index, one in enumerate(schema.get(field) or ()):
            if either and _allows_both(field, index, one, schema):
                continue
            _nested(wrong, f"{path}.{field}[{index}]", one)
    if schema.get("not") is not None:
        _nested(wrong, f"{path}.not", schema["not"])


def _allows_both(field: str, index: int, one: Object, schema: Object) -> bool:
    """The way an int-or-string field says so beside its marker."""
    if field == "anyOf":
        return bool(schema["anyOf"] == _INT_OR_STRING)
    return field == "allOf" and index == 0 and one.get("anyOf") == _INT_OR_STRING


def _nested(wrong: Wrong, path: str, schema: Object) -> None:
    for field in ("anyOf", "allOf", "oneOf"):
        for index, one in enumerate(schema.get(field) or ()):
            _nested(wrong, f"{path}.{field}[{index}]", one)
    for field in ("not", "items"):
        if isinstance(schema.get(field), dict):
            _nested(wrong, f"{path}.{field}", schema[field])
    for name, one in (schema.get("properties") or {}).items():
        _nested(wrong, f"{path}.properties[{name}]", one)
    for field, said in _NESTED:
        if schema.get(field):
            wrong.append(forbidden_field(f"{path}.{field}", said))
    if "metadata" in (schema.get("properties") or {}):
        wrong.append(forbidden_field(f"{path}.properties[metadata]", "must not be specified in a nested context"))
