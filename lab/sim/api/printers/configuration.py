"""Namespaces and what stands in them beside workloads: configuration, secrets, accounts, quotas and budgets.

Source: Kubernetes `pkg/printers/internalversion/printers.go`.
"""

from __future__ import annotations

from lab.sim.api.printers.printer import AGE, NAME, Cells, Printer, age, aged, column, name, part
from lab.sim.api.resources import Object


def _quota(obj: Object, now: float) -> Cells:
    status = part(obj, "status")
    hard, used = part(status, "hard"), part(status, "used")
    requests: list[str] = []
    limits: list[str] = []
    for resource in sorted(hard):
        listed = limits if resource.startswith("limits.") else requests
        listed.append(f"{resource}: {used.get(resource, '0')}/{hard[resource]}")
    return [name(obj), ", ".join(requests), ", ".join(limits), age(obj, now)]


def _bound(obj: Object, field: str) -> str:
    value = part(obj, "spec").get(field)
    return "N/A" if value is None else str(value)


PRINTERS = {
    "namespaces": Printer(
        [NAME, column("Status", "Phase of the namespace."), AGE],
        aged(lambda obj: part(obj, "status").get("phase", "")),
    ),
    "configmaps": Printer(
        [NAME, column("Data", "Number of entries."), AGE],
        aged(lambda obj: len(obj.get("data") or ()) + len(obj.get("binaryData") or ())),
    ),
    "secrets": Printer(
        [NAME, column("Type", "What the secret is for."), column("Data", "Number of entries."), AGE],
        aged(lambda obj: obj.get("type", ""), lambda obj: len(obj.get("data") or ())),
    ),
    "serviceaccounts": Printer(
        [NAME, column("Secrets", "Number of secrets the account may use."), AGE],
        aged(lambda obj: len(obj.get("secrets") or ())),
    ),
    "resourcequotas": Printer(
        [
            NAME,
            column("Request", "What is used of objects and requests, of what may be."),
            column("Limit", "What is used of limits, of what may be."),
            AGE,
        ],
        _quota,
    ),
    "poddisruptionbudgets.policy": Printer(
        [
            NAME,
            column("Min Available", "Fewest pods that must be available."),
            column("Max Unavailable", "Most pods that may be unavailable."),
            column("Allowed Disruptions", "Number of pods that may be evicted now.", "integer"),
            AGE,
        ],
        aged(
            lambda obj: _bound(obj, "minAvailable"),
            lambda obj: _bound(obj, "maxUnavailable"),
            lambda obj: part(obj, "status").get("disruptionsAllowed", 0),
        ),
    ),
}
