"""What Argo CD 3.6.1's own repository server answered, and what ours does; `record.py` asks it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from lab.sim.argocd.ports import RepoError
from tests.sim.argocd.repo_server.cases import CASES, QUESTIONS, Case
from tests.sim.argocd.repo_server.given import Lab, of_case, url

RECORDED: dict[str, dict[str, Any]] = orjson.loads(Path(__file__).with_name("recorded.json").read_bytes())


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    made = Lab(tmp_path_factory.mktemp("lab"))
    made.seed_all()
    yield made
    made.renderer.close()


def answered(lab: Lab, case: Case) -> dict[str, Any]:
    try:
        made = asyncio.run(lab.server.manifests(of_case(case)))
    except RepoError as error:
        return {"error": str(error)}
    return {"revision": made.revision, "type": made.source_type, "objects": list(made.objects)}


def test_every_case_is_recorded() -> None:
    assert sorted(RECORDED) == sorted([*(case.name for case in CASES), *QUESTIONS])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_as_recorded(lab: Lab, case: Case) -> None:
    assert answered(lab, case) == RECORDED[case.name]


def _found(lab: Lab, verb: str, question: dict[str, Any]) -> dict[str, Any]:
    where, revision = url(question["repository"]), question.get("revision", "")
    try:
        if verb == "directories":
            return {"found": sorted(lab.server.directories(where, revision))}
        found = lab.server.files(where, revision, question["path"], new_globbing=question.get("new", False))
        return {"found": sorted(found)}
    except RepoError as error:
        return {"error": str(error)}


@pytest.mark.parametrize("name", QUESTIONS)
def test_generators_find_what_is_recorded(lab: Lab, name: str) -> None:
    assert _found(lab, *QUESTIONS[name]) == RECORDED[name]
