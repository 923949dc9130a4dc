"""Telling a story on a real or a simulated lab, through the `lab` command, kubectl and git."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.equality.normalise import Normaliser, Snapshot
from tests.equality.recording import Record, Recording
from tests.equality.stories import Checkpoint, Story
from tests.equality.world import Reader, World

ROOT = Path(__file__).resolve().parents[2]
UP_SECONDS = 900.0
SCRIPT_SECONDS = 180.0
CONDITION_SECONDS = {"kind": 240.0, "sim": 60.0}
SETTLE_SECONDS = {"kind": 90.0, "sim": 30.0}
QUIET = {"kind": 8.0, "sim": 1.5}
"""How long nothing may change before a world is at rest, in seconds: longer than self-heal waits."""
INTERVAL = {"kind": 1.0, "sim": 0.1}


class NotReached(Exception):
    """A checkpoint's conditions did not become true; says which, and what Argo CD says meanwhile."""


@dataclass
class Telling:
    """One lab on one provider, and what is said while it goes on."""

    story: Story
    provider: str
    home: Path
    kubernetes: str = ""
    """Version of the clusters, with the leading `v`; empty: what the environment says."""
    say: Callable[[str], None] = print

    @property
    def name(self) -> str:
        """The lab's name: the same on every provider, because addresses carry it."""
        return f"eq-{self.story.name}"

    def whole(self) -> Recording:
        """Bring the lab up, tell the story, and take the lab down whatever happens.

        A checkpoint that is not reached is recorded as it was in the end, with what was missing; the story goes on.

        :raises NotReached: the lab does not come up, or a script fails
        """
        normaliser = Normaliser(self.name)
        normaliser.begin(self.story.checkpoints[0].name, time.time())
        recording = Recording(self.story.name, {})
        try:
            self._lab("up", self.story.scenario, "--provider", self.provider, "--skip-checks", seconds=UP_SECONDS)
            shown = self._lab("env")["data"]
            environment = {**self._environment, **shown.get("environment", shown)}
            recording.about = self._about(environment)
            scratch = self.home / "reading"
            scratch.mkdir(mode=0o700)
            reader = Reader(self.story.clusters, environment, scratch)
            before = World({})
            for place, checkpoint in enumerate(self.story.checkpoints):
                if place:
                    normaliser.begin(checkpoint.name, time.time())
                began = time.monotonic()
                record, before = self._reach(checkpoint, before, normaliser, environment, reader)
                recording.records.append(record)
                self.say(f"{self.provider}: {checkpoint.name}: {time.monotonic() - began:.0f} s")
        finally:
            self._lab("down", "--yes", expect=None)
        return recording

    def _reach(
        self,
        checkpoint: Checkpoint,
        before: World,
        normaliser: Normaliser,
        environment: dict[str, str],
        reader: Reader,
    ) -> tuple[Record, World]:
        if checkpoint.do:
            self._script(checkpoint, environment)
        now, missing = self._await(checkpoint, before, reader)
        if not checkpoint.settles:
            # Its events belong to nobody: they go on until the next change ends them.
            normaliser.events(now)
            return Record(checkpoint.name, {}, {}, missing), now
        if missing:
            self.say(f"{checkpoint.name}: not reached: {missing}\n{_told(now)}")
            return Record(checkpoint.name, normaliser.snapshot(now), normaliser.events(now), missing), now
        now, objects, unsettled = self._settle(checkpoint, now, before, normaliser, reader)
        return Record(checkpoint.name, objects, normaliser.events(now), unsettled), now

    def _await(self, checkpoint: Checkpoint, before: World, reader: Reader) -> tuple[World, str]:
        deadline = time.monotonic() + CONDITION_SECONDS[self.provider]
        while True:
            now = reader.read()
            missing = "; ".join(one.text for one in checkpoint.until if not one.holds(before, now))
            if not missing or time.monotonic() > deadline:
                return now, missing
            time.sleep(INTERVAL[self.provider])

    def _settle(
        self,
        checkpoint: Checkpoint,
        now: World,
        before: World,
        normaliser: Normaliser,
        reader: Reader,
    ) -> tuple[World, Snapshot, str]:
        """Wait until nothing has changed for a while, and the conditions are still true; if not, what is wrong."""
        deadline = time.monotonic() + SETTLE_SECONDS[self.provider]
        objects, since = normaliser.snapshot(now), time.monotonic()
        while time.monotonic() - since < QUIET[self.provider]:
            time.sleep(INTERVAL[self.provider])
            now = reader.read()
            fresh = normaliser.snapshot(now)
            if fresh != objects or not all(one.holds(before, now) for one in checkpoint.until):
                objects, since = fresh, time.monotonic()
            if time.monotonic() > deadline:
                self.say(f"{checkpoint.name}: it does not come to rest\n{_told(now)}")
                return now, objects, "it does not come to rest"
        return now, objects, ""

    # --- commands ---------------------------------------------------------------------------------------------

    @property
    def _environment(self) -> dict[str, str]:
        own = {"LAB_HOME": str(self.home), "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
        if self.kubernetes:
            own["LAB_NODE_IMAGE"] = f"kindest/node:{self.kubernetes}"
        return {**os.environ, **own}

    def _lab(self, *words: str, expect: int | None = 0, seconds: float = 300.0) -> dict:
        argv = [sys.executable, "-m", "lab", "--name", self.name, "--output", "json", *words]
        ended = subprocess.run(
            argv,
            env=self._environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=seconds,
            stdin=subprocess.DEVNULL,
        )
        if expect is not None and ended.returncode != expect:
            raise NotReached(
                f"lab {' '.join(words)}: exit {ended.returncode}\n{ended.stdout[-3000:]}{ended.stderr[-3000:]}"
            )
        return json.loads(ended.stdout) if ended.stdout else {}

    def _script(self, checkpoint: Checkpoint, environment: dict[str, str]) -> None:
        ended = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", _unindented(checkpoint.do)],
            env=environment,
            cwd=Path(environment["LAB_WORKSPACE"]) / "platform",
            capture_output=True,
            text=True,
            timeout=SCRIPT_SECONDS,
            stdin=subprocess.DEVNULL,
        )
        if ended.returncode:
            raise NotReached(f"{checkpoint.name}: its script ended with {ended.returncode}: {ended.stderr[-2000:]}")

    def _about(self, environment: dict[str, str]) -> dict[str, str]:
        cluster = next(name for name, argocd in self.story.clusters.items() if argocd)
        ask = ["kubectl", "--context", cluster]
        version = subprocess.run([*ask, "version", "-o", "json"], env=environment, capture_output=True, check=True)
        images = subprocess.run(
            [*ask, "-n", "argocd", "get", "deployments,statefulsets", "-o", "jsonpath={..image}"],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return {
            "provider": self.provider,
            "scenario": self.story.scenario,
            "kubernetes": json.loads(version.stdout)["serverVersion"]["gitVersion"],
            "images": " ".join(sorted(set(images.stdout.split()))),
        }


def _unindented(script: str) -> str:
    lines = script.strip("\n").splitlines()
    width = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[width:] for line in lines)


def _told(world: World) -> str:
    """What Argo CD's objects say, for a person who looks for the reason."""
    lines = [f"{cluster} cannot be read: {why}" for cluster, why in world.unread.items()]
    for cluster in world.clusters:
        for kind in ("Application", "ApplicationSet"):
            for one in world.all(cluster, kind):
                status = one.get("status") or {}
                operation = status.get("operationState") or {}
                lines.append(
                    f"{cluster} {kind} {one['metadata']['name']}: {status.get('sync', {}).get('status')} "
                    f"{status.get('health', {}).get('status')} operation {operation.get('phase')}: "
                    f"{operation.get('message')}; conditions {status.get('conditions')}"
                )
    return "\n".join(lines)
