"""The git server, its repositories and the learner's clones."""

from dataclasses import dataclass
from pathlib import Path

from lab import git_workspace
from lab.argocd import manifest
from lab.model import Repository
from lab.session import Lab
from lab.steps.step import Step, Told


@dataclass(frozen=True, kw_only=True)
class StartGit(Step):
    @property
    def id(self) -> str:
        return "git"

    @property
    def title(self) -> str:
        return "starting the git server"

    def satisfied(self, lab: Lab) -> str:
        if not lab.provider.git_running():
            return "the git server does not run"
        server = lab.git()
        return server.ready() or ("" if server.signed_in() else "its account is not the lab's yet")

    def run(self, lab: Lab, told: Told) -> None:
        lab.provider.start_git()


@dataclass(frozen=True, kw_only=True)
class SeedRepository(Step):
    """The scenario's folder as the first commit; never again once `main` exists, because it is the learner's then."""

    repository: Repository

    @property
    def id(self) -> str:
        return f"push:{self.repository.name}"

    @property
    def title(self) -> str:
        return f"pushing {self.repository.name} to the git server"

    def satisfied(self, lab: Lab) -> str:
        return "" if lab.git().head(self.repository.name) else f"repository {self.repository.name} is empty"

    def run(self, lab: Lab, told: Told) -> None:
        extra = {
            include.to: manifest.text(lab.settings, lab.options, include.release, lab.provider.argocd)
            for include in self.repository.include
        }
        lab.git().create(self.repository.name)
        git_workspace.seed(
            lab.shell,
            lab.git(),
            self.repository.name,
            source=lab.scenario.folder / self.repository.from_,
            extra_files=extra,
            workdir=lab.folder.path / "seed",
            credentials=credentials(lab),
        )
        clone = lab.workspace / self.repository.name
        if clone.is_dir():
            told("bringing back what the workspace had pushed")
            git_workspace.restore(lab.shell, lab.git(), clone)


@dataclass(frozen=True, kw_only=True)
class CloneRepository(Step):
    """The learner's working copy, with the hook that tells Argo CD of a push."""

    repository: Repository

    @property
    def id(self) -> str:
        return f"clone:{self.repository.name}"

    @property
    def title(self) -> str:
        return f"cloning {self.repository.name} into the workspace"

    def satisfied(self, lab: Lab) -> str:
        return git_workspace.outdated(lab.shell, lab.git(), lab.workspace / self.repository.name, _hook(lab))

    def run(self, lab: Lab, told: Told) -> None:
        git_workspace.clone(
            lab.shell,
            lab.git(),
            self.repository.name,
            workspace=lab.workspace,
            credentials=credentials(lab),
            hook=_hook(lab),
        )


def _hook(lab: Lab) -> str:
    instances = [(cluster, lab.folder.path / "kubeconfigs" / f"{cluster}.yaml") for cluster in lab.instances]
    return git_workspace.hook_text(instances, lab.options.timing)


def credentials(lab: Lab) -> Path:
    """The file from which git reads the password of the lab's git server."""
    path = lab.folder.path / "secrets" / "git-credentials"
    git_workspace.write_credentials(path, lab.git().url, lab.folder.secret("git"))
    return path
