"""What pydantic says about a document, in calm words and at the place a person must look."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from lab.reading.marks import Document
from lab.reading.problems import KeyPath, Report, did_you_mean, listed, nearest, quoted

Model = TypeVar("Model", bound=BaseModel)


def validate(document: Document, model: type[Model], report: Report) -> Model | None:
    """The document as a model, or None after saying everything that is wrong with it."""
    try:
        return model.model_validate(document.data, by_alias=True, by_name=False)
    except ValidationError as error:
        _explain(error.errors(include_url=False), document, model, report)
        return None


def _explain(errors: list[ErrorDetails], document: Document, model: type[BaseModel], report: Report) -> None:
    meant: set[KeyPath] = set()
    for error in errors:
        path = error["loc"]
        if error["type"] != "extra_forbidden":
            continue
        known = keys_at(model, path[:-1])
        given = value_at(document.data, path[:-1])
        free = [key for key in known if key not in given]
        best = nearest(str(path[-1]), free)
        if best is not None:
            meant.add((*path[:-1], best))
            advice = f"did you mean {best}?"
        else:
            advice = f"the keys here are {listed(known, 'and', 20)}"
        report.add(document.place(path, key=True), path, f"is not a key of this format; {advice}")
    for error in errors:
        path = error["loc"]
        if error["type"] == "extra_forbidden" or report.has(path):
            continue
        # A misspelt key is one mistake: the required key it was meant to be is not reported as well.
        if error["type"] == "missing" and path in meant:
            continue
        # pydantic counts the valid entries only; the others are reported themselves.
        if error["type"] == "too_short" and value_at(document.data, path):
            continue
        report.add(document.place(path), path, _say(error, document, model))


def _say(error: ErrorDetails, document: Document, model: type[BaseModel]) -> str:
    path, kind, context = error["loc"], error["type"], error.get("ctx") or {}
    annotation = annotation_at(model, path)
    wanted = phrase(annotation)
    value = value_at(document.data, path)
    found = _found(value, document.source(path))
    if kind == "missing":
        return f"must be given: {wanted}"
    if kind == "value_error":
        text = str(context["error"])
        return text if "found" in text else f"{text}, found {found}"
    if kind == "literal_error":
        near = did_you_mean(value, map(str, _literals(annotation)), 0.5) if isinstance(value, str) else ""
        return f"must be {wanted}, found {found}{near}"
    if kind == "too_short":
        return f"must have at least {context['min_length']} entry, found none"
    if kind == "greater_than_equal":
        return f"must be at least {context['ge']}, found {found}"
    if kind == "less_than_equal":
        return f"must be at most {context['le']}, found {found}"
    if kind.endswith(("_type", "_from_float")):
        return f"must be {wanted}, found {found}{_advice(wanted, value, document.source(path))}"
    return f"must be {wanted}, found {found}: {error['msg'].lower()}"


def _advice(wanted: str, value: Any, source: str) -> str:
    if wanted == "text" and isinstance(value, bool | int | float):
        return f"; put it in quotes: {quoted(source)}"
    if wanted == "a list" and isinstance(value, str):
        return "; put it in brackets: [...]"
    if wanted in ("a whole number", "true or false") and isinstance(value, str):
        return "; leave out the quotes" if value.isdigit() or value in ("true", "false") else ""
    return ""


def _found(value: Any, source: str) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {source}"
    if isinstance(value, str):
        return quoted(value)
    return "a list" if isinstance(value, list) else "a mapping"


def value_at(data: Any, path: KeyPath) -> Any:
    """The value at a path of plain data; None where there is none."""
    for part in path:
        try:
            data = data[part]
        except (LookupError, TypeError):
            return None
    return data


def phrase(annotation: Any) -> str:
    """What a value of this type is called, e.g. `management or workload`, `text`, `a list`."""
    literals = _literals(annotation)
    if literals:
        return listed(map(str, literals))
    plain = _strip(annotation)
    if plain in _PHRASES:
        return _PHRASES[plain]
    if get_origin(plain) in (tuple, list):
        return "a list"
    return "a mapping"


_PHRASES: dict[Any, str] = {str: "text", int: "a whole number", bool: "true or false", Any: "a value"}


def keys_at(model: type[BaseModel], path: KeyPath) -> Mapping[str, FieldInfo]:
    """The keys a mapping at this path may have, as they are written in files."""
    found = annotation_at(model, path)
    if isinstance(found, type) and issubclass(found, BaseModel):
        return {field.alias or name: field for name, field in found.model_fields.items()}
    return {}


def annotation_at(model: type[BaseModel], path: KeyPath) -> Any:
    """The type of the value at a path, without Annotated and `| None`."""
    found: Any = model
    for part in path:
        if isinstance(part, int):
            found = next(iter(get_args(found)), Any)
        elif isinstance(found, type) and issubclass(found, BaseModel):
            field = {field.alias or name: field for name, field in found.model_fields.items()}.get(part)
            found = Any if field is None else field.annotation
        else:
            found = next(iter(get_args(found)[1:]), Any)
        found = _strip(found)
    return found


def _strip(annotation: Any) -> Any:
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif type(None) in get_args(annotation):
            annotation = next(arg for arg in get_args(annotation) if arg is not type(None))
        else:
            return annotation


def _literals(annotation: Any) -> tuple[Any, ...]:
    plain = _strip(annotation)
    return get_args(plain) if get_origin(plain) is Literal else ()
