"""A git server that is a folder of bare repositories."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.ports import PullRequest


@dataclass
class FolderGitServer:
    """Implements `lab.ports.GitServer`; git reaches it by `file://`. Pull requests are only kept."""

    folder: Path
    in_cluster_url: str = "http://lab-git:3000"
    kept: list[PullRequest] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"file://{self.folder}"

    def ready(self) -> str:
        return ""

    def path(self, repository: str) -> Path:
        return self.folder / "lab" / f"{repository}.git"

    def repositories(self) -> Sequence[str]:
        return sorted(path.stem for path in (self.folder / "lab").glob("*.git"))

    def create(self, repository: str) -> None:
        if not self.path(repository).exists():
            self._git("init", "--quiet", "--bare", "--initial-branch=main", str(self.path(repository)))

    def head(self, repository: str, branch: str = "main") -> str:
        if not self.path(repository).exists():
            return ""
        return self._git("-C", str(self.path(repository)), "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}")

    def open_pull(self, repository: str, branch: str, title: str, labels: Sequence[str] = ()) -> PullRequest:
        pull = PullRequest(number=len(self.kept) + 1, title=title, branch=branch, labels=tuple(labels), state="open")
        self.kept.append(pull)
        return pull

    def pulls(self, repository: str) -> Sequence[PullRequest]:
        return list(reversed(self.kept))

    def merge_pull(self, repository: str, number: int) -> None:
        self._end(number, "merged")

    def close_pull(self, repository: str, number: int) -> None:
        self._end(number, "closed")

    def _end(self, number: int, state: str) -> None:
        pull = self.kept[number - 1]
        self.kept[number - 1] = PullRequest(
            number=number, title=pull.title, branch=pull.branch, labels=pull.labels, state=state
        )

    def _git(self, *arguments: str) -> str:
        ran = subprocess.run(["git", *arguments], capture_output=True, text=True)
        return ran.stdout.strip()
