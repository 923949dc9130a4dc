"""A real Gitea, started from a binary with everything in one folder."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from lab import web
from lab.errors import LabError

SETTINGS = Path(__file__).parents[3] / "manifests/gitserver/settings.yaml"


def binary() -> str | None:
    """Where a Gitea is that tests may start, or None."""
    return shutil.which("gitea") if os.environ.get("LAB_RIG") == "1" else None


@contextmanager
def gitea(folder: Path, program: str, user: str, password: str) -> Iterator[str]:
    """Serve until left, with the lab's own settings; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings: dict[str, dict[str, str]] = yaml.safe_load(SETTINGS.read_text(encoding="utf-8"))
    url = f"http://127.0.0.1:{port}"
    settings["server"] |= {"HTTP_PORT": str(port), "HTTP_ADDR": "127.0.0.1", "ROOT_URL": f"{url}/"}
    assets = _assets()
    if assets:
        settings["server"]["STATIC_ROOT_PATH"] = str(assets)
    settings["database"]["PATH"] = str(folder / "gitea.db")
    settings["repository"]["ROOT"] = str(folder / "repositories")
    settings["security"]["SECRET_KEY"] = secrets.token_hex(20)
    lines = ["RUN_MODE = prod", "I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true"]
    for section, values in settings.items():
        lines += [f"[{section}]", *(f"{key} = {value}" for key, value in values.items())]
    config = folder / "app.ini"
    config.write_text("\n".join(lines), encoding="utf-8")
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "USER": "root", "GITEA_WORK_DIR": str(folder)}
    command = [program, "--config", str(config)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, "web"], env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait(url, process, folder / "log")
        made = ["admin", "user", "create", "--admin", "--username", user, "--email", f"{user}@localhost"]
        made += ["--password", password, "--must-change-password=false"]
        subprocess.run([*command, *made], env=environment, check=True, capture_output=True)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def _assets() -> Path | None:
    """Gitea's texts, for a binary that was built without them."""
    found = sorted(Path.home().glob("go/pkg/mod/code.gitea.io/gitea@*/options"))
    return found[-1].parent if found else None


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            if web.request("GET", f"{url}/api/healthz", timeout=2.0).status == 200:
                return
        except LabError:
            time.sleep(0.1)
    raise AssertionError(log.read_text(errors="replace")[-2000:])
