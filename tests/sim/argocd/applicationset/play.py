"""Plays the cases of `data/sets.yaml` to the ApplicationSet controller of a cluster, and notes what it does."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import yaml
from aiohttp import web

from lab.sim.api.status import ApiError
from lab.sim.client import Client
from lab.sim.clock import SystemClock
from lab.sim.git.records import Label
from lab.sim.git.repositories import Person
from lab.sim.git.server import GitServer
from lab.sim.objects import Object, controller_of, name_of

DATA = Path(__file__).parent / "data"
RECORDED = DATA / "recorded.jsonl"
NAMESPACE = "argocd"
SETS = "applicationsets.argoproj.io"
APPLICATIONS = "applications.argoproj.io"
_RESOURCES = {"ApplicationSet": SETS, "Application": APPLICATIONS, "Secret": "secrets"}
_KINDS = {**_RESOURCES, "ConfigMap": "configmaps", "AppProject": "appprojects.argoproj.io"}
_WHEN = 1_700_000_000.0
_AUTHOR = Person("Lab", "lab@example.com")
ANSWER = {"output": {"parameters": [{"name": "one", "number": 1}, {"name": "two", "number": 2.5}]}}

Quiet = Callable[[], Awaitable[None]]
"""Returns when the controller has nothing more to do."""


@cache
def cases() -> dict[str, Object]:
    """By name, in the file's order."""
    return {one["case"]: one for one in yaml.safe_load((DATA / "sets.yaml").read_text())["cases"]}


@cache
def recorded() -> dict[tuple[str, int], Object]:
    """What the real controller did, by case and step; step 0 is the set as it was made."""
    lines = RECORDED.read_bytes().splitlines() if RECORDED.exists() else []
    return {(one.pop("case"), one.pop("step")): one for one in map(orjson.loads, lines)}


@dataclass
class Outside:
    """The git server and the plugin that sets ask."""

    git: GitServer
    plugin: str
    asked: list[Any] = field(default_factory=list)

    def fill(self, value: Any) -> Any:
        """A tree of the data with the addresses in it."""
        text = orjson.dumps(value).decode()
        return orjson.loads(text.replace("${GIT}", self.git.url).replace("${PLUGIN}", self.plugin))

    def without(self, value: Any) -> Any:
        """The opposite."""
        text = orjson.dumps(value).decode()
        return orjson.loads(text.replace(self.git.url, "${GIT}").replace(self.plugin, "${PLUGIN}"))


@asynccontextmanager
async def outside(folder: Path) -> AsyncIterator[Outside]:
    """Both served on loopback."""
    world = yaml.safe_load((DATA / "world.yaml").read_text())
    git = GitServer(folder / "git", SystemClock())
    git.forge.accounts.ensure("lab", os.urandom(8).hex(), _WHEN)
    record = git.forge.create("lab", "apps")
    files = {path: text.encode() for path, text in world["files"].items()}
    git.repositories.commit("lab", "apps", files, message="first", author=_AUTHOR, when=_WHEN)
    for number, branch in enumerate(("feature/Blue_One", "fix-2"), 1):
        more = {**files, "new.txt": branch.encode()}
        git.repositories.commit("lab", "apps", more, message=branch, author=_AUTHOR, when=_WHEN, branch=branch)
        record.labels.append(Label(number, f"label-{number}", "00ff00"))
        git.forge.open_pull("lab", "apps", "lab", branch, "main", f"Pull {number}", "", [number])
    await git.start()
    made = Outside(git, "")

    async def answer(request: web.Request) -> web.Response:
        made.asked.append(await request.json())
        if request.headers.get("Authorization") != "Bearer right":
            return web.json_response({"error": "who are you?"}, status=403)
        return web.json_response(ANSWER)

    app = web.Application()
    app.router.add_post("/api/v1/getparams.execute", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.plugin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        await runner.cleanup()
        await git.stop()


async def apply(client: Client, obj: Object) -> None:
    """Make an object in Argo CD's namespace, or change it to be so."""
    resource = _KINDS[obj["kind"]]
    placed = {**obj, "metadata": {**obj["metadata"], "namespace": NAMESPACE}}
    try:
        await client.create(resource, placed)
    except ApiError as error:
        if error.code != 409:
            raise
        await client.patch(resource, NAMESPACE, name_of(obj), placed)


async def surround(client: Client, around: Outside) -> None:
    """What the sets find in Argo CD's namespace."""
    for obj in yaml.safe_load((DATA / "world.yaml").read_text())["objects"]:
        await apply(client, around.fill(obj))


async def play(client: Client, around: Outside, quiet: Quiet, wanted: set[str]) -> AsyncIterator[Object]:
    """Make the sets of the cases that are `wanted`, then do step after step; yields what there is after each."""
    chosen = {name: case for name, case in cases().items() if name in wanted}
    for name, case in chosen.items():
        for one in case.get("existing", ()):
            metadata = {**one.get("metadata", {}), "name": one["name"]}
            made = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata}
            await apply(client, {**made, "spec": one["spec"]})
        metadata = {"name": name, "finalizers": case.get("finalizers", [])}
        made = {"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet", "metadata": metadata}
        await apply(client, around.fill({**made, "spec": case["spec"]}))
    step = 0
    while chosen:
        await quiet()
        for one in await _noted(client, around, chosen, step):
            yield one
        chosen = {name: case for name, case in chosen.items() if step < len(case.get("steps", ()))}
        for name, case in chosen.items():
            await _do(client, around, name, case["steps"][step])
        step += 1


