"""Makes `go.json` and `enums.json`: what the OpenAPI definitions do not tell of the Go types behind them.

An API server decodes a request into Go structs and writes those out again. Three things follow from the structs alone:
how a type is named in a message (`v1.Protocol` where OpenAPI says string), which empty values are left out (fields that
are no pointers), and which empty structs are written though nobody gave them. Run by hand when a minor is added:
`python -m lab.sim.schemas.gotypes FOLDER`, where FOLDER holds `api@VERSION`, `apimachinery@VERSION`,
`apiextensions-apiserver@VERSION` and `kube-aggregator@VERSION` as the Go tool unpacks these modules.

`go.json` maps a definition to those of its fields that differ from the rule: `MARK GO-TYPE EMPTY`, each part optional.
MARK is `*` for a pointer and `=` for a value (rule: only optional structs are pointers). EMPTY is `!` where an empty
value is written and `?` where it is not (rule: written where the field is required).
"""

from __future__ import annotations

import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from lab.sim.schemas import ENUMS_FILE, FOLDER, GO_FILE, MINORS, definitions

_STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.DOTALL | re.MULTILINE)
_FIELD = re.compile(r"\s*(?:(\w+)\s+)?([*\[\]\w.]+)\s+`[^`]*?json:\"([^\"]*)\"")
_IMPORT = re.compile(r'^\s*(?:import )?(\w+ )?"(k8s\.io/[\w./-]+)"$', re.MULTILINE)
_ENUM = re.compile(r"// \+enum\n(?://[^\n]*\n)*type (\w+) string")
_VALUE = re.compile(
    r'((?:^[ \t]*//[^\n]*\n)*)^[ \t]*(?:const )?(\w+)(?:\s+(\w+)\s*=\s*|\s*=\s*(\w+)\()"([^"]*)"', re.MULTILINE
)
_BORROWED = re.compile(r"=\s*(\w+)\(\w+\.\w+\)")
"""A value that is another package's constant: its type is left without enumeration, as no list is better than half."""
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_BUILT_IN = frozenset(("string", "bool", "int", "int32", "int64", "float64", "byte", "uint8"))
_MODULES = frozenset(("api", "apimachinery", "apiextensions-apiserver", "kube-aggregator"))
_WORD = re.compile(r"(?:(\w+)\.)?(\w+)")

Field = tuple[str, tuple[str, ...]]


class Sources:
    """The Go modules in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._structs = cache(self._read)

    def package(self, definition: str, minor: int) -> Path | None:
        """The folder of a definition's Go package, of the module nearest to a minor, or None."""
        parts = definition.split(".")[2:-1]
        if parts[0] not in _MODULES:
            return None
        found = sorted(self._folder.glob(f"{parts[0]}@v0.*"), key=lambda path: abs(_minor(path) - minor))
        return next((inside for path in found if (inside := path.joinpath(*parts[1:])).is_dir()), None)

    def fields(self, package: Path, struct: str) -> dict[str, Field]:
        """Go type, with real package names, and tag options by JSON name; inlined structs are laid open."""
        made: dict[str, Field] = {}
        body, imports = self._structs(package)[struct]
        for read in map(_FIELD.match, body.splitlines()):
            if read is None:
                continue
            name, *options = read[3].split(",")
            if name:
                made[name] = (_qualified(read[2], package.name, imports), tuple(options))
            elif "." not in read[2]:
                made.update(self.fields(package, read[2].lstrip("*")))
        return made

    def _read(self, package: Path) -> dict[str, tuple[str, dict[str, str]]]:
        made: dict[str, tuple[str, dict[str, str]]] = {}
        for path in sorted(package.glob("*.go")):
            if path.name.endswith(("_test.go", ".pb.go")) or path.name.startswith("zz_generated"):
                continue
            text = _COMMENT.sub("", path.read_text())
            imports = {
                alias.strip() or whole.rpartition("/")[2]: whole.rpartition("/")[2]
                for alias, whole in _IMPORT.findall(text)
            }
            for struct, body in _STRUCT.findall(text):
                made[struct] = (body, imports)
        return made

    def enums(self, package: Path) -> dict[str, dict[str, str]]:
        """Values of the enumerations of a package, with their comments, by type."""
        text = (package / "types.go").read_text()
        found: dict[str, dict[str, str]] = {name: {} for name in _ENUM.findall(text)}
        for borrowing in _BORROWED.findall(text):
            found.pop(borrowing, None)
        for comment, constant, typed, converted, value in _VALUE.findall(text):
            kind = typed or converted
            if kind in found:
                lines = [line.strip().removeprefix("//").strip() for line in comment.splitlines()]
                told = " ".join(line for line in lines if line and not line.startswith("+"))
                found[kind][value] = told.removeprefix(constant).strip()
        return {f"{package.name}.{name}": values for name, values in found.items()}


