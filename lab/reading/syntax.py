"""What libyaml says about a text that is not YAML, in calm words and at the place a person must look."""

from typing import Any

import yaml

_HINTS = (
    ("tab character", "a tab cannot indent; use spaces"),
    ("mapping values are not allowed", "':' cannot stand here; put the text in quotes, or correct the indentation"),
    ("block sequence entries are not allowed", "a list cannot start here; put each '-' on a line of its own"),
    ("unknown escape character", "this escape is unknown; write \\\\ for a backslash, or use single quotes"),
    ("expected comment or line break", "the text of '|' or '>' starts on the next line"),
    ("expected <document start>", "'---' must stand between the directives and the document"),
    ("duplicate %YAML directive", "%YAML is given twice"),
)


def syntax_problem(error: yaml.YAMLError, text: str) -> tuple[Any, str]:
    """The mark to look at, None when libyaml gives none, and what is wrong there."""
    mark = getattr(error, "problem_mark", None)
    opened = getattr(error, "context_mark", None)
    problem = str(getattr(error, "problem", None) or "it cannot be read")
    if mark is None:
        return opened, problem
    found = text[mark.index : mark.index + 1]
    if opened is not None and "end of stream" in problem and "quoted scalar" in str(getattr(error, "context", "")):
        return opened, "the quote that opens here is not closed"
    if opened is not None and "could not find expected ':'" in problem:
        return opened, "a key must be followed by ':'"
    if opened is not None and "',' or" in problem:
        return mark, f"expected ',' or '{problem[-2]}' to go with the '{text[opened.index]}' before"
    if "cannot start any token" in problem:
        return mark, "a tab cannot indent; use spaces" if found == "\t" else _cannot_start(found)
    if "expected node content" in problem:
        return mark, _cannot_start(found) if found.strip() else "a value is missing"
    if "undefined alias" in problem:
        return mark, "this alias stands for nothing; its anchor must come before it"
    if "expected key" in problem or "expected '-' indicator" in problem:
        return mark, _stray(mark, text)
    return mark, next((hint for sign, hint in _HINTS if sign in problem), problem)


def _cannot_start(found: str) -> str:
    return f"a value cannot start with {found}; put it in quotes"


def _stray(mark: Any, text: str) -> str:
    if text[: mark.index].rpartition("\n")[2].strip():
        return "this does not belong to what stands before it; put the whole value in quotes"
    return "this line does not belong to what stands above it; correct the indentation"
