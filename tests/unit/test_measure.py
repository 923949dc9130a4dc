"""What a lab costs, and the shapes side by side."""

from pathlib import Path
from typing import Any

import pytest

from lab.argocd.secret_data import encode
from lab.checks import outcomes
from lab.errors import LabError
from lab.operations.measure import FILE, KEPT, decision_table, history, measure
from lab.results import CheckResult, DecisionTable
from tests.fakes.kube import FakeKube
from tests.fakes.stand_in import StandIn, check, stand_in

GIB = 2**30
DRILLS = [
    check(id="hub-loss", title="w1 keeps serving while the hub is down", phase="drill", script="loss.sh"),
    check(id="hub-loss-commit", title="w1 applies a commit while the hub is down", phase="drill", script="commit.sh"),
    check(id="team", phase="up", expect={"kind": "Namespace", "name": "team"}),
]


def pods(kube: FakeKube, number: int) -> None:
    for n in range(number):
        kube.add({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"p{n}", "namespace": "web"}})


def applications(kube: FakeKube, number: int) -> None:
    for n in range(number):
        metadata = {"name": f"a{n}", "namespace": "argocd"}
        kube.add({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata})


def registered(kube: FakeKube, *servers: str) -> None:
    for n, server in enumerate(servers):
        labels = {"argocd.argoproj.io/secret-type": "cluster"}
        metadata = {"name": f"cluster-{n}", "namespace": "argocd", "labels": labels}
        kube.add({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encode({"server": server})})


