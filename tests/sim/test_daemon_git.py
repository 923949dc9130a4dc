"""The git server that a daemon keeps: asked for over the control port, there again after every restart."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from lab.sim import control
from lab.sim.argocd.install import objects

PASSWORD = "nobody-knows-this-one"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "home"
    yield folder
    running = control.connect(folder)
    if running is not None:
        running.stop()


def ask(url: str, path: str, password: str = "", body: object = None) -> tuple[int, object]:
    """A request to the git server's API, as account `lab` if a password is given."""
    headers = {"Content-Type": "application/json"}
    if password:
        headers["Authorization"] = "Basic " + base64.b64encode(f"lab:{password}".encode()).decode()
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{url}/api/v1{path}", data, headers), timeout=20) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, None


def test_there_is_none_until_it_is_asked_for(home: Path) -> None:
    running = control.start(home)
    assert running.git() is None
    assert not (home / "git").exists()
    running.stop_git()
    assert running.git() is None
    with pytest.raises(control.ControlError, match="there is no git server"):
        running.set_account("lab", PASSWORD)
    facts = running.start_git()
    assert facts == {
        "url": f"http://127.0.0.1:{facts['port']}",
        "inside": "http://lab-git:3000",
        "port": facts["port"],
        "state": "running",
        "why": "",
    }
    assert running.git() == running.start_git() == running.start_git(int(facts["port"])) == facts


def test_accounts_repositories_and_port_outlive_the_daemon(home: Path) -> None:
    running = control.start(home)
    facts = running.start_git()
    running.set_account("lab", PASSWORD)
    url = str(facts["url"])
    assert ask(url, "/user/repos", PASSWORD, {"name": "apps"})[0] == 201
    assert ask(url, "/user", "wrong")[0] == 401
    os.kill(running.pid, signal.SIGKILL)
    control._until(lambda: not control._alive(running.pid), 10)
    running = control.start(home)
    assert running.git() == facts
    assert ask(url, "/user", PASSWORD)[0] == 200
    running.set_account("lab", "another")
    assert [ask(url, "/user", password)[0] for password in (PASSWORD, "another")] == [401, 200]
    written = [path for path in home.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]
    assert written == []


def test_a_stopped_one_stays_stopped_and_keeps_everything(home: Path) -> None:
    running = control.start(home)
    facts = running.start_git()
    running.set_account("lab", PASSWORD)
    ask(str(facts["url"]), "/user/repos", PASSWORD, {"name": "apps"})
    running.stop_git()
    assert running.git() == {**facts, "state": "stopped"}
    with pytest.raises(urllib.error.URLError, match="refused"):
        ask(str(facts["url"]), "/user", PASSWORD)
    running.stop()
    running = control.start(home)
    assert running.git() == {**facts, "state": "stopped"}
    assert running.start_git() == facts
    assert ask(str(facts["url"]), "/repos/lab/apps")[0] == 200


def test_a_removed_one_leaves_nothing_behind(home: Path) -> None:
    running = control.start(home)
    facts = running.start_git()
    running.set_account("lab", PASSWORD)
    ask(str(facts["url"]), "/user/repos", PASSWORD, {"name": "apps"})
    running.remove_git()
    assert running.git() is None
    assert not (home / "git").exists()
    assert not (home / "git.json").exists()
    url = str(running.start_git()["url"])
    assert ask(url, "/repos/lab/apps")[0] == 404
    running.set_account("lab", PASSWORD)
    assert ask(url, "/user/repos", PASSWORD) == (200, [])


def test_a_port_may_be_chosen_and_one_that_is_taken_changes_nothing(home: Path) -> None:
    running = control.start(home)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(control.ControlError, match=f"port {port} cannot be listened on"):
            running.start_git(port)
        assert running.git() is None
        facts = running.start_git()
        with pytest.raises(control.ControlError, match="cannot be listened on"):
            running.start_git(port)
        assert running.git() == facts
        assert ask(str(facts["url"]), "/version")[0] == 200
    assert running.start_git(port)["port"] == port
    with pytest.raises(control.ControlError, match="port must be from 0 to 65535"):
        running.start_git(70000)


def test_a_port_taken_while_the_daemon_was_away_is_told(home: Path) -> None:
    running = control.start(home)
    facts = running.start_git()
    running.create({"name": "hub"})
    running.stop()
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", int(facts["port"])))
        taken.listen()
        running = control.start(home)
        found = running.git()
        assert found is not None
        assert found["state"] == "failed"
        assert f"port {facts['port']} cannot be listened on" in found["why"]
        assert [one["state"] for one in running.clusters()] == ["running"]
    assert running.start_git() == facts


def test_accounts_that_cannot_be_are_refused(home: Path) -> None:
    running = control.start(home)
    running.start_git()
    for name, password in (("", "x"), ("la b", "x"), ("../x", "x"), ("lab", ""), ("lÄb", "x")):
        with pytest.raises(control.ControlError, match="an account"):
            running.set_account(name, password)


def test_the_command_line_serves_git_and_never_shows_a_password(home: Path) -> None:
    def run(*words: str, given: str = "") -> str:
        argv = [sys.executable, "-m", "lab.sim", *words, "--home", str(home)]
        return subprocess.run(argv, input=given, capture_output=True, text=True, timeout=60, check=True).stdout

    started = run("git")
    assert started.split("\t")[0] == "git"
    assert run("account", "lab", given=f"{PASSWORD}\n") == ""
    url = started.split("\t")[2]
    assert ask(url, "/user", PASSWORD)[0] == 200
    listed = run("list")
    assert listed == f"git\t-\t{url}\trunning\tinside: http://lab-git:3000\n"


def test_what_installs_argo_cd_is_printed_as_yaml() -> None:
    argv = [sys.executable, "-m", "lab.sim", "argocd", "--namespace", "team", "--namespaced"]
    printed = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout
    assert list(yaml.safe_load_all(printed)) == objects("team", cluster_wide=False)
    assert "&id" not in printed, "kubectl reads no aliases of great depth"
