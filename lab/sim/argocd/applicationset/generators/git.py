"""The git generator, by folders and by files.

Source: Argo CD 3.6.1 `applicationset/generators/git.go`, `repo_path_utils.go`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from typing import Any

from lab.sim.argocd.applicationset.generators.generator import EMPTY, Run, wrapped
from lab.sim.argocd.applicationset.params import GeneratorError, Params, add_values, flatten, sanitize_name
from lab.sim.argocd.applicationset.sources import SourceError
from lab.sim.argocd.path_match import BadPattern, path_match
from lab.sim.objects import Object
from lab.sim.render import yaml_documents
from lab.sim.templates.json_text import floats
from lab.sim.templates.values import StringList


def generate(spec: Object, run: Run) -> list[Params]:
    """One set for each folder, or for each object in each file. `directories` goes before `files`.

    The AppProject must exist when its name is known, and before anything is read.
    """
    project = run.template_project
    if "{{" not in project and not run.sources.has_project(project):
        raise GeneratorError(f'error getting project {project}: AppProject.argoproj.io "{project}" not found')
    try:
        if spec.get("directories"):
            return _from_directories(spec, run)
        if spec.get("files"):
            return _from_files(spec, run)
    except (GeneratorError, SourceError) as error:
        raise wrapped("error generating params from git", error) from None
    raise GeneratorError(EMPTY)


def _where(spec: Object, run: Run) -> tuple[str, str, str]:
    return str(spec.get("repoURL") or ""), str(spec.get("revision") or ""), run.project


def _from_directories(spec: Object, run: Run) -> list[Params]:
    try:
        paths = run.sources.directories(*_where(spec, run))
    except SourceError as error:
        raise wrapped("error getting directories from git", error) from None
    sets: list[Params] = []
    for path in chosen(spec["directories"], paths):
        params = _place(path, path, "", spec, go_template=run.go_template)
        try:
            add_values(spec.get("values"), params, run.renderer)
        except GeneratorError as error:
            raise wrapped("error generating params from apps: failed to append templated values", error) from None
        sets.append(params)
    return sets


def chosen(items: Sequence[Object], paths: Iterable[str]) -> list[str]:
    """The folders that an item includes and none excludes; a pattern that cannot be read is passed over."""
    included = [str(one.get("path") or "") for one in items if not one.get("exclude")]
    excluded = [str(one.get("path") or "") for one in items if one.get("exclude")]
    return [path for path in paths if _any(included, path) and not _any(excluded, path)]


def _any(patterns: Iterable[str], path: str) -> bool:
    return any(_matches(one, path) for one in patterns)


def _matches(pattern: str, path: str) -> bool:
    try:
        return path_match(pattern, path)
    except BadPattern:
        return False


def _from_files(spec: Object, run: Run) -> list[Params]:
    where = _where(spec, run)
    found: dict[str, bytes] = {}
    for one in spec["files"]:
        if not one.get("exclude"):
            found.update(run.sources.files(*where, str(one.get("path") or "")))
    for one in spec["files"]:
        if one.get("exclude"):
            for path in run.sources.files(*where, str(one.get("path") or "")):
                found.pop(path, None)
    sets: list[Params] = []
    for path in sorted(found):
        try:
            sets += file_params(path, found[path], spec, run)
        except GeneratorError as error:
            raise wrapped(f"unable to process file '{path}' from repository '{where[0]}'", error) from None
    return sets


def file_params(path: str, content: bytes, spec: Object, run: Run) -> list[Params]:
    """The sets of one file: one for an object or an empty file, else one for each object of a list.

    Raises GeneratorError.
    """
    sets: list[Params] = []
    for found in _objects(content):
        params: Params = dict(found) if run.go_template else dict(flatten(found))
        folder, name = posixpath.dirname(path) or ".", posixpath.basename(path)
        params.update(_place(folder, folder, name, spec, go_template=run.go_template))
        try:
            add_values(spec.get("values"), params, run.renderer)
        except GeneratorError as error:
            raise wrapped("failed to append templated values", error) from None
        sets.append(params)
    return sets


def _objects(content: bytes) -> list[Params]:
    prefix = "unable to parse file"
    try:
        read = floats(yaml_documents.value(content))
    except yaml_documents.Malformed as error:
        raise wrapped(f"{prefix}: error converting YAML to JSON", error) from None
    if read is None:
        return [{}]
    if isinstance(read, dict):
        return [read]
    if isinstance(read, list) and all(isinstance(one, dict | None) for one in read):
        return [one or {} for one in read]
    kind, wanted = _mismatch(read)
    raise GeneratorError(
        f"{prefix}: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {kind} into Go value of type "
        f"{wanted}"
    )


def _mismatch(read: Any) -> tuple[str, str]:
    kinds = {str: "string", float: "number", bool: "bool", list: "array"}
    if isinstance(read, list):
        wrong = next(one for one in read if not isinstance(one, dict | None))
        return kinds[type(wrong)], "map[string]interface {}"
    return kinds[type(read)], "[]map[string]interface {}"


def _place(folder: str, shown: str, filename: str, spec: Object, *, go_template: bool) -> Params:
    """`path` and what follows from it, under `pathParamPrefix` when there is one."""
    base = posixpath.basename(folder.rstrip("/")) or folder[:1] or "."
    prefix = str(spec.get("pathParamPrefix") or "")
    names = {"basename": base, "basenameNormalized": sanitize_name(base)}
    if filename:
        names |= {"filename": filename, "filenameNormalized": sanitize_name(filename)}
    if go_template:
        place = {"path": shown, **names, "segments": StringList(shown.split("/"))}
        return {prefix: {"path": place}} if prefix else {"path": place}
    key = f"{prefix}.path" if prefix else "path"
    segments = {f"{key}[{at}]": one for at, one in enumerate(shown.split("/")) if one}
    return {key: shown, **{f"{key}.{name}": text for name, text in names.items()}, **segments}
