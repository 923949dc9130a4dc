"""Clusters that several test modules share the making of."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from lab.sim import control
from tests.sim.serving import Served, furnish, served


@pytest.fixture(scope="session")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[control.Control]:
    """A daemon for all tests of this process (one for each worker of pytest-xdist)."""
    running = control.start(tmp_path_factory.mktemp("simulator") / "home")
    yield running
    running.stop()


@pytest_asyncio.fixture
async def one(tmp_path: Path) -> AsyncIterator[Served]:
    """A cluster of this process, served, with the objects that requests are about."""
    async with served(tmp_path) as made:
        await furnish(made.door)
        yield made
