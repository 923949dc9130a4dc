"""Argo CD's release manifests: found, checked, parsed once."""

import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import Any, Literal

import yaml

from lab.errors import LabError
from lab.ports import Object
from lab.settings import Settings
from lab.state import full_disk

Name = Literal["core-install", "install"]

SOURCE = "https://raw.githubusercontent.com/argoproj/argo-cd/{version}/manifests/{name}.yaml"


def release(settings: Settings, name: Name) -> Path:
    """Where the release manifest of the pinned version is: `LAB_MANIFESTS_DIR`, the cache, or freshly downloaded.

    A version listed in `manifests/argocd/pins.yaml` must have the listed SHA-256, wherever the file came from.

    :raises LabError: `manifest-unavailable`, or `manifest-altered` when it is not the released file
    """
    version = settings.argocd_version
    if settings.release_manifests_dir is not None:
        path = settings.release_manifests_dir / "argocd" / version / f"{name}.yaml"
        if not path.is_file():
            raise LabError("manifest-unavailable", name=name, version=version, reason=f"There is no {path}.")
        _checked(settings, name, path)
        return path
    path = settings.cache / "argocd" / version / f"{name}.yaml"
    if not path.is_file():
        _download(settings, name, path)
    _checked(settings, name, path)
    return path


def parsed(settings: Settings, name: Name) -> list[Object]:
    """The objects of the release manifest, in its order.

    Parsing two megabytes of YAML takes a second, so the result is kept as JSON beside the digest it came from.
    """
    path = release(settings, name)
    kept = settings.cache / "argocd" / "parsed" / f"{_digest(path)}.json"
    try:
        objects: list[Object] = json.loads(kept.read_bytes())
        return objects
    except (OSError, ValueError):
        pass
    objects = [document for document in load_all(path.read_text(encoding="utf-8")) if document]
    _keep(kept, json.dumps(objects))
    return objects


def load_all(text: str) -> list[Any]:
    """All documents of a YAML text, with the fast parser where PyYAML has it."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    # Both loaders are safe ones.
    return list(yaml.load_all(text, Loader=loader))


def _pin(settings: Settings, name: Name) -> str:
    pins = yaml.safe_load((settings.manifests_dir / "argocd" / "pins.yaml").read_text(encoding="utf-8"))
    pin: str = pins.get(settings.argocd_version, {}).get(name, "")
    return pin


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _checked(settings: Settings, name: Name, path: Path) -> None:
    expected = _pin(settings, name)
    found = _digest(path)
    if expected and found != expected:
        version = settings.argocd_version
        raise LabError("manifest-altered", name=name, version=version, found=found, expected=expected, path=path)


def _download(settings: Settings, name: Name, path: Path) -> None:
    from lab import web  # only a lab without the file needs it

    url = SOURCE.format(version=settings.argocd_version, name=name)
    try:
        web.download(url, path)
    except LabError as error:
        if error.code != "web-failed":
            raise
        reason = f"{error.what}."
        raise LabError(
            "manifest-unavailable", name=name, version=settings.argocd_version, reason=reason, details=error.details
        ) from error


def _keep(path: Path, text: str) -> None:
    """Write a cache file whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise full_disk(error, path) from error
    finally:
        temporary.unlink(missing_ok=True)
