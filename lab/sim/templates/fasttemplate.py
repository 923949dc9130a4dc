"""The older template language of ApplicationSets: `{{ key }}` stands for a parameter, anything else stays.

Source: Argo CD `applicationset/utils/utils.go` (Replace) and github.com/valyala/fasttemplate.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .values import quoted

_TEMPLATED = re.compile(r".*\{\{.*\}\}.*")


class BadTemplate(ValueError):
    """A tag that does not end, worded as Argo CD does."""


def replace(text: str, params: Mapping[str, Any]) -> str:
    """The text with every known key replaced by its value; a value that is no text counts as unknown.

    Raises BadTemplate.
    """
    if "{{" not in text or not _TEMPLATED.search(text):
        return text
    head, *tags = text.split("{{")
    out = [head]
    place = 0
    while place < len(tags):
        rest = tags[place]
        # A tag may hold further opening braces: it ends at the first closing ones.
        while "}}" not in rest and place + 1 < len(tags):
            place += 1
            rest += "{{" + tags[place]
        key, mark, after = rest.partition("}}")
        if not mark:
            raise BadTemplate(
                f'invalid template: Cannot find end tag="}}}}" in the template={quoted(text)} '
                f"starting from {quoted(rest)}"
            )
        value = params.get(key.strip())
        known = key.strip() != "" and isinstance(value, str)
        out.append(str(value) if known else f"{{{{{key}}}}}")
        out.append(after)
        place += 1
    return "".join(out)
