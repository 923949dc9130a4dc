"""Exit codes, the envelope and what a person sees, without any lab."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

import lab
from lab import verbs
from lab.cli import main
from lab.errors import ERRORS, Cancelled, LabError
from lab.results import RunResult
from lab.stopping import stoppable
from lab.verbs.answer import Answer

KEYS = ["version", "command", "status", "exit_code", "data", "errors"]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LAB_SCENARIOS_DIR", str(tmp_path / "scenarios"))
    for name in ("LAB_NAME", "COLUMNS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


@pytest.fixture
def status_does(monkeypatch):
    """Give `lab status` another body."""

    def put(body):
        monkeypatch.setitem(verbs.HANDLERS, "status", body)

    return put


def raises(error):
    def body(args, writer):
        raise error

    return body


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"lab {lab.__version__}\n"


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"]])
def test_help(capsys, words):
    assert main(words) == 0
    assert "lab up centralized" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["up", "--help"], ["help", "up"], ["up", "-h"]])
def test_help_of_a_verb(capsys, words):
    assert main(words) == 0
    assert "--skip-checks" in capsys.readouterr().out


def test_without_words_the_overview_is_narration_and_the_exit_code_usage(capsys):
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "lab VERB" in err


@pytest.mark.parametrize("code", ERRORS)
def test_every_error_has_its_exit_code_and_answers_what_why_and_fix(capsys, status_does, code):
    class Anything(dict):
        def __missing__(self, key):
            return 1.0 if key == "timeout" else key

    error = LabError.__new__(LabError)
    kind = ERRORS[code]
    error.code, error.kind, error.details, error.values = code, kind, "from a third party", {}
    error.what, error.why, error.fix = (t.format_map(Anything()) for t in (kind.what, kind.why, kind.fix))
    status_does(raises(error))
    assert main(["status"]) == kind.exit_code
    out, err = capsys.readouterr()
    assert out == ""
    first, *rest = err.splitlines()
    assert first == "✗ " + " ".join(error.what.split())
    assert any(line.startswith("  fix ") for line in rest)
    assert "    | from a third party" in rest


def test_an_error_as_json_is_one_envelope_on_stdout(capsys, status_does):
    status_does(raises(LabError("docker-stopped", host="unix:///run/docker.sock", details="\x1b[31mrefused\x1b[0m")))
    assert main(["status", "--output", "json"]) == 3
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    answer = json.loads(out)
    assert list(answer) == KEYS
    assert (answer["command"], answer["status"], answer["exit_code"], answer["data"]) == ("status", "error", 3, None)
    (error,) = answer["errors"]
    assert error["code"] == "docker-stopped"
    assert error["details"] == "refused"
    assert list(error) == ["code", "what", "why", "fix", "details", "log"]
    assert err == ""


@pytest.mark.parametrize("words", [["-o", "json", "nonsense"], ["status", "--outptu", "--output=json"], ["-o", "json"]])
def test_a_line_that_cannot_be_read_is_an_envelope_too(capsys, words):
    assert main(words) == 2
    answer = json.loads(capsys.readouterr().out)
    assert list(answer) == KEYS
    assert answer["errors"][0]["code"] == "usage"


def test_an_answer_goes_to_stdout_in_either_form(capsys, status_does):
    status_does(lambda args, writer: Answer(shown="all is well", data={"well": True}))
    assert main(["status"]) == 0
    assert capsys.readouterr().out == "all is well\n"
    assert main(["status", "-o", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["status"], answer["data"]) == ("success", {"well": True})


def test_a_partial_run_keeps_its_name(capsys, status_does):
    result = RunResult(outcome="partial", exit_code=1, seconds=1.0)
    status_does(lambda args, writer: Answer(data=result, exit_code=1, status=result.outcome))
    assert main(["status", "-o", "json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert (answer["status"], answer["exit_code"]) == ("partial", 1)


def test_a_defect_is_exit_code_70_and_shows_its_traceback_only_when_asked(capsys, status_does):
    status_does(raises(ZeroDivisionError("by zero")))
    assert main(["status"]) == 70
    calm = capsys.readouterr().err
    assert "ZeroDivisionError: by zero" in calm
    assert "Traceback" not in calm
    assert "lab status -v" in calm
    assert main(["status", "-v"]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_a_lab_error_has_no_traceback_even_with_v(capsys, status_does):
    status_does(raises(LabError("lab-paused", name="lab")))
    assert main(["status", "-v"]) == 3
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Cancelled("something")])
def test_interruption_says_how_to_go_on(capsys, status_does, error):
    status_does(raises(error))
    assert main(["status", "--name", "two words"]) == 130
    assert "lab status --name 'two words'" in capsys.readouterr().err


def test_a_full_disk_is_not_a_defect(capsys, status_does):
    status_does(raises(OSError(errno.ENOSPC, "No space left on device", "/var/lib/x")))
    assert main(["status"]) == 3
    assert "no space left on /var/lib/x" in capsys.readouterr().err


def test_third_party_text_cannot_steer_the_terminal(capsys, status_does):
    nasty = "\x1b]0;title\x07\x1b[2Jgone [bold]no markup[/bold] \u202eevil"
    status_does(raises(LabError("docker-failed", problem=nasty, details=nasty)))
    main(["status"])
    err = capsys.readouterr().err
    assert "\x1b" not in err
    assert "\u202e" not in err
    assert "gone [bold]no markup[/bold]" in err


def test_names_that_could_be_options_or_paths_are_refused_before_anything_is_written(capsys, home):
    for name in ("-rf", "../../etc", ".", "", "a/b", "x" * 41, "new\nline"):
        if name:
            assert main(["status", f"--name={name}"]) == 2, name
        assert not home.exists(), name


# --- in a process of its own ----------------------------------------------------------------------------------------


def run_lab(*words, **options):
    return subprocess.run(
        [sys.executable, "-m", "lab", *words], capture_output=True, text=True, timeout=60, check=False, **options
    )


def test_a_closed_pipe_is_quiet():
    command = f"{sys.executable} -m lab --help | true; {sys.executable} -m lab help up | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    assert done.stdout.startswith("usage: lab up")


def test_a_terminal_without_utf8_gets_plain_characters_of_the_same_width():
    done = run_lab("status", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 2
    assert done.stderr.startswith("x there is no lab")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_what_the_parser_says(shell):
    from lab.completion import scripts

    shown = run_lab("completion", shell).stdout
    assert shown == next(text for path, text in scripts().items() if path.suffix == f".{shell}")


def test_bash_completes_verbs_and_options():
    script = run_lab("completion", "bash").stdout
    ask = 'COMP_WORDS=(lab "$1"); COMP_CWORD=1; _shtab_lab lab "$1" lab; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(
        ["bash", "-c", f"{script}\n{ask}", "bash", "pa"], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stdout.split() == ["pause", "password"]


# --- Ctrl-C ---------------------------------------------------------------------------------------------------------


def fake_lab():
    ended = []
    return SimpleNamespace(cancel=threading.Event(), shell=SimpleNamespace(abort=lambda: ended.append("all"))), ended


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_asks_the_run_to_stop(number):
    running, ended = fake_lab()
    notes = []
    with stoppable(running, notes.append):
        signal.raise_signal(number)
        assert running.cancel.is_set()
        assert ended == []
        assert "The same command goes on from there" in notes[0]


def test_the_second_ends_children_and_the_process(monkeypatch):
    running, ended = fake_lab()
    codes = []
    monkeypatch.setattr(os, "_exit", codes.append)
    with stoppable(running, lambda words: None):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
    assert (ended, codes) == (["all"], [130])


def test_signals_mean_what_they_did_before_once_the_run_is_over():
    before = signal.getsignal(signal.SIGINT)
    with stoppable(fake_lab()[0], lambda words: None):
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before
