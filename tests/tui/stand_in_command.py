"""Stands in for `python -m lab`: behaves as the first argument says, in the lab folder below LAB_HOME."""

import os
import signal
import sys
import time
from pathlib import Path

from lab.events import LogLine, RunFinished, RunStarted
from lab.state import LabFolder


def main() -> int:
    command = sys.argv[1]
    folder = LabFolder(Path(os.environ["LAB_HOME"]), "lab")
    if command == "refuse":
        print("\x1b[31mthis machine cannot run it\x1b[0m", file=sys.stderr)
        return 3
    if command == "down":
        folder.remove()
        return 0
    folder.runs.mkdir(parents=True, exist_ok=True)
    log = folder.runs / f"{int(time.time() * 1000):013d}-{command}-{os.getpid()}.jsonl"
    stopped = []
    signal.signal(signal.SIGINT, lambda *_: stopped.append(True))
    with folder.lock(f"{command} centralized"), log.open("w", buffering=1) as file:
        begin = RunStarted(command=command, lab="lab", scenario="x/y", provider="kind", pid=os.getpid(), log=str(log))
        file.write(begin.to_json() + "\n")
        file.write(LogLine(text=" ".join(sys.argv[1:])).to_json() + "\n")
        until = time.monotonic() + 30
        while command == "up" and not stopped and time.monotonic() < until:
            signal.sigtimedwait([], 0.02)
        outcome = "cancelled" if stopped else "success"
        end = RunFinished(outcome=outcome, exit_code=0, seconds=1.0)  # type: ignore[arg-type]
        file.write(end.to_json() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
