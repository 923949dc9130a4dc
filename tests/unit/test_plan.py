"""The plan is a graph in which everything comes after what it needs, and `down` is its mirror image."""

import socket
from pathlib import Path
from typing import Any

import pytest

from lab import plan
from lab.model import CAPABILITIES, Metadata, Scenario, Spec
from lab.plan import Plan
from lab.scenario import all_scenarios
from lab.settings import Settings
from lab.steps.step import Step
from tests.unit.test_engine import Piece

SETTINGS = Settings.from_environment({"HOME": "/nowhere"})
SHIPPED = {scenario.name: scenario for scenario in all_scenarios(SETTINGS)}


def scenario(**spec: Any) -> Scenario:
    clusters = [{"name": "hub", "role": "management"}, {"name": "w1", "role": "workload"}]
    values = {"clusters": clusters, "argocd": [{"on": "hub", "manages": ["w1"]}], **spec}
    metadata = Metadata(name="duo", title="Two", level="beginner", minutes=5)
    return Scenario(id="duo", folder=Path("/nowhere"), metadata=metadata, spec=Spec.model_validate(values))


def made(wanted: Scenario) -> Plan:
    return plan.make(wanted, SETTINGS)


def ids(steps: Plan) -> list[str]:
    return [step.id for step in steps]


def before(steps: Plan, first: str, then: str) -> bool:
    """Whether the graph itself, not only the order of the list, puts one before the other."""
    needs = {step.id: set(step.needs) for step in steps}
    found: set[str] = set()
    todo = [then]
    while todo:
        for need in needs[todo.pop()] - found:
            found.add(need)
            todo.append(need)
    return first in found


each = pytest.mark.parametrize("name", sorted(SHIPPED))


def test_the_shipped_scenarios_are_looked_at() -> None:
    assert set(SHIPPED) >= {"centralized", "distributed", "hybrid"}


@each
def test_every_step_comes_after_what_it_needs(name: str) -> None:
    steps = made(SHIPPED[name])
    assert len(set(ids(steps))) == len(steps)
    done: set[str] = set()
    for step in steps:
        assert set(step.needs) <= done, step.id
        done.add(step.id)


@each
def test_every_cluster_instance_and_link_has_its_steps(name: str) -> None:
    wanted = SHIPPED[name]
    found = set(ids(made(wanted)))
    expected = {"machine", "prepare", "git", "stage:argocd", "stage:workload"}
    for cluster in wanted.clusters:
        expected |= {f"create:{cluster.name}", f"ready:{cluster.name}"}
        if cluster.images != ():
            expected.add(f"load:{cluster.name}:workload")
    for instance in wanted.spec.argocd:
        expected |= {f"load:{instance.on}:argocd", f"argocd-ready:{instance.on}"}
        if instance.via == "lab":
            expected |= {f"argocd:{instance.on}", f"register:{instance.on}/{instance.on}"}
            expected |= {
                f"{what}:{instance.on}/{other}" for other in instance.manages for what in ("register", "probe")
            }
    for repository in wanted.spec.repositories:
        expected |= {f"push:{repository.name}", f"clone:{repository.name}"}
    expected |= {f"bootstrap:{b.on}:{b.apply}" for b in wanted.spec.bootstrap}
    assert found == expected


@each
def test_the_hub_is_made_first_and_the_machine_looked_at_before(name: str) -> None:
    order = ids(made(SHIPPED[name]))
    assert order[:2] == ["machine", "prepare"]
    created = [step for step in order if step.startswith("create:")]
    assert created[0] == f"create:{SHIPPED[name].hub.name}"
    assert len(created) == len(SHIPPED[name].clusters)


@each
def test_argo_cd_installs_while_other_clusters_are_made(name: str) -> None:
    steps = made(SHIPPED[name])
    hub = SHIPPED[name].hub.name
    for cluster in SHIPPED[name].clusters:
        if cluster.name != hub:
            assert not before(steps, f"create:{cluster.name}", f"argocd:{hub}")
            assert not before(steps, f"argocd:{hub}", f"create:{cluster.name}")


@each
def test_the_bootstrap_finds_repositories_and_registrations(name: str) -> None:
    steps = made(SHIPPED[name])
    bootstraps = [step for step in ids(steps) if step.startswith("bootstrap:")]
    assert bootstraps
    for bootstrap in bootstraps:
        for step in ids(steps):
            if step.startswith(("push:", "register:")):
                assert before(steps, step, bootstrap)


@each
def test_down_takes_applications_before_clusters_before_the_network(name: str) -> None:
    steps = plan.reverse(made(SHIPPED[name]))
    order = ids(steps)
    bootstraps = [step for step in order if step.startswith("bootstrap:")]
    clusters = [step for step in order if step.startswith("create:")]
    assert order[-1] == "prepare"
    assert set(order) == {*bootstraps, *clusters, "prepare"}
    for cluster in clusters:
        assert before(steps, cluster, "prepare")
        for bootstrap in bootstraps:
            assert before(steps, bootstrap, cluster)
    for one in clusters:
        assert not any(before(steps, other, one) for other in clusters)


