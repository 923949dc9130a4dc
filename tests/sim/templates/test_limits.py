"""Templates that would not end, that are too large, or that reach for Python: each ends with an error."""

from __future__ import annotations

import time

import pytest

from lab.sim.templates import sprig
from lab.sim.templates.calls import BudgetExceeded, ExecutionError
from lab.sim.templates.gotemplate import Budget, ParseError, Run, TemplateSet
from lab.sim.templates.render_tree import GoRenderer, TemplateFailure

FUNCTIONS = sprig.functions(lambda: 1_800_000_000.0, "seed")


def run(source: str, data: object = None, budget: Budget | None = None, missing: str = "default") -> str:
    templates = TemplateSet()
    templates.add("t", source, FUNCTIONS)
    return Run(templates.templates, FUNCTIONS, missing, budget).execute("t", data)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ('{{ define "r" }}{{ template "r" . }}{{ end }}{{ template "r" . }}', "exceeded maximum template depth"),
        ("{{ range until 2000 }}{{ range until 2000 }}{{ . }}{{ end }}{{ end }}", "more than 20000 steps"),
        ("{{ range until 1000 }}{{ range until 1000 }}{{ $x := . }}{{ end }}{{ end }}", "more than 20000 steps"),
        ("{{ range 9000000000 }}{{ end }}", "more than 20000 steps"),
        ('{{ range until 900 }}{{ repeat 1000 "x" }}{{ end }}', "larger than 500000 characters"),
        ("{{ range until 900 }}" + "x" * 1000 + "{{ end }}", "larger than 500000 characters"),
        ('{{ $x := "a" }}{{ range until 60 }}{{ $x = cat $x $x }}{{ end }}', "longer than"),
        ("{{ $x := list 1 }}{{ range until 60 }}{{ $x = concat $x $x }}{{ end }}", "longer than"),
    ],
)
def test_budget(source: str, says: str) -> None:
    started = time.monotonic()
    with pytest.raises(ExecutionError, match=says):
        run(source, budget=Budget(steps=20_000, characters=500_000))
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "source",
    [
        '{{ repeat 99999999 "xxxxxxxx" }}',
        "{{ until 99999999 }}",
        "{{ untilStep 0 99999999 1 }}",
        "{{ seq 99999999 }}",
        '{{ indent 99999999 "a\\nb" }}',
        "{{ randAlphaNum 99999999 }}",
        '{{ replace "" (repeat 1000000 "y") (repeat 1000000 "x") }}',
        '{{ printf "%99999999d" 1 | len }}{{ repeat -1 "x" }}',
        '{{ join (repeat 1000000 "x") (until 100000) }}',
    ],
)
def test_no_function_makes_something_huge(source: str) -> None:
    started = time.monotonic()
    with pytest.raises(ExecutionError, match=r"longer than|negative Repeat"):
        run(source)
    assert time.monotonic() - started < 2


def test_time_is_limited() -> None:
    with pytest.raises(BudgetExceeded, match="longer than 0 seconds"):
        run("{{ range until 1000 }}{{ . }}{{ end }}", budget=Budget(seconds=0))


@pytest.mark.parametrize(
    "source",
    [
        "{{ .__class__ }}",
        "{{ .text.__class__ }}",
        "{{ .text.upper }}",
        "{{ .list.append 1 }}",
        "{{ .list.__len__ }}",
        "{{ (now).year }}",
        "{{ .map.keys }}",
        "{{ .map.pop }}",
    ],
)
def test_nothing_of_python_is_reached(source: str) -> None:
    data = {"text": "x", "list": [1], "map": {"a": 1}}
    try:
        text = run(source, data)
    except ExecutionError:
        return
    assert text == "<no value>"


def test_deep_nesting_is_refused_not_crashed() -> None:
    for source in ("{{" + "(" * 100_000 + "1" + ")" * 100_000 + "}}", "{{ if true }}" * 5_000 + "{{ end }}" * 5_000):
        with pytest.raises(ParseError, match="max expression depth exceeded"):
            run(source)


def test_deep_values_do_not_crash() -> None:
    deep: dict[str, object] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    for source in ("{{ . }}", "{{ toJson . }}", "{{ toYaml . }}", "{{ deepCopy . }}"):
        renderer = GoRenderer()
        with pytest.raises(TemplateFailure):
            renderer.render_string(source, deep)


def test_the_same_seed_gives_the_same_chance() -> None:
    source = "{{ randAlphaNum 12 }} {{ uuidv4 }} {{ shuffle .x }} {{ randInt 0 1000000 }} {{ now | date .d }}"
    data = {"x": "abcdefgh", "d": "2006"}
    first = GoRenderer(seed="one", now=lambda: 0.0).render_string(source, data)
    assert first == GoRenderer(seed="one", now=lambda: 0.0).render_string(source, data)
    assert first != GoRenderer(seed="two", now=lambda: 0.0).render_string(source, data)
    assert first.endswith("1970")


@pytest.mark.parametrize("name", ["genPrivateKey", "htpasswd", "bcrypt"])
def test_what_cannot_be_repeated_is_refused_by_name(name: str) -> None:
    arguments = ' "rsa"' if name != "htpasswd" else ' "a" "b"'
    with pytest.raises(TemplateFailure, match=f"{name} is not supported by the simulator; use --provider kind"):
        GoRenderer().render_string("{{ " + name + arguments + " }}", {"x": 1})


@pytest.mark.parametrize("name", ["env", "expandenv", "getHostByName"])
def test_nothing_of_the_machine_is_known(name: str) -> None:
    with pytest.raises(TemplateFailure, match=f'function "{name}" not defined'):
        GoRenderer().render_string("{{ " + name + ' "HOME" }}', {"x": 1})


def test_parameters_are_not_changed_by_another_rendering() -> None:
    assert run("{{ range $k, $v := . }}{{ $k }}{{ end }}", {"b": 1, "a": 2, "c": 3}) == "abc"
