"""Requests of all kinds and verbs, changed at random from valid ones, against a served cluster.

`python -m tests.sim.fuzz --seconds 600 --seed 7`. After each request: it is answered, by an object or a Status, without
a crash and soon. At the end: nothing in the store was changed in place, resourceVersions only grew, every watch told
exactly what a list shows, and no controller failed.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import copy
import logging
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import yaml

from lab.sim.api.resources import Resource
from lab.sim.api.store import Change
from lab.sim.certificates import Authority, Pair
from lab.sim.clock import SystemClock
from tests.sim import cases
from tests.sim.hostile import CRASH
from tests.sim.mutations import Mutator, definition, encoded, thing
from tests.sim.serving import Answer, Served, chunks, furnish, read_answer, read_head, served, wire

NAMESPACES = ("hostile", "default", "fuzz")
NAMES = ("a", "b", "present", "web", "p", "x.y", "things.fuzz.example.com", "kube-root-ca.crt")
QUERIES = {
    "limit": ("0", "1", "2", "-1", "x", "99999999999999999999"),
    "continue": ("garbage", "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiIvYVx1MDAwMCJ9"),
    "labelSelector": ("a=b", "a in (b,c)", "!a", "((", "a>1", ",", "a=b,c!=d", "a notin ()"),
    "fieldSelector": ("metadata.name=a", "metadata.namespace!=default", "spec.nodeName=x", "status.phase=x", "=", "\\"),
    "resourceVersion": ("0", "1", "5", "999999999", "x", "-1"),
    "resourceVersionMatch": ("Exact", "NotOlderThan", "x"),
    "dryRun": ("All", "x"),
    "fieldManager": ("m", "x" * 200, "\u0001", "kubectl-client-side-apply"),
    "fieldValidation": ("Strict", "Warn", "Ignore", "x"),
    "force": ("true", "false", "1"),
    "propagationPolicy": ("Background", "Foreground", "Orphan", "x"),
    "gracePeriodSeconds": ("0", "5", "-1", "x"),
    "pretty": ("true", "x"),
    "includeObject": ("None", "Object", "x"),
    "allowWatchBookmarks": ("true",),
    "sendInitialEvents": ("true",),
    "orphanDependents": ("true",),
}  # fmt: skip
ACCEPTS = (
    "application/json", "*/*", "application/yaml", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
    "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json",
    "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", "application/vnd.kubernetes.protobuf", "x",
)  # fmt: skip
PATCHES = {
    "application/merge-patch+json": 3, "application/strategic-merge-patch+json": 4, "application/json-patch+json": 3,
    "application/apply-patch+yaml": 4,
}  # fmt: skip
WATCHED = (
    "configmaps",
    "pods",
    "secrets",
    "services",
    "namespaces",
    "deployments.apps",
    "events",
    "things.fuzz.example.com",
)
SLOW_SECONDS = 5.0


@dataclass
class Watch:
    """What a client that watches from the beginning believes there is."""

    row: Resource
    held: dict[tuple[str, str], Any] = field(default_factory=dict)
    last: int = 0
    wrong: list[str] = field(default_factory=list)

    def take(self, line: bytes) -> None:
        event = orjson.loads(line)
        if event["type"] == "ERROR":
            self.wrong.append(f"{self.row.plural}: the watch was ended: {line[:200]!r}")
            return
        obj = event["object"]
        metadata = obj["metadata"]
        revision = int(metadata["resourceVersion"])
        if revision <= self.last:
            self.wrong.append(f"{self.row.plural}: revision {revision} after {self.last}")
        self.last = revision
        key = (metadata.get("namespace", ""), metadata["name"])
        if event["type"] == "ADDED" and key in self.held:
            self.wrong.append(f"{self.row.plural} {key}: added twice")
        if event["type"] != "ADDED" and key not in self.held:
            self.wrong.append(f"{self.row.plural} {key}: {event['type']} before it was added")
        if event["type"] == "DELETED":
            self.held.pop(key, None)
        else:
            self.held[key] = obj


class Complaints(logging.Handler):
    """Collects what the server and the controllers complain about."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(self.format(record)[-1500:])


