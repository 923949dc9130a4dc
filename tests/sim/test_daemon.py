"""The daemon from another process: start, list, stop, keep ports, survive, and stay quiet."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.sim import control
from tests.sim.killing import PATH, wire


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "home"
    yield folder
    running = control.connect(folder)
    if running is not None:
        running.stop()


def ask(home: Path, name: str, method: str, path: str, body: object = None) -> tuple[int, dict[str, object]]:
    port, tls = wire(home / "clusters" / name / "kubeconfig")
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=tls, timeout=20)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_a_cluster_is_made_listed_and_kept(home: Path) -> None:
    made = control.start(home).create({"name": "hub", "timing": "instant"}, {"name": "w1", "kubernetes": "1.34"})
    assert [(one["name"], one["version"], one["state"]) for one in made] == [
        ("hub", "v1.36.0+sim", "running"),
        ("w1", "v1.34.0+sim", "running"),
    ]
    assert ask(home, "hub", "POST", PATH, {"metadata": {"name": "mine"}})[0] == 201
    control.start(home).stop()
    assert control.connect(home) is None
    again = control.start(home)
    assert [one["server"] for one in again.clusters()] == [one["server"] for one in made]
    assert ask(home, "hub", "GET", f"{PATH}/mine")[0] == 200
    assert ask(home, "w1", "GET", f"{PATH}/mine")[0] == 404


def test_making_a_cluster_twice_changes_nothing(home: Path) -> None:
    running = control.start(home)
    first = running.create({"name": "hub"})
    assert ask(home, "hub", "POST", PATH, {"metadata": {"name": "mine"}})[0] == 201
    assert running.create({"name": "hub"})[0]["server"] == first[0]["server"]
    assert ask(home, "hub", "GET", f"{PATH}/mine")[0] == 200


def pulled(home: Path, name: str, image: str) -> str:
    """What the kubelet says of a new pod's image."""
    spec = {"containers": [{"name": "main", "image": image}]}
    pod = {"metadata": {"name": name}, "spec": spec}
    pods = "/api/v1/namespaces/default/pods"
    ends = time.monotonic() + 10
    while ask(home, "hub", "POST", pods, pod)[0] != 201:  # the account comes a moment after the cluster
        assert time.monotonic() < ends
        time.sleep(0.02)
    while True:
        events = ask(home, "hub", "GET", "/api/v1/namespaces/default/events")[1]["items"]
        assert isinstance(events, list)
        for one in events:
            if one["involvedObject"]["name"] == name and one["reason"] in ("Pulling", "Pulled"):
                return str(one["message"])
        assert time.monotonic() < ends
        time.sleep(0.02)


def test_images_that_were_loaded_are_not_pulled_nor_after_a_restart(home: Path) -> None:
    running = control.start(home)
    running.create({"name": "hub", "timing": "instant"})
    running.load("hub", ["nginx:1.27", "quay.io/argoproj/argocd:v3.6.1"])
    running.load("hub", ["nginx:1.27"])
    present = 'Container image "{}" already present on machine'
    assert pulled(home, "one", "nginx:1.27") == present.format("nginx:1.27")
    assert pulled(home, "two", "busybox:1") == 'Pulling image "busybox:1"'
    os.kill(running.pid, signal.SIGKILL)
    running = control.start(home)
    assert running.clusters()[0]["settings"]["images"] == ["nginx:1.27", "quay.io/argoproj/argocd:v3.6.1"]
    argocd = "quay.io/argoproj/argocd:v3.6.1"
    assert pulled(home, "three", argocd) == present.format(argocd)
    whole = "docker.io/library/nginx:1.27"
    assert pulled(home, "four", whole) == present.format(whole)


def test_images_that_cannot_be_are_refused(home: Path) -> None:
    running = control.start(home)
    running.create({"name": "hub"})
    with pytest.raises(control.ControlError, match="couldn't parse image name"):
        running.load("hub", ["nginx:1.27", "No Such"])
    with pytest.raises(control.ControlError, match="no cluster 'w9'"):
        running.load("w9", ["nginx:1.27"])
    assert running.clusters()[0]["settings"]["images"] == []


def test_a_deleted_cluster_is_gone_with_its_files(home: Path) -> None:
    running = control.start(home)
    running.create({"name": "hub"}, {"name": "w1"})
    running.delete("hub")
    assert [one["name"] for one in running.clusters()] == ["w1"]
    assert not (home / "clusters" / "hub").exists()
    with pytest.raises(control.ControlError, match="no cluster 'hub'"):
        running.delete("hub")