def _minor(module: Path) -> int:
    return int(module.name.split(".")[1])


def _qualified(go: str, package: str, imports: dict[str, str]) -> str:
    """A Go type as reflection prints it, e.g. `[]v1.Container`."""

    def word(read: re.Match[str]) -> str:
        if read[1]:
            return f"{imports.get(read[1], read[1])}.{read[2]}"
        if read[2] == "map" or read[2] in _BUILT_IN:
            return "uint8" if read[2] == "byte" else read[2]
        return f"{package}.{read[2]}"

    return _WORD.sub(word, go)


def ruled(schema: dict[str, Any]) -> str:
    """The Go type a schema stands for by the rule, without a pointer."""
    if "$ref" in schema:
        return ".".join(schema["$ref"].split(".")[-2:])
    match schema.get("type"):
        case "array":
            return f"[]{ruled(schema['items'])}"
        case "object":
            return (
                f"map[string]{ruled(schema['additionalProperties'])}" if "additionalProperties" in schema else "object"
            )
        case "integer":
            return str(schema.get("format", "int64"))
        case "number":
            return "float64"
        case "boolean":
            return "bool"
    return "[]uint8" if schema.get("format") == "byte" else "string"


def noted(schema: dict[str, Any], required: bool, field: Field) -> str:
    """What `go.json` says of a field; "" when it follows the rule."""
    go, options = field
    pointer, go = go.startswith("*"), go.lstrip("*")
    by_rule = "$ref" in schema and not required
    mark = "" if pointer == by_rule else "*" if pointer else "="
    moment = not pointer and go in ("v1.Time", "v1.MicroTime")  # a struct, which omitempty does not leave out
    left_out = "omitzero" in options or ("omitempty" in options and not moment)
    empty = "" if left_out != required else "?" if left_out else "!"
    return f"{mark}{'' if go == ruled(schema) else go}{empty}"


def made(folder: Path) -> dict[str, dict[str, str]]:
    """The content of `go.json`."""
    sources = Sources(folder)
    found: dict[str, dict[str, str]] = {}
    for minor in MINORS:
        for name, schema in definitions(minor).items():
            package = sources.package(name, minor) if "properties" in schema else None
            if package is None:
                continue
            fields = sources.fields(package, name.rpartition(".")[2])
            required = schema.get("required", ())
            for key, below in schema["properties"].items():
                note = noted(below, key in required, fields[key]) if key in fields else ""
                known = found.get(name, {}).get(key, "")
                if known.startswith("=") and not note.startswith(("=", "*")):
                    note = "=" + note  # required in this minor only: still no pointer in the others
                if note:
                    found.setdefault(name, {})[key] = note
    return dict(sorted(found.items()))


def enumerations(folder: Path) -> dict[str, dict[str, list[Any]]]:
    """The content of `enums.json`: of every value the first supported minor that has it, and what it means."""
    sources = Sources(folder)
    found: dict[str, dict[str, list[Any]]] = {}
    for minor in MINORS:
        packages = {sources.package(name, minor) for name in definitions(minor)}
        for package in packages - {None}:
            if package is not None and (package / "types.go").exists():
                for name, values in sources.enums(package).items():
                    for value, text in values.items():
                        since = found.setdefault(name, {}).get(value, [minor])[0]
                        found[name][value] = [since, text]
    return dict(sorted(found.items()))


def _line(fields: dict[str, Any]) -> str:
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS).decode()


def main() -> int:
    """The command."""
    folder = Path(sys.argv[1])
    for file, content in ((GO_FILE, made(folder)), (ENUMS_FILE, enumerations(folder))):
        lines = [f'"{name}":{_line(fields)}' for name, fields in content.items()]
        (FOLDER / file).write_text("{\n" + ",\n".join(lines) + "\n}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