def build(folder: Path, name: str = "centralized", argocd: tuple[str, ...] = ("hub",)) -> StandIn:
    stand = stand_in(folder, checks=DRILLS, name=f"03-multi-cluster/{name}", argocd=argocd)
    stand.provider.memory = {"hub": 2 * GIB, "w1": GIB // 2, "w2": GIB // 2}
    pods(stand.hub, 3)
    pods(stand.kubes["w1"], 1)
    applications(stand.hub, 4)
    registered(
        stand.hub,
        "https://kubernetes.default.svc",
        "https://lab-w1-control-plane:6443",
        "https://lab-w2-control-plane:6443",
    )
    return stand


def cells(table: DecisionTable) -> dict[str, tuple[str, ...]]:
    return {row.criterion: row.cells for row in table.rows}


def push(stand: StandIn, **per_cluster: Any) -> None:
    stand.lab.folder.note("pushed", repository="platform", revision="a" * 40, seconds=9.0, per_cluster=per_cluster)


def test_what_each_cluster_costs(tmp_path: Path) -> None:
    found = measure(build(tmp_path).lab)
    hub, w1, w2 = found.clusters
    assert (hub.cluster, hub.memory_bytes, hub.pods, hub.argocd) == ("hub", 2 * GIB, 3, True)
    assert (hub.applications, hub.credentials) == (4, 2)
    assert (w1.cluster, w1.memory_bytes, w1.pods, w1.argocd) == ("w1", GIB // 2, 1, False)
    assert (w1.applications, w1.credentials) == (None, None)
    assert w2.pods == 0
    assert (found.scenario, found.provider, found.time) == ("03-multi-cluster/centralized", "kind", 1_700_000_000.0)


def test_what_cannot_be_had_is_none_not_zero(tmp_path: Path) -> None:
    stand = build(tmp_path)
    stand.hub.reachable = False
    stand.provider.states = {"w1": "paused"}
    stand.provider.memory["w2"] = 0
    hub, w1, w2 = measure(stand.lab).clusters
    assert (hub.memory_bytes, hub.pods, hub.applications, hub.credentials) == (2 * GIB, None, None, None)
    assert (w1.memory_bytes, w1.pods) == (None, None)
    assert w2.memory_bytes is None


def test_the_time_to_synced_is_the_median_of_the_pushes(tmp_path: Path) -> None:
    stand = build(tmp_path)
    for w1, w2 in ((3.0, 9.0), (30.0, 1.0), (4.0, 2.0)):
        push(stand, w1=w1, w2=w2)
    push(stand, w1=5.0, broken="x")
    stand.lab.folder.note("step-done", per_cluster={"w1": 1000})
    stand.lab.folder.note("pushed", per_cluster="nothing")
    hub, w1, w2 = measure(stand.lab).clusters
    assert (hub.synced_seconds, hub.pushes) == (None, 0)
    assert (w1.synced_seconds, w1.pushes) == (4.5, 4)
    assert (w2.synced_seconds, w2.pushes) == (2.0, 3)


def test_what_the_drills_showed(tmp_path: Path) -> None:
    stand = build(tmp_path)
    results = [
        CheckResult(id="hub-loss", title="old", outcome="passed"),
        CheckResult(id="hub-loss-commit", title="t", outcome="skipped"),
        CheckResult(id="team", title="t", outcome="passed"),
    ]
    outcomes.remember(stand.lab.folder, results, 42.0)
    found = measure(stand.lab).survival
    assert [(s.check, s.title, s.outcome, s.time) for s in found] == [
        ("hub-loss", "w1 keeps serving while the hub is down", "passed", 42.0)
    ]


def test_a_paused_lab_is_not_measured(tmp_path: Path) -> None:
    stand = build(tmp_path)
    stand.provider.states = {"hub": "paused", "w1": "paused", "w2": "paused"}
    with pytest.raises(LabError) as raised:
        measure(stand.lab)
    assert raised.value.code == "lab-paused"
    assert history(stand.lab.settings.home) == {}


def test_history_is_private_bounded_and_reads_back(tmp_path: Path) -> None:
    stand = build(tmp_path)
    outcomes.remember(stand.lab.folder, [CheckResult(id="hub-loss", title="t", outcome="failed")], 42.0)
    for _ in range(KEPT + 2):
        stand.clock.advance(1)
        last = measure(stand.lab)
    kept = history(stand.lab.settings.home)["03-multi-cluster/centralized"]
    assert len(kept) == KEPT
    assert kept[-1] == last
    assert (stand.lab.settings.home / FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": [{}]}', '{"a": [{"clusters": [{"x": 1}], "survival": []}]}'])
def test_a_damaged_history_is_empty_and_can_be_written_again(tmp_path: Path, text: str) -> None:
    stand = build(tmp_path)
    home = stand.lab.settings.home
    home.mkdir(parents=True)
    (home / FILE).write_text(text)
    assert history(home) == {}
    measure(stand.lab)
    assert len(history(home)) == 1


def test_a_table_before_anything_was_measured(tmp_path: Path) -> None:
    table = decision_table(tmp_path)
    assert table.columns == ("centralized", "distributed", "hybrid")
    rows = cells(table)
    assert rows.pop("best for (the tutorial's advice)")[:2] == (
        "fewer than 50 clusters",
        "50 clusters and more, or teams that must not share",
    )
    assert set(rows.values()) == {
        (
            "not measured yet: lab up centralized",
            "not measured yet: lab up distributed",
            "not measured yet: lab up hybrid",
        )
    }


def test_the_table_of_a_measured_lab(tmp_path: Path) -> None:
    stand = build(tmp_path)
    push(stand, w1=3.2, w2=4.0)
    drills = [
        CheckResult(id="hub-loss", title="t", outcome="passed"),
        CheckResult(id="hub-loss-commit", title="t", outcome="failed"),
    ]
    outcomes.remember(stand.lab.folder, drills, 42.0)
    measure(stand.lab)
    first = {criterion: row[0] for criterion, row in cells(decision_table(stand.lab.settings.home)).items()}
    assert first == {
        "single pane of glass": "yes: hub shows all 4 applications",
        "isolation": "credentials of other clusters: hub 2",
        "resources": "3.0 GiB, 4 pods, 1 Argo CD",
        "memory per cluster": "hub 2.0 GiB, w1 512 MiB, w2 512 MiB",
        "commit to Synced": "w1 3.2 s, w2 4.0 s (1 push)",
        "single point of failure": "shown: w1 keeps serving while the hub is down; "
        "not so: w1 applies a commit while the hub is down",
        "measured": "2023-11-14 on kind",
        "best for (the tutorial's advice)": "fewer than 50 clusters",
    }


def test_several_instances_are_no_single_pane(tmp_path: Path) -> None:
    stand = build(tmp_path, "distributed", argocd=("hub", "w1"))
    applications(stand.kubes["w1"], 2)
    registered(stand.kubes["w1"], "https://kubernetes.default.svc")
    measure(stand.lab)
    rows = cells(decision_table(stand.lab.settings.home))
    assert rows["single pane of glass"][1] == "no: hub shows 4, w1 shows 2"
    assert rows["isolation"][1] == "credentials of other clusters: hub 2, w1 0"
    assert rows["resources"][1] == "3.0 GiB, 4 pods, 2 Argo CDs"
    assert rows["resources"][0] == "not measured yet: lab up centralized"


def test_an_empty_cell_of_a_measured_lab_says_what_would_fill_it(tmp_path: Path) -> None:
    stand = build(tmp_path)
    measure(stand.lab)
    rows = cells(decision_table(stand.lab.settings.home))
    assert rows["commit to Synced"][0] == "not measured yet: lab push && lab measure"
    assert rows["single point of failure"][0] == "not measured yet: lab check --drills && lab measure"


def test_the_newest_measurement_that_says_something_counts(tmp_path: Path) -> None:
    stand = build(tmp_path)
    push(stand, w1=3.0)
    measure(stand.lab)
    (stand.lab.folder.path / "journal.jsonl").unlink()
    pods(stand.kubes["w2"], 5)
    measure(stand.lab)
    rows = cells(decision_table(stand.lab.settings.home))
    assert rows["commit to Synced"][0] == "w1 3.0 s (1 push)"
    assert rows["resources"][0] == "3.0 GiB, 9 pods, 1 Argo CD"


def test_a_simulated_lab_says_so(tmp_path: Path) -> None:
    stand = build(tmp_path)
    stand.provider.name = "sim"
    stand.provider.memory = {}
    measure(stand.lab)
    rows = cells(decision_table(stand.lab.settings.home))
    assert rows["measured"][0] == "2023-11-14 on sim (simulated)"
    assert rows["resources"][0] == "4 pods, 1 Argo CD"
    assert rows["memory per cluster"][0] == "not measured yet: lab up centralized --provider kind"


def test_what_was_simulated_never_stands_in_for_what_was_measured(tmp_path: Path) -> None:
    stand = build(tmp_path)
    measure(stand.lab)
    real = cells(decision_table(stand.lab.settings.home))
    stand.provider.name = "sim"
    measure(stand.lab)
    assert cells(decision_table(stand.lab.settings.home)) == real
