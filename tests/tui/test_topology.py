"""The drawing is made from the scenario."""

import pytest

from lab.model import ArgoCD, Cluster, Scenario
from lab.tui.topology import draw
from tests.tui import data


def scenario(clusters: tuple[Cluster, ...], argocd: tuple[ArgoCD, ...]) -> Scenario:
    first = data.SCENARIOS[0]
    return first.model_copy(update={"spec": first.spec.model_copy(update={"clusters": clusters, "argocd": argocd})})


def test_centralized_is_one_box_over_two() -> None:
    found = next(s for s in data.SCENARIOS if s.name == "centralized")
    assert draw(found, 40).splitlines() == [
        "          ╭─ hub ──────╮",
        "          │ Argo CD    │",
        "          │ management │",
        "          ╰──────┬─────╯",
        "        ╭────────┴────────╮",
        "╭─ w1 ──────────╮  ╭─ w2 ───────╮",
        "│ production eu │  │ staging us │",
        "╰───────────────╯  ╰────────────╯",
    ]


def test_each_argo_cd_stands_in_its_cluster_and_says_where_it_came_from() -> None:
    found = next(s for s in data.SCENARIOS if s.name == "distributed")
    drawing = draw(found, 60)
    assert drawing.count("Argo CD") == 3
    assert drawing.count("⇠ git") == 2


@pytest.mark.parametrize("found", data.SCENARIOS, ids=lambda s: s.name)
@pytest.mark.parametrize("width", [34, 60, 100])
def test_it_keeps_to_its_width_and_names_every_cluster(found: Scenario, width: int) -> None:
    drawing = draw(found, width)
    assert max(map(len, drawing.splitlines())) <= width
    for cluster in found.clusters:
        assert cluster.name in drawing.replace("─", " ").split()


def test_many_clusters_share_a_box() -> None:
    found = next(s for s in data.SCENARIOS if s.name == "ecommerce-platform")
    assert "12 clusters" in draw(found, 60)
    assert "12 clusters" not in draw(found, 240)


def test_hubs_that_do_not_know_each_other_stand_side_by_side_or_below() -> None:
    clusters = tuple(Cluster(name=n, role="management") for n in ("prod", "nonprod"))
    found = scenario(clusters, tuple(ArgoCD(on=c.name) for c in clusters))
    assert len(draw(found, 60).splitlines()) == 3
    assert len(draw(found, 20).splitlines()) == 6


def test_argo_cds_that_manage_each_other_are_drawn_once() -> None:
    clusters = tuple(Cluster(name=n, role="management") for n in ("a", "b"))
    found = scenario(clusters, (ArgoCD(on="a", manages=("b",)), ArgoCD(on="b", manages=("a",))))
    assert draw(found, 40).count("─ a ") == 1
    assert draw(found, 40).count("─ b ") == 1
