"""The scmProvider generator. Source: Argo CD 3.6.1 `applicationset/generators/scm_provider.go`."""

from __future__ import annotations

from lab.sim.argocd.applicationset.generators.generator import Run, wrapped
from lab.sim.argocd.applicationset.params import GeneratorError, Params, add_values, sanitize_name
from lab.sim.argocd.applicationset.sources import ProviderError, Repository, SourceError
from lab.sim.objects import Object

PROVIDERS = ("github", "gitlab", "gitea", "bitbucketServer", "azureDevOps", "bitbucket", "awsCodeCommit")


def generate(spec: Object, run: Run) -> list[Params]:
    """One set for each branch of each repository the forge gives. Raises GeneratorError."""
    if not any(spec.get(one) for one in PROVIDERS):
        raise GeneratorError("no SCM provider implementation configured")
    try:
        found = run.sources.repositories(spec)
    except ProviderError as error:
        raise GeneratorError(str(error)) from None
    except SourceError as error:
        raise wrapped("error listing repos", error) from None
    return [_params(one, spec, run) for one in found]


def _params(found: Repository, spec: Object, run: Run) -> Params:
    params: Params = {
        "organization": found.organization,
        "repository": found.repository,
        "repository_id": found.repository_id,
        "url": found.url,
        "branch": found.branch,
        "sha": found.sha,
        "short_sha": found.sha[:8],
        "short_sha_7": found.sha[:7],
        "labels": ",".join(found.labels),
        "branchNormalized": sanitize_name(found.branch),
    }
    try:
        add_values(spec.get("values"), params, run.renderer)
    except GeneratorError as error:
        raise wrapped("failed to append templated values", error) from None
    return params
