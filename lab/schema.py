"""Writes what is generated from the scenario model: the JSON schema for editors and the page that describes the format.

`python -m lab.schema` writes both into the checkout, `python -m lab.schema --check` exits 1 when one of them is stale.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from lab.model import CHECK_KINDS, ScenarioFile
from lab.scenario.lessons import FrontMatter

ROOT = Path(__file__).parent.parent
SCHEMA = Path("scenarios/scenario.schema.json")
PAGE = Path("docs/scenario-format.md")
TEMPLATE = Path("docs/templates/scenario-format.md")
_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_SECTIONS = {
    "ScenarioFile": "The file",
    "Metadata": "`metadata`",
    "Spec": "`spec`",
    "Cluster": "`spec.clusters[]`",
    "ArgoCD": "`spec.argocd[]`",
    "Rights": "`spec.argocd[].rights.<cluster>`",
    "Repository": "`spec.repositories[]`",
    "Include": "`spec.repositories[].include[]`",
    "Bootstrap": "`spec.bootstrap[]`",
    "Check": "`spec.checks[]`",
    "Expect": "`spec.checks[].expect`",
    "App": "`spec.checks[].app`",
    "AppSet": "`spec.checks[].appset`",
    "Denied": "`spec.checks[].denied`",
    "Http": "`spec.checks[].http`",
}
"""Every part of the model, in the order of the page."""

Schema = dict[str, Any]


def schema(model: type[BaseModel] = ScenarioFile) -> Schema:
    """The JSON schema of a file, as editors want it: without generated titles and without `null` as a value."""
    found: Schema = _tidy(model.model_json_schema(by_alias=True))
    if "Check" in found.get("$defs", {}):
        found["$defs"]["Check"]["oneOf"] = [{"required": [kind]} for kind in CHECK_KINDS]
    return {"$schema": _DIALECT, **found}


def _tidy(value: Any) -> Any:
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {}
    for key, part in value.items():
        # A property may be called title as well: then its value is a mapping.
        if key == "title" and isinstance(part, str):
            continue
        if key == "default" and part is None:
            continue
        if key == "anyOf" and {"type": "null"} in part:
            (only,) = (choice for choice in part if choice != {"type": "null"})
            kept.update(_tidy(only))
            continue
        kept[key] = _oneline(part) if key == "description" and isinstance(part, str) else _tidy(part)
    return kept


def _oneline(text: str) -> str:
    return " ".join(text.split())


def page(template: str) -> str:
    """The page about the format: the hand-written template with the tables of keys put in."""
    whole = schema()
    parts = {"ScenarioFile": whole, **whole["$defs"]}
    left = sorted(set(parts) ^ set(_SECTIONS))
    if left:
        raise ValueError(f"no section of the page, or no part of the model: {', '.join(left)}")
    sections = "\n".join(
        line for name, title in _SECTIONS.items() for line in (f"### {title}", "", *_section(parts[name]))
    )
    lesson = "\n".join(_table(schema(FrontMatter)))
    return template.replace("<!-- keys -->", sections.rstrip()).replace("<!-- lesson keys -->", lesson.rstrip())


def _section(part: Schema) -> Iterator[str]:
    yield part["description"]
    yield ""
    yield from _table(part)
    yield ""


def _table(part: Schema) -> Iterator[str]:
    required = part.get("required", ())
    yield "| key | value | meaning |"
    yield "| --- | --- | --- |"
    for key, about in part["properties"].items():
        default = about.get("default")
        note = "required" if key in required else f"default `{default}`" if default else ""
        cells = (f"`{key}`", _value(about) + (f"; {note}" if note else ""), about.get("description", ""))
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _value(about: Mapping[str, Any]) -> str:
    """What a key takes, in words."""
    if "const" in about:
        return f"`{about['const']}`"
    if "enum" in about:
        return ", ".join(f"`{choice}`" for choice in about["enum"])
    if "$ref" in about:
        return "mapping"
    kind = about.get("type")
    if kind == "array":
        items = about["items"]
        return "list" if "$ref" in items else f"list of {_value(items)}"
    if kind == "object":
        values = about.get("additionalProperties")
        return "mapping of text" if values == {"type": "string"} else "mapping"
    if kind == "integer":
        low, high = about.get("minimum"), about.get("maximum")
        return f"number {low} to {high}" if high is not None else "number"
    if kind == "boolean":
        return "`true` or `false`"
    pattern = str(about.get("pattern", ""))
    return "name" if "maxLength" in about else "duration" if pattern else "path" if "minLength" in about else "text"


def generated(root: Path) -> dict[Path, str]:
    """Every generated file of a checkout with the content it must have."""
    template = (root / TEMPLATE).read_text(encoding="utf-8")
    return {SCHEMA: json.dumps(schema(), indent=2, ensure_ascii=False) + "\n", PAGE: page(template)}


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Write the generated files, or with `--check` name those that are stale; the exit code."""
    if list(arguments) not in ([], ["--check"]):
        sys.stderr.write("usage: python -m lab.schema [--check]\n")
        return 2
    stale = []
    for name, text in generated(root).items():
        path = root / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not arguments:
                path.write_text(text, encoding="utf-8")
    for name in stale:
        sys.stderr.write(f"{name} is stale; run: python -m lab.schema\n" if arguments else f"wrote {name}\n")
    return 1 if stale and arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
