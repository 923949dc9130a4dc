"""The bound that runs are measured against."""

import pytest

from lab.events import RunFinished, RunStarted, StepFinished, StepInfo
from tests.bench.critical_path import durations, lower_bound, of_log, shortest
from tests.bench.measure import Figure, percentile, skipped

A = StepInfo(id="a", title="a")
B = StepInfo(id="b", title="b", needs=("a",))
C = StepInfo(id="c", title="c", needs=("a",))
D = StepInfo(id="d", title="d", needs=("b", "c"))
SECONDS = {"a": 1.0, "b": 5.0, "c": 2.0, "d": 3.0}


def test_the_longest_way_through_the_graph():
    assert lower_bound((A, B, C, D), SECONDS) == 9.0


def test_steps_that_share_one_slot_add_up():
    assert lower_bound((A, B, C, D), SECONDS, [(("b", "c"), 1)]) == 11.0


def test_enough_slots_change_nothing():
    assert lower_bound((A, B, C, D), SECONDS, [(("b", "c"), 2)]) == 9.0


def test_work_that_can_begin_early_does_not_raise_the_bound_of_the_rest():
    steps = (A, StepInfo(id="x", title="x"), B, C)
    # x is done in the shared slot before b and c could begin: 4 + 7 / 1, not 4 + 8 / 1 and not 8.
    seconds = {"a": 4.0, "x": 1.0, "b": 5.0, "c": 2.0}
    assert lower_bound(steps, seconds, [(("x", "b", "c"), 1)]) == 11.0


def test_steps_without_duration_take_none():
    assert lower_bound((A, B), {}) == 0.0
    assert lower_bound((), {}) == 0.0


@pytest.fixture
def log(tmp_path):
    steps = tuple(StepInfo(id=f"create:{name}", title=name) for name in ("hub", "w1", "w2"))
    events = [
        RunStarted(time=100.0, command="up", lab="lab", scenario="s", provider="kind", steps=steps),
        StepFinished(time=120.0, step="create:hub", outcome="done", seconds=20.0),
        StepFinished(time=120.0, step="create:w1", outcome="done", seconds=20.0),
        StepFinished(time=141.0, step="create:w2", outcome="done", seconds=20.0),
        RunFinished(time=160.0, outcome="success", exit_code=0, seconds=60.0),
    ]
    path = tmp_path / "run.jsonl"
    path.write_text("".join(event.to_json() + "\n" for event in events))
    return path


def test_a_recorded_run(log):
    assert of_log(log, slots=2) == (41.0, 40.0)
    assert of_log(log, slots=1) == (41.0, 60.0)
    assert durations(log) == {"create:hub": 20.0, "create:w1": 20.0, "create:w2": 20.0}


def test_a_log_without_a_run(tmp_path):
    path = tmp_path / "empty.jsonl"
    path.write_text("")
    with pytest.raises(ValueError, match="holds no run"):
        of_log(path, 2)


@pytest.mark.parametrize(("share", "value"), [(0.95, 10.0), (0.9, 9.0), (0.5, 5.0)])
def test_percentile(share, value):
    assert percentile([float(n) for n in range(10, 0, -1)], share) == value


def test_a_figure_holds_up_to_its_limit():
    assert Figure(value=3.0, unit="x", limit=3.0).holds
    assert not Figure(value=3.01, unit="x", limit=3.0).holds
    assert skipped("no Docker").holds


@pytest.mark.parametrize(
    ("pieces", "slots", "wanted"),
    [([], 2, 0.0), ([3.0], 2, 3.0), ([3.0, 3.0, 3.0], 2, 6.0), ([4.0, 3.0, 3.0, 2.0], 2, 6.0), ([1.0] * 12, 3, 4.0)],
)
def test_work_that_cannot_be_cut_takes_as_long_as_its_best_split(
    pieces: list[float], slots: int, wanted: float
) -> None:
    assert shortest(pieces, slots) == wanted
