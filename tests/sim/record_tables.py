"""Records what a real cluster's Tables are, for `test_table.py`.

Usage: `python -m tests.sim.record_tables KUBECONFIG`. Puts `data/tables/objects.yaml` in namespace `simtable`, writes
`data/tables/RESOURCE.json` for every resource that has objects, and deletes what it made. A file holds
`now` in seconds since 1970, the objects and the Table the cluster gives of them at that time, without descriptions.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.sim.api.kinds import BUILT_IN
from lab.sim.http_client import Endpoint

DATA = Path(__file__).parent / "data" / "tables"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
NAMESPACE = "simtable"
MOST = 6
"""Objects of one resource that are kept beside our own."""

Get = Callable[[str, str], Any]


def connect(kubeconfig: str) -> Get:
    """Answers of the cluster: `get(path, accept)`."""
    found = Endpoint.of_kubeconfig(Path(kubeconfig))

    def get(path: str, accept: str) -> Any:
        asked = urllib.request.Request(found.server + path, headers={"Accept": accept})
        with urllib.request.urlopen(asked, context=found.tls) as answer:
            return json.load(answer)

    return get


def recorded(get: Get, path: str) -> dict[str, Any] | None:
    """The pair of a path; None where there is nothing. Asks again until nothing changed in between."""
    for _ in range(30):
        before = time.time()
        told = get(f"{path}?includeObject=Object", TABLE)
        after = time.time()
        if int(before) != int(after):
            continue
        rows = told.get("rows") or []
        ours = [row for row in rows if _ours(row["object"]["metadata"])]
        rows = ours + [row for row in rows if row not in ours and _plain(row["object"])][:MOST]
        for row in rows:
            row["object"]["metadata"].pop("managedFields", None)
        if not rows:
            return None
        partial = get(path, TABLE)
        for one in told["columnDefinitions"]:
            del one["description"]
        return {
            "now": round(after, 6),
            "path": path,
            "metadata": told["metadata"],
            "shape": sorted(partial["rows"][0]["object"]),
            "columns": told["columnDefinitions"],
            "rows": rows,
        }
    raise SystemExit(f"{path}: no two answers within one second")


def _plain(obj: dict[str, Any]) -> bool:
    """Whether every cluster has such an object, and nothing in it is secret."""
    return obj["kind"] != "Secret" and obj["metadata"].get("namespace", "kube-system") == "kube-system"


def _ours(metadata: dict[str, Any]) -> bool:
    return metadata.get("namespace") == NAMESPACE or metadata["name"].startswith(NAMESPACE)


def written(pair: dict[str, Any]) -> str:
    """The text of a file: a line for each row, so that changes can be read."""
    rows = ",\n".join(json.dumps(row, separators=(",", ":")) for row in pair["rows"])
    rest = json.dumps({key: value for key, value in pair.items() if key != "rows"})
    return f'{rest[:-1]},"rows":[\n{rows}\n]}}\n'


def main(kubeconfig: str) -> None:
    """Record everything."""
    kubectl = ["kubectl", "--kubeconfig", kubeconfig]
    objects = DATA / "objects.yaml"
    get = connect(kubeconfig)
    subprocess.run([*kubectl, "apply", "-f", str(objects)], check=False)
    try:
        time.sleep(45)
        subprocess.run([*kubectl, "apply", "-f", str(objects)], check=False)
        time.sleep(5)
        paths = {
            row.storage: f"/{'api' if not row.group else f'apis/{row.group}'}/{row.version}/{row.plural}"
            for row in BUILT_IN
            if "list" in row.verbs
        }
        paths["horizontalpodautoscalers.autoscaling"] = "/apis/autoscaling/v2/horizontalpodautoscalers"
        paths["horizontalpodautoscalers.autoscaling-v1"] = "/apis/autoscaling/v1/horizontalpodautoscalers"
        paths["events.events.k8s.io"] = f"/apis/events.k8s.io/v1/namespaces/{NAMESPACE}/events"
        paths["events"] = f"/api/v1/namespaces/{NAMESPACE}/events"
        paths["gadgets.simtable.example.com"] = "/apis/simtable.example.com/v1/gadgets"
        paths["plains.simtable.example.com"] = "/apis/simtable.example.com/v1/plains"
        paths["deployments-scale"] = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/web/scale"
        for name, path in paths.items():
            try:
                found = recorded(get, path)
            except urllib.error.HTTPError as error:
                print(name, error)
                continue
            if found is not None:
                (DATA / f"{name}.json").write_text(written(found))
                print(name, len(found["rows"]))
            else:
                print(name, "nothing")
    finally:
        subprocess.run([*kubectl, "delete", "--wait=false", "--ignore-not-found", "-f", str(objects)], check=False)


if __name__ == "__main__":
    main(sys.argv[1])
