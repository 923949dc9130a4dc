"""What dead runs left is removed, what living ones use is not."""

import subprocess

import pytest

from tests.e2e import leftovers
from tests.e2e.conftest import Inventory

pytestmark = pytest.mark.e2e


def _networks() -> set[str]:
    listed = ["docker", "network", "ls", "--format", "{{.Name}}"]
    return set(subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split())


def test_only_dead_runs_are_swept(before: Inventory) -> None:
    name, held = leftovers.claim()
    mine, other = f"{name}-net", "e2e-of-a-person-net"
    for network in (mine, other):
        subprocess.run(["docker", "network", "create", network], check=True, capture_output=True)
    try:
        assert leftovers.sweep() == []
        assert {mine, other} <= _networks()
        held.close()
        assert leftovers.sweep() == [mine]
        assert mine not in _networks()
    finally:
        left = {mine, other} & _networks()
        subprocess.run(["docker", "network", "rm", *left], check=True, capture_output=True)
