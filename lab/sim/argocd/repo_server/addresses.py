"""Which repository a URL means, and what is said of one that cannot be reached.

The simulator reaches the lab's own git server and nothing else. The errors are those a repository server in a lab
without internet gives, with the reason behind them.
Source: go-git 5.19 `plumbing/transport`, Argo CD 3.6.1 `util/git/client.go`, `util/helm/client.go`, `util/oci`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from lab.sim.argocd.repo_server.answers import Refusal
from lab.sim.render.errors import NotSupported
from lab.sim.templates.builtins import GoError
from lab.sim.templates.semver import Version
from lab.sim.templates.values import quoted

_RESOLVER = "10.96.0.10:53"
"""The clusters' name server."""
_SSH = re.compile(r"(ssh://)?[^/:]*?@[^@]+")
_SCHEMES = ("http", "https")


class Address(NamedTuple):
    """A repository of the lab's forge, as a URL names it."""

    owner: str
    name: str
    user: str = ""
    password: str = ""
    """The credentials that stand in the URL."""


@lru_cache(maxsize=4096)
def _read(url: str, bases: tuple[str, ...]) -> Address | None:
    try:
        parts = urlsplit(url.strip())
        host = f"{parts.scheme.lower()}://{(parts.hostname or '').lower()}:{parts.port or 80}"
    except ValueError:
        return None
    if host not in bases:
        return None
    names = parts.path.strip("/").removesuffix(".git").split("/")
    if len(names) != 2:
        return Address("", "")
    return Address(unquote(names[0]), unquote(names[1]), unquote(parts.username or ""), unquote(parts.password or ""))


class Addresses:
    """The URLs under which the lab's git server is known."""

    def __init__(self, bases: Callable[[], Sequence[str]]) -> None:
        """`bases`: such as `http://lab-git:3000`, asked anew each time; the first is how the lab writes it."""
        self._bases = bases

    def find(self, url: str) -> Address | None:
        """The repository a URL names; one without a name for a wrong path; None when it is not the lab's server."""
        return _read(url, tuple(one.lower().rstrip("/") for one in self._bases()))

    def urls(self, owner: str, name: str) -> list[str]:
        """Every URL of a repository, with `.git`."""
        return [f"{one.rstrip('/')}/{owner}/{name}.git" for one in self._bases()]

    def outside(self, url: str) -> Refusal:
        """Why a git repository elsewhere cannot be read."""
        shown = sanitized(url)
        if _SSH.fullmatch(url) or url.startswith("ssh://"):
            text = 'error creating SSH agent: "SSH agent requested but SSH_AUTH_SOCK not-specified"'
        else:
            parts = urlsplit(url if "://" in url else f"file://{url}")
            if parts.scheme not in _SCHEMES:
                is_local = parts.scheme == "file"
                text = "repository not found" if is_local else f"unsupported scheme {quoted(parts.scheme)}"
            elif self._find_plain(url):
                text = f"{_asked(shown)}: http: server gave HTTP response to HTTPS client"
            else:
                text = f"{_asked(shown)}: {lookup(parts.hostname or '')}"
        return Refusal(f"failed to list refs: {text} ({self._limits()})")

    def down(self, url: str) -> Refusal:
        """What is said while the lab's git server is stopped."""
        host = urlsplit(url).hostname or ""
        return Refusal(f"failed to list refs: {_asked(sanitized(url))}: {lookup(host, 'no such host')}")

    def chart(self, url: str, chart: str, revision: str) -> Refusal:
        """Why a chart of a Helm repository cannot be had."""
        shown, host = sanitized(url).rstrip("/"), urlsplit(url if "://" in url else f"oci://{url}").hostname or ""
        if url.startswith("oci://") or "://" not in url:
            where = f"https://{shown.removeprefix('oci://').partition('/')[0]}/v2/"
            text = f'unable to get tags: failed to get tags: Get "{where}": {lookup(host)}'
        elif _is_version(revision):
            failed = f'looks like "{shown}" is not a valid chart repository or cannot be reached: '
            failed += f'Get "{shown}/index.yaml": {lookup(host)}'
            command = f"helm pull --destination <path to cached source> --version {revision} --repo {shown} {chart}"
            text = f"error fetching chart: failed running helm: `{command}` failed exit status 1: Error: {failed}"
        else:
            text = f'error loading repo index: error making HTTP request: Get "{shown}/index.yaml": {lookup(host)}'
        return Refusal(f"{text} ({self._limits()})")

    def artifact(self, url: str, revision: str) -> Refusal:
        """Why an OCI artifact cannot be had."""
        registry, _, path = sanitized(url).removeprefix("oci://").partition("/")
        where = f"https://{registry}/v2/{path}/manifests/{revision or 'latest'}"
        host = urlsplit(f"https://{registry}").hostname or ""
        text = f'failed to resolve revision "{revision}": cannot get digest for revision {revision}: '
        return Refusal(f'{text}Head "{where}": {lookup(host)} ({self._limits()})')

    def _limits(self) -> str:
        return str(NotSupported(f"a repository outside {self._bases()[0]}"))

    def _find_plain(self, url: str) -> bool:
        plain = url.lower().replace("https://", "http://", 1)
        return any(plain.startswith(one.lower().rstrip("/") + "/") for one in self._bases())


def sanitized(url: str) -> str:
    """A URL without the password in it."""
    return re.sub(r"://([^:/@]+):[^@/]*@", r"://\1:***@", url)


def lookup(host: str, why: str = "server misbehaving") -> str:
    """Go's words for a name that the clusters' name server does not know."""
    return f"dial tcp: lookup {host} on {_RESOLVER}: {why}"


def _is_version(text: str) -> bool:
    try:
        Version.parse(text)
    except GoError:
        return False
    return True


def _asked(url: str) -> str:
    return f'Get "{url}/info/refs?service=git-upload-pack"'
