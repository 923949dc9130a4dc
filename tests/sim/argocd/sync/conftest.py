"""A destination cluster for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.sim.argocd.sync.destination import Destination, destination


@pytest_asyncio.fixture
async def cluster() -> AsyncIterator[Destination]:
    async with destination() as made:
        yield made
