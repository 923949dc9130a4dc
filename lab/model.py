"""The scenario format as frozen data. The loader, the JSON schema and the editor's help all come from here."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
NAME_LIMIT = 40
DURATION = re.compile(r"([1-9][0-9]{0,4})(s|m)")

Capability = Literal["can_create", "runs_containers", "has_network", "keeps_time"]
"""What a provider can do; a check that needs one it lacks is skipped with the reason, a step is left out."""
CAPABILITIES: frozenset[Capability] = frozenset(get_args(Capability))


def is_name(text: str) -> bool:
    """Whether the text can name a lab, cluster, repository or check: a DNS label of at most 40 characters."""
    return len(text) <= NAME_LIMIT and NAME.fullmatch(text) is not None


def _name(text: str) -> str:
    if not is_name(text):
        raise ValueError("must be lowercase letters, digits and '-', start and end with one of the former, 40 at most")
    return text


def _duration(text: str) -> str:
    if DURATION.fullmatch(text) is None:
        raise ValueError("must be a duration such as 90s or 3m")
    return text


def _relative(text: str) -> str:
    path = Path(text)
    if not text or path.is_absolute() or ".." in path.parts or "\0" in text:
        raise ValueError("must be a path inside the scenario folder")
    return text


def _text(pattern: str, **more: int) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$", **more})


Name = Annotated[str, AfterValidator(_name), _text(NAME.pattern, maxLength=NAME_LIMIT)]
Duration = Annotated[str, AfterValidator(_duration), _text(DURATION.pattern)]
RelativePath = Annotated[str, AfterValidator(_relative), WithJsonSchema({"type": "string", "minLength": 1})]


def seconds(duration: str) -> float:
    """`90s` -> 90.0, `3m` -> 180.0."""
    match = DURATION.fullmatch(duration)
    if match is None:
        raise ValueError(duration)
    return float(match[1]) * (60 if match[2] == "m" else 1)


class Part(BaseModel):
    """A part of a scenario file: frozen, strictly typed, unknown keys are errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True, validate_by_name=True
    )


class Cluster(Part):
    """One cluster of the lab."""

    name: Name
    """Short name, unique in the scenario; Argo CD's `destination.name`."""
    role: Literal["management", "workload"]
    """Management clusters run Argo CD for others; workload clusters are managed."""
    labels: dict[str, str] = {}
    """Labels of the registration Secret, which the cluster generator selects on."""
    images: Annotated[tuple[str, ...] | None, Field(strict=False)] = None
    """Workload images loaded into this cluster; without it, those of the scenario. `[]` for one without workloads."""


class Rights(Part):
    """What an Argo CD may do on a cluster. Without this, everything (as `argocd cluster add` grants)."""

    namespaces: Annotated[tuple[Name, ...], Field(min_length=1, strict=False)]
    """It may do everything in these namespaces, which the lab creates, and nothing elsewhere."""


class ArgoCD(Part):
    """One Argo CD instance, in namespace `argocd`."""

    on: Name
    """Cluster it runs on."""
    manages: Annotated[tuple[Name, ...], Field(strict=False)] = ()
    """Other clusters registered with it. Its own cluster is always registered, with its labels."""
    via: Literal["lab", "git"] = "lab"
    """`lab`: the lab installs it. `git`: another instance of the scenario installs it from a repository."""
    rights: dict[str, Rights] = {}
    """Limits by cluster name; a cluster that is not listed gives full rights."""


class Include(Part):
    """A file that is written into the repository when it is seeded, because we do not carry it ourselves."""

    release: Literal["core-install", "install"]
    """Argo CD's release manifest of the lab's pinned version, with the lab's patches applied."""
    to: RelativePath
    """File path inside the repository."""


class Repository(Part):
    """A repository on the lab's git server, reached in clusters as `http://lab-git:3000/lab/<name>.git`."""

    name: Name
    """Unique in the scenario; the repository's name on the server and in the workspace."""
    from_: Annotated[RelativePath, Field(alias="from")]
    """Folder of the scenario whose content is pushed, byte for byte."""
    include: Annotated[tuple[Include, ...], Field(strict=False)] = ()
    """Files that are added to the folder's content."""


