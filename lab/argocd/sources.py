"""Reading the one kind of fact many places need from Argo CD's objects: which repository a source names."""

from collections.abc import Iterator
from typing import Any


def normal(url: str) -> str:
    """A repository URL as Argo CD compares it: lower case, without `.git` and the last `/` (`NormalizeGitURL`)."""
    return url.strip().lower().rstrip("/").removesuffix(".git")


def repositories(spec: Any) -> Iterator[str]:
    """Every `repoURL` anywhere in a spec: sources of an Application, generators and templates of an ApplicationSet."""
    if isinstance(spec, dict):
        for key, value in spec.items():
            if key == "repoURL" and isinstance(value, str):
                yield value
            else:
                yield from repositories(value)
    elif isinstance(spec, list):
        for item in spec:
            yield from repositories(item)


def uses(spec: Any, repository_url: str) -> bool:
    """Whether a spec reads the repository; a templated URL may."""
    wanted = normal(repository_url)
    return any("{{" in url or normal(url) == wanted for url in repositories(spec))
