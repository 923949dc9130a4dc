"""What makes an AppProject invalid in itself.

Source: Argo CD 3.6.1 `pkg/apis/application/v1alpha1/app_project_types.go` `ValidateProject`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable
from functools import partial

from lab.sim.argocd import sync_windows
from lab.sim.argocd.glob import GlobError
from lab.sim.argocd.glob import check as check_glob
from lab.sim.objects import Object, name_of

_ACTIONS = frozenset(("get", "create", "update", "delete", "sync", "override", "rollback", "*"))
_RESOURCES = frozenset(("applications", "applicationsets", "repositories", "exec", "logs", "clusters"))
_action_of = re.compile(r"action/.*|update/.*|delete/.*").search
_is_role = re.compile(r"[A-Za-z0-9]|[A-Za-z0-9][-_A-Za-z0-9]*[A-Za-z0-9]").fullmatch
_has_bad_character = re.compile(r'["\n\r\t]').search
_FORBIDDEN_IN_ACCOUNT = frozenset("!*[]{}\\/")


class ProjectError(Exception):
    """An AppProject Argo CD refuses; `code` is the gRPC code, the text what follows `desc =`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def check(project: Object) -> None:
    """Raise ProjectError with the first thing wrong."""
    spec = project.get("spec") or {}
    _check_destinations(spec.get("destinations") or ())
    _check_once(spec.get("sourceNamespaces") or (), "source namespace")
    for url in spec.get("sourceRepos") or ():
        if url == "!*":
            raise ProjectError("InvalidArgument", "source repository has an invalid format, '!*'")
    _check_once(spec.get("sourceRepos") or (), "source repository")
    _check_roles(name_of(project), spec.get("roles") or ())
    _check_windows(spec.get("syncWindows") or ())
    _check_accounts(spec.get("destinationServiceAccounts") or ())


def _first_twice(items: Iterable[Hashable]) -> Hashable | None:
    seen: set[Hashable] = set()
    for one in items:
        if one in seen:
            return one
        seen.add(one)
    return None


def _check_once(items: Iterable[str], what: str, code: str = "InvalidArgument") -> None:
    twice = _first_twice(items)
    if twice is not None:
        raise ProjectError(code, f"{what} '{twice}' already added")


def _check_destinations(destinations: Iterable[Object]) -> None:
    keys: set[str] = set()
    for one in destinations:
        for key in ("name", "server", "namespace"):
            if one.get(key) == "!*":
                raise ProjectError("InvalidArgument", f"{key} has an invalid format, '!*'")
        key = f"{one.get('server') or one.get('name') or ''}/{one.get('namespace') or ''}"
        if key in keys:
            raise ProjectError("InvalidArgument", f"destination '{key}' already added")
        keys.add(key)


def _check_roles(project: str, roles: Iterable[Object]) -> None:
    names: set[str] = set()
    for role in roles:
        name = str(role.get("name") or "")
        if name in names:
            raise ProjectError("AlreadyExists", f"role '{name}' already exists")
        if not _is_role(name):
            raise ProjectError(
                "InvalidArgument",
                f"invalid role name '{name}'. Must consist of alphanumeric characters, '-' or '_', and must start and "
                "end with an alphanumeric character",
            )
        _check_each(role.get("policies") or (), "policy", name, partial(_check_policy, project, name))
        _check_each(role.get("groups") or (), "group", name, _check_group)
        names.add(name)


def _check_each(items: Iterable[str], what: str, role: str, test: Callable[[str], None]) -> None:
    seen: set[str] = set()
    for one in items:
        if one in seen:
            raise ProjectError("AlreadyExists", f"{what} '{one}' already exists for role '{role}'")
        test(one)
        seen.add(one)


