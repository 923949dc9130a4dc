"""`python -m tests.bench [--rig] [--record LOG]`: figures as JSON on stdout and in bench.json.

The exit code is 1 when a limit does not hold. Without --rig, what needs Docker is reported as skipped.
"""

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from tests.bench import argocd, critical_path, replay, rig, simulator, start
from tests.bench.measure import skipped

OUTPUT = Path("bench.json")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rig", action="store_true", help="also bring up real labs; takes about ten minutes")
    parser.add_argument("--record", metavar="LOG", type=Path, help="keep a real run's durations for the replay")
    args = parser.parse_args()
    if args.record:
        data = {"source": "one `lab up centralized`", "seconds": critical_path.durations(args.record)}
        replay.RECORDED.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
        return 0
    # Programs start as they do for their users: from what Python compiled the first time.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    found = {**start.figures(), **replay.figures(), **simulator.figures(), **argocd.figures()}
    found |= rig.figures() if args.rig else {name: skipped("asked for with --rig") for name in rig.FIGURES}
    text = json.dumps(
        {name: {**asdict(f), "holds": f.holds} for name, f in found.items()}, indent=2, ensure_ascii=False
    )
    OUTPUT.write_text(text + "\n", encoding="utf-8")
    print(text)
    return 0 if all(figure.holds for figure in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
