"""What a decision on a certificate request must be like. Source: Kubernetes `pkg/apis/certificates/validation`."""

from __future__ import annotations

from lab.sim.api.resources import Object
from lab.sim.api.status import forbidden_field, invalid, invalid_value

_DECISIONS = ("Approved", "Denied", "Failed")


def check(old: Object, new: Object) -> None:
    """Refuse contradictory decisions and withdrawn ones. Raises ApiError 422."""
    said = (new.get("status") or {}).get("conditions") or []
    held = (old.get("status") or {}).get("conditions") or []
    wrong = []
    kinds = [one.get("type") for one in said]
    if "Approved" in kinds and "Denied" in kinds:
        place = max(kinds.index("Approved"), kinds.index("Denied"))
        detail = "Approved and Denied conditions are mutually exclusive"
        wrong.append(invalid_value(f"status.conditions[{place}].type", kinds[place], detail))
    for kind in _DECISIONS:
        if any(one.get("type") == kind for one in held) and kind not in kinds:
            detail = f"updates may not remove a condition of type {_quoted(kind)}"
            wrong.append(forbidden_field("status.conditions", detail))
    if wrong:
        raise invalid("certificates.k8s.io", "CertificateSigningRequest", old["metadata"]["name"], wrong)


def _quoted(text: str) -> str:
    return f'"{text}"'
