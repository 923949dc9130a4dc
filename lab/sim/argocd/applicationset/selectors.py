"""Selectors on a generator, which pick parameter sets after they were made.

They are label selectors whose values may be anything, e.g. URLs. Source: Argo CD 3.6.1
`applicationset/utils/selector.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lab.sim.api.selectors import key_errors
from lab.sim.api.status import Cause, invalid_value
from lab.sim.argocd.applicationset.params import GeneratorError, Params, flatten
from lab.sim.objects import Object

Flat = Mapping[str, str]


def selector(spec: Object | None) -> Callable[[Params], bool]:
    """Whether a parameter set is selected; None and {} select every one. Raises GeneratorError."""
    tests = _tests(spec or {})
    if not tests:
        return lambda _: True

    def selects(params: Params) -> bool:
        flat = flatten(params)
        return all(test(flat) for test in tests)

    return selects


def _tests(spec: Object) -> list[Callable[[Flat], bool]]:
    tests = []
    for key, value in (spec.get("matchLabels") or {}).items():
        _check(key, [])
        tests.append(_in(key, [value]))
    for one in spec.get("matchExpressions") or ():
        operator, key, values = one.get("operator", ""), str(one.get("key", "")), list(one.get("values") or ())
        make = _OPERATORS.get(operator)
        if make is None:
            raise GeneratorError(f'error parsing label selector: "{operator}" is not a valid pod selector operator')
        _check(key, _value_causes(operator, values))
        tests.append(make(key, values))
    return tests


def _value_causes(operator: str, values: list[str]) -> list[Cause]:
    if operator in ("In", "NotIn") and not values:
        return [invalid_value("values", values, "for 'in', 'notin' operators, values set can't be empty")]
    if operator in ("Exists", "DoesNotExist") and values:
        return [invalid_value("values", values, "values set must be empty for exists and does not exist")]
    return []


def _check(key: str, causes: list[Cause]) -> None:
    wrong = key_errors(key)
    found = ([invalid_value("key", key, "; ".join(wrong))] if wrong else []) + causes
    if found:
        texts = ", ".join(str(one) for one in found)
        raise GeneratorError(f"error parsing label selector: {f'[{texts}]' if len(found) > 1 else texts}")


def _in(key: str, values: list[str]) -> Callable[[Flat], bool]:
    return lambda flat: flat.get(key) in values


_OPERATORS: dict[str, Callable[[str, list[str]], Callable[[Flat], bool]]] = {
    "In": _in,
    "NotIn": lambda key, values: lambda flat: flat.get(key) not in values,
    "Exists": lambda key, _: lambda flat: key in flat,
    "DoesNotExist": lambda key, _: lambda flat: key not in flat,
}
