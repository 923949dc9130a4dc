"""A served cluster under hostile clients: every request is answered by the right Status, and the server lives on."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import ssl
import time
from pathlib import Path
from typing import Any

import pytest

from lab.sim.api import bodies, connections
from lab.sim.certificates import Authority, Pair
from lab.sim.clock import SystemClock
from tests.sim import fuzz
from tests.sim.hostile import Hostile, families, real
from tests.sim.serving import CONFIGMAPS, Served, furnish, read_answer, served, wire


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


# -- certificates and tokens


@pytest.fixture(scope="module")
def strangers() -> dict[str, Pair]:
    """Certificates that must not open a cluster, by what is wrong with them; `{authority}` is made for each cluster."""
    clock = SystemClock()
    foreign = Authority.create("kubernetes", clock)
    return {"foreign authority": foreign.client(), "server of a foreign authority": foreign.server()}


async def whoami(one: Served, pair: Pair | None) -> int | str:
    try:
        answer = await one.door.send(wire("GET", "/api/v1/namespaces/hostile/configmaps"), pair, "GET")
    except (ssl.SSLError, ConnectionError):
        return "cut off"
    return answer.code


async def test_certificates_that_are_not_the_clusters_open_nothing(tmp_path: Path, strangers: dict[str, Pair]) -> None:
    async with served(tmp_path) as one:
        own = Authority.load(
            Pair((one.folder / "ca.crt").read_bytes(), (one.folder / "ca.key").read_bytes()), SystemClock()
        )
        assert await whoami(one, own.client()) == 200
        assert await whoami(one, own.client(lifetime_seconds=-60)) == 401
        assert await whoami(one, own.client("jane", ["dev"])) == 403
        assert await whoami(one, own.server()) in (401, "cut off")
        for what, pair in strangers.items():
            assert await whoami(one, pair) in (401, "cut off"), what
        assert await whoami(one, None) == 403
        assert await one.alive()


async def test_two_clusters_know_nothing_of_each_other(tmp_path: Path) -> None:
    """Every hostile request, put to each of two clusters with the credentials of the other."""
    canaries = {"alpha": "canary-of-alpha-3f9c", "beta": "canary-of-beta-77d1"}
    async with served(tmp_path, "alpha") as alpha, served(tmp_path, "beta") as beta:
        tokens: dict[str, str] = {}
        for one, name in ((alpha, "alpha"), (beta, "beta")):
            await furnish(one.door)
            text = canaries[name]
            for plural in ("configmaps", "secrets"):
                body = {"metadata": {"name": text, "labels": {"canary": text}}, "data": {text: "Y2FuYXJ5"}}
                assert (await one.ask("POST", f"/api/v1/namespaces/hostile/{plural}", body)).code == 201
            binding = {
                "metadata": {"name": "everything"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
                "subjects": [{"kind": "ServiceAccount", "name": "visitor", "namespace": "hostile"}],
            }
            path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
            assert (await one.ask("POST", path, binding)).code == 201
            tokens[name] = await one.token("visitor")
            assert (await one.ask("GET", CONFIGMAPS, token=tokens[name])).code == 200
        for one, name, other in ((alpha, "alpha", "beta"), (beta, "beta", "alpha")):
            foreign = beta if one is alpha else alpha
            secrets = [canaries[other], tokens[other], foreign.door.authority.split("\n")[-4]]
            assert (await one.ask("GET", CONFIGMAPS, token=tokens[other])).code == 401
            assert await whoami(one, foreign.door.admin) in (401, "cut off")
            page = (await foreign.ask("GET", f"{CONFIGMAPS}?limit=1")).json["metadata"]["continue"]
            carried = await one.ask("GET", f"{CONFIGMAPS}?limit=5&continue={page}")
            assert not [text for text in secrets if text.encode() in carried.body]
            for family, cases in families().items():
                for case in cases:
                    if family == "wire" or "timeoutSeconds" in str(case.said.get("path")):
                        continue
                    answer = await one.door.send(case.request(tokens[other]), None, case.method)
                    said = b"".join(value.encode() for held in answer.headers.values() for value in held) + answer.body
                    assert not [text for text in secrets if text.encode() in said], f"{name}: {family}/{case.name}"
                    assert answer.code in (400, 401, 403, 404, 405, 431), f"{name}: {family}/{case.name}: {answer.code}"


# -- time and room


async def test_a_body_that_never_comes_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "SECONDS", 0.5)
    async with served(tmp_path) as one, one.door.connected(one.door.admin) as (reader, writer):
        await furnish(one.door)
        writer.write(wire("POST", CONFIGMAPS, [("Content-Type", "application/json"), ("Content-Length", "100")]) + b"{")
        answer = await asyncio.wait_for(read_answer(reader, "POST"), 10)
        assert (answer.code, answer.reason) == (504, "Timeout")
        assert await one.alive()


async def test_a_connection_that_asks_nothing_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "FIRST_REQUEST_SECONDS", 0.3)
    async with served(tmp_path) as one, one.door.connected() as (reader, writer):
        writer.write(b"GET /api")
        assert await asyncio.wait_for(reader.read(), 10) == b""
        assert await one.alive()


async def test_a_thousand_idle_connections_disturb_nobody(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * 1000 + 200
    if hard < wanted:
        pytest.skip(f"only {hard} open files are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        async with served(tmp_path) as one, contextlib.AsyncExitStack() as stack:
            await furnish(one.door)
            for _ in range(20):
                await asyncio.gather(*(stack.enter_async_context(one.door.connected()) for _ in range(50)))
            began = time.perf_counter()
            assert (await one.ask("GET", f"{CONFIGMAPS}/present")).code == 200
            assert time.perf_counter() - began < 2
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_clients_that_hang_up_in_the_middle_leave_nothing(tmp_path: Path) -> None:
    async with served(tmp_path) as one:
        await furnish(one.door)
        request = wire("POST", CONFIGMAPS, [("Content-Type", "application/json")], b'{"metadata":{"name":"half"}}')
        for length in range(1, len(request), 7):
            async with one.door.connected(one.door.admin) as (_, writer):
                writer.write(request[:length])
                await writer.drain()
        assert await one.alive()
        assert (await one.ask("GET", f"{CONFIGMAPS}/half")).code == 404


# -- patterns and rules that never end


def definition(schema: Any) -> Any:
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": "traps", "singular": "trap", "kind": "Trap"}
    spec = {"group": "hostile.example.com", "scope": "Namespaced", "names": names, "versions": [version]}
    head = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    return {**head, "metadata": {"name": "traps.hostile.example.com"}, "spec": spec}


@pytest.mark.parametrize(
    ("schema", "value", "code"),
    [
        ({"type": "string", "pattern": "^(a+)+$"}, "a" * 5000 + "!", 422),
        ({"type": "string", "pattern": "^(a|aa)+$"}, "a" * 5000 + "!", 422),
        ({"type": "string", "pattern": "(.*)*(.*)*(.*)*x"}, "a" * 20_000, 422),
        ({"type": "string", "pattern": "^(a+)+$"}, "a" * 5000, 201),
        (
            {
                "type": "array",
                "items": {"type": "integer"},
                "x-kubernetes-validations": [{"rule": "self.all(x, self.all(y, self.all(z, x + y + z >= 0)))"}],
            },
            list(range(5000)),
            422,
        ),
        (
            {
                "type": "array",
                "items": {"type": "integer"},
                "x-kubernetes-validations": [{"rule": "self.all(x, self.exists(y, y >= x))"}],
            },
            list(range(50)),
            201,
        ),
    ],
    ids=["nested", "either", "stars", "matching", "three loops", "two loops"],
)
async def test_rules_of_a_schema_cannot_run_for_ever(tmp_path: Path, schema: Any, value: Any, code: int) -> None:
    async with served(tmp_path) as one:
        await furnish(one.door)
        whole = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"x": schema}}}}
        answer = await one.ask("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition(whole))
        assert answer.code == 201, answer.body
        path = "/apis/hostile.example.com/v1/namespaces/hostile/traps"
        body = {"apiVersion": "hostile.example.com/v1", "kind": "Trap", "metadata": {"name": "t"}, "spec": {"x": value}}
        for _ in range(50):
            began = time.perf_counter()
            answer = await one.ask("POST", path, body)
            if answer.code != 404:
                break
            await asyncio.sleep(0.05)
        assert (answer.code, time.perf_counter() - began < 3) == (code, True), answer.body[:500]


async def test_a_short_fuzz_finds_nothing(tmp_path: Path) -> None:
    found = await fuzz.run(4.0, 20261123, tmp_path)
    assert not found.wrong, "\n".join(found.wrong)
    assert found.counts["requests"] > 50
