"""What stands under an object's name: scale, eviction, binding, finalize, approval.

`status` is `Rest.update` and `Rest.patch` with that subresource, `token` is answered by `token_request.py`, and `log`,
`exec` and their like by `streams.py`. Source: Kubernetes `pkg/registry/*/*/storage`.
"""

from __future__ import annotations

from typing import Any

from lab.sim.api import patch as patches
from lab.sim.api.context import Context
from lab.sim.api.resources import Object, Resource
from lab.sim.api.rest import Rest
from lab.sim.api.status import method_not_allowed, not_simulated
from lab.sim.api.subresources import binding, bodies, eviction, scale
from lab.sim.api.subresources.approval import check as check_approval
from lab.sim.objects import thaw

_REFUSED = {
    "attach": "attaching to a container",
    "ephemeralcontainers": "adding an ephemeral container to a pod",
    "exec": "this way of running a command in a container",
    "portforward": "forwarding a port",
    "proxy": "a proxy through the API server",
    "resize": "resizing a running pod",
}
_OF_THE_OBJECT = ("approval", "finalize", "status")
"""Subresources that show the object itself and change a part of it."""
_SHOWN = ("approval", "ephemeralcontainers", "resize", "status")


def get(rest: Rest, resource: Resource, namespace: str, name: str, subresource: str) -> Object:
    """What a GET of a subresource shows. Raises ApiError 404, 405, or 501 for what is not simulated."""
    if subresource == "scale":
        return scale.of(resource, rest.get(resource, namespace, name))
    if subresource in _SHOWN:
        return rest.get(resource, namespace, name)
    raise _unable(subresource)


def create(
    rest: Rest, resource: Resource, namespace: str, name: str, subresource: str, body: Object, context: Context
) -> Object:
    """Answer a POST to a subresource. Raises what the action refuses, 405, or 501 for what is not simulated."""
    if subresource in ("eviction", "binding"):
        bodies.decode(subresource, body, context, rest.minor)
    if subresource == "eviction":
        return eviction.evict(rest, resource, namespace, name, body, context)
    if subresource == "binding":
        return binding.bind(rest, resource, namespace, name, body, context)
    raise _unable(subresource)


def update(
    rest: Rest, resource: Resource, namespace: str, name: str, subresource: str, body: Object, context: Context
) -> Object:
    """Answer a PUT to a subresource. `body` becomes the server's own. Raises as `Rest.update`, 405 or 501."""
    if subresource == "scale":
        return scale.replace(rest, resource, namespace, name, body, context)
    if subresource in _OF_THE_OBJECT:
        if subresource == "approval":
            check_approval(rest.get(resource, namespace, name), body)
        return rest.update(resource, namespace, name, body, context, subresource)
    raise _unable(subresource)


def patch(
    rest: Rest,
    resource: Resource,
    namespace: str,
    name: str,
    subresource: str,
    patch: Any,
    kind: str,
    context: Context,
) -> Object:
    """Answer a PATCH of a subresource; `kind` as for `Rest.patch`. Raises as that, 405 or 501."""
    if subresource == "scale":
        return scale.patch(rest, resource, namespace, name, patch, kind, context)
    if subresource == "status" and kind != "apply":
        return rest.patch(resource, namespace, name, patch, kind, context, "status")
    if subresource in _OF_THE_OBJECT and kind != "apply":
        current = rest.get(resource, namespace, name)
        body = thaw(patches.patched(resource, current, patch, kind, rest.minor))
        return update(rest, resource, namespace, name, subresource, body, context)
    if subresource in _OF_THE_OBJECT:
        raise not_simulated(f"server-side apply to {subresource}")
    raise _unable(subresource)


def _unable(subresource: str) -> Exception:
    what = _REFUSED.get(subresource)
    return not_simulated(what) if what else method_not_allowed()
