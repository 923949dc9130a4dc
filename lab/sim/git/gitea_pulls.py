"""The API's handlers of labels and pull requests."""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from lab.sim.git import gitea_answers as answers
from lab.sim.git.forge import Forge, Refused, not_found
from lab.sim.git.gitea_requests import (
    ACCOUNT,
    Handler,
    as_json,
    body_of,
    names_of,
    number_of,
    page_of,
    paged,
    required,
    root_of,
    signed_in,
)
from lab.sim.git.records import Label, Pull, Record

_SIMULATED = ("merge", "squash", "fast-forward-only")
_STYLES = (*_SIMULATED, "rebase", "rebase-merge", "manually-merged")
_COLOR = re.compile(r"#?([0-9a-fA-F]{6}|[0-9a-fA-F]{3})")


class PullApi:
    """Handlers below one repository."""

    def __init__(self, forge: Forge) -> None:
        """Everything is asked of the forge."""
        self._forge = forge

    def rows(self) -> tuple[tuple[str, str, Handler], ...]:
        """Method, path below the repository, and handler."""
        return (
            ("GET", "/labels", self.labels),
            ("POST", "/labels", self.create_label),
            ("GET", "/labels/{label}", self.label),
            ("GET", "/issues/{number}/labels", self.pull_labels),
            ("POST", "/issues/{number}/labels", self.add_pull_labels),
            ("PUT", "/issues/{number}/labels", self.set_pull_labels),
            ("DELETE", "/issues/{number}/labels", self.clear_pull_labels),
            ("DELETE", "/issues/{number}/labels/{label}", self.remove_pull_label),
            ("GET", "/pulls", self.pulls),
            ("POST", "/pulls", self.open_pull),
            ("GET", "/pulls/{number}", self.pull),
            ("PATCH", "/pulls/{number}", self.edit_pull),
            ("GET", "/pulls/{number}/merge", self.is_merged),
            ("POST", "/pulls/{number}/merge", self.merge),
        )

    # -- labels

    async def labels(self, request: web.Request) -> web.StreamResponse:
        """Of the repository, by name."""
        record = self._record(request)
        return paged(request, answers.labels(record, [one.id for one in record.labels], self._api(request)))

    async def label(self, request: web.Request) -> web.StreamResponse:
        """One."""
        found = self._record(request).label(number_of(request, "label"))
        if found is None:
            raise not_found()
        return as_json(answers.label(found, self._api(request)))

    async def create_label(self, request: web.Request) -> web.StreamResponse:
        """A new one; two may have the same name."""
        said = await body_of(request)
        name, color = required(said, "name"), required(said, "color")
        if not _COLOR.fullmatch(color):
            raise Refused(422, f"invalid color: #{color.removeprefix('#')}")
        digits = color.removeprefix("#").lower()
        digits = digits if len(digits) == 6 else "".join(digit * 2 for digit in digits)
        record = self._record(request)
        made = Label(record.next_label, name, digits, str(said.get("description") or ""))
        record.next_label += 1
        record.labels.append(made)
        self._forge.save(*names_of(request))
        return as_json(answers.label(made, self._api(request)), 201)

    async def pull_labels(self, request: web.Request) -> web.StreamResponse:
        """Labels of a pull request."""
        return as_json(answers.labels(self._record(request), self._pull(request).labels, self._api(request)))

    async def add_pull_labels(self, request: web.Request) -> web.StreamResponse:
        """Put labels on, by id or name; unknown ones are passed over."""
        pull = self._pull(request)
        return await self._set_labels(request, [*pull.labels, *await self._said_labels(request)])

    async def set_pull_labels(self, request: web.Request) -> web.StreamResponse:
        """Replace all labels."""
        return await self._set_labels(request, await self._said_labels(request))

    async def clear_pull_labels(self, request: web.Request) -> web.StreamResponse:
        """Take all labels off."""
        await self._set_labels(request, [])
        return web.Response(status=204)

    async def remove_pull_label(self, request: web.Request) -> web.StreamResponse:
        """Take one label off; nothing happens when it is not on."""
        pull, wanted = self._pull(request), request.match_info["label"]
        label = self._record(request).label(int(wanted) if wanted.isdigit() else wanted)
        if label is None:
            raise Refused(422, "label does not exist [label_id: 0]")
        await self._set_labels(request, [one for one in pull.labels if one != label.id])
        return web.Response(status=204)

    # -- pull requests

    async def pulls(self, request: web.Request) -> web.StreamResponse:
        """By `state`, newest first; the state is open unless it says closed or all."""
        owner, name = names_of(request)
        if not self._forge.branches(owner, name):
            raise not_found()
        state = request.query.get("state", "open")
        found = [
            one
            for one in self._record(request).pulls
            if state == "all" or (one.state == "closed") == (state == "closed")
        ]
        part, headers = page_of(request, found[::-1])
        return as_json([self._shown(request, one, counted=False) for one in part], headers=headers)

    async def open_pull(self, request: web.Request) -> web.StreamResponse:
        """Ask for a merge."""
        said = await body_of(request)
        head, base, title = (required(said, key) for key in ("head", "base", "title"))
        labels = [one for one in said.get("labels") or () if isinstance(one, int)]
        account = signed_in(request)
        owner, name = names_of(request)
        pull = self._forge.open_pull(owner, name, account.name, head, base, title, str(said.get("body") or ""), labels)
        return as_json(self._shown(request, pull), 201)

    async def pull(self, request: web.Request) -> web.StreamResponse:
        """One."""
        return as_json(self._shown(request, self._pull(request)))

    async def edit_pull(self, request: web.Request) -> web.StreamResponse:
        """Change title, text, labels, or state."""
        said = await body_of(request)
        pull, names = self._pull(request), names_of(request)
        refused = [key for key, value in said.items() if value and key not in ("title", "body", "labels", "state")]
        if refused:
            raise Refused(422, f"changing {refused[0]} is not supported by the simulator; use --provider kind")
        pull.title = str(said.get("title") or pull.title)
        pull.body = str(said["body"]) if said.get("body") is not None else pull.body
        if said.get("labels") is not None:
            pull.labels = self._known_labels(self._record(request), said["labels"])
        if said.get("state") is not None:
            self._forge.set_state(*names, pull, str(said["state"]))
        else:
            self._forge.touch(*names, pull)
        return as_json(self._shown(request, pull), 201)

    async def is_merged(self, request: web.Request) -> web.StreamResponse:
        """204 if it is, else 404."""
        if not self._pull(request).merged:
            raise not_found()
        return web.Response(status=204)

    async def merge(self, request: web.Request) -> web.StreamResponse:
        """Merge it."""
        said = await body_of(request)
        style = str(said.get("Do") or said.get("do") or "")
        if not style:
            raise Refused(422, "[Do]: Required")
        if style not in _STYLES:
            raise Refused(422, "[Do]: In")
        owner, name = names_of(request)
        pull = self._forge.record(owner, name).pull(number_of(request))
        if pull is None:
            record = self._forge.record(owner, name)
            text = "pull request does not exist [id: 0, issue_id: 0, head_repo_id: 0, base_repo_id: "
            raise Refused(404, "GetPullRequestByIndex", [f"{text}{record.id}, head_branch: , base_branch: ]"])
        if style not in _SIMULATED:
            raise Refused(422, f"merging by {style} is not supported by the simulator; use --provider kind")
        self._forge.merge(
            owner,
            name,
            pull,
            signed_in(request),
            style,
            title=str(said.get("MergeTitleField") or said.get("merge_title_field") or ""),
            message=str(said.get("MergeMessageField") or said.get("merge_message_field") or ""),
            head=str(said.get("head_commit_id") or ""),
        )
        if said.get("delete_branch_after_merge"):
            oid = self._forge.branches(owner, name).get(pull.head, "")
            self._forge.move(owner, name, {f"refs/heads/{pull.head}": (oid, "")})
        return web.Response(status=200)

    # -- inside

    def _record(self, request: web.Request) -> Record:
        return self._forge.record(*names_of(request))

    def _pull(self, request: web.Request) -> Pull:
        return self._forge.pull(*names_of(request), number_of(request))

    def _api(self, request: web.Request) -> str:
        return f"{root_of(request)}/api/v1/repos/{'/'.join(names_of(request))}"

    def _shown(self, request: web.Request, pull: Pull, *, counted: bool = True) -> answers.Answer:
        owner, name = names_of(request)
        return answers.pull(self._forge, owner, name, pull, root_of(request), request[ACCOUNT], counted=counted)

    async def _said_labels(self, request: web.Request) -> list[int]:
        return self._known_labels(self._record(request), (await body_of(request)).get("labels") or [])

    def _known_labels(self, record: Record, wanted: list[Any]) -> list[int]:
        return [one.id for one in record.labels if one.id in wanted or one.name in wanted]

    async def _set_labels(self, request: web.Request, ids: list[int]) -> web.StreamResponse:
        pull = self._pull(request)
        pull.labels = list(dict.fromkeys(ids))
        self._forge.touch(*names_of(request), pull)
        return await self.pull_labels(request)
