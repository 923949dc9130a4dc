"""The git server of a world: the program in its container, and a client of it."""

import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.errors import LabError
from lab.git import USER
from lab.ports import PullRequest
from tests.fakes.docker import Container

if TYPE_CHECKING:
    from tests.fakes.world import World

GIT_AFTER = 1.0
"""Seconds from the start of the container to the first answer."""


class GitProgram:
    """Gitea in its container: accounts, tokens and bare repositories, all in the container's volume."""

    def __init__(self, world: "World", container: Container) -> None:
        self.world = world
        self.container = container
        self.password: str | None = None
        self.tokens: dict[str, str] = {}
        self.started = 0.0

    def start(self) -> None:
        self.started = self.world.clock.now()

    def stop(self) -> None:
        """Its data is on disk."""

    @property
    def answers(self) -> bool:
        return self.container.running and self.world.clock.now() - self.started >= GIT_AFTER

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.container.ports[3000]}"

    def path(self, repository: str) -> Path:
        return self.world.docker.volume(self.container) / USER / f"{repository}.git"

    def create(self, repository: str) -> None:
        path = self.path(repository)
        for name in ("objects", "refs"):
            (path / name).mkdir(parents=True, exist_ok=True)
        (path / "HEAD").write_text("ref: refs/heads/main\n")
        (path / "config").write_text("[core]\n\trepositoryformatversion = 0\n\tbare = true\n")

    def head(self, repository: str, branch: str = "main") -> str:
        ref = self.path(repository) / "refs" / "heads" / branch
        return ref.read_text().strip() if ref.exists() else ""

    def execute(self, argv: list[str]) -> tuple[int, str]:
        """The account command: makes user and token."""
        line = " ".join(argv)
        assert "gitea admin user create --admin --username lab" in line, line
        found = re.search(r"--token-name (\S+)", line)
        assert found, line
        if self.password is None:
            self.password = secrets.token_hex(8)
        token = secrets.token_hex(20)
        self.tokens[found[1]] = token
        return 0, f"{token}\n"


class WorldGitea:
    """A client of the git server: the methods of `lab.git.Gitea` that the lab calls."""

    in_cluster_url = "http://lab-git:3000"

    def __init__(self, world: "World", url: str, password: str, **more: Any) -> None:
        self.url = url
        self._world = world
        self._password = password

    def _server(self, authorized: bool = True) -> GitProgram:
        self._world.look()
        for container in list(self._world.docker.all.values()):
            program = container.inside
            if isinstance(program, GitProgram) and program.answers and program.url == self.url:
                if authorized and program.password != self._password:
                    raise LabError("git-failed", reason="status 401", request="GET /user", log="docker logs lab-git")
                return program
        raise LabError("git-failed", reason="it did not answer", request="GET", log="docker logs lab-git")

    def ready(self) -> str:
        try:
            self._server(authorized=False)
        except LabError as error:
            return error.what
        return ""

    def signed_in(self) -> bool:
        return self._server(authorized=False).password == self._password

    def set_password(self, token: str) -> None:
        program = self._server(authorized=False)
        assert token in program.tokens.values()
        self._world.effect("gitea password", lambda: setattr(program, "password", self._password))

    def remove_token(self, name: str) -> None:
        program = self._server()
        self._world.effect("gitea token", lambda: program.tokens.pop(name, None))

    def repositories(self) -> Sequence[str]:
        folder = self._server().path("x").parent
        return sorted(path.stem for path in folder.glob("*.git"))

    def create(self, repository: str) -> None:
        program = self._server()
        if repository not in self.repositories():
            self._world.effect(f"gitea create {repository}", lambda: program.create(repository))

    def head(self, repository: str, branch: str = "main") -> str:
        return self._server(authorized=False).head(repository, branch)

    def open_pull(self, repository: str, branch: str, title: str, labels: Sequence[str] = ()) -> PullRequest:
        raise NotImplementedError

    def pulls(self, repository: str) -> Sequence[PullRequest]:
        raise NotImplementedError

    def merge_pull(self, repository: str, number: int) -> None:
        raise NotImplementedError

    def close_pull(self, repository: str, number: int) -> None:
        raise NotImplementedError
