"""Admission: what may be written although it is valid, and what is added to it on the way in.

Source: Kubernetes `plugin/pkg/admission/*`, apiserver `pkg/admission/plugin/namespace/lifecycle`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.sim.api.context import Context
from lab.sim.api.resources import Object, Resource

if TYPE_CHECKING:
    from lab.sim.api.rest import Rest


@dataclass(slots=True)
class Write:
    """One write on its way in. `new` is the caller's own copy; None for a deletion."""

    operation: str
    """`CREATE`, `UPDATE` or `DELETE`."""
    resource: Resource
    namespace: str
    name: str
    new: Object | None
    old: Object | None
    context: Context
    subresource: str = ""


def mutate(rest: Rest, write: Write) -> None:
    """Add what admission adds; before validation. May raise ApiError."""


def validate(rest: Rest, write: Write) -> None:
    """Refuse what may not be; after validation, as the last thing before the write. May raise ApiError."""
