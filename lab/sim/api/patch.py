"""The three patches that carry changes: JSON patch, JSON merge patch and strategic merge patch.

Source: RFC 6902, RFC 7386, apimachinery `pkg/util/strategicpatch/patch.go`.
"""

from __future__ import annotations

from typing import Any

from lab.sim.api.resources import Object, Resource


def patched(resource: Resource, current: Object, patch: Any, kind: str) -> Object:
    """`current` with `patch` put on it; `current` stays as it is. `kind`: `json`, `merge` or `strategic`.

    Raises ApiError 400 for a malformed patch, 415 for `strategic` on a custom resource, 422 for one that does not fit.
    """
    raise NotImplementedError