def test_down_without_a_bootstrap_still_takes_clusters_before_the_network() -> None:
    steps = plan.reverse(made(scenario()))
    assert ids(steps)[-1] == "prepare"
    assert set(steps[-1].needs) == {"create:hub", "create:w1"}


def test_making_a_plan_asks_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    settings = Settings.from_environment({"HOME": str(tmp_path)})
    assert len(plan.make(SHIPPED["centralized"], settings)) > 15
    assert list(tmp_path.iterdir()) == []


def test_what_is_said_twice_is_done_once() -> None:
    bootstrap = {"on": "hub", "apply": "a.yaml"}
    steps = made(scenario(bootstrap=[bootstrap, bootstrap]))
    assert ids(steps).count("bootstrap:hub:a.yaml") == 1


def test_a_bootstrap_may_be_for_a_cluster_without_an_argo_cd() -> None:
    steps = made(scenario(bootstrap=[{"on": "w1", "apply": "a.yaml"}]))
    assert before(steps, "create:w1", "bootstrap:w1:a.yaml")


def test_an_argo_cd_that_comes_from_git_is_awaited_not_installed() -> None:
    argocd = [{"on": "hub", "manages": ["w1"]}, {"on": "w1", "via": "git"}]
    steps = made(scenario(argocd=argocd, bootstrap=[{"on": "hub", "apply": "a.yaml"}]))
    assert "argocd:w1" not in ids(steps)
    assert before(steps, "bootstrap:hub:a.yaml", "argocd-ready:w1")
    assert "load:w1:argocd" in ids(steps)


def test_without_workload_images_nothing_is_loaded_for_them() -> None:
    assert [step for step in ids(made(scenario())) if step.startswith("load:")] == ["load:hub:argocd"]


def test_the_hub_is_first_wherever_it_stands_in_the_file() -> None:
    clusters = [{"name": "w1", "role": "workload"}, {"name": "hub", "role": "management"}]
    order = ids(made(scenario(clusters=clusters)))
    assert order.index("create:hub") < order.index("create:w1")


# --- parts of a plan ------------------------------------------------------------------------------------------------


def test_only_keeps_what_touches_no_other_cluster() -> None:
    steps = plan.only(made(SHIPPED["centralized"]), {"hub", "w1"})
    found = ids(steps)
    assert {"create:hub", "create:w1", "register:hub/w1", "probe:hub/w1", "git", "prepare"} <= set(found)
    assert not [step for step in found if "w2" in step]
    for step in steps:
        assert set(step.needs) <= set(found)
    alone = ids(plan.only(made(SHIPPED["centralized"]), {"w1"}))
    assert "register:hub/w1" not in alone
    assert "create:w1" in alone


def pieces(**needs: tuple[str, ...]) -> list[Step]:
    return [Piece(name=name, needs=wanted) for name, wanted in needs.items()]


def test_among_equals_the_given_order_counts() -> None:
    assert ids(plan.ordered(pieces(c=(), a=(), b=()))) == ["c", "a", "b"]
    assert ids(plan.ordered(pieces(c=("b",), a=(), b=()))) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        ({"a": ("b",), "b": ("a",)}, "need each other"),
        ({"a": ("a",)}, "need each other"),
        ({"a": ("x",)}, "a needs x, which is not in the plan"),
    ],
)
def test_a_graph_that_cannot_be_walked_is_a_defect(needs: dict[str, tuple[str, ...]], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        plan.ordered(pieces(**needs))


def test_two_steps_of_one_name_are_a_defect() -> None:
    with pytest.raises(ValueError, match="one id"):
        plan.ordered([Piece(name="a"), Piece(name="a")])


def test_the_reverse_keeps_what_lies_between() -> None:
    """Two steps that undo something, with one between them that does not."""

    class Back(Piece):
        undoes = True

    steps = plan.ordered([Back(name="a"), Piece(name="b", needs=("a",)), Back(name="c", needs=("b",))])
    back = plan.reverse(steps)
    assert ids(back) == ["c", "a"]
    assert back[1].needs == ("c",)


@each
def test_where_no_container_runs_nothing_is_fetched_and_all_else_keeps_its_place(name: str) -> None:
    whole = made(SHIPPED[name])
    rest = plan.make(SHIPPED[name], SETTINGS, able=CAPABILITIES - {"runs_containers"})
    left_out = [step for step in whole if step.id not in ids(rest)]
    assert {step.id.partition(":")[0] for step in left_out} == {"stage", "probe"}
    assert ids(rest) == [step.id for step in whole if step not in left_out]
    pairs = [(one.id, other.id) for one in rest for other in rest]
    assert [pair for pair in pairs if before(whole, *pair)] == [pair for pair in pairs if before(rest, *pair)]
