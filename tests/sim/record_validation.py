"""Ask a real API server what it makes of the objects and cases in `data/`, and write its answers beside them.

    python tests/sim/record_validation.py KUBECONFIG [defaults|FAMILY ...]

Everything happens as a dry run, but for the objects an update starts from: those are made in the namespace `validation`
and deleted again. Cluster-wide objects have names that begin with `validation-`.
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from lab.sim.api.resources import Resource
from lab.sim.http_client import Endpoint
from tests.sim.cases import DATA, NAMESPACE, Case, families, registry

Answer = tuple[int, dict[str, Any]]


class Server:
    """A real API server and the client certificate of a kubeconfig."""

    def __init__(self, kubeconfig: str) -> None:
        found = Endpoint.of_kubeconfig(Path(kubeconfig))
        address = urlsplit(found.server)
        self._connection = http.client.HTTPSConnection(
            address.hostname or "", address.port, context=found.tls, timeout=30
        )

    def ask(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Answer:
        self._connection.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": kind})
        response = self._connection.getresponse()
        text = response.read()
        return response.status, json.loads(text) if text else {}


def path_of(resource: Resource, name: str = "", subresource: str = "") -> str:
    """The resource's path in the test namespace."""
    path = f"/apis/{resource.api_version}" if resource.group else f"/api/{resource.version}"
    if resource.namespaced:
        path += f"/namespaces/{NAMESPACE}"
    return "/".join(part for part in (path, resource.plural, name, subresource) if part)


def record_defaults(server: Server) -> None:
    """Write `defaults/recorded.json`: what was sent, and what came back."""
    pairs = []
    for obj in yaml.safe_load((DATA / "defaults" / "objects.yaml").read_text()):
        resource = registry().kind(obj["apiVersion"], obj["kind"])
        assert resource is not None, obj
        code, answer = server.ask("POST", path_of(resource) + "?dryRun=All", obj)
        if code != 201:
            print("refused:", obj["kind"], obj["metadata"]["name"], answer.get("message"))
            continue
        for field in ("uid", "creationTimestamp", "managedFields", "generation"):
            answer["metadata"].pop(field, None)
        pairs.append({"sent": obj, "made": answer})
    written = json.dumps(pairs, indent=1, sort_keys=True)
    (DATA / "defaults" / "recorded.json").write_text(written + "\n")
    print(len(pairs), "defaulted objects")


def record_case(server: Server, case: Case) -> dict[str, Any]:
    """The server's answer to one case, with the object an update began with."""
    resource = case.resource
    if not case.updates:
        code, answer = server.ask("POST", path_of(resource) + "?dryRun=All&fieldValidation=Ignore", case.object())
        return {"code": code, "status": _kept(answer)}
    name = case.object()["metadata"]["name"]
    code, old = server.ask("POST", path_of(resource), case.object())
    if code != 201:
        return {"code": code, "status": _kept(old), "broken": True}
    try:
        if case.status:
            kind = "application/merge-patch+json"
            code, old = server.ask("PATCH", path_of(resource, name, "status"), {"status": case.status}, kind)
            assert code == 200, old
        code, answer = server.ask(
            "PATCH",
            path_of(resource, name, case.subresource) + "?dryRun=All",
            case.patch(old),
            "application/json-patch+json",
        )
    finally:
        while server.ask("DELETE", path_of(resource, name) + "?gracePeriodSeconds=0")[0] != 404:
            time.sleep(0.1)
    old["metadata"].pop("managedFields", None)
    return {"code": code, "status": _kept(answer), "old": old}


def _kept(answer: dict[str, Any]) -> dict[str, Any]:
    if answer.get("kind") != "Status":
        return {"accepted": True}
    return {name: answer[name] for name in ("message", "reason", "details") if name in answer}


def main(kubeconfig: str, *wanted: str) -> None:
    server = Server(kubeconfig)
    if not wanted or "defaults" in wanted:
        record_defaults(server)
    for family, cases in families().items():
        if wanted and family not in wanted:
            continue
        recorded = {}
        for case in cases:
            recorded[case.name] = record_case(server, case)
            if recorded[case.name]["status"].get("accepted") or recorded[case.name].get("broken"):
                print(f"{family}: {case.name}: {recorded[case.name]['code']}", recorded[case.name]["status"])
        written = json.dumps(recorded, indent=1, sort_keys=True)
        (DATA / "validation" / f"{family}.json").write_text(written + "\n")
        print(family, len(recorded))


if __name__ == "__main__":
    main(*sys.argv[1:])