def _check_policy(project: str, role: str, policy: str) -> None:
    def wrong(text: str) -> ProjectError:
        return ProjectError("InvalidArgument", f"invalid policy rule '{policy}': {text}")

    parts = [one.strip(" ") for one in policy.split(",")]
    if len(parts) != 6 or parts[0] != "p":
        raise wrong("must be of the form: 'p, sub, res, act, obj, eft'")
    _, subject, resource, action, target, effect = parts
    expected = f"proj:{project}:{role}"
    if subject != expected:
        raise wrong(f"policy subject must be: '{expected}', not '{subject}'")
    if resource not in _RESOURCES:
        raise wrong(
            "project resource must be: 'applications', 'applicationsets', 'repositories', 'exec', 'logs' or "
            f"'clusters', not '{resource}'"
        )
    if action not in _ACTIONS and not _action_of(action):
        raise wrong(f"invalid action '{action}'")
    if not re.fullmatch(rf"{re.escape(project)}(/[*\w.-]+)?/[*\w.-]+", target, re.ASCII):
        raise wrong(
            f"object must be of form '{project}/*', '{project}[/<NAMESPACE>]/<APPNAME>' or '{project}/<APPNAME>', "
            f"not '{target}'"
        )
    if effect not in ("allow", "deny"):
        raise wrong("effect must be: 'allow' or 'deny'")


def _check_group(group: str) -> None:
    name = group.strip()
    if len(name) > 1 and name.startswith('"') and name.endswith('"'):
        name = name[1:-1]
    elif "," in name:
        raise ProjectError("InvalidArgument", f"group '{name}' must be quoted")
    if not name:
        raise ProjectError("InvalidArgument", f"group '{name}' is empty")
    if _has_bad_character(name):
        raise ProjectError("InvalidArgument", f"group '{name}' contains invalid characters")
    if len(group) > 1 and group[0].isspace():
        raise ProjectError("InvalidArgument", f"group '{name}' contains a leading space")
    if len(group) > 1 and group[-1].isspace():
        raise ProjectError("InvalidArgument", f"group '{name}' contains a trailing space")


def _check_windows(windows: Iterable[Object]) -> None:
    seen: set[Hashable] = set()
    for window in filter(None, windows):
        kind, schedule, duration = (str(window.get(key) or "") for key in ("kind", "schedule", "duration"))
        lists = tuple(tuple(window.get(key) or ()) for key in ("applications", "namespaces", "clusters"))
        identity = (kind, schedule, duration, lists, window.get("timeZone") or "", bool(window.get("andOperator")))
        if identity in seen:
            raise ProjectError(
                "AlreadyExists",
                f"sync window with kind '{kind}', schedule '{schedule}', and duration '{duration}' already exists "
                "(duplicate detected)",
            )
        try:
            sync_windows.check(window)
        except sync_windows.SyncWindowError as error:
            raise ProjectError("Unknown", str(error)) from None
        if not any(lists):
            raise ProjectError(
                "OutOfRange",
                f"window '{kind}':'{schedule}':'{duration}' requires one of application, cluster or namespace",
            )
        seen.add(identity)


def _check_accounts(accounts: Iterable[Object]) -> None:
    keys: set[str] = set()
    for one in accounts:
        server, namespace = str(one.get("server") or ""), str(one.get("namespace") or "")
        account = str(one.get("defaultServiceAccount") or "")
        places = (("server", server), ("namespace", namespace))
        for key, text in places:
            if "!" in text:
                raise ProjectError("InvalidArgument", f"{key} has an invalid format, '{text}'")
        if not account.strip(" ") or _FORBIDDEN_IN_ACCOUNT & set(account):
            raise ProjectError("InvalidArgument", f"defaultServiceAccount has an invalid format, '{account}'")
        for key, text in places:
            try:
                check_glob(text)
            except GlobError:
                raise ProjectError("InvalidArgument", f"{key} has an invalid format, '{text}'") from None
        if f"{server}/{namespace}" in keys:
            raise ProjectError("InvalidArgument", f"destinationServiceAccount '{server}/{namespace}' already added")
        keys.add(f"{server}/{namespace}")
