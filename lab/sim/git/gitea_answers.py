"""The shapes of Gitea 1.26's answers: `modules/structs` of its source, and what a real server sends."""

from __future__ import annotations

import base64
import hashlib
import stat
from typing import Any

from dulwich.objects import Commit, ObjectID
from dulwich.repo import Repo

from lab.sim.clock import timestamp
from lab.sim.git.accounts import Account, Token
from lab.sim.git.forge import Forge
from lab.sim.git.records import Label, Pull, Record

Answer = dict[str, Any]
_NEVER = "0001-01-01T00:00:00Z"


def user(account: Account, root: str, *, full: bool = True) -> Answer:
    """`api.User`; without `full`, as others see it."""
    digest = hashlib.md5(account.email.encode(), usedforsecurity=False).hexdigest()
    return {
        "id": account.id,
        "login": account.name,
        "login_name": "",
        "source_id": 0,
        "full_name": "",
        "email": account.email,
        "avatar_url": f"{root}/avatars/{digest}",
        "html_url": f"{root}/{account.name}",
        "language": "",
        "is_admin": account.admin and full,
        "last_login": "1970-01-01T00:00:00Z" if full else _NEVER,
        "created": timestamp(account.created),
        "restricted": False,
        "active": full,
        "prohibit_login": False,
        "location": "",
        "website": "",
        "description": "",
        "visibility": "public",
        "followers_count": 0,
        "following_count": 0,
        "starred_repos_count": 0,
        "username": account.name,
    }


def token(one: Token, text: str = "") -> Answer:
    """`api.AccessToken`; its text is told once."""
    return {
        "id": one.id,
        "name": one.name,
        "sha1": text,
        "token_last_eight": one.last_eight,
        "scopes": one.scopes,
        "created_at": timestamp(one.created),
        "last_used_at": timestamp(one.created),
    }


def repository(forge: Forge, owner: str, name: str, root: str, account: Account | None) -> Answer:
    """`api.Repository`."""
    record = forge.record(owner, name)
    branches = forge.branches(owner, name)
    writes = forge.may(account, owner, name, write=True)
    holder = forge.accounts.get(owner)
    opened = sum(pull.state == "open" for pull in record.pulls)
    return {
        "id": record.id,
        "owner": user(holder, root, full=False) if holder else {"login": owner, "username": owner},
        "name": name,
        "full_name": f"{owner}/{name}",
        "description": record.description,
        "empty": not branches,
        "private": record.private,
        "fork": False,
        "template": False,
        "mirror": False,
        "size": 0,
        "language": "",
        "languages_url": f"{root}/api/v1/repos/{owner}/{name}/languages",
        "html_url": f"{root}/{owner}/{name}",
        "url": f"{root}/api/v1/repos/{owner}/{name}",
        "link": "",
        "ssh_url": "",
        "clone_url": f"{root}/{owner}/{name}.git",
        "original_url": "",
        "website": "",
        "stars_count": 0,
        "forks_count": 0,
        "watchers_count": 1,
        "branch_count": len(branches),
        "open_issues_count": 0,
        "open_pr_counter": opened,
        "release_counter": 0,
        "default_branch": forge.repositories.head_branch(owner, name),
        "archived": False,
        "created_at": timestamp(record.created),
        "updated_at": timestamp(record.updated),
        "archived_at": "1970-01-01T00:00:00Z",
        "permissions": {"admin": writes, "push": writes, "pull": True},
        "has_code": True,
        "has_issues": False,
        "has_wiki": False,
        "has_pull_requests": True,
        "has_projects": False,
        "has_releases": False,
        "has_packages": False,
        "has_actions": False,
        "allow_merge_commits": True,
        "allow_rebase": False,
        "allow_rebase_explicit": False,
        "allow_squash_merge": True,
        "allow_fast_forward_only_merge": True,
        "default_merge_style": "merge",
        "internal": False,
        "object_format_name": "sha1",
        "topics": [],
        "licenses": [],
    }


def branch(repo: Repo, name: str, oid: str, web: str, *, writes: bool) -> Answer:
    """`api.Branch`; `web`: the repository's page."""
    found = repo.object_store[ObjectID(oid.encode())]
    assert isinstance(found, Commit)
    return {
        "name": name,
        "commit": {
            "id": oid,
            "message": found.message.decode(errors="replace"),
            "url": f"{web}/commit/{oid}",
            "author": person(found.author),
            "committer": person(found.committer),
            "verification": {
                "verified": False,
                "reason": "gpg.error.not_signed_commit",
                "signature": "",
                "signer": None,
                "payload": "",
            },
            "timestamp": timestamp(found.commit_time),
            "added": None,
            "removed": None,
            "modified": None,
        },
        "protected": False,
        "required_approvals": 0,
        "enable_status_check": False,
        "status_check_contexts": [],
        "user_can_push": writes,
        "user_can_merge": writes,
        "effective_branch_protection_name": "",
    }


