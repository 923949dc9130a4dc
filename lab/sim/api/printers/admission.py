"""Webhooks and admission policies.

Source: Kubernetes `pkg/printers/internalversion/printers.go`.
"""

from __future__ import annotations

from lab.sim.api.printers.printer import AGE, NAME, UNSET, Printer, aged, column, part
from lab.sim.api.resources import Object


def _parameter_kind(obj: Object) -> str:
    kind = part(obj, "spec").get("paramKind")
    return UNSET if kind is None else f"{kind.get('apiVersion', '')}/{kind.get('kind', '')}"


def _parameters(obj: Object) -> str:
    given = part(obj, "spec").get("paramRef") or {}
    if given.get("name"):
        return f"{given.get('namespace') or '*'}/{given['name']}"
    selector = given.get("selector")
    return UNSET if selector is None else _go_text(selector)


def _go_text(selector: Object) -> str:
    """A label selector as Go's generated `String` method writes it, which is what a real server shows here."""
    wanted = selector.get("matchLabels") or {}
    labels = "".join(f"{key}: {wanted[key]}," for key in sorted(wanted))
    expressions = "".join(
        f"LabelSelectorRequirement{{Key:{one.get('key', '')},Operator:{one.get('operator', '')},"
        f"Values:[{' '.join(one.get('values') or ())}],}},"
        for one in selector.get("matchExpressions") or ()
    )
    return (
        f"&LabelSelector{{MatchLabels:map[string]string{{{labels}}},"
        f"MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}"
    )


_WEBHOOKS = Printer(
    [NAME, column("Webhooks", "Number of webhooks.", "integer"), AGE],
    aged(lambda obj: len(obj.get("webhooks") or ())),
)

PRINTERS = {
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": _WEBHOOKS,
    "validatingwebhookconfigurations.admissionregistration.k8s.io": _WEBHOOKS,
    "validatingadmissionpolicies.admissionregistration.k8s.io": Printer(
        [
            NAME,
            column("Validations", "Number of rules.", "integer"),
            column("ParamKind", "Kind of the objects that parameterise the policy."),
            AGE,
        ],
        aged(lambda obj: len(part(obj, "spec").get("validations") or ()), _parameter_kind),
    ),
    "validatingadmissionpolicybindings.admissionregistration.k8s.io": Printer(
        [
            NAME,
            column("PolicyName", "Policy that is bound."),
            column("ParamRef", "Objects that parameterise it."),
            AGE,
        ],
        aged(lambda obj: part(obj, "spec").get("policyName", ""), _parameters),
    ),
}
