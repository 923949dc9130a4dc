"""The centralized scenario from nothing to nothing. One story: each test goes on where the one before ended."""

import subprocess
import time
from pathlib import Path

import pytest

from lab import scenario as scenarios
from lab.settings import Settings
from tests.e2e.conftest import NAME, Cli, Inventory
from tests.scenarios import story

pytestmark = pytest.mark.e2e

SCENARIO = "03-multi-cluster/centralized"
FOUND = scenarios.find(Settings.from_environment(), SCENARIO)


def test_doctor_finds_no_problem(lab: Cli):
    verdicts = {finding["id"]: finding["verdict"] for finding in lab("doctor", SCENARIO).data["findings"]}
    assert len(verdicts) >= 20
    assert "problem" not in verdicts.values()


def test_up_ends_with_every_check_passed(lab: Cli):
    story.comes_up(lab, FOUND)


def test_second_up_changes_nothing(lab: Cli):
    start = time.monotonic()
    story.changes_nothing_the_second_time(lab, FOUND)
    assert time.monotonic() - start < 60, "a second up must not wait for anything"


def test_status_shows_clusters_links_and_fleet(lab: Cli):
    found = lab("status").data
    assert {c["name"]: c["state"] for c in found["clusters"]} == {"hub": "ready", "w1": "ready", "w2": "ready"}
    assert {link["state"] for link in found["links"]} == {"ok"}
    assert {cell["sync"] for cell in found["fleet"]} == {"Synced"}
    assert found["problems"] == []


def test_users_own_files_and_contexts_are_untouched(lab: Cli):
    assert not (Path.home() / ".kube" / "config").exists() or NAME not in (Path.home() / ".kube" / "config").read_text()
    for path in lab.home.rglob("*"):
        mode = path.stat().st_mode & 0o777
        # git and kubectl choose the modes of what they write; the folder above keeps others out.
        if not {"workspace", "kubecache"} & set(path.parts):
            assert mode & 0o077 == 0, f"{path} is open to others: {mode:o}"


def test_learner_pushes_with_plain_git_and_sees_it(lab: Cli):
    lab.sh(
        'cd "$LAB_WORKSPACE/platform" && echo "# touched" >> README-change.md && git add -A '
        '&& git commit -qm "Change something" && git push -q'
    )
    head = lab.sh('git -C "$LAB_WORKSPACE/platform" rev-parse HEAD').strip()
    deadline = time.monotonic() + 60
    seen = ""
    while time.monotonic() < deadline:
        seen = lab.sh("kubectl -n argocd get applications -o jsonpath='{.items[*].status.sync.revision}'")
        if set(seen.split()) == {head}:
            return
        time.sleep(0.5)
    pytest.fail(f"applications are at {seen}, the commit is {head}")


@pytest.mark.parametrize("step", FOUND.lesson, ids=lambda step: f"{step.number:02d}-{step.slug}")
def test_lesson_step_fails_before_and_holds_after_its_solution(lab: Cli, step):
    story.step_fails_before_and_holds_after(lab, FOUND, step)


def test_drills_hold(lab: Cli):
    story.drills_hold(lab, FOUND)


def test_pause_and_resume_with_swapped_addresses(lab: Cli):
    def addresses() -> dict[str, str]:
        form = "{{.Name}} {{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        names = [f"{NAME}-{c.name}-control-plane" for c in FOUND.clusters]
        out = subprocess.run(["docker", "inspect", "-f", form, *names], capture_output=True, text=True, check=True)
        return dict(line.split() for line in out.stdout.splitlines())

    old = addresses()
    lab("pause")
    assert {c["state"] for c in lab("status").data["clusters"]} == {"paused"}
    for cluster in reversed([c.name for c in FOUND.clusters]):
        subprocess.run(["docker", "start", f"{NAME}-{cluster}-control-plane"], check=True, capture_output=True)
    assert addresses() != old, "the addresses did not change, so the test proves nothing"
    lab("resume")
    assert set(story.outcomes(lab("check")).values()) == {"passed"}
    assert lab("status").data["problems"] == []


def test_down_leaves_nothing(lab: Cli, before: Inventory):
    lab("down", "--yes")
    assert Inventory.take() == before
    assert [path for path in lab.home.rglob("*") if path.is_file()] == []
    running = subprocess.run(["pgrep", "-af", str(lab.home)], capture_output=True, text=True).stdout
    assert running.strip() == ""
