"""What tests against a simulator in a process of its own share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.sim import control


@pytest.fixture(scope="session")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[control.Control]:
    """A daemon for all tests of this process (one for each worker of pytest-xdist)."""
    running = control.start(tmp_path_factory.mktemp("simulator") / "home")
    yield running
    running.stop()
