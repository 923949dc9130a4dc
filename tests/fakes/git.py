"""git as far as the lab uses it, without starting a process: for tests that bring up hundreds of labs.

A commit is one JSON file of its parent and its files. Repositories look like git's where the lab looks itself: a
folder `.git`, references as files.
"""

import hashlib
import json
from pathlib import Path

from lab.ports import CommandResult

Files = dict[str, str]


def run(argv: tuple[str, ...], cwd: Path, servers: dict[str, Path]) -> CommandResult:
    """What the command does and prints.

    :param servers: address of a git server -> the folder its repositories are in
    """
    words = _words(argv[1:])
    command = _COMMANDS.get(words[0])
    if command is None:
        raise AssertionError(f"the fake knows no git {words[0]}")
    try:
        return CommandResult(exit_code=0, stdout=command(words[1:], cwd, servers), stderr="")
    except _Failed as error:
        return CommandResult(exit_code=1, stdout="", stderr=f"fatal: {error}\n")


class _Failed(Exception):
    """git would end with another code than 0."""


def _words(argv: tuple[str, ...]) -> list[str]:
    """Command and arguments without `-c key=value` and `--option`, other than those that decide."""
    words: list[str] = []
    skip = False
    for word in argv:
        if skip:
            skip = False
        elif word in ("-c", "--origin", "--initial-branch", "--message"):
            skip = True
        elif not word.startswith("-") or word in ("--get", "--is-ancestor"):
            words.append(word)
    return words


# --- repositories ---------------------------------------------------------------------------------------------------


def _git(folder: Path) -> Path:
    return folder if (folder / "HEAD").exists() else folder / ".git"


def _ref(folder: Path, name: str) -> str:
    path = _git(folder) / (name if name.startswith("refs/") else "refs/heads/main")
    return path.read_text().strip() if path.exists() else ""


def _point(folder: Path, name: str, commit: str) -> None:
    path = _git(folder) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{commit}\n")


def _commit(folder: Path, commit: str) -> tuple[str, Files]:
    parent, files = json.loads((_git(folder) / "objects" / commit).read_text())
    return parent, files


def _ancestors(folder: Path, commit: str) -> list[str]:
    found = []
    while commit:
        found.append(commit)
        commit = _commit(folder, commit)[0]
    return found


def _work(folder: Path) -> Files:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }


def _copy(commit: str, source: Path, target: Path) -> None:
    for each in _ancestors(source, commit):
        (_git(target) / "objects").mkdir(parents=True, exist_ok=True)
        (_git(target) / "objects" / each).write_text((_git(source) / "objects" / each).read_text())


def _remote(address: str, servers: dict[str, Path]) -> Path:
    for prefix, folder in servers.items():
        path = folder / address.removeprefix(f"{prefix}/")
        if address.startswith(prefix) and path.exists():
            return path
    raise _Failed(f"unable to access '{address}/': Failed to connect")


# --- commands -------------------------------------------------------------------------------------------------------


def _init(words: list[str], cwd: Path, servers: dict[str, Path]) -> str:
    (cwd / ".git" / "objects").mkdir(parents=True)
    (cwd / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    return ""


def _add(words: list[str], cwd: Path, servers: dict[str, Path]) -> str:
    (cwd / ".git" / "index").write_text(json.dumps(_work(cwd)))
    return ""


def _make(words: list[str], cwd: Path, servers: dict[str, Path]) -> str:
    content = json.dumps([_ref(cwd, "HEAD"), json.loads((cwd / ".git" / "index").read_text())])
    commit = hashlib.sha1(content.encode()).hexdigest()
    (cwd / ".git" / "objects" / commit).write_text(content)
    _point(cwd, "refs/heads/main", commit)
    return ""


def _rev_parse(words: list[str], cwd: Path, servers: dict[str, Path]) -> str:
    commit = _ref(cwd, words[-1])
    if not commit:
        raise _Failed("Needed a single revision")
    return f"{commit}\n"


def _push(words: list[str], cwd: Path, servers: dict[str, Path]) -> str:
    address, what = words[0], words[1].partition(":")[0]
    if address == "origin":
        address = (cwd / ".git" / "origin").read_text()
    remote = _remote(address, servers)
    commit = what if len(what) == 40 else _ref(cwd, what)
    there = _ref(remote, "HEAD")
    if there and there not in _ancestors(cwd, commit):
        raise _Failed("Updates were rejected because the remote contains work that you do not have locally")
    _copy(commit, cwd, remote)
    _point(remote, "refs/heads/main", commit)
    _point(cwd, "refs/remotes/origin/main", commit)
    return ""


def _clone(words: list[str], cwd: Path, servers: dict[str, Path]) -> str:
    address, folder = words[0], Path(words[1])
    remote = _remote(address, servers)
    commit = _ref(remote, "HEAD")
    if folder.exists():
        raise _Failed(f"destination path '{folder}' already exists and is not an empty directory")
    folder.mkdir()
    _init([], folder, servers)
    (folder / ".git" / "origin").write_text(address)
    _copy(commit, remote, folder)
    for name in ("refs/heads/main", "refs/remotes/origin/main"):
        _point(folder, name, commit)
    for name, text in _commit(folder, commit)[1].items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return ""


def _config(words: list[str], cwd: Path, servers: dict[str, Path]) -> str:
    if words[0] == "--get":
        if words[1] != "remote.origin.url":
            raise _Failed("not set")
        return (cwd / ".git" / "origin").read_text()
    path = cwd / ".git" / "config"
    path.write_text((path.read_text() if path.exists() else "") + " ".join(words) + "\n")
    return ""


def _set_url(words: list[str], cwd: Path, servers: dict[str, Path]) -> str:
    (cwd / ".git" / "origin").write_text(words[-1])
    return ""


def _status(words: list[str], cwd: Path, servers: dict[str, Path]) -> str:
    before, now = _commit(cwd, _ref(cwd, "HEAD"))[1], _work(cwd)
    return "".join(f" M {name}\n" for name in sorted({*before, *now}) if before.get(name) != now.get(name))


def _log(words: list[str], cwd: Path, servers: dict[str, Path]) -> str:
    pushed = _ref(cwd, "refs/remotes/origin/main")
    known = _ancestors(cwd, pushed) if pushed else []
    return "".join(f"{commit[:7]} x\n" for commit in _ancestors(cwd, _ref(cwd, "HEAD")) if commit not in known)


def _diff(words: list[str], cwd: Path, servers: dict[str, Path]) -> str:
    if json.loads((cwd / ".git" / "index").read_text()) != _commit(cwd, _ref(cwd, "HEAD"))[1]:
        raise _Failed("there are differences")
    return ""


def _merge_base(words: list[str], cwd: Path, servers: dict[str, Path]) -> str:
    if words[1] not in _ancestors(cwd, words[2]):
        raise _Failed("it is none")
    return ""


_COMMANDS = {
    "init": _init,
    "add": _add,
    "commit": _make,
    "rev-parse": _rev_parse,
    "push": _push,
    "clone": _clone,
    "config": _config,
    "remote": _set_url,
    "status": _status,
    "stash": lambda words, cwd, servers: "",
    "log": _log,
    "diff": _diff,
    "merge-base": _merge_base,
}
