"""How arguments, functions and fields get their values while a template runs.

Source of the rules: Go's `text/template/exec.go` (evalCall, evalField, walkRange).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .calls import ANY, RAW, Frame, Function
from .nodes import Bool, Nil, Node, Number, String
from .values import (
    INVALID,
    MethodList,
    Methods,
    StringMap,
    Struct,
    is_true,
    quoted,
    shown,
    type_name,
    zero_of,
)

Expression = Callable[[Frame, Any], Any]
Argument = tuple[Node, Expression | None]
"""A node and how it gets its value; None for a literal, whose value depends on the parameter's type."""
MISSING = object()
"""In place of the value of the command before, when there is none."""


def constant(node: Number | String | Bool) -> Any:
    if isinstance(node, Number):
        return node.real if node.is_float or node.integer is None else node.integer
    return node.text if isinstance(node, String) else node.value


def _arguments(frame: Frame, dot: Any, function: Function, arguments: list[Argument], final: Any) -> list[Any]:
    values = []
    free = function.free
    params = function.params
    for place, (node, expression) in enumerate(arguments):
        frame.node = node
        wanted = params[place] if place < len(params) else params[-1]
        if expression is not None:
            value = expression(frame, dot)
            if not free or (value is INVALID and wanted == ANY):
                value = frame.fitted(value, wanted)
        elif isinstance(node, Nil):
            value = frame.nil(wanted)
        elif wanted in (ANY, RAW):
            assert isinstance(node, (Number, String, Bool))
            value = constant(node)
        else:
            value = frame.literal(node, wanted)
        values.append(value)
    if final is not MISSING:
        values.append(frame.fitted(final, function.param(len(values))))
    return values


def function_call(name: str, node: Node, about: Node, arguments: list[Argument]) -> Callable[[Frame, Any, Any], Any]:
    if name in ("and", "or"):
        return _logic(name, node, arguments)
    given = len(arguments)

    def call(frame: Frame, dot: Any, final: Any) -> Any:
        frame.node = node
        function = frame.run.functions.get(name)
        if function is None:
            frame.fail(f"{quoted(name)} is not a defined function")
        frame.check_count(function, name, given, final is not MISSING)
        values = _arguments(frame, dot, function, arguments, final)
        if name == "call":
            values.insert(0, str(arguments[0][0]) if arguments else shown(final))
        return frame.invoke(function, name, values, about)

    return call


def _logic(name: str, node: Node, arguments: list[Argument]) -> Callable[[Frame, Any, Any], Any]:
    stops_on = name == "or"
    given = len(arguments)

    def decide(frame: Frame, dot: Any, final: Any) -> Any:
        frame.node = node
        if given + (final is not MISSING) < 1:
            frame.fail(f"wrong number of args for {name}: want at least 1 got {given}")
        value: Any = INVALID
        for operand, expression in arguments:
            frame.node = operand
            if expression is not None:
                value = expression(frame, dot)
            elif isinstance(operand, Nil):
                value = INVALID
            else:
                assert isinstance(operand, (Number, String, Bool))
                value = constant(operand)
            if is_true(value) == stops_on:
                return value
        return value if final is MISSING else final

    return decide


def field_of(
    frame: Frame,
    dot: Any,
    receiver: Any,
    name: str,
    node: Node,
    arguments: list[Argument],
    final: Any,
    boxed: bool,
) -> Any:
    """A field, map entry or method of a value; `boxed`: the value came out of a container."""
    if receiver is INVALID:
        if frame.run.missing == "error":
            frame.fail(f"nil data; no entry for key {quoted(name)}")
        return INVALID
    if receiver is None:
        frame.fail(f"nil pointer evaluating interface {{}}.{name}")
    has_arguments = bool(arguments) or final is not MISSING
    if isinstance(receiver, (Struct, Methods, MethodList)):
        method = receiver.methods.get(name)
        if method is not None:
            assert isinstance(method, Function)
            frame.check_count(method, name, len(arguments), final is not MISSING)
            return frame.invoke(method, name, _arguments(frame, dot, method, arguments, final), node)
    if isinstance(receiver, Struct):
        if name in receiver.fields:
            if has_arguments:
                frame.fail(f"{name} has arguments but cannot be invoked as function")
            return receiver.fields[name]
    elif isinstance(receiver, dict):
        if has_arguments:
            frame.fail(f"{name} is not a method but has arguments")
        if name in receiver:
            return receiver[name]
        if frame.run.missing == "error":
            frame.fail(f"map has no entry for key {quoted(name)}")
        return zero_of(receiver) if frame.run.missing == "zero" else INVALID
    kind = "interface {}" if boxed and not isinstance(receiver, StringMap) else type_name(receiver)
    return frame.fail(f"can't evaluate field {name} in type {kind}")


def entries(frame: Frame, value: Any, variables: int) -> Any:
    """Pairs of key and element that a range goes through, maps in order of their keys."""
    if value is INVALID or value is None:
        return ()
    if isinstance(value, dict):
        return [(key, value[key]) for key in sorted(value)]
    if isinstance(value, (list, tuple, bytes)):
        return enumerate(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if variables > 1:
            frame.fail(f"can't use {value} to iterate over more than one variable")
        return ((INVALID, type(value)(one)) for one in range(value))
    return frame.fail(f"range can't iterate over {shown(value)}")
