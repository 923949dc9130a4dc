"""Refusals: every one is a `metav1.Status`, with the code, reason and text that a real API server gives.

Source of codes, reasons and wording: apimachinery `pkg/api/errors/errors.go` and `pkg/util/validation/field/errors.go`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

KIND_HINT = "this is a simulated cluster; use --provider kind for a real one"


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing wrong with an object: `metav1.StatusCause`."""

    reason: str
    """`FieldValueInvalid`, `FieldValueRequired`, `FieldManagerConflict` …"""
    message: str
    """Text without the field's path."""
    field: str
    """Path such as `spec.containers[0].name`."""

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


def invalid_value(field: str, value: Any, detail: str) -> Cause:
    """A value that breaks a rule, worded as `field.Invalid`."""
    return Cause("FieldValueInvalid", f"Invalid value: {_shown(value)}: {detail}", field)


def required(field: str, detail: str = "") -> Cause:
    """A value that is missing, worded as `field.Required`."""
    return Cause("FieldValueRequired", f"Required value: {detail}" if detail else "Required value", field)


def duplicate(field: str, value: Any) -> Cause:
    """A value that may stand only once, worded as `field.Duplicate`."""
    return Cause("FieldValueDuplicate", f"Duplicate value: {_shown(value)}", field)


def not_supported(field: str, value: Any, allowed: Iterable[str]) -> Cause:
    """A value outside its list, worded as `field.NotSupported`."""
    listed = ", ".join(f'"{one}"' for one in allowed)
    return Cause("FieldValueNotSupported", f"Unsupported value: {_shown(value)}: supported values: {listed}", field)


def forbidden_field(field: str, detail: str) -> Cause:
    """A field that may not be set or changed, worded as `field.Forbidden`."""
    return Cause("FieldValueForbidden", f"Forbidden: {detail}", field)


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return orjson.dumps(value).decode()
    if value is None:
        return "null"
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return str(value)
    return orjson.dumps(value, default=str).decode()


class ApiError(Exception):
    """A request the API server refuses.

    `code`: HTTP status; `reason`: `metav1.StatusReason`; `details`: `metav1.StatusDetails` or None.
    """

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.headers = headers or {}

    def status(self) -> dict[str, Any]:
        """The body of the answer."""
        body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            body["reason"] = self.reason
        if self.details is not None:
            body["details"] = self.details
        body["code"] = self.code
        return body


def _about(group: str, kind: str, name: str, **more: Any) -> dict[str, Any]:
    details: dict[str, Any] = {}
    if name:
        details["name"] = name
    if group:
        details["group"] = group
    if kind:
        details["kind"] = kind
    return {**details, **more}


def _qualified(group: str, plural: str) -> str:
    return f"{plural}.{group}" if group else plural


def not_found(group: str, plural: str, name: str) -> ApiError:
    """404 for an object."""
    return ApiError(404, "NotFound", f'{_qualified(group, plural)} "{name}" not found', _about(group, plural, name))


def no_such_path() -> ApiError:
    """404 for a resource or path below a group the server has."""
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


class NothingThere(ApiError):
    """404 for a path that leads to no group: answered in plain text, by which clients tell the two apart."""

    TEXT = "404 page not found\n"

    def __init__(self) -> None:
        super().__init__(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(group: str, plural: str, name: str, leaving: bool = False) -> ApiError:
    """409 for a create of something that is there. `leaving`: and whose deletion has begun."""
    text = f'{_qualified(group, plural)} "{name}" already exists'
    if leaving:
        text = f"object is being deleted: {text}"
    return ApiError(409, "AlreadyExists", text, _about(group, plural, name))


def conflict(group: str, plural: str, name: str, why: str = "") -> ApiError:
    """409 for a stale write."""
    why = why or "the object has been modified; please apply your changes to the latest version and try again"
    return ApiError(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {_qualified(group, plural)} "{name}": {why}',
        _about(group, plural, name),
    )


def apply_conflict(causes: list[Cause], message: str) -> ApiError:
    """409 for server-side apply over fields of another manager; `message` names them."""
    return ApiError(409, "Conflict", message, {"causes": _listed(causes)})


def _listed(causes: Iterable[Cause]) -> list[dict[str, str]]:
    return [{"reason": one.reason, "message": one.message, "field": one.field} for one in causes]


def invalid(group: str, kind: str, name: str, causes: list[Cause]) -> ApiError:
    """422 with every cause at once. `kind` is the kind, e.g. `Deployment`."""
    texts = list(dict.fromkeys(str(one) for one in causes))
    text = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    return ApiError(
        422,
        "Invalid",
        f"{_qualified(group, kind) if group else kind} {_shown(name)} is invalid: {text}",
        _about(group, kind, name, causes=_listed(causes)),
    )


def bad_request(message: str) -> ApiError:
    """400."""
    return ApiError(400, "BadRequest", message)


def unauthorized(message: str = "Unauthorized") -> ApiError:
    """401."""
    return ApiError(401, "Unauthorized", message)


def forbidden(group: str, plural: str, name: str, why: str) -> ApiError:
    """403 for an object; `why` follows the colon."""
    subject = f'{_qualified(group, plural)} "{name}"' if name else _qualified(group, plural)
    text = f"{subject} is forbidden: {why}" if plural else f"forbidden: {why}"
    return ApiError(403, "Forbidden", text, _about(group, plural, name))


def method_not_allowed() -> ApiError:
    """405."""
    return ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {})


def expired(message: str) -> ApiError:
    """410 for a resourceVersion or continue token that is too old."""
    return ApiError(410, "Expired", message)


def too_large(limit: int) -> ApiError:
    """413; `limit` in bytes."""
    return ApiError(413, "RequestEntityTooLarge", f"Request entity too large: limit is {limit}")


def unsupported_media(message: str) -> ApiError:
    """415."""
    return ApiError(415, "UnsupportedMediaType", message)


def not_acceptable(message: str) -> ApiError:
    """406."""
    return ApiError(406, "NotAcceptable", message)


def too_many_requests(message: str, seconds: int = 0) -> ApiError:
    """429; `seconds`: when to try again, 0 for not said."""
    details = {"retryAfterSeconds": seconds} if seconds else None
    return ApiError(429, "TooManyRequests", message, details, {"Retry-After": str(seconds)} if seconds else None)


def internal(message: str) -> ApiError:
    """500."""
    return ApiError(500, "InternalError", f"Internal error occurred: {message}", {"causes": [{"message": message}]})


def not_simulated(what: str) -> ApiError:
    """501 for something a real cluster does and this one does not: says so and names the way out."""
    return ApiError(501, "NotImplemented", f"{what} is not supported by the simulator: {KIND_HINT}")
