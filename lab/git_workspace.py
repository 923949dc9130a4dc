"""Repositories on this machine: the first commit of a scenario, and the learner's clones.

Nothing here reads or writes the user's own git configuration, except that a name and address found there are used.
"""

import contextlib
import os
import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote, urlsplit

from lab.errors import LabError
from lab.git import BRANCH, USER, repository_url
from lab.ports import Command, GitServer, Shell
from lab.state import full_disk, make_private, write_private

TIMEOUT = 60.0
"""Seconds for one git command; the server is on this machine."""

AUTHOR = ("GitOps Lab", "lab@localhost")
DATE = "2026-01-01T00:00:00Z"
"""Of the first commit: the same files always give the same commit id."""

ISOLATED = (("GIT_CONFIG_GLOBAL", os.devnull), ("GIT_CONFIG_NOSYSTEM", "1"))
"""For what must not depend on this machine's settings."""

QUIET = (("GIT_TERMINAL_PROMPT", "0"), ("LC_ALL", "C"))
SHOWN = 3
"""How many files or commits a line about unpushed work names."""

HOOK_HEAD = """\
#!/bin/sh
# Tells the lab's Argo CDs to look at git now, after a push or fetch. Without this file they find out by themselves:
# Argo CD asks git every few minutes.
#
# git runs it for every change of references; see `git help hooks`, reference-transaction.
# It never makes git fail or wait.
"""

HOOK_NAME = "reference-transaction"

HOOK_IDLE = (
    HOOK_HEAD
    + """\
#
# This lab keeps Argo CD's own timing, so there is nothing to do.
exit 0
"""
)

HOOK_BODY = (
    HOOK_HEAD
    + """\

[ "$1" = committed ] || exit 0
grep -q ' refs/remotes/origin/' || exit 0
command -v kubectl >/dev/null 2>&1 || exit 0
export KUBECACHEDIR={cache}

# $1: cluster, $2: kubeconfig. Argo CD takes the marks off again when it has looked.
refresh() {{
    [ -r "$2" ] || return 0
    argocd="kubectl --request-timeout=3s --namespace argocd annotate --overwrite --all"
    KUBECONFIG=$2 $argocd applications.argoproj.io argocd.argoproj.io/refresh=normal \\
        "argocd.argoproj.io/refresh-timestamp=$(date -u +%Y-%m-%dT%H:%M:%SZ)"
    KUBECONFIG=$2 $argocd applicationsets.argoproj.io argocd.argoproj.io/application-set-refresh=true
}}

(
{calls}
    wait
) </dev/null >/dev/null 2>&1 &
exit 0
"""
)


def write_credentials(path: Path, url: str, password: str) -> None:
    """Write git's credential file for one server, 0600; written anew because git drops what a server refused once."""
    parts = urlsplit(url)
    write_private(path, f"{parts.scheme}://{USER}:{quote(password, safe='')}@{parts.netloc}\n")


