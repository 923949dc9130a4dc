"""Who owns which field: `metadata.managedFields` of updates and of server-side apply.

Source: structured-merge-diff `merge/update.go`, apimachinery `pkg/util/managedfields`.
"""

from __future__ import annotations

from lab.sim.api.managed_fields.apply import apply
from lab.sim.api.managed_fields.track import track

__all__ = ["apply", "track"]
