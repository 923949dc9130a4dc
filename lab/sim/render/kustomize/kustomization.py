"""A kustomization file: its fields, read as strictly as kustomize reads them.

Source: kustomize `api/types/kustomization.go` and the other types beside it; messages are those of Go's
`encoding/json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.sim.render.errors import NotSupported, RenderError
from lab.sim.render.kustomize.files import Root
from lab.sim.render.yaml_documents import Malformed, value

NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""Names of the file, of which a folder has one."""
Kustomization = dict[str, Any]

_TEXT, _BOOLEAN, _INTEGER, _ANY = "string", "bool", "int64", "any"
_TEXTS, _MAP = [_TEXT], {"*": _TEXT}
_GVK = {"group": _TEXT, "version": _TEXT, "kind": _TEXT}
_ID = {**_GVK, "name": _TEXT, "namespace": _TEXT}
_SELECTOR = {**_ID, "annotationSelector": _TEXT, "labelSelector": _TEXT}
_PATCH = {
    "path": _TEXT,
    "patch": _TEXT,
    "target": _SELECTOR,
    "options": {"allowNameChange": _BOOLEAN, "allowKindChange": _BOOLEAN},
}
_GENERATOR_OPTIONS = {"labels": _MAP, "annotations": _MAP, "disableNameSuffixHash": _BOOLEAN, "immutable": _BOOLEAN}
_CONFIG_MAP = {
    "namespace": _TEXT,
    "name": _TEXT,
    "behavior": _TEXT,
    "literals": _TEXTS,
    "files": _TEXTS,
    "envs": _TEXTS,
    "env": _TEXT,
    "options": _GENERATOR_OPTIONS,
}
_FIELD_OPTIONS = {"delimiter": _TEXT, "index": _INTEGER, "encoding": _TEXT, "create": _BOOLEAN}
REPLACEMENT = {
    "source": {**_ID, "fieldPath": _TEXT, "options": _FIELD_OPTIONS},
    "targets": [{"select": _SELECTOR, "reject": [_SELECTOR], "fieldPaths": _TEXTS, "options": _FIELD_OPTIONS}],
    "sourceValue": _TEXT,
}
"""Shape of an entry of `replacements`."""
_IMAGE = {"name": _TEXT, "newName": _TEXT, "tagSuffix": _TEXT, "newTag": _TEXT, "digest": _TEXT}
_SHAPE: dict[str, Any] = {
    "apiVersion": _TEXT,
    "kind": _TEXT,
    "metadata": {"name": _TEXT, "namespace": _TEXT, "labels": _MAP, "annotations": _MAP},
    "openapi": _MAP,
    "namePrefix": _TEXT,
    "nameSuffix": _TEXT,
    "namespace": _TEXT,
    "commonLabels": _MAP,
    "labels": [
        {
            "pairs": _MAP,
            "includeSelectors": _BOOLEAN,
            "includeTemplates": _BOOLEAN,
            "fields": [{**_GVK, "path": _TEXT, "create": _BOOLEAN}],
        }
    ],
    "commonAnnotations": _MAP,
    "patchesStrategicMerge": _TEXTS,
    "patchesJson6902": [_PATCH],
    "patches": [_PATCH],
    "images": [_IMAGE],
    "imageTags": [_IMAGE],
    "replacements": [{**REPLACEMENT, "path": _TEXT}],
    "replicas": [{"name": _TEXT, "count": _INTEGER}],
    "vars": _ANY,
    "sortOptions": {"order": _TEXT, "legacySortOptions": {"orderFirst": _TEXTS, "orderLast": _TEXTS}},
    "resources": _TEXTS,
    "components": _TEXTS,
    "crds": _TEXTS,
    "bases": _TEXTS,
    "configMapGenerator": [_CONFIG_MAP],
    "secretGenerator": [{**_CONFIG_MAP, "type": _TEXT}],
    "helmGlobals": _ANY,
    "helmCharts": _ANY,
    "helmChartInflationGenerator": _ANY,
    "generatorOptions": _GENERATOR_OPTIONS,
    "configurations": _TEXTS,
    "generators": _TEXTS,
    "transformers": _TEXTS,
    "validators": _TEXTS,
    "buildMetadata": _TEXTS,
}
_NOT_DONE = (
    "vars",
    "openapi",
    "crds",
    "configurations",
    "generators",
    "transformers",
    "validators",
    "helmGlobals",
    "helmCharts",
    "helmChartInflationGenerator",
)
_EDIT_FIX = "Run 'kustomize edit fix' to update your Kustomization automatically."
_DEPRECATED = {
    "bases": "resources",
    "commonLabels": "labels",
    "imageTags": "images",
    "patchesJson6902": "patches",
    "patchesStrategicMerge": "patches",
}


def load(root: Root, warnings: list[str]) -> tuple[Kustomization, str]:
    """The kustomization of a folder and the name of its file; what kustomize warns of is added to `warnings`.

    Raises RenderError, and NotSupported for fields that the simulator does not follow.
    """
    names = [name for name in NAMES if root.has(name)]
    if not names:
        quoted = [f"'{name}'" for name in NAMES]
        raise RenderError(f"unable to find one of {', '.join(quoted[:-1])} or {quoted[-1]} in directory '{root.shown}'")
    if len(names) > 1:
        raise RenderError(f"Found multiple kustomization files under: {root.shown}\n")
    return parse(root.load(names[0]), root.shown, warnings), names[0]


