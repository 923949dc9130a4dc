"""A small world for the screens: scenarios, answers of doctor, states of one lab."""

from dataclasses import replace
from pathlib import Path

from lab.events import StepInfo
from lab.model import ArgoCD, Check, Cluster, Expect, LessonStep, Metadata, Repository, Scenario, Spec
from lab.results import (
    CheckResult,
    ClusterStatus,
    Diagnosis,
    Finding,
    FleetCell,
    LabStatus,
    LessonStatus,
    Link,
)
from lab.tui.source import Card, CheckRow

START = 1_780_000_000.0
"""When the recorded runs began, seconds since the epoch."""
CENTRALIZED = "03-multi-cluster/centralized"

TITLES = (
    "Look around",
    "What makes a cluster known",
    "Change staging, and only staging",
    "Undo what a hand did",
    "The label that was misspelt",
    "Rights",
    "Without the hub",
    "Decide",
)

HUB = Cluster(name="hub", role="management", labels={"env": "management"})
W1 = Cluster(name="w1", role="workload", labels={"env": "production", "region": "eu"})
W2 = Cluster(name="w2", role="workload", labels={"env": "staging", "region": "us"})


def _scenario(
    id: str,
    title: str,
    level: str,
    minutes: int,
    summary: str,
    clusters: tuple[Cluster, ...] = (HUB,),
    argocd: tuple[ArgoCD, ...] = (ArgoCD(on="hub"),),
    repositories: tuple[str, ...] = ("platform",),
    lesson: int = 5,
) -> Scenario:
    checks = tuple(
        Check(id=row.id, title=row.title, phase=row.phase, on=row.cluster, expect=Expect(kind="Secret"))  # type: ignore[arg-type]
        for row in CHECKS
    )
    return Scenario(
        id=id,
        folder=Path("scenarios") / id,
        metadata=Metadata(name=id.rpartition("/")[2], title=title, level=level, minutes=minutes, summary=summary),  # type: ignore[arg-type]
        spec=Spec(
            clusters=clusters,
            argocd=argocd,
            repositories=tuple(Repository(name=name, from_="gitops") for name in repositories),
            checks=checks,
        ),
        lesson=tuple(
            LessonStep(number=number, slug=f"step-{number}", title=title, text="text")
            for number, title in enumerate(TITLES[:lesson], 1)
        ),
    )


CHECKS = (
    CheckRow(id="registered", title="the hub knows three clusters, itself among them", phase="up", cluster="hub"),
    CheckRow(
        id="root", title="root has brought the projects and the ApplicationSet from git", phase="up", cluster="hub"
    ),
    CheckRow(
        id="generated", title="the ApplicationSet makes web-w1 and web-w2, and nothing else", phase="up", cluster="hub"
    ),
    CheckRow(id="web-w1", title="web-w1 is synced to the newest commit and healthy", phase="up", cluster="hub"),
    CheckRow(
        id="web-w2",
        title="web-w2 is synced to the newest commit and healthy",
        phase="up",
        cluster="hub",
        hint="kubectl --context hub -n argocd describe application web-w2",
    ),
    CheckRow(id="hub-is-free", title="the hub itself runs no web", phase="up", cluster="hub"),
    CheckRow(
        id="staging-stays-out",
        title="an Application of project staging may not deploy to w1",
        phase="up",
        cluster="hub",
    ),
    CheckRow(
        id="staging-scaled",
        title="staging runs two copies of web",
        phase="lesson",
        cluster="w2",
        hint="kubectl --context hub -n argocd get application web-w2 -o jsonpath='{.status.sync.revision}'",
    ),
    CheckRow(id="hub-loss", title="without the hub, production keeps serving", phase="drill", cluster="w1"),
)

AFTER_UP = tuple(replace(check, state="passed", seconds=2.0) if check.phase == "up" else check for check in CHECKS)
"""What is known of the checks after a good `up`."""

