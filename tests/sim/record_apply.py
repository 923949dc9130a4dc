"""Run the sequences of `data/apply` against a real cluster and store what it answered.

    python -m tests.sim.record_apply KUBECONFIG [FILE...]

`NAME.yaml` holds cases, each a list of requests; `NAME.recorded.yaml` the answer to each request: the object without
what differs from run to run, or the refusal. Everything happens in one namespace, which is deleted in the end.
"""

from __future__ import annotations

import http.client
import json
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import yaml

from lab.sim.api.context import Context
from lab.sim.api.kinds import BUILT_IN
from lab.sim.api.resources import Custom, Registry, Resource
from lab.sim.api.status import ApiError
from lab.sim.http_client import Endpoint
from tests.sim.clusters import bare

DATA = Path(__file__).parent / "data" / "apply"
NAMESPACE = "simapply"
REGISTRY = Registry.of(BUILT_IN)
TYPES = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}
_VOLATILE = ("uid", "resourceVersion", "creationTimestamp", "generation", "selfLink")
_ALLOCATED = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort")
_BYSTANDERS = ("kube-controller-manager", "kube-scheduler", "kubelet")

_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

Answer = dict[str, Any]
Send = Callable[[dict[str, Any], Resource, str], tuple[int, Any]]


@dataclass(frozen=True)
class Case:
    """One object's life: its name and the requests."""

    name: str
    resource: Resource
    steps: list[dict[str, Any]]


def cases(path: Path) -> Iterator[Case]:
    """The cases of a file. Objects get the case's name and the namespace."""
    read = yaml.load(path.read_text(), yaml.CSafeLoader)
    custom = _custom(read["definition"]) if "definition" in read else None
    for name, told in read["cases"].items():
        plural, _, group = told["what"].partition(".")
        resource = custom or REGISTRY.plural(group, plural)
        assert resource is not None, told["what"]
        yield Case(name, resource, [_completed(step, name, resource) for step in told["steps"]])


def _custom(definition: dict[str, Any]) -> Resource:
    """The row of the kind a CustomResourceDefinition defines."""
    spec = definition["spec"]
    version, names = spec["versions"][0], spec["names"]
    return Resource(
        spec["group"],
        version["name"],
        names["plural"],
        names["kind"],
        names["kind"].lower(),
        subresources=frozenset(version.get("subresources", {})),
        storage=definition["metadata"]["name"],
        custom=Custom(definition["metadata"]["name"], version["schema"]["openAPIV3Schema"]),
    )


def _completed(step: dict[str, Any], name: str, resource: Resource) -> dict[str, Any]:
    step = json.loads(json.dumps(step))
    obj = step.get("object")
    if isinstance(obj, dict) and not step.get("raw"):
        metadata = {"name": name}
        if resource.namespaced:
            metadata["namespace"] = NAMESPACE
        full = {"apiVersion": resource.api_version, "kind": resource.kind, **obj}
        full["metadata"] = {**metadata, **obj.get("metadata", {})}
        step["object"] = full
    return step


def normal(code: int, body: Any) -> Answer:
    """An answer without what differs from run to run."""
    if code >= 400:
        refusal = {"code": body["code"], "reason": body.get("reason", ""), "message": body["message"]}
        if body.get("details", {}).get("causes"):
            # A real server names managers in any order here, and some causes twice.
            causes = {(one["message"], one["field"]): one for one in body["details"]["causes"]}
            refusal["causes"] = [causes[key] for key in sorted(causes)]
        return {"refused": refusal}
    obj = json.loads(json.dumps(body))
    obj.pop("status", None)
    metadata = obj["metadata"]
    for field in _VOLATILE:
        metadata.pop(field, None)
    annotations = metadata.get("annotations", {})
    annotations.pop("deployment.kubernetes.io/revision", None)
    if not annotations:
        metadata.pop("annotations", None)
    metadata.get("labels", {}).pop("kubernetes.io/metadata.name", None)
    owners = metadata.pop("managedFields", None)
    if obj["kind"] == "Service":
        for field in _ALLOCATED:
            obj["spec"].pop(field, None)
        for port in obj["spec"].get("ports", ()):
            port.pop("nodePort", None)
    owners = [
        {key: value for key, value in one.items() if key != "time"}
        for one in owners or ()
        if one["manager"] not in _BYSTANDERS
    ]
    # Appliers first, then by time: within one second of a recording the order is by name.
    owners.sort(key=lambda one: (one["operation"], one["manager"], one.get("subresource", "")))
    return {"object": obj, "owners": owners}