async def _do(client: Client, around: Outside, name: str, step: Object) -> None:
    if "set" in step:
        found = await client.get(SETS, NAMESPACE, name)
        await client.update(SETS, {**found, "spec": around.fill({**found["spec"], **step["set"]})})
    if "annotate" in step:
        await client.patch(SETS, NAMESPACE, name, {"metadata": {"annotations": step["annotate"]}})
    for patch in step.get("patch", ()):
        body = {key: value for key, value in patch.items() if key != "name"}
        await client.patch(APPLICATIONS, NAMESPACE, patch["name"], body)
    for obj in step.get("apply", ()):
        await apply(client, obj)
    for one in step.get("delete", ()):
        await client.delete(_RESOURCES[one["kind"]], NAMESPACE, one["name"])


async def _noted(client: Client, around: Outside, chosen: dict[str, Object], step: int) -> list[Object]:
    applications, _ = await client.list(APPLICATIONS, NAMESPACE)
    sets = {name_of(one): one for one in (await client.list(SETS, NAMESPACE))[0]}
    events, _ = await client.list("events", NAMESPACE)
    of_case: dict[str, list[Object]] = {}
    for one in applications:
        of_case.setdefault(_case_of(name_of(one)), []).append(one)
    made = []
    for name in chosen:
        told = sorted({
            f"{one['type']} {one['reason']} {one['message']}"
            for one in events
            if one["involvedObject"]["kind"] == "ApplicationSet" and one["involvedObject"]["name"] == name
        })  # fmt: skip
        noted = {
            "case": name,
            "step": step,
            "applications": {name_of(one): _application(one) for one in of_case.get(name, ())},
            "set": _set(sets[name]) if name in sets else None,
            "events": told,
        }
        made.append(around.without(noted))
    return made


def _case_of(application: str) -> str:
    """The longest name of a case that an Application's name begins with."""
    return max((one for one in cases() if f"{application}-".startswith(f"{one}-")), key=len, default="")


def _application(found: Object) -> Object:
    metadata = found["metadata"]
    owner = controller_of(found)
    kept = {key: metadata[key] for key in ("labels", "annotations", "finalizers") if metadata.get(key)}
    if owner is not None:
        kept["owner"] = {key: owner.get(key) for key in ("apiVersion", "kind", "name", "blockOwnerDeletion")}
    kept |= {key: found[key] for key in ("spec", "operation", "status") if key in found}
    if metadata.get("deletionTimestamp"):
        kept["deleted"] = True
    return kept


def _set(found: Object) -> Object:
    status = found.get("status") or {}
    kept = {key: found["metadata"][key] for key in ("annotations", "finalizers") if found["metadata"].get(key)}
    for key in ("conditions", "applicationStatus"):
        if key in status:
            kept[key] = [
                {field: value for field, value in one.items() if field != "lastTransitionTime"} for one in status[key]
            ]
    kept |= {key: status[key] for key in ("resources", "resourcesCount", "health") if key in status}
    return kept
