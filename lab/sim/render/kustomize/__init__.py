"""kustomize: its `build` on a read-only folder, with the overrides of an Argo CD source.

What it does not follow is refused by name: remote bases and files, `vars`, `helmCharts`, `openapi`, `crds`,
`configurations`, plugins (`generators`, `transformers`, `validators`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.sim.objects import Object
from lab.sim.render.errors import NotSupported, RenderError
from lab.sim.render.folder import Folder, clean
from lab.sim.render.kustomize import kustomization
from lab.sim.render.kustomize.build import VERSION, build
from lab.sim.render.kustomize.edits import EditFailed, check_editable, edited
from lab.sim.render.kustomize.files import Root

__all__ = ["VERSION", "Options", "render"]


@dataclass(frozen=True, slots=True)
class Options:
    """What an Application says about a kustomization."""

    source: Mapping[str, Any] = field(default_factory=dict)
    """`spec.source.kustomize`."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Values of `$ARGOCD_APP_NAME` and the like, for images, labels and annotations."""


def render(folder: Folder, path: str, options: Options | None = None) -> list[Object]:
    """The objects of the kustomization at `path`, as Argo CD's repository server has them from kustomize.

    Raises RenderError with the command that failed and its output, as Argo CD shows them, or NotSupported.
    """
    options = options or Options()
    where = clean(path)
    root = Root(folder, where)
    changed = None
    if options.source.get("version"):
        raise NotSupported(f"kustomize version {options.source['version']}")
    warnings: list[str] = []
    command = f"kustomize build {root.shown}"
    try:
        if any(options.source.get(one) for one in options.source):
            check_editable(root, options.source, options.environment)
            changed = edited(kustomization.load(root, warnings)[0], options.source, root, options.environment)
        return build(folder, where, changed).objects
    except NotSupported:
        raise
    except EditFailed as error:
        raise RenderError(_failed(error.command, error, ())) from None
    except RenderError as error:
        raise RenderError(_failed(command, error, error.warnings)) from None


def _failed(command: str, error: RenderError, warnings: tuple[str, ...]) -> str:
    """Argo CD's text for a command that failed. Source: `util/exec`."""
    lines = [*warnings, f"Error: {error}"]
    return f"`{command}` failed exit status 1: " + "\n".join(lines).strip()
