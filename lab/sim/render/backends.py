"""The real kustomize or Helm instead of the built-in ones, for those who ask for them.

The folder is written to a temporary directory, the program runs in it without a shell, with its own home and a time
limit, and nothing of it stays.
"""

from __future__ import annotations

import os
import posixpath
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import orjson

from lab.sim.objects import Object
from lab.sim.render.errors import RenderError
from lab.sim.render.folder import ROOT, Folder, clean
from lab.sim.render.kustomize import Options, kustomization
from lab.sim.render.kustomize.edits import EditFailed, edited
from lab.sim.render.kustomize.files import Root
from lab.sim.render.yaml_documents import Malformed, flattened, objects

SECONDS = 90.0
"""Argo CD's own limit for a tool: `ARGOCD_EXEC_TIMEOUT`."""
MOST_FILES = 20_000
MOST_BYTES = 256 * 1024 * 1024


def kustomize(
    folder: Folder, path: str, options: Options | None = None, *, program: str = "kustomize", seconds: float = SECONDS
) -> list[Object]:
    """As `lab.sim.render.kustomize.render`, by the program. Raises RenderError."""
    options = options or Options()
    where = clean(path)
    root = Root(folder, where)
    changed: dict[str, bytes] = {}
    if any(options.source.values()):
        made, name = kustomization.load(root, [])
        try:
            made = edited(made, options.source, root, options.environment)
        except EditFailed as error:
            raise RenderError(f"`{error.command}` failed exit status 1: Error: {error}") from None
        changed[posixpath.join(where, name)] = orjson.dumps(made)
    return _objects(run(folder, [program, "build", f"{ROOT}/{where}".rstrip("/")], changed=changed, seconds=seconds))


def helm(
    folder: Folder, path: str, arguments: Sequence[str], *, program: str = "helm", seconds: float = SECONDS
) -> list[Object]:
    """What `helm template . ARGUMENTS…` prints for the chart at `path`. Raises RenderError."""
    where = clean(path)
    return _objects(run(folder, [program, "template", ".", *arguments], where=where, seconds=seconds))


def _objects(text: bytes) -> list[Object]:
    try:
        return flattened(objects(text))
    except Malformed as error:
        raise RenderError(f"failed to unmarshal manifest: {error}") from None


def run(
    folder: Folder,
    command: Sequence[str],
    *,
    where: str = "",
    changed: dict[str, bytes] | None = None,
    seconds: float = SECONDS,
) -> bytes:
    """What a program writes, run in the folder `where` of a copy of `folder`.

    `ROOT` in an argument stands for the copy; `changed`: files that are other than in `folder`; `seconds`: time limit.
    Raises RenderError with the command and its error output, the copy's place replaced by `ROOT`.
    """
    program = shutil.which(command[0])
    if program is None:
        raise RenderError(f'exec: "{command[0]}": executable file not found in $PATH')
    with tempfile.TemporaryDirectory(prefix="lab-render-") as made:
        copy, home = Path(made).resolve() / "source", Path(made).resolve() / "home"
        home.mkdir()
        _export(folder, copy, changed or {})
        argv = [program, *(one.replace(ROOT, str(copy)) for one in command[1:])]
        shown = " ".join(command)
        try:
            done = subprocess.run(
                argv,
                cwd=copy / where,
                env={"PATH": os.environ.get("PATH", ""), "HOME": str(home), "LC_ALL": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise RenderError(f"`{shown}` failed timeout after {seconds:g}s") from None
        except OSError as error:
            raise RenderError(f"`{shown}` failed {error.strerror}") from None
        if done.returncode:
            text = done.stderr.decode(errors="replace").replace(str(copy), ROOT).strip()
            raise RenderError(f"`{shown}` failed exit status {done.returncode}: {text}")
        return done.stdout


def _export(folder: Folder, target: Path, changed: dict[str, bytes]) -> None:
    """Write a folder to disk, links as what they lead to. Raises RenderError when it is too large."""
    files = size = 0
    waiting = [""]
    while waiting:
        path = waiting.pop()
        (target / path).mkdir(parents=True, exist_ok=True)
        for name in folder.list(path):
            below = posixpath.join(path, name.removesuffix("/"))
            if name.endswith("/"):
                waiting.append(below)
                continue
            try:
                content = changed[below] if below in changed else folder.read(below)
            except KeyError:
                continue
            files, size = files + 1, size + len(content)
            if files > MOST_FILES or size > MOST_BYTES:
                raise RenderError(f"a source of more than {MOST_FILES} files or {MOST_BYTES} bytes is not copied")
            (target / below).write_bytes(content)
