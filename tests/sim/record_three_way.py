"""Makes the cases of `data/three_way.jsonl`: random manifests, and the patches Kubernetes' own library makes of them.

Run it with Go installed: `python -m tests.sim.record_three_way`. Go's modules are fetched from where GOPROXY says.
"""

from __future__ import annotations

import random
import subprocess
from pathlib import Path
from typing import Any

import orjson

PROGRAM = Path(__file__).parent / "threeway"
DATA = Path(__file__).parent / "data" / "three_way.jsonl"
CASES = 160
Object = dict[str, Any]


class Maker:
    """Manifests that differ in all the ways lists and maps can."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)

    def _some(self, items: Any) -> list[Any]:
        return self._chance.sample(list(items), self._chance.randint(0, len(items)))

    def _maybe(self, obj: Object, chance: float, **fields: Any) -> None:
        if self._chance.random() < chance:
            obj.update(fields)

    def _metadata(self) -> Object:
        made: Object = {"name": "x"}
        self._maybe(made, 0.6, labels={key: self._chance.choice("12") for key in self._some("abc")})
        self._maybe(made, 0.4, finalizers=self._some(["f/1", "f/2", "f/3"]))
        self._maybe(made, 0.2, creationTimestamp=None)
        self._maybe(made, 0.2, annotations={})
        return made

    def _container(self, name: str) -> Object:
        made: Object = {"name": name}
        self._maybe(made, 0.8, image=self._chance.choice(["a:1", "b:2"]))
        self._maybe(made, 0.5, env=[{"name": one, "value": self._chance.choice("12")} for one in self._some("ABC")])
        self._maybe(made, 0.5, ports=[{"containerPort": one} for one in self._some([80, 81, 443])])
        self._maybe(made, 0.4, args=self._some(["x", "y", "z"]))
        self._maybe(made, 0.4, resources={"limits": {"cpu": self._chance.choice("12")}})
        self._maybe(made, 0.2, command=None)
        return made

    def _volume(self, name: str) -> Object:
        sources: list[Object] = [{"emptyDir": {}}, {"configMap": {"name": "c"}}, {"secret": {"secretName": "s"}}]
        return {"name": name, **self._chance.choice(sources)}

    def deployment(self) -> Object:
        pod: Object = {"containers": [self._container(one) for one in self._some("mno")]}
        self._maybe(pod, 0.5, volumes=[self._volume(one) for one in self._some("vwz")])
        self._maybe(pod, 0.3, tolerations=[{"key": one} for one in self._some("ab")])
        self._maybe(pod, 0.3, imagePullSecrets=[{"name": one} for one in self._some("ab")])
        spec: Object = {"template": {"metadata": self._metadata(), "spec": pod}}
        surge = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": self._chance.choice([1, "25%"])}}
        self._maybe(spec, 0.5, replicas=self._chance.randint(1, 3))
        self._maybe(spec, 0.5, strategy=self._chance.choice([{"type": "Recreate"}, surge]))
        return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": self._metadata(), "spec": spec}

    def custom(self) -> Object:
        return {**self.deployment(), "apiVersion": "example.com/v1", "kind": "Thing"}

    def service(self) -> Object:
        spec: Object = {
            "ports": [{"port": one, "targetPort": self._chance.choice([80, "http"])} for one in self._some([80, 443])]
        }
        self._maybe(spec, 0.6, selector={one: "1" for one in self._some("ab")})
        self._maybe(spec, 0.3, externalIPs=self._some("12"))
        return {"apiVersion": "v1", "kind": "Service", "metadata": self._metadata(), "spec": spec}

    def broken(self) -> Object:
        made = self.service()
        made["spec"]["ports"].append({"name": "no-port"})
        return made

    def case(self) -> dict[str, Object]:
        """What was applied, what is wanted and what there is; sometimes two of them are the same."""
        makes = [self.deployment, self.deployment, self.custom, self.service, self.broken]
        make = self._chance.choices(makes, [4, 4, 3, 3, 1])[0]
        modified = make()
        original = modified if self._chance.random() < 0.2 else make()
        current = modified if self._chance.random() < 0.2 else make()
        return {"original": {} if self._chance.random() < 0.1 else original, "modified": modified, "current": current}


def main() -> None:
    """Write the data."""
    maker = Maker(7)
    cases = [maker.case() for _ in range(CASES)]
    ended = subprocess.run(
        ["go", "run", "."], cwd=PROGRAM, input=b"\n".join(map(orjson.dumps, cases)), capture_output=True, check=True
    )
    answers = map(orjson.loads, ended.stdout.splitlines())
    lines = [{**case, **answer} for case, answer in zip(cases, answers, strict=True)]
    DATA.write_bytes(b"\n".join(map(orjson.dumps, lines)) + b"\n")


if __name__ == "__main__":
    main()
