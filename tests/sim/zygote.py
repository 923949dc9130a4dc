"""A process that has imported the daemon once and forks one for each line `HOME` on its standard input.

Starting a daemon so takes a tenth of the time, which lets a test kill and start it hundreds of times.
"""

import os
import signal
import sys
from pathlib import Path


def main() -> None:
    from lab.sim import daemon

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os.setsid()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            code = 70
            try:
                code = daemon.serve(Path(line.strip()))
            finally:
                os._exit(code)
        print(pid, flush=True)


if __name__ == "__main__":
    main()