def parse(content: bytes, where: str, warnings: list[str]) -> Kustomization:
    """The fields of a kustomization file, old names replaced by new ones; `where` names its folder in messages."""
    try:
        found = value(content)
    except Malformed as error:
        raise RenderError(f"invalid Kustomization: {error}") from None
    made: Kustomization = decoded(
        found if found is not None else {}, _SHAPE, "Kustomization", "invalid Kustomization: "
    )
    warnings += [
        f"# Warning: '{old}' is deprecated. Please use '{new}' instead. {_EDIT_FIX}"
        for old, new in _DEPRECATED.items()
        if made.get(old) is not None
    ]
    made.setdefault("kind", "Kustomization")
    wanted = f"kustomize.config.k8s.io/{'v1alpha1' if made['kind'] == 'Component' else 'v1beta1'}"
    made.setdefault("apiVersion", wanted)
    for new, old in (("resources", "bases"), ("images", "imageTags")):
        if old in made:
            made[new] = [*(made.get(new) or ()), *made.pop(old)]
    if not any(field not in ("apiVersion", "kind") for field in made):
        raise RenderError("kustomization.yaml is empty")
    wrong = []
    if made["kind"] not in ("Kustomization", "Component"):
        wrong.append("kind should be Kustomization or Component")
    if made["apiVersion"] != wanted:
        wrong.append(f"apiVersion for {made['kind']} should be {wanted}")
    if wrong:
        raise RenderError(f"Failed to read kustomization file under {where}:\n" + "\n".join(wrong))
    for field in _NOT_DONE:
        if made.get(field):
            raise NotSupported(f"a kustomization with {field}")
    return made


def decoded(found: Any, shape: Any, path: str, prefix: str = "") -> Any:
    """`found` with the field names and types of `shape`; names may be written in any case, nulls are left out.

    `path`: where it stands, in messages; `prefix`: of messages. Raises RenderError.
    """
    if shape == _ANY:
        return found
    if isinstance(shape, str):
        return _scalar(found, shape, path, prefix)
    if isinstance(shape, list):
        if not isinstance(found, list):
            raise _wrong_type(found, "[]" + _go_type(shape[0]), path, prefix)
        return [
            decoded(item, shape[0], f"{path}.{place}", prefix) if item is not None else _zero(shape[0])
            for place, item in enumerate(found)
        ]
    if not isinstance(found, dict):
        raise _wrong_type(found, "map[string]string" if "*" in shape else _go_type(shape), path, prefix)
    made: dict[str, Any] = {}
    for key in sorted(found):
        name = key if "*" in shape or key in shape else next((one for one in shape if one.lower() == key.lower()), "")
        if not name and "*" not in shape:
            raise RenderError(f'{prefix}json: unknown field "{key}"')
        if found[key] is not None:
            made[name] = decoded(found[key], shape.get("*") or shape[name], f"{path}.{name}", prefix)
        elif "*" in shape:
            made[name] = ""
    return made


def _zero(shape: Any) -> Any:
    return "" if isinstance(shape, str) else {}


def _scalar(found: Any, shape: str, path: str, prefix: str) -> Any:
    fits = {
        _TEXT: isinstance(found, str),
        _BOOLEAN: isinstance(found, bool),
        _INTEGER: isinstance(found, int) and not isinstance(found, bool),
    }
    if not fits[shape]:
        raise _wrong_type(found, shape, path, prefix)
    return found


def _wrong_type(found: Any, wanted: str, path: str, prefix: str) -> RenderError:
    kind = {str: "string", bool: "bool", list: "array", dict: "object"}.get(type(found), "number")
    if isinstance(found, float) and wanted == _INTEGER:
        kind = f"number {found}"
    if path == "Kustomization":
        return RenderError(f"{prefix}json: cannot unmarshal {kind} into Go value of type types.Kustomization")
    field = "" if path.rpartition(".")[2].isdigit() else "Go struct field "
    return RenderError(f"{prefix}json: cannot unmarshal {kind} into {field}{path} of type {wanted}")


def _go_type(shape: Any) -> str:
    if isinstance(shape, str):
        return shape
    names: tuple[tuple[Mapping[str, Any], str], ...] = (
        (_PATCH, "types.Patch"),
        (_IMAGE, "types.Image"),
        (_CONFIG_MAP, "types.ConfigMapArgs"),
        (_SELECTOR, "types.Selector"),
        (_GENERATOR_OPTIONS, "types.GeneratorOptions"),
    )
    return next((name for known, name in names if shape is known), "types." + _titles(shape))


def _titles(shape: Mapping[str, Any]) -> str:
    known = {"pairs": "Label", "count": "Replica", "sourceValue": "ReplacementField", "type": "SecretArgs"}
    known |= {"order": "SortOptions", "create": "FieldSpec", "select": "TargetSelector"}
    return next((name for field, name in known.items() if field in shape), "ObjectMeta")