def seed(
    shell: Shell,
    server: GitServer,
    repository: str,
    source: Path,
    extra_files: Mapping[str, str],
    workdir: Path,
    credentials: Path,
) -> str:
    """Push a scenario's files as the first commit of main; never when main exists already.

    :param source: folder whose content is pushed byte for byte, hidden and ignored files too
    :param extra_files: further files, path in the repository -> content
    :param workdir: private folder for the time being; what is needed is made and removed in it
    :param credentials: from :func:`write_credentials`
    :return: commit id of main on the server
    :raises LabError: `command-failed` or `git-failed`
    """
    found = server.head(repository)
    if found:
        return found
    make_private(workdir)
    folder = workdir / f"seed-{repository}"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        try:
            shutil.copytree(source, folder, symlinks=True, ignore=shutil.ignore_patterns(".git"))
            for name, content in sorted(extra_files.items()):
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(content, encoding="utf-8", newline="")
        except OSError as error:
            raise full_disk(error, folder) from error
        revision = _first_commit(shell, folder, repository)
        address = repository_url(server.url, repository)
        options = _credential_options(credentials)
        push = ("git", *options, "push", "--quiet", address, f"{BRANCH}:{BRANCH}")
        _git(shell, push, folder, ISOLATED, changes=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return revision


def clone(shell: Shell, server: GitServer, repository: str, workspace: Path, credentials: Path, hook: str = "") -> Path:
    """Make the learner's clone, or bring the settings of the one that is there up to date; its files stay theirs.

    :param workspace: folder of the clones; the clone is `<workspace>/<repository>`
    :param credentials: from :func:`write_credentials`; the clone reads the password from there
    :param hook: text of the reference-transaction hook; empty: none
    :raises LabError: `foreign` when something else is in its place, `command-failed`
    """
    target = workspace / repository
    address = repository_url(server.url, repository)
    if target.exists() and not (target / ".git").is_dir():
        raise LabError("foreign", what=str(target), scenario="centralized")
    if target.exists():
        _configure(shell, target, credentials)
        _git(shell, ("git", "remote", "set-url", "origin", address), target)
        _install_hook(target, hook)
        return target
    make_private(workspace)
    # Made under another name, so that a run that was cut short leaves no half clone behind.
    part = workspace / f".{repository}.part"
    shutil.rmtree(part, ignore_errors=True)
    options = ("-c", "credential.helper=", "-c", "http.proxy=")
    fresh = ("git", *options, "clone", "--quiet", "--template=", "--origin", "origin", address, str(part))
    _git(shell, fresh, workspace, changes=True)
    _configure(shell, part, credentials, home=target)
    _install_hook(part, hook)
    part.rename(target)
    return target


def outdated(shell: Shell, server: GitServer, clone: Path, hook: str) -> str:
    """Empty when the clone is there, reads from this server and has this hook, else what is wrong."""
    if not (clone / ".git").is_dir():
        return "there is no clone"
    if _output(shell, ("git", "config", "--get", "remote.origin.url"), clone) != repository_url(server.url, clone.name):
        return "it reads from another address"
    with contextlib.suppress(OSError):
        if (clone / ".git" / "hooks" / HOOK_NAME).read_text(encoding="utf-8") == hook:
            return ""
    return "its hook is another"


def restore(shell: Shell, server: GitServer, clone: Path) -> bool:
    """Push back what a clone knows of main when the server has less, after its data was lost and seeded again.

    Only ever adds: main on the server must be part of what the clone last saw there.

    :return: whether anything was pushed
    """
    known = _output(shell, ("git", "rev-parse", "--verify", "--quiet", f"refs/remotes/origin/{BRANCH}"), clone)
    there = server.head(clone.name)
    if not known or not there or known == there:
        return False
    contained = ("git", "merge-base", "--is-ancestor", there, known)
    if _git(shell, contained, clone, check=False) is None:
        return False
    _git(shell, ("git", "push", "--quiet", "origin", f"{known}:refs/heads/{BRANCH}"), clone, changes=True)
    return True


def commit_and_push(shell: Shell, clone: Path, message: str) -> str:
    """Commit everything in a clone, if there is anything, and push its branch; return the commit id of its head.

    :raises LabError: `command-failed`, with git's own words, e.g. when the server has commits the clone has not
    """
    _git(shell, ("git", "add", "--all"), clone)
    if _git(shell, ("git", "diff", "--cached", "--quiet"), clone, check=False) is None:
        _git(shell, ("git", "commit", "--quiet", "--message", message), clone)
    _git(shell, ("git", "push", "--quiet", "origin", "HEAD"), clone, changes=True)
    return _output(shell, ("git", "rev-parse", "HEAD"), clone)


def unpushed(shell: Shell, workspace: Path) -> tuple[str, ...]:
    """Work that is only in the workspace, one line for each kind: changed files, stashes, commits not on the server."""
    lines: list[str] = []
    for folder in sorted(workspace.iterdir()) if workspace.is_dir() else ():
        if not (folder / ".git").is_dir() or folder.name.startswith("."):
            continue
        status = ("git", "status", "--porcelain", "--untracked-files=all")
        commits = ("git", "log", "--branches", "--not", "--remotes", "--format=%h %s")
        for command, one, many in (
            (status, "file changed", "files changed"),
            (("git", "stash", "list", "--format=%gs"), "change stashed", "changes stashed"),
            (commits, "commit not pushed", "commits not pushed"),
        ):
            found = _output(shell, command, folder, strip=False).splitlines()
            if found:
                names = ", ".join(line[3:] if command is status else line for line in found[:SHOWN])
                more = ", …" if len(found) > SHOWN else ""
                lines.append(f"{folder.name}: {len(found)} {one if len(found) == 1 else many} ({names}{more})")
    return tuple(lines)


def hook_text(instances: Sequence[tuple[str, Path]], timing: str) -> str:
    """A reference-transaction hook in POSIX sh.

    After `git push`, git moves `refs/remotes/origin/...`; that moment the hook marks every Application and
    ApplicationSet of every instance for a refresh, in the background and silently.

    :param instances: cluster that runs an Argo CD, and its kubeconfig
    :param timing: with anything but `fast`, the hook does nothing
    """
    if timing != "fast" or not instances:
        return HOOK_IDLE
    calls = [f"    refresh {shlex.quote(cluster)} {shlex.quote(str(path))} &" for cluster, path in instances]
    cache = instances[0][1].parent.parent / "kubecache"
    return HOOK_BODY.format(calls="\n".join(calls), cache=shlex.quote(str(cache)))


# --- inside -----------------------------------------------------------------------------------------------------------


def _first_commit(shell: Shell, folder: Path, repository: str) -> str:
    name, address = AUTHOR
    person = [(f"GIT_{role}_{part}", value) for role in ("AUTHOR", "COMMITTER") for part, value in (
        ("NAME", name), ("EMAIL", address), ("DATE", DATE)
    )]  # fmt: skip
    isolated = (*ISOLATED, *person)
    _git(shell, ("git", "init", "--quiet", "--template=", "--initial-branch", BRANCH), folder, isolated)
    plain = ("-c", "core.autocrlf=false", "-c", "core.excludesFile=", "-c", "core.attributesFile=")
    _git(shell, ("git", *plain, "add", "--all", "--force"), folder, isolated)
    message = f"Start of {repository}"
    commit = ("git", "commit", "--quiet", "--allow-empty", "--no-verify", "--no-gpg-sign", "--message", message)
    _git(shell, commit, folder, isolated)
    return _output(shell, ("git", "rev-parse", "HEAD"), folder)


def _helper(credentials: Path) -> str:
    # git hands this to a shell.
    return f"store --file={shlex.quote(str(credentials))}"


def _credential_options(credentials: Path) -> tuple[str, ...]:
    # The empty helper drops those of the machine, which would ask or keep the password elsewhere.
    return ("-c", "credential.helper=", "-c", f"credential.helper={_helper(credentials)}", "-c", "http.proxy=")


def _configure(shell: Shell, folder: Path, credentials: Path, home: Path | None = None) -> None:
    """Settings of a clone, in the clone alone.

    :param home: where the clone will be, when it is not there yet
    """
    hooks = (home or folder) / ".git" / "hooks"
    settings = {
        # A proxy cannot reach this machine's loopback.
        "http.proxy": "",
        "commit.gpgSign": "false",
        # A watcher would outlive the lab.
        "core.fsmonitor": "false",
        # The machine's own hooks folder would hide the lab's hook.
        "core.hooksPath": str(hooks),
    }
    for key, value in zip(("user.name", "user.email"), AUTHOR, strict=True):
        if not _output(shell, ("git", "config", "--get", key), folder, check=False):
            settings[key] = value
    for key, value in settings.items():
        _git(shell, ("git", "config", "--local", "--replace-all", key, value), folder)
    _git(shell, ("git", "config", "--local", "--replace-all", "credential.helper", ""), folder)
    _git(shell, ("git", "config", "--local", "--add", "credential.helper", _helper(credentials)), folder)


def _install_hook(folder: Path, hook: str) -> None:
    path = folder / ".git" / "hooks" / HOOK_NAME
    if not hook:
        path.unlink(missing_ok=True)
        return
    with contextlib.suppress(OSError):
        if path.read_text(encoding="utf-8") == hook and os.access(path, os.X_OK):
            return
    write_private(path, hook)
    path.chmod(0o700)


def _git(
    shell: Shell,
    argv: Sequence[str],
    cwd: Path,
    env: Sequence[tuple[str, str]] = (),
    changes: bool = False,
    check: bool = True,
) -> str | None:
    """Run git and return what it printed; without check, None when it exits with anything but 0."""
    command = Command(argv=tuple(argv), cwd=cwd, timeout=TIMEOUT, env=(*QUIET, *env), changes=changes)
    result = shell.run(command, check=check)
    return result.stdout if result.exit_code == 0 else None


def _output(shell: Shell, argv: Sequence[str], cwd: Path, check: bool = False, strip: bool = True) -> str:
    """What git printed; empty when it failed and that is allowed."""
    printed = _git(shell, argv, cwd, check=check) or ""
    return printed.strip() if strip else printed
