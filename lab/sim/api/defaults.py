"""Values a real server fills in: `apply` puts them into an object before it is validated.

Source: Kubernetes `pkg/apis/*/v1/defaults.go` and, for custom resources, the definition's `default`s.
"""

from __future__ import annotations

from lab.sim.api.resources import Object, Resource


def apply(resource: Resource, obj: Object) -> None:
    """Fill in defaults, in place."""
