"""One write on its way through admission."""

from __future__ import annotations

from dataclasses import dataclass

from lab.sim.api.context import Context
from lab.sim.api.resources import Object, Resource
from lab.sim.api.status import ApiError, forbidden


@dataclass(slots=True)
class Write:
    """One write on its way in. `new` is the caller's own copy; None for a deletion."""

    operation: str
    """`CREATE`, `UPDATE` or `DELETE`."""
    resource: Resource
    namespace: str
    name: str
    """"" while the server has not yet made one out of `generateName`."""
    new: Object | None
    old: Object | None
    context: Context
    subresource: str = ""

    def forbidden(self, why: str) -> ApiError:
        """403 for this write, worded as admission plugins do."""
        name = self.name
        if not name and self.new is not None:
            name = str(self.new["metadata"].get("name") or self.new["metadata"].get("generateName") or "")
        return forbidden(self.resource.group, self.resource.plural, name, why)