SCENARIOS = (
    _scenario(
        "01-app-of-apps/basic-example",
        "One Application brings the others",
        "beginner",
        20,
        "A parent and three children.",
    ),
    _scenario(
        "01-app-of-apps/cluster-bootstrap", "Add-ons in waves", "beginner", 15, "Ingress, certificates, DNS, in order."
    ),
    _scenario(
        "02-applicationsets/list-generator",
        "One element a cluster",
        "beginner",
        10,
        "A list names the clusters.",
        (HUB, W1, W2),
        (ArgoCD(on="hub", manages=("w1", "w2")),),
    ),
    _scenario(
        CENTRALIZED,
        "One Argo CD, many clusters",
        "intermediate",
        40,
        "A hub deploys to a production and a staging cluster, with one project and one set of rights for each. "
        "Then the hub goes away.",
        (HUB, W1, W2),
        (ArgoCD(on="hub", manages=("w1", "w2")),),
        lesson=8,
    ),
    _scenario(
        "03-multi-cluster/distributed",
        "An Argo CD for every cluster",
        "intermediate",
        45,
        "The hub installs the others from git, then they look after themselves.",
        (HUB, W1, W2),
        (ArgoCD(on="hub", manages=("w1", "w2")), ArgoCD(on="w1", via="git"), ArgoCD(on="w2", via="git")),
        ("platform", "team-a"),
    ),
    _scenario(
        "03-multi-cluster/hybrid",
        "Platform from the hub, applications from the team",
        "advanced",
        45,
        "Two Argo CDs share w1 and must not fight.",
        (HUB, W1, W2),
        (ArgoCD(on="hub", manages=("w1", "w2")), ArgoCD(on="w1")),
        ("platform", "team"),
    ),
    _scenario(
        "examples/ecommerce-platform",
        "360 applications",
        "advanced",
        60,
        "Thirty services on twelve clusters.",
        (HUB, *(Cluster(name=f"w{n}", role="workload") for n in range(1, 13))),
        (ArgoCD(on="hub", manages=tuple(f"w{n}" for n in range(1, 13))),),
        lesson=0,
    ),
)

CARDS = (
    *(Card(id=s.id, scenario=s, done=s.id == "01-app-of-apps/basic-example") for s in SCENARIOS),
    Card(
        id="examples/torn",
        scenario=None,
        problems=(
            "scenarios/examples/torn/scenario.yaml:7:3: spec.cluster: is not a key of this format; "
            "did you mean clusters?",
        ),
    ),
)

PLAN = (
    StepInfo(id="machine", title="checking this machine"),
    StepInfo(id="prepare", title="preparing network and images", needs=("machine",)),
    StepInfo(id="create:hub", title="creating cluster hub", clusters=("hub",), needs=("prepare",)),
    StepInfo(id="create:w1", title="creating cluster w1", clusters=("w1",), needs=("prepare",)),
    StepInfo(id="create:w2", title="creating cluster w2", clusters=("w2",), needs=("prepare",)),
    StepInfo(id="git", title="starting the git server", needs=("prepare",)),
    StepInfo(id="push:platform", title="pushing platform to lab-git", needs=("git",)),
    StepInfo(id="argocd:hub", title="installing Argo CD on hub", clusters=("hub",), needs=("create:hub",)),
    StepInfo(id="ready:hub", title="waiting for Argo CD on hub", clusters=("hub",), needs=("argocd:hub",)),
    StepInfo(
        id="register:hub:w1",
        title="registering w1 with hub",
        clusters=("hub", "w1"),
        needs=("argocd:hub", "create:w1"),
    ),
    StepInfo(
        id="register:hub:w2",
        title="registering w2 with hub",
        clusters=("hub", "w2"),
        needs=("argocd:hub", "create:w2"),
    ),
    StepInfo(
        id="bootstrap:hub",
        title="applying single-argocd.yaml on hub",
        clusters=("hub",),
        needs=("push:platform", "register:hub:w1", "register:hub:w2"),
    ),
    StepInfo(id="clone:platform", title="cloning platform into the workspace", needs=("push:platform",)),
)

FINDINGS = (
    Finding(id="docker", title="Docker answers", verdict="ok", detail="29.1.2 at /var/run/docker.sock"),
    Finding(id="kind", title="kind", verdict="ok", detail="0.31.0, needed 0.30 or newer"),
    Finding(id="kubectl", title="kubectl", verdict="ok", detail="1.36.1"),
    Finding(
        id="memory", title="memory", verdict="ok", detail="14.1 GiB of 23 GiB available, about 2.4 GiB more needed"
    ),
    Finding(id="processors", title="processors", verdict="ok", detail="found 4, recommended 2"),
    Finding(id="docker-disk", title="Docker's disk", verdict="ok", detail="61 GiB free, about 5 GiB needed"),
    Finding(id="inotify-instances", title="inotify instances", verdict="ok", detail="512, about 45 needed"),
    Finding(id="cgroup", title="control groups", verdict="ok", detail="version 2"),
)
READY = Diagnosis(findings=FINDINGS, provider="kind", seconds=0.8)
BLOCKED = Diagnosis(
    findings=(
        *FINDINGS[:3],
        Finding(
            id="memory",
            title="memory",
            verdict="problem",
            detail="1.1 GiB of 3.8 GiB available, about 2.4 GiB more needed",
            fix="docker stats --no-stream && ps aux --sort=-rss | head    # end what you can spare",
        ),
        *FINDINGS[4:6],
        Finding(
            id="inotify-instances",
            title="inotify instances",
            verdict="problem",
            detail="128, about 45 more needed while 110 are taken",
            fix="sudo sysctl fs.inotify.max_user_instances=512",
        ),
        Finding(
            id="proxy",
            title="proxy",
            verdict="warning",
            detail="HTTP_PROXY is set; the lab's names are not in NO_PROXY",
            fix='export NO_PROXY="$NO_PROXY,.svc,lab-git"',
        ),
        Finding(id="cgroup", title="control groups", verdict="unknown", detail="Docker did not say in time"),
    ),
    provider="kind",
    seconds=1.2,
)


