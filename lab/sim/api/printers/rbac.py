"""Bindings of roles; roles themselves have no printer of their own.

Source: Kubernetes `pkg/printers/internalversion/printers.go`, `pkg/apis/rbac/helpers.go`.
"""

from __future__ import annotations

from lab.sim.api.printers.printer import AGE, NAME, WIDE, Cells, Printer, age, column, name, part
from lab.sim.api.resources import Object


def _binding(obj: Object, now: float) -> Cells:
    role = part(obj, "roleRef")
    subjects: dict[str, list[str]] = {"User": [], "Group": [], "ServiceAccount": []}
    for one in obj.get("subjects") or ():
        kind, called = one.get("kind", ""), one.get("name", "")
        if kind in subjects:
            subjects[kind].append(f"{one.get('namespace', '')}/{called}" if kind == "ServiceAccount" else called)
    return [
        name(obj),
        f"{role.get('kind', '')}/{role.get('name', '')}",
        age(obj, now),
        *(", ".join(listed) for listed in subjects.values()),
    ]


_BINDING = Printer(
    [
        NAME,
        column("Role", "Role that is given."),
        AGE,
        column("Users", "Users who have it.", priority=WIDE),
        column("Groups", "Groups that have it.", priority=WIDE),
        column("ServiceAccounts", "Service accounts that have it.", priority=WIDE),
    ],
    _binding,
)

PRINTERS = {
    "rolebindings.rbac.authorization.k8s.io": _BINDING,
    "clusterrolebindings.rbac.authorization.k8s.io": _BINDING,
}
