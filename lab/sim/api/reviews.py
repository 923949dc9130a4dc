"""Questions about users and their rights: the kinds that are answered and never stored.

Source: Kubernetes `pkg/registry/{authorization,authentication}/*/`, `pkg/apis/authorization/validation`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.sim.api import schema, token_request
from lab.sim.api.context import Context, User
from lab.sim.api.rbac import Authorizer, Decision
from lab.sim.api.rbac.authorizer import aggregated
from lab.sim.api.rbac.rules import Rule
from lab.sim.api.resources import Object, Resource
from lab.sim.api.rest import Rest
from lab.sim.api.review_selectors import ignored, selector_errors
from lab.sim.api.status import Cause, bad_request, invalid, invalid_value, no_such_path
from lab.sim.api.tokens import ISSUER, TokenRefused, Tokens
from lab.sim.clock import timestamp

_ONE_OF = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
_NOT_BOTH = "cannot be specified in combination with resourceAttributes"
_TOKEN_REQUEST = Resource(
    group="authentication.k8s.io",
    version="v1",
    plural="tokenrequests",
    kind="TokenRequest",
    singular="tokenrequest",
    verbs=("create",),
)


def create(
    rest: Rest,
    authorizer: Authorizer,
    tokens: Tokens,
    resource: Resource,
    namespace: str,
    name: str,
    subresource: str,
    body: Object,
    user: User,
    context: Context | None = None,
) -> Object:
    """Answer a review, or with `subresource` `token` a TokenRequest for the service account `name`.

    `body`: as decoded, given up by the caller; `user`: who asks, and was allowed to; `context` takes warnings about
    unknown fields. Raises ApiError 400, 404, 409 or 422.
    """
    context = context or Context(user)
    if subresource == "token" and resource.plural == "serviceaccounts":
        _decode(_TOKEN_REQUEST, namespace, body, context, rest.minor)
        return token_request.grant(rest, tokens, namespace, name, body)
    _decode(resource, namespace, body, context, rest.minor)
    if resource.kind == "SelfSubjectReview":
        return _who(rest, user)
    if resource.kind == "TokenReview":
        return _token_review(tokens, body)
    if resource.kind == "SelfSubjectRulesReview":
        return _rules_review(authorizer, body, user)
    answer = _ACCESS.get(resource.kind)
    if answer is None:
        raise no_such_path()
    return answer(authorizer, body, user)


def _decode(resource: Resource, namespace: str, body: Object, context: Context, minor: int) -> None:
    """Check that `body` is of the kind, and of its types; namespaced ones get their namespace."""
    kind, version = body.get("kind"), body.get("apiVersion")
    body.setdefault("kind", resource.kind)
    body.setdefault("apiVersion", resource.api_version)
    if body["kind"] != resource.kind or body["apiVersion"] != resource.api_version:
        short = str(version).rpartition("/")[2]
        raise bad_request(
            f'{kind} in version "{short}" cannot be handled as a {resource.kind}: no kind "{kind}" is registered for '
            f'version "{version}" in scheme "pkg/runtime/scheme.go:110"'
        )
    if body.get("metadata") is None:
        body["metadata"] = {}
    schema.decode(resource, body, context, minor)
    metadata = body["metadata"]
    metadata.pop("managedFields", None)
    if resource.namespaced:
        if metadata.get("namespace") not in (None, "", namespace):
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        metadata["namespace"] = namespace


def _answered(body: Object, **fields: Any) -> Object:
    """The review with an answer in it."""
    return {"kind": body["kind"], "apiVersion": body["apiVersion"], "metadata": body["metadata"], **fields}


# -- who am I


def _who(rest: Rest, user: User) -> Object:
    return {
        "kind": "SelfSubjectReview",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"creationTimestamp": timestamp(rest.clock.now())},
        "status": {"userInfo": user_info(user)},
    }


def user_info(user: User) -> Object:
    """`authentication.k8s.io/v1` UserInfo."""
    made: Object = {"username": user.name}
    if user.uid:
        made["uid"] = user.uid
    if user.groups:
        made["groups"] = list(user.groups)
    if user.extra:
        made["extra"] = {key: list(values) for key, values in sorted(user.extra)}
    return made


def _token_review(tokens: Tokens, body: Object) -> Object:
    spec = body.get("spec") or {}
    token = spec.get("token")
    if not token:
        raise bad_request("token is required for TokenReview in authentication")
    status: Object
    try:
        verified = tokens.verify(token, spec.get("audiences") or (ISSUER,))
    except TokenRefused as refused:
        errors = ["invalid bearer token", *([str(refused)] if str(refused) else [])]
        status = {"user": {}, "error": aggregated(errors)}
    else:
        status = {
            "authenticated": True,
            "user": user_info(verified.user),
            "audiences": list(verified.audiences),
        }
    return _answered(body, spec=spec, status=status)


# -- may I


def _rules_review(authorizer: Authorizer, body: Object, user: User) -> Object:
    namespace = (body.get("spec") or {}).get("namespace")
    if not namespace:
        raise bad_request("no namespace on request")
    rules, errors = authorizer.rules_for(user, namespace)
    status: Object = {
        "resourceRules": [
            _told(one, "apiGroups", "resources", "resourceNames") for one in rules if one.get("resources")
        ],
        "nonResourceRules": [_told(one, "nonResourceURLs") for one in rules if one.get("nonResourceURLs")],
        "incomplete": False,
    }
    if errors:
        status["evaluationError"] = aggregated(errors)
    return {"kind": body["kind"], "apiVersion": body["apiVersion"], "metadata": {}, "spec": {}, "status": status}


def _told(rule: Rule, *fields: str) -> Object:
    return {field: rule[field] for field in ("verbs", *fields) if rule.get(field)}


def _self_access(authorizer: Authorizer, body: Object, user: User) -> Object:
    spec = body.get("spec") or {}
    return _access(authorizer, body, spec, user, [*_attribute_errors(spec), *_metadata_errors(body)])


def _subject_access(authorizer: Authorizer, body: Object, _: User) -> Object:
    spec = body.get("spec") or {}
    wrong = [*_subject_errors(spec), *_metadata_errors(body)]
    return _access(authorizer, body, spec, _subject(spec), wrong)


def _local_access(authorizer: Authorizer, body: Object, _: User) -> Object:
    spec = body.get("spec") or {}
    namespace = body["metadata"]["namespace"]
    wrong = _subject_errors(spec)
    wrong += _metadata_errors(body, "must be empty except for namespace", "namespace")
    asked = spec.get("resourceAttributes")
    if asked is not None and (asked.get("namespace") or "") != namespace:
        field, value = "spec.resourceAttributes.namespace", asked.get("namespace") or ""
        wrong.append(invalid_value(field, value, "must match metadata.namespace"))
    if spec.get("nonResourceAttributes") is not None:
        wrong.append(_path_error(spec, "disallowed on this kind of request"))
    return _access(authorizer, body, spec, _subject(spec), wrong)


_ACCESS: dict[str, Callable[[Authorizer, Object, User], Object]] = {
    "SelfSubjectAccessReview": _self_access,
    "SubjectAccessReview": _subject_access,
    "LocalSubjectAccessReview": _local_access,
}


def _access(authorizer: Authorizer, body: Object, spec: Object, subject: User, wrong: list[Cause]) -> Object:
    if wrong:
        # The server forgets the kind before it words this.
        raise invalid("authorization.k8s.io", "", "", wrong)
    asked = spec.get("resourceAttributes")
    decision: Decision
    if asked is None:
        path = spec["nonResourceAttributes"]
        decision = authorizer.allowed_path(subject, path.get("verb") or "", path.get("path") or "")
    else:
        decision = authorizer.allowed(
            subject,
            *(asked.get(field) or "" for field in ("verb", "group", "resource", "subresource", "namespace", "name")),
        )
    allowed, reason = decision
    status: Object = {"allowed": allowed}
    if reason:
        status["reason"] = reason
    if error := ignored(asked or {}):
        status["evaluationError"] = error
    return _answered(body, spec=spec, status=status)


def _subject(spec: Object) -> User:
    extra = tuple((key, tuple(values or ())) for key, values in (spec.get("extra") or {}).items())
    return User(spec.get("user") or "", tuple(spec.get("groups") or ()), spec.get("uid") or "", extra)


def _subject_errors(spec: Object) -> list[Cause]:
    wrong, selectors = _form_errors(spec), selector_errors(spec.get("resourceAttributes"))
    if not spec.get("user") and not spec.get("groups"):
        wrong.append(invalid_value("spec.user", "", "at least one of user or group must be specified"))
    return wrong + selectors


def _attribute_errors(spec: Object) -> list[Cause]:
    return _form_errors(spec) + selector_errors(spec.get("resourceAttributes"))


def _form_errors(spec: Object) -> list[Cause]:
    asked, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if asked is not None and path is not None:
        return [_path_error(spec, _NOT_BOTH)]
    if asked is None and path is None:
        return [invalid_value("spec.resourceAttributes", None, _ONE_OF)]
    return []


def _path_error(spec: Object, why: str) -> Cause:
    said = spec["nonResourceAttributes"]
    shown = {"Path": said.get("path") or "", "Verb": said.get("verb") or ""}
    return invalid_value("spec.nonResourceAttributes", shown, why)


def _metadata_errors(body: Object, why: str = "must be empty", *allowed: str) -> list[Cause]:
    held = {key: value for key, value in body["metadata"].items() if value}
    return [invalid_value("metadata", held, why)] if held.keys() - set(allowed) else []