def _cell(application: str, cluster: str, **values: str) -> FleetCell:
    state = {"sync": "Synced", "health": "Healthy", "revision": "4a1f2c7", "since": "2026-05-28T20:26:00Z"} | values
    return FleetCell(
        application=application,
        instance=state.pop("instance", "hub"),
        cluster=cluster,
        namespace=state.pop("namespace", "shop"),
        **state,
    )


FLEET = (
    _cell("root", "hub", namespace="argocd"),
    _cell("web-w1", "w1", applicationset="web"),
    _cell("web-w2", "w2", applicationset="web"),
    _cell("ingress-hub", "hub", namespace="ingress", applicationset="ingress"),
    _cell("ingress-w1", "w1", namespace="ingress", applicationset="ingress"),
    _cell("ingress-w2", "w2", namespace="ingress", applicationset="ingress"),
)

GIB = 1 << 30
UP = LabStatus(
    lab="lab",
    scenario=CENTRALIZED,
    provider="kind",
    state="up",
    clusters=(
        ClusterStatus(
            name="hub",
            role="management",
            state="ready",
            labels=HUB.labels,
            version="v1.36.1",
            memory_bytes=int(1.2 * GIB),
            argocd=True,
        ),
        ClusterStatus(
            name="w1", role="workload", state="ready", labels=W1.labels, version="v1.36.1", memory_bytes=int(0.61 * GIB)
        ),
        ClusterStatus(
            name="w2", role="workload", state="ready", labels=W2.labels, version="v1.36.1", memory_bytes=int(0.62 * GIB)
        ),
    ),
    links=tuple(Link(hub="hub", cluster=name, state="ok") for name in ("hub", "w1", "w2")),
    fleet=FLEET,
    git_url="http://127.0.0.1:40123",
    workspace="~/gitops-lab/labs/lab/workspace",
)
_BAD = "Deployment shop/web exceeded its progress deadline: image agnhost:2.65 cannot be pulled"
DEGRADED = replace(
    UP,
    fleet=(
        FLEET[0],
        _cell("web-w1", "w1", applicationset="web", sync="OutOfSync", revision="9bc01de"),
        _cell(
            "web-w2",
            "w2",
            applicationset="web",
            health="Degraded",
            message=_BAD,
            revision="9bc01de",
            since="2026-05-28T20:27:50Z",
        ),
        FLEET[3],
        _cell("ingress-w1", "w1", namespace="ingress", applicationset="ingress", health="Progressing"),
        _cell("ingress-w2", "w2", namespace="ingress", applicationset="ingress", health="Missing", sync="OutOfSync"),
    ),
    links=(
        Link(hub="hub", cluster="hub", state="ok"),
        Link(hub="hub", cluster="w1", state="ok"),
        Link(hub="hub", cluster="w2", state="stale", detail="the token ends in 2 hours"),
    ),
    problems=("hub → w2: stale, the token ends in 2 hours",),
)
PAUSED = replace(
    UP,
    state="paused",
    problems=("cluster hub is paused", "cluster w1 is paused", "cluster w2 is paused", "the git server does not run"),
    fleet=(),
    links=(),
    git_url="",
    clusters=tuple(replace(cluster, state="paused", memory_bytes=0) for cluster in UP.clusters),
)

TEXTS = {
    1: "You have three clusters. Only one of them runs Argo CD.\n\n```sh\nkubectl config get-contexts\n```\n",
    2: "To Argo CD a cluster is a **Secret** in its own namespace.\n",
    3: "Staging shall run two copies of `web`. You do not touch the cluster; you say so in git.\n\n"
    "Set `replicas: 2` in the overlay, then commit and push:\n\n"
    '```sh\ngit diff\ngit commit -am "Two copies in staging"\ngit push\n```\n\n'
    "Both Applications move to the new commit. Only one of them has anything to do.\n",
    4: "Delete the Service of `web` on `w1` and watch it come back.\n",
}
HINT = "Only apps/web/overlays/staging/patch.yaml has to change."


def lesson(step: int, done: bool = False, steps: int = 8) -> LessonStatus:
    """A step of the lesson; step 3 has a check that does not hold yet."""
    title, text = TITLES[step - 1], TEXTS.get(step, "Read on.\n")
    checks = ()
    if step == 3:
        checks = (
            CheckResult(
                id="staging-scaled",
                title="staging runs two copies of web",
                outcome="passed" if done else "failed",
                reason="" if done else "spec.replicas: got 1, want 2",
                hint=next(check.hint for check in CHECKS if check.id == "staging-scaled"),
            ),
        )
    return LessonStatus(
        scenario=CENTRALIZED,
        step=step,
        steps=steps,
        title=title,
        text=text,
        checks=checks,
        done=done,
        hint=HINT if step == 3 else "",
    )
