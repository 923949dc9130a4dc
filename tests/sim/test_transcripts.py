"""Real kubectl gets from the simulator what it got from a real cluster."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from lab.sim.control import Control
from tests.sim import record_transcripts, transcript

FILES = {path.stem: path for path in transcript.files()}
KUBECTLS = transcript.kubectls()
VERSIONS = list(dict.fromkeys([*transcript.RECORDED, *KUBECTLS]))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", FILES)
def test_the_simulator_answers_as_a_real_cluster(name: str, version: str, daemon: Control, tmp_path: Path) -> None:
    if version not in KUBECTLS:
        pytest.skip(f"kubectl {version} is not here: name its path in LAB_KUBECTLS")
    if version not in transcript.RECORDED:
        pytest.skip(f"no transcripts are recorded with kubectl {version}, only {', '.join(transcript.RECORDED)}")
    told = transcript.load(FILES[name])
    facts = record_transcripts.cluster(daemon, f"{name}-{version.replace('.', '-')}")
    differences: list[str] = []
    for step, found in transcript.run(told, KUBECTLS[version], Path(facts["kubeconfig"]), tmp_path):
        expected = step.expected(version, simulated=True)
        if found != expected:
            differences += [f"$ {step.command}", *_compared(expected, found), ""]
    daemon.delete(facts["name"])
    assert not differences, "\n" + "\n".join(differences)


def _compared(expected: transcript.Output, found: transcript.Output) -> list[str]:
    before, after = expected.lines(), found.lines()
    return list(difflib.unified_diff(before, after, "expected", "found", n=2, lineterm=""))


@pytest.mark.parametrize("name", FILES)
def test_a_transcript_reads_back_as_it_stands(name: str) -> None:
    assert transcript.load(FILES[name]).render() == FILES[name].read_text()


def test_every_difference_has_a_known_reason() -> None:
    unexplained = [
        f"{name}: {step.command}: {step.reason or 'no reason'}"
        for name, path in FILES.items()
        for step in transcript.load(path).steps
        if step.simulated and step.reason.partition(":")[0] not in transcript.REASONS
    ]
    assert not unexplained, "\n".join(unexplained)


def test_a_difference_is_one() -> None:
    same = [
        f"{name}: {step.command}"
        for name, path in FILES.items()
        for step in transcript.load(path).steps
        for version in (*transcript.RECORDED, "")
        if version in step.simulated and step.expected(version, simulated=False) == step.simulated[version]
    ]
    assert not same, "\n".join(same)


def test_there_are_enough_commands() -> None:
    steps = [step for path in FILES.values() for step in transcript.load(path).steps if step.is_kubectl]
    assert len(steps) >= 120


def test_the_table_of_differences_is_up_to_date() -> None:
    assert record_transcripts.TABLE.read_text() == record_transcripts.table()


NORMALISED = [
    ("web-6d4b75cb6d-hx4jv   1/1     Running   0     12s", "web-<hash>-<pod>  1/1  Running  0  <age>"),
    ("cache-0   0/1   Error   1 (3s ago)   4m10s", "cache-0  0/1  Error  1 (<age> ago)  <age>"),
    ("Normal  Pulled  2s (x3 over 40s)  kubelet  ok", "Normal  Pulled  <age>  kubelet  ok"),
    ("NAME  AGE  CPU\nold  50m  50m", "NAME  AGE  CPU\nold  <age>  50m"),
    ("      cpu:  10m", "      cpu:  10m"),
    ("Liveness: http-get delay=10s timeout=1s", "Liveness: http-get delay=10s timeout=1s"),
    ('  resourceVersion: "4711"', '  resourceVersion: "<number>"'),
    (
        "web  ClusterIP  10.96.0.1  10.111.4.9  80:30123/TCP",
        "web  ClusterIP  10.96.0.1  <service-ip>  80:<node-port>/TCP",
    ),
    ("cidr: 10.96.0.0/12", "cidr: 10.96.0.0/12"),
    ("name: front-end, second-level", "name: front-end, second-level"),
    ("time: 2026-11-23T17:32:14Z", "time: <time>"),
]


@pytest.mark.parametrize(("text", "expected"), NORMALISED)
def test_only_what_cannot_be_equal_is_normalised(text: str, expected: str) -> None:
    assert transcript.normalised(text) == expected
