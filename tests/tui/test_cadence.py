"""How often the lab is asked."""

from lab.tui.cadence import CALM, EVERY, QUIET, SLOWEST, STALE, Cadence


def test_one_question_at_a_time_and_a_pause_between() -> None:
    cadence = Cadence()
    assert cadence.due(0)
    cadence.ask(0)
    assert not cadence.due(100)
    cadence.answered(1, changed=True)
    assert not cadence.due(EVERY - 0.1)
    assert cadence.due(EVERY)


def test_a_quiet_lab_is_asked_less_often_until_a_person_does_something() -> None:
    cadence = Cadence()
    for now in range(CALM):
        cadence.answered(now, changed=False)
    assert cadence.pause == QUIET
    cadence.hurry()
    assert cadence.pause == EVERY
    assert cadence.due(0)


def test_a_silent_lab_is_asked_less_and_less_often_and_soon_again_once_it_answers() -> None:
    cadence = Cadence()
    pauses = []
    for _ in range(6):
        cadence.failed()
        pauses.append(cadence.pause)
    assert pauses == sorted(pauses)
    assert pauses[-1] == SLOWEST
    cadence.answered(0, changed=False)
    assert cadence.pause == EVERY


def test_an_answer_grows_old_even_while_the_next_one_is_awaited() -> None:
    cadence = Cadence()
    assert cadence.age(100) is None
    cadence.answered(100, changed=True)
    cadence.ask(103)
    assert cadence.age(100 + STALE) is None
    assert cadence.age(100 + STALE + 1) == STALE + 1


def test_a_quiet_lab_is_asked_before_its_answer_is_old() -> None:
    assert QUIET < STALE
