"""Labels and label selectors as text.

Source: apimachinery `pkg/labels/selector.go` `Requirement.String`, `pkg/apis/meta/v1/helpers.go`.
"""

from __future__ import annotations

from lab.sim.api.printers.printer import NONE
from lab.sim.api.resources import Object


def of_labels(labels: dict[str, str] | None) -> str:
    """`a=b,c=d` in order, `<none>` when there are none."""
    if not labels:
        return NONE
    return ",".join(f"{key}={labels[key]}" for key in sorted(labels))


def of_selector(selector: Object | None) -> str:
    """A `LabelSelector` as `kubectl get -l` takes it, "" for one that is empty or missing."""
    if not selector:
        return ""
    terms = [(key, f"{key}={value}") for key, value in (selector.get("matchLabels") or {}).items()]
    for one in selector.get("matchExpressions") or ():
        terms.append((one["key"], _expression(one)))
    return ",".join(text for _, text in sorted(terms, key=lambda term: term[0]))


def _expression(one: Object) -> str:
    key, operator = one["key"], one["operator"]
    if operator in ("Exists", "DoesNotExist"):
        return key if operator == "Exists" else f"!{key}"
    values = ",".join(sorted(one.get("values") or ()))
    return f"{key} {'in' if operator == 'In' else 'notin'} ({values})"
