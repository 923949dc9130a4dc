"""Kubernetes manifests as plain objects: read, checked for what every object needs, and filled in."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from lab.ports import Object
from lab.reading.dialects import MANIFEST, Dialect
from lab.reading.files import FILE_LIMIT, below, kind_of, listing, read_bytes
from lab.reading.marks import Document, decode, parse
from lab.reading.problems import START, KeyPath, Problem, Problems, Report, ScenarioProblems, did_you_mean, listed

TRUSTED_LIMIT = 16 << 20
"""Bytes of a manifest whose content is pinned, such as Argo CD's release (2 MB)."""
SUFFIXES = (".yaml", ".yml")
_APPLIED_SUFFIXES = (*SUFFIXES, ".json")
_REFERENCE = re.compile(r"\$\{([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+)\}")
"""A dot tells our names from a shell's, which cannot hold one: `${HOME}` is left as it is."""
_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")

Value = TypeVar("Value")


def documents(path: Path, *, trusted: bool = False) -> tuple[Object, ...]:
    """The objects of a manifest file, or of all manifests directly in a folder by name, as `kubectl apply -f` takes
    them. A `List` gives its items; empty documents are left out.

    `trusted` is for files whose content is pinned: it allows 16 MiB instead of 1 MiB.
    Raises ScenarioProblems with every problem when a file is not YAML or something is not an object.
    """
    problems = Problems()
    found = located_objects(path, problems, trusted=trusted)
    problems.raise_any(path)
    return tuple(obj for _, _, obj in found)


def located_objects(path: Path, problems: Problems, *, trusted: bool = False) -> list[tuple[Report, Document, Object]]:
    """As `documents`, with the document each object was found in; what is wrong goes to `problems`."""
    files = applied_files(path)
    if not files:
        problems.report(path).add(START, (), f"must hold manifests ({', '.join(_APPLIED_SUFFIXES)}), found none")
    found: list[tuple[Report, Document, Object]] = []
    for file in files:
        report = problems.report(file)
        before = len(found)
        read = read_documents(file, report, trusted=trusted)
        found += [(report, document, obj) for document in read for obj in _objects(document, report)]
        if len(found) == before and not report.count:
            report.add(START, (), "must hold an object, found none")
    return found


def applied_files(path: Path) -> list[Path]:
    """The manifest file itself, or the manifests directly in the folder, sorted by name."""
    if kind_of(path) != "folder":
        return [path]
    return [file for file in listing(path) if file.suffix in _APPLIED_SUFFIXES]


def read_documents(file: Path, report: Report, *, trusted: bool = False, dialect: Dialect = MANIFEST) -> list[Document]:
    """The YAML documents of one file, or nothing after saying why not."""
    data = read_bytes(file, report, TRUSTED_LIMIT if trusted else FILE_LIMIT)
    text = None if data is None else decode(data, report)
    return [] if text is None else parse(text, dialect, report)


def _objects(document: Document, report: Report) -> Iterator[Object]:
    data = document.data
    if isinstance(data, dict) and data.get("kind") == "List" and isinstance(data.get("items"), list):
        for index, item in enumerate(data["items"]):
            yield from _object(item, document, ("items", index), report)
    elif data is not None:
        yield from _object(data, document, (), report)


def _object(data: Any, document: Document, path: KeyPath, report: Report) -> Iterator[Object]:
    if not isinstance(data, dict):
        report.add(document.place(path), path, "must be an object with apiVersion, kind and metadata")
        return
    metadata = data.get("metadata")
    values = {
        "apiVersion": data.get("apiVersion"),
        "kind": data.get("kind"),
        "metadata.name": metadata.get("name") or metadata.get("generateName") if isinstance(metadata, dict) else None,
    }
    lacking = [key for key, value in values.items() if not (isinstance(value, str) and value)]
    for key in lacking:
        where = (*path, *key.split("."))
        report.add(document.place(where), where, "must be given as text")
    if not lacking:
        yield data


