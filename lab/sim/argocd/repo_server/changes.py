"""Whether an Application has to be looked at again after a push: the annotation `manifest-generate-paths`.

Source: Argo CD 3.6.1 `util/app/path/path.go` (AppFilesHaveChanged).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence

from lab.sim.argocd.path_match import BadPattern, path_match


def concern(paths: Sequence[str], changed: Iterable[str]) -> bool:
    """Whether one of the changed files is at, below or matched by one of the paths. Both are not empty."""
    wanted = ["/" + one.lstrip("/") if not one.startswith("/") else one for one in paths]
    for file in changed:
        shown = file if file.startswith("/") else f"/{file}"
        if any(shown == one or _is_below(one, shown) or _matches(one, shown) for one in wanted):
            return True
    return False


def _is_below(folder: str, file: str) -> bool:
    root = posixpath.normpath(folder).removeprefix("/")
    root = "/" + root if root != "." else "/"
    return file.startswith(root if root.endswith("/") else root + "/")


def _matches(pattern: str, file: str) -> bool:
    try:
        return path_match(pattern, file)
    except BadPattern:
        return False
