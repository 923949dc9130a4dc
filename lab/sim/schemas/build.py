"""Makes the schema data of this package from the pinned wheel `kubernetes-validate`: `python -m lab.sim.schemas.build`.

Two files for a Kubernetes minor: `v1.NN.json.xz` holds the definitions that the served kinds reach, without texts;
`v1.NN.text.json.xz` holds their descriptions, which only OpenAPI needs. `--check` builds in memory and fails when a
committed file holds something else. It compares what is inside the compression, so that another release of liblzma,
which may pack the same bytes differently, is no difference.
"""

from __future__ import annotations

import argparse
import hashlib
import lzma
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

from lab.sim.api.kinds import BUILT_IN
from lab.sim.schemas import FOLDER, MINORS, definitions_file, texts_file

Schema = dict[str, Any]

WHEEL = "kubernetes-validate==1.37.0"
SHA256 = "85136d018a27b50ec7fc049d902bfa5193f5976807e6c0f408e3ab6fe078cad9"
_INSIDE = "kubernetes_validate/kubernetes-json-schema/v1.{minor}.0-local/_definitions.json"
_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_ROOTS = (
    *(f"{_META}{name}" for name in ("APIGroup", "APIGroupList", "APIResourceList", "APIVersions")),
    *(f"{_META}{name}" for name in ("Condition", "DeleteOptions", "LabelSelector", "ObjectMeta", "Patch")),
    *(f"{_META}{name}" for name in ("Status", "WatchEvent", "MicroTime")),
    "io.k8s.api.authentication.v1.TokenRequest",
    "io.k8s.api.autoscaling.v1.Scale",
    "io.k8s.api.policy.v1.Eviction",
    "io.k8s.apimachinery.pkg.version.Info",
)
"""What requests and documents need beside the kinds themselves."""
_SPECIAL: dict[str, Schema] = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {
        "format": "int-or-string",
        "oneOf": [{"type": "integer"}, {"type": "string"}],
    },
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"oneOf": [{"type": "string"}, {"type": "number"}]},
}
"""Definitions whose shape the package gives in another way than an API server."""
_KEPT = (
    "type",
    "format",
    "required",
    "x-kubernetes-group-version-kind",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-map-type",
    "x-kubernetes-patch-merge-key",
    "x-kubernetes-patch-strategy",
    "x-kubernetes-unions",
)
_DROPPED = frozenset(("description", "enum", "$ref", "properties", "items", "additionalProperties"))
"""Handled apart; `enum` stands only on `apiVersion` and `kind`, where a server has none."""


class Stale(Exception):
    """Something is not as it should be; the message is for the person who ran the command."""


def main(arguments: list[str] | None = None) -> int:
    """The command. Returns the exit status: 0 when done or in order, 1 with a line for each file that is not."""
    parser = argparse.ArgumentParser(prog="python -m lab.sim.schemas.build", description="Make the schema data.")
    parser.add_argument("--check", action="store_true", help="change nothing; fail when a file is stale")
    parser.add_argument("--wheel", type=Path, help=f"the wheel of {WHEEL}; without it, pip downloads it")
    options = parser.parse_args(arguments)
    try:
        made = built(options.wheel)
        if options.check:
            return _checked(made)
        for path, content in made.items():
            path.write_bytes(compressed(content))
            sys.stdout.write(f"{path.name}: {path.stat().st_size:,} bytes\n")
    except Stale as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


def _checked(made: dict[Path, bytes]) -> int:
    stale = [path for path, content in made.items() if _inside(path) != content]
    for path in stale:
        sys.stderr.write(f"{path.name} is stale; make it again with: python -m lab.sim.schemas.build\n")
    return 1 if stale else 0


def _inside(path: Path) -> bytes | None:
    try:
        return lzma.decompress(path.read_bytes())
    except (OSError, lzma.LZMAError):
        return None


def compressed(content: bytes) -> bytes:
    """The same bytes for the same content, with one release of liblzma."""
    return lzma.compress(content, lzma.FORMAT_XZ, lzma.CHECK_CRC32, 9 | lzma.PRESET_EXTREME)


