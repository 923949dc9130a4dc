"""scenarios, doctor, plan, status, events, measure."""

from argparse import Namespace
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from threading import Event as Stop

from lab.arguments import usage
from lab.errors import CHECK_FAILED, NOT_READY, OK
from lab.events import Event, RunStarted
from lab.launch import alive
from lab.report import text
from lab.report.envelope import error_item
from lab.report.narrator import Narrator
from lab.report.writer import Writer
from lab.settings import Settings
from lab.tui.source import RunLost
from lab.tui.tail import Tail, follow
from lab.verbs.answer import Answer, lab_folder, lines, open_lab, wanted_provider, wanted_scenario
from lab.waiting import SystemClock


def scenarios(args: Namespace, writer: Writer) -> Answer:
    from lab.reading.problems import ScenarioProblems
    from lab.scenario import all_scenarios

    broken: list[ScenarioProblems] = []
    every = all_scenarios(Settings.from_environment(), broken)
    rows = [s for s in every if args.filter.lower() in f"{s.id} {s.metadata.title}".lower()]
    data = [{"id": s.id, **s.metadata.model_dump(), "clusters": [c.name for c in s.clusters]} for s in rows]
    shown = lines([s.id for s in rows]) if writer.quiet else text.scenarios(rows)
    for error in broken:
        writer.say(text.error(error))
    return Answer(shown=shown, data=data, errors=[error_item(e) for e in broken], status="partial" if broken else "")


def doctor(args: Namespace, writer: Writer) -> Answer:
    from lab.doctor import diagnose

    settings = Settings.from_environment()
    record = lab_folder(args, settings).record()
    scenario = wanted_scenario(args, settings, record) if args.scenario or record else None
    provider = "" if args.provider == "auto" else args.provider
    options = record.options if record else None
    found = diagnose(settings, scenario, args.name, options=options, provider=provider)
    shown = text.diagnosis(found, scenario.id if scenario else "", whole=writer.verbose > 0)
    return Answer(shown=shown, data={**asdict(found), "ready": found.ready}, exit_code=OK if found.ready else NOT_READY)


def plan(args: Namespace, _writer: Writer) -> Answer:
    from lab import plan as plans
    from lab.providers import CAPABILITIES

    settings = Settings.from_environment()
    record = lab_folder(args, settings).record()
    scenario = wanted_scenario(args, settings, record)
    provider, _ = wanted_provider(args, record)
    steps = [step.info for step in plans.make(scenario, settings, able=CAPABILITIES[provider])]
    data = {"scenario": scenario.id, "provider": provider, "steps": steps}
    return Answer(shown=text.plan(steps, scenario.id, provider), data=data)


def status(args: Namespace, _writer: Writer) -> Answer:
    from lab.operations.status import status as operation

    found = operation(open_lab(args))
    return Answer(shown=text.status(found), data=found)


def events(args: Namespace, writer: Writer) -> Answer:
    folder = lab_folder(args, Settings.from_environment())
    path = folder.runs / f"{Path(args.run).name}.jsonl" if args.run else folder.last_run()
    if path is None or not path.is_file():
        known = ", ".join(p.stem for p in sorted(folder.runs.glob("*.jsonl"))) or "none"
        raise usage(f"lab {args.name} has no run {args.run}".rstrip(), "lab up centralized", f"Known runs: {known}.")
    if args.follow and writer.as_json:
        raise usage("--follow cannot make one JSON object", "lab events --follow", "It prints as things happen.")
    narrator = Narrator(writer.verbose)
    found: list[Event] = []
    code = OK
    try:
        for event in _run_events(path, args.follow):
            found.append(event)
            for line in [] if writer.as_json else narrator.take(event):
                writer.line(line)
    except RunLost:
        code = CHECK_FAILED
        writer.say("the process of this run is gone and wrote no end; `lab up` goes on from there")
    data = {"run": path.stem, "log": str(path), "events": [{"event": type(e).__name__, **asdict(e)} for e in found]}
    return Answer(data=data, exit_code=code)


def _run_events(path: Path, wait: bool) -> Iterator[Event]:
    """The events of a log; with `wait`, also those still to come until the run ends or its process is gone."""
    with closing(Tail(path)) as tail:
        batch = tail.read()
        pid = next((event.pid for event in batch if isinstance(event, RunStarted)), 0)
        while batch and not wait:
            yield from batch
            batch = tail.read()
    if wait:
        for batch in follow(lambda: path, lambda: alive(pid), lambda: (), SystemClock(), Stop()):
            yield from batch


def measure(args: Namespace, _writer: Writer) -> Answer:
    from lab.operations.measure import decision_table
    from lab.operations.measure import measure as operation

    lab = open_lab(args)
    found = operation(lab)
    shapes = decision_table(lab.settings.home)
    return Answer(shown=text.measurement(found, shapes), data={"measurement": found, "decision": shapes})
