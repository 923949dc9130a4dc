"""Clients written in Go at a simulated cluster: our own with every sort of informer, and Argo CD's ApplicationSets."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.sim import control

pytestmark = pytest.mark.e2e
RIG = Path("/var/cache/lab-rig")
PROGRAM = Path(__file__).parents[1] / "sim" / "clientgo"
SECONDS = 20
PROJECT = {"sourceRepos": ["*"], "destinations": [{"namespace": "*", "server": "*"}]}


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    running = control.start(tmp_path_factory.mktemp("clients") / "home")
    made = running.create({"name": "clients", "kubernetes": "1.34", "timing": "instant"})
    yield Path(made[0]["kubeconfig"])
    running.stop()


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our own client, built from the modules on this machine."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("Go is not installed")
    fetched = subprocess.run([go, "mod", "download"], cwd=PROGRAM, capture_output=True, text=True, timeout=300)
    if fetched.returncode:
        pytest.skip(f"the modules of client-go 0.34.4 cannot be had: {fetched.stderr[-500:]}")
    built = tmp_path_factory.mktemp("clientgo") / "clientgo"
    # A checkout that belongs to someone else has no version-control facts for Go to stamp into the program.
    command = [go, "build", "-mod=readonly", "-buildvcs=false", "-o", str(built), "."]
    ended = subprocess.run(command, cwd=PROGRAM, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return built


@pytest.mark.parametrize("streaming", [True, False], ids=["watch-list", "list-and-watch"])
def test_a_client_go_program_works_without_errors(program: Path, kubeconfig: Path, streaming: bool) -> None:
    ended = subprocess.run(
        [str(program), "-kubeconfig", str(kubeconfig), "-seconds", str(SECONDS), "-seed", "3"],
        env={**os.environ, "KUBE_FEATURE_WatchListClient": str(streaming).lower()},
        capture_output=True,
        text=True,
        timeout=SECONDS + 120,
    )
    report = json.loads(ended.stdout)
    assert report["errors"] == []
    assert ended.returncode == 0, ended.stderr
    assert {name: one["why"] for name, one in report["caches"].items() if not one["equal"]} == {}
    assert report["leaders"] == ["first", "second"]
    assert sum(report["done"].values()) > SECONDS * 5
    assert report["requests"]["protobuf body"] > 0
    assert (report["requests"].get("watch with initial events", 0) >= len(report["caches"])) is streaming


def _kubectl(kubeconfig: Path, *words: str, text: str = "") -> str:
    command = [str(RIG / "bin" / "kubectl"), "--kubeconfig", str(kubeconfig), *words]
    ended = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def _until(done: Callable[[], Any], seconds: float = 20) -> None:
    ends = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.2)


def _cluster(name: str) -> dict[str, Any]:
    labels = {"argocd.argoproj.io/secret-type": "cluster", "env": "prod"}
    data = {"name": name, "server": f"https://{name}.example.com:6443", "config": "{}"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "labels": labels}, "stringData": data}


def _set(name: str, generator: dict[str, Any], application: str, server: str) -> dict[str, Any]:
    source = {"repoURL": "https://git.example.com/web.git", "targetRevision": "HEAD", "path": "web"}
    template = {
        "metadata": {"name": application},
        "spec": {"project": "default", "source": source, "destination": {"server": server, "namespace": "web"}},
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ApplicationSet",
        "metadata": {"name": name},
        "spec": {"goTemplate": True, "generators": [generator], "template": template},
    }


def test_argo_cds_applicationset_controller_makes_applications(kubeconfig: Path, tmp_path: Path) -> None:
    binary, install = RIG / "bin" / "argocd", RIG / "manifests" / "argocd" / "v3.6.1" / "install.yaml"
    for needed in (binary, install, RIG / "bin" / "kubectl"):
        if not needed.exists():
            pytest.skip(f"the rig has no {needed}")
    _kubectl(kubeconfig, "create", "namespace", "argocd")
    at = ("-n", "argocd")
    _kubectl(kubeconfig, "apply", *at, "--server-side", "-f", str(install))
    _kubectl(kubeconfig, "wait", "--for=condition=Established", "crd", "--all", "--timeout=20s")
    objects = [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "argocd-secret"},
            "stringData": {"server.secretkey": "a2V5"},
        },
        {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": "default"}, "spec": PROJECT},
        _cluster("east"),
        _cluster("west"),
        _set("listed", {"list": {"elements": [{"env": "dev"}]}}, "web-{{.env}}", "https://kubernetes.default.svc"),
        _set("clusters", {"clusters": {"selector": {"matchLabels": {"env": "prod"}}}}, "shop-{{.name}}", "{{.server}}"),
    ]
    applied = ("apply", *at, "--server-side", "--force-conflicts", "-f", "-")
    _kubectl(kubeconfig, *applied, text=yaml.safe_dump_all(objects))

    # The controller acts as the account, and is allowed what the roles, of its own manifest.
    token = _kubectl(kubeconfig, "create", "token", *at, "argocd-applicationset-controller").strip()
    config = yaml.safe_load(kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token}
    own = tmp_path / "kubeconfig"
    own.write_text(yaml.safe_dump(config))

    def applications() -> set[str]:
        listed = _kubectl(kubeconfig, "get", "applications", *at, "-o", "jsonpath={.items[*].metadata.name}")
        return set(listed.split())

    free = [f"--{name}-addr=127.0.0.1:0" for name in ("metrics", "probe", "webhook")]
    log = tmp_path / "log"
    with log.open("w") as out:
        running = subprocess.Popen(
            [str(binary), "--kubeconfig", str(own), "--namespace", "argocd", "--argocd-repo-server=127.0.0.1:1", *free],
            env={**os.environ, "ARGOCD_BINARY_NAME": "argocd-applicationset-controller", "KUBECONFIG": str(own)},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        _until(lambda: applications() == {"web-dev", "shop-east", "shop-west"})
        _kubectl(kubeconfig, *applied, text=yaml.safe_dump(_cluster("north")))
        _until(lambda: "shop-north" in applications())
        _kubectl(kubeconfig, "delete", "secret", *at, "west")
        more = {"list": {"elements": [{"env": "stage"}]}}
        _kubectl(
            kubeconfig,
            *applied,
            text=yaml.safe_dump(_set("listed", more, "web-{{.env}}", "https://kubernetes.default.svc")),
        )
        _until(lambda: {"web-stage", "shop-north"} <= applications())
        said = _kubectl(kubeconfig, "get", "applicationset", *at, "listed", "-o", "json")
        told = {one["type"]: one["status"] for one in json.loads(said)["status"]["conditions"]}
        assert (told["ErrorOccurred"], told["ResourcesUpToDate"]) == ("False", "True")
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(30)
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    assert [line for line in lines if line.get("level") in ("error", "fatal", "panic")] == []
