"""The lab's git server: Gitea through its API, and how its container is set up."""

import re
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from lab import web
from lab.errors import LabError
from lab.ports import Clock, Probe, PullRequest
from lab.waiting import SystemClock, wait_until

USER = "lab"
BRANCH = "main"
PORT = 3000
"""Inside the container."""

IN_CLUSTER_URL = "http://lab-git:3000"
LOG = "docker logs lab-git"
"""Shows what the git server has printed."""

PAGE = 50
"""Items Gitea gives at most in one answer (`[api] MAX_RESPONSE_ITEMS`)."""

BACKGROUND_TIMEOUT = 20.0
"""Seconds. Gitea notices pushed branches and looks for conflicts in the background."""

TOKEN = re.compile(r"\b[0-9a-f]{40}\b")


class Gitea:
    """Implements `lab.ports.GitServer`.

    :param url: on this machine, e.g. `http://127.0.0.1:40123`
    :param password: of user `lab`
    :param log: command that shows what the server has printed, for the hint in errors
    """

    def __init__(
        self,
        url: str,
        password: str,
        in_cluster_url: str = IN_CLUSTER_URL,
        log: str = LOG,
        clock: Clock | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self.in_cluster_url = in_cluster_url
        self._password = password
        self._log = log
        self._clock = clock or SystemClock()

    # --- server -------------------------------------------------------------------------------------------------

    def ready(self) -> str:
        """Empty when the server answers and its database works, else why not."""
        try:
            answer = web.request("GET", f"{self.url}/api/healthz", timeout=3.0)
        except LabError as error:
            return error.what
        return "" if answer.status == 200 else f"the git server answers with status {answer.status}"

    def signed_in(self) -> bool:
        """Whether the account exists and has this lab's password."""
        return self._ask("GET", "/user", accept=(200, 401, 403)).status == 200

    def set_password(self, token: str) -> None:
        """Give the account this lab's password, with an administrator's token."""
        body = {"login_name": USER, "source_id": 0, "password": self._password, "must_change_password": False}
        self._ask("PATCH", f"/admin/users/{USER}", body, token=token)

    def remove_token(self, name: str) -> None:
        """Delete one of the account's tokens; nothing happens when there is none."""
        self._ask("DELETE", f"/users/{USER}/tokens/{quote(name)}", accept=(204, 404))

    # --- repositories -------------------------------------------------------------------------------------------

    def repositories(self) -> Sequence[str]:
        """Names, sorted."""
        return sorted(str(item["name"]) for item in self._pages("/user/repos"))

    def create(self, repository: str) -> None:
        """An empty repository that everybody on the network may read."""
        body = {"name": repository, "private": False, "auto_init": False, "default_branch": BRANCH}
        self._ask("POST", "/user/repos", body, accept=(201, 409))

    def head(self, repository: str, branch: str = BRANCH) -> str:
        """Commit id, or empty; what git itself is told, for Gitea's API lags behind a push and fails meanwhile."""
        path = f"/{USER}/{quote(repository)}.git/info/refs?service=git-upload-pack"
        answer = self._ask("GET", path, accept=(200, 404), api="")
        # Each line starts with its length in four digits; SHA-256 ids have 64.
        line = rf"[0-9a-f]{{4}}([0-9a-f]{{40}}(?:[0-9a-f]{{24}})?) refs/heads/{re.escape(branch)}[\0\n]"
        found = re.search(line, answer.text)
        return found[1] if found and answer.status == 200 else ""

    # --- pull requests ------------------------------------------------------------------------------------------

    def open_pull(self, repository: str, branch: str, title: str, labels: Sequence[str] = ()) -> PullRequest:
        """Ask to merge a pushed branch into main; the open request of that branch when there is one already."""
        body = {
            "head": branch,
            "base": BRANCH,
            "title": title,
            "labels": [self._label(repository, name) for name in labels],
        }
        path = f"{_path(repository)}/pulls"
        answers: list[web.Response] = []

        def asked() -> str:
            answer = self._ask("POST", path, body, accept=(201, 404, 409))
            answers.append(answer)
            # A branch that was just pushed takes the server a moment to notice.
            return _message(answer) if answer.status == 404 and self.head(repository, branch) else ""

        self._wait(asked, f"branch {branch} of {repository} to be noticed")
        if answers[-1].status == 201:
            return _pull(answers[-1].json())
        for pull in self.pulls(repository) if answers[-1].status == 409 else ():
            if pull.branch == branch and pull.state == "open":
                return pull
        raise LabError("git-failed", **self._refusal("POST", path, answers[-1]))

    def pulls(self, repository: str) -> Sequence[PullRequest]:
        """All of them, closed ones too, newest first."""
        return [_pull(item) for item in self._pages(f"{_path(repository)}/pulls?state=all")]

    def merge_pull(self, repository: str, number: int) -> None:
        """Merge with a merge commit; nothing happens when it is merged already."""
        path = f"{_path(repository)}/pulls/{number}"
        if self._ask("GET", path).json()["merged"]:
            return

        def merged() -> str:
            # 405 stands for "not yet" as well as for "not possible".
            answer = self._ask("POST", f"{path}/merge", {"Do": "merge"}, accept=(200, 405))
            return "" if answer.status == 200 else _message(answer)

        self._wait(merged, f"the merge of pull request {number} of {repository}")

    def close_pull(self, repository: str, number: int) -> None:
        self._ask("PATCH", f"{_path(repository)}/pulls/{number}", {"state": "closed"}, accept=(200, 201))

    # --- transport ----------------------------------------------------------------------------------------------

    def _label(self, repository: str, name: str) -> int:
        """Id of a label; made when it is missing."""
        path = f"{_path(repository)}/labels"
        for item in self._pages(path):
            if item["name"] == name:
                return int(item["id"])
        return int(self._ask("POST", path, {"name": name, "color": "#0075ca"}).json()["id"])

    def _pages(self, path: str) -> Iterator[dict[str, Any]]:
        sign = "&" if "?" in path else "?"
        page = 1
        while True:
            items = self._ask("GET", f"{path}{sign}limit={PAGE}&page={page}").json() or []
            yield from items
            if len(items) < PAGE:
                return
            page += 1

    def _ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        accept: Sequence[int] = (200, 201, 204),
        token: str = "",
        api: str = "/api/v1",
    ) -> web.Response:
        headers = {"Authorization": f"token {token}"} if token else {}
        auth = None if token else (USER, self._password)
        try:
            answer = web.request(method, f"{self.url}{api}{path}", json=body, auth=auth, headers=headers)
        except LabError as error:
            reason = "it did not answer"
            raise LabError(
                "git-failed",
                reason=reason,
                request=f"{method} {path}",
                log=self._log,
                details=error.details or error.what,
            ) from error
        if answer.status not in accept:
            raise LabError("git-failed", **self._refusal(method, path, answer))
        return answer

    def _refusal(self, method: str, path: str, answer: web.Response) -> dict[str, Any]:
        reason = f"status {answer.status}, {_message(answer)}"
        return {"reason": reason, "request": f"{method} {path}", "log": self._log}

    def _wait(self, probe: Probe, awaited: str) -> None:
        wait_until(
            probe,
            awaited=awaited,
            timeout=BACKGROUND_TIMEOUT,
            clock=self._clock,
            cancel=threading.Event(),
            more=self._log,
        )


