"""A chart and its subcharts, read from a folder or an archive. Source: Helm `pkg/chart/v2/loader/load.go`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from lab.sim.render import yaml_documents
from lab.sim.render.folder import Folder, TooLarge
from lab.sim.templates.json_text import floats

from . import archive, metadata
from .errors import HelmError
from .ignore import Rules
from .metadata import Metadata
from .tables import Table, merged

_MANIFESTS = (".yaml", ".yml", ".json")
_DEEPEST = 50


@dataclass(slots=True)
class Chart:
    """One chart; `parent` is None for the root."""

    metadata: Metadata
    values: Table = field(default_factory=dict)
    templates: dict[str, bytes] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    schema: bytes | None = None
    dependencies: list[Chart] = field(default_factory=list)
    parent: Chart | None = None

    @property
    def name(self) -> str:
        """Its name, or the alias its parent gives it."""
        return self.metadata.name

    @property
    def path(self) -> str:
        """Where templates say they come from, e.g. `app/charts/redis`."""
        return f"{self.parent.path}/charts/{self.name}" if self.parent is not None else self.name

    def adopt(self, charts: list[Chart]) -> None:
        """Make these the dependencies."""
        self.dependencies = charts
        for one in charts:
            one.parent = self

    def twin(self, name: str) -> Chart:
        """A copy that can be renamed and lose dependencies without the original changing."""
        made = replace(self, metadata=self.metadata.copy(), parent=None)
        made.adopt([one.twin("") for one in self.dependencies])
        if name:
            made.metadata.fields["Name"] = name
        return made

    def crds(self) -> Iterator[tuple[str, bytes]]:
        """The manifests in `crds/`, also of subcharts, with the place they come from."""
        for name, content in self.files.items():
            if name.startswith("crds/") and name.lower().endswith(_MANIFESTS):
                yield f"{self.path}/{name}", content
        for one in self.dependencies:
            yield from one.crds()


def load(folder: Folder, path: str) -> Chart:
    """The chart at a path of a folder. Raises HelmError."""
    base = path.strip("/")
    base = "" if base in ("", ".") else base + "/"
    rules = Rules()
    if folder.exists(base + ".helmignore"):
        rules = Rules(folder.read(base + ".helmignore").decode(errors="replace"))
    try:
        return from_files(dict(_walk(folder, base, "", rules)))
    except TooLarge as error:
        raise HelmError(str(error)) from None


def _walk(folder: Folder, base: str, inside: str, rules: Rules) -> Iterator[tuple[str, bytes]]:
    for name in folder.list(base + inside):
        path = inside + name.removesuffix("/")
        is_folder = name.endswith("/")
        if rules.ignores(path, is_folder):
            continue
        if is_folder:
            yield from _walk(folder, base, path + "/", rules)
            continue
        content = folder.read(base + path)
        if len(content) > archive.LARGEST_FILE:
            raise HelmError(f'chart file "{name}" is larger than the maximum file size {archive.LARGEST_FILE}')
        yield path, content.removeprefix(b"\xef\xbb\xbf")


def from_files(files: dict[str, bytes], depth: int = 0) -> Chart:
    """A chart from its files by path. Raises HelmError."""
    if depth > _DEEPEST:
        raise HelmError("charts are nested too deeply")
    raw: dict[str, Any] | None = None
    if "Chart.yaml" in files:
        raw = metadata.read(files["Chart.yaml"])
        raw["apiVersion"] = raw.get("apiVersion") or "v1"
    if "requirements.yaml" in files:
        raw = metadata.read(files["requirements.yaml"], raw, "requirements.yaml")
    values: Table = {}
    if "values.yaml" in files:
        try:
            values = load_values(files["values.yaml"])
        except HelmError as error:
            raise HelmError(f"cannot load values.yaml: {error}") from None
    if raw is None:
        raise HelmError("Chart.yaml file is missing")
    chart = Chart(metadata.parse(raw), values, schema=files.get("values.schema.json"))
    packed: dict[str, dict[str, bytes]] = {}
    for name, content in files.items():
        if name in ("Chart.yaml", "Chart.lock", "values.yaml", "values.schema.json"):
            continue
        if name in ("requirements.yaml", "requirements.lock") and raw["apiVersion"] != "v1":
            continue
        if name.startswith("templates/"):
            chart.templates[name] = content
        elif name.startswith("charts/") and not name.endswith(".prov"):
            inner = name.removeprefix("charts/")
            packed.setdefault(inner.partition("/")[0], {})[inner] = content
        else:
            chart.files[name] = content
    chart.adopt(list(_subcharts(chart, packed, depth)))
    return chart


def _subcharts(chart: Chart, packed: dict[str, dict[str, bytes]], depth: int) -> Iterator[Chart]:
    for name in sorted(packed):
        files = packed[name]
        if name.startswith(("_", ".")):
            continue
        try:
            if name.endswith(".tgz"):
                if name not in files:
                    raise HelmError(f"error unpacking subchart tar in {chart.name}: expected {name}, got {min(files)}")
                yield from_files(archive.files(files[name]), depth + 1)
            else:
                inner = {path.partition("/")[2]: content for path, content in files.items() if "/" in path}
                yield from_files(inner, depth + 1)
        except HelmError as error:
            raise HelmError(f"error unpacking subchart {name} in {chart.name}: {error}") from None


def load_values(content: bytes) -> Table:
    """The documents of a values file, later ones laid over earlier ones; numbers are floats. Raises HelmError."""
    values: Table = {}
    for document in yaml_documents.documents(content.removeprefix(b"\xef\xbb\xbf")):
        try:
            found = yaml_documents.value(document)
        except yaml_documents.Malformed as error:
            raise HelmError(f"cannot unmarshal yaml document: error converting YAML to JSON: {error}") from None
        if found is None:
            continue
        if not isinstance(found, dict):
            kind = {list: "array", str: "string", bool: "bool"}.get(type(found), "number")
            raise HelmError(
                "cannot unmarshal yaml document: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal "
                f"{kind} into Go value of type map[string]interface {{}}"
            )
        values = merged(values, floats(found))
    return values
