"""Which Docker there is to talk to, and what it says."""

import contextlib
import hashlib
import json
import os
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lab.doctor.folders import folder
from lab.doctor.machine import DEFAULT_HOST
from lab.errors import LabError
from lab.shell import INHERITED


def engine(images: Sequence[str], limit: float) -> Iterator[tuple[str, Any]]:
    """What the engine says, a fact at a time: a slow answer does not cost the ones before it.

    :param images: references whose presence is asked for
    :param limit: seconds until the first answer
    """
    from lab.containers import connect

    try:
        docker = connect(timeout=limit)
    except LabError as error:
        yield "engine:host", str(error.values.get("host") or docker_host()[0] or DEFAULT_HOST)
        yield "engine:code", error.code
        return
    yield "engine:host", docker.host
    yield "engine:containers", tuple(docker.containers())
    yield "engine:networks", tuple(docker.networks())
    yield "engine:version", docker.version()
    before = time.time()
    info = docker.info()
    yield "engine:asked", (before, time.time())
    yield "engine:info", info
    yield "engine:images", {image: docker.has_image(image) for image in images}
    root = Path(info.get("DockerRootDir") or "/nonexistent")
    if root.is_dir():
        yield "docker_root", folder(root)


def docker_host(home: Path | None = None) -> tuple[str, str]:
    """The engine the docker program chooses when the lab starts it, and what made it choose.

    Order as in docker/cli `cli/command/cli.go`: DOCKER_HOST, DOCKER_CONTEXT, then `currentContext`.
    """
    environment = {key: os.environ[key] for key in (*INHERITED, "DOCKER_CONFIG") if os.environ.get(key)}
    if environment.get("DOCKER_HOST"):
        return environment["DOCKER_HOST"], "DOCKER_HOST"
    config = _config_folder(home)
    name = environment.get("DOCKER_CONTEXT", "")
    with contextlib.suppress(OSError, ValueError, AttributeError):
        name = name or json.loads((config / "config.json").read_text(encoding="utf-8")).get("currentContext", "")
    if name in ("", "default"):
        return DEFAULT_HOST, ""
    meta = config / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json"
    try:
        host = str(json.loads(meta.read_text(encoding="utf-8"))["Endpoints"]["docker"]["Host"])
    except (OSError, ValueError, LookupError, TypeError):
        host = ""
    return host, f"context {name}"


def _config_folder(home: Path | None = None) -> Path:
    given = os.environ.get("DOCKER_CONFIG") if "DOCKER_CONFIG" in INHERITED else None
    return Path(given) if given else (home or Path.home()) / ".docker"


def docker_config() -> dict[str, Any]:
    """Only what a check needs: the file holds passwords too."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        proxies = json.loads((_config_folder() / "config.json").read_text(encoding="utf-8")).get("proxies") or {}
        default = proxies.get("default") or {}
        names = sorted(key for key in default if key.endswith("Proxy") and key != "noProxy" and default[key])
        return {"proxies": names, "noProxy": str(default.get("noProxy", ""))}
    return {}


def listens(host: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(0.2)
        try:
            probe.connect(host.removeprefix("unix://"))
        except OSError:
            return False
    return True
