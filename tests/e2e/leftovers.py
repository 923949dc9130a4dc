"""What end-to-end runs that were killed left on this machine's Docker.

Every run names its lab anew and holds a lock on that name for as long as it lives. Containers, networks and volumes
that bear such a name while nobody holds its lock belong to a dead run.
"""

import fcntl
import re
import secrets
import subprocess
import tempfile
from pathlib import Path
from typing import IO

OURS = re.compile(r"^(e2e-[0-9a-f]{8})(-|$)")


def _lock(name: str) -> Path:
    folder = Path(tempfile.gettempdir()) / "gitops-lab-e2e"
    folder.mkdir(exist_ok=True)
    return folder / f"{name}.lock"


def claim() -> tuple[str, IO[str]]:
    """A lab name of this run, and the file whose being open keeps the name claimed."""
    name = f"e2e-{secrets.token_hex(4)}"
    held = _lock(name).open("w")
    fcntl.flock(held, fcntl.LOCK_EX)
    return name, held


def abandoned(name: str) -> bool:
    """Whether the name is one of ours and no living run claims it."""
    found = OURS.match(name)
    if not found:
        return False
    try:
        with _lock(found[1]).open() as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
    return True


def sweep() -> list[str]:
    """Remove what dead runs left; returns the names."""
    kinds = (
        (["ps", "-a", "--format", "{{.Names}}"], ["rm", "-f", "-v"]),
        (["network", "ls", "--format", "{{.Name}}"], ["network", "rm"]),
        (["volume", "ls", "--format", "{{.Name}}"], ["volume", "rm"]),
    )
    swept = []
    for listing, removal in kinds:
        listed = subprocess.run(["docker", *listing], capture_output=True, text=True, check=True).stdout.split()
        names = [name for name in listed if abandoned(name)]
        if names:
            subprocess.run(["docker", *removal, *names], capture_output=True, check=True)
        swept += names
    return swept