class Oracle:
    """A real API server, asked with a kubeconfig's client certificate."""

    def __init__(self, kubeconfig: str) -> None:
        found = Endpoint.of_kubeconfig(Path(kubeconfig))
        address = urllib.parse.urlparse(found.server)
        assert address.hostname is not None
        self._connection = http.client.HTTPSConnection(address.hostname, address.port, context=found.tls)

    def request(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> tuple[int, Any]:
        """Status code and decoded body."""
        data = body if isinstance(body, str) or body is None else json.dumps(body)
        self._connection.request(method, path, data, {"Content-Type": kind, "Accept": "application/json"})
        answer = self._connection.getresponse()
        read = answer.read()
        return answer.status, json.loads(read) if read.startswith(b"{") else None

    def send(self, step: dict[str, Any], resource: Resource, name: str) -> tuple[int, Any]:
        """One step of a case."""
        collection = _collection(resource)
        path = f"{collection}/{name}" + (f"/{step['through']}" if step.get("through") else "")
        query = f"?fieldManager={step['as']}" if step.get("as") else "?"
        match step["do"]:
            case "create":
                return self.request("POST", collection + query, step["object"])
            case "update":
                return self.request("PUT", path + query, step["object"])
            case "apply":
                query += "&force=true" if step.get("force") else ""
                return self.request("PATCH", path + query, step["object"], "application/apply-patch+yaml")
            case kind:
                return self.request("PATCH", path + query, step["patch"], TYPES[kind])

    def define(self, definition: dict[str, Any]) -> None:
        """Create a CustomResourceDefinition and wait until it is served."""
        self.request("POST", _DEFINITIONS, definition)
        path = _collection(_custom(definition))
        while self.request("GET", path)[0] != 200:
            time.sleep(0.2)
        time.sleep(1)

    def forget(self, case: Case) -> None:
        """Delete a case's object, whatever holds it."""
        path = _collection(case.resource) + f"/{case.name}"
        self.request("PATCH", path, {"metadata": {"finalizers": None}}, TYPES["merge"])
        self.request("DELETE", path)


def _collection(resource: Resource) -> str:
    root = f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"
    space = f"/namespaces/{NAMESPACE}" if resource.namespaced else ""
    return f"{root}{space}/{resource.plural}"


def ownership(answer: Answer) -> list[bytes]:
    """The field sets of an answer byte by byte, for the order of their keys."""
    return [orjson.dumps(one["fieldsV1"]) for one in answer.get("owners", ())]


def played(case: Case, send: Send) -> list[Answer]:
    """The answers to a case's requests, in order."""
    return [normal(*send(step, case.resource, case.name)) for step in case.steps]


def simulated() -> Send:
    """The same requests on a simulated cluster of its own."""
    cluster = bare()
    rest = cluster.rest
    spaces = REGISTRY.find("", "v1", "namespaces")
    assert spaces is not None
    rest.create(spaces, "", {"metadata": {"name": NAMESPACE}}, Context())

    def send(step: dict[str, Any], resource: Resource, name: str) -> tuple[int, Any]:
        space = NAMESPACE if resource.namespaced else ""
        context = Context(manager=step.get("as", "unknown"))
        through = step.get("through", "")
        try:
            match step["do"]:
                case "create":
                    return 201, rest.create(resource, space, step["object"], context)
                case "update":
                    return 200, rest.update(resource, space, name, step["object"], context, through)
                case "apply":
                    return 200, rest.apply(
                        resource, space, name, step["object"], context, step.get("force", False), through
                    )[0]
                case kind:
                    return 200, rest.patch(resource, space, name, step["patch"], kind, context, through)
        except ApiError as error:
            return error.code, error.status()

    return send


def main(kubeconfig: str, names: list[str]) -> None:
    """Record the named files, or all."""
    oracle = Oracle(kubeconfig)
    while oracle.request("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})[0] != 201:
        time.sleep(1)  # the namespace of the run before is still going
    while oracle.request("GET", f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/default")[0] != 200:
        time.sleep(0.2)
    try:
        for path in sorted(DATA.glob("*.yaml")):
            if ".recorded." in path.name or (names and path.stem not in names):
                continue
            recorded = {}
            definition = yaml.load(path.read_text(), yaml.CSafeLoader).get("definition")
            if definition:
                oracle.define(definition)
            for case in cases(path):
                recorded[case.name] = played(case, oracle.send)
                oracle.forget(case)
            text = yaml.safe_dump(recorded, sort_keys=False, width=200, default_flow_style=None)
            path.with_suffix(".recorded.yaml").write_text(text)
            print(path.stem, len(recorded), "cases")
            if definition:
                oracle.request("DELETE", f"{_DEFINITIONS}/{definition['metadata']['name']}")
    finally:
        oracle.request("DELETE", f"/api/v1/namespaces/{NAMESPACE}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
