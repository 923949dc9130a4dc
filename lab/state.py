"""The lab folder: record, journal, lock, ports and secrets of one lab.

Reality (marks on containers and objects) is the truth; this folder is a cache that `up` can rebuild, a journal, and
the place of private files. Folders are 0700, files 0600, whatever the umask.
"""

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from lab.errors import LabError, no_space

RECORD_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a person chose for this lab."""

    ui: bool = False
    """Full Argo CD with its API server and UI instead of core."""
    timing: str = "fast"
    """`fast`: pushes are noticed at once and Argo CD polls every 20 s. `argocd`: Argo CD's own timing, nothing more."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """`lab.json`: what the lab is meant to be."""

    name: str
    scenario: str
    """Scenario id, e.g. `03-multi-cluster/centralized`."""
    folder: str
    """Scenario folder it was started from."""
    provider: str
    digest: str
    """Digest of the scenario at the first `up`."""
    options: Options = field(default_factory=Options)
    ports: dict[str, int] = field(default_factory=dict)
    """Loopback ports by purpose, e.g. `api:hub`; kept for the lab's life."""
    created: float = 0.0
    complete: bool = False
    """Whether an `up` reached its end."""
    version: int = RECORD_VERSION


def write_private(path: Path, text: str) -> None:
    """Write a 0600 file so that a crash leaves the old content or the new, never half."""
    make_private(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise full_disk(error, path) from error


def make_private(folder: Path) -> None:
    """Make a folder 0700; missing parents too."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        try:
            each.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise full_disk(error, each) from error


def full_disk(error: OSError, path: Path) -> Exception:
    """ENOSPC and EDQUOT become the lab's own error; everything else stays what it is."""
    return LabError("disk-full", path=path) if no_space(error) else error


def boot_id() -> str:
    """Differs after every boot; empty where the kernel does not tell."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


class LabFolder:
    """One lab's private folder, `<home>/labs/<name>`."""

    def __init__(self, home: Path, name: str) -> None:
        self.home = home
        self.name = name
        self.path = home / "labs" / name

    # --- record -------------------------------------------------------------------------------------------------

    @property
    def record_path(self) -> Path:
        return self.path / "lab.json"

    def record(self) -> Record | None:
        """The record, or None when there is none. A damaged one raises `state-unreadable`."""
        try:
            data = json.loads(self.record_path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise LabError("state-unreadable", path=self.record_path, reason=str(error)) from error
        try:
            if data["version"] != RECORD_VERSION:
                raise ValueError(f"it was written by another version of the lab (format {data['version']})")
            return Record(**{**data, "options": Options(**data["options"])})
        except (KeyError, TypeError, ValueError) as error:
            raise LabError("state-unreadable", path=self.record_path, reason=str(error)) from error

    def save(self, record: Record) -> None:
        write_private(self.record_path, json.dumps(asdict(record), indent=2) + "\n")

    def port(self, purpose: str) -> int:
        """The loopback port kept for this purpose; chosen free the first time."""
        record = self.record()
        if record is None:
            raise LabError("lab-unknown", name=self.name)
        if purpose not in record.ports:
            taken = set(record.ports.values())
            port = free_port(taken)
            record = replace(record, ports={**record.ports, purpose: port})
            self.save(record)
        return record.ports[purpose]

    def new_port(self, purpose: str) -> int:
        """Give up the port kept for this purpose and choose another."""
        record = self.record()
        if record is not None:
            self.save(replace(record, ports={k: v for k, v in record.ports.items() if k != purpose}))
        return self.port(purpose)

    # --- secrets ------------------------------------------------------------------------------------------------

    def secret(self, name: str) -> str:
        """A random secret of 32 URL-safe characters, made the first time."""
        path = self.path / "secrets" / name
        if not path.exists():
            write_private(path, secrets.token_urlsafe(24))
        return path.read_text(encoding="utf-8")

    # --- journal ------------------------------------------------------------------------------------------------

    def note(self, what: str, **values: Any) -> None:
        """Append one fact to the journal and make sure it is on disk."""
        make_private(self.path)
        line = json.dumps({"time": time.time(), "what": what, **values}, separators=(",", ":")) + "\n"
        descriptor = os.open(self.path / "journal.jsonl", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            # A crash may have cut the last line short; this one must not be lost with it.
            whole = size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"
            os.write(descriptor, (line if whole else f"\n{line}").encode())
            os.fsync(descriptor)
        except OSError as error:
            raise full_disk(error, self.path) from error
        finally:
            os.close(descriptor)

    def journal(self) -> Iterator[dict[str, Any]]:
        """All whole lines, oldest first; what a crash cut short is left out."""
        with contextlib.suppress(FileNotFoundError):
            for line in (self.path / "journal.jsonl").read_text(encoding="utf-8").splitlines():
                with contextlib.suppress(ValueError):
                    yield json.loads(line)

    # --- runs ---------------------------------------------------------------------------------------------------

    @property
    def runs(self) -> Path:
        """Event logs, one file a run; names sort by time."""
        return self.path / "runs"

    def last_run(self) -> Path | None:
        """The newest event log."""
        logs = sorted(self.runs.glob("*.jsonl")) if self.runs.is_dir() else []
        return logs[-1] if logs else None

    # --- lock ---------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def lock(self, command: str) -> Iterator[None]:
        """Hold the lab for one command; a second holder gets `lab-busy` with the first one's name.

        The kernel lets go when the process dies, so nothing stale is left behind.
        """
        lock = self._take()
        try:
            sign = os.open(self._sign, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                fcntl.flock(sign, fcntl.LOCK_EX)
                line = json.dumps({"command": command, "pid": os.getpid(), "boot": boot_id(), "since": time.time()})
                with contextlib.suppress(OSError):  # a full disk; whoever asks is told of another command
                    os.pwrite(sign, line.encode(), 0)
                yield
            finally:
                self._sign.unlink(missing_ok=True)
                os.close(sign)
        finally:
            os.close(lock)

    @property
    def _lock(self) -> Path:
        """Locked by whoever changes the lab, and by nobody else."""
        return self.home / "locks" / self.name

    @property
    def _sign(self) -> Path:
        """Says who holds the lab; locked as long as it is true, so that asking never gets in a command's way."""
        return self._lock.with_suffix(".holder")

    def _take(self) -> int:
        """The lock's file, open and locked."""
        while True:
            make_private(self._lock.parent)
            with contextlib.suppress(FileNotFoundError):
                descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    # `down` removes the file; a lock on a removed one keeps nobody out.
                    if os.path.samestat(os.fstat(descriptor), self._lock.stat()):
                        return descriptor
                except BlockingIOError:
                    os.close(descriptor)
                    raise LabError("lab-busy", name=self.name, holder=self.holder() or "another command") from None
                except FileNotFoundError:
                    pass
                os.close(descriptor)

    def held_by(self) -> dict[str, Any] | None:
        """Command, pid and start of the process that holds the lab now, or None."""
        try:
            sign = os.open(self._sign, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(sign, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None
        except BlockingIOError:
            with contextlib.suppress(ValueError):
                holder: dict[str, Any] = json.loads(os.pread(sign, 4096, 0))
                return holder
            return {"command": "another command", "pid": 0, "since": time.time()}
        finally:
            os.close(sign)

    def holder(self) -> str:
        """One line about the holder; empty when nobody holds the lab."""
        held = self.held_by()
        if held is None:
            return ""
        return f"`lab {held['command']}` since {max(0, time.time() - held['since']):.0f} s, process {held['pid']}"

    # --- end ----------------------------------------------------------------------------------------------------

    def remove(self) -> None:
        """Delete the folder and everything in it; the record last, so that what is cut short can be begun again."""
        if self.path.is_dir():
            # Moved away whole first: half a workspace would look like work that is not pushed.
            removed = self.path / "removed"
            shutil.rmtree(removed, ignore_errors=True)
            with contextlib.suppress(LabError):  # a full disk
                make_private(removed)
                for path in self.path.iterdir():
                    if path not in (removed, self.record_path):
                        path.rename(removed / path.name)
            shutil.rmtree(removed, ignore_errors=True)
            shutil.rmtree(self.path, ignore_errors=True)
        self._sign.unlink(missing_ok=True)
        self._lock.unlink(missing_ok=True)
        for folder in (self.home / "labs", self.home / "locks"):
            with contextlib.suppress(OSError):
                folder.rmdir()


def labs(home: Path) -> list[str]:
    """Names of the labs that have a folder."""
    folder = home / "labs"
    return sorted(p.name for p in folder.iterdir() if (p / "lab.json").exists()) if folder.is_dir() else []


def free_port(taken: set[int]) -> int:
    """A loopback port that can be bound now and is not in `taken`."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port not in taken:
            return port


def port_free(port: int) -> bool:
    """Whether nothing listens on this loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
