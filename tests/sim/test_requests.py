"""What URLs and options ask for."""

from __future__ import annotations

import time

import pytest
from multidict import MultiDict

from lab.sim.api import request
from lab.sim.api.context import DeleteOptions
from lab.sim.api.status import ApiError


@pytest.mark.parametrize(
    ("method", "target", "asked"),
    [
        ("GET", "/api/v1/pods", ("list", "", "v1", "pods", "", "", "")),
        ("GET", "/api/v1/pods?watch=1", ("watch", "", "v1", "pods", "", "", "")),
        ("GET", "/api/v1/watch/pods", ("watch", "", "v1", "pods", "", "", "")),
        ("GET", "/api/v1/namespaces/a/pods/p", ("get", "", "v1", "pods", "a", "p", "")),
        ("GET", "/api/v1/namespaces/a/pods/p?watch=true", ("watch", "", "v1", "pods", "a", "p", "")),
        ("GET", "/api/v1/namespaces/a/pods/p/", ("get", "", "v1", "pods", "a", "p", "")),
        ("GET", "/api/v1/namespaces/a/pods/p/log", ("get", "", "v1", "pods", "a", "p", "log")),
        ("GET", "/api/v1/namespaces/a/pods/p/log?watch=1", ("get", "", "v1", "pods", "a", "p", "log")),
        ("GET", "/api/v1/namespaces/a", ("get", "", "v1", "namespaces", "", "a", "")),
        ("PUT", "/api/v1/namespaces/a/finalize", ("update", "", "v1", "namespaces", "", "a", "finalize")),
        ("PATCH", "/api/v1/namespaces/a/status", ("patch", "", "v1", "namespaces", "", "a", "status")),
        (
            "DELETE",
            "/apis/apps/v1/namespaces/a/deployments",
            ("deletecollection", "apps", "v1", "deployments", "a", "", ""),
        ),
        ("GET", "https://x/apis/apps/v1/deployments", ("list", "apps", "v1", "deployments", "", "", "")),
        ("GET", "/api/v1/namespaces/a/configmaps/b%2Fc", ("get", "", "v1", "configmaps", "a", "b", "c")),
        ("GET", "/api/v1/namespaces/%61/pods/%70", ("get", "", "v1", "pods", "a", "p", "")),
        ("GET", "/version", ("get", "", "", "", "", "", "")),
        ("TRACE", "/api/v1/pods", ("trace", "", "v1", "pods", "", "", "")),
    ],
)
def test_a_path_says_what_is_asked(method: str, target: str, asked: tuple[str, ...]) -> None:
    path, _, text = target.partition("?")
    query = dict(one.split("=") for one in text.split("&") if one)
    found = request.parse(method, path, query)
    parts = (found.verb, found.group, found.version, found.plural, found.namespace, found.name, found.subresource)
    assert parts == asked


@pytest.mark.parametrize(
    ("value", "truth"),
    [("", True), ("1", True), ("true", True), ("perhaps", True), ("0", False), ("false", False), ("FALSE", False)],
)
def test_a_boolean_is_true_unless_it_says_no(value: str, truth: bool) -> None:
    assert request.truth({"key": value}, "key") is truth
    assert request.truth({}, "key") is False


@pytest.mark.parametrize("text", ["5s", "1h30m", "1.5h", "0", "-5s", "100ms", ".5s"])
def test_time_limits_are_durations(text: str) -> None:
    request.check_timeout({"timeout": text})


@pytest.mark.parametrize("text", ["x", "5", "s", "1h 2m", "1" * 60_000, "1.1s" * 20_000 + "x"], ids=range(6))
def test_other_time_limits_are_refused_at_once(text: str) -> None:
    began = time.perf_counter()
    with pytest.raises(ApiError) as refused:
        request.check_timeout({"timeout": text})
    assert refused.value.code == 400
    assert time.perf_counter() - began < 0.1


@pytest.mark.parametrize(
    ("body", "query", "options", "dry"),
    [
        ({}, {}, DeleteOptions(), False),
        ({}, {"propagationPolicy": "Orphan", "gracePeriodSeconds": "0"}, DeleteOptions("Orphan", 0), False),
        ({}, {"orphanDependents": "true"}, DeleteOptions("Orphan"), False),
        ({}, {"orphanDependents": "false", "dryRun": "All"}, DeleteOptions("Background"), True),
        ({"gracePeriodSeconds": 5}, {"propagationPolicy": "Orphan"}, DeleteOptions("", 5), False),
        (
            {"preconditions": {"uid": "u", "resourceVersion": "7"}, "dryRun": ["All"]},
            {},
            DeleteOptions("", None, "u", "7"),
            True,
        ),
    ],
)
def test_options_of_a_deletion(
    body: dict[str, object], query: dict[str, str], options: DeleteOptions, dry: bool
) -> None:
    assert request.delete_options(body, MultiDict(query)) == (options, dry)


@pytest.mark.parametrize(
    ("query", "agent", "manager"),
    [
        ({}, "kubectl/v1.34.4 (linux/amd64) kubernetes/abc", "kubectl"),
        ({}, "", "unknown"),
        ({}, "x" * 200, "x" * 128),
        ({"fieldManager": "me"}, "kubectl/v1", "me"),
    ],
)
def test_the_manager(query: dict[str, str], agent: str, manager: str) -> None:
    assert request.field_manager(query, agent, "CreateOptions") == manager


def test_two_dry_runs_are_refused_together() -> None:
    with pytest.raises(ApiError, match='"All","x"'):
        request.dry_run(MultiDict([("dryRun", "All"), ("dryRun", "x")]), "CreateOptions")
