"""Doctor for simulated clusters, which need neither Docker nor much of anything."""

from dataclasses import replace

import pytest

from lab.doctor import CHECKS
from lab.results import Diagnosis
from tests.fakes import machines as m
from tests.fakes.machines import Look

CODES = ["docker-missing", "docker-stopped", "docker-denied"]


def verdicts(found: Diagnosis) -> dict[str, str]:
    return {finding.id: finding.verdict for finding in found.findings}


@pytest.mark.parametrize("code", CODES)
def test_a_machine_without_docker_runs_simulated_clusters_and_says_why_not_real_ones(code: str) -> None:
    found = Look(machine=m.unreached(m.ubuntu(), code), provider="").diagnose()
    assert found.provider == "sim"
    assert found.ready
    said = [finding for finding in found.findings if finding.id in CODES]
    assert [(finding.id, finding.verdict) for finding in said] == [(code, "warning")]
    assert said[0].detail.endswith("; until then clusters are simulated")
    assert said[0].fix


def test_nobody_who_asked_for_simulated_clusters_is_told_of_docker() -> None:
    found = Look(machine=m.unreached(m.ubuntu(), "docker-missing"), provider="sim").diagnose()
    assert set(verdicts(found).values()) == {"ok"}
    assert not [finding for finding in found.findings if "ocker" in finding.detail + finding.title]


def test_with_docker_real_clusters_are_taken() -> None:
    assert Look(machine=m.ubuntu(), provider="").diagnose().provider == "kind"


def test_a_simulated_lab_stays_one_when_docker_is_back() -> None:
    machine = replace(m.ubuntu(), record=replace(m.record(), provider="sim"))
    assert Look(machine=machine, provider="").diagnose().provider == "sim"


def test_only_what_concerns_containers_is_left_out() -> None:
    asked = {check.id for check in CHECKS if not check.needs}
    assert set(verdicts(Look(machine=m.ubuntu(), provider="sim").diagnose())) == asked
    assert asked == {
        "kubectl", "git", "python", "terminal", "memory", "lab-disk", "lab-home", "ports", "proxy", "half-made",
        "lab-record", "lab-busy",
    }  # fmt: skip


def test_memory_is_this_machines_and_a_simulated_lab_needs_little() -> None:
    machine = m.unreached(m.ubuntu(), "docker-missing")

    def judged(available: float) -> str:
        short = m.with_files(machine, {"/proc/meminfo": m.meminfo(4.0, available)})
        return verdicts(Look(machine=short, provider="sim").diagnose())["memory"]

    assert judged(1.0) == "ok"
    assert judged(0.05) == "problem"


def test_ports_the_lab_itself_listens_on_are_not_lost() -> None:
    record = replace(m.record(), provider="sim", ports={"api:hub": 40000, "git": 40001})
    taken = replace(m.unreached(m.ubuntu(), "docker-missing"), record=record, taken_ports=frozenset({40000, 40001}))
    own = replace(taken, served={"api:hub": 40000, "git": 40001})
    assert verdicts(Look(machine=own, provider="sim").diagnose())["ports"] == "ok"
    foreign = replace(taken, served={"git": 40001})
    (finding,) = [f for f in Look(machine=foreign, provider="sim").diagnose().findings if f.id == "ports"]
    assert (finding.verdict, "40000 (api:hub)" in finding.detail) == ("problem", True)


def test_a_process_that_serves_clusters_already_is_not_counted_twice() -> None:
    record = replace(m.record(), provider="sim")
    machine = replace(m.unreached(m.ubuntu(), "docker-missing"), record=record)

    def detail(**served: int) -> str:
        served_by = {name.replace("_", ":"): port for name, port in served.items()}
        look = Look(machine=replace(machine, served=served_by), provider="sim")
        return next(f.detail for f in look.diagnose().findings if f.id == "memory")

    assert detail() != detail(api_hub=40000) != detail(api_hub=40000, git=40001)
