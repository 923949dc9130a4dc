"""What there is to render for a source, without anything that does not change the outcome: Applications share jobs.

Source: Argo CD 3.6.1 `reposerver/repository/repository.go` (helmTemplate, newEnv, resolveReferencedSources,
runManifestGenAsync), `util/kustomize/kustomize.go`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from lab.sim.argocd.ports import ManifestRequest
from lab.sim.argocd.repo_server.answers import Refusal
from lab.sim.argocd.repo_server.checkouts import Commit
from lab.sim.objects import Object
from lab.sim.render.detect import HELM, KUSTOMIZE
from lab.sim.render.errors import NotSupported, RenderError
from lab.sim.render.helm.capabilities import normalized
from lab.sim.render.helm.parameters import HelmOptions, Parameter
from lab.sim.render.kustomize.edits import substituted
from lab.sim.templates.values import quoted

_HELM_VERSIONS = ("", "v3", "v4")
_HARMLESS = ("--enable-helm", "--enable-alpha-plugins", "--enable-exec", "--enable-star", "--network")
"""Options of `kustomize build` that allow what the simulator refuses by name where it is used."""
Environment = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Job:
    """One rendering. Equal jobs have equal outcomes."""

    commit: Commit
    path: str
    kind: str
    """`Helm`, `Kustomize` or `Directory`."""
    helm: HelmOptions | None = None
    options: bytes = b""
    """JSON of `spec.source.kustomize` or `spec.source.directory`."""
    environment: tuple[tuple[str, str], ...] = ()
    """`$ARGOCD_…`, where the options use them."""
    references: tuple[tuple[str, Commit], ...] = ()
    """Repositories of value files by `$name`."""


def job(
    request: ManifestRequest,
    commit: Commit,
    path: str,
    kind: str,
    source: Object,
    repository: str,
    references: Mapping[str, Commit],
) -> Job:
    """What to render for a request.

    :param source: the request's, with the overrides of its folder
    :param repository: its URL as Argo CD knows it
    :raises Refusal: the options make no sense
    """
    environment = _environment(request, commit.sha, repository)
    if kind == HELM:
        used = {name: references[name] for name in names_used(source) if name in references}
        options = _helm_options(request, source.get("helm") or {}, environment, references)
        return Job(commit, path, kind, helm=options, references=tuple(sorted(used.items())))
    if kind == KUSTOMIZE:
        given = source.get("kustomize") or {}
        _check_kustomize(request, given)
        text = _text(given)
        return Job(commit, path, kind, options=text, environment=tuple(environment.items()) if b"$" in text else ())
    return Job(commit, path, kind, options=_text(source.get("directory") or {}))


def _text(options: Object) -> bytes:
    # orjson hands out its whole buffer, at least 4 KiB of memory however short the text: what is kept is copied.
    return bytes(memoryview(orjson.dumps(options, option=orjson.OPT_SORT_KEYS)))


def names_used(source: Mapping[str, Any]) -> Iterator[str]:
    """The `$names` with which the value files and file parameters of a source begin."""
    helm = source.get("helm") or {}
    for path in [*(helm.get("valueFiles") or ()), *(one.get("path", "") for one in helm.get("fileParameters") or ())]:
        if path.startswith("$"):
            yield path.partition("/")[0]


def check_references(source: Mapping[str, Any], references: Mapping[str, Object]) -> list[str]:
    """The `$names` a source uses, once each. Raises Refusal for one that is no usable source."""
    used = list(dict.fromkeys(names_used(source)))
    for name in used:
        found = references.get(name)
        if found is None and not references:
            raise Refusal(f"source referenced {quoted(name)}, but no source has a 'ref' field defined")
        if found is None:
            known = ", ".join(references)
            raise Refusal(f"source referenced {quoted(name)}, which is not one of the available sources ({known})")
        if found.get("chart"):
            text = "source has a 'chart' field defined, but Helm charts are not yet not supported for 'ref' sources"
            raise Refusal(text)
    return used


def _environment(request: ManifestRequest, sha: str, repository: str) -> dict[str, str]:
    return {
        "ARGOCD_APP_NAME": request.instance,
        "ARGOCD_APP_NAMESPACE": request.namespace,
        "ARGOCD_APP_PROJECT_NAME": request.project,
        "ARGOCD_APP_REVISION": sha,
        "ARGOCD_APP_REVISION_SHORT": sha[:7],
        "ARGOCD_APP_REVISION_SHORT_8": sha[:8],
        "ARGOCD_APP_SOURCE_REPO_URL": repository,
        "ARGOCD_APP_SOURCE_PATH": str(request.source.get("path") or ""),
        "ARGOCD_APP_SOURCE_TARGET_REVISION": str(request.source.get("targetRevision") or ""),
    }


def _kube_version(given: Mapping[str, Any], request: ManifestRequest) -> str:
    version = str(given.get("kubeVersion") or request.kube_version)
    try:
        return normalized(version)
    except RenderError as error:
        raise Refusal(f"could not parse kubernetes version {version}: {error}") from None


def _helm_options(
    request: ManifestRequest, helm: Mapping[str, Any], environment: Environment, references: Mapping[str, Commit]
) -> HelmOptions:
    version = _kube_version(helm, request)
    if helm.get("version", "") not in _HELM_VERSIONS:
        text = f"failed to create new helm command: helm version '{helm['version']}' is not supported"
        raise Refusal(f"error initializing helm app object: {text}")
    values = helm.get("valuesObject")
    return HelmOptions(
        release_name=str(helm.get("releaseName") or request.application or request.instance),
        namespace=str(helm.get("namespace") or request.namespace),
        kube_version=version,
        api_versions=tuple(helm.get("apiVersions") or request.api_versions),
        value_files=tuple(_file(one, environment, references) for one in helm.get("valueFiles") or ()),
        values=str(helm.get("values") or "") if values is None else orjson.dumps(values).decode(),
        parameters=tuple(
            Parameter(
                str(one.get("name") or ""),
                substituted(str(one.get("value") or ""), environment),
                bool(one.get("forceString")),
            )
            for one in helm.get("parameters") or ()
        ),
        file_parameters=tuple(
            (str(one.get("name") or ""), _file(str(one.get("path") or ""), environment, references))
            for one in helm.get("fileParameters") or ()
        ),
        ignore_missing_value_files=bool(helm.get("ignoreMissingValueFiles")),
        skip_crds=bool(helm.get("skipCrds")),
        skip_tests=bool(helm.get("skipTests")),
        skip_schema_validation=bool(helm.get("skipSchemaValidation")),
    )


def _file(path: str, environment: Environment, references: Mapping[str, Commit]) -> str:
    """A path with variables replaced, all but the name of another source at its beginning."""
    name, slash, rest = path.partition("/")
    if name in references:
        return name + slash + substituted(rest, environment)
    return substituted(path, environment)


def _check_kustomize(request: ManifestRequest, given: Mapping[str, Any]) -> None:
    if given.get("version"):
        version = given["version"]
        raise Refusal(f"error getting kustomize binary path: kustomize version {version} is not registered")
    _kube_version(given, request)
    for option in request.kustomize_options.split():
        if option.partition("=")[0] not in _HARMLESS:
            error = NotSupported(f"kustomize build with {option}")
            raise Refusal(str(error), error.code)