def container_environment(manifests_dir: Path, secret_key: str) -> dict[str, str]:
    """Environment of Gitea's rootless container: `manifests/gitserver/settings.yaml` and the key of its own secrets.

    :param secret_key: random, kept with the lab: what Gitea encrypts can be read again only with it
    """
    content = (manifests_dir / "gitserver" / "settings.yaml").read_text(encoding="utf-8")
    settings: dict[str, dict[str, str]] = yaml.safe_load(content)
    settings["security"]["SECRET_KEY"] = secret_key
    # Gitea's spelling of a dot in a section name, which shells do not pass on (modules/setting/config_env.go).
    return {
        f"GITEA__{section.replace('.', '_0X2E_')}__{key}": value
        for section, values in settings.items()
        for key, value in values.items()
    }


def ensure_account(gitea: Gitea, execute: Callable[[Sequence[str]], str]) -> bool:
    """Make the account `lab`, an administrator with the lab's password; True when anything had to be done.

    The password never stands in a command: Gitea makes one up, and a token it prints is used once to set ours. The
    same way mends an account whose password was changed or whose making was cut short.

    :param execute: runs a program in the container and returns what it printed
    :raises LabError: `git-failed`
    """
    if gitea.signed_in():
        return False
    name = f"setup-{secrets.token_hex(4)}"
    printed = execute(account_command(name))
    found = TOKEN.findall(printed)
    if not found:
        reason = "it made no account"
        raise LabError("git-failed", reason=reason, request="gitea admin user create", log=LOG)
    gitea.set_password(found[-1])
    gitea.remove_token(name)
    return True


def account_command(token_name: str) -> tuple[str, ...]:
    """What makes the account if it is missing and prints a token of it, to be run in the container."""
    create = f"gitea admin user create --admin --username {USER} --email {USER}@localhost --random-password"
    token = f"gitea admin user generate-access-token --username {USER} --token-name {token_name} --scopes write:admin"
    return ("sh", "-c", f"{create} --must-change-password=false >/dev/null 2>&1; {token} --raw")


def repository_url(base: str, repository: str) -> str:
    """Address to clone from, on this machine or in clusters."""
    return f"{base}/{USER}/{repository}.git"


def _path(repository: str) -> str:
    return f"/repos/{USER}/{quote(repository)}"


def _pull(item: dict[str, Any]) -> PullRequest:
    return PullRequest(
        number=int(item["number"]),
        title=item["title"],
        branch=item["head"]["ref"],
        labels=tuple(label["name"] for label in item.get("labels") or ()),
        state="merged" if item.get("merged") else item["state"],
    )


def _message(answer: web.Response) -> str:
    try:
        return str(answer.json().get("message") or answer.text[:200])
    except (ValueError, AttributeError):
        return answer.text[:200]
