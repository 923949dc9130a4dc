"""Server-side differences: what an apply would make of an object is asked of the cluster, by a dry run."""

from __future__ import annotations

from typing import Any

import pytest

from lab.sim.argocd.comparison import read_settings
from lab.sim.argocd.sync.records import MANAGER
from lab.sim.objects import Object, evolve
from tests.sim.argocd.comparison.given import application, compared, placed, states, targets, told
from tests.sim.argocd.live.reach import Seen, seen

WANTED = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: nginx, ports: [{containerPort: 80}]}]}
"""
SERVER_SIDE = application(syncPolicy={"syncOptions": ["ServerSideApply=true"]})
RESOURCE = "deployments.apps"


async def lives(world: Seen, wanted: Object) -> None:
    """As a server-side apply leaves it."""
    await world.client.apply(RESOURCE, placed(wanted), manager=MANAGER)
    await world.told()


def evolved(wanted: Object, **spec: Any) -> Object:
    return evolve(wanted, spec={**wanted["spec"], **spec})


async def test_what_was_applied_is_synced_and_the_dry_run_leaves_nothing_behind() -> None:
    (wanted,) = targets(WANTED)
    async with seen() as world:
        await lives(world, wanted)
        before = await world.client.get(RESOURCE, "shop", "web")
        found = await compared(world, [wanted], SERVER_SIDE)
        after = await world.client.get(RESOURCE, "shop", "web")
    assert (found.status, told(found)) == ("Synced", [])
    assert after is before


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({"replicas": 3}, "OutOfSync", id="another value"),
        pytest.param({"paused": True}, "OutOfSync", id="a new field"),
        pytest.param({"progressDeadlineSeconds": 600}, "Synced", id="a field with the value it has by default"),
        pytest.param({"replicas": ...}, "Synced", id="a field given back to its default"),
    ],
)
async def test_changes_of_what_is_wanted(change: Object, expected: str) -> None:
    (wanted,) = targets(WANTED)
    spec = {key: value for key, value in {**wanted["spec"], **change}.items() if value is not ...}
    async with seen() as world:
        await lives(world, wanted)
        found = await compared(world, [{**wanted, "spec": spec}], SERVER_SIDE)
    assert states(found) == {"Deployment/web": expected}


async def test_a_label_that_is_wanted_no_longer_is_a_difference_though_nothing_was_applied_client_side() -> None:
    (wanted,) = targets(WANTED)
    async with seen() as world:
        await lives(world, evolve(wanted, metadata={"labels": {"team": "a"}}))
        plain = await compared(world, [wanted])
        found = await compared(world, [wanted], SERVER_SIDE)
    assert (plain.status, found.status) == ("Synced", "OutOfSync")


async def test_what_others_add_is_no_difference() -> None:
    (wanted,) = targets(WANTED)
    async with seen() as world:
        await lives(world, wanted)
        await world.client.patch(RESOURCE, "shop", "web", {"metadata": {"labels": {"other": "x"}}})
        await world.told()
        found = await compared(world, [wanted], SERVER_SIDE)
    assert found.status == "Synced"


async def test_what_is_ignored_is_ignored_here_too() -> None:
    (wanted,) = targets(WANTED)
    ignoring = application(
        syncPolicy={"syncOptions": ["ServerSideApply=true"]},
        ignoreDifferences=[{"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]}],
    )
    async with seen() as world:
        await lives(world, wanted)
        await world.client.patch(RESOURCE, "shop", "web", {"spec": {"replicas": 7}})
        await world.told()
        found = await compared(world, [wanted], ignoring)
        otherwise = await compared(world, [wanted], SERVER_SIDE)
    assert (found.status, otherwise.status) == ("Synced", "OutOfSync")


async def test_an_object_the_server_refuses_fails_the_comparison_in_argo_cds_words() -> None:
    (wanted,) = targets(WANTED)
    async with seen() as world:
        await lives(world, wanted)
        found = await compared(world, [evolved(wanted, replicas=-1)], SERVER_SIDE)
    ((kind, message),) = told(found)
    assert (kind, found.status) == ("ComparisonError", "Unknown")
    assert message.startswith(
        "Failed to compare desired state to live state: failed to calculate diff: error calculating server side diff: "
        "serverSideDiff error: error running server side apply in dryrun mode for resource Deployment/web: "
    )
    assert "must be greater than or equal to 0" in message


@pytest.mark.parametrize(
    ("app", "settings", "annotated", "asked"),
    [
        pytest.param(application(), {}, "", False, id="by default"),
        pytest.param(SERVER_SIDE, {}, "", True, id="by sync option"),
        pytest.param(
            application({"argocd.argoproj.io/compare-options": "ServerSideDiff=true"}), {}, "", True, id="compare"
        ),
        pytest.param(
            evolve(
                SERVER_SIDE, metadata={"annotations": {"argocd.argoproj.io/compare-options": "ServerSideDiff=false"}}
            ),
            {"ARGOCD_APPLICATION_CONTROLLER_SERVER_SIDE_DIFF": "true"},
            "",
            False,
            id="forbidden by the Application",
        ),
        pytest.param(
            application(), {"ARGOCD_APPLICATION_CONTROLLER_SERVER_SIDE_DIFF": "true"}, "", True, id="controller"
        ),
        pytest.param(application(), {}, "ServerSideApply=true", True, id="by the resource itself"),
    ],
)
async def test_who_is_asked(app: Object, settings: dict[str, str], annotated: str, asked: bool) -> None:
    """A field of an unknown manager shows which way was gone: only the server knows that nobody wants the label."""
    (wanted,) = targets(WANTED)
    if annotated:
        wanted["metadata"]["annotations"]["argocd.argoproj.io/sync-options"] = annotated
    read = read_settings({}, settings)
    async with seen(read) as world:
        await lives(world, evolve(wanted, metadata={"labels": {"team": "a"}}))
        found = await compared(world, [wanted], app, read)
    assert found.status == ("OutOfSync" if asked else "Synced")
