"""Slugs of branch names. Source: `github.com/gosimple/slug` v1.15.0 with the settings of the pullRequest generator."""

from __future__ import annotations

import re
import unicodedata

_LONGEST = 50
_WORDS = str.maketrans(
    {"_": "-", "&": "and", "@": "at", '"': "", "'": "", "’": "", "‒": "-", "–": "-", "—": "-", "―": "-"}
)
_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "œ": "oe", "Œ": "OE", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D"}
)
_not_allowed = re.compile(r"[^a-zA-Z0-9_-]")
_dashes = re.compile(r"-+")


def slugify(text: str) -> str:
    """Lower case, words joined by dashes, at most 50 characters and cut after a whole word.

    Letters with accents lose them; letters of other scripts, which Go's library spells out, become dashes.
    """
    plain = unicodedata.normalize("NFKD", text.strip().translate(_WORDS).translate(_LETTERS))
    plain = "".join(one for one in plain if not unicodedata.combining(one)).lower()
    slug = _dashes.sub("-", _not_allowed.sub("-", plain)).strip("-_")
    if len(slug) <= _LONGEST:
        return slug
    end = slug.rfind("-", 0, _LONGEST + 1)
    return slug[: end if end >= 0 else _LONGEST]
