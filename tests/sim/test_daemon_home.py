"""A daemon lives no longer than its folder."""

import asyncio
import shutil
from pathlib import Path

import pytest

from lab.sim import daemon


async def test_a_daemon_whose_folder_was_taken_away_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon, "_HOME_SECONDS", 0.02)
    home = tmp_path / "home"
    running = asyncio.create_task(daemon.Daemon(home).run())
    while not (home / daemon.ADDRESS_FILE).exists():
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    assert not running.done()
    shutil.rmtree(home)
    await asyncio.wait_for(running, 10)
