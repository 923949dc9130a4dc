"""Renders a chart as Argo CD's repository server does with `helm template`."""

from __future__ import annotations

import posixpath
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from lab.sim.objects import Object
from lab.sim.render import yaml_documents
from lab.sim.render.errors import RenderError
from lab.sim.render.folder import ROOT, Folder, shown
from lab.sim.templates.gotemplate import Budget
from lab.sim.templates.semver import in_range
from lab.sim.templates.values import quoted

from . import dependencies, engine, parameters, schema
from .capabilities import capabilities, normalized
from .chart import Chart, load
from .errors import HelmError, InvalidRelease
from .manifests import Manifest, manifests, objects
from .parameters import HelmOptions
from .tables import Table, coalesced

_NAME_LIMIT = 53
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def render(
    folder: Folder,
    path: str,
    options: HelmOptions,
    *,
    now: Callable[[], float] = time.time,
    budget: Budget | None = None,
) -> list[Object]:
    """The objects of the chart at `path` of a repository, in the order in which `helm template` prints them.

    Custom resource definitions of `crds/` come first unless `skip_crds`, hooks last with their annotations. `now`:
    seconds since 1970, for templates that ask for the time. Raises RenderError with Argo CD's text.
    """
    try:
        version = normalized(options.kube_version)
    except HelmError as error:
        raise RenderError(f"could not parse kubernetes version {options.kube_version}: {error}") from None
    options = replace(options, kube_version=version)
    where = "" if path == "." else path
    files = [found for _, found in parameters.value_files(folder, where, options)]
    given = [(name, parameters.file_of(folder, where, file, options)[1]) for name, file in options.file_parameters]
    _check_files(folder, where)
    try:
        return template(folder, path, options, now=now, budget=budget)
    except InvalidRelease as error:
        log = f'level=ERROR msg="release name check failed" error={quoted(error.why)}\n'
        raise RenderError(f"{_failed(options, files, given)}: {log}Error: {error}") from None
    except HelmError as error:
        raise RenderError(f"{_failed(options, files, given)}: Error: {error}") from None


def template(
    folder: Folder,
    path: str,
    options: HelmOptions,
    *,
    now: Callable[[], float] = time.time,
    budget: Budget | None = None,
) -> list[Object]:
    """As `render`, with Helm's own text in HelmError."""
    given = parameters.values(folder, "" if path == "." else path, options)
    if not folder.exists(posixpath.join(path, "Chart.yaml")):
        raise HelmError("unable to detect chart at ./Chart.yaml: open ./Chart.yaml: no such file or directory")
    chart = load(folder, path)
    kind = chart.metadata.fields["Type"]
    if kind not in ("", "application"):
        raise HelmError(f"{kind} charts are not installable")
    dependencies.check(chart)
    _check_release(options.release_name)
    plain, hooks = _rendered(chart, given, options, now, budget or Budget())
    made: list[Object] = []
    if not options.skip_crds:
        for file, content in chart.crds():
            made += _custom_resources(file, content)
    return made + objects([*plain, *hooks], options.skip_tests)


def _rendered(
    chart: Chart, given: Table, options: HelmOptions, now: Callable[[], float], budget: Budget
) -> tuple[list[Manifest], list[Manifest]]:
    dependencies.process(chart, given)
    cluster = capabilities(options.kube_version, options.api_versions)
    values = coalesced(chart, given)
    if not options.skip_schema_validation:
        schema.validate(chart, values)
    release: Table = {
        "Name": options.release_name,
        "Namespace": options.namespace or "default",
        "IsUpgrade": False,
        "IsInstall": True,
        "Revision": 1,
        "Service": "Helm",
    }
    try:
        kube = str(cluster.fields["KubeVersion"].fields["Version"])
        wanted = chart.metadata.fields["KubeVersion"]
        if wanted and not in_range(wanted, kube):
            raise HelmError(f"chart requires kubeVersion: {wanted} which is incompatible with Kubernetes {kube}")
        rendered = engine.render(chart, values, release, cluster, now, budget)
        return manifests({name: text for name, text in rendered.items() if not name.endswith("NOTES.txt")})
    except HelmError as error:
        # Helm adds this to whatever fails once it has begun a release.
        raise HelmError(f"{error}\n\nUse --debug flag to render out invalid YAML") from None


def _custom_resources(file: str, content: bytes) -> list[Object]:
    try:
        return list(yaml_documents.objects(content))
    except yaml_documents.Malformed as error:
        raise RenderError(f"failed to unmarshal manifest: {file}: {error}") from None


def _check_release(name: str) -> None:
    if not name or len(name) > _NAME_LIMIT or not _NAME.fullmatch(name):
        raise InvalidRelease(
            f"release name {quoted(name)}: invalid release name, must match regex ^{_NAME.pattern}$ and the length "
            f"must not be longer than {_NAME_LIMIT}"
        )


def _check_files(folder: Folder, path: str) -> None:
    """Argo CD looks into the chart for repositories of dependencies first. Raises RenderError."""
    file = shown(posixpath.join(path, "Chart.yaml"))
    prefix = "error getting helm repos: error retrieving helm dependency repos"
    try:
        content = folder.read(posixpath.join(path, "Chart.yaml"))
    except KeyError:
        text = f"{prefix}: error reading helm chart from {file}: open {file}: no such file or directory"
        raise RenderError(text) from None
    try:
        yaml_documents.value(content)
    except yaml_documents.Malformed as error:
        what = "error unmarshalling the helm chart while getting helm dependency repos"
        raise RenderError(f"{prefix}: {what}: error converting YAML to JSON: {error}") from None


def _failed(options: HelmOptions, files: Sequence[str], given: Sequence[tuple[str, str]]) -> str:
    """The command that failed, as Argo CD shows it.

    :param files: of values, from the root of their repositories
    :param given: name and file of parameters, likewise
    """
    words = ["helm", "template", ".", "--name-template", options.release_name]
    if options.namespace:
        words += ["--namespace", options.namespace]
    if options.kube_version:
        words += ["--kube-version", options.kube_version]
    for flag, forced in (("--set", False), ("--set-string", True)):
        for one in options.parameters:
            if one.force_string == forced:
                words += [flag, f"{one.name}={one.value}"]
    for name, file in given:
        words += ["--set-file", f"{name}={shown(file)}"]
    for file in files:
        words += ["--values", shown(file)]
    if options.values:
        words += ["--values", "<temp file with values from source.helm.values/valuesObject>"]
    if options.api_versions:
        words.append("<api versions removed>")
    flags = {
        "--include-crds": not options.skip_crds,
        "--skip-schema-validation": options.skip_schema_validation,
        "--skip-tests": options.skip_tests,
    }
    words += [flag for flag, chosen in flags.items() if chosen]
    return f"failed to execute helm template command: failed running helm: `{_words(words)}` failed exit status 1"


def _has_space(word: str) -> bool:
    return any(map(str.isspace, word))


def _words(words: Sequence[str]) -> str:
    return " ".join(
        word if word.startswith("<") else quoted(word) if _has_space(word.replace(ROOT, "")) else word or '""'
        for word in words
    )
