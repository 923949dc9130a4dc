"""What a URL asks for: the verb, the resource and the options of a list or write.

Source: apiserver `pkg/endpoints/request/requestinfo.go`, apimachinery `pkg/apis/meta/v1/types.go` (ListOptions …).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from multidict import MultiMapping

from lab.sim.api.context import IGNORE, STRICT, WARN, Context, DeleteOptions, User
from lab.sim.api.golang import kind_of
from lab.sim.api.resources import Object, Resource
from lab.sim.api.status import (
    ApiError,
    Cause,
    bad_request,
    forbidden_field,
    invalid,
    invalid_value,
    method_not_allowed,
    no_such_path,
    not_supported,
)

_METHODS = {
    "GET": "get",
    "HEAD": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NAMESPACE_PARTS = ("status", "finalize")
MANAGER_LIMIT = 128
_MOST_DIGITS = 19
_LONGEST_DURATION = 200
_STEP = r"(\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)"
_DURATION = re.compile(rf"[-+]?(0|({_STEP})+)", re.ASCII)
_PROPAGATION = ("Foreground", "Background", "Orphan")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to the resources of the cluster, or to another path when `plural` is ""."""

    verb: str
    """`get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; else the method in small."""
    path: str
    group: str = ""
    version: str = ""
    plural: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    rest: str = ""
    """What follows a `proxy` subresource."""


def parse(method: str, target: str, query: Mapping[str, str]) -> Asked:
    """What `method` on `target` (the request line's, still percent-encoded) asks for.

    Raises ApiError 400 or 404 for crooked paths.
    """
    return _parsed(method, target, query) if query else _bare(method, target)


@lru_cache(maxsize=1024)
def _bare(method: str, target: str) -> Asked:
    return _parsed(method, target, {})


def _parsed(method: str, target: str, query: Mapping[str, str]) -> Asked:
    verb = _METHODS.get(method, method.lower())
    path = _path(target)
    if path.startswith("//"):
        raise no_such_path()
    parts = path.strip("/").split("/")
    if "" in parts[1:]:
        raise no_such_path()
    if parts[0] == "api" and len(parts) >= 3:
        group, version, tail = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) >= 4:
        group, version, tail = parts[1], parts[2], parts[3:]
    else:
        return Asked(verb, path)
    if tail[0] == "watch" and len(tail) > 1:
        tail = tail[1:]
        query = {**query, "watch": "true"}
    namespace = ""
    if tail[0] == "namespaces" and len(tail) > 2 and not (len(tail) == 3 and tail[2] in _NAMESPACE_PARTS):
        namespace, tail = tail[1], tail[2:]
    plural, name, subresource = tail[0], "", ""
    if len(tail) > 1:
        name = tail[1]
    if len(tail) > 2:
        subresource = tail[2]
    if len(tail) > 3 and subresource != "proxy":
        raise no_such_path()
    if verb == "get" and not name:
        verb = "watch" if truth(query, "watch") else "list"
    elif verb == "get" and not subresource and truth(query, "watch"):
        verb = "watch"
    elif verb == "delete" and not name:
        verb = "deletecollection"
    return Asked(verb, path, group, version, plural, namespace, name, subresource, "/".join(tail[3:]))


def _path(target: str) -> str:
    """The path alone, decoded before it is taken apart, as Go does: `%2F` ends a segment."""
    raw = target.split("?", 1)[0]
    if "://" in raw[:9]:
        raw = "/" + raw.partition("://")[2].partition("/")[2]
    if "%" not in raw:
        return raw
    if _ESCAPE.search(raw):
        raise bad_request("the path has an invalid percent-encoding")
    return unquote(raw, errors="replace")


def check_name(name: str) -> None:
    """Raises ApiError 400 for what can be no name in a path."""
    why = ""
    if name in (".", ".."):
        why = f"may not be '{name}'"
    elif "%" in name:
        why = "may not contain '%'"
    if why:
        raise bad_request(f'Name parameter invalid: "{name[:253]}": {why}')