def person(line: bytes) -> Answer:
    """`api.PayloadUser` of `Name <email>`."""
    name, _, email = line.decode(errors="replace").rpartition(" <")
    return {"name": name, "email": email.removesuffix(">"), "username": ""}


def label(one: Label, web: str) -> Answer:
    """`api.Label`; `web`: the repository in the API."""
    return {
        "id": one.id,
        "name": one.name,
        "exclusive": False,
        "is_archived": False,
        "color": one.color,
        "description": one.description,
        "url": f"{web}/labels/{one.id}",
    }


def labels(record: Record, wanted: list[int], web: str) -> list[Answer]:
    """The labels with these ids, by name."""
    chosen = [one for one in record.labels if one.id in wanted]
    return [label(one, web) for one in sorted(chosen, key=lambda one: (one.name, one.id))]


def pull(
    forge: Forge, owner: str, name: str, one: Pull, root: str, account: Account | None, *, counted: bool = True
) -> Answer:
    """`api.PullRequest`; in a list the changed lines are not `counted`."""
    record = forge.record(owner, name)
    branches = forge.branches(owner, name)
    whole = repository(forge, owner, name, root, account)
    added, removed, files, mergeable = forge.compared(owner, name, one)
    web = f"{root}/{owner}/{name}/pulls/{one.number}"
    poster, merger = forge.accounts.get(one.user), forge.accounts.get(one.merged_by)
    head = one.head if one.head in branches else f"refs/pull/{one.number}/head"
    return {
        "id": one.number,
        "url": web,
        "number": one.number,
        "user": user(poster, root) if poster else {"login": one.user, "username": one.user},
        "title": one.title,
        "body": one.body,
        "labels": labels(record, one.labels, f"{root}/api/v1/repos/{owner}/{name}"),
        "milestone": None,
        "assignee": None,
        "assignees": [],
        "requested_reviewers": [],
        "requested_reviewers_teams": [],
        "state": one.state,
        "draft": one.title.lower().startswith(("wip:", "[wip]")),
        "is_locked": False,
        "comments": 0,
        "review_comments": 0,
        **({"additions": added, "deletions": removed, "changed_files": files} if counted else {}),
        "html_url": web,
        "diff_url": f"{web}.diff",
        "patch_url": f"{web}.patch",
        "mergeable": mergeable,
        "merged": bool(one.merged),
        "merged_at": _time(one.merged),
        "merge_commit_sha": one.merge_commit or None,
        "merged_by": user(merger, root, full=False) if merger else None,
        "allow_maintainer_edit": True,
        "base": {
            "label": one.base,
            "ref": one.base,
            "sha": branches.get(one.base, one.base_sha),
            "repo_id": record.id,
            "repo": whole,
        },
        "head": {"label": one.head, "ref": head, "sha": one.head_sha, "repo_id": record.id, "repo": whole},
        "merge_base": one.merge_base,
        "due_date": None,
        "created_at": timestamp(one.created),
        "updated_at": timestamp(one.updated),
        "closed_at": _time(one.closed),
        "pin_order": 0,
        "content_version": 0,
    }


def content(path: str, mode: int, oid: str, data: bytes | None, size: int, api: str, web: str, ref: str) -> Answer:
    """`api.ContentsResponse`; `data`: None in a list. `api` and `web`: the repository's addresses."""
    kind = (
        "dir"
        if stat.S_ISDIR(mode)
        else "submodule"
        if mode == 0o160000
        else "symlink"
        if stat.S_ISLNK(mode)
        else "file"
    )
    url = f"{api}/contents/{path}?ref={ref}"
    told = data is not None and kind == "file"
    return {
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": oid,
        "type": kind,
        "size": size,
        "encoding": "base64" if told else None,
        "content": base64.b64encode(data).decode() if told and data is not None else None,
        "target": data.decode(errors="replace") if kind == "symlink" and data is not None else None,
        "url": url,
        "html_url": f"{web}/src/branch/{ref}/{path}",
        "git_url": f"{api}/git/{'trees' if kind == 'dir' else 'blobs'}/{oid}",
        "download_url": f"{web}/raw/branch/{ref}/{path}" if kind == "file" else None,
        "submodule_git_url": None,
        "_links": {"self": url},
    }


def _time(when: float) -> str | None:
    return timestamp(when) if when else None
