"""What an earlier lab, or somebody else, left where this lab would be."""

import shlex

from lab.doctor.case import Answer, Case, Check, of_containers, ok, problem, warning
from lab.doctor.machine import KIND_CLUSTER, Row, Unanswered
from lab.doctor.ownership import OWNER, clusters, ours, title


def _up(case: Case) -> str:
    """The `up` that goes on with this lab."""
    record = case.machine.record
    scenario = case.scenario.name if case.scenario else record.scenario if record else "centralized"
    name = f" --name {case.name}" if case.name != "lab" else ""
    return f"lab up {scenario}{name}"


def _ours(case: Case) -> list[Row]:
    return ours(case.machine.containers(), case.settings.home, case.name)


def forgotten(case: Case) -> Answer:
    """Containers with this lab's mark while the lab folder knows of no lab."""
    mine = _ours(case)
    if case.machine.record is not None or case.machine.record_problem:
        return ok(f"{len(mine)} containers, all known")
    nets = [
        row["Name"]
        for row in case.machine.answered().networks or ()
        if (row.get("Labels") or {}).get(OWNER) == case.name and row["Name"] != "kind"
    ]
    nodes = sorted(row["Labels"][KIND_CLUSTER] for row in mine if KIND_CLUSTER in row["Labels"])
    others = sorted(title(row) for row in mine if KIND_CLUSTER not in row["Labels"])
    found = [*nodes, *others, *nets]
    if not found:
        return ok("none")
    commands = []
    if nodes:
        commands.append(f"kind delete clusters {shlex.join(nodes)}")
    if others:
        commands.append(f"docker rm -f -v {shlex.join(others)}")
    if nets:
        commands.append(f"docker network rm {shlex.join(nets)}")
    return warning(f"{', '.join(found)} without a lab that knows them", " && ".join(commands))


def half_made(case: Case) -> Answer:
    record = case.machine.record
    if record is None:
        return ok("no lab of this name yet")
    if record.complete:
        return ok(f"{record.scenario} was brought up in full")
    if case.machine.holder:
        return ok("it is being brought up")
    return warning(f"`lab up` of {record.scenario} did not reach its end", _up(case))


def foreign(case: Case) -> Answer:
    """Names this lab needs that somebody else's containers have."""
    mine = [id(row) for row in _ours(case)]
    others = [row for row in case.machine.containers() if id(row) not in mine]
    names = {f"{case.name}-{cluster}-control-plane" for cluster in case.need.clusters} | {f"{case.name}-git"}
    taken = [f"{case.name}-{cluster}" for cluster in clusters(others, case.name) if cluster in case.need.clusters]
    taken += [title(row) for row in others if title(row) in names and KIND_CLUSTER not in (row.get("Labels") or {})]
    if not taken:
        return ok("no other container has a name this lab needs")
    scenario = case.scenario.name if case.scenario else "centralized"
    other = "other" if case.name != "other" else "another"
    return problem(f"{', '.join(sorted(taken))} exists and is not this lab's", f"lab up {scenario} --name {other}")


def record(case: Case) -> Answer:
    machine = case.machine
    path = shlex.quote(str(case.settings.home / "labs" / case.name / "lab.json"))
    if machine.record_problem:
        return problem(machine.record_problem, f"rm {path} && {_up(case)}")
    if machine.home is None:
        raise Unanswered("the lab's folder did not answer in time")
    found = machine.record
    if found is None:
        return ok(f"no lab called {case.name}")
    if case.scenario is not None and found.scenario != case.scenario.id:
        name = f" --name {case.name}" if case.name != "lab" else ""
        fix = f"lab down{name}    # or a second one beside it: lab up {case.scenario.name} --name other"
        return problem(f"lab {case.name} runs {found.scenario}, asked for {case.scenario.id}", fix)
    return ok(f"lab {case.name} runs {found.scenario}")


def busy(case: Case) -> Answer:
    if case.machine.holder:
        return warning(case.machine.holder, "lab events --follow")
    return ok("no other command works on this lab")


CHECKS = (
    *of_containers(Check("leftovers", "leftovers of this lab", forgotten)),
    Check("half-made", "state of this lab", half_made),
    *of_containers(Check("foreign", "names this lab uses", foreign)),
    Check("lab-record", "record of this lab", record),
    Check("lab-busy", "other commands on this lab", busy),
)
