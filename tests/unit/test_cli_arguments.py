"""What the command line takes, and what it says when it cannot be read."""

import pytest

from lab import arguments
from lab.errors import LabError


def refused(*words: str) -> LabError:
    with pytest.raises(LabError) as caught:
        arguments.parse(words)
    assert caught.value.code == "usage"
    return caught.value


@pytest.mark.parametrize("verb", arguments.VERBS)
def test_every_verb_takes_the_options_of_every_verb_on_both_sides(verb):
    own = {"plan": ["x"], "up": ["x"], "completion": ["bash"]}.get(verb, [])
    before = arguments.parse(["--name", "one", "--output", "json", "-v", verb, *own])
    after = arguments.parse([verb, *own, "-v", "--output=json", "--name=one"])
    assert vars(before) == vars(after)
    assert (before.verb, before.name, before.output, before.verbose) == (verb, "one", "json", 1)


def test_the_lab_is_named_lab_unless_the_environment_says_otherwise(monkeypatch):
    monkeypatch.delenv("LAB_NAME", raising=False)
    assert arguments.parse(["status"]).name == "lab"
    monkeypatch.setenv("LAB_NAME", "other")
    assert arguments.parse(["status"]).name == "other"
    assert arguments.parse(["status", "--name", "mine"]).name == "mine"


def test_a_value_is_not_taken_for_the_verb():
    args = arguments.parse(["--name", "up", "status"])
    assert (args.verb, args.name) == ("status", "up")


def test_up_leaves_open_what_was_not_said():
    args = arguments.parse(["up"])
    assert (args.scenario, args.ui, args.timing, args.provider) == ("", None, None, "auto")


@pytest.mark.parametrize(
    ("words", "problem", "fix"),
    [
        (["statsu"], "there is no verb statsu; the nearest is status", "lab status"),
        (["zzzz"], "there is no verb zzzz", "lab --help"),
        (["status", "--ouptut", "json"], "`lab status` has no option --ouptut; the nearest is --output", "lab status"),
        (["up", "-rf"], "`lab up` has no option -rf", "lab up --help"),
        (["up", "--name", "-rf"], "--name: expected one argument", "lab up --help"),
        (["up", "one", "two"], "`lab up` takes no more words, found two", "lab up --help"),
        (["lesson", "one"], "STEP: invalid int value: 'one'", "lab lesson --help"),
        (["lesson", "--solve", "--jump"], "not allowed with argument --solve", "lab lesson --help"),
        (["completion", "tcsh"], "invalid choice: 'tcsh'", "lab completion --help"),
        (["--output", "yaml", "status"], "--output/-o: invalid choice: 'yaml'", "lab status --help"),
        (["-v"], "a verb is missing", "lab --help"),
        (["status", "--outp", "json"], "has no option --outp", "lab status --help"),
    ],
)
def test_usage_errors_name_the_word_and_the_nearest_valid_one(words, problem, fix):
    error = refused(*words)
    assert problem in error.what
    assert error.fix.startswith(fix)
    assert error.exit_code == 2


def test_text_of_the_learner_is_not_a_template():
    assert "{tool}" in refused("status", "--{tool}").what


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--output", "json", "nonsense"], True),
        (["nonsense", "-o", "json"], True),
        (["--output=json"], True),
        (["--output"], False),
        (["--output", "text", "json"], False),
        (["up", "json"], False),
    ],
)
def test_json_is_recognised_in_a_line_that_cannot_be_read(words, expected):
    assert arguments.wants_json(words) is expected


def test_the_overview_lists_every_verb_once():
    lines = [line.split()[0] for line in arguments.overview().splitlines() if line.startswith("  ") and line.strip()]
    listed = [word for word in lines if word in arguments.VERBS]
    assert sorted(listed) == sorted(arguments.VERBS)
    assert all(len(line) <= 100 for line in arguments.overview().splitlines())


@pytest.mark.parametrize("verb", arguments.VERBS)
def test_the_example_of_every_verb_can_be_read(verb):
    import shlex

    example = arguments.VERBS[verb][3]
    inner = example.split("$(")[-1].rstrip(')"') if "$(" in example else example
    program, *words = shlex.split(inner)
    assert program == "lab"
    assert arguments.parse(words).verb == verb
