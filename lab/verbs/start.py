"""up, down, pause, resume, tui."""

import shlex
import sys
from argparse import Namespace
from dataclasses import replace

from lab.arguments import usage
from lab.report.writer import Writer
from lab.settings import Settings
from lab.verbs.answer import (
    Answer,
    lab_folder,
    open_lab,
    perform,
    refuse_json,
    wanted_options,
    wanted_provider,
    wanted_scenario,
)


def up(args: Namespace, writer: Writer) -> Answer:
    from lab.operations.up import up as operation
    from lab.providers import spoken
    from lab.session import Lab

    settings = Settings.from_environment()
    record = lab_folder(args, settings).record()
    scenario = wanted_scenario(args, settings, record)
    provider, why = wanted_provider(args, record)
    writer.say(f"lab {args.name}: {scenario.id} with provider {spoken(provider)}: {why}")
    options = wanted_options(args, record)
    return perform(
        writer,
        lambda sink: Lab.prepare(settings, scenario, provider, args.name, options, sink),
        lambda lab: operation(lab, skip_checks=args.skip_checks, force=args.yes),
        after=("lab lesson    # what to do with it", "lab status", "lab down      # when you are done"),
    )


def down(args: Namespace, writer: Writer) -> Answer:
    from lab.operations.down import down as operation

    lab = open_lab(args, remains=True)
    clusters = ", ".join(cluster.name for cluster in lab.scenario.clusters)
    if not args.yes:
        what = f"Lab {lab.name} goes: clusters {clusters}, its git server and the workspace {lab.workspace}."
        writer.ask(what, shlex.join(["lab", "down", *_named(args)]))
    return perform(writer, lambda sink: replace(lab, listener=sink), lambda lab: operation(lab, discard=args.yes))


def _named(args: Namespace) -> list[str]:
    return [] if args.name == "lab" else ["--name", args.name]


def pause(args: Namespace, writer: Writer) -> Answer:
    from lab.operations.pause import pause as operation

    return perform(
        writer, lambda sink: open_lab(args, sink), lambda lab: operation(lab, args.clusters), ("lab resume",)
    )


def resume(args: Namespace, writer: Writer) -> Answer:
    from lab.operations.pause import resume as operation

    return perform(writer, lambda sink: open_lab(args, sink), lambda lab: operation(lab, args.clusters), ["lab check"])


def tui(args: Namespace, writer: Writer) -> Answer:
    refuse_json(args, writer)
    if not (writer.terminal and sys.stdin.isatty()):
        raise usage("`lab tui` needs a terminal", "lab status", "Input or output goes to a file or another program.")
    from lab.tui.app import run

    run(Settings.from_environment(), args.name)
    return Answer()
