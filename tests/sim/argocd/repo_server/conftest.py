from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sim.argocd.repo_server.given import Lab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path)
    yield made
    made.renderer.close()
