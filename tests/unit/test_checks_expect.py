"""`expect` selects objects and says what is wrong with them."""

from pathlib import Path
from typing import Any

import pytest

from lab.checks.run import run
from lab.events import CheckRetried
from tests.fakes.stand_in import StandIn, check, stand_in


def deployment(name: str = "web", ready: int = 2, **labels: str) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop", "labels": labels},
        "spec": {"replicas": 2},
        "status": {"readyReplicas": ready},
    }


def outcome(stand: StandIn, **expect: Any) -> tuple[str, str]:
    values = {"kind": "Deployment", "namespace": "shop", **expect}
    result = run(stand.lab, [check(expect=values)])[0]
    return result.outcome, result.reason


@pytest.fixture
def stand(tmp_path: Path) -> StandIn:
    made = stand_in(tmp_path)
    made.hub.add(deployment("web", app="shop"), deployment("cart", app="shop"), deployment("job", app="other"))
    return made


@pytest.mark.parametrize(
    "expect",
    [
        {"name": "web"},
        {"name": "web", "match": {"status": {"readyReplicas": 2}}},
        {"name": "web", "labels": {"app": "shop"}},
        {"name": "web", "namespace": ""},
        {"labels": {"app": "shop"}, "count": 2},
        {"labels": {"app": "shop"}, "match": {"spec": {"replicas": 2}}},
        {"labels": {"app": "nobody"}, "absent": True},
        {"labels": {"app": "nobody"}, "count": 0},
        {"kind": "Namespace", "namespace": "", "name": "shop"},
    ],
)
def test_it_holds(stand: StandIn, expect: dict[str, Any]) -> None:
    assert outcome(stand, **expect) == ("passed", "")


@pytest.mark.parametrize(
    ("expect", "reason"),
    [
        ({"name": "webb"}, "Deployment shop/webb on hub: not found (there is web)"),
        ({"name": "zzz"}, "Deployment shop/zzz on hub: not found"),
        (
            {"name": "web", "labels": {"app": "other"}},
            "Deployment shop/web with app=other on hub: not found (it is there with other labels)",
        ),
        ({"name": "web", "match": {"spec": {"replicas": 3}}}, "Deployment web: spec.replicas: got 2, want 3"),
        ({"labels": {"app": "shop"}, "count": 3}, "Deployment in shop with app=shop on hub: got 2 (cart, web), want 3"),
        ({"labels": {"app": "no"}, "count": 1}, "Deployment in shop with app=no on hub: got 0, want 1"),
        (
            {"labels": {"app": "shop"}, "absent": True},
            "Deployment in shop with app=shop on hub: got cart, web, want none",
        ),
        ({"kind": "Pod", "namespace": ""}, "Pod in all namespaces on hub: not found"),
    ],
)
def test_it_does_not_hold(stand: StandIn, expect: dict[str, Any], reason: str) -> None:
    assert outcome(stand, **expect) == ("failed", reason)


def test_every_selected_object_must_match(stand: StandIn) -> None:
    stand.hub.add(deployment("cart", ready=1, app="shop"))
    _, reason = outcome(stand, labels={"app": "shop"}, match={"status": {"readyReplicas": 2}})
    assert reason == "Deployment cart: status.readyReplicas: got 1, want 2"


def test_it_looks_at_the_cluster_it_names(stand: StandIn) -> None:
    stand.kubes["w1"].add(deployment("only-there"))
    values = {"kind": "Deployment", "namespace": "shop", "name": "only-there"}
    assert run(stand.lab, [check(on="w1", expect=values)])[0].outcome == "passed"
    assert run(stand.lab, [check(expect=values)])[0].outcome == "failed"


def test_it_recovers_while_it_is_polled(stand: StandIn) -> None:
    stand.hub.add(deployment("web", ready=0))
    stand.clock.at(3, lambda: stand.hub.add(deployment("web", ready=1)))
    stand.clock.at(6, lambda: stand.hub.add(deployment("web", ready=2)))
    assert outcome(stand, name="web", match={"status": {"readyReplicas": 2}}) == ("passed", "")
    assert [event.mismatch for event in stand.told(CheckRetried)] == [
        "Deployment web: status.readyReplicas: got 0, want 2",
        "Deployment web: status.readyReplicas: got 1, want 2",
    ]
    assert stand.clock.passed == pytest.approx(6, abs=0.5)


def test_a_refusing_api_is_a_mismatch_that_may_pass(stand: StandIn) -> None:
    stand.hub.refuse("get", "Deployment", status=503, reason="ServiceUnavailable", message="starting", times=3)
    assert outcome(stand, name="web") == ("passed", "")
    assert [event.mismatch for event in stand.told(CheckRetried)] == [
        "the API of hub refused: ServiceUnavailable: starting"
    ]


def test_an_api_that_stays_away_fails_with_its_reason(stand: StandIn) -> None:
    stand.hub.reachable = False
    assert outcome(stand, name="web") == ("failed", "the API of hub does not answer: connection refused")


def test_the_data_of_a_secret_is_never_shown(stand: StandIn) -> None:
    stand.hub.add(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "key", "namespace": "shop"},
            "stringData": {"password": "hunter2hunter2"},
        }
    )
    found, reason = outcome(stand, kind="Secret", name="key", match={"data": {"password": "b3RoZXI="}})
    assert (found, reason) == ("failed", "Secret key: data.password: got ***, want ***")


def test_addresses_of_clusters_are_filled_in(stand: StandIn) -> None:
    stand.hub.add(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "servers", "namespace": "shop"},
            "data": {"w1": "https://lab-w1-control-plane:6443"},
        }
    )
    values = {"name": "servers", "match": {"data": {"w1": "${cluster.w1.server}"}}}
    assert outcome(stand, kind="ConfigMap", **values) == ("passed", "")


def test_an_unknown_placeholder_fails_at_once(stand: StandIn) -> None:
    found, reason = outcome(stand, name="web", match={"data": {"w9": "${cluster.w9.server}"}})
    assert found == "failed"
    assert "problem" in reason
    assert stand.clock.passed == 0
