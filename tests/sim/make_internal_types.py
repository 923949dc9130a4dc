"""Makes `lab/sim/api/validation/internal_types.txt`, the shapes of Kubernetes' internal types.

Usage: `python -m tests.sim.make_internal_types GO_MODULES > lab/sim/api/validation/internal_types.txt`, GO_MODULES
being a module cache with the modules of `SOURCES` under `k8s.io/`. Fields and their order come from the internal types,
the JSON names from the tags of the versioned types with the same names.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

KUBERNETES, API, EXTENSIONS = "kubernetes@v1.34.4/pkg/apis", "api@v0.34.4", "apiextensions-apiserver@v0.34.4/pkg/apis"
SOURCES = {
    **{
        group: (f"{KUBERNETES}/{group}/types.go", f"{API}/{group}/v1/types.go")
        for group in ("core", "apps", "batch", "policy", "rbac", "storage")
    },
    "apiextensions": (f"{EXTENSIONS}/apiextensions/types.go", f"{EXTENSIONS}/apiextensions/v1/types.go"),
}
"""Internal and versioned types of each group."""
ROOTS = (
    "core.PodSpec",
    "core.PodTemplateSpec",
    "core.EphemeralContainer",
    "core.SecurityContext",
    "core.SeccompProfile",
    "core.ServicePort",
    "core.Taint",
    "core.ScopeSelector",
    "core.PersistentVolumeClaimSpec",
    "core.PersistentVolumeSource",
    "core.VolumeNodeAffinity",
    "core.ObjectReference",
    "core.EventSource",
    "apps.DeploymentStrategy",
    "apps.StatefulSetUpdateStrategy",
    "apps.DaemonSetUpdateStrategy",
    "apps.RollingUpdateStatefulSetStrategy",
    "batch.SuccessPolicy",
    "batch.PodFailurePolicy",
    "policy.PodDisruptionBudgetSpec",
    "rbac.RoleRef",
    "storage.VolumeAttachmentSpec",
    "apiextensions.CustomResourceDefinitionVersion",
)
"""The types that messages show; what they hold follows."""
BASIC = {"string": "s", "bool": "b", "int": "i", "int32": "i", "int64": "i", "UID": "s"}
META = {"ObjectMeta": "M", "LabelSelector": "L", "Quantity": "q", "IntOrString": "I"}
Field = tuple[str, str, str]
"""Name ("" for an embedded type), type and JSON name."""

_FIELD = re.compile(r"\s+(\w+)\s+([^\s`]+)(?:\s+`[^`]*json:\"([^\",]*)[^`]*`)?")
_EMBEDDED = re.compile(r"\s+([*\w.]+)(?:\s+`[^`]*`)?\s*")


class Group:
    """The types that one file declares."""

    def __init__(self, path: Path) -> None:
        self.structs: dict[str, list[Field]] = {}
        self.aliases: dict[str, str] = {}
        text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
        fields: list[Field] | None = None
        for raw in text.splitlines():
            line = re.sub(r"//.*", "", raw) if "`" not in raw else raw
            if read := re.match(r"type (\w+) struct \{", line):
                fields = self.structs.setdefault(read[1], [])
            elif read := re.fullmatch(r"type (\w+) ([\[\]\w.*]+)\s*", line):
                self.aliases[read[1]] = read[2]
            elif line.startswith("}"):
                fields = None
            elif fields is not None and (read := _FIELD.match(line)):
                fields.append((read[1], read[2], read[3] or ""))
            elif fields is not None and (read := _EMBEDDED.fullmatch(line)):
                fields.append(("", read[1], ""))


def spelt(name: str, known: dict[str, str]) -> str:
    """`Name` or `Name=json` where the JSON name is not the name in lower camel case."""
    camel = name[0].lower() + name[1:]
    json = known.get(name) or camel
    return name if json == camel else f"{name}={json}"


class Maker:
    def __init__(self, modules: Path) -> None:
        self.groups = {
            group: (Group(modules / internal), Group(modules / versioned))
            for group, (internal, versioned) in SOURCES.items()
        }
        self.waiting = list(ROOTS)
        self.made: dict[str, str] = {}

    def lines(self) -> list[str]:
        while self.waiting:
            name = self.waiting.pop()
            if name not in self.made:
                self.made[name] = self._line(name)
        return [self.made[name] for name in sorted(self.made)]

    def _line(self, full: str) -> str:
        group, _, name = full.partition(".")
        internal, versioned = self.groups[group]
        known = {field: json for field, _, json in versioned.structs.get(name, ()) if field}
        for _, base, _ in (field for field in versioned.structs.get(name, ()) if not field[0]):
            for field, _, json in versioned.structs.get(base.split(".")[-1].lstrip("*"), ()):
                known.setdefault(field, json)
        parts = [full]
        for field, kind, json in internal.structs[name]:
            if json == "-" or (field and field[0].islower()):
                continue
            code = self._code(group, kind)
            parts.append(f"{spelt(field, known)}:{code}" if field else f"<{code}")
        return " ".join(parts)

    def _code(self, group: str, kind: str) -> str:
        if kind.startswith("*"):
            return "*" + self._code(group, kind[1:])
        if kind.startswith("[]"):
            return "[" + self._code(group, kind[2:])
        if read := re.match(r"map\[[\w.]+\](.*)", kind):
            return "{" + self._code(group, read[1])
        package, _, name = kind.rpartition(".")
        if name in BASIC or name in META:
            return BASIC.get(name) or META[name]
        owner = "core" if package in ("api", "core") else group
        if package not in ("", "api", "core"):
            return "a"
        internal = self.groups[owner][0]
        if name in internal.aliases:
            return self._code(owner, internal.aliases[name])
        if name not in internal.structs:
            return "a"
        self.waiting.append(f"{owner}.{name}")
        return f"{owner}.{name}"


if __name__ == "__main__":
    sys.stdout.write("\n".join(Maker(Path(sys.argv[1])).lines()) + "\n")
