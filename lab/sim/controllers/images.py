"""Image references: whether one can be parsed, and what identifies an image that is never fetched.

Source: distribution `reference/regexp.go`, kubelet `pkg/kubelet/images/image_manager.go`.
"""

from __future__ import annotations

import hashlib
import re

_DOMAIN = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::[0-9]+)?"
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:{_DOMAIN}/)?{_COMPONENT}(?:/{_COMPONENT})*(?::[\w][\w.-]{{0,127}})?"
    r"(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?"
)


def unparsable(image: str) -> str:
    """Why the kubelet cannot parse a reference, as the event says it; "" for a good one."""
    if _REFERENCE.fullmatch(image):
        return ""
    why = "invalid reference format"
    path = image.split("@", 1)[0]
    head, slash, _ = path.partition("/")
    familiar = bool(slash) and ("." in head or ":" in head or head == "localhost")
    rest = path.partition("/")[2] if familiar else path
    remote = rest.split(":", 1)[0]
    if remote != remote.lower():
        shown = remote if "/" in remote or familiar else f"library/{remote}"
        why = f"invalid reference format: repository name ({shown}) must be lowercase"
    return f'Failed to apply default image tag "{image}": couldn\'t parse image name "{image}": {why}'


def familiar(image: str) -> str:
    """The full name a runtime shows: with registry, and with a tag where neither tag nor digest is given."""
    name, at, digest = image.partition("@")
    head, slash, _ = name.partition("/")
    if not slash:
        name = f"docker.io/library/{name}"
    elif "." not in head and ":" not in head and head != "localhost":
        name = f"docker.io/{name}"
    if at:
        return f"{name}@{digest}"
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def image_id(image: str) -> str:
    """An identity for an image that was never fetched: a digest of its name, said to be simulated."""
    return f"simulated://sha256:{hashlib.sha256(familiar(image).encode()).hexdigest()}"


def not_found(image: str) -> str:
    """What containerd says of an image its registry does not know."""
    name = familiar(image)
    return (
        f'rpc error: code = NotFound desc = failed to pull and unpack image "{name}": '
        f'failed to resolve reference "{name}": {name}: not found'
    )
