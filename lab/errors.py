"""Every error a person can meet, in one table. The troubleshooting page is generated from it."""

import errno
from dataclasses import dataclass

OK, CHECK_FAILED, USAGE, NOT_READY, CONSENT, NOTHING_RAN, BUG, BUSY, INTERRUPTED = (
    0,
    1,
    2,
    3,
    4,
    5,
    70,
    75,
    130,
)


@dataclass(frozen=True, kw_only=True)
class ErrorKind:
    """One row: templates take the keyword arguments of LabError."""

    what: str
    """What failed, one line."""
    why: str
    """The usual reason, for the troubleshooting page and the message."""
    fix: str
    """A command to paste, or the shortest advice."""
    exit_code: int


ERRORS: dict[str, ErrorKind] = {
    # usage and scenario
    "usage": ErrorKind(what="{problem}", why="The command line could not be read.", fix="lab --help", exit_code=USAGE),
    "scenario-unknown": ErrorKind(
        what="there is no scenario {name}",
        why="The name matches no scenario folder. {nearest}",
        fix="lab scenarios",
        exit_code=USAGE,
    ),
    "scenario-ambiguous": ErrorKind(
        what="{name} names more than one scenario",
        why="These match: {matches}.",
        fix="lab up {first}",
        exit_code=USAGE,
    ),
    "scenario-invalid": ErrorKind(
        what="{file} has {count} problem(s)",
        why="The scenario does not follow the format; nothing was changed.",
        fix="correct the lines above; the format is described in docs/scenario-format.md",
        exit_code=USAGE,
    ),
    "name-invalid": ErrorKind(
        what="{name!r} cannot name a {thing}",
        why="A name is made of lowercase letters, digits and '-', starts and ends with a letter or digit, and has at "
        "most 40 characters.",
        fix="lab up centralized --name my-lab",
        exit_code=USAGE,
    ),
    "check-unknown": ErrorKind(
        what="the scenario has no check {name}",
        why="Known checks: {known}.",
        fix="lab check --list",
        exit_code=USAGE,
    ),
    "lesson-unknown": ErrorKind(
        what="the lesson has no step {step}",
        why="It has steps 1 to {steps}.",
        fix="lab lesson --list",
        exit_code=USAGE,
    ),
    "cluster-unknown": ErrorKind(
        what="the lab has no cluster {name}",
        why="Its clusters are {known}.",
        fix="lab status",
        exit_code=USAGE,
    ),
    # the machine
    "tool-missing": ErrorKind(
        what="{tool} is not installed",
        why="The lab starts {tool} as a program and did not find it on PATH.",
        fix="{install}",
        exit_code=NOT_READY,
    ),
    "docker-missing": ErrorKind(
        what="Docker is not installed",
        why="Neither the docker program nor its socket was found.",
        fix="install Docker Engine or Docker Desktop (https://docs.docker.com/get-docker/), then: lab doctor",
        exit_code=NOT_READY,
    ),
    "docker-stopped": ErrorKind(
        what="Docker is not running",
        why="Nothing answers at {host}.",
        fix="sudo systemctl start docker    # Docker Desktop: start the application",
        exit_code=NOT_READY,
    ),
    "docker-denied": ErrorKind(
        what="you may not talk to Docker",
        why="{host} exists, but your user may not open it.",
        fix='sudo usermod -aG docker "$USER" && newgrp docker',
        exit_code=NOT_READY,
    ),
    "docker-failed": ErrorKind(
        what="Docker refused: {problem}",
        why="The Docker engine answered with an error.",
        fix="docker info",
        exit_code=NOT_READY,
    ),
    "not-ready": ErrorKind(
        what="this machine cannot run {scenario} yet: {problems}",
        why="Doctor found what would make the lab fail.",
        fix="lab doctor {scenario}",
        exit_code=NOT_READY,
    ),
    "image-unavailable": ErrorKind(
        what="image {image} cannot be had",
        why="It is not on this machine and pulling it failed: {reason}",
        fix="docker pull {image}",
        exit_code=NOT_READY,
    ),
    "disk-full": ErrorKind(
        what="no space left on {path}",
        why="Docker, the lab folder or the cache could not write.",
        fix="docker system df && df -h {path}",
        exit_code=NOT_READY,
    ),
    "port-taken": ErrorKind(
        what="port {port} on 127.0.0.1 is taken",
        why="Another program listens where the lab's {purpose} was; the lab keeps its ports from run to run.",
        fix="ss -ltnp 'sport = :{port}'    # end that program, or: lab down && lab up",
        exit_code=NOT_READY,
    ),
    "manifest-unavailable": ErrorKind(
        what="Argo CD's {name}.yaml {version} cannot be had",
        why="{reason}",
        fix="LAB_MANIFESTS_DIR=/path/to/manifests lab up    # holds argocd/{version}/{name}.yaml",
        exit_code=NOT_READY,
    ),
    "manifest-altered": ErrorKind(
        what="Argo CD's {name}.yaml {version} is not the released file",
        why="SHA-256 is {found}, expected {expected}.",
        fix="rm {path} && lab up",
        exit_code=NOT_READY,
    ),
    # the lab
    "lab-unknown": ErrorKind(
        what="there is no lab {name}",
        why="Nothing of that name is on this machine.",
        fix="lab up centralized",
        exit_code=USAGE,
    ),
    "lab-other-spec": ErrorKind(
        what="lab {name} exists with another spec: {difference}",
        why="One lab runs one scenario with one set of options at a time.",
        fix="lab down    # or keep it and start a second one: lab up {scenario} --name {other}",
        exit_code=USAGE,
    ),
    "lab-busy": ErrorKind(
        what="lab {name} is busy: {holder}",
        why="Two commands must not change one lab at the same time.",
        fix="lab events --follow    # watch it; then try again",
        exit_code=BUSY,
    ),
    "lab-paused": ErrorKind(
        what="lab {name} is paused",
        why="Its clusters are stopped.",
        fix="lab resume",
        exit_code=NOT_READY,
    ),
    "foreign": ErrorKind(
        what="{what} exists and is not the lab's",
        why="It has the name this lab would use, but not the lab's mark; it is left alone.",
        fix="lab up {scenario} --name other",
        exit_code=NOT_READY,
    ),
    "unpushed-work": ErrorKind(
        what="the workspace has work that is only there: {what}",
        why="`lab down` removes the git server and the workspace with it.",
        fix="lab down --yes    # or copy it first: cp -r {path} ~/my-work",
        exit_code=CONSENT,
    ),
    "consent": ErrorKind(
        what="your word is needed: {what}",
        why="There is no terminal to ask at.",
        fix="{command} --yes",
        exit_code=CONSENT,
    ),
    "state-unreadable": ErrorKind(
        what="{path} cannot be read",
        why="{reason}",
        fix="rm {path} && lab up    # the lab finds its parts again by their marks",
        exit_code=NOT_READY,
    ),
    # running
    "command-failed": ErrorKind(
        what="{program} failed with exit code {exit_code}",
        why="{last_lines}",
        fix="{command}",
        exit_code=CHECK_FAILED,
    ),
    "command-timeout": ErrorKind(
        what="{program} took longer than {timeout:.0f} s",
        why="{last_lines}",
        fix="{command}",
        exit_code=CHECK_FAILED,
    ),
    "kube-refused": ErrorKind(
        what="the API of {cluster} refused: {reason}",
        why="{message}",
        fix="lab status",
        exit_code=CHECK_FAILED,
    ),
    "kube-unreachable": ErrorKind(
        what="the API of {cluster} does not answer",
        why="{reason}",
        fix="lab status    # then: lab resume",
        exit_code=CHECK_FAILED,
    ),
    "wait-timeout": ErrorKind(
        what="{awaited} did not come within {timeout:.0f} s",
        why="Last seen: {seen}",
        fix="{more}",
        exit_code=CHECK_FAILED,
    ),
    "registration-failed": ErrorKind(
        what="{hub} cannot use {cluster}: {reason}",
        why="The probe ran inside {hub}'s Argo CD with the very credentials of the registration.",
        fix="lab up    # registers again",
        exit_code=CHECK_FAILED,
    ),
    "git-failed": ErrorKind(
        what="the git server refused: {reason}",
        why="Request: {request}",
        fix="lab up    # mends it; what the git server says: {log}",
        exit_code=CHECK_FAILED,
    ),
    "simulator-failed": ErrorKind(
        what="the simulator failed: {reason}",
        why="The process that serves the simulated clusters refused, did not answer or could not be started.",
        fix="tail -n 20 {log}    # then: lab up",
        exit_code=CHECK_FAILED,
    ),
    "web-failed": ErrorKind(
        what="{url} did not answer: {reason}",
        why="The request ended without the answer the lab needs.",
        fix="curl -sSI {url}",
        exit_code=NOT_READY,
    ),
    "unsupported": ErrorKind(
        what="{what} is not possible with provider {provider}",
        why="{reason}",
        fix="lab up {wish} --provider kind    # needs Docker",
        exit_code=NOT_READY,
    ),
    "checks-failed": ErrorKind(
        what="{count} check(s) do not hold",
        why="Each says what it got and what it wants.",
        fix="lab check",
        exit_code=CHECK_FAILED,
    ),
    "interrupted": ErrorKind(
        what="stopped on request",
        why="What is done stays; the same command goes on from there.",
        fix="{command}",
        exit_code=INTERRUPTED,
    ),
    "bug": ErrorKind(
        what="an unexpected error: {problem}",
        why="This is a defect of the lab.",
        fix="{command} -v    # and report what it prints",
        exit_code=BUG,
    ),
}


