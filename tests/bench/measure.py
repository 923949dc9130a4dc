"""One measured figure."""

import os
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A value, what it may be at most, and how it came about."""

    value: float | None
    unit: str
    limit: float | None = None
    """None: for information."""
    note: str = ""
    """Why there is no value, or what it is made of."""

    @property
    def holds(self) -> bool:
        return self.value is None or self.limit is None or self.value <= self.limit


def skipped(reason: str, unit: str = "") -> Figure:
    """A figure that cannot be had here."""
    return Figure(value=None, unit=unit, note=f"skipped: {reason}")


def seconds_of(argv: Sequence[str | Path], environment: Mapping[str, str] | None = None, timeout: float = 60) -> float:
    """Wall time of a command that has to end well, in seconds."""
    start = time.perf_counter()
    subprocess.run(
        [str(word) for word in argv],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=timeout,
        check=True,
    )
    return time.perf_counter() - start


def processor_seconds_of(argv: Sequence[str | Path]) -> float:
    """Processor time, user and system, of a command that has to end well."""
    with Path(os.devnull).open("r+b") as null:
        process = subprocess.Popen([str(word) for word in argv], stdin=null, stdout=null, stderr=null)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return usage.ru_utime + usage.ru_stime


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that this share of all values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * int(share * 100) // 100) - 1)]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)
