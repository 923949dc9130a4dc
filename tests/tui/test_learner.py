"""Where the learner is and what is known of the checks."""

from dataclasses import replace

from lab.events import CheckFinished, CheckRetried, CheckStarted
from lab.tui.learner import Learner, merged
from tests.tui import data

KNOWN = {check.id: check for check in data.AFTER_UP}


def at(step: int) -> Learner:
    learner = Learner()
    learner.look(data.lesson(step))
    learner.know(data.AFTER_UP)
    return learner


def test_browsing_counts_from_the_step_asked_for_last() -> None:
    learner = at(3)
    assert learner.browse(-1) == ""
    assert learner.browse(-1) == ""
    assert learner.wanted == 1
    assert learner.browse(-1) == "this is the first step"
    learner.arrive(data.lesson(2))
    assert learner.shown == data.lesson(3), "an answer that nobody waits for any more is dropped"
    learner.arrive(data.lesson(1))
    assert learner.shown == data.lesson(1)


def test_browsing_back_to_where_one_is_needs_no_question() -> None:
    learner = at(3)
    learner.browse(1)
    learner.arrive(data.lesson(4))
    assert learner.browse(-1) == ""
    assert (learner.wanted, learner.shown) == (0, data.lesson(3))


def test_the_last_step_and_no_lesson_at_all() -> None:
    assert at(8).browse(1) == "this is the last step"
    assert Learner().browse(1) == "there is no lesson"


def test_moving_on_takes_the_screen_along_and_closes_the_hint() -> None:
    learner = at(3)
    learner.hint = True
    learner.browse(-1)
    learner.look(data.lesson(3))
    assert (learner.wanted, learner.hint) == (2, True)
    learner.look(data.lesson(4))
    assert (learner.wanted, learner.hint, learner.shown) == (0, False, data.lesson(4))


def test_what_the_lesson_saw_wins_over_what_was_known() -> None:
    board = at(3).board
    assert board["staging-scaled"].state == "failed"
    assert board["staging-scaled"].phase == "lesson"
    assert board["staging-scaled"].cluster == "w2"
    assert board["web-w1"].state == "passed"


def test_evidence_stays_as_long_as_the_outcome_stands() -> None:
    failed = replace(KNOWN["web-w2"], state="failed", reason="got Degraded", evidence=("ImagePullBackOff",))
    again = replace(failed, evidence=())
    assert merged({"web-w2": failed}, [again], None)["web-w2"].evidence == ("ImagePullBackOff",)
    other = replace(again, reason="got Missing")
    assert merged({"web-w2": failed}, [other], None)["web-w2"].evidence == ()


def test_the_usual_checks_are_the_step_s_and_the_lab_s_without_drills() -> None:
    learner = at(3)
    assert learner.usual == ("staging-scaled", *(check.id for check in data.CHECKS if check.phase == "up"))
    drill = replace(data.lesson(3).checks[0], id="hub-loss")
    learner.look(replace(data.lesson(7), checks=(drill,)))
    assert learner.deciding == ("hub-loss",)
    assert "hub-loss" not in learner.usual


def test_a_drill_that_nobody_asked_for_is_not_missing() -> None:
    learner = at(1)
    assert learner.held(["web-w1", "hub-loss"]) == (1, 1)
    learner.board["hub-loss"] = replace(learner.board["hub-loss"], state="failed")
    assert learner.held(["web-w1", "hub-loss"]) == (1, 2)


def test_a_run_is_heard_while_it_goes_on() -> None:
    learner = at(3)
    learner.hear([CheckStarted(check="web-w2", title="web-w2 is well", cluster="hub")])
    learner.hear([CheckRetried(check="web-w2", mismatch="got a, want b")])
    row = learner.board["web-w2"]
    assert (row.state, row.reason, row.phase) == ("running", "got a, want b", "up")
    assert row.hint == KNOWN["web-w2"].hint
    learner.hear([CheckFinished(check="web-w2", title="web-w2 is well", outcome="failed", evidence=("pod",))])
    assert (learner.board["web-w2"].state, learner.board["web-w2"].evidence) == ("failed", ("pod",))


def test_the_hint_that_helps_most_is_that_of_the_first_failure() -> None:
    learner = at(3)
    assert learner.hinting("web-w2") == ""
    learner.hint = True
    assert learner.hinting("web-w2") == "staging-scaled"
    learner.look(data.lesson(3, done=True))
    learner.know(data.AFTER_UP)
    assert learner.hinting("web-w2") == "web-w2"
