"""Role-based access control, evaluated for real: from a cluster's roles and bindings to a decision."""

from __future__ import annotations

from lab.sim.api.rbac.authorizer import MASTERS, Authorizer, Decision
from lab.sim.api.rbac.escalation import check_escalation

__all__ = ["MASTERS", "Authorizer", "Decision", "check_escalation"]
