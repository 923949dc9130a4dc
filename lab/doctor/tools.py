"""Programs and the terminal."""

import re

from lab.doctor.case import Answer, Case, Check, of_containers, ok, problem, warning
from lab.doctor.install import KUBERNETES, upgrade
from lab.doctor.kernel import node_minor
from lab.doctor.machine import Tool, Unanswered, numbers, told
from lab.settings import NODE_IMAGE

KIND_NEEDED = (0, 30)
GIT_NEEDED = (2, 28)
"""The first with the reference-transaction hook, by which a push is noticed."""
PYTHON_NEEDED = (3, 11)


def _tool(case: Case, name: str) -> Tool:
    return told(case.machine.tools.get(name), f"{name} did not answer in time")


def _absent(case: Case, name: str, version: str = "") -> Answer | None:
    """The problem when a program is missing or does not start."""
    tool = _tool(case, name)
    if not tool.path:
        return problem("not on PATH", upgrade(name, case.machine, version))
    if tool.failure:
        return problem(f"{tool.path} does not work: {tool.failure}", upgrade(name, case.machine, version))
    return None


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)


def docker(case: Case) -> Answer:
    engine = case.machine.engine
    if engine is not None and engine.code == "docker-missing" and not case.machine.default_answers:
        raise Unanswered("Docker is not installed")
    return _absent(case, "docker") or ok(_tool(case, "docker").output.splitlines()[0])


def _at_least(case: Case, name: str, needed: tuple[int, int]) -> Answer:
    absent = _absent(case, name)
    if absent:
        return absent
    found = numbers(_tool(case, name).output)
    detail = f"found {_dotted(found)}, needed {_dotted(needed)}"
    return problem(detail, upgrade(name, case.machine)) if found < needed else ok(detail)


def kind(case: Case) -> Answer:
    return _at_least(case, "kind", KIND_NEEDED)


def git(case: Case) -> Answer:
    return _at_least(case, "git", GIT_NEEDED)


def kubectl(case: Case) -> Answer:
    """kubectl may be one minor away from the server (https://kubernetes.io/releases/version-skew-policy/)."""
    image = case.settings.node_image
    tag = KUBERNETES.search(image) or KUBERNETES.search(NODE_IMAGE)
    wanted = tag[1] if tag else ""
    absent = _absent(case, "kubectl", wanted)
    if absent:
        return absent
    found = numbers(_tool(case, "kubectl").output)
    minor = node_minor(image)
    if minor is None:
        return ok(f"found {_dotted(found)}")
    detail = f"found {_dotted(found)}, the clusters run 1.{minor}"
    if abs(found[1] - minor) > 1:
        return warning(
            f"{detail}; more than one minor apart is not supported", upgrade("kubectl", case.machine, wanted)
        )
    return ok(detail)


def python(case: Case) -> Answer:
    found = case.machine.python
    detail = f"found {_dotted(found)}, needed {_dotted(PYTHON_NEEDED)}"
    return problem(detail, "pipx reinstall --python python3.12 gitops-lab") if found < PYTHON_NEEDED else ok(detail)


def terminal(case: Case) -> Answer:
    seen = case.machine.environment
    locale = next((seen[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if seen.get(name)), "")
    if not re.search(r"utf-?8", f"{locale} {seen.get('encoding', '') if not locale else ''}", re.I):
        return warning(
            f"locale {locale or 'not set'} is not UTF-8; the screens would be garbled", "export LANG=C.UTF-8"
        )
    if seen.get("TERM") == "dumb":
        return warning("TERM is dumb; `lab tui` needs more, all other commands do not", "export TERM=xterm-256color")
    return ok(locale or seen.get("encoding", ""))


CHECKS = (
    *of_containers(Check("docker-cli", "docker program", docker)),
    *of_containers(Check("kind", "kind", kind)),
    Check("kubectl", "kubectl", kubectl),
    Check("git", "git", git),
    Check("python", "Python", python),
    Check("terminal", "terminal", terminal),
)
