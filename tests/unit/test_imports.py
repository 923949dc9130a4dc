"""What a command loads before it does anything. Each runs in a fresh interpreter."""

import json
import subprocess
import sys

import pytest

from tests.bench.start import heavy, loaded

SLOW = {
    "dataclasses",
    "inspect",
    "pathlib",
    "typing",
    "json",
    "subprocess",
    "socket",
    "ssl",
    "logging",
    "shutil",
}


@pytest.fixture(scope="module")
def bare():
    script = "import json, sys; print(json.dumps(sorted(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    return set(json.loads(shown.stdout)) | {"json"}


@pytest.mark.parametrize(
    "words", [("--version",), ("--help",), ("help",), ("up", "--help"), ("completion", "bash"), ("completion", "zsh")]
)
def test_help_version_and_completion_load_nothing_heavy(words, bare):
    code, modules = loaded(*words)
    assert code == 0
    assert heavy(modules) == set()
    assert {"lab.model", "lab.events", "lab.errors", "lab.session"} & modules == set()
    assert (modules & SLOW) - bare == set()


def test_the_version_does_not_even_need_the_parser():
    assert "argparse" not in loaded("--version")[1]


def test_a_usage_error_does_not_load_the_machine():
    code, modules = loaded("statsu")
    assert code == 2
    assert heavy(modules) <= {"rich"}


def test_the_operations_need_neither_screen_nor_terminal():
    script = "import sys, lab.operations.up, lab.operations.status; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    packages = {name.split(".")[0] for name in done.stdout.split()}
    assert packages & {"textual", "rich"} == set()
    assert {"lab.report", "lab.cli"} & set(done.stdout.split()) == set()
