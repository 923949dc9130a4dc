"""A served cluster under hostile clients: every request is answered by the right Status, and the server lives on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sim.hostile import Hostile, families, real
from tests.sim.serving import Served, furnish, served


async def asked(one: Served, case: Hostile, token: str) -> str:
    """What is wrong with the answer to a case; "" for nothing."""
    request = case.request(token if case.user == "visitor" else "")
    shown = one.door.admin if case.user == "admin" else None
    try:
        answer = await one.door.send(request, shown, case.method)
    except (OSError, EOFError, TimeoutError) as error:
        return f"no answer: {error!r}"
    return case.wrong(answer)


@pytest.mark.parametrize("family", sorted(families()))
async def test_every_hostile_request_is_refused_as_it_should_be(family: str, tmp_path: Path) -> None:
    wrong = []
    async with served(tmp_path) as one:
        await furnish(one.door)
        token = await one.token("visitor")
        for case in families()[family]:
            if found := await asked(one, case, token):
                wrong.append(f"{case.name}: {found}")
            if not await one.alive():
                wrong.append(f"{case.name}: the server does not answer any more")
    assert not wrong, f"{len(wrong)} wrong\n" + "\n".join(wrong)


def test_what_differs_from_a_real_server_says_why() -> None:
    silent = []
    for family, cases in families().items():
        for case in cases:
            said = real()[f"{family}/{case.name}"]
            same = said["code"] == case.said["code"]
            if said["reason"]:  # plain texts and Statuses without a reason tell nothing to compare with
                same = same and said["reason"] == case.said.get("reason", "")
            if same == bool(case.said.get("differs")):
                silent.append(f"{family}/{case.name}: real {said}, here {case.said['code']} {case.said.get('reason')}")
    assert not silent, "\n".join(silent)
