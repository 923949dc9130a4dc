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
from lab.sim.render.folder import Folder
from lab.sim.templates.gotemplate import Budget
from lab.sim.templates.semver import in_range
from lab.sim.templates.values import quoted

from . import dependencies, engine, parameters, schema
from .capabilities import capabilities, normalized
from .chart import Chart, load
from .errors import HelmError
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
    try:
        return template(folder, path, options, now=now, budget=budget)
    except HelmError as error:
        raise RenderError(f"failed to execute helm template command: {_failed(options)}: Error: {error}") from None


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
        raise HelmError(
            f"release name check failed: release name {quoted(name)}: invalid release name, must match regex "
            f"^{_NAME.pattern}$ and the length must not be longer than {_NAME_LIMIT}"
        )


def _failed(options: HelmOptions) -> str:
    """The command that failed, as Argo CD shows it."""
    words = ["helm", "template", ".", "--name-template", options.release_name]
    if options.namespace:
        words += ["--namespace", options.namespace]
    if options.kube_version:
        words += ["--kube-version", options.kube_version]
    for flag, forced in (("--set", False), ("--set-string", True)):
        for one in options.parameters:
            if one.force_string == forced:
                words += [flag, f"{one.name}={one.value}"]
    for name, file in options.file_parameters:
        words += ["--set-file", f"{name}={file}"]
    for file in options.value_files:
        words += ["--values", file]
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
    return f"failed running helm: `{_shown(words)}` failed exit status 1"


def _shown(words: Sequence[str]) -> str:
    return " ".join(
        word if word.startswith("<") else quoted(word) if any(map(str.isspace, word)) else word or '""'
        for word in words
    )
