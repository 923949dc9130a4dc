"""push, env, shell, open, password."""

import os
import shlex
import sys
from argparse import Namespace
from pathlib import Path

from lab.arguments import usage
from lab.report import text
from lab.report.writer import Writer
from lab.verbs.answer import Answer, lines, open_lab, refuse_json


def push(args: Namespace, writer: Writer) -> Answer:
    from lab.operations.push import push as operation
    from lab.stopping import stoppable

    with writer.progress() as progress:
        lab = open_lab(args, progress)
        with stoppable(lab, progress.note):
            found = operation(lab, args.repository, args.message)
    return Answer(shown=text.pushed(found), data=found)


def env(args: Namespace, _writer: Writer) -> Answer:
    variables = open_lab(args).environment()
    return Answer(shown=lines([f"export {name}={shlex.quote(v)}" for name, v in variables.items()]), data=variables)


def shell(args: Namespace, writer: Writer) -> Answer:
    refuse_json(args, writer)
    lab = open_lab(args)
    variables = lab.environment()
    if args.cluster:
        lab.kube(args.cluster)  # refuses a name the lab does not have
        first = str(lab.provider.kubeconfig(args.cluster))
        rest = [path for path in variables["KUBECONFIG"].split(os.pathsep) if path != first]
        variables["KUBECONFIG"] = os.pathsep.join([first, *rest])
    program = os.environ.get("SHELL") or "/bin/sh"
    writer.say(f"lab {lab.name}: kubectl and git are set up in this shell; `exit` leaves it")
    sys.stdout.flush()
    os.chdir(lab.workspace if lab.workspace.is_dir() else Path.cwd())
    os.execvpe(program, [program], {**os.environ, **variables})  # noqa: S606 - a shell is what was asked for


def open_(args: Namespace, writer: Writer) -> Answer:
    from lab.operations.status import status as operation

    found = operation(open_lab(args))
    where = {"git": found.git_url, "argocd": found.ui_url, "workspace": found.workspace}[args.what]
    if not where and args.what == "argocd":
        fix = f"lab down && lab up {found.scenario} --ui"
        raise usage(f"lab {args.name} has no Argo CD UI", fix, "It was brought up without --ui.")
    if not where:
        raise usage(f"lab {args.name} has no git server to open", "lab resume", "It does not run.")
    graphical = sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if args.what != "workspace" and writer.terminal and graphical:
        import webbrowser

        webbrowser.open(where)
    return Answer(shown=where, data={"what": args.what, "where": where})


def password(args: Namespace, _writer: Writer) -> Answer:
    lab = open_lab(args)
    path = lab.folder.path / "secrets" / "argocd-admin"
    if not path.is_file():
        raise usage(f"lab {args.name} has no password", "lab status", "Only Argo CD with its UI (--ui) has one.")
    if args.show:
        secret = path.read_text(encoding="utf-8").strip()
        return Answer(shown=secret, data={"user": "admin", "password": secret, "file": str(path)})
    shown = f"user admin, password in {path} (readable by you alone); `lab password --show` prints it"
    return Answer(shown=shown, data={"user": "admin", "file": str(path)})
