"""What the parts of an expression do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from math import fmod
from typing import Any

from lab.sim.argocd.comparison.jq.paths import each, field, indexed, sliced
from lab.sim.argocd.comparison.jq.values import Environment, Evaluate, JqError, Place, Result, order, shown, truth


def _made(place: Place) -> Place:
    """Where a value stands that was made and not found."""
    return None if place is None else False


def values(evaluate: Evaluate, value: Any, environment: Environment) -> list[Any]:
    """All results, without places."""
    return [one for _, one in evaluate(None, value, environment)]


def identity(place: Place, value: Any, _: Environment) -> Result:
    """`.`"""
    yield place, value


def constant(known: Any) -> Evaluate:
    """A literal."""

    def evaluate(place: Place, _value: Any, _environment: Environment) -> Result:
        yield _made(place), known

    return evaluate


def variable(name: str) -> Evaluate:
    """`$name`"""

    def evaluate(place: Place, _: Any, environment: Environment) -> Result:
        if name not in environment.variables:
            raise JqError(f"variable not defined: {name}")
        yield _made(place), environment.variables[name]

    return evaluate


def named(name: str) -> Evaluate:
    """`.name`"""

    def evaluate(place: Place, value: Any, environment: Environment) -> Result:
        environment.step()
        yield field(place, value, name)

    return evaluate


def at(of: Evaluate, key: Evaluate) -> Evaluate:
    """`of[key]`"""

    def evaluate(place: Place, value: Any, environment: Environment) -> Result:
        for wanted in values(key, value, environment):
            for where, one in of(place, value, environment):
                environment.step()
                yield indexed(where, one, wanted)

    return evaluate


def ranged(of: Evaluate, start: Evaluate | None, end: Evaluate | None) -> Evaluate:
    """`of[start:end]`"""

    def evaluate(place: Place, value: Any, environment: Environment) -> Result:
        bounds = ([None] if one is None else values(one, value, environment) for one in (start, end))
        for first, last in product(*bounds):
            for where, one in of(place, value, environment):
                environment.step()
                yield sliced(where, one, first, last)

    return evaluate


def iterated(of: Evaluate) -> Evaluate:
    """`of[]`"""

    def evaluate(place: Place, value: Any, environment: Environment) -> Result:
        for where, one in of(place, value, environment):
            for found in each(where, one):
                environment.step()
                yield found

    return evaluate


def piped(first: Evaluate, then: Evaluate) -> Evaluate:
    """`first | then`"""

    def evaluate(place: Place, value: Any, environment: Environment) -> Result:
        for where, one in first(place, value, environment):
            environment.step()
            yield from then(where, one, environment)

    return evaluate


def both(left: Evaluate, right: Evaluate) -> Evaluate:
    """`left, right`"""

    def evaluate(place: Place, value: Any, environment: Environment) -> Result:
        yield from left(place, value, environment)
        yield from right(place, value, environment)

    return evaluate


def bound(of: Evaluate, name: str, then: Evaluate) -> Evaluate:
    """`of as $name | then`"""

    def evaluate(place: Place, value: Any, environment: Environment) -> Result:
        for one in values(of, value, environment):
            inner = environment._replace(variables={**environment.variables, name: one})
            yield from then(place, value, inner)

    return evaluate


def forgiven(of: Evaluate) -> Evaluate:
    """`of?`"""

    def evaluate(place: Place, value: Any, environment: Environment) -> Result:
        try:
            yield from of(place, value, environment)
        except JqError:
            if environment.budget[0] < 0:
                raise

    return evaluate


def caught(of: Evaluate, handler: Evaluate) -> Evaluate:
    """`try of catch handler`"""

    def evaluate(place: Place, value: Any, environment: Environment) -> Result:
        try:
            yield from of(place, value, environment)
        except JqError as error:
            if environment.budget[0] < 0:
                raise
            yield from handler(_made(place), str(error), environment)

    return evaluate


def alternative(left: Evaluate, right: Evaluate) -> Evaluate:
    """`left // right`"""

    def evaluate(place: Place, value: Any, environment: Environment) -> Result:
        found = False
        try:
            for where, one in left(place, value, environment):
                if truth(one):
                    found = True
                    yield where, one
        except JqError:
            if environment.budget[0] < 0:
                raise
        if not found:
            yield from right(place, value, environment)

    return evaluate


def logical(left: Evaluate, right: Evaluate, *, stop: bool) -> Evaluate:
    """`and`, `or`: `stop` is the truth of the left side with which the right one is not asked."""

    def evaluate(place: Place, value: Any, environment: Environment) -> Result:
        for one in values(left, value, environment):
            if truth(one) is stop:
                yield _made(place), stop
            else:
                for other in values(right, value, environment):
                    yield _made(place), truth(other)

    return evaluate


def chosen(test: Evaluate, then: Evaluate, otherwise: Evaluate) -> Evaluate:
    """`if test then then else otherwise end`"""

    def evaluate(place: Place, value: Any, environment: Environment) -> Result:
        for one in values(test, value, environment):
            yield from (then if truth(one) else otherwise)(place, value, environment)

    return evaluate


def listed(of: Evaluate) -> Evaluate:
    """`[of]`"""

    def evaluate(place: Place, value: Any, environment: Environment) -> Result:
        yield _made(place), values(of, value, environment)

    return evaluate


def made_object(entries: Sequence[tuple[Evaluate, Evaluate]]) -> Evaluate:
    """`{name: value, …}`"""

    def evaluate(place: Place, value: Any, environment: Environment) -> Result:
        parts = [
            [(key, one) for key in values(name, value, environment) for one in values(of, value, environment)]
            for name, of in entries
        ]
        for chosen_parts in product(*parts):
            environment.step()
            if not all(isinstance(key, str) for key, _ in chosen_parts):
                raise JqError("expected a string for object key")
            yield _made(place), dict(chosen_parts)

    return evaluate


def calculated(operator: str, left: Evaluate, right: Evaluate) -> Evaluate:
    """`left operator right`"""
    calculate = _OPERATORS[operator]

    def evaluate(place: Place, value: Any, environment: Environment) -> Result:
        for other in values(right, value, environment):
            for one in values(left, value, environment):
                environment.step()
                yield _made(place), calculate(one, other)

    return evaluate


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _wrong(verb: str, left: Any, right: Any) -> JqError:
    return JqError(f"cannot {verb}: {shown(left)} and {shown(right)}")


def add(left: Any, right: Any) -> Any:
    """`left + right`. Raises JqError."""
    if left is None or right is None:
        return right if left is None else left
    if _number(left) and _number(right):
        return left + right
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    if isinstance(left, list) and isinstance(right, list):
        return left + right
    if isinstance(left, dict) and isinstance(right, dict):
        return {**left, **right}
    raise _wrong("add", left, right)


def _subtract(left: Any, right: Any) -> Any:
    if _number(left) and _number(right):
        return left - right
    if isinstance(left, list) and isinstance(right, list):
        gone = [order(one) for one in right]
        return [one for one in left if order(one) not in gone]
    raise _wrong("subtract", left, right)


def _multiply(left: Any, right: Any) -> Any:
    if _number(left) and _number(right):
        return left * right
    raise _wrong("multiply", left, right)


def _divide(left: Any, right: Any) -> Any:
    if _number(left) and _number(right):
        if right == 0:
            raise _wrong("divide", left, right)
        return left / right
    if isinstance(left, str) and isinstance(right, str):
        return left.split(right) if right else list(left)
    raise _wrong("divide", left, right)


def _modulo(left: Any, right: Any) -> Any:
    if _number(left) and _number(right) and int(right) != 0:
        return int(fmod(int(left), int(right)))
    raise _wrong("modulo", left, right)


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": lambda left, right: order(left) == order(right),
    "!=": lambda left, right: order(left) != order(right),
    "<": lambda left, right: order(left) < order(right),
    "<=": lambda left, right: order(left) <= order(right),
    ">": lambda left, right: order(left) > order(right),
    ">=": lambda left, right: order(left) >= order(right),
    "+": add,
    "-": _subtract,
    "*": _multiply,
    "/": _divide,
    "%": _modulo,
}
