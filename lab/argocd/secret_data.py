"""A Secret's `data` as text.

Always `data`, never `stringData`: with server-side apply a key left out of a later `stringData` stays in the Secret.
"""

import base64
from collections.abc import Mapping

from lab.ports import Object


def encode(values: Mapping[str, str]) -> dict[str, str]:
    """Values as the API stores them."""
    return {name: base64.b64encode(text.encode()).decode() for name, text in values.items()}


def decode(secret: Object) -> dict[str, str]:
    """Values of a live Secret; what is not base64 or not text reads as empty."""
    result = {}
    for name, text in (secret.get("data") or {}).items():
        try:
            result[name] = base64.b64decode(text, validate=True).decode()
        except ValueError:
            result[name] = ""
    return result
