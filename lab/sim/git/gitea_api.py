"""The part of Gitea 1.26's API that the lab and Argo CD's pull request generator use, below `/api/v1`.

What is not here answers 404, as an unknown address does there. Styles of merging that are not simulated are refused by
name.
"""

from __future__ import annotations

import logging
import mimetypes
import re
import stat
from typing import Any

from aiohttp import web
from dulwich.refs import Ref, check_ref_format

from lab.sim.git import gitea_answers as answers
from lab.sim.git.accounts import Account, BadCredentials
from lab.sim.git.forge import Forge, Refused, not_found
from lab.sim.git.gitea_pulls import PullApi
from lab.sim.git.gitea_requests import (
    ACCOUNT,
    Handler,
    as_json,
    body_of,
    names_of,
    page_of,
    paged,
    required,
    root_of,
    signed_in,
)
from lab.sim.git.records import Record
from lab.sim.git.revisions import CannotCheckOut, UnknownRevision
from lab.sim.git.tree import GitFolder, Trees
from lab.sim.render.folder import clean

VERSION = "1.26.0"
_NAME = re.compile(r"[A-Za-z0-9_.-]*")


_log = logging.getLogger(__name__)


class GiteaApi:
    """The API's handlers."""

    def __init__(self, forge: Forge, trees: Trees) -> None:
        """Everything is asked of these two."""
        self._forge, self._trees = forge, trees
        self._pulls = PullApi(forge)

    def add_routes(self, app: web.Application) -> None:
        """Serve the API."""
        add = app.router.add_route
        add("GET", "/api/healthz", self.health)
        for method, path, handler in (
            ("GET", "/version", self.version),
            ("GET", "/user", self.me),
            ("GET", "/user/repos", self.my_repositories),
            ("POST", "/user/repos", self.create_repository),
            ("PATCH", "/admin/users/{user}", self.edit_user),
            ("GET", "/users/{user}", self.user),
            ("GET", "/users/{user}/repos", self.user_repositories),
            ("GET", "/users/{user}/tokens", self.tokens),
            ("POST", "/users/{user}/tokens", self.create_token),
            ("DELETE", "/users/{user}/tokens/{token}", self.delete_token),
            ("GET", "/repos/search", self.search),
        ):
            add(method, f"/api/v1{path}", handler)
        for method, path, inside in (
            ("GET", "", self.repository),
            ("PATCH", "", self.edit_repository),
            ("DELETE", "", self.delete_repository),
            ("GET", "/branches", self.branches),
            ("POST", "/branches", self.create_branch),
            ("GET", "/branches/{branch:.+}", self.branch),
            ("DELETE", "/branches/{branch:.+}", self.delete_branch),
            ("GET", "/raw/{path:.+}", self.raw),
            ("GET", "/contents", self.contents),
            ("GET", "/contents/{path:.*}", self.contents),
            *self._pulls.rows(),
        ):
            add(method, f"/api/v1/repos/{{owner}}/{{name}}{path}", self._of_repository(inside, method))
        add("*", "/api/{rest:.*}", self.unknown)

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Give refusals Gitea's shape; nothing that goes wrong in one request harms another."""
        if not request.path.startswith("/api/"):
            return await handler(request)
        try:
            try:
                request[ACCOUNT] = self._forge.accounts.who(request.headers.get("Authorization", ""))
            except BadCredentials:
                raise Refused(401, "invalid username, password or token") from None
            return await handler(request)
        except Refused as refusal:
            body: dict[str, Any] = {"message": refusal.message, "url": f"{root_of(request)}/api/swagger"}
            if refusal.errors is not None:
                body["errors"] = refusal.errors or None
            return as_json(body, refusal.status)
        except web.HTTPException:
            raise
        except Exception:
            _log.exception("git API %s %s", request.method, request.path)
            return as_json({"message": "", "url": f"{root_of(request)}/api/swagger"}, 500)

    def _of_repository(self, handler: Handler, method: str) -> Handler:
        async def checked(request: web.Request) -> web.StreamResponse:
            owner, name = names_of(request)
            account = request[ACCOUNT]
            if not self._forge.accounts.get(owner):
                raise Refused(404, "GetUserByName", [f"user redirect does not exist [name: {owner}]"])
            if not self._forge.may(account, owner, name, write=False):
                raise not_found()
            if method != "GET" and not self._forge.may(account, owner, name, write=True):
                if account is None:
                    raise Refused(401, "token is required")
                raise Refused(403, "user should have a permission to write to this repo")
            return await handler(request)

        return checked

    # -- server and accounts

    async def health(self, _: web.Request) -> web.StreamResponse:
        """Whether it works."""
        return as_json({"status": "pass", "description": "the lab's git server", "checks": {}})

    async def version(self, _: web.Request) -> web.StreamResponse:
        """The version whose API this is; Gitea's SDK asks for it first."""
        return as_json({"version": VERSION})

    async def unknown(self, _: web.Request) -> web.StreamResponse:
        """Anything else."""
        return web.Response(status=404, text="404 page not found\n")

    async def me(self, request: web.Request) -> web.StreamResponse:
        """The account that asks."""
        return as_json(answers.user(signed_in(request), root_of(request)))

    async def user(self, request: web.Request) -> web.StreamResponse:
        """Any account."""
        return as_json(answers.user(self._user(request), root_of(request)))

    async def edit_user(self, request: web.Request) -> web.StreamResponse:
        """Set a password; nothing else of an account changes."""
        if not signed_in(request).admin:
            raise Refused(403, "user should be the site admin")
        account = self._user(request)
        said = await body_of(request)
        if said.get("password"):
            self._forge.accounts.ensure(account.name, str(said["password"]), self._forge.clock.now())
        return as_json(answers.user(account, root_of(request)))

    async def tokens(self, request: web.Request) -> web.StreamResponse:
        """An account's tokens, without their text."""
        account = self._own(request)
        return paged(request, [answers.token(one) for one in account.tokens])

    async def create_token(self, request: web.Request) -> web.StreamResponse:
        """A new token; its text is told this once."""
        account = self._own(request)
        said = await body_of(request)
        name, scopes = required(said, "name"), said.get("scopes") or []
        if any(one.name == name for one in account.tokens):
            raise Refused(400, "access token name has been used already")
        if not scopes:
            raise Refused(400, "access token must have a scope")
        made, text = self._forge.accounts.add_token(
            account, name, [str(one) for one in scopes], self._forge.clock.now()
        )
        return as_json(answers.token(made, text), 201)

    async def delete_token(self, request: web.Request) -> web.StreamResponse:
        """Forget a token by name or id."""
        if not self._forge.accounts.remove_token(self._own(request), request.match_info["token"]):
            raise not_found()
        return web.Response(status=204)

    # -- repositories

    async def my_repositories(self, request: web.Request) -> web.StreamResponse:
        """Of the account that asks."""
        return paged(request, self._repositories(request, signed_in(request).name))

    async def user_repositories(self, request: web.Request) -> web.StreamResponse:
        """Of an account, as far as the asker may see them."""
        return paged(request, self._repositories(request, self._user(request).name))

    async def search(self, request: web.Request) -> web.StreamResponse:
        """Every repository whose name holds `q`."""
        wanted = request.query.get("q", "").lower()
        found = [one for one in self._repositories(request, "") if wanted in one["name"].lower()]
        part, headers = page_of(request, found)
        return as_json({"ok": True, "data": part}, headers=headers)

    async def create_repository(self, request: web.Request) -> web.StreamResponse:
        """An empty one."""
        account = signed_in(request)
        said = await body_of(request)
        name = required(said, "name")
        if not _NAME.fullmatch(name):
            raise Refused(422, "[Name]: AlphaDashDot")
        if said.get("auto_init"):
            raise Refused(422, "auto_init is not supported by the simulator; use --provider kind")
        self._forge.create(
            account.name,
            name,
            private=bool(said.get("private")),
            description=str(said.get("description") or ""),
            branch=str(said.get("default_branch") or ""),
        )
        return as_json(answers.repository(self._forge, account.name, name, root_of(request), account), 201)

    async def repository(self, request: web.Request) -> web.StreamResponse:
        """One repository."""
        return as_json(answers.repository(self._forge, *names_of(request), root_of(request), request[ACCOUNT]))

    async def edit_repository(self, request: web.Request) -> web.StreamResponse:
        """Make it private or public, or describe it."""
        said = await body_of(request)
        record = self._record(request)
        refused = said.keys() - {"private", "description"}
        if refused:
            raise Refused(422, f"changing {sorted(refused)[0]} is not supported by the simulator; use --provider kind")
        record.private = bool(said.get("private", record.private))
        record.description = str(said.get("description", record.description))
        self._forge.save(*names_of(request))
        return await self.repository(request)

    async def delete_repository(self, request: web.Request) -> web.StreamResponse:
        """Remove it for ever."""
        self._forge.delete(*names_of(request))
        return web.Response(status=204)

    # -- branches

    async def branches(self, request: web.Request) -> web.StreamResponse:
        """All, by name."""
        found = self._forge.branches(*names_of(request))
        if not found:
            return as_json(None, headers={"X-Total-Count": "0"})
        part, headers = page_of(request, list(found.items()))
        return as_json([self._branch(request, name, oid) for name, oid in part], headers=headers)

    async def branch(self, request: web.Request) -> web.StreamResponse:
        """One."""
        name = request.match_info["branch"]
        oid = self._forge.branches(*names_of(request)).get(name)
        if oid is None:
            raise not_found()
        return as_json(self._branch(request, name, oid))

    async def create_branch(self, request: web.Request) -> web.StreamResponse:
        """At a branch, tag or commit; the default branch if none is said."""
        said = await body_of(request)
        owner, repository = names_of(request)
        name = str(said.get("new_branch_name") or "")
        if not name:
            raise Refused(422, "[BranchName]: Required")
        if not check_ref_format(Ref(b"refs/heads/" + name.encode())):
            raise Refused(422, "[BranchName]: GitRefName")
        branches = self._forge.branches(owner, repository)
        if name in branches:
            raise Refused(409, "The branch already exists.")
        start = str(said.get("old_ref_name") or said.get("old_branch_name") or "HEAD")
        try:
            oid = self._trees.resolve(owner, repository, start)
        except (UnknownRevision, CannotCheckOut):
            raise Refused(500, f"object does not exist [id: {start}, rel_path: ]") from None
        if not self._forge.move(owner, repository, {f"refs/heads/{name}": ("", oid)}):
            raise Refused(409, "The branch already exists.")
        return as_json(self._branch(request, name, oid), 201)

    async def delete_branch(self, request: web.Request) -> web.StreamResponse:
        """Any but the default branch and those that open pull requests go to."""
        owner, repository = names_of(request)
        name = request.match_info["branch"]
        oid = self._forge.branches(owner, repository).get(name)
        if oid is None:
            raise not_found(f"branch does not exist [name: {name}]")
        targets = {pull.base for pull in self._record(request).pulls if pull.state == "open"}
        if name == self._forge.repositories.head_branch(owner, repository) or name in targets:
            raise Refused(403, "can not delete default or pull request target branch")
        if not self._forge.move(owner, repository, {f"refs/heads/{name}": (oid, "")}):
            raise not_found(f"branch does not exist [name: {name}]")
        return web.Response(status=204)

    # -- contents

    async def raw(self, request: web.Request) -> web.StreamResponse:
        """A file as it is; an unknown `ref` means the default branch, as in Gitea."""
        ref = request.query.get("ref", "")
        try:
            folder = self._tree(request, ref)
        except Refused:
            folder = self._tree(request, "")
        path = request.match_info["path"]
        try:
            content = folder.read(path)
        except KeyError:
            raise not_found() from None
        kind = "application/octet-stream" if b"\0" in content[:8000] else "text/plain; charset=utf-8"
        guessed = mimetypes.guess_type(path)[0] or ""
        headers = {
            "Content-Type": guessed if guessed.startswith("image/") and "svg" not in guessed else kind,
            "X-Content-Type-Options": "nosniff",
        }
        return web.Response(body=content, headers=headers)

    async def contents(self, request: web.Request) -> web.StreamResponse:
        """A file with its content, or what is in a folder."""
        owner, name = names_of(request)
        ref = request.query.get("ref", "") or self._forge.repositories.head_branch(owner, name)
        folder = self._tree(request, ref)
        try:
            path = clean(request.match_info.get("path", "").strip("/"))
            if path and path not in folder.entries(path.rpartition("/")[0]):
                raise KeyError(path)
        except KeyError:
            text = f"object does not exist [id: , rel_path: {request.match_info.get('path', '')}]"
            raise Refused(404, "GetContentsOrList", [text]) from None
        root = root_of(request)
        api, web_page = f"{root}/api/v1/repos/{owner}/{name}", f"{root}/{owner}/{name}"

        def shown(path: str, mode: int, oid: str, *, whole: bool) -> answers.Answer:
            data = folder.blob(path) if stat.S_IFMT(mode) in (stat.S_IFREG, stat.S_IFLNK) else None
            size = len(data) if data is not None else 0
            return answers.content(path, mode, oid, data if whole else None, size, api, web_page, ref)

        if path:
            mode, oid = folder.entries(path.rpartition("/")[0])[path]
            if not stat.S_ISDIR(mode):
                return as_json(shown(path, mode, oid, whole=True))
        listed = sorted(folder.entries(path).items())
        return as_json([shown(one, mode, oid, whole=False) for one, (mode, oid) in listed])

    # -- inside

    def _record(self, request: web.Request) -> Record:
        return self._forge.record(*names_of(request))

    def _branch(self, request: web.Request, name: str, oid: str) -> answers.Answer:
        owner, repository = names_of(request)
        writes = self._forge.may(request[ACCOUNT], owner, repository, write=True)
        with self._forge.repositories.open(owner, repository) as repo:
            return answers.branch(repo, name, oid, f"{root_of(request)}/{owner}/{repository}", writes=writes)

    def _tree(self, request: web.Request, ref: str) -> GitFolder:
        owner, name = names_of(request)
        try:
            return self._trees.at(owner, name, self._trees.resolve(owner, name, ref))
        except (UnknownRevision, CannotCheckOut):
            shown = ref or self._forge.repositories.head_branch(owner, name)
            raise not_found(f"object does not exist [id: {shown}, rel_path: ]") from None

    def _repositories(self, request: web.Request, owner: str) -> list[answers.Answer]:
        account, root = request[ACCOUNT], root_of(request)
        return [
            answers.repository(self._forge, holder, name, root, account)
            for holder, name in self._forge.repositories.names()
            if owner in ("", holder) and self._forge.may(account, holder, name, write=False)
        ]

    def _user(self, request: web.Request) -> Account:
        name = request.match_info["user"]
        found = self._forge.accounts.get(name)
        if found is None:
            raise Refused(404, f"user redirect does not exist [name: {name}]")
        return found

    def _own(self, request: web.Request) -> Account:
        account, asker = self._user(request), signed_in(request)
        if asker is not account and not asker.admin:
            raise Refused(403, "user should be the site admin or the owner of the tokens")
        return account
