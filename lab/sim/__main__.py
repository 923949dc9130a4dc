"""`python -m lab.sim`: the simulator by itself, for trying it out and for its own process.

The lab starts and asks it through `lab.sim.control`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lab.sim import control

_DEFAULT_HOME = Path.home() / ".local" / "state" / "gitops-lab-sim"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m lab.sim", description=__doc__, allow_abbrev=False)
    parser.add_argument("--home", type=Path, default=_DEFAULT_HOME, help="folder with the state (default: %(default)s)")
    commands = parser.add_subparsers(dest="command", required=True)
    within = argparse.ArgumentParser(add_help=False)
    within.add_argument("--home", type=Path, default=argparse.SUPPRESS, help="folder with the state")
    create = commands.add_parser("create", parents=[within], help="make clusters, starting the daemon if need be")
    create.add_argument("names", nargs="+", metavar="NAME")
    create.add_argument("--kubernetes", default="", help="minor version, e.g. 1.34")
    create.add_argument("--timing", choices=("realistic", "instant"), default="realistic")
    create.add_argument("--workers", type=int, default=0, help="nodes beside the control plane")
    delete = commands.add_parser("delete", parents=[within], help="remove clusters")
    delete.add_argument("names", nargs="+", metavar="NAME")
    for name, text in (
        ("list", "list the clusters"),
        ("start", "serve the clusters there are"),
        ("stop", "end the daemon; clusters are kept"),
        ("serve", "be the daemon, in the foreground"),
    ):
        commands.add_parser(name, parents=[within], help=text)
    options = parser.parse_args(arguments)
    home = options.home.expanduser().resolve()
    if options.command == "serve":
        from lab.sim.daemon import serve

        return serve(home)
    try:
        return _run(options, home)
    except control.ControlError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1


def _run(options: argparse.Namespace, home: Path) -> int:
    if options.command == "create":
        wanted = [
            {"name": name, "timing": options.timing, "workers": options.workers}
            | ({"kubernetes": options.kubernetes} if options.kubernetes else {})
            for name in options.names
        ]
        _show(control.start(home).create(*wanted))
    elif options.command == "start":
        _show(control.start(home).clusters())
    else:
        running = control.connect(home)
        if running is None:
            print(f"no simulator serves {home}", file=sys.stderr)  # noqa: T201
            return 0 if options.command == "stop" else 3
        if options.command == "stop":
            running.stop()
        elif options.command == "delete":
            for name in options.names:
                running.delete(name)
        else:
            _show(running.clusters())
    return 0


def _show(clusters: list[dict[str, object]]) -> None:
    for one in clusters:
        state = str(one["state"]) + (f": {one['why']}" if one["why"] else "")
        print(f"{one['name']}\t{one['version']}\t{one['server']}\t{state}\tKUBECONFIG={one['kubeconfig']}")  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