def check_scope(asked: Asked, resource: Resource) -> None:
    """Raises ApiError 404 or 405 where path and resource do not agree on namespaces, or on a name."""
    if asked.namespace and not resource.namespaced and resource.plural != "namespaces":
        raise no_such_path()
    if asked.namespace and resource.plural == "namespaces":
        raise no_such_path()
    if resource.namespaced and not asked.namespace:
        if asked.name:
            raise no_such_path()
        if asked.verb not in ("list", "watch"):
            raise method_not_allowed()
    if asked.subresource:
        return
    if (asked.verb == "create") == bool(asked.name) and asked.verb in ("create", "update", "patch"):
        raise method_not_allowed()


def only_name(fields: str, verb: str) -> str:
    """The one name a list is narrowed to: rules for that name allow it (apiserver `requestinfo.go`)."""
    if verb not in ("list", "watch", "deletecollection"):
        return ""
    for one in fields.split(","):
        key, _, value = one.partition("=")
        if key.strip() == "metadata.name":
            return value.lstrip("=").strip()
    return ""


def truth(query: Mapping[str, str], key: str) -> bool:
    """A boolean option: anything but `0` and `false` counts as true, nothing behind it too."""
    text = query.get(key)
    return text is not None and text != "0" and text.lower() != "false"


def number(query: Mapping[str, str], key: str) -> int:
    """A 64-bit number; 0 when absent. Raises ApiError 400."""
    text = query.get(key)
    if text is None:
        return 0
    digits = text[1:] if text[:1] in ("-", "+") else text
    if not digits.isascii() or not digits.isdigit():
        raise bad_request(f'strconv.ParseInt: parsing "{text[:40]}": invalid syntax')
    value = int(text) if len(digits) <= _MOST_DIGITS else 2**63
    if not -(2**63) <= value < 2**63:
        raise bad_request(f'strconv.ParseInt: parsing "{text[:40]}": value out of range')
    return value


def check_timeout(query: Mapping[str, str]) -> None:
    """Raises ApiError 400 for a `timeout` that is no Go duration; every request is answered sooner than any."""
    text = query.get("timeout", "")
    if text and (len(text) > _LONGEST_DURATION or _DURATION.fullmatch(text) is None):
        raise bad_request(f'invalid timeout specified in the request URL - time: invalid duration "{text[:40]}"')


def dry_run(query: Mapping[str, str], kind: str) -> bool:
    """Whether `dryRun=All`. `kind`: of the options, e.g. `CreateOptions`. Raises ApiError 422."""
    said = _every(query, "dryRun")
    if said and said != ["All"]:
        raise invalid("meta.k8s.io", kind, "", [not_supported("dryRun", said, ["All"])])
    return bool(said)


def _every(query: Mapping[str, str], key: str) -> list[str]:
    """All values of an option that may stand more than once, without empty ones."""
    found = query.getall(key, []) if isinstance(query, MultiMapping) else [query.get(key, "")]
    return [one for one in found if one]


def field_validation(query: Mapping[str, str], kind: str) -> str:
    """What to do about unknown fields. Raises ApiError 422."""
    text = query.get("fieldValidation", "")
    if text in (STRICT, WARN, IGNORE):
        return text
    if not text:
        return WARN
    raise invalid("meta.k8s.io", kind, "", [not_supported("fieldValidation", text, [IGNORE, WARN, STRICT])])


def field_manager(query: Mapping[str, str], agent: str, kind: str) -> str:
    """The manager that owns what is written: as asked for, else the client's name. Raises ApiError 422."""
    text = query.get("fieldManager", "")
    if not text:
        return agent.split("/", 1)[0][:MANAGER_LIMIT] or "unknown"
    wrong: list[Cause] = []
    if len(text) > MANAGER_LIMIT:
        wrong.append(
            Cause("FieldValueTooLong", f"Too long: may not be more than {MANAGER_LIMIT} bytes", "fieldManager")
        )
    if not text.isprintable():
        wrong.append(invalid_value("fieldManager", text, "should only contain printable characters"))
    if wrong:
        raise invalid("meta.k8s.io", kind, "", wrong)
    return text


