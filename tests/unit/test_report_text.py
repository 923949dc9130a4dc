"""What people read, compared as text."""

import json
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from lab.errors import LabError
from lab.events import StepInfo
from lab.report import text
from lab.report.envelope import envelope, plain
from lab.report.junit import junit
from lab.report.writer import to_text
from lab.results import (
    CheckResult,
    ClusterMeasure,
    ClusterStatus,
    DecisionRow,
    DecisionTable,
    Diagnosis,
    Finding,
    FleetCell,
    LabStatus,
    LessonStatus,
    Link,
    Measurement,
    Pushed,
    RunResult,
    Survival,
)

PASSED = CheckResult(id="registered", title="both are registered", outcome="passed", seconds=0.42)
FAILED = CheckResult(
    id="web-on-w1",
    title="web is healthy on w1",
    outcome="failed",
    seconds=180,
    reason="status.health.status: got Degraded, want Healthy",
    hint="kubectl -n argocd describe application web-w1",
    evidence=("Events:\n\x1b[31mBackOff\x1b[0m pulling [image]",),
)
SKIPPED = CheckResult(id="hub-loss", title="w1 serves on", outcome="skipped", reason="needs runs_containers")


def lines(renderable, width=100):
    return to_text(renderable, width).rstrip("\n").split("\n")


def test_error_says_what_why_fix_log_and_indents_third_party_text():
    error = LabError(
        "command-failed",
        program="kind create",
        exit_code=1,
        last_lines="one\ntwo",
        command="kind create cluster --name lab-hub",
        details="line 1\nline [2]",
    )
    assert lines(text.error(error, "/tmp/run.jsonl")) == [
        "✗ kind create failed with exit code 1",
        "  why  one",
        "       two",
        "  fix  kind create cluster --name lab-hub",
        "  log  /tmp/run.jsonl",
        "    | line 1",
        "    | line [2]",
    ]


def test_long_details_keep_their_end():
    error = LabError("docker-failed", problem="x", details="\n".join(f"line {n}" for n in range(1, 31)))
    shown = lines(text.error(error))
    assert shown[3] == "    | (10 lines before)"
    assert shown[4] == "    | line 11"
    assert shown[-1] == "    | line 30"


def test_a_command_to_paste_is_never_cut_in_a_file():
    error = LabError("consent", what="this", command="lab " + "x" * 300)
    assert f"  fix  lab {'x' * 300} --yes" in to_text(text.error(error)).splitlines()


def test_run_with_checks():
    result = RunResult(
        outcome="partial", exit_code=1, seconds=134.2, changes=31, checks=(PASSED, FAILED, SKIPPED), log="/runs/1.jsonl"
    )
    assert lines(text.run(result)) == [
        "           CHECK       WHAT                  TOOK",
        "✓ passed   registered  both are registered   0.4 s",
        "✗ failed   web-on-w1   web is healthy on w1  3 min 00 s",
        "○ skipped  hub-loss    w1 serves on          0.0 s",
        "",
        "✗ web-on-w1: web is healthy on w1",
        "    status.health.status: got Degraded, want Healthy",
        "    hint  kubectl -n argocd describe application web-w1",
        "    | Events:",
        "    | BackOff pulling [image]",
        "hub-loss: skipped, needs runs_containers",
        "",
        "~ done, but not everything holds in 2 min 14 s, 31 changes, checks: 1 passed, 1 failed, 1 skipped",
        "  log  /runs/1.jsonl",
    ]


def test_run_without_checks_leads_on():
    result = RunResult(outcome="success", exit_code=0, seconds=1.25, changes=1)
    assert lines(text.run(result, ["lab status"])) == ["✓ done in 1.2 s, 1 change", "  lab status"]


def test_evidence_is_cut_and_says_so():
    check = CheckResult(id="a", title="b", outcome="failed", evidence=("\n".join("x" * 40),))
    shown = lines(text.failed_check(check))
    assert shown[-1] == "    | and 28 more lines in the log"
    assert len(shown) == 14


MEMORY = Finding(id="memory", title="memory", verdict="ok", detail="23 GiB, 3 GiB needed")


def test_diagnosis_of_a_machine_that_is_ready_is_one_line():
    found = Diagnosis(findings=(MEMORY,), provider="kind", seconds=0.31)
    assert lines(text.diagnosis(found, "centralized"), 200) == [
        "✓ this machine can run centralized, with provider kind"
        "  1 of 1 checks are fine, 0.3 s; `lab doctor -v` lists them"
    ]


