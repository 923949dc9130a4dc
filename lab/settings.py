"""What a person may set from outside, and the versions the lab pins."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

NODE_IMAGE = "kindest/node:v1.36.1@sha256:3489c7674813ba5d8b1a9977baea8a6e553784dab7b84759d1014dbd78f7ebd5"
ARGOCD_VERSION = "v3.6.1"
GIT_IMAGE = "docker.gitea.com/gitea:1.26.0-rootless"


def _data_root() -> Path:
    """The folder that holds `scenarios/` and `manifests/`: inside an installed wheel, or the checkout."""
    packaged = Path(__file__).parent / "_data"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every knob that comes from the environment, read once."""

    home: Path
    """Private data of all labs, mode 0700. `LAB_HOME`; default `$XDG_DATA_HOME/gitops-lab`."""

    cache: Path
    """Downloads and image archives that can be made again. `LAB_CACHE`; default `$XDG_CACHE_HOME/gitops-lab`."""

    scenarios_dir: Path
    """Where scenario folders are found. `LAB_SCENARIOS_DIR`; default: those shipped with the lab."""

    manifests_dir: Path
    """What the lab itself applies: pins, patches, workloads."""

    release_manifests_dir: Path | None = None
    """`LAB_MANIFESTS_DIR`: a folder with `argocd/<version>/{install,core-install}.yaml`; no download is made."""

    node_image: str = NODE_IMAGE
    """`LAB_NODE_IMAGE`: the image kind makes nodes of. Pinned by digest: Argo CD 3.6 is tested up to 1.36."""

    argocd_version: str = ARGOCD_VERSION
    """`LAB_ARGOCD_VERSION`: release tag with the leading `v`."""

    git_image: str = GIT_IMAGE
    """`LAB_GIT_IMAGE`: the git server's image."""

    create_slots: int = 2
    """`LAB_CREATE_SLOTS`: how many clusters are created at once; default 2."""

    def environment(self) -> dict[str, str]:
        """The variables that give a child `lab` these same settings."""
        values = {
            "LAB_HOME": self.home,
            "LAB_CACHE": self.cache,
            "LAB_SCENARIOS_DIR": self.scenarios_dir,
            "LAB_MANIFESTS_DIR": self.release_manifests_dir,
            "LAB_NODE_IMAGE": self.node_image,
            "LAB_ARGOCD_VERSION": self.argocd_version,
            "LAB_GIT_IMAGE": self.git_image,
            "LAB_CREATE_SLOTS": self.create_slots,
        }
        return {name: str(value) for name, value in values.items() if value is not None}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read the settings; a variable that is set but empty counts as unset."""

        def path(name: str, default: Path) -> Path:
            return Path(environment.get(name) or default).expanduser().absolute()

        user = Path(environment.get("HOME") or Path.home())
        data = Path(environment.get("XDG_DATA_HOME") or user / ".local" / "share")
        cache = Path(environment.get("XDG_CACHE_HOME") or user / ".cache")
        root = _data_root()
        release = environment.get("LAB_MANIFESTS_DIR")
        slots = environment.get("LAB_CREATE_SLOTS") or "2"
        return cls(
            home=path("LAB_HOME", data / "gitops-lab"),
            cache=path("LAB_CACHE", cache / "gitops-lab"),
            scenarios_dir=path("LAB_SCENARIOS_DIR", root / "scenarios"),
            manifests_dir=root / "manifests",
            release_manifests_dir=Path(release).expanduser().absolute() if release else None,
            node_image=environment.get("LAB_NODE_IMAGE") or NODE_IMAGE,
            argocd_version=environment.get("LAB_ARGOCD_VERSION") or ARGOCD_VERSION,
            git_image=environment.get("LAB_GIT_IMAGE") or GIT_IMAGE,
            create_slots=max(1, int(slots)) if slots.isdigit() else 2,
        )
