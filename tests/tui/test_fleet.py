"""The grid of applications and clusters."""

from dataclasses import replace

import pytest

from lab.results import FleetCell
from lab.tui.fleet import arrange, base_name, well
from lab.tui.states import APPLICATION, CHECK, CLUSTER, OUTCOME, STEP, VERDICT, application
from tests.tui import data


def cell(application: str, cluster: str = "w1", **values: str) -> FleetCell:
    state = {"sync": "Synced", "health": "Healthy", "instance": "hub", "namespace": "shop"} | values
    return FleetCell(application=application, cluster=cluster, **state)


@pytest.mark.parametrize(
    ("sync", "health", "word"),
    [
        ("Synced", "Healthy", "Synced"),
        ("OutOfSync", "Healthy", "OutOfSync"),
        ("OutOfSync", "Missing", "Missing"),
        ("Synced", "Degraded", "Degraded"),
        ("OutOfSync", "Progressing", "Progressing"),
        ("Synced", "Suspended", "Suspended"),
        ("Unknown", "Healthy", "Unknown"),
        ("Synced", "Unknown", "Unknown"),
        ("unreachable", "unreachable", "no answer"),
    ],
)
def test_two_words_of_argo_cd_make_one_state(sync: str, health: str, word: str) -> None:
    assert application(sync, health).word == word


def test_every_state_has_a_glyph_and_a_word_so_that_colour_is_not_needed() -> None:
    for table in (APPLICATION, CHECK, CLUSTER, OUTCOME, STEP, VERDICT):
        for mark in table.values():
            assert mark.glyph.strip()
            assert mark.word
        looks = [(mark.glyph, mark.word) for mark in table.values()]
        assert len(set(looks)) == len(looks)
    assert all(len(mark.short or mark.word) <= 8 for mark in APPLICATION.values())


def test_applications_named_after_their_cluster_share_a_row() -> None:
    fleet = arrange(data.UP)
    assert fleet.columns == ("hub", "w1", "w2")
    assert [row.name for row in fleet.rows] == ["ingress", "root", "web"]
    assert fleet.place("hub/web", "w2").cells[0].application == "web-w2"
    assert not fleet.place("hub/web", "hub").cells
    assert not fleet.many


@pytest.mark.parametrize(
    ("application", "cluster", "appset", "base"),
    [
        ("web-w1", "w1", "", "web"),
        ("web-w1", "w2", "", "web-w1"),
        ("w1-web", "w1", "web", "web"),
        ("w1-web", "w1", "", "w1-web"),
        ("-w1", "w1", "", "-w1"),
        ("", "hub", "", "Argo CD"),
    ],
)
def test_base_names(application: str, cluster: str, appset: str, base: str) -> None:
    assert base_name(cell(application, cluster, applicationset=appset)) == base


def test_two_argo_cds_keep_their_rows_apart() -> None:
    status = replace(data.UP, fleet=(cell("web-w1"), cell("web-w1", instance="w1", health="Degraded")))
    fleet = arrange(status)
    assert [(row.name, row.instance) for row in fleet.rows] == [("web", "hub"), ("web", "w1")]
    assert fleet.many


def test_several_in_one_place_show_the_worst_and_how_many() -> None:
    status = replace(data.UP, fleet=(cell("web-w1"), cell("web.w1", health="Degraded"), cell("web-w1")))
    place = arrange(status).place("hub/web", "w1")
    assert place.mark.word == "Degraded"
    assert place.word(20) == "Degraded ×3"


def test_an_unknown_destination_gets_a_column_of_its_own() -> None:
    assert arrange(replace(data.UP, fleet=(cell("lost", "?"),))).columns == ("hub", "w1", "w2", "?")


def test_words_use_the_width_they_get() -> None:
    place = arrange(replace(data.UP, fleet=(cell("web-w1", health="Progressing", revision="4a1f2c7"),))).place(
        "hub/web", "w1"
    )
    assert place.word(8) == "Progress"
    assert place.word(12) == "Progressing"
    assert place.word(19) == "Progressing 4a1f2c7"


@pytest.mark.parametrize(
    ("text", "rows"), [("we", ["web"]), ("degraded", ["web"]), ("", ["ingress", "root", "web"]), ("zz", [])]
)
def test_finding_looks_at_names_and_states(text: str, rows: list[str]) -> None:
    assert [row.name for row in arrange(data.DEGRADED).matching(text).rows] == rows


def test_well_counts_only_synced_and_healthy() -> None:
    assert well(data.UP.fleet) == 6
    assert well(data.DEGRADED.fleet) == 2