def context(query: Mapping[str, str], headers: Mapping[str, str], user: User, kind: str) -> Context:
    """What a write by `user` carries beside its object. `kind`: of the options. Raises ApiError 422."""
    manager = field_manager(query, headers.get("User-Agent", ""), kind)
    if not query and kind != "PatchOptions":
        return Context(user, manager, False, WARN)
    if kind == "PatchOptions" and not query.get("fieldManager") and "apply-patch" in headers.get("Content-Type", ""):
        manager = ""
    dry = kind != "DeleteOptions" and dry_run(query, kind)
    return Context(user, manager, dry, field_validation(query, kind))


def no_force() -> ApiError:
    """The refusal of `force` with any patch but apply."""
    return invalid(
        "meta.k8s.io", "PatchOptions", "", [forbidden_field("force", "may not be specified for non-apply patch")]
    )


def delete_options(said: Object, query: Mapping[str, str]) -> tuple[DeleteOptions, bool]:
    """Options of a deletion and whether it is a dry run: of its body if it has one, else of its URL.

    Raises ApiError 400 or 422.
    """
    if said and said.get("kind", "DeleteOptions") != "DeleteOptions":
        raise bad_request(
            f'no kind "{said["kind"]}" is registered for version "{said.get("apiVersion", "")}" in scheme'
        )
    if not said:
        said = _options_of_url(query)
    _check_types(said)
    propagation, orphan = said.get("propagationPolicy") or "", said.get("orphanDependents")
    grace, dry = said.get("gracePeriodSeconds"), said.get("dryRun") or []
    preconditions = said.get("preconditions") or {}
    wrong: list[Cause] = []
    if dry and dry != ["All"]:
        wrong.append(not_supported("dryRun", dry, ["All"]))
    if propagation and orphan is not None:
        wrong.append(
            invalid_value(
                "propagationPolicy", propagation, "orphanDependents and deletionPropagation cannot be both set"
            )
        )
    elif propagation and propagation not in _PROPAGATION:
        wrong.append(not_supported("propagationPolicy", propagation, [*_PROPAGATION, "nil"]))
    if wrong:
        raise invalid("meta.k8s.io", "DeleteOptions", "", wrong)
    if orphan is not None:
        propagation = "Orphan" if orphan else "Background"
    uid, revision = preconditions.get("uid"), preconditions.get("resourceVersion")
    return DeleteOptions(propagation, grace, uid or "", revision or ""), bool(dry)


def _options_of_url(query: Mapping[str, str]) -> Object:
    said: Object = {"dryRun": _every(query, "dryRun"), "propagationPolicy": query.get("propagationPolicy", "")}
    if query.get("gracePeriodSeconds"):
        said["gracePeriodSeconds"] = number(query, "gracePeriodSeconds")
    if "orphanDependents" in query:
        said["orphanDependents"] = truth(query, "orphanDependents")
    return said


_OPTION_TYPES: dict[str, tuple[type, str]] = {
    "gracePeriodSeconds": (int, "int64"),
    "propagationPolicy": (str, "string"),
    "orphanDependents": (bool, "bool"),
    "dryRun": (list, "[]string"),
    "preconditions": (dict, "v1.Preconditions"),
}


def _check_types(said: Object) -> None:
    for key, (wanted, named) in _OPTION_TYPES.items():
        value = said.get(key)
        if value is None:
            continue
        if type(value) is not wanted or (isinstance(value, int) and not -(2**63) <= value < 2**63):
            raise _mistyped(f"DeleteOptions.{key}", value, named)
    for one in said.get("dryRun") or ():
        if not isinstance(one, str):
            raise _mistyped("DeleteOptions.dryRun", one, "string")
    for key, value in (said.get("preconditions") or {}).items():
        if key in ("uid", "resourceVersion") and not isinstance(value, str | None):
            raise _mistyped(f"Preconditions.preconditions.{key}", value, "string")


def _mistyped(field: str, value: object, wanted: str) -> ApiError:
    return bad_request(f"json: cannot unmarshal {kind_of(value)} into Go struct field {field} of type {wanted}")
