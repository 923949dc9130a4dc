"""Values a real server fills in: `apply` puts them into an object before it is validated.

Source: Kubernetes `pkg/apis/*/v1/defaults.go`, `zz_generated.defaults.go`. Quantities are rewritten as a server writes
them, and structures that Go always writes (`resources: {}`, `status: {}`) are put in.
"""

from __future__ import annotations

from lab.sim.api import structural
from lab.sim.api.defaults.kinds import BY_STORAGE
from lab.sim.api.resources import Object, Resource


def apply(resource: Resource, obj: Object) -> None:
    """Fill in defaults, in place, again and again with the same result.

    The defaults of custom resources stand in their definition. Text that is no quantity stays as it is.
    """
    if resource.custom is not None:
        structural.fill_in(obj, resource.custom.schema)
        return
    fill = BY_STORAGE.get(resource.storage)
    if fill is not None:
        fill(obj)
