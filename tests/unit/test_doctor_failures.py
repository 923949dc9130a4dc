"""Recorded machines that cannot run a lab: each failure gives its own finding and the right fix."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.doctor import CHECKS
from lab.doctor.machine import Engine, Machine
from lab.doctor.need import ARGOCD, ARGOCD_UI, GIT, IMAGES, NODE
from lab.results import Finding
from tests.fakes import machines as m
from tests.fakes.broken_docker import DOCKER
from tests.fakes.broken_hosts import KERNEL, PROGRAMS, RESOURCES
from tests.fakes.broken_labs import LEFTOVERS, NETWORK, SUPPLIES
from tests.fakes.machines import Failure, Look

FAILURES = {**DOCKER, **PROGRAMS, **KERNEL, **RESOURCES, **NETWORK, **SUPPLIES, **LEFTOVERS}


def findings(look: Look) -> dict[str, Finding]:
    return {finding.id: finding for finding in look.diagnose().findings}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES.keys())
def test_a_failure_gives_its_own_finding_and_fix(failure: Failure) -> None:
    found = findings(failure)
    finding = found[failure.id]
    assert (finding.verdict, finding.fix) == (failure.verdict, failure.fix)
    assert failure.detail in finding.detail
    others = {f.id for f in found.values() if f.verdict in ("warning", "problem")} - {failure.id}
    assert others == set(failure.also)


@pytest.mark.parametrize("code", ["docker-missing", "docker-stopped", "docker-denied"], ids=lambda code: f"only {code}")
def test_what_needs_docker_is_unknown_without_it_and_nothing_else_is_blamed(code: str) -> None:
    found = Look(machine=m.unreached(m.ubuntu(), code)).diagnose()
    assert [f.id for f in found.findings if f.verdict == "problem"] == [code]
    assert {f.id for f in found.findings if f.verdict == "unknown"} >= {
        "memory",
        "cgroup",
        "inotify-instances",
        "subnet",
    }
    assert found.provider == ""
    assert not found.ready


def test_every_check_is_shown_to_fail() -> None:
    assert {check.id for check in CHECKS} == {failure.id for failure in FAILURES.values()}


def test_checks_are_many_and_their_ids_unique() -> None:
    ids = [check.id for check in CHECKS]
    assert len(ids) == len(set(ids)) >= 24


def test_every_fix_can_be_pasted_in_a_shell() -> None:
    found = [finding for look in FAILURES.values() for finding in look.diagnose().findings]
    assert all(finding.fix for finding in found if finding.verdict in ("warning", "problem"))
    script = "\n".join(sorted({finding.fix for finding in found if finding.fix}))
    result = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False, timeout=20)
    assert (result.returncode, result.stderr) == (0, "")


def test_no_fix_takes_away_what_is_paused() -> None:
    dangerous = ("system prune", "network prune", "container prune", "volume prune")
    assert [f for f in FAILURES.values() if any(word in f.fix for word in dangerous)] == []


def test_details_are_one_line() -> None:
    for look in FAILURES.values():
        for finding in look.diagnose().findings:
            assert finding.detail
            assert "\n" not in finding.detail + finding.fix


@pytest.mark.parametrize(
    "machine",
    [
        Machine(),
        Machine(engine=Engine()),
        Machine(
            engine=Engine(info={}, version={}, containers=(), networks=(), images={}), files=dict.fromkeys(m.FILES, "")
        ),
        m.with_info(m.ubuntu(), MemTotal=None, NCPU=None, SystemTime="soon", DriverStatus=7, SecurityOptions=None),
        m.with_files(m.ubuntu(), dict.fromkeys(m.FILES, "what is this")),
        m.with_tool(m.with_tool(m.ubuntu(), "kind", path="/k", output="?"), "git", path="/g", output=""),
    ],
    ids=["nothing known", "no answer in time", "empty answers", "odd engine", "odd files", "odd programs"],
)
def test_what_is_not_known_is_never_a_problem(machine: Machine) -> None:
    found = Look(machine=machine).diagnose()
    assert [f.id for f in found.findings if f.verdict == "problem"] == []
    assert "unknown" in {f.verdict for f in found.findings}
    assert len(found.findings) == len(CHECKS)


def test_judging_is_quick() -> None:
    looks = FAILURES.values()
    assert sum(look.diagnose().seconds for look in looks) / len(looks) < 0.1


def test_it_is_the_same_answer_twice() -> None:
    def answer() -> Any:
        return replace(Look(machine=m.ubuntu()).diagnose(), seconds=0)

    assert answer() == answer()


def test_the_manual_lists_every_check_in_order() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z-]+)` \|", manual, re.M) == [check.id for check in CHECKS]


def test_the_manual_gives_the_figures_of_the_table() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text(encoding="utf-8")
    for title, share in (
        ("cluster", NODE), ("Argo CD core", ARGOCD), ("its API server and UI", ARGOCD_UI), ("git server", GIT),
        ("images, once", IMAGES),
    ):  # fmt: skip
        row = re.search(rf"^\| {title} \|(.*)\|$", manual, re.M)
        assert row is not None, title
        figures = [int(re.sub(r"[^0-9]", "", cell) or 0) for cell in row[1].split("|")]
        expected = [share.memory >> 20, share.disk >> 20, share.instances, share.watches, share.tasks, share.keys]
        assert figures == [*expected, share.files]