def built(wheel: Path | None = None) -> dict[Path, bytes]:
    """Every file's content before compression. Raises Stale when the wheel is not the pinned one."""
    if wheel is not None:
        return _of_wheel(wheel)
    with tempfile.TemporaryDirectory() as folder:
        return _of_wheel(_downloaded(Path(folder)))


def _downloaded(folder: Path) -> Path:
    pinned = folder / "requirements.txt"
    pinned.write_text(f"{WHEEL} --hash=sha256:{SHA256}\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    run = subprocess.run([*pip, "--require-hashes", "-r", str(pinned), "-d", str(folder)], check=False)
    found = sorted(folder.glob("*.whl"))
    if run.returncode or not found:
        raise Stale(f"pip could not download {WHEEL}")
    return found[0]


def _of_wheel(wheel: Path) -> dict[Path, bytes]:
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != SHA256:
        raise Stale(f"{wheel} is not the pinned wheel of {WHEEL}: its SHA-256 is {digest}")
    made: dict[Path, bytes] = {}
    with zipfile.ZipFile(wheel) as archive:
        for minor in MINORS:
            raw = orjson.loads(archive.read(_INSIDE.format(minor=minor)))["$defs"]
            names = reached(raw, _roots(raw))
            made[FOLDER / definitions_file(minor)] = _bytes({name: condensed(name, raw[name]) for name in names})
            made[FOLDER / texts_file(minor)] = _bytes({name: texts(raw[name]) for name in names})
    return made


def _bytes(content: dict[str, Any]) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS) + b"\n"


def _roots(raw: dict[str, Schema]) -> list[str]:
    """Definitions of every served kind and its list, and those of `_ROOTS`."""
    known = {
        (one["group"], one["version"], one["kind"]): name
        for name, schema in raw.items()
        for one in schema.get("x-kubernetes-group-version-kind", ())
    }
    found = list(_ROOTS)
    for row in BUILT_IN:
        kind = known.get((row.group, row.version, row.kind))
        if kind is None:
            raise Stale(f"{row.api_version} {row.kind} has no definition")
        found.append(kind)
        if row.stored:
            found.append(f"{kind}List")
    return found


def reached(raw: dict[str, Schema], roots: Iterable[str]) -> list[str]:
    """Names of the definitions that `roots` refer to, directly or not, themselves included."""
    seen: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += _references(raw[name])
    return sorted(seen)


def _references(schema: Schema) -> Iterator[str]:
    if isinstance(schema.get("$ref"), str):
        yield schema["$ref"].rpartition("/")[2]
    for below in ("items", "additionalProperties"):
        if isinstance(schema.get(below), dict):
            yield from _references(schema[below])
    for field in schema.get("properties", {}).values():
        yield from _references(field)


def condensed(name: str, schema: Schema) -> Schema:
    """A definition as an API server has it, with `$ref` holding a bare name and without texts.

    Raises Stale for a keyword nobody has thought about.
    """
    if name in _SPECIAL:
        return _SPECIAL[name]
    made: Schema = {key: schema[key] for key in _KEPT if key in schema}
    unknown = schema.keys() - made.keys() - _DROPPED
    if unknown:
        raise Stale(f"{name} has keywords that are not understood: {', '.join(sorted(unknown))}")
    kinds = made.get("type")
    if isinstance(kinds, list):
        made["type"] = next(kind for kind in kinds if kind != "null")
    if "$ref" in schema:
        made["$ref"] = schema["$ref"].rpartition("/")[2]
    if "properties" in schema:
        made["properties"] = {key: condensed(f"{name}.{key}", below) for key, below in schema["properties"].items()}
    for below in ("items", "additionalProperties"):
        if below in schema:
            made[below] = condensed(f"{name}.{below}", schema[below])
    return made


def texts(schema: Schema) -> dict[str, str]:
    """Descriptions of a definition, under "", and of its fields, under their names."""
    made = {"": schema["description"]} if "description" in schema else {}
    for key, below in schema.get("properties", {}).items():
        if "description" in below:
            made[key] = below["description"]
    return made


if __name__ == "__main__":
    sys.exit(main())
