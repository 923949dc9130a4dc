"""Ask a real API server what it makes of the custom objects in `data/custom/`, and write its answers beside them.

    python -m tests.sim.record_custom KUBECONFIG

The definition and the namespace `custom` are made for it and deleted again.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import yaml

from tests.sim.cases import DATA
from tests.sim.record_validation import Answer, Server

FOLDER = DATA / "custom"
OBJECTS = "/apis/custom.example.com/v1/namespaces/custom/widgets"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
MERGE = "application/merge-patch+json"


def sent(case: dict[str, Any]) -> dict[str, Any]:
    """The object a case creates."""
    metadata = {"name": case.get("name", "one")}
    made: dict[str, Any] = {"apiVersion": "custom.example.com/v1", "kind": "Widget", "metadata": metadata}
    spec = case.get("spec", {})
    return made if spec is None else {**made, "spec": {"size": "small", **spec}}


def kept(answer: Answer) -> dict[str, Any]:
    """What of an answer is compared."""
    code, body = answer
    if body.get("kind") == "Status":
        causes = (body.get("details") or {}).get("causes") or []
        return {"code": code, "reason": body.get("reason"), "message": body.get("message"), "causes": causes}
    return {"code": code, **{key: body[key] for key in ("spec", "status") if key in body}}


def ask(server: Any, case: dict[str, Any]) -> dict[str, Any]:
    """The answer to the last request of a case."""
    answer = server.ask("POST", OBJECTS + "?fieldValidation=Ignore", sent(case))
    if answer[0] == 201:
        if "then" in case:
            answer = server.ask("PATCH", OBJECTS + "/one", case["then"], MERGE)
        if "status" in case:
            answer = server.ask("PATCH", OBJECTS + "/one/status", case["status"], MERGE)
        server.ask("DELETE", OBJECTS + "/one")
    return kept(answer)


def main(kubeconfig: str) -> None:
    server = Server(kubeconfig)
    definition = yaml.safe_load((FOLDER / "definition.yaml").read_text())
    print(server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": "custom"}})[0])
    code, answer = server.ask("POST", DEFINITIONS, definition)
    assert code == 201, answer
    try:
        time.sleep(5)  # established, and served by then
        cases = yaml.safe_load((FOLDER / "cases.yaml").read_text())
        answers = {name: ask(server, case) for name, case in cases.items()}
        (FOLDER / "recorded.json").write_text(json.dumps(answers, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
        print(len(answers), "answers")
    finally:
        server.ask("DELETE", f"{DEFINITIONS}/{definition['metadata']['name']}")
        server.ask("DELETE", "/api/v1/namespaces/custom")


if __name__ == "__main__":
    main(*sys.argv[1:])