def manifest_files(folder: Path) -> list[Path]:
    """Every YAML file below a folder, sorted by path, without the templates of Helm charts: those are not YAML yet."""
    return [file for file in below(folder) if file.suffix in SUFFIXES and not is_template(file, folder)]


def is_template(file: Path, folder: Path) -> bool:
    """Whether the file is a template of a Helm chart below the folder, which need not be YAML."""
    parts = file.relative_to(folder).parts
    return any(
        part == "templates" and (folder.joinpath(*parts[:depth]) / "Chart.yaml").exists()
        for depth, part in enumerate(parts[:-1])
    )


def known_names(clusters: Iterable[str]) -> list[str]:
    """What may stand in `${…}`: the in-network API address of each cluster."""
    return [f"cluster.{cluster}.server" for cluster in clusters]


def substitute(value: Value, values: Mapping[str, str], where: str = "") -> Value:
    """The same text, list or mapping with every `${cluster.NAME.server}` filled in from `values`.

    Only dotted names count; `${HOME}` stays. Values are put in as they are: nothing in them is looked at again.
    An unknown name raises ScenarioProblems, which names `where`.
    """
    unknown: list[str] = []
    filled = _substitute(value, values, unknown)
    if unknown:
        raise ScenarioProblems(
            where or "the text",
            [
                Problem(file=where or "text", line=1, column=1, path="", text=unknown_name(name, values))
                for name in unknown
            ],
        )
    return filled  # type: ignore[no-any-return]


def _substitute(value: Any, values: Mapping[str, str], unknown: list[str]) -> Any:
    if isinstance(value, str):
        unknown += [name for name in dict.fromkeys(_REFERENCE.findall(value)) if name not in values]
        return _REFERENCE.sub(lambda match: values.get(match[1], match[0]), value)
    if isinstance(value, list):
        return [_substitute(item, values, unknown) for item in value]
    if isinstance(value, tuple):
        return tuple(_substitute(item, values, unknown) for item in value)
    if isinstance(value, dict):
        return {key: _substitute(part, values, unknown) for key, part in value.items()}
    return value


def unknown_name(name: str, known: Iterable[str]) -> str:
    """The problem of a `${name}` that cannot be filled in."""
    names = list(known)
    return f"must be one of {listed(names)}, found ${{{name}}}{did_you_mean(name, names)}"


def check_names(document: Document, path: KeyPath, known: Sequence[str], report: Report) -> None:
    """Say which `${…}` below a path of a document cannot be filled in."""
    for where, text in document.scalars(path):
        for name in dict.fromkeys(_REFERENCE.findall(text)):
            if name not in known:
                report.add(document.place(where), where, unknown_name(name, known))


def images(folder: Path) -> tuple[str, ...]:
    """The container images named below a folder or in a file, sorted, each once.

    Containers of pods and pod templates count, and the replacements of a kustomization. Helm templates are not read.
    Raises ScenarioProblems when a file is not YAML.
    """
    problems = Problems()
    files = manifest_files(folder) if kind_of(folder) == "folder" else [folder]
    found = {
        image
        for file in files
        for document in read_documents(file, problems.report(file))
        for image in images_of(document.data)
    }
    problems.raise_any(folder)
    return tuple(sorted(found))


def images_of(value: Any) -> Iterator[str]:
    """The container images named anywhere in an object."""
    if isinstance(value, list):
        for item in value:
            yield from images_of(item)
    elif isinstance(value, dict):
        if value.get("kind") == "Kustomization":
            yield from _replacements(value.get("images"))
        for key, part in value.items():
            if key in _CONTAINERS and isinstance(part, list):
                named = (container.get("image") for container in part if isinstance(container, dict))
                yield from (image for image in named if isinstance(image, str) and image)
            yield from images_of(part)


def _replacements(entries: Any) -> Iterator[str]:
    """What kustomize puts in place of an image; an entry that sets neither tag nor digest keeps the container's."""
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict):
            name, tag, digest = entry.get("newName") or entry.get("name"), entry.get("newTag"), entry.get("digest")
            if name and (tag or digest):
                yield f"{name}@{digest}" if digest else f"{name}:{tag}"
