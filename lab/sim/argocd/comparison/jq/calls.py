"""Calls of jq's functions: of those of values, and of those that keep to places in the document or take expressions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from lab.sim.argocd.comparison.jq.functions import FUNCTIONS, entries, from_entries, wrong
from lab.sim.argocd.comparison.jq.nodes import values
from lab.sim.argocd.comparison.jq.paths import each, indexed, without
from lab.sim.argocd.comparison.jq.values import (
    Environment,
    Evaluate,
    JqError,
    Path,
    Place,
    Result,
    order,
    shown,
    truth,
    type_of,
)


def called(name: str, arguments: Sequence[Evaluate]) -> Evaluate:
    """A call. Raises JqError for a function that is not known."""
    arity = len(arguments)
    plain = FUNCTIONS.get((name, arity))
    if plain is not None:
        return _of_values(plain, arguments)
    maker = _MAKERS.get((name, arity))
    if maker is None:
        raise JqError(f"function not defined in the simulator's jq: {name}/{arity}")
    return maker(*arguments)


def _of_values(function: Callable[..., Any], arguments: Sequence[Evaluate]) -> Evaluate:
    def evaluate(place: Place, value: Any, environment: Environment) -> Result:
        for given in _products([values(one, value, environment) for one in arguments]):
            environment.step()
            yield (None if place is None else False), function(value, *given)

    return evaluate


def _products(parts: list[list[Any]]) -> Iterator[list[Any]]:
    if not parts:
        yield []
        return
    for rest in _products(parts[1:]):
        for one in parts[0]:
            yield [one, *rest]


def _empty() -> Evaluate:
    def evaluate(_place: Place, _value: Any, _environment: Environment) -> Result:
        yield from ()

    return evaluate


def _select(test: Evaluate) -> Evaluate:
    def evaluate(place: Place, value: Any, environment: Environment) -> Result:
        for one in values(test, value, environment):
            if truth(one):
                yield place, value

    return evaluate


def _of_type(*kinds: str) -> Callable[[], Evaluate]:
    def maker() -> Evaluate:
        def evaluate(place: Place, value: Any, _: Environment) -> Result:
            if type_of(value) in kinds:
                yield place, value

        return evaluate

    return maker


def _all_below(place: Place, value: Any, environment: Environment) -> Result:
    environment.step()
    yield place, value
    if isinstance(value, list | dict):
        for where, one in each(place, value):
            yield from _all_below(where, one, environment)


def _recurse(step: Evaluate) -> Evaluate:
    def evaluate(place: Place, value: Any, environment: Environment) -> Result:
        todo: list[Result] = [iter([(place, value)])]
        while todo:
            found = next(todo[-1], None)
            if found is None:
                todo.pop()
                continue
            environment.step()
            yield found
            todo.append(step(*found, environment))

    return evaluate


def _first(of: Evaluate) -> Evaluate:
    def evaluate(place: Place, value: Any, environment: Environment) -> Result:
        found = next(of(place, value, environment), None)
        if found is not None:
            yield found

    return evaluate


def _last(of: Evaluate) -> Evaluate:
    def evaluate(place: Place, value: Any, environment: Environment) -> Result:
        yield from list(of(place, value, environment))[-1:]

    return evaluate


def _item(number: int) -> Callable[[], Evaluate]:
    def maker() -> Evaluate:
        def evaluate(place: Place, value: Any, _: Environment) -> Result:
            yield indexed(place, value, number)

        return evaluate

    return maker


def _limit(count: Evaluate, of: Evaluate) -> Evaluate:
    def evaluate(place: Place, value: Any, environment: Environment) -> Result:
        for most in values(count, value, environment):
            left = int(most)
            for found in of(place, value, environment):
                if left <= 0:
                    break
                left -= 1
                yield found
                if left <= 0:
                    break

    return evaluate


def _getpath(path: Evaluate) -> Evaluate:
    def evaluate(place: Place, value: Any, environment: Environment) -> Result:
        for steps in values(path, value, environment):
            if not isinstance(steps, list):
                raise wrong("getpath", steps)
            where, one = place, value
            for step in steps:
                where, one = indexed(where, one, step)
            yield where, one

    return evaluate


def _made(work: Callable[[Any, Environment], Any]) -> Evaluate:
    def evaluate(place: Place, value: Any, environment: Environment) -> Result:
        environment.step()
        yield (None if place is None else False), work(value, environment)

    return evaluate


def _map(of: Evaluate) -> Evaluate:
    return _made(
        lambda value, environment: [found for _, one in each(None, value) for found in values(of, one, environment)]
    )


def _map_values(of: Evaluate) -> Evaluate:
    def work(value: Any, environment: Environment) -> Any:
        if isinstance(value, dict):
            found = {key: values(of, one, environment)[:1] for key, one in value.items()}
            return {key: one[0] for key, one in found.items() if one}
        return [found for _, one in each(None, value) for found in values(of, one, environment)[:1]]

    return _made(work)


def _with_entries(of: Evaluate) -> Evaluate:
    return _made(
        lambda value, environment: from_entries(
            [found for one in entries(value) for found in values(of, one, environment)]
        )
    )


def _any(of: Evaluate) -> Evaluate:
    return _made(lambda value, env: any(truth(one) for _, item in each(None, value) for one in values(of, item, env)))


def _all(of: Evaluate) -> Evaluate:
    return _made(lambda value, env: all(truth(one) for _, item in each(None, value) for one in values(of, item, env)))


def _any_of(source: Evaluate, of: Evaluate) -> Evaluate:
    return _made(lambda value, env: any(truth(x) for item in values(source, value, env) for x in values(of, item, env)))


def _all_of(source: Evaluate, of: Evaluate) -> Evaluate:
    return _made(lambda value, env: all(truth(x) for item in values(source, value, env) for x in values(of, item, env)))


def _among(source: Evaluate) -> Evaluate:
    return _made(lambda value, env: any(order(one) == order(value) for one in values(source, value, env)))


def _sort_by(of: Evaluate) -> Evaluate:
    def work(value: Any, environment: Environment) -> Any:
        if not isinstance(value, list):
            raise wrong("sort_by", value)
        return sorted(value, key=lambda item: [order(one) for one in values(of, item, environment)])

    return _made(work)


def _places(of: Evaluate, value: Any, environment: Environment) -> list[Path]:
    found: list[Path] = []
    for place, one in of((), value, environment):
        if place is None or place is False:
            raise JqError(f"invalid path against: {shown(one)}")
        found.append(place)
    return found


def _path(of: Evaluate) -> Evaluate:
    def evaluate(place: Place, value: Any, environment: Environment) -> Result:
        for found in _places(of, value, environment):
            yield (None if place is None else False), list(found)

    return evaluate


def _del(of: Evaluate) -> Evaluate:
    return _made(lambda value, environment: without(value, _places(of, value, environment)))


_SCALARS = ("null", "boolean", "number", "string")
_MAKERS: dict[tuple[str, int], Callable[..., Evaluate]] = {
    ("empty", 0): _empty,
    ("select", 1): _select,
    ("recurse", 0): lambda: _all_below,
    ("recurse", 1): _recurse,
    ("first", 0): _item(0),
    ("last", 0): _item(-1),
    ("first", 1): _first,
    ("last", 1): _last,
    ("limit", 2): _limit,
    ("getpath", 1): _getpath,
    ("map", 1): _map,
    ("map_values", 1): _map_values,
    ("with_entries", 1): _with_entries,
    ("any", 1): _any,
    ("all", 1): _all,
    ("any", 2): _any_of,
    ("all", 2): _all_of,
    ("IN", 1): _among,
    ("sort_by", 1): _sort_by,
    ("path", 1): _path,
    ("del", 1): _del,
    ("nulls", 0): _of_type("null"),
    ("booleans", 0): _of_type("boolean"),
    ("numbers", 0): _of_type("number"),
    ("strings", 0): _of_type("string"),
    ("arrays", 0): _of_type("array"),
    ("objects", 0): _of_type("object"),
    ("iterables", 0): _of_type("array", "object"),
    ("scalars", 0): _of_type(*_SCALARS),
    ("values", 0): _of_type("boolean", "number", "string", "array", "object"),
}
