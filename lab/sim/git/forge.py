"""What a forge adds to git: accounts, private repositories, labels and pull requests, by Gitea 1.26's rules.

Statuses and messages are those a real Gitea 1.26.0 gives. Everything happens in the event loop's thread.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dulwich.objects import ObjectID

from lab.sim.clock import Clock
from lab.sim.git import records
from lab.sim.git.accounts import Account, Accounts
from lab.sim.git.history import is_ancestor, merge_bases
from lab.sim.git.merging import Conflict, changed_lines, merged_tree
from lab.sim.git.records import Pull, Record
from lab.sim.git.repositories import (
    BRANCH,
    InvalidName,
    Moves,
    Person,
    Repositories,
    RepositoryExists,
    make_commit,
)

_BUSY = "Please try again later"
"""What Gitea answers while it looks for conflicts, and for ever when it found one."""
_KEPT = 512
"""Answers about two commits that are remembered."""


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, message: str, errors: list[str] | None = None) -> None:
        """`errors`: given as a list, even empty, it is part of the answer."""
        super().__init__(message)
        self.status, self.message, self.errors = status, message, errors


def not_found(*errors: str) -> Refused:
    """Gitea's usual 404."""
    return Refused(404, "not found", list(errors))


class Forge:
    """Accounts and records over a folder of repositories."""

    def __init__(self, repositories: Repositories, clock: Clock) -> None:
        """Pull requests follow what is pushed from now on."""
        self.repositories = repositories
        self.clock = clock
        self.accounts = Accounts(repositories.folder / "accounts.json")
        self._records: dict[tuple[str, str], Record] = {}
        self._compared: dict[tuple[str, str], tuple[int, int, int, bool]] = {}
        repositories.on_push(self._follow)

    # -- repositories

    def create(
        self, owner: str, name: str, *, private: bool = False, description: str = "", branch: str = BRANCH
    ) -> Record:
        """An empty repository. Raises Refused."""
        try:
            self.repositories.create(owner, name, branch or BRANCH)
        except RepositoryExists:
            raise Refused(409, "The repository with the same name already exists.") from None
        except InvalidName as error:
            if name.endswith(".git"):
                raise Refused(422, "name pattern is not allowed [pattern: *.git]") from error
            text = f"name is invalid [{error}]: must be valid alpha or numeric or dash(-_) or dot characters"
            raise Refused(422, text) from error
        now = self.clock.now()
        record = Record(self._next_id(), now, now, private, description)
        self._records[owner, name] = record
        self.save(owner, name)
        return record

    def delete(self, owner: str, name: str) -> None:
        """Remove a repository and everything known of it. Raises Refused."""
        self.record(owner, name)
        self.repositories.delete(owner, name)
        del self._records[owner, name]
        self._record_path(owner, name).unlink(missing_ok=True)

    def record(self, owner: str, name: str) -> Record:
        """What is known of a repository. Raises Refused with 404."""
        if not self.repositories.exists(owner, name):
            self._records.pop((owner, name), None)
            raise not_found()
        found = self._records.get((owner, name)) or records.load(self._record_path(owner, name))
        if found is None:
            now = self.clock.now()
            found = Record(self._next_id(), now, now)
        self._records[owner, name] = found
        return found

    def may(self, account: Account | None, owner: str, name: str, *, write: bool) -> bool:
        """Whether the account, None for a stranger, may read or write. Raises Refused with 404."""
        record = self.record(owner, name)
        if account is not None and (account.admin or account.name == owner):
            return True
        return not write and not record.private

    def save(self, owner: str, name: str) -> None:
        """Keep what is known of a repository."""
        records.save(self._record_path(owner, name), self._records[owner, name])

    # -- branches

    def branches(self, owner: str, name: str) -> dict[str, str]:
        """Name -> commit, sorted."""
        refs = self.repositories.refs(owner, name)
        return {ref.removeprefix("refs/heads/"): oid for ref, oid in refs.items() if ref.startswith("refs/heads/")}

    def move(self, owner: str, name: str, moves: Moves) -> bool:
        """Move branches and tell the listeners; False when another move was faster."""
        results = self.repositories.move(owner, name, moves, atomic=True)
        if any(results.values()):
            return False
        self.repositories.announce(owner, name, moves)
        return True

    # -- pull requests

    def open_pull(
        self, owner: str, name: str, user: str, head: str, base: str, title: str, body: str, labels: Iterable[int]
    ) -> Pull:
        """Ask to merge `head` into `base`. Raises Refused."""
        record, branches = self.record(owner, name), self.branches(owner, name)
        head = head.removeprefix(f"{owner}:")
        if head not in branches or base not in branches:
            raise not_found()
        if head == base:
            raise Refused(422, "Invalid PullRequest: There are no changes between the head and the base")
        for other in record.pulls:
            if (other.head, other.base, other.state) == (head, base, "open"):
                branches_told = f"head_branch: {head}, base_branch: {base}"
                numbers = f"id: {other.number}, issue_id: {other.number}"
                numbers += f", head_repo_id: {record.id}, base_repo_id: {record.id}"
                text = f"pull request already exists for these targets [{numbers}, {branches_told}]"
                raise Refused(409, text)
        now = self.clock.now()
        known = [one for one in dict.fromkeys(labels) if any(one == label.id for label in record.labels)]
        pull = Pull(
            number=record.next_number,
            title=title,
            body=body,
            user=user,
            head=head,
            base=base,
            head_sha=branches[head],
            base_sha=branches[base],
            merge_base=self._merge_base(owner, name, branches[base], branches[head]),
            created=now,
            updated=now,
            labels=known,
        )
        record.next_number += 1
        record.pulls.append(pull)
        self.save(owner, name)
        self._keep_head(owner, name, pull)
        return pull

    def pull(self, owner: str, name: str, number: int) -> Pull:
        """Raises Refused with 404."""
        found = self.record(owner, name).pull(number)
        if found is None:
            raise not_found()
        return found

    def set_state(self, owner: str, name: str, pull: Pull, state: str) -> None:
        """Close or reopen. Raises Refused."""
        if state not in ("open", "closed"):
            raise Refused(412, f"unknown state: {state}")
        if pull.merged:
            raise Refused(412, "cannot change state of this pull request, it was already merged")
        if pull.state != state:
            pull.state, pull.closed = state, self.clock.now() if state == "closed" else 0.0
            branches = self.branches(owner, name)
            if state == "open" and pull.head in branches:
                self._refresh(owner, name, pull, branches)
        self.touch(owner, name, pull)

    def touch(self, owner: str, name: str, pull: Pull) -> None:
        """Note that the request changed, and keep it."""
        pull.updated = self.clock.now()
        self.save(owner, name)

    def merge(
        self,
        owner: str,
        name: str,
        pull: Pull,
        account: Account,
        style: str,
        *,
        title: str = "",
        message: str = "",
        head: str = "",
    ) -> None:
        """Merge a request: `merge` with a merge commit, `squash` as one commit, `fast-forward-only`. Raises Refused.

        :param title: first line of the commit; empty: Gitea's
        :param head: commit the request must still be at, or empty
        """
        if pull.merged:
            raise Refused(405, "The PR is already merged")
        if pull.state == "closed":
            raise not_found()
        if head and head != pull.head_sha:
            raise Refused(409, f"sha does not match [given: {head}, expected: {pull.head_sha}]")
        branches = self.branches(owner, name)
        old = branches.get(pull.base, "")
        if not old or pull.head not in branches:
            raise Refused(405, _BUSY)
        try:
            new = self._merged(owner, name, pull, old, account, style, title, message)
        except Conflict as error:
            raise Refused(405, _BUSY) from error
        now = self.clock.now()
        pull.merged = pull.closed = pull.updated = now
        pull.state, pull.merge_commit, pull.merged_by = "closed", new, account.name
        pull.base_sha = old
        ref = f"refs/heads/{pull.base}"
        if old != new and any(self.repositories.move(owner, name, {ref: (old, new)}).values()):
            pull.merged = pull.closed = 0.0
            pull.state, pull.merge_commit, pull.merged_by = "open", "", ""
            raise Refused(405, _BUSY)
        self.save(owner, name)
        self.repositories.announce(owner, name, {ref: (old, new)})

    def compared(self, owner: str, name: str, pull: Pull) -> tuple[int, int, int, bool]:
        """Lines added and removed, files changed, and whether it can be merged."""
        base = pull.base_sha if pull.merged else self.branches(owner, name).get(pull.base, pull.base_sha)
        key = (base, pull.head_sha)
        if key not in self._compared:
            with self.repositories.open(owner, name) as repo:
                store = repo.object_store
                ours, theirs = ObjectID(base.encode()), ObjectID(pull.head_sha.encode())
                start = ObjectID((pull.merge_base or base).encode())
                try:
                    merged_tree(store, ours, theirs)
                    mergeable = True
                except Conflict:
                    mergeable = False
                self._compared[key] = (*changed_lines(store, start, theirs), mergeable)
            while len(self._compared) > _KEPT:
                del self._compared[next(iter(self._compared))]
        return self._compared[key]

    # -- inside

    def _merged(
        self, owner: str, name: str, pull: Pull, old: str, account: Account, style: str, title: str, message: str
    ) -> str:
        ours, theirs = ObjectID(old.encode()), ObjectID(pull.head_sha.encode())
        with self.repositories.open(owner, name) as repo:
            store = repo.object_store
            if style == "fast-forward-only":
                if not is_ancestor(store, ours, theirs):
                    raise Conflict(f"{pull.base} has commits that {pull.head} has not")
                return pull.head_sha
            tree, objects = merged_tree(store, ours, theirs)
            parents, subject = [old, pull.head_sha], title
            if style == "squash":
                parents, subject = [old], title or f"{pull.title} (#{pull.number})"
            elif not title:
                subject = f"Merge pull request '{pull.title}' (#{pull.number}) from {pull.head} into {pull.base}"
            text = f"{subject}\n\n{message}" if message else subject
            commit = make_commit(tree, parents, text, Person(account.name, account.email), self.clock.now())
            store.add_objects([(one, None) for one in [*objects, commit]])
            return commit.id.decode()

    def _follow(self, owner: str, name: str, moves: Moves) -> None:
        """Open requests follow their branch; when it or their base is deleted they are closed."""
        try:
            record = self.record(owner, name)
        except Refused:
            return
        now, branches = self.clock.now(), self.branches(owner, name)
        record.updated = now
        for pull in record.pulls:
            touched = {f"refs/heads/{pull.head}", f"refs/heads/{pull.base}"} & moves.keys()
            if pull.state != "open" or not touched:
                continue
            if pull.head in branches and pull.base in branches:
                self._refresh(owner, name, pull, branches)
            else:
                pull.state, pull.closed = "closed", now
            pull.updated = now
        self.save(owner, name)

    def _refresh(self, owner: str, name: str, pull: Pull, branches: dict[str, str]) -> None:
        pull.head_sha = branches[pull.head]
        pull.base_sha = branches.get(pull.base, pull.base_sha)
        pull.merge_base = self._merge_base(owner, name, pull.base_sha, pull.head_sha)
        self._keep_head(owner, name, pull)

    def _keep_head(self, owner: str, name: str, pull: Pull) -> None:
        """`refs/pull/N/head` names the request's commit, also when its branch is gone."""
        ref = f"refs/pull/{pull.number}/head"
        old = self.repositories.refs(owner, name).get(ref, "")
        if old != pull.head_sha:
            self.repositories.move(owner, name, {ref: (old, pull.head_sha)})

    def _merge_base(self, owner: str, name: str, base: str, head: str) -> str:
        with self.repositories.open(owner, name) as repo:
            found = merge_bases(repo.object_store, ObjectID(base.encode()), ObjectID(head.encode()))
        return found[0].decode() if found else ""

    def _next_id(self) -> int:
        used = [0, *(record.id for record in self._records.values())]
        for owner, name in self.repositories.names():
            if (owner, name) not in self._records:
                kept = records.load(self._record_path(owner, name))
                used.append(kept.id if kept else 0)
        return max(used) + 1

    def _record_path(self, owner: str, name: str) -> Path:
        return self.repositories.path(owner, name).with_name(f"{name}.json")
