"""A served git server, and the real git against it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lab.sim.clock import ManualClock
from lab.sim.git.repositories import Moves, Person
from lab.sim.git.server import GitServer

OWNER, PASSWORD = "lab", "a-password-of-tests"
AUTHOR = Person("Ada", "ada@example.com")
WHEN = 1_700_000_000.0


@dataclass
class Ran:
    """How a command ended."""

    code: int
    text: str
    """stdout."""
    errors: str
    """stderr."""


@dataclass
class Served:
    """A server, what was pushed to it, and git."""

    server: GitServer
    home: Path
    clock: ManualClock
    pushes: list[tuple[str, str, Moves]] = field(default_factory=list)

    def url(self, name: str, user: str = "") -> str:
        """Address of a repository; `user`: with credentials in it, e.g. `lab:password`."""
        return f"http://{f'{user}@' if user else ''}127.0.0.1:{self.server.port}/{OWNER}/{name}.git"

    def writable(self, name: str) -> str:
        """Address with which one may push."""
        return self.url(name, f"{OWNER}:{PASSWORD}")

    def seed(self, name: str, files: Mapping[str, bytes] | None = None, *, private: bool = False) -> str:
        """A repository with one commit, whose id is returned."""
        self.server.forge.create(OWNER, name, private=private)
        given = files if files is not None else {"a.txt": b"one\n", "apps/x/app.yaml": b"kind: X\n"}
        return self.server.repositories.commit(OWNER, name, given, message="first", author=AUTHOR, when=WHEN)

    async def git(
        self, *arguments: str, cwd: Path | None = None, version: int = 2, check: bool = True, stdin: str = ""
    ) -> Ran:
        """Run git; with check, it must exit with 0."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_AUTHOR_NAME": "T",
            "GIT_AUTHOR_EMAIL": "t@example.com",
            "GIT_COMMITTER_NAME": "T",
            "GIT_COMMITTER_EMAIL": "t@example.com",
            "GIT_AUTHOR_DATE": f"{int(WHEN)} +0000",
            "GIT_COMMITTER_DATE": f"{int(WHEN)} +0000",
            "no_proxy": "127.0.0.1",
        }
        argv = ["git", "-c", f"protocol.version={version}", "-c", "init.defaultBranch=other", *arguments]
        process = await asyncio.create_subprocess_exec(
            *argv,
            cwd=cwd or self.home,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(stdin.encode()), 60)
        ran = Ran(process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace"))
        assert not check or ran.code == 0, f"git {' '.join(arguments)}: {ran.errors}"
        return ran

    async def clone(self, name: str, folder: str = "", *options: str, version: int = 2) -> Path:
        """A clone with which one may push."""
        path = self.home / (folder or name)
        await self.git("clone", "--quiet", *options, self.writable(name), str(path), version=version)
        return path

    async def change(self, clone: Path, files: Mapping[str, bytes], message: str = "change") -> str:
        """Commit files in a clone; the commit's id."""
        for name, content in files.items():
            path = clone / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        await self.git("add", "--all", cwd=clone)
        await self.git("commit", "--quiet", "--message", message, cwd=clone)
        return (await self.git("rev-parse", "HEAD", cwd=clone)).text.strip()


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Served]:
    """A server over `folder/repositories`, with one account."""
    clock = ManualClock(WHEN)
    server = GitServer(folder / "repositories", clock)
    server.forge.accounts.ensure(OWNER, PASSWORD, WHEN)
    home = folder / "home"
    home.mkdir(exist_ok=True)
    served = Served(server, home, clock)
    server.repositories.on_push(lambda owner, name, moves: served.pushes.append((owner, name, moves)))
    await server.start()
    try:
        yield served
    finally:
        await server.stop()