class LabError(Exception):
    """An error with a row in ERRORS. Third-party text goes to `details`, never into the headline."""

    def __init__(self, code: str, /, *, details: str = "", **values: object) -> None:
        self.code = code
        self.kind = ERRORS[code]
        self.values = values
        self.details = details
        self.what = self.kind.what.format(**values)
        self.why = self.kind.why.format(**values)
        self.fix = self.kind.fix.format(**values)
        super().__init__(self.what)

    @property
    def exit_code(self) -> int:
        return self.kind.exit_code


def no_space(error: BaseException) -> bool:
    """Whether the system refused to write because a disk or a quota is full."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    # shutil collects what went wrong with a tree's files as text.
    return f"[Errno {errno.ENOSPC}]" in str(error) or f"[Errno {errno.EDQUOT}]" in str(error)


def as_lab_error(error: BaseException, command: str) -> LabError:
    """The error itself, `disk-full`, or `bug` around one that is not the lab's.

    :param command: what to type again, e.g. `lab check`
    """
    if isinstance(error, LabError):
        return error
    if isinstance(error, OSError) and no_space(error):
        return LabError("disk-full", path=error.filename or "/", details=str(error))
    return LabError("bug", problem=f"{type(error).__name__}: {error}", command=command)


class KubeError(LabError):
    """The API server's refusal."""

    def __init__(self, cluster: str, status: int, reason: str, message: str) -> None:
        super().__init__("kube-refused", cluster=cluster, reason=reason, message=message)
        self.status = status
        self.reason = reason
        self.message = message


class WaitTimeout(LabError):
    """A wait ended without its state; remembers the last mismatch."""

    def __init__(self, awaited: str, timeout: float, seen: str, more: str = "lab status") -> None:
        super().__init__("wait-timeout", awaited=awaited, timeout=timeout, seen=seen, more=more)
        self.seen = seen


class Cancelled(Exception):
    """Raised inside a step when the run is asked to stop."""
