"""Argo CD's `spec.source.helm`, and the values that Helm makes of it.

Later wins: value files in order, then `values` or `valuesObject`, then `parameters`, those with `forceString` after
the others, then `fileParameters`. Source: Argo CD `reposerver/repository/repository.go` (helmTemplate,
getResolvedValueFiles) and `util/helm/cmd.go`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from lab.sim.git.patterns import doublestar
from lab.sim.render.errors import NotSupported, RenderError
from lab.sim.render.folder import Folder, shown
from lab.sim.templates.values import quoted

from .chart import load_values
from .errors import HelmError
from .strvals import parse_into
from .tables import Table, merged

_COMMA = re.compile(r"(?<!\\),")
_GLOB = frozenset("*?[")
Reference = Callable[[str], tuple[Folder, str] | None]
"""Finds the folder that `$name` of a value file stands for, and the repository's URL; None when there is none."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One of `parameters`: set as with `--set`, or `--set-string` when `force_string`."""

    name: str
    value: str
    force_string: bool = False


@dataclass(frozen=True, slots=True)
class HelmOptions:
    """What Argo CD passes to Helm."""

    release_name: str
    """The application's name, or `releaseName`."""
    namespace: str = ""
    """Of the destination, or `namespace`."""
    kube_version: str = ""
    """Of the destination cluster, or `kubeVersion`, e.g. `v1.34.4`; "" for Helm's own."""
    api_versions: Sequence[str] = ()
    """`GROUP/VERSION` and `GROUP/VERSION/KIND` of the cluster, or `apiVersions`."""
    value_files: Sequence[str] = ()
    values: str = ""
    """YAML; `valuesObject` written as YAML or JSON wins over `values` and comes here."""
    parameters: Sequence[Parameter] = ()
    file_parameters: Sequence[tuple[str, str]] = ()
    """Name and path."""
    ignore_missing_value_files: bool = False
    skip_crds: bool = False
    skip_tests: bool = False
    skip_schema_validation: bool = False
    reference: Reference | None = field(default=None, compare=False)


class NoMatch(RenderError):
    """A glob of value files that matches nothing."""

    code = "NotFound"


def values(folder: Folder, path: str, options: HelmOptions) -> Table:
    """The values given to a chart at `path` of the repository `folder`. Raises RenderError."""
    made: Table = {}
    for source, name in value_files(folder, path, options):
        made = merged(made, _read_values(source, name))
    if options.values:
        try:
            made = merged(made, load_values(options.values.encode()))
        except HelmError as error:
            raise HelmError(
                f"failed to parse <temp file with values from source.helm.values/valuesObject>: {error}"
            ) from None
    parameters = list({(one.name, one.force_string): one for one in options.parameters}.values())
    for one in parameters:
        if not one.force_string:
            _set("--set", f"{one.name}={cleaned(one.value)}", made)
    for one in parameters:
        if one.force_string:
            _set("--set-string", f"{one.name}={cleaned(one.value)}", made, str)
    for name, file in dict(options.file_parameters).items():
        source, found = file_of(folder, path, file, options)
        try:
            text = _content(source, found).decode(errors="replace")
        except HelmError as error:
            raise HelmError(f"failed parsing --set-file data: {error}") from None
        _set("--set-file", f"{name}={cleaned(file)}", made, partial(_given, text))
    return made


def _set(flag: str, text: str, target: Table, read: Callable[[str], Any] | None = None) -> None:
    try:
        if read is None:
            parse_into(text, target)
        else:
            parse_into(text, target, read)
    except HelmError as error:
        raise HelmError(f"failed parsing {flag} data: {error}") from None


def _given(text: str, _: str) -> str:
    return text


def cleaned(value: str) -> str:
    """A value with its commas escaped, unless it is a list."""
    return value if value.startswith("{") and value.endswith("}") else _COMMA.sub(r"\\,", value)


def _read_values(folder: Folder, path: str) -> Table:
    content = _content(folder, path)
    try:
        return load_values(content)
    except HelmError as error:
        raise HelmError(f"failed to parse {shown(path)}: {error}") from None


def _content(folder: Folder, path: str) -> bytes:
    try:
        return folder.read(path)
    except KeyError:
        if folder.exists(path):
            raise HelmError(f"read {shown(path)}: is a directory") from None
        raise HelmError(f"open {shown(path)}: no such file or directory") from None


def value_files(folder: Folder, path: str, options: HelmOptions) -> Iterator[tuple[Folder, str]]:
    """Folder and path of each value file, in order and once each. Raises RenderError."""
    prefix = "error resolving helm value files: error resolving value file path"
    resolved = [_resolved(folder, path, one, options, prefix) for one in options.value_files]
    explicit = {(id(source), name) for source, name in resolved if not _GLOB.intersection(name)}
    seen: set[tuple[int, str]] = set()
    for written, (source, name) in zip(options.value_files, resolved, strict=True):
        found = [name]
        if _GLOB.intersection(name):
            found = [one for one in _matching(source, name) if (id(source), one) not in explicit]
            if not found and not options.ignore_missing_value_files and not list(_matching(source, name)):
                raise NoMatch(f"error resolving helm value files: values file glob {quoted(written)} matched no files")
        elif options.ignore_missing_value_files and not source.exists(name):
            continue
        for one in found:
            if (id(source), one) not in seen:
                seen.add((id(source), one))
                yield source, one


def file_of(folder: Folder, path: str, written: str, options: HelmOptions) -> tuple[Folder, str]:
    """Folder and path of a file parameter. Raises RenderError."""
    return _resolved(folder, path, written, options, "error resolving helm value file path")


def _matching(folder: Folder, pattern: str) -> list[str]:
    matches = doublestar(pattern)
    return sorted(name for name in _every(folder, "") if matches(name))


def _every(folder: Folder, inside: str) -> Iterator[str]:
    for name in folder.list(inside):
        path = inside + name
        if name.endswith("/"):
            yield from _every(folder, path)
        else:
            yield path


def _resolved(folder: Folder, path: str, written: str, options: HelmOptions, prefix: str) -> tuple[Folder, str]:
    """Where a value file lies: relative to the chart, to the repository if it begins with `/`, or in `$name`."""
    if written.startswith("$") and options.reference is not None:
        name, _, rest = written.partition("/")
        found = options.reference(name)
        if found is not None:
            prefix = prefix.replace("helm value file path", "set-file path")
            return found[0], _inside("", "/" + rest, f"{prefix}: error resolving value file path")
    scheme = urlsplit(written).scheme if "://" in written else ""
    if scheme in ("http", "https"):
        raise NotSupported(f"the remote value file {written}")
    if scheme:
        raise RenderError(f"{prefix}: the URL scheme '{scheme}' is not allowed")
    return folder, _inside(path, written, prefix)


def _inside(path: str, written: str, prefix: str) -> str:
    full = written.lstrip("/") if written.startswith("/") else posixpath.join(path, written)
    full = posixpath.normpath(full) if full else "."
    if full == ".":
        raise RenderError(f"{prefix}: internal error: failed to resolve path. Check logs for more details")
    if full == ".." or full.startswith("../"):
        raise RenderError(f"{prefix}: file '{written}' resolved to outside repository root")
    return full
