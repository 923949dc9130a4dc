"""What the verbs answer, on labs whose parts are fakes."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import lab.session
from lab import events as e
from lab.cli import main
from lab.state import Record, write_private
from tests.fakes.kube import FakeKube
from tests.fakes.stand_in import StandInGit, StandInProvider

SCENARIO = """\
apiVersion: lab/v1
kind: Scenario
metadata: {name: tiny, title: One cluster, level: beginner, minutes: 5}
spec:
  clusters: [{name: hub, role: management}]
  argocd: [{on: hub}]
  repositories: [{name: platform, from: gitops}]
  checks:
    - {id: argocd-there, title: Argo CD is there, expect: {kind: Namespace, name: argocd}, timeout: 1s}
    - {id: shop-there, title: shop is there, phase: lesson, expect: {kind: Namespace, name: shop}, timeout: 1s}
    - {id: hub-loss, title: it serves on, phase: drill, script: drill.sh}
"""
STEPS = {
    "01-look.md": "---\ntitle: Look\n---\nLook around.\n",
    "02-make.md": "---\ntitle: Make the shop\nchecks: [shop-there]\nsolve: kubectl create ns shop\n---\n`shop`!\n",
}


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with one scenario, no Docker and a home of its own; answers with `lab` as a function."""
    folder = tmp_path / "scenarios" / "01" / "tiny"
    (folder / "gitops").mkdir(parents=True)
    (folder / "lesson").mkdir()
    (folder / "scenario.yaml").write_text(SCENARIO)
    (folder / "README.md").write_text("# One cluster\n")
    (folder / "gitops" / "README.md").write_text("Empty.\n")
    (folder / "drill.sh").write_text("#!/bin/sh\n")
    (folder / "drill.sh").chmod(0o755)
    for name, text in STEPS.items():
        (folder / "lesson" / name).write_text(text)
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LAB_SCENARIOS_DIR", str(tmp_path / "scenarios"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-docker.sock")
    for name in ("LAB_NAME", "COLUMNS", "FORCE_COLOR", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def existing(machine, monkeypatch):
    """The same with a lab `lab` whose provider is a stand-in; answers with its hub."""
    home = lab.session.LabFolder(machine / "home", "lab")
    folder = machine / "scenarios" / "01" / "tiny"
    home.save(Record(name="lab", scenario="01/tiny", folder=str(folder), provider="kind", digest="", complete=True))
    kubes = {"hub": FakeKube(cluster="hub")}
    provider = StandInProvider(kubes=kubes, git_server=StandInGit(), folder=machine)
    monkeypatch.setattr(lab.session, "make", lambda *parts: provider)
    (machine / "home" / "labs" / "lab" / "workspace").mkdir()
    return kubes["hub"]


def answer(capsys, *words, code=0):
    """The `data` of the envelope."""
    assert main([*words, "--output", "json"]) == code
    envelope = json.loads(capsys.readouterr().out)
    assert envelope["exit_code"] == code
    return envelope["data"]


def refusal(capsys, *words, code=2):
    """The error of the envelope."""
    assert main([*words, "--output", "json"]) == code
    (error,) = json.loads(capsys.readouterr().out)["errors"]
    return error


# --- without a lab --------------------------------------------------------------------------------------------------


def test_scenarios(machine, capsys):
    (row,) = answer(capsys, "scenarios")
    assert (row["id"], row["title"], row["clusters"]) == ("01/tiny", "One cluster", ["hub"])
    assert main(["scenarios", "--quiet"]) == 0
    assert capsys.readouterr().out == "01/tiny\n"
    assert main(["scenarios"]) == 0
    assert "01/tiny" in capsys.readouterr().out
    assert answer(capsys, "scenarios", "nothing like it") == []


def test_a_broken_scenario_does_not_hide_the_others(machine, capsys):
    broken = machine / "scenarios" / "02" / "broken"
    broken.mkdir(parents=True)
    (broken / "scenario.yaml").write_text("kind: Scenari\n")
    assert main(["scenarios"]) == 0
    out, err = capsys.readouterr()
    assert "01/tiny" in out
    assert "broken/scenario.yaml" in err
    assert main(["scenarios", "-o", "json"]) == 0
    envelope = json.loads(capsys.readouterr().out)
    assert envelope["status"] == "partial"
    assert envelope["errors"][0]["code"] == "scenario-invalid"


@pytest.mark.parametrize("verb", ["status", "down", "pause", "resume", "check", "lesson", "push", "env", "shell"])
def test_verbs_that_need_a_lab_say_how_to_get_one(machine, capsys, verb):
    assert main([verb]) == 2
    err = capsys.readouterr().err
    assert "there is no lab lab" in err
    assert "lab up centralized" in err


def test_up_without_scenario_and_lab_asks_for_one(machine, capsys):
    error = refusal(capsys, "up")
    assert error["what"] == "`lab up` needs a scenario"
    assert error["fix"] == "lab scenarios"


def test_up_of_an_unknown_scenario(machine, capsys):
    assert refusal(capsys, "up", "tinny")["code"] == "scenario-unknown"


def test_up_on_kind_without_docker_says_what_is_missing_and_writes_nothing(machine, capsys):
    assert main(["up", "tiny", "--provider", "kind"]) == 3
    assert "  fix  " in capsys.readouterr().err
    assert not (machine / "home" / "labs").exists()


def test_doctor_for_kind_without_docker_is_not_ready(machine, capsys):
    data = answer(capsys, "doctor", "tiny", "--provider", "kind", code=3)
    assert data["ready"] is False
    problems = [finding for finding in data["findings"] if finding["verdict"] == "problem"]
    assert problems
    assert all(finding["fix"] for finding in problems)
    assert main(["doctor", "tiny", "--provider", "kind"]) == 3
    assert "this machine cannot run 01/tiny yet" in capsys.readouterr().out


def test_doctor_without_docker_says_that_clusters_would_be_simulated(machine, capsys):
    assert main(["doctor", "tiny", "--output", "json"]) in (0, 3)  # kubectl and memory are the machine's own
    data = json.loads(capsys.readouterr().out)["data"]
    assert data["provider"] == "sim"
    docker = [finding for finding in data["findings"] if finding["id"].startswith("docker")]
    assert [finding["verdict"] for finding in docker] == ["warning"]
    assert docker[0]["detail"].endswith("; until then clusters are simulated")
    assert docker[0]["fix"]


def test_a_plan_without_docker_fetches_no_images(machine, capsys):
    unasked = answer(capsys, "plan", "tiny")
    assert unasked["provider"] == "sim"
    assert unasked["steps"] == answer(capsys, "plan", "tiny", "--provider", "sim")["steps"]
    real = [step["id"] for step in answer(capsys, "plan", "tiny", "--provider", "kind")["steps"]]
    simulated = [step["id"] for step in unasked["steps"]]
    assert set(real) - set(simulated) == {"stage:argocd"}
    assert set(simulated) < set(real)
    assert main(["plan", "tiny"]) == 0
    assert "01/tiny on sim (simulated): " in capsys.readouterr().out


def test_a_ui_is_refused_where_no_pod_runs(machine, capsys):
    error = refusal(capsys, "up", "tiny", "--ui", "--provider", "sim", code=3)
    assert (error["code"], error["what"]) == ("unsupported", "Argo CD's UI is not possible with provider sim")
    assert error["fix"].startswith("lab up tiny --ui --provider kind")
    assert not (machine / "home" / "labs").exists()


@pytest.mark.parametrize("verb", ["shell", "tui"])
def test_verbs_that_hand_over_the_terminal_have_no_json(machine, existing, capsys, verb):
    assert "has no JSON answer" in refusal(capsys, verb)["what"]


def test_the_screens_need_a_terminal(machine, capsys):
    assert main(["tui"]) == 2
    assert "needs a terminal" in capsys.readouterr().err


# --- with a lab -----------------------------------------------------------------------------------------------------


def test_env_can_be_evaluated_by_a_shell(existing, machine, capsys):
    data = answer(capsys, "env")
    assert data["LAB_NAME"] == "lab"
    assert data["KUBECONFIG"] == str(machine / "hub.yaml")
    assert main(["env"]) == 0
    script = capsys.readouterr().out
    shown = subprocess.run(["bash", "-c", f"{script}\nenv -0"], capture_output=True, text=True, check=True).stdout
    values = dict(pair.split("=", 1) for pair in shown.split("\0") if "=" in pair)
    assert {name: values[name] for name in data} == data


def test_shell_starts_the_learners_shell_in_the_workspace(existing, machine, monkeypatch):
    started = []
    monkeypatch.setenv("SHELL", "/bin/zsh")
    monkeypatch.chdir(machine)
    monkeypatch.setattr(os, "execvpe", lambda *how: started.append((*how, Path.cwd())) or sys.exit(0))
    with pytest.raises(SystemExit):
        main(["shell", "hub"])
    ((program, argv, environment, here),) = started
    assert (program, argv) == ("/bin/zsh", ["/bin/zsh"])
    assert environment["KUBECONFIG"] == str(machine / "hub.yaml")
    assert here == machine / "home" / "labs" / "lab" / "workspace"


def test_shell_of_an_unknown_cluster(existing, capsys):
    assert main(["shell", "moon"]) == 2
    assert "no cluster moon" in capsys.readouterr().err


def test_password_is_printed_only_when_asked_for(existing, machine, capsys):
    assert "has no password" in refusal(capsys, "password")["what"]
    path = machine / "home" / "labs" / "lab" / "secrets" / "argocd-admin"
    write_private(path, "correct horse")
    for words in (["password"], ["password", "-o", "json"], ["password", "-vv"]):
        assert main(words) == 0
        out, err = capsys.readouterr()
        assert "correct horse" not in out + err
        assert str(path) in out
    assert main(["password", "--show"]) == 0
    assert capsys.readouterr().out == "correct horse\n"


def test_the_list_of_checks(existing, capsys):
    data = answer(capsys, "check", "--list")
    assert [(row["id"], row["phase"], row["on"], row["kind"]) for row in data] == [
        ("argocd-there", "up", "hub", "expect"),
        ("shop-there", "lesson", "hub", "expect"),
        ("hub-loss", "drill", "hub", "script"),
    ]
    assert main(["check", "--list", "-q"]) == 0
    assert capsys.readouterr().out == "argocd-there\nshop-there\nhub-loss\n"


def test_checks_that_hold(existing, machine, capsys):
    existing.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argocd"}})
    assert main(["check", "--junit", str(machine / "junit.xml")]) == 0
    out, err = capsys.readouterr()
    assert "✓ passed  argocd-there" in out
    assert "checks: 1 passed" in out
    assert "argocd-there" in err
    assert 'tests="1" failures="0"' in (machine / "junit.xml").read_text()


def test_a_check_that_does_not_hold_is_exit_code_1_and_a_partial_envelope(existing, capsys):
    assert main(["check", "shop-there", "-o", "json"]) == 1
    envelope = json.loads(capsys.readouterr().out)
    assert envelope["status"] == "partial"
    assert envelope["errors"][0]["code"] == "checks-failed"
    assert envelope["errors"][0]["log"] == envelope["data"]["log"]
    assert envelope["data"]["checks"][0]["outcome"] == "failed"


def test_an_unknown_check(existing, capsys):
    assert refusal(capsys, "check", "moon")["code"] == "check-unknown"


def test_the_list_of_lesson_steps(existing, capsys):
    data = answer(capsys, "lesson", "--list")
    assert [step["title"] for step in data["steps"]] == ["Look", "Make the shop"]
    assert main(["lesson", "--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]] == ["1", "2"]


def test_a_lesson_step_and_the_next(existing, capsys):
    assert answer(capsys, "lesson")["step"] == 1
    assert answer(capsys, "lesson", "--next")["step"] == 2
    assert main(["lesson", "2"]) == 0
    out = capsys.readouterr().out
    assert "`shop`!" in out
    assert "shop-there" in out
    assert refusal(capsys, "lesson", "9")["code"] == "lesson-unknown"


def test_down_needs_a_word_where_nobody_can_be_asked(existing, machine, capsys):
    error = refusal(capsys, "down", code=4)
    assert error["code"] == "consent"
    assert error["fix"] == "lab down --yes"
    assert "clusters hub" in error["what"]
    assert (machine / "home" / "labs" / "lab" / "lab.json").exists()


def test_down_of_another_lab_names_it_in_the_command(existing, machine, capsys):
    folder = lab.session.LabFolder(machine / "home", "other")
    folder.save(lab.session.LabFolder(machine / "home", "lab").record())
    assert refusal(capsys, "down", "--name", "other", code=4)["fix"] == "lab down --name other --yes"


# --- events ---------------------------------------------------------------------------------------------------------


def write_run(machine, name, *events):
    path = machine / "home" / "labs" / "lab" / "runs" / f"{name}.jsonl"
    write_private(path, "".join(event.to_json() + "\n" for event in events))
    return path


STARTED = e.RunStarted(time=1.0, command="up", lab="lab", scenario="01/tiny", provider="kind", pid=os.getpid())
DONE = e.RunFinished(time=3.0, outcome="success", exit_code=0, seconds=2.0, changes=4)


def test_events_of_the_newest_run_and_of_a_named_one(machine, capsys):
    write_run(machine, "100-up-1", STARTED)
    newest = write_run(machine, "200-up-2", STARTED, DONE)
    data = answer(capsys, "events")
    assert (data["run"], data["log"]) == ("200-up-2", str(newest))
    assert [event["event"] for event in data["events"]] == ["RunStarted", "RunFinished"]
    assert len(answer(capsys, "events", "--run", "100-up-1")["events"]) == 1
    assert main(["events"]) == 0
    assert capsys.readouterr().out.splitlines() == ["lab up: 01/tiny on kind, lab lab", "✓ done in 2.0 s, 4 changes"]


def test_events_of_an_unknown_run(machine, capsys):
    write_run(machine, "100-up-1", STARTED)
    error = refusal(capsys, "events", "--run", "../../../etc/passwd")
    assert error["why"] == "Known runs: 100-up-1."


def test_following_ends_with_the_run(machine):
    path = write_run(machine, "100-up-1", STARTED)
    following = subprocess.Popen(
        [sys.executable, "-m", "lab", "events", "--follow"], stdout=subprocess.PIPE, text=True, env={**os.environ}
    )
    try:
        assert following.stdout.readline() == "lab up: 01/tiny on kind, lab lab\n"
        with path.open("a") as log:
            log.write(DONE.to_json() + "\n")
        assert following.stdout.readline() == "✓ done in 2.0 s, 4 changes\n"
        assert following.wait(timeout=20) == 0
    finally:
        following.kill()
        following.wait()
        following.stdout.close()


def test_following_a_run_whose_process_is_gone_ends(machine, capsys):
    gone = subprocess.Popen(["true"])
    gone.wait()
    write_run(machine, "100-up-1", e.RunStarted(command="up", lab="l", scenario="s", provider="p", pid=gone.pid))
    start = time.monotonic()
    assert main(["events", "--follow"]) == 1
    assert "the process of this run is gone" in capsys.readouterr().err
    assert time.monotonic() - start < 5


def test_following_has_no_json(machine, capsys):
    write_run(machine, "100-up-1", STARTED, DONE)
    assert "one JSON object" in refusal(capsys, "events", "--follow")["what"]
