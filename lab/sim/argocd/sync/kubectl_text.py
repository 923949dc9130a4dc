"""What kubectl prints and writes down, as Argo CD passes it on.

Source: Argo CD 3.6.1 `gitops-engine/pkg/utils/kube/kube.go` (cleanKubectlOutput), kubectl 0.37 `pkg/util/apply.go`,
`pkg/cmd/apply/apply.go`, cli-runtime `pkg/printers/name.go`.
"""

from __future__ import annotations

import re
import zlib
from typing import Any

import orjson

from lab.sim.argocd.ports import ApiResource
from lab.sim.argocd.sync.migration import LAST_APPLIED
from lab.sim.objects import Object, name_of, namespace_of

_VALIDATING = re.compile(r'\A(error: )?(error validating|error when creating) "\S+": ')
_APPLYING = re.compile(r'\Aerror when applying patch:.*\nfor: "\S+": ', re.DOTALL)
_MAPS = re.compile(r"map\[.*\]")


def annotated(obj: Object) -> Object:
    """An object with the annotation of what was applied last: itself."""
    annotations = {key: value for key, value in annotations_of(obj).items() if key != LAST_APPLIED}
    plain = {**obj, "metadata": {**obj["metadata"], "annotations": annotations}}
    annotations = {**annotations, LAST_APPLIED: as_json(plain) + "\n"}
    return {**plain, "metadata": {**plain["metadata"], "annotations": annotations}}


def as_json(obj: Object) -> str:
    """JSON as Go writes it: keys in order, `<`, `>` and `&` escaped."""
    text = orjson.dumps(obj, option=orjson.OPT_SORT_KEYS).decode()
    if "<" in text or ">" in text or "&" in text:
        text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return text


def annotations_of(obj: Object) -> dict[str, Any]:
    """The annotations of an object; {} for none."""
    return obj.get("metadata", {}).get("annotations") or {}


def source_of(obj: Object) -> str:
    """The file kubectl was given: Argo CD's have random numbers for names, ours one that stays with the object."""
    number = zlib.crc32(f"{obj.get('apiVersion')}/{obj.get('kind')}/{namespace_of(obj)}/{name_of(obj)}".encode())
    return f'"/dev/shm/{number}"'


def tidied(text: str) -> str:
    """What kubectl says of a failure, as Argo CD shows it: without the file's name and without Go's maps."""
    text = _VALIDATING.sub("", text.strip())
    text = _APPLYING.sub("", _MAPS.sub("", text))
    return text.replace("; if you choose to ignore these errors, turn validation off with --validate=false", "")


def kind_of(obj: Object) -> str:
    """`deployment.apps`, as kubectl names a kind."""
    group, slash, _ = str(obj["apiVersion"]).rpartition("/")
    kind = str(obj["kind"]).lower()
    return f"{kind}.{group}" if slash else kind


def said(obj: Object, done: str, dry_run: bool = False) -> str:
    """What kubectl prints when it has `done` something."""
    return f"{kind_of(obj)}/{name_of(obj)} {done}" + (" (dry run)" if dry_run else "")


def joined(said: str, warnings: list[str]) -> str:
    """What was printed and what was warned of, as Argo CD puts the two together."""
    return ". ".join([said, "\n".join(warnings)]) if warnings else said


def leaving(obj: Object) -> list[str]:
    """The warning for an object that is being deleted."""
    if not obj["metadata"].get("deletionTimestamp"):
        return []
    return [f"Warning: Detected changes to resource {name_of(obj)} which is currently being deleted."]


def no_annotation(resource: ApiResource, obj: Object) -> str:
    """The warning for an object that was not made by apply."""
    # kubectl's own name stands before `apply`; Argo CD calls it without one.
    return (
        f"Warning: resource {resource.plural}/{name_of(obj)} is missing the {LAST_APPLIED} annotation which is "
        "required by  apply.  apply should only be used on resources created declaratively by either  create "
        "--save-config or  apply. The missing annotation will be patched automatically."
    )