class Bootstrap(Part):
    """The one thing applied by hand; everything else comes from git."""

    on: Name
    """Cluster it is applied to."""
    apply: RelativePath
    """Manifest file of the scenario, or a folder whose manifests are applied by name."""


class Expect(Part):
    """Objects that must exist, or must not."""

    kind: str
    """Kubernetes kind, e.g. Deployment."""
    apiVersion: str = ""  # noqa: N815 - Kubernetes' own spelling
    """Only for kinds the lab does not know, e.g. `example.org/v1`."""
    namespace: str = ""
    """Namespace to look in; without it, everywhere."""
    name: str = ""
    """One object; without it, all that the labels select."""
    labels: dict[str, str] = {}
    """Labels that all must be on an object."""
    count: Annotated[int, Field(ge=0)] | None = None
    """Exactly this many; without it, at least one."""
    absent: bool = False
    """None may exist."""
    match: dict[str, Any] = {}
    """Subset every found object must contain; lists match element by element, in order."""


class App(Part):
    """State of one Application as Argo CD reports it."""

    name: str
    """Name of the Application."""
    namespace: str = "argocd"
    """Namespace of the Application itself, not of what it deploys."""
    sync: Literal["Synced", "OutOfSync", "Unknown"] | None = None
    """Sync status it must have."""
    health: Literal["Healthy", "Progressing", "Degraded", "Suspended", "Missing", "Unknown"] | None = None
    """Health it must have."""
    revision: str = ""
    """`head:<repository>`: synced to the newest commit of that repository; or a commit id."""
    condition: str = ""
    """Regular expression found in the message of one of its conditions or its last operation."""


class AppSet(Part):
    """What one ApplicationSet generates."""

    name: str
    """Name of the ApplicationSet."""
    namespace: str = "argocd"
    """Namespace of the ApplicationSet itself."""
    applications: Annotated[tuple[str, ...], Field(strict=False)] | None = None
    """Exactly these names, in any order."""
    count: Annotated[int, Field(ge=0)] | None = None
    """Exactly this many Applications."""


class Denied(Part):
    """Something that must be refused. Applied, judged by the message, removed again."""

    apply: RelativePath
    """Manifest with one object. An Application counts as refused when a condition or its operation says so."""
    message: str
    """Regular expression found in the refusal."""
    impersonate: str = Field(default="", alias="as")
    """User to apply as, e.g. `system:serviceaccount:team-a:deployer`."""


class Http(Part):
    """A request through the API server's service proxy of the cluster."""

    namespace: Name
    """Namespace of the Service."""
    service: Name
    """Name of the Service."""
    port: Annotated[int, Field(ge=1, le=65535)]
    """Port of the Service."""
    path: str = "/"
    """Path of the request; starts with `/`."""
    status: Annotated[int, Field(ge=100, le=599)] = 200
    """Status code it must answer."""
    contains: str = ""
    """Text the answer must contain."""


CHECK_KINDS = ("expect", "app", "appset", "denied", "script", "http")


