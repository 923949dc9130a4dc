"""The one place that writes: which stream gets what, and questions."""

import io
import sys

import pytest
from rich.text import Text

from lab.errors import LabError
from lab.report.writer import Writer


class Terminal(io.StringIO):
    """A stream that a person looks at or types into."""

    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


def sit_down(monkeypatch, words=""):
    """Standard streams of a person at a terminal who types these words; set in the test, or pytest takes them back."""
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, Terminal())
    monkeypatch.setattr(sys, "stdin", Terminal(words))


def answered(monkeypatch, words):
    sit_down(monkeypatch, words)
    Writer("down").ask("Lab lab goes.", "lab down")


@pytest.mark.parametrize("words", ["y\n", "YES\n", " y \n"])
def test_yes_goes_on(monkeypatch, words):
    answered(monkeypatch, words)
    assert sys.stderr.getvalue() == "Lab lab goes.\nGo on? [y/N] "
    assert sys.stdout.getvalue() == ""


@pytest.mark.parametrize("words", ["\n", "n\n", "", "yesterday\n"])
def test_anything_else_does_not(monkeypatch, words):
    with pytest.raises(LabError) as caught:
        answered(monkeypatch, words)
    assert caught.value.code == "consent"


def test_without_a_person_nobody_is_asked(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(LabError) as caught:
        Writer("down").ask("Lab lab goes.", "lab down")
    assert caught.value.fix == "lab down --yes"
    assert capsys.readouterr() == ("", "")


def test_narration_goes_to_stderr_and_quiet_leaves_it_out(capsys):
    Writer("up").say("on the way")
    assert capsys.readouterr() == ("", "on the way\n")
    Writer("up", quiet=True).say("on the way")
    assert capsys.readouterr() == ("", "")


def test_quiet_keeps_the_result_and_the_error(capsys):
    writer = Writer("up", quiet=True)
    writer.answer("result", None, 0, [])
    writer.fail(LabError("lab-paused", name="lab"))
    out, err = capsys.readouterr()
    assert out == "result\n"
    assert "lab lab is paused" in err


def test_colour_only_where_it_is_wanted(monkeypatch):
    sit_down(monkeypatch)
    Writer("up").answer(Text("red", style="red"), None, 0, [])
    assert "\x1b[31m" in sys.stdout.getvalue()
    monkeypatch.setattr(sys, "stdout", Terminal())
    Writer("up", color=False).answer(Text("red", style="red"), None, 0, [])
    assert sys.stdout.getvalue() == "red\n"
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys, "stdout", Terminal())
    Writer("up").answer(Text("red", style="red"), None, 0, [])
    assert "\x1b[31m" not in sys.stdout.getvalue()


def test_a_file_gets_no_escape_sequences_even_with_forced_colours(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    Writer("up").answer(Text("red", style="red"), None, 0, [])
    assert capsys.readouterr().out == "red\n"


def test_an_error_names_the_log_of_the_run(capsys):
    from lab.events import RunStarted

    writer = Writer("up")
    run = RunStarted(time=1.0, command="up", lab="lab", scenario="s", provider="kind", log="/runs/1.jsonl")
    with writer.progress() as progress:
        progress(run)
    assert writer.fail(LabError("lab-paused", name="lab")) == 3
    assert "  log  /runs/1.jsonl" in capsys.readouterr().err.splitlines()
