"""Does one job: reads the files of its commit and hands them to the renderer of its kind."""

from __future__ import annotations

import posixpath
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import orjson

from lab.sim.argocd.repo_server.answers import Refusal, refusal
from lab.sim.argocd.repo_server.checkouts import Commit
from lab.sim.argocd.repo_server.jobs import Job
from lab.sim.git.patterns import BadPattern
from lab.sim.objects import Object
from lab.sim.render import backends, directory, kustomize
from lab.sim.render.detect import HELM, KUSTOMIZE
from lab.sim.render.errors import RenderError
from lab.sim.render.folder import Folder, OutOfBounds, TooLarge
from lab.sim.render.helm import parameters
from lab.sim.render.helm import render as helm
from lab.sim.render.helm.parameters import HelmOptions
from lab.sim.templates.gotemplate import Budget

_GIVEN = ".lab-given"
"""Folder of a chart in which a real Helm finds the values that are no files of the repository."""


@dataclass(frozen=True, slots=True)
class Tools:
    """Programs to use instead of the built-in renderers; "" for those."""

    helm: str = ""
    kustomize: str = ""


def render(
    job: Job,
    files: Callable[[Commit], Folder],
    tools: Tools = Tools(),
    *,
    limit: int = directory.COMBINED_LIMIT,
    now: Callable[[], float] = time.time,
    budget: Budget | None = None,
) -> list[Object]:
    """The objects of a job, without tracking marks.

    :param files: the files of a commit; raises Refusal
    :param limit: bytes of a directory's manifests
    :param now: for charts that ask for the time
    :param budget: what the templates of a chart may cost
    :raises Refusal: they cannot be had
    """
    folder = files(job.commit)
    try:
        if job.kind == HELM and job.helm is not None:
            return _helm(folder, job, job.helm, files, tools, now, budget)
        if job.kind == KUSTOMIZE:
            options = kustomize.Options(orjson.loads(job.options), dict(job.environment))
            if tools.kustomize:
                return backends.kustomize(folder, job.path, options, program=tools.kustomize)
            return kustomize.render(folder, job.path, options)
        return directory.render(folder, job.path, orjson.loads(job.options), limit=limit)
    except RenderError as error:
        raise refusal(error) from None
    except (TooLarge, OutOfBounds, BadPattern) as error:
        raise Refusal(str(error)) from None
    except RecursionError:
        raise Refusal("the source is nested too deeply") from None


def _helm(
    folder: Folder,
    job: Job,
    options: HelmOptions,
    files: Callable[[Commit], Folder],
    tools: Tools,
    now: Callable[[], float],
    budget: Budget | None,
) -> list[Object]:
    others = {name: files(commit) for name, commit in job.references}

    def reference(name: str) -> tuple[Folder, str] | None:
        return (others[name], name) if name in others else None

    options = replace(options, reference=reference)
    if not tools.helm:
        return helm.render(folder, job.path, options, now=now, budget=budget)
    given: dict[str, bytes] = {}
    arguments = _arguments(folder, job.path, options, given)
    return backends.helm(Overlay(folder, given), job.path, arguments, program=tools.helm)


def _arguments(folder: Folder, path: str, options: HelmOptions, given: dict[str, bytes]) -> list[str]:
    """The arguments of `helm template .`; what is no file of the repository is put into `given`."""

    def kept(content: bytes) -> str:
        name = f"{_GIVEN}/{len(given)}.yaml"
        given[posixpath.join(path, name)] = content
        return name

    words = ["--name-template", options.release_name]
    if options.namespace:
        words += ["--namespace", options.namespace]
    if options.kube_version:
        words += ["--kube-version", options.kube_version]
    for flag, forced in (("--set", False), ("--set-string", True)):
        for one in options.parameters:
            if one.force_string == forced:
                words += [flag, f"{one.name}={parameters.cleaned(one.value)}"]
    for name, written in options.file_parameters:
        source, found = parameters.file_of(folder, path, written, options)
        words += ["--set-file", f"{name}={kept(source.read(found))}"]
    for source, found in parameters.value_files(folder, path, options):
        words += ["--values", kept(source.read(found))]
    if options.values:
        words += ["--values", kept(options.values.encode())]
    for one_version in options.api_versions:
        words += ["--api-versions", one_version]
    if not options.skip_crds:
        words.append("--include-crds")
    if options.skip_schema_validation:
        words.append("--skip-schema-validation")
    if options.skip_tests:
        words.append("--skip-tests")
    return words


class Overlay:
    """A folder with some files more."""

    def __init__(self, folder: Folder, files: Mapping[str, bytes]) -> None:
        """`files`: path -> content; they lie in folders of their own."""
        self._folder, self._files = folder, files

    def read(self, path: str) -> bytes:
        """See `Folder.read`."""
        return self._files[path] if path in self._files else self._folder.read(path)

    def exists(self, path: str) -> bool:
        """See `Folder.exists`."""
        added = any(one == path or one.startswith(f"{path}/") for one in self._files)
        return added or self._folder.exists(path)

    def list(self, path: str) -> list[str]:
        """See `Folder.list`."""
        start = f"{path}/" if path else ""
        more = set()
        for one in self._files:
            if one.startswith(start):
                name, slash, _ = one[len(start) :].partition("/")
                more.add(name + slash)
        try:
            found = set(self._folder.list(path))
        except KeyError:
            if not more:
                raise
            found = set()
        return sorted(found | more)
