"""What the lab needs and this machine does not have yet: it will be fetched, so a network is needed."""

import shlex

from lab.argocd import release
from lab.doctor.case import Answer, Case, Check, of_containers, ok, problem, warning
from lab.doctor.machine import told
from lab.model import Scenario
from lab.settings import Settings
from lab.state import Options


def argocd_image(settings: Settings) -> str:
    """The image Argo CD's release manifest names."""
    return f"quay.io/argoproj/argocd:{settings.argocd_version}"


def images(settings: Settings, scenario: Scenario | None) -> tuple[str, ...]:
    """Every image whose presence doctor asks for."""
    workloads = scenario.workload_images() if scenario else ()
    return (settings.node_image, argocd_image(settings), settings.git_image, *workloads)


def releases(scenario: Scenario | None, options: Options) -> tuple[release.Name, ...]:
    """Argo CD's release manifests the scenario needs: what the lab installs and what it writes into repositories."""
    repositories = scenario.spec.repositories if scenario else ()
    included: set[release.Name] = {include.release for repository in repositories for include in repository.include}
    installed: release.Name = "install" if options.ui else "core-install"
    return tuple(sorted(included | {installed}))


def _present(case: Case, references: tuple[str, ...]) -> Answer:
    known = told(case.machine.answered().images, "Docker did not answer in time")
    missing = [reference for reference in references if not told(known.get(reference), "Docker was not asked")]
    if not missing:
        return ok(", ".join(references) or "none needed")
    fix = " && ".join(f"docker pull {shlex.quote(reference)}" for reference in missing)
    return warning(f"{', '.join(missing)} will be pulled", fix)


def node_image(case: Case) -> Answer:
    return _present(case, (case.settings.node_image,))


def argocd(case: Case) -> Answer:
    return _present(case, (argocd_image(case.settings),))


def git(case: Case) -> Answer:
    return _present(case, (case.settings.git_image,))


def workloads(case: Case) -> Answer:
    return _present(case, case.scenario.workload_images() if case.scenario else ())


def manifest(case: Case) -> Answer:
    settings = case.settings
    found = told(case.machine.manifests, "the lab's folders did not answer in time")
    for name, (place, refusal) in found.items():
        if refusal:
            again = "" if settings.release_manifests_dir else f"rm {shlex.quote(place)} && "
            return problem(refusal, f"{again}{_fetch(settings, name)}")
    missing = [name for name, (place, _) in found.items() if not place]
    if missing:
        what = ", ".join(f"{name}.yaml" for name in missing)
        return warning(f"{what} {settings.argocd_version} will be downloaded", _fetch(settings, *missing))
    return ok(", ".join(place for place, _ in found.values()))


def _fetch(settings: Settings, *names: str) -> str:
    """Put the release manifests where the lab looks for them."""
    version = settings.argocd_version
    folder = (settings.release_manifests_dir or settings.cache) / "argocd" / version
    return " && ".join(
        f"curl -fL --create-dirs -o {shlex.quote(str(folder / f'{name}.yaml'))} "
        + release.SOURCE.format(version=version, name=name)
        for name in names
    )


CHECKS = of_containers(
    Check("node-image", "node image", node_image),
    Check("argocd-image", "Argo CD's image", argocd),
    Check("git-image", "git server's image", git),
    Check("workload-images", "images of the scenario", workloads),
    Check("argocd-manifest", "Argo CD's manifest", manifest),
)
