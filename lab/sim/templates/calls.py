"""Functions that templates call, their Go signatures, and Go's rules about which argument fits which parameter.

Source of rules and wording: Go's `text/template/exec.go` (evalCall, evalArg, validateType).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from .nodes import Bool, Node, Number, Pipe, String, Tree
from .values import (
    INVALID,
    LARGEST,
    BytesMap,
    Int64,
    IntList,
    Methods,
    StringList,
    StringMap,
    TooLarge,
    quoted,
    type_name,
)

ANY = "interface {}"
RAW = "reflect.Value"
"""A parameter that is given values as they are, also `INVALID`."""


class ExecutionError(Exception):
    """A template that fails while it runs, worded as Go does: `template: FILE:LINE:COLUMN: executing …`."""

    def __init__(self, message: str, cause: Exception | None = None) -> None:
        """`cause`: what a function raised, if that was it."""
        super().__init__(message)
        self.cause = cause


class BudgetExceeded(ExecutionError):
    """A template that took more steps, time or output than it may."""


class Function:
    """A function with its Go parameters.

    `call` is given plain Python values, None for nil. Whatever exception it raises becomes
    `error calling NAME: TEXT`.
    """

    __slots__ = ("call", "fixed", "free", "params", "result", "variadic")

    def __init__(self, signature: str, call: Callable[..., Any]) -> None:
        """`signature`: parameters and result in Go's words, e.g. `(string, ...any) string`."""
        inner, _, result = signature.strip().removeprefix("(").partition(")")
        params = [one.strip() for one in inner.split(",") if one.strip()]
        self.variadic = bool(params) and params[-1].startswith("...")
        self.params = [one.removeprefix("...").replace("any", ANY) for one in params]
        self.fixed = len(params) - self.variadic
        self.free = all(one in (ANY, RAW) for one in self.params)
        self.result = result.strip()
        self.call = call

    def param(self, index: int) -> str:
        """The type of the argument at a place, counting from 0."""
        return self.params[index] if index < len(self.params) else self.params[-1]


_CLASSES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "bool": bool,
    "float64": float,
    "map[string]interface {}": dict,
    "map[string]string": StringMap,
    "[]interface {}": (list, tuple),
    "[]string": StringList,
    "[]uint8": bytes,
}
_NOT: dict[str, tuple[type, ...]] = {
    "map[string]interface {}": (StringMap, BytesMap, Methods),
    "[]interface {}": (StringList, IntList),
}
_NIL: dict[str, Callable[[], Any]] = {
    ANY: lambda: None,
    RAW: lambda: INVALID,
    "map[string]interface {}": dict,
    "map[string]string": StringMap,
    "[]interface {}": list,
    "[]string": StringList,
    "[]uint8": bytes,
}


class Frame:
    """One run of one template: its variables, where it writes, and where it stands."""

    __slots__ = ("depth", "meter", "node", "run", "tree", "variables", "write")

    def __init__(self, run: Any, tree: Tree, slots: int, dot: Any, write: Callable[[str], Any], depth: int) -> None:
        self.run = run
        self.meter = run.meter
        self.tree = tree
        self.variables = [dot] + [INVALID] * slots
        self.write = write
        self.depth = depth
        self.node: Node | None = None

    def fail(self, message: str, cause: Exception | None = None) -> NoReturn:
        """Raise ExecutionError about the node this frame stands at."""
        if self.node is None:
            raise ExecutionError(f"template: {self.tree.name}: {message}", cause)
        place = self.tree.place(self.node)
        raise ExecutionError(
            f"template: {place}: executing {quoted(self.tree.name)} at <{self.node}>: {message}", cause
        )

    def fitted(self, value: Any, wanted: str) -> Any:
        """A value as an argument of type `wanted`; fails if it is of another type."""
        if wanted == ANY:
            return None if value is INVALID else value
        if wanted == RAW:
            return value
        if value is INVALID:
            if wanted in _NIL:
                return _NIL[wanted]()
            self.fail(f"invalid value; expected {wanted}")
        if wanted == "int":
            fits = type(value) is int
        elif wanted == "int64":
            fits = type(value) is Int64
        elif wanted in _CLASSES:
            fits = isinstance(value, _CLASSES[wanted]) and not isinstance(value, _NOT.get(wanted, ()))
        else:
            fits = type_name(value) == wanted
        if not fits:
            self.fail(f"wrong type for value; expected {wanted}; got {type_name(value)}")
        return value

    def literal(self, node: Node, wanted: str) -> Any:
        """What a literal is as an argument of type `wanted`."""
        self.node = node
        if wanted == "string":
            if isinstance(node, String):
                return node.text
            self.fail(f"expected string; found {node}")
        if wanted == "bool":
            if isinstance(node, Bool):
                return node.value
            self.fail(f"expected bool; found {node}")
        if wanted in ("int", "int64"):
            if isinstance(node, Number) and node.integer is not None:
                return node.integer if wanted == "int" else Int64(node.integer)
            self.fail(f"expected integer; found {node}")
        if wanted.startswith("uint"):
            if isinstance(node, Number) and node.integer is not None and node.integer >= 0:
                return node.integer
            self.fail(f"expected unsigned integer; found {node}")
        if wanted == "float64":
            if isinstance(node, Number):
                return node.real
            self.fail(f"expected float; found {node}")
        return self.fail(f"can't handle {node} for arg of type {wanted}")

    def nil(self, wanted: str) -> Any:
        """What `nil` is as an argument of type `wanted`."""
        if wanted in _NIL:
            return _NIL[wanted]()
        return self.fail(f"cannot assign nil to {wanted}")

    def invoke(self, function: Function, name: str, arguments: list[Any], node: Node) -> Any:
        """Call with fitted arguments; `node` is what an error is about."""
        try:
            made = function.call(*arguments)
            if isinstance(made, (str, list)) and len(made) > LARGEST:
                raise TooLarge(f"result is longer than {LARGEST} characters")
            return made
        except BudgetExceeded:
            raise
        except RecursionError:
            raise BudgetExceeded(f"error calling {name}: templates are nested too deeply") from None
        except Exception as error:
            self.node = node
            return self.fail(f"error calling {name}: {error}", error)

    def check_count(self, function: Function, name: str, given: int, piped: bool) -> None:
        """Fail if a function cannot take so many arguments; the piped one comes on top of `given`."""
        total = given + piped
        if function.variadic:
            if total < function.fixed:
                self.fail(f"wrong number of args for {name}: want at least {function.fixed} got {given}")
        elif total != function.fixed:
            self.fail(f"wrong number of args for {name}: want {function.fixed} got {total}")


def shown_argument(node: Node) -> str:
    """A node as an operand is written."""
    return f"({node})" if isinstance(node, Pipe) else str(node)
