"""What a served cluster answers over HTTPS: forms, headers, pages, verbs, logs."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest
import yaml

from tests.sim.serving import CONFIGMAPS, Served, read_answer, read_head, wire

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
PODS = "/api/v1/namespaces/hostile/pods"


async def filled(one: Served, count: int) -> None:
    for number in range(count):
        body = {"metadata": {"name": f"n-{number}", "labels": {"n": str(number % 2)}}}
        assert (await one.ask("POST", CONFIGMAPS, body)).code == 201


# -- forms


async def test_an_answer_can_be_had_as_yaml(one: Served) -> None:
    answer = await one.ask("GET", f"{CONFIGMAPS}/present", headers={"Accept": "application/yaml"})
    assert answer.header("content-type") == "application/yaml"
    assert yaml.safe_load(answer.body)["data"] == {"a": "b"}


async def test_a_refusal_comes_in_the_form_of_the_answer(one: Served) -> None:
    answer = await one.ask("GET", f"{CONFIGMAPS}/nope", headers={"Accept": "application/yaml"})
    assert answer.code == 404
    assert yaml.safe_load(answer.body)["reason"] == "NotFound"


@pytest.mark.parametrize(
    ("query", "agent", "pretty"),
    [
        ("", "client", False),
        ("?pretty=true", "client", True),
        ("?pretty=1", "client", True),
        ("?pretty=false", "curl/8", False),
        ("", "curl/8", True),
    ],
)
async def test_pretty(one: Served, query: str, agent: str, pretty: bool) -> None:
    answer = await one.ask("GET", f"{CONFIGMAPS}/present{query}", headers={"User-Agent": agent})
    assert (b'\n  "kind"' in answer.body) == pretty
    assert answer.json["metadata"]["name"] == "present"


@pytest.mark.parametrize(("include", "kind"), [("", "PartialObjectMetadata"), ("Object", "ConfigMap"), ("None", None)])
async def test_rows_of_a_table_hold_what_was_asked_for(one: Served, include: str, kind: str | None) -> None:
    query = f"?includeObject={include}" if include else ""
    table = (await one.ask("GET", f"{CONFIGMAPS}/present{query}", headers={"Accept": TABLE})).json
    assert table["kind"] == "Table"
    assert (table["rows"][0].get("object") or {}).get("kind") == kind


async def test_the_first_form_that_can_be_given_wins(one: Served) -> None:
    accept = "application/vnd.kubernetes.protobuf, application/json;as=Poem;g=meta.k8s.io;v=v1, application/json"
    assert (await one.ask("GET", f"{CONFIGMAPS}/present", headers={"Accept": accept})).json["kind"] == "ConfigMap"


async def test_answers_are_never_compressed(one: Served) -> None:
    await one.ask("POST", CONFIGMAPS, {"metadata": {"name": "big"}, "data": {"x": "x" * 500_000}})
    answer = await one.ask("GET", f"{CONFIGMAPS}/big", headers={"Accept-Encoding": "gzip"})
    assert answer.header("content-encoding") == ""
    assert len(answer.json["data"]["x"]) == 500_000


# -- headers


async def test_documents_are_tagged_and_not_sent_twice(one: Served) -> None:
    first = await one.ask("GET", "/openapi/v3")
    tag = first.header("etag")
    assert tag
    for known in (tag, f'"other", {tag}', f"W/{tag}"):
        again = await one.ask("GET", "/openapi/v3", headers={"If-None-Match": known})
        assert (again.code, again.body, again.header("etag")) == (304, b"", tag)
    assert (await one.ask("GET", "/openapi/v3", headers={"If-None-Match": '"other"'})).code == 200


async def test_warnings_are_headers(one: Served) -> None:
    body = {"metadata": {"name": "w"}, "nope": 1, 'quo"te\n': 2}
    answer = await one.ask("POST", CONFIGMAPS, body)
    assert answer.code == 201
    warnings = answer.headers["warning"]
    assert '299 - "unknown field \\"nope\\""' in warnings
    assert all("\n" not in one and one.startswith('299 - "') for one in warnings)


async def test_a_connection_serves_many_requests(one: Served) -> None:
    async with one.door.connected(one.door.admin) as (reader, writer):
        for method, path in (
            ("GET", "/version"),
            ("GET", f"{CONFIGMAPS}/nope"),
            ("DELETE", "/version"),
            ("GET", "/api"),
        ):
            writer.write(wire(method, path))
            answer = await read_answer(reader, method)
            assert "close" not in answer.header("connection")
        writer.write(wire("GET", "/version") + wire("GET", "/readyz"))
        assert (await read_answer(reader, "GET")).json["major"] == "1"
        assert (await read_answer(reader, "GET")).body == b"ok"


async def test_a_client_that_waits_to_be_told_may_send_its_body(one: Served) -> None:
    body = orjson.dumps({"metadata": {"name": "patient"}})
    async with one.door.connected(one.door.admin) as (reader, writer):
        headers = [("Expect", "100-continue"), ("Content-Length", str(len(body)))]
        writer.write(wire("POST", CONFIGMAPS, headers))
        assert (await read_head(reader)).code == 100
        writer.write(body)
        assert (await read_answer(reader, "POST")).code == 201


# -- pages


async def test_pages_show_everything_once(one: Served) -> None:
    await filled(one, 7)
    seen: list[str] = []
    token, pages = "", 0
    while True:
        query = f"?limit=3&continue={token}&labelSelector=n" if token else "?limit=3&labelSelector=n"
        page = (await one.ask("GET", CONFIGMAPS + query)).json
        seen += [item["metadata"]["name"] for item in page["items"]]
        pages += 1
        token = page["metadata"].get("continue", "")
        if not token:
            break
    assert (seen, pages) == ([f"n-{number}" for number in range(7)], 3)


async def test_what_is_left_is_counted_where_nothing_selects(one: Served) -> None:
    await filled(one, 4)
    whole = (await one.ask("GET", CONFIGMAPS)).json
    page = (await one.ask("GET", f"{CONFIGMAPS}?limit=2")).json
    assert page["metadata"]["remainingItemCount"] == len(whole["items"]) - 2
    assert page["metadata"]["resourceVersion"] == whole["metadata"]["resourceVersion"]


# -- verbs


async def test_a_dry_run_answers_and_keeps_nothing(one: Served) -> None:
    answer = await one.ask("POST", f"{CONFIGMAPS}?dryRun=All", {"metadata": {"name": "dry"}})
    assert (answer.code, answer.json["metadata"]["name"]) == (201, "dry")
    assert (await one.ask("GET", f"{CONFIGMAPS}/dry")).code == 404
    assert (await one.ask("DELETE", f"{CONFIGMAPS}/present?dryRun=All")).code == 200
    assert (await one.ask("GET", f"{CONFIGMAPS}/present")).code == 200


async def test_a_collection_is_deleted_by_selector(one: Served) -> None:
    await filled(one, 4)
    answer = await one.ask("DELETE", f"{CONFIGMAPS}?labelSelector=n%3D1")
    assert (answer.code, answer.json["kind"]) == (200, "ConfigMapList")
    assert [item["metadata"]["name"] for item in answer.json["items"]] == ["n-1", "n-3"]
    left = (await one.ask("GET", f"{CONFIGMAPS}?labelSelector=n")).json["items"]
    assert [item["metadata"]["name"] for item in left] == ["n-0", "n-2"]


async def test_a_deletion_tells_what_is_gone(one: Served) -> None:
    uid = (await one.ask("GET", f"{CONFIGMAPS}/present")).json["metadata"]["uid"]
    answer = await one.ask("DELETE", f"{CONFIGMAPS}/present", {"preconditions": {"uid": uid}})
    assert answer.json["status"] == "Success"
    assert answer.json["details"] == {"name": "present", "kind": "configmaps", "uid": uid}


async def test_options_of_a_deletion_are_read_from_its_body_or_else_its_path(one: Served) -> None:
    answer = await one.ask("DELETE", f"{CONFIGMAPS}/present?dryRun=All", {"kind": "DeleteOptions", "apiVersion": "v1"})
    assert answer.code == 200
    assert (await one.ask("GET", f"{CONFIGMAPS}/present")).code == 404, "a body that is there is all that counts"


async def test_apply_creates_and_then_changes(one: Served) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": {"x": "1"}}
    headers = {"Content-Type": "application/apply-patch+yaml"}
    path = f"{CONFIGMAPS}/applied?fieldManager=me"
    assert (await one.ask("PATCH", path, orjson.dumps(body), headers)).code == 201
    again = await one.ask("PATCH", path, yaml.safe_dump({**body, "data": {"z": "2"}}).encode(), headers)
    assert (again.code, again.json["data"]) == (200, {"z": "2"})


async def test_the_manager_is_named_after_the_client(one: Served) -> None:
    agent = {"User-Agent": "kubectl/v1.34.4 (linux/amd64)"}
    made = await one.ask("POST", CONFIGMAPS, {"metadata": {"name": "m"}, "data": {"x": "y"}}, agent)
    assert made.json["metadata"]["managedFields"][0]["manager"] == "kubectl"


# -- logs


async def logged(one: Served) -> None:
    for _ in range(100):
        answer = await one.ask("GET", f"{PODS}/p")
        if answer.json.get("status", {}).get("phase") == "Running":
            break
        await asyncio.sleep(0.05)
    one.cluster.logs.begin("hostile", "p", "c")
    for number in range(5):
        one.cluster.logs.write("hostile", "p", "c", f"line {number}")


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("", "line 0\nline 1\nline 2\nline 3\nline 4\n"),
        ("tailLines=2", "line 3\nline 4\n"),
        ("tailLines=0", ""),
        ("limitBytes=9", "line 0\nli"),
        ("sinceSeconds=3600&tailLines=1", "line 4\n"),
        ("sinceTime=2100-01-01T00:00:00Z", ""),
        ("container=c&tailLines=1", "line 4\n"),
    ],
)
async def test_a_log_is_cut_as_asked(one: Served, query: str, text: str) -> None:
    await logged(one)
    answer = await one.ask("GET", f"{PODS}/p/log?{query}")
    assert (answer.code, answer.body.decode()) == (200, text)


async def test_a_log_has_times_if_asked(one: Served) -> None:
    await logged(one)
    line = (await one.ask("GET", f"{PODS}/p/log?tailLines=1&timestamps=true")).body.decode()
    assert line[:2] == "20"
    assert line.endswith("Z line 4\n")


async def test_a_followed_log_tells_each_line_once_until_the_container_ends(one: Served) -> None:
    await logged(one)

    async def write() -> None:
        await asyncio.sleep(0.3)
        one.cluster.logs.write("hostile", "p", "c", "more")
        await asyncio.sleep(0.1)
        one.cluster.logs.end("hostile", "p", "c")

    writing = asyncio.create_task(write())
    answer = await one.ask("GET", f"{PODS}/p/log?follow=true&tailLines=1")
    await writing
    assert answer.body.decode() == "line 4\nmore\n"


# -- whoever asks


async def test_an_account_sees_what_it_may(one: Served) -> None:
    token = await one.token("reader")
    assert (await one.ask("GET", CONFIGMAPS, token=token)).code == 403
    rules: list[Any] = [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"], "resourceNames": ["present"]}
    ]
    where = "/apis/rbac.authorization.k8s.io/v1/namespaces/hostile"
    await one.ask("POST", f"{where}/roles", {"metadata": {"name": "r"}, "rules": rules})
    binding = {
        "metadata": {"name": "r"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
        "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": "hostile"}],
    }
    await one.ask("POST", f"{where}/rolebindings", binding)
    assert (await one.ask("GET", f"{CONFIGMAPS}/present", token=token)).code == 200
    assert (await one.ask("GET", f"{CONFIGMAPS}/other", token=token)).code == 403
    assert (await one.ask("GET", f"{CONFIGMAPS}/present", anonymous=True)).code == 403
