"""Renders the template of an ApplicationSet: every text and every key of a tree on its own.

Source: Argo CD 3.6 `applicationset/utils/utils.go` (RenderTemplateParams, deeplyReplace, Replace).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from lab.sim.objects import Object

from . import applicationset, fasttemplate
from .calls import ExecutionError, Function
from .gotemplate import Budget, ParseError, Run, TemplateSet, missing_key

RESOURCES_FINALIZER = "resources-finalizer.argocd.argoproj.io"
_RAW = frozenset({"valuesObject"})
"""Fields of free JSON, in which Argo CD words failures in another way."""


class TemplateFailure(Exception):
    """A template that cannot be rendered; the text is Argo CD's."""


class MissingKey(TemplateFailure):
    """A strict template asks for what is not there."""


class Renderer(Protocol):
    """One of the two languages, with the options of one ApplicationSet."""

    @property
    def go_template(self) -> bool:
        """Whether parameters keep their shape, or are flat texts."""

    def render_string(self, text: str, params: Mapping[str, Any]) -> str:
        """One text. Raises TemplateFailure."""

    def render_tree(self, obj: Any, params: Mapping[str, Any]) -> Any:
        """A copy with every text and key rendered; keys without a value are left out. Raises TemplateFailure."""

    def strict(self) -> Renderer:
        """The same, but raising MissingKey for a missing key."""


@dataclass(frozen=True, slots=True)
class FastRenderer:
    """`{{ key }}` of ApplicationSets without `goTemplate`."""

    go_template: bool = field(default=False, init=False)

    def render_string(self, text: str, params: Mapping[str, Any]) -> str:
        """One text; unknown keys stay as they are. Raises TemplateFailure."""
        try:
            return fasttemplate.replace(text, params)
        except fasttemplate.BadTemplate as error:
            raise TemplateFailure(str(error)) from None

    def render_tree(self, obj: Any, params: Mapping[str, Any]) -> Any:
        """See `Renderer.render_tree`."""
        return _tree(self.render_string, obj, params)

    def strict(self) -> FastRenderer:
        """Itself: an unknown key is never an error."""
        return self


class GoRenderer:
    """Go templates, with `goTemplateOptions`."""

    go_template = True

    def __init__(
        self,
        options: Iterable[str] = (),
        *,
        now: Callable[[], float] = time.time,
        seed: str = "",
        budget: Budget | None = None,
    ) -> None:
        """`now`: seconds since 1970; `seed`: what functions of chance depend on, e.g. the set's name.

        Raises TemplateFailure for an option Go does not know.
        """
        try:
            self._missing = missing_key(options)
        except ValueError as error:
            raise TemplateFailure(str(error)) from None
        self._functions: dict[str, Function] = applicationset.functions(now, seed)
        self._known = frozenset(self._functions)
        self._budget = budget or Budget()

    def render_string(self, text: str, params: Mapping[str, Any]) -> str:
        """One text. Raises TemplateFailure, MissingKey if it is a field or entry that is missing."""
        if "{{" not in text:
            return text
        templates = TemplateSet()
        try:
            templates.add(applicationset.NAME, text, self._known)
        except ParseError as error:
            raise TemplateFailure(f"failed to parse template {text}: {error}") from None
        if applicationset.NAME not in templates.templates:
            return ""
        run = Run(templates.templates, self._functions, self._missing, self._budget)
        if "tpl" in text:
            run = applicationset.with_tpl(run, self._known)
        try:
            return run.execute(applicationset.NAME, params)
        except ExecutionError as error:
            message = f"failed to execute go template {text}: {error}"
            if "map has no entry for key" in message or "can't evaluate field" in message:
                raise MissingKey(message) from None
            raise TemplateFailure(message) from None

    def render_tree(self, obj: Any, params: Mapping[str, Any]) -> Any:
        """See `Renderer.render_tree`."""
        return _tree(self.render_string, obj, params)

    def strict(self) -> GoRenderer:
        """The same with `missingkey=error`."""
        made = object.__new__(GoRenderer)
        made._missing = "error"
        made._functions, made._known, made._budget = self._functions, self._known, self._budget
        return made


def _tree(render: Callable[[str, Mapping[str, Any]], str], obj: Any, params: Mapping[str, Any]) -> Any:
    if isinstance(obj, str):
        return render(obj, params)
    if isinstance(obj, dict):
        made = {}
        for key, value in obj.items():
            if value is None:
                continue
            if key in _RAW:
                try:
                    rendered = _tree(render, value, params)
                except TemplateFailure as error:
                    raise type(error)(f"failed to deeply replace JSON field contents: {error}") from None
            else:
                rendered = _tree(render, value, params)
            made[render(key, params)] = rendered
        return made
    if isinstance(obj, list):
        return [_tree(render, one, params) for one in obj]
    return obj


def render_application(
    template: Object, params: Mapping[str, Any], renderer: Renderer, *, keeps_resources: bool = False
) -> Object:
    """An Application from a set's template and one set of parameters; without parameters the template as it is.

    It gets Argo CD's finalizer if it has none, unless `keeps_resources` (`preserveResourcesOnDeletion`). Raises
    TemplateFailure.
    """
    if not params:
        return template
    made: Object = renderer.render_tree(template, params)
    metadata = made.get("metadata") or {}
    if not keeps_resources and not metadata.get("finalizers"):
        made["metadata"] = {**metadata, "finalizers": [RESOURCES_FINALIZER]}
    return made
