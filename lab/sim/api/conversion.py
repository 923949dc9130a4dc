"""Resources that are served in two versions and stored in one: core and events.k8s.io events, autoscaling v1 and v2.

Source: Kubernetes `pkg/apis/events/v1/conversion.go`, `pkg/apis/autoscaling/v1/conversion.go`.
"""

from __future__ import annotations

from lab.sim.api.resources import Object, Resource


def converted(obj: Object, resource: Resource) -> Object:
    """A stored object in the version of `resource`."""
    raise NotImplementedError


def canonical(obj: Object, resource: Resource) -> Object:
    """An object in the version it is stored in: core events, autoscaling/v2."""
    raise NotImplementedError
