"""The pullRequest generator. Source: Argo CD 3.6.1 `applicationset/generators/pull_request.go`,
`applicationset/services/pull_request/utils.go`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lab.sim.argocd.applicationset.generators.generator import Run, wrapped
from lab.sim.argocd.applicationset.params import GeneratorError, Params, add_values
from lab.sim.argocd.applicationset.slug import slugify
from lab.sim.argocd.applicationset.sources import ProviderError, PullRequest, RepositoryNotFound, SourceError
from lab.sim.objects import Object
from lab.sim.templates.values import StringList

PROVIDERS = ("github", "gitlab", "gitea", "bitbucketServer", "bitbucket", "azuredevops")
_FIELDS = {"branchMatch": "branch", "targetBranchMatch": "target_branch", "titleMatch": "title"}

_Filter = list[tuple[str, re.Pattern[str]]]


def generate(spec: Object, run: Run) -> list[Params]:
    """One set for each open pull request that one of the filters lets through. Raises GeneratorError."""
    if not any(spec.get(one) for one in PROVIDERS):
        raise GeneratorError(
            "failed to select pull request service provider: no Pull Request provider implementation configured"
        )
    try:
        filters = [_compiled(one) for one in spec.get("filters") or ()]
        pulls = run.sources.pull_requests(spec)
    except ProviderError as error:
        raise wrapped("failed to select pull request service provider", error) from None
    except RepositoryNotFound as error:
        if spec.get("continueOnRepoNotFoundError"):
            return []
        raise wrapped("error listing repos", error) from None
    except (GeneratorError, SourceError) as error:
        raise wrapped("error listing repos", error) from None
    return [_params(one, spec, run) for one in pulls if _passes(one, filters)]


def _compiled(spec: Object) -> _Filter:
    found: _Filter = []
    for key, field in _FIELDS.items():
        pattern = spec.get(key)
        if pattern is None:
            continue
        try:
            found.append((field, re.compile(pattern)))
        except re.error as error:
            named = key[0].upper() + key[1:]
            raise GeneratorError(
                f'error compiling {named} regexp "{pattern}": error parsing regexp: {error.msg}: `{pattern}`'
            ) from None
    return found


def _passes(pull: PullRequest, filters: Sequence[_Filter]) -> bool:
    if not filters:
        return True
    return any(all(pattern.search(getattr(pull, field)) for field, pattern in one) for one in filters)


def _params(pull: PullRequest, spec: Object, run: Run) -> Params:
    params: Params = {
        "number": str(pull.number),
        "title": pull.title,
        "branch": pull.branch,
        "branch_slug": slugify(pull.branch),
        "target_branch": pull.target_branch,
        "target_branch_slug": slugify(pull.target_branch),
        "head_sha": pull.head_sha,
        "head_short_sha": pull.head_sha[:8],
        "head_short_sha_7": pull.head_sha[:7],
        "author": pull.author,
    }
    if run.go_template:
        params["labels"] = StringList(pull.labels)
    try:
        add_values(spec.get("values"), params, run.renderer)
    except GeneratorError as error:
        raise wrapped("failed to append templated values", error) from None
    return params