def test_the_whole_diagnosis_lists_what_is_well():
    found = Diagnosis(findings=(MEMORY,), provider="kind", seconds=0.31)
    assert lines(text.diagnosis(found, "centralized", whole=True)) == [
        "      THING   FOUND",
        "✓ ok  memory  23 GiB, 3 GiB needed",
        "",
        "✓ this machine can run centralized, with provider kind  1 of 1 checks are fine, 0.3 s",
    ]


def test_diagnosis_gives_every_fix_below_its_finding():
    found = Diagnosis(
        findings=(
            MEMORY,
            Finding(id="docker", title="Docker", verdict="problem", detail="not running", fix="sudo one\nsudo two"),
            Finding(id="disk", title="disk", verdict="warning", detail="9 GiB", fix="docker system prune"),
        ),
        provider="",
    )
    assert lines(text.diagnosis(found)) == [
        "✗ Docker: not running",
        "    sudo one",
        "    sudo two",
        "! disk: 9 GiB",
        "    docker system prune",
        "✗ this machine cannot run labs yet  1 of 3 checks are fine, 0.0 s; `lab doctor -v` lists them",
    ]


def test_plan_shows_the_graph():
    steps = [
        StepInfo(id="a", title="checking this machine"),
        StepInfo(id="b", title="creating cluster hub", clusters=("hub",), needs=("a",)),
        StepInfo(id="c", title="registering w1 on hub", clusters=("hub", "w1"), needs=("a", "b")),
    ]
    assert lines(text.plan(steps, "x/y", "kind")) == [
        "x/y on kind: 3 steps; each starts when those in the last column are done",
        "   STEP                   CLUSTERS  AFTER",
        "1  checking this machine",
        "2  creating cluster hub   hub       1",
        "3  registering w1 on hub  hub, w1   1, 2",
    ]


STATUS = LabStatus(
    lab="lab",
    scenario="03-multi-cluster/centralized",
    provider="kind",
    state="up",
    clusters=(
        ClusterStatus(
            name="hub",
            role="management",
            state="ready",
            labels={"env": "management"},
            version="v1.36.1",
            memory_bytes=2576980378,
            argocd=True,
        ),
        ClusterStatus(name="w1", role="workload", state="paused"),
    ),
    links=(Link(hub="hub", cluster="w1", state="stale", detail="token ends", expires="2026-01-01T00:00:00Z"),),
    fleet=(
        FleetCell(
            application="web-w1",
            instance="hub",
            cluster="w1",
            namespace="web",
            sync="OutOfSync",
            health="Degraded",
            revision="4a1f2c7",
            message="image [x] not found\nsecond line",
        ),
    ),
    git_url="http://127.0.0.1:40123",
    workspace="/home/me/workspace",
    running="`lab up` since 12 s, process 4711",
    problems=("cluster w1 is paused",),
)


def test_status():
    assert lines(
        text.status(STATUS),
    ) == [
        "lab lab  03-multi-cluster/centralized on kind  ✓ up",
        "… running now: `lab up` since 12 s, process 4711",
        "",
        "CLUSTER  STATE     ROLE                 VERSION  MEMORY   LABELS",
        "hub      ✓ ready   management, Argo CD  v1.36.1  2.4 GiB  env=management",
        "w1       ‖ paused  workload             –        –",
        "",
        "ARGO CD ON  CLUSTER  REGISTERED  TOKEN UNTIL           DETAIL",
        "hub         w1       ~ stale     2026-01-01T00:00:00Z  token ends",
        "",
        "APPLICATION  ARGO CD ON  GOES TO  SYNC         HEALTH      COMMIT   WHY",
        "web-w1       hub         w1/web   ~ OutOfSync  ✗ Degraded  4a1f2c7  image [x] not found second line",
        "",
        "WHERE",
        "git        http://127.0.0.1:40123",
        "workspace  /home/me/workspace",
        "",
        "differs from what `lab up` would leave:",
        "! cluster w1 is paused",
    ]


def test_status_fits_eighty_columns():
    assert max(map(len, lines(text.status(STATUS), 80))) <= 80


def test_lesson_in_a_file_is_the_markdown_itself():
    step = LessonStatus(
        scenario="centralized",
        step=2,
        steps=7,
        title="Change the replicas",
        text="# Do it\n\n```sh\ngit push\n```\n",
        checks=(PASSED, FAILED),
    )
    shown = lines(text.lesson(step, markdown=False))
    assert shown[:6] == ["centralized · step 2 of 7: Change the replicas", "", "# Do it", "", "```sh", "git push"]
    assert "✗ failed  web-on-w1   web is healthy on w1" in shown
    assert "    status.health.status: got Degraded, want Healthy" in shown


