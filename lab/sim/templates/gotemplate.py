"""Go templates: parse a source once, run it often, with functions given per use and limits on what a run may cost.

Used by Helm charts (`lab.sim.render.helm`) and by ApplicationSets (`lab.sim.templates.render_tree`). Grammar,
evaluation and messages are Go's `text/template`, in `lexer`, `parser`, `compiler` and `builtins`. Sprig's functions
come from the library gotpl, behind `sprig`, the only module that imports it. gotpl's own interpreter is not used: it
knows neither the difference between a missing value and a nil, on which Go's failures rest, nor the node an error is
about, which every message of Argo CD and Helm shows.

What remains different from Go: complex numbers and channels are refused; `nil` maps and empty ones are one; the text
of panics inside functions is not Go's; a parse error of Go may name more than the first place.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .calls import BudgetExceeded, ExecutionError, Function
from .compiler import Program
from .parser import ParseError, parse

__all__ = [
    "Budget",
    "BudgetExceeded",
    "ExecutionError",
    "Function",
    "ParseError",
    "Run",
    "TemplateSet",
    "missing_key",
]

_CACHE_SIZE = 4096
_RECURSION_LIMIT = 20_000
_parsed: OrderedDict[tuple[str, str, frozenset[str]], list[Program]] = OrderedDict()


@dataclass(frozen=True, slots=True)
class Budget:
    """What one rendering may cost: actions run, seconds of the machine's clock, characters written."""

    steps: int = 2_000_000
    seconds: float = 30.0
    characters: int = 64 * 1024 * 1024
    depth: int = 250
    """How deep `template` and Helm's `include` may nest."""


class Meter:
    """What is left of a budget."""

    __slots__ = ("_deadline", "_steps", "budget", "left")

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.left = budget.characters
        self._steps = 0
        self._deadline = time.monotonic() + budget.seconds

    def spend(self) -> None:
        """Count one action. Raises BudgetExceeded."""
        self._steps += 1
        if self.left < 0:
            raise BudgetExceeded(f"template output is larger than {self.budget.characters} characters")
        if self._steps & 255:
            return
        if self._steps > self.budget.steps:
            raise BudgetExceeded(f"template execution took more than {self.budget.steps} steps")
        if time.monotonic() > self._deadline:
            raise BudgetExceeded(f"template execution took longer than {self.budget.seconds:g} seconds")


class Run:
    """One rendering: templates, functions and options, and what is left of the budget."""

    __slots__ = ("functions", "max_depth", "meter", "missing", "templates")

    def __init__(
        self,
        templates: Mapping[str, Program],
        functions: Mapping[str, Function],
        missing: str = "default",
        budget: Budget | None = None,
    ) -> None:
        """`missing`: what a map gives for a key it lacks, `default`, `zero` or `error`."""
        self.templates = templates
        self.functions = functions
        self.missing = missing
        self.meter = Meter(budget or Budget())
        self.max_depth = self.meter.budget.depth

    def within(self, templates: Mapping[str, Program], functions: Mapping[str, Function]) -> Run:
        """A run with other templates and functions that draws on the same budget."""
        made = Run(templates, functions, self.missing, self.meter.budget)
        made.meter = self.meter
        return made

    def execute(self, name: str, data: Any, depth: int = 0) -> str:
        """The text a template writes for `data`. Raises ExecutionError."""
        program = self.templates.get(name)
        if program is None:
            raise ExecutionError(f'template: no template "{name}" associated with template "gotpl"')
        written: list[str] = []
        with _deep():
            try:
                program.execute(self, data, written.append, depth)
            except RecursionError:
                raise BudgetExceeded("templates are nested too deeply") from None
        self.meter.spend()
        return "".join(written)


class _deep:  # noqa: N801  # a context manager, used as a function
    """Lets Python nest as deep as templates may, in whichever threads render."""

    _guard = threading.Lock()
    _users = 0
    _before = 0

    def __enter__(self) -> None:
        with _deep._guard:
            if not _deep._users:
                _deep._before = sys.getrecursionlimit()
                sys.setrecursionlimit(max(_deep._before, _RECURSION_LIMIT))
            _deep._users += 1

    def __exit__(self, *_: object) -> None:
        with _deep._guard:
            _deep._users -= 1
            if not _deep._users:
                sys.setrecursionlimit(_deep._before)


class TemplateSet:
    """Templates that know each other by name, as one Go `template.Template` and its associates."""

    def __init__(self, templates: Mapping[str, Program] | None = None) -> None:
        self.templates = dict(templates or {})

    def add(self, name: str, source: str, functions: Iterable[str]) -> None:
        """Parse a source under a name, with all it defines; later ones replace earlier ones unless they are blank.

        Raises ParseError.
        """
        for program in programs(name, source, frozenset(functions)):
            if not program.tree.is_blank or program.tree.name not in self.templates:
                self.templates[program.tree.name] = program

    def copy(self) -> TemplateSet:
        """A set of its own with the same templates."""
        return TemplateSet(self.templates)


def programs(name: str, source: str, functions: frozenset[str]) -> list[Program]:
    """All templates of a source, compiled; remembered by name, text and functions. Raises ParseError."""
    key = (name, source, functions)
    found = _parsed.get(key)
    if found is None:
        with _deep():
            found = [Program(tree) for tree in parse(name, source, functions)]
        _parsed[key] = found
        if len(_parsed) > _CACHE_SIZE:
            _parsed.popitem(last=False)
    else:
        # Another thread may have let it go meanwhile.
        with contextlib.suppress(KeyError):
            _parsed.move_to_end(key)
    return found


def missing_key(options: Iterable[str]) -> str:
    """The last `missingkey` of Go template options. Raises ValueError with Go's text for any other option."""
    found = "default"
    for option in options:
        if not option:
            raise ValueError("empty option string")
        key, _, value = option.partition("=")
        if key == "missingkey" and value in ("invalid", "default", "zero", "error"):
            found = "default" if value == "invalid" else value
        else:
            raise ValueError(f"unrecognized option: {option}")
    return found
