"""Ask a real API server what it makes of the cases in `data/decode_cases.json`, and write its answers there.

    python -m tests.sim.record_decode KUBECONFIG

Everything happens as a dry run but for one Deployment and one Widget that are patched; they live in the namespace
`decode`, which is deleted again, as is the definition of Widget.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from tests.sim.decoding import BASES, CASES, GROUP, ROWS, WIDGET_SCHEMA, bare_text, changed
from tests.sim.record_validation import Server

NAMESPACE = "decode"
MEDIA = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"widgets.{GROUP}"},
    "spec": {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": WIDGET_SCHEMA}}],
    },
}
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def path_of(kind: str) -> str:
    row = ROWS[kind]
    root = f"/apis/{row.api_version}" if row.group else "/api/v1"
    return f"{root}/namespaces/{NAMESPACE}/{row.plural}"


def asked(server: Server, form: str, kind: str, path: list[Any], value: Any) -> str | None:
    query = "dryRun=All&fieldValidation=Strict&fieldManager=recorder"
    if form:
        body = changed(kind, path, value) if form == "apply" else value
        force = "&force=true" if form == "apply" else ""
        code, answer = server.ask("PATCH", f"{path_of(kind)}/x?{query}{force}", body, MEDIA[form])
    else:
        code, answer = server.ask("POST", f"{path_of(kind)}?{query}", changed(kind, path, value))
    text = answer.get("message", "")
    refused = code == 400 or (form == "apply" and code == 500) or (form and text.startswith(' "" is invalid: patch'))
    return bare_text(text, kind, form) if refused else None


def main() -> None:
    server = Server(sys.argv[1])
    server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    server.ask("POST", DEFINITIONS, DEFINITION)
    time.sleep(5)
    try:
        for kind in ("Deployment", "Widget"):
            server.ask("POST", path_of(kind), BASES[kind])
        rows = json.loads(CASES.read_text())
        lines = [
            json.dumps([form, kind, path, value, asked(server, form, kind, path, value)], ensure_ascii=False)
            for form, kind, path, value, _ in rows
        ]
        CASES.write_text("[\n" + ",\n".join(lines) + "\n]\n")
    finally:
        server.ask("DELETE", f"{DEFINITIONS}/widgets.{GROUP}")
        server.ask("DELETE", f"/api/v1/namespaces/{NAMESPACE}")


if __name__ == "__main__":
    main()
