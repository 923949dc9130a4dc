"""What a lab takes, and which containers count as the lab's own."""

from dataclasses import fields, replace

import pytest

from lab.doctor import diagnose, estimate
from lab.doctor.need import ARGOCD, ARGOCD_UI, GIT, NODE, Share, need
from lab.doctor.ownership import MARK, OWNER, network
from lab.doctor.supplies import releases
from lab.providers import gitcontainer, kind
from lab.results import Finding
from lab.state import LabFolder, Options
from tests.fakes import machines as m


def test_shares_add_up_field_by_field() -> None:
    two = NODE + NODE
    assert two == NODE * 2
    assert {f.name: getattr(two, f.name) for f in fields(Share)} == {
        f.name: 2 * getattr(NODE, f.name) for f in fields(Share)
    }


def test_the_estimate_follows_the_scenario() -> None:
    assert estimate(m.scenario(workers=2, instances=1)) == 3 * NODE.memory + ARGOCD.memory + GIT.memory
    assert estimate(m.scenario(workers=2, instances=3)) == 3 * (NODE.memory + ARGOCD.memory) + GIT.memory
    with_ui = estimate(m.scenario(workers=2, instances=2), Options(ui=True))
    assert with_ui == 3 * NODE.memory + 2 * (ARGOCD.memory + ARGOCD_UI.memory) + GIT.memory


def test_the_smallest_lab_is_taken_without_a_scenario() -> None:
    assert estimate(None) == NODE.memory + ARGOCD.memory + GIT.memory


def test_what_runs_is_not_needed_again() -> None:
    found = need(m.scenario(workers=2), Options(), running={"hub", "w1"}, git=True, images=True)
    assert found.missing == ("w2",)
    assert found.rest == NODE
    everything = need(m.scenario(workers=2), Options(), running={"hub", "w1", "w2"}, git=True, images=True)
    assert everything.rest == Share()


def _memory(containers: tuple[m.Row, ...]) -> Finding:
    machine = m.with_engine(m.ubuntu(), containers=containers)
    found = diagnose(m.settings(), m.scenario(workers=1), machine=replace(machine, record=m.record()))
    return next(f for f in found.findings if f.id == "memory")


def test_only_own_running_clusters_lower_the_need() -> None:
    nothing = _memory(()).detail
    assert _memory((m.node("lab-w1", mark=None),)).detail == nothing
    assert _memory((m.node("lab-w1", state="exited"),)).detail == nothing
    assert _memory((m.node("lab-w1"),)).detail != nothing


def test_the_record_says_which_argocd_unless_asked_for_another() -> None:
    machine = replace(m.ubuntu(), record=m.record(options=Options(ui=True)))

    def detail(options: Options | None) -> str:
        found = diagnose(m.settings(), m.scenario(), machine=machine, options=options)
        return next(f.detail for f in found.findings if f.id == "memory")

    assert detail(None) == detail(Options(ui=True)) != detail(Options())


@pytest.mark.parametrize(
    ("include", "ui", "names"),
    [
        ("", False, ("core-install",)),
        ("", True, ("install",)),
        ("core-install", True, ("core-install", "install")),
        ("install", False, ("core-install", "install")),
    ],
)
def test_which_release_manifests_are_needed(include: str, ui: bool, names: tuple[str, ...]) -> None:
    assert releases(m.scenario(include=include), Options(ui=ui)) == names


def test_the_marks_are_those_of_the_provider() -> None:
    assert kind.MARK == MARK
    assert kind.OWNER_LABEL == gitcontainer.OWNER_LABEL == OWNER


@pytest.mark.parametrize("name", ["lab", "other"])
def test_the_network_is_that_of_the_provider(name: str) -> None:
    class Only(kind.Kind):
        def __init__(self) -> None:
            self._folder = LabFolder(m.HOME, name)

    assert Only().network == network(name)