class Check(Part):
    """One thing that is true or not. Exactly one of expect, app, appset, denied, script, http."""

    id: Name
    """Stable: lessons and people refer to it."""
    title: str
    """A statement a person can agree with, e.g. `web is healthy on w1`."""
    phase: Literal["up", "lesson", "drill"] = "up"
    """`up`: holds when the lab is up. `lesson`: becomes true when a lesson step is done. `drill`: the check itself
    takes a part of the lab down, looks, and brings it back; runs only when asked for."""
    on: str = ""
    """Cluster to look at; the first management cluster when left out."""
    expect: Expect | None = None
    """Objects of the cluster."""
    app: App | None = None
    """One Application."""
    appset: AppSet | None = None
    """What an ApplicationSet generates."""
    denied: Denied | None = None
    """Something that must be refused."""
    script: RelativePath | None = None
    """Executable file. Exit 0 holds, 1 does not (stdout says why), 5 cannot be told here."""
    http: Http | None = None
    """An answer of a Service."""
    timeout: Duration = "2m"
    """How long it may take to become true, e.g. `90s` or `3m`."""
    needs: Annotated[tuple[Capability, ...], Field(strict=False)] = ()
    """What the provider must be able to do; the check is skipped where it cannot."""
    hint: str = ""
    """What to look at when it does not hold; a command where possible."""

    @model_validator(mode="after")
    def _one_kind(self) -> "Check":
        given = [kind for kind in CHECK_KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none of them"
            raise ValueError(f"must have exactly one of {', '.join(CHECK_KINDS)}, found {found}")
        return self

    @property
    def kind(self) -> str:
        """Which of CHECK_KINDS it is."""
        return next(kind for kind in CHECK_KINDS if getattr(self, kind) is not None)


class Metadata(Part):
    """What people see of a scenario before they start it."""

    name: Name
    """Short name; the last part of the folder's path."""
    title: str
    """One line."""
    level: Literal["beginner", "intermediate", "advanced"]
    """Whom it is for."""
    minutes: Annotated[int, Field(ge=1, le=600)]
    """How long a learner needs for the lesson."""
    summary: str = ""
    """One or two sentences for the list."""


class Spec(Part):
    """What the lab builds, and how it is judged."""

    clusters: Annotated[tuple[Cluster, ...], Field(min_length=1, strict=False)]
    """At least one, and one of them a management cluster."""
    argocd: Annotated[tuple[ArgoCD, ...], Field(min_length=1, strict=False)]
    """Argo CD instances, at most one on a cluster."""
    repositories: Annotated[tuple[Repository, ...], Field(strict=False)] = ()
    """Repositories on the lab's git server."""
    bootstrap: Annotated[tuple[Bootstrap, ...], Field(strict=False)] = ()
    """What is applied once everything runs, in this order."""
    images: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Workload images, loaded into every cluster so that nothing is pulled from inside."""
    checks: Annotated[tuple[Check, ...], Field(strict=False)] = ()
    """What is true when the lab is as it should be."""


class ScenarioFile(Part):
    """`scenario.yaml` of one folder."""

    apiVersion: Literal["lab/v1"]  # noqa: N815 - Kubernetes' own spelling
    """Version of this format."""
    kind: Literal["Scenario"]
    """Always `Scenario`."""
    metadata: Metadata
    """What people see of it before they start it."""
    spec: Spec
    """Clusters, Argo CD, repositories and checks."""


class LessonStep(Part):
    """One step of a lesson: `lesson/NN-name.md`, front matter and Markdown."""

    number: int
    """From the file name, counted from 1 without gaps."""
    slug: str
    """The rest of the file name."""
    title: str
    checks: tuple[str, ...] = ()
    """Ids of the scenario's checks that decide the step; none: reading is enough."""
    hint: str = ""
    solve: str = ""
    """Shell commands that bring the step's state; run with the environment of `lab env`."""
    text: str
    """Markdown without the front matter."""


class Scenario(Part):
    """A loaded and checked scenario folder."""

    id: str
    """Path below the scenarios folder, e.g. `03-multi-cluster/centralized`."""
    folder: Path
    metadata: Metadata
    spec: Spec
    lesson: tuple[LessonStep, ...] = ()
    digest: str = ""
    """SHA-256 over scenario.yaml and everything pushed or applied; changes when the lab would be another."""

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def clusters(self) -> tuple[Cluster, ...]:
        return self.spec.clusters

    @property
    def hub(self) -> Cluster:
        """The first management cluster, else the first cluster."""
        return next((c for c in self.spec.clusters if c.role == "management"), self.spec.clusters[0])

    def cluster(self, name: str) -> Cluster:
        """The cluster of that name; KeyError when there is none."""
        for cluster in self.spec.clusters:
            if cluster.name == name:
                return cluster
        raise KeyError(name)

    def workload_images(self) -> tuple[str, ...]:
        """Every image that some cluster loads, each once."""
        loaded = [cluster.images for cluster in self.spec.clusters if cluster.images is not None]
        shared = self.spec.images if len(loaded) < len(self.spec.clusters) else ()
        return tuple(dict.fromkeys((*shared, *(image for images in loaded for image in images))))

    def checks(self, *phases: str) -> tuple[Check, ...]:
        """Checks of these phases, in file order."""
        return tuple(check for check in self.spec.checks if check.phase in phases)