def test_a_paused_cluster_does_not_answer_and_comes_back_on_its_port(home: Path) -> None:
    running = control.start(home)
    (made,) = running.create({"name": "hub", "timing": "instant"})
    ask(home, "hub", "POST", PATH, {"metadata": {"name": "mine"}})
    running.pause("hub")
    assert running.clusters()[0]["state"] == "paused"
    with pytest.raises(OSError, match="refused"):
        ask(home, "hub", "GET", PATH)
    running.stop()
    running = control.start(home)
    assert running.clusters()[0]["state"] == "paused"
    running.resume("hub")
    (facts,) = running.clusters()
    assert (facts["state"], facts["server"]) == ("running", made["server"])
    assert ask(home, "hub", "GET", f"{PATH}/mine")[0] == 200


def test_a_port_that_was_taken_meanwhile_is_told_and_hurts_no_other(home: Path) -> None:
    running = control.start(home)
    made = running.create({"name": "hub"}, {"name": "w1"})
    running.stop()
    port = int(made[0]["server"].rsplit(":", 1)[1])
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        hub, w1 = control.start(home).clusters()
        assert (hub["state"], w1["state"]) == ("failed", "running")
        assert f"port {port} cannot be listened on" in hub["why"]
    control.start(home).resume("hub")
    assert ask(home, "hub", "GET", PATH)[0] == 200


def test_everything_wrong_with_the_settings_is_said_at_once(home: Path) -> None:
    running = control.start(home)
    with pytest.raises(control.ControlError) as refused:
        running.create({"name": "Hub_1", "kubernetes": "1.12", "timing": "slow", "port": -1, "colour": "red"})
    for word in ("colour", "Hub_1", "1.12", "slow", "-1"):
        assert word in str(refused.value)
    assert running.clusters() == []


def test_files_are_private_whatever_the_umask_says(home: Path) -> None:
    before = os.umask(0)
    try:
        running = control.start(home)
        running.create({"name": "hub"})
        running.stop()
    finally:
        os.umask(before)
    loose = [
        f"{path.relative_to(home.parent)} {stat.filemode(path.stat().st_mode)}"
        for path in (home, *home.rglob("*"))
        if stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    assert loose == []


def test_a_second_daemon_leaves_the_first_alone(home: Path) -> None:
    first = control.start(home)
    second = subprocess.run(
        [sys.executable, "-m", "lab.sim", "serve", "--home", str(home)], capture_output=True, timeout=30, check=False
    )
    assert second.returncode == 75
    assert control.connect(home) == first


def test_the_control_port_asks_for_its_token(home: Path) -> None:
    running = control.start(home)
    wrong = control.Control(home, running.pid, running.port, "guessed")
    with pytest.raises(control.ControlError, match="wrong token"):
        wrong.clusters()
    assert "token" not in json.dumps(running.status())


def test_it_listens_on_loopback_only(home: Path) -> None:
    running = control.start(home)
    running.create({"name": "hub"})
    inodes = set()
    for one in Path(f"/proc/{running.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a connection that has just ended
            inodes.add(str(one.readlink()))
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = [line[1] for line in lines if line[3] == "0A" and f"socket:[{line[9]}]" in inodes]
    assert len(listening) == 2
    assert all(address.startswith("0100007F:") for address in listening)
    wide = [line.split() for line in Path("/proc/net/tcp6").read_text().splitlines()[1:]]
    assert not [line for line in wide if line[3] == "0A" and f"socket:[{line[9]}]" in inodes]


def test_it_ends_cleanly_on_a_signal(home: Path) -> None:
    running = control.start(home)
    running.create({"name": "hub"})
    os.kill(running.pid, signal.SIGTERM)
    ends = time.monotonic() + 10
    while control._alive(running.pid) and time.monotonic() < ends:
        time.sleep(0.02)
    assert not control._alive(running.pid)
    assert not (home / "daemon.json").exists()
    assert (home / "daemon.log").read_text() == ""


def test_a_broken_file_is_told(home: Path) -> None:
    home.mkdir()
    (home / "state.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(control.ControlError, match=r"cannot start: .*state\.db: file is not a database"):
        control.start(home, seconds=15)


def test_the_command_line_starts_lists_and_stops(home: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "lab.sim", *words, "--home", str(home)]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)

    assert run("list").returncode == 3
    made = run("create", "hub", "w1", "--kubernetes", "1.35")
    assert made.returncode == 0
    assert [line.split("\t")[:2] for line in made.stdout.splitlines()] == [
        ["hub", "v1.35.0+sim"],
        ["w1", "v1.35.0+sim"],
    ]
    assert run("delete", "w1").returncode == 0
    assert [line.split("\t")[0] for line in run("list").stdout.splitlines()] == ["hub"]
    wrong = run("create", "Not A Name")
    assert wrong.returncode == 1
    assert "DNS label" in wrong.stderr
    assert "Traceback" not in wrong.stderr
    assert run("stop").returncode == 0
    assert run("stop").returncode == 0