def test_a_done_step_says_so():
    step = LessonStatus(scenario="s", step=1, steps=2, title="t", text="x", done=True)
    assert lines(text.lesson(step, markdown=False))[-1] == "✓ this step is done"
    last = LessonStatus(scenario="s", step=2, steps=2, title="t", text="x", done=True)
    assert lines(text.lesson(last, markdown=False))[-1] == "✓ every step is done"


def test_pushed():
    found = Pushed(repository="platform", revision="4a1f2c7d9", applications=("hub/web-w1",), seconds=4.1)
    assert lines(text.pushed(found)) == ["✓ pushed 4a1f2c7 to platform; synced in 4.1 s", "  ✓ hub/web-w1"]


def test_pushed_where_nobody_reads_it():
    shown = lines(text.pushed(Pushed(repository="docs", revision="4a1f2c7d9")))
    assert shown == ["✓ pushed 4a1f2c7 to docs; no application of this lab reads it"]


def test_measurement():
    found = Measurement(
        scenario="03/centralized",
        lab="lab",
        provider="kind",
        time=0.0,
        clusters=(
            ClusterMeasure(cluster="hub", memory_bytes=1395864371, pods=14, argocd=True, applications=4),
            ClusterMeasure(cluster="w1", synced_seconds=3.2, pushes=10),
        ),
        survival=(Survival(check="hub-loss", title="w1 serves on", outcome="passed", time=0.0),),
    )
    table = DecisionTable(
        columns=("centralized", "hybrid"),
        rows=(DecisionRow(criterion="resources", cells=("1.3 GiB, 14 pods", "not measured yet: lab up hybrid")),),
    )
    assert lines(text.measurement(found, table)) == [
        "03/centralized on kind, lab lab",
        "CLUSTER  MEMORY   PODS  APPLICATIONS  COMMIT TO SYNCED",
        "hub      1.3 GiB  14    4             –",
        "w1       –        –     –             3.2 s (of 10)",
        "",
        "          DRILL     WHAT",
        "✓ passed  hub-loss  w1 serves on",
        "",
        "           centralized       hybrid",
        "resources  1.3 GiB, 14 pods  not measured yet: lab up hybrid",
    ]


# --- for programs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "exit_code", "word"),
    [
        ("", 0, "success"),
        ("", 3, "error"),
        ("success", 0, "success"),
        ("partial", 1, "partial"),
        ("error", 1, "error"),
        ("cancelled", 130, "error"),
    ],
)
def test_envelope_has_exactly_the_promised_keys_and_words(status, exit_code, word):
    answer = json.loads(envelope("up", exit_code, None, None, status))
    assert list(answer) == ["version", "command", "status", "exit_code", "data", "errors"]
    assert (answer["version"], answer["status"], answer["exit_code"]) == (1, word, exit_code)


def test_results_become_plain_json():
    data = plain({"status": STATUS, "more": [FAILED]})
    assert json.loads(json.dumps(data)) == data
    assert data["status"]["clusters"][0]["labels"] == {"env": "management"}
    assert data["more"][0]["evidence"] == list(FAILED.evidence)


def test_junit():
    root = ElementTree.fromstring(junit("lab lab", (PASSED, FAILED, SKIPPED)).split("\n", 1)[1])
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("3", "1", "1")
    passed, failed, skipped = root.findall("testcase")
    assert list(passed) == []
    assert failed.find("failure").get("message") == FAILED.reason
    assert "BackOff pulling [image]" in failed.find("failure").text
    assert "\x1b" not in failed.find("failure").text
    assert skipped.find("skipped").get("message") == "needs runs_containers"


def test_everything_that_shows_a_simulated_lab_says_so():
    shown = "\n".join(lines(text.status(replace(STATUS, provider="sim", simulated=True))))
    assert "centralized on sim (simulated)" in shown
    found = RunResult(outcome="success", exit_code=0, seconds=1.0, provider="sim")
    assert lines(text.run(found)) == ["✓ done in 1.0 s, 0 changes, simulated"]
    assert lines(text.run(replace(found, provider="kind"))) == ["✓ done in 1.0 s, 0 changes"]
    assert 'name="provider" value="sim (simulated)"' in junit("lab", (), "sim")
