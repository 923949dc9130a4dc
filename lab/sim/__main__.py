"""`python -m lab.sim`: the simulator by itself, for trying it out and for its own process.

The lab starts and asks it through `lab.sim.control`.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
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
    for name, text in (
        ("delete", "remove clusters"),
        ("pause", "serve clusters no longer; they are kept"),
        ("resume", "serve paused clusters again"),
    ):
        changed = commands.add_parser(name, parents=[within], help=text)
        changed.add_argument("names", nargs="+", metavar="NAME")
    git = commands.add_parser("git", parents=[within], help="serve git, starting the daemon if need be")
    git.add_argument("--port", type=int, default=0, help="on 127.0.0.1 (default: the one it had, or any free one)")
    git.add_argument("--stop", action="store_true", help="serve it no longer; it is kept")
    account = commands.add_parser("account", parents=[within], help="set an account of the git server")
    account.add_argument("name", metavar="NAME", help="its password is read from standard input")
    manifest = commands.add_parser("argocd", help="print what installs Argo CD, for `kubectl apply --server-side -f -`")
    manifest.add_argument("--namespace", default="argocd", help="where it goes (default: %(default)s)")
    manifest.add_argument("--full", action="store_true", help="as install.yaml, not core-install.yaml")
    manifest.add_argument("--namespaced", action="store_true", help="without what belongs to the whole cluster")
    for name, text in (
        ("list", "list the clusters and the git server"),
        ("start", "serve the clusters there are"),
        ("stop", "end the daemon; clusters are kept"),
    ):
        commands.add_parser(name, parents=[within], help=text)
    serving = commands.add_parser(
        "serve", parents=[within], help="be the daemon, in the foreground; `--home -` reads the folder from stdin"
    )
    serving.add_argument("--programs", action="store_true", help="load what Argo CD's pods run before they do")
    options = parser.parse_args(arguments)
    if options.command == "serve":
        return _serve(options)
    home = options.home.expanduser().resolve()
    if options.command == "argocd":
        _print_manifest(options)
        return 0
    try:
        return _run(options, home)
    except control.ControlError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1


def _serve(options: argparse.Namespace) -> int:
    from lab.sim.daemon import load_programs, serve

    if options.programs:
        threading.Thread(target=load_programs, name="programs", daemon=True).start()
    if str(options.home) != "-":
        return serve(options.home.expanduser().resolve())
    told = sys.stdin.buffer.readline()
    # Whoever was to tell has ended, and nothing was begun.
    return serve(Path(os.fsdecode(told.removesuffix(b"\n")))) if told else 0


def _run(options: argparse.Namespace, home: Path) -> int:
    if options.command == "create":
        wanted = [
            {"name": name, "timing": options.timing, "workers": options.workers}
            | ({"kubernetes": options.kubernetes} if options.kubernetes else {})
            for name in options.names
        ]
        _show(control.start(home).create(*wanted))
    elif options.command == "start":
        _show_all(control.start(home))
    elif options.command == "git" and not options.stop:
        _show_git(control.start(home).start_git(options.port))
    else:
        running = control.connect(home)
        if running is None:
            print(f"no simulator serves {home}", file=sys.stderr)  # noqa: T201
            return 0 if options.command == "stop" else 3
        if options.command == "stop":
            running.stop()
        elif options.command in ("delete", "pause", "resume"):
            change = {"delete": running.delete, "pause": running.pause, "resume": running.resume}[options.command]
            for name in options.names:
                change(name)
        elif options.command == "git":
            running.stop_git()
        elif options.command == "account":
            running.set_account(options.name, sys.stdin.readline().rstrip("\n"))
        else:
            _show_all(running)
    return 0


def _show_all(running: control.Control) -> None:
    status = running.status()
    _show(status["clusters"])
    if status["git"] is not None:
        _show_git(status["git"])


def _show(clusters: list[dict[str, object]]) -> None:
    for one in clusters:
        state = str(one["state"]) + (f": {one['why']}" if one["why"] else "")
        print(f"{one['name']}\t{one['version']}\t{one['server']}\t{state}\tKUBECONFIG={one['kubeconfig']}")  # noqa: T201


def _show_git(facts: dict[str, object]) -> None:
    state = str(facts["state"]) + (f": {facts['why']}" if facts["why"] else "")
    print(f"git\t-\t{facts['url']}\t{state}\tinside: {facts['inside']}")  # noqa: T201


def _print_manifest(options: argparse.Namespace) -> None:
    import yaml

    from lab.sim.argocd.install import objects

    made = objects(options.namespace, cluster_wide=not options.namespaced, full=options.full)
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    yaml.dump_all(made, sys.stdout, Dumper=dumper, sort_keys=False, width=120)


if __name__ == "__main__":
    sys.exit(main())