class Fuzz:
    """One run."""

    def __init__(self, one: Served, seed: int) -> None:
        self.one = one
        self.dice = random.Random(seed)
        self.mutator = Mutator(self.dice)
        self.counts: collections.Counter[str] = collections.Counter()
        self.wrong: list[str] = []
        self.written: dict[tuple[str, str, str], bytes] = {}
        self.revision = one.cluster.store.revision
        self.watches: list[Watch] = []
        self.tasks: list[asyncio.Task[None]] = []
        self._connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.rows = [row for row in one.cluster.registry if row.plural != "customresourcedefinitions"]
        self.bases: dict[tuple[str, str], list[Any]] = {}
        for family in cases.families().values():
            for case in family:
                base = case.base
                self.bases.setdefault((base["apiVersion"], base["kind"]), []).append(base)

    # -- what must stay true

    def listen(self) -> None:
        store = self.one.cluster.store
        for storage in store.storages:
            for obj in store.scan(storage):
                metadata = obj["metadata"]
                self.written[storage, metadata.get("namespace", ""), metadata["name"]] = orjson.dumps(obj)
        store.listen(self._heard)

    def _heard(self, change: Change) -> None:
        if change.revision != self.revision + 1:
            self.wrong.append(f"revision {change.revision} follows {self.revision}")
        self.revision = change.revision
        key = (change.storage, change.namespace, change.name)
        if change.new is None:
            self.written.pop(key, None)
        else:
            self.written[key] = bytes(change.raw)

    async def follow(self, row: Resource) -> None:
        """Watch a resource from its list on, all namespaces."""
        watch = Watch(row)
        self.watches.append(watch)
        listed = (await self.one.door.ask("GET", path(row))).json
        for obj in listed["items"]:
            watch.held[obj["metadata"].get("namespace", ""), obj["metadata"]["name"]] = {
                "apiVersion": row.api_version,
                "kind": row.kind,
                **obj,
            }
        watch.last = int(listed["metadata"]["resourceVersion"])
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.tasks.append(asyncio.create_task(self._read(watch, ready)))
        await ready

    async def _read(self, watch: Watch, ready: asyncio.Future[None]) -> None:
        async with self.one.door.connected(self.one.door.admin) as (reader, writer):
            writer.write(wire("GET", f"{path(watch.row)}?watch=1&resourceVersion={watch.last}"))
            answer = await read_head(reader)
            ready.set_result(None)
            if answer.code != 200:
                watch.wrong.append(f"{watch.row.plural}: watch answered {answer.code}")
                return
            rest = b""
            async for data in chunks(reader):
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    watch.take(line)

    async def finish(self) -> None:
        """Compare everything with what is in the store now."""
        await asyncio.sleep(1.5)
        store = self.one.cluster.store
        found = {}
        for storage in store.storages:
            for obj in store.scan(storage):
                metadata = obj["metadata"]
                found[storage, metadata.get("namespace", ""), metadata["name"]] = orjson.dumps(obj)
        for key in found.keys() | self.written.keys():
            if found.get(key) != self.written.get(key):
                self.wrong.append(f"{key} is not what was written:\n{self.written.get(key)!r}\n{found.get(key)!r}")
        for watch in self.watches:
            answer = await self.one.door.ask("GET", path(watch.row))
            if answer.code != 200:
                self.wrong.append(f"{watch.row.plural} cannot be listed: {answer.code} {answer.body[:300]!r}")
                continue
            listed = {}
            for obj in answer.json["items"]:
                key = (obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
                listed[key] = {"apiVersion": watch.row.api_version, "kind": watch.row.kind, **obj}
            if listed != watch.held:
                odd = [key for key in listed.keys() | watch.held.keys() if listed.get(key) != watch.held.get(key)]
                self.wrong.append(f"{watch.row.plural}: the watch tells otherwise than the list about {odd[:5]}")
            self.wrong += watch.wrong
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    # -- asking

    async def ask(self, request: bytes, method: str, what: str) -> Answer | None:
        began = time.monotonic()
        answer = None
        for _ in range(2):
            if self._connection is None:
                door = self.one.door
                self._connection = await asyncio.open_connection(
                    "127.0.0.1", door.port, ssl=door.tls(door.admin), limit=2**27
                )
            reader, writer = self._connection
            try:
                writer.write(request)
                async with asyncio.timeout(60):
                    answer = await read_answer(reader, method)
                break
            except (ConnectionError, asyncio.IncompleteReadError):
                self._connection = None
            except TimeoutError:
                self._connection = None
                break
        if answer is not None and "close" in answer.header("connection"):
            self._connection = None
        took = time.monotonic() - began
        self.counts["requests"] += 1
        if answer is None:
            self.wrong.append(f"no answer to {what}")
            return None
        self.counts[str(answer.code)] += 1
        if took > SLOW_SECONDS:
            self.wrong.append(f"{took:.1f} s for {what}")
        if problem := _problem(answer):
            self.wrong.append(f"{problem}: {what}")
        return answer

    async def step(self) -> None:
        row = self.dice.choice(self.rows)
        if self.dice.random() < 0.3:
            row = self.dice.choice(
                [one for one in self.rows if one.plural in ("configmaps", "pods", "deployments", "things", "services")]
            )
        roll = self.dice.random()
        if roll < 0.35:
            await self._create(row)
        elif roll < 0.65:
            await self._patch(row)
        elif roll < 0.75:
            await self._update(row)
        elif roll < 0.87:
            await self._read_one(row)
        elif roll < 0.95:
            await self._delete(row)
        else:
            await self._action()

    def base(self, row: Resource) -> Any:
        if row.plural == "things":
            return thing()
        known = self.bases.get((row.api_version, row.kind))
        made = (
            copy.deepcopy(self.dice.choice(known))
            if known
            else {"apiVersion": row.api_version, "kind": row.kind, "metadata": {}}
        )
        made["metadata"].pop("namespace", None)
        return made

    def current(self, row: Resource, namespace: str, name: str) -> Any:
        found = self.one.cluster.store.get(row.storage, namespace, name)
        return copy.deepcopy(found) if found is not None else self.base(row)

    def where(self, row: Resource) -> tuple[str, str]:
        """A namespace and a name, mostly of something that is there."""
        held = self.one.cluster.store.list(row.storage)
        if held and self.dice.random() < 0.75:
            metadata = self.dice.choice(held)["metadata"]
            if metadata.get("namespace") != "kube-system":
                return metadata.get("namespace", ""), metadata["name"]
        return (self.dice.choice(NAMESPACES) if row.namespaced else ""), self.dice.choice(NAMES)

    def query(self, *keys: str) -> str:
        chosen = [key for key in keys if self.dice.random() < 0.2]
        pairs = [f"{key}={quote(self.dice.choice(QUERIES[key]))}" for key in chosen]
        return "?" + "&".join(pairs) if pairs else ""

    def headers(self, content_type: str = "") -> list[tuple[str, str]]:
        made = [("Accept", self.dice.choice(ACCEPTS) if self.dice.random() < 0.3 else "application/json")]
        if content_type:
            made.append(("Content-Type", content_type))
        return made

    def body(self, value: Any) -> tuple[bytes, str]:
        roll = self.dice.random()
        raw = encoded(value)
        if roll < 0.08:
            return yaml.safe_dump(value, allow_unicode=True).encode("utf-8", "replace"), "application/yaml"
        if roll < 0.13:
            return self.mutator.bytes(raw), "application/json"
        if roll < 0.18:
            shape = self.mutator.bytes(
                _envelope(value)
                + self.mutator.bytes(b"\x0a\x0f\x0a\x01a\x12\x00\x1a\x07default\x22\x00\x12\x06\x0a\x01k\x12\x01v")
            )
            return shape, "application/vnd.kubernetes.protobuf"
        return raw, "application/json"

    async def _send(self, method: str, target: str, raw: bytes | None, content_type: str = "") -> Answer | None:
        what = f"{method} {target} {content_type} {(raw or b'')[:3000]!r}"
        return await self.ask(wire(method, target, self.headers(content_type), raw), method, what)

    async def _create(self, row: Resource) -> None:
        obj = self.base(row)
        namespace, name = self.dice.choice(NAMESPACES), self.dice.choice(NAMES)
        obj.setdefault("metadata", {})["name"] = name
        times = self.dice.choice((0, 0, 1, 1, 2, 5))
        raw, kind = self.body(self.mutator.changed(obj, times))
        target = path(row, namespace) + self.query("dryRun", "fieldManager", "fieldValidation", "pretty")
        await self._send("POST", target, raw, kind)

    async def _update(self, row: Resource) -> None:
        namespace, name = self.where(row)
        obj = self.mutator.changed(self.current(row, namespace, name), self.dice.choice((0, 1, 2, 4)))
        raw, kind = self.body(obj)
        sub = self.subresource(row)
        await self._send(
            "PUT", path(row, namespace, name) + sub + self.query("dryRun", "fieldManager", "fieldValidation"), raw, kind
        )

    def subresource(self, row: Resource) -> str:
        known = [one for one in row.subresources if one not in ("exec", "attach", "portforward", "proxy", "log")]
        return "/" + self.dice.choice(known) if known and self.dice.random() < 0.25 else ""

    async def _patch(self, row: Resource) -> None:
        namespace, name = self.where(row)
        current = self.current(row, namespace, name)
        kind = self.dice.choices(list(PATCHES), list(PATCHES.values()))[0]
        patch: Any
        if kind == "application/json-patch+json":
            patch = self.mutator.operations(current)
        else:
            patch = self.mutator.changed(self.mutator.piece(current), self.dice.choice((0, 1, 1, 2)))
            if kind.startswith("application/strategic"):
                patch = self.mutator.directives(patch)
            if kind.startswith("application/apply") and isinstance(patch, dict):
                patch = {"apiVersion": row.api_version, "kind": row.kind, **patch}
                if isinstance(patch.get("metadata"), dict):
                    patch["metadata"].pop("managedFields", None)
        raw = encoded(patch)
        if self.dice.random() < 0.03:
            raw = self.mutator.bytes(raw)
        query = self.query("dryRun", "fieldValidation", "force")
        query += ("&" if query else "?") + f"fieldManager={self.dice.choice(('one', 'two', 'three'))}"
        await self._send("PATCH", path(row, namespace, name) + self.subresource(row) + query, raw, kind)

    async def _read_one(self, row: Resource) -> None:
        namespace, name = self.where(row)
        if self.dice.random() < 0.4:
            target = (
                path(row, namespace, name)
                + self.subresource(row)
                + self.query("pretty", "resourceVersion", "includeObject")
            )
        else:
            where = path(row, namespace if self.dice.random() < 0.5 else "")
            target = where + self.query(
                "limit", "continue", "labelSelector", "fieldSelector", "resourceVersion", "resourceVersionMatch",
                "includeObject", "pretty", "sendInitialEvents",
            )  # fmt: skip
            if self.dice.random() < 0.1:
                query = self.query(
                    "labelSelector", "fieldSelector", "resourceVersion", "allowWatchBookmarks", "sendInitialEvents"
                )
                target = where + (query or "?a=b") + "&watch=1&timeoutSeconds=1"
        await self._send("GET", target, None)

    async def _delete(self, row: Resource) -> None:
        namespace, name = self.where(row)
        if row.plural == "namespaces" and name in ("hostile", "default", "fuzz", "kube-system"):
            return
        if self.dice.random() < 0.04 and row.plural not in ("nodes", "namespaces"):
            await self._send(
                "DELETE", path(row, namespace) + self.query("labelSelector", "fieldSelector", "dryRun"), None
            )
            return
        options = None
        if self.dice.random() < 0.4:
            said = {
                "kind": "DeleteOptions",
                "apiVersion": "v1",
                "propagationPolicy": "Foreground",
                "gracePeriodSeconds": 0,
            }
            options = encoded(self.mutator.changed(said, self.dice.randrange(2)))
        target = path(row, namespace, name) + self.query(
            "dryRun", "propagationPolicy", "gracePeriodSeconds", "orphanDependents"
        )
        await self._send("DELETE", target, options, "application/json" if options else "")

    async def _action(self) -> None:
        dice = self.dice
        pick = dice.randrange(4)
        if pick == 0:
            pods = self.one.cluster.store.list("pods")
            if pods:
                metadata = dice.choice(pods)["metadata"]
                target = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/log"
                await self._send(
                    "GET",
                    target + dice.choice(("", "?tailLines=1", "?previous=1", "?timestamps=1", "?limitBytes=3")),
                    None,
                )
        elif pick == 1:
            pods = self.one.cluster.store.list("pods")
            metadata = dice.choice(pods)["metadata"] if pods else {"namespace": "default", "name": "a"}
            body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": metadata["name"]}}
            target = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/eviction"
            await self._send("POST", target, encoded(self.mutator.changed(body, dice.randrange(2))), "application/json")
        elif pick == 2:
            body = {"spec": {"audiences": ["a"], "expirationSeconds": 3600}}
            target = f"/api/v1/namespaces/{dice.choice(NAMESPACES)}/serviceaccounts/default/token"
            await self._send("POST", target, encoded(self.mutator.changed(body, dice.randrange(3))), "application/json")
        else:
            obj = self.mutator.changed(definition(), dice.choice((0, 0, 1, 2)))
            where = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
            if dice.random() < 0.5:
                patch = encoded({"spec": obj.get("spec")})
                await self._send(
                    "PATCH", f"{where}/things.fuzz.example.com?dryRun=All", patch, "application/merge-patch+json"
                )
            else:
                await self._send("POST", f"{where}?dryRun=All", encoded(obj), "application/json")


def _envelope(value: Any) -> bytes:
    said = value if isinstance(value, dict) else {}
    version, kind = (
        str(said.get("apiVersion", "v1")).encode("utf-8", "replace")[:60],
        str(said.get("kind", "")).encode("utf-8", "replace")[:60],
    )
    head = b"\x0a" + bytes((len(version),)) + version + b"\x12" + bytes((len(kind),)) + kind
    return b"k8s\x00\x0a" + bytes((len(head),)) + head + b"\x12"


def _problem(answer: Answer) -> str:
    text = answer.body[:600].decode(errors="replace")
    if answer.code >= 500 and CRASH in text:
        return f"a crash: {text}"
    if "Traceback" in text:
        return f"a trace: {text}"
    kind = answer.header("content-type")
    if not kind.startswith("application/json") or b'\n{"type"' in answer.body or answer.body.startswith(b'{"type"'):
        return ""
    if not answer.body and answer.code == 200:
        return ""  # a watch that told nothing
    try:
        said = answer.json
    except orjson.JSONDecodeError:
        return f"no JSON: {answer.code} {text}"
    if not isinstance(said, dict) or not said.get("kind"):
        return f"no object: {answer.code} {text}"
    if answer.code >= 400 and (said["kind"] != "Status" or said.get("code") != answer.code):
        return f"no Status: {answer.code} {text}"
    return ""


def path(row: Resource, namespace: str = "", name: str = "") -> str:
    root = f"/apis/{row.group}/{row.version}" if row.group else f"/api/{row.version}"
    within = f"/namespaces/{quote(namespace)}" if row.namespaced and namespace else ""
    return f"{root}{within}/{row.plural}" + (f"/{quote(name, safe='')}" if name else "")


async def run(seconds: float, seed: int, folder: Path) -> Fuzz:
    """Fuzz for `seconds` of time; what is wrong stands in `wrong`."""
    complaints = Complaints()
    logging.getLogger().addHandler(complaints)
    try:
        async with served(folder, "fuzzed") as one:
            door = one.door
            await furnish(door)
            await door.ask("POST", "/api/v1/namespaces", {"metadata": {"name": "fuzz"}})
            made = await door.ask("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition())
            assert made.code == 201, made.body
            await asyncio.sleep(0.5)
            # A master whom no deleted role or binding can lock out.
            kept = Pair((one.folder / "ca.crt").read_bytes(), (one.folder / "ca.key").read_bytes())
            door.admin = Authority.load(kept, SystemClock()).client("fuzz", ["system:masters"])
            fuzz = Fuzz(one, seed)
            fuzz.listen()
            for row in list(one.cluster.registry):
                if row.qualified in WATCHED and row.version == "v1":
                    await fuzz.follow(row)
            ends = time.monotonic() + seconds
            while time.monotonic() < ends and len(fuzz.wrong) < 40:
                await fuzz.step()
            await fuzz.finish()
            fuzz.wrong += [f"logged: {one}" for one in complaints.said]
            return fuzz
    finally:
        logging.getLogger().removeHandler(complaints)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    said = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        fuzz = asyncio.run(run(said.seconds, said.seed, Path(folder)))
    print(f"seed {said.seed}: {dict(fuzz.counts)}")
    for one in list(dict.fromkeys(fuzz.wrong)):
        print("-", one)
    return 1 if fuzz.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
