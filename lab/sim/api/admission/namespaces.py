"""NamespaceLifecycle: nothing is written into a namespace that does not exist or is on its way out.

Source: apiserver `pkg/admission/plugin/namespace/lifecycle`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.sim.api.admission.write import Write
from lab.sim.api.status import not_found

if TYPE_CHECKING:
    from lab.sim.api.rest import Rest

IMMORTAL = frozenset(["default", "kube-system", "kube-public"])


def check(rest: Rest, write: Write) -> None:
    """The namespace of a creation or update exists; a creation's is not being deleted. Raises ApiError 404, 403."""
    namespace = rest.store.get("namespaces", "", write.namespace)
    if namespace is None:
        raise not_found("", "namespaces", write.namespace)
    if write.operation == "CREATE" and namespace.get("status", {}).get("phase") == "Terminating":
        error = write.forbidden(
            f"unable to create new content in namespace {write.namespace} because it is being terminated"
        )
        error.details = {
            **(error.details or {}),
            "causes": [
                {
                    "reason": "NamespaceTerminating",
                    "message": f"namespace {write.namespace} is being terminated",
                    "field": "metadata.namespace",
                }
            ],
        }
        raise error


def protect(_: Rest, write: Write) -> None:
    """Some namespaces cannot be deleted. Raises ApiError 403."""
    if write.operation == "DELETE" and write.name in IMMORTAL:
        raise write.forbidden("this namespace may not be deleted")
