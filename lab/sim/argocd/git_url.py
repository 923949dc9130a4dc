"""Repository URLs made comparable, as Argo CD compares them.

Source: Argo CD 3.6.1 `util/git/git.go` `NormalizeGitURL`, over Go's `net/url`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

_is_ssh = re.compile(r"(ssh://)?[^/:]*?@[^@]+").fullmatch
_scheme = re.compile(r"([a-z][a-z0-9+.-]*):", re.ASCII).match
_is_user = re.compile(r"[\w.:~!$&'()*+,;=%@-]*", re.ASCII).fullmatch
_is_host = re.compile(r"[\w.~!$&'()*+,;=<>\"\u0080-\U0010ffff-]*(:[0-9]*)?|\[[^\]]*\](:[0-9]*)?", re.ASCII).fullmatch
_control = re.compile(r"[\x00-\x1f\x7f]").search
_bad_escape = re.compile(r"%(?![0-9a-f]{2})").search
_is_escaped = re.compile(r"[\w.~!$&'()*+,;=:@/\[\]%-]*", re.ASCII).fullmatch
_PATH_SAFE = "/~$&+,:;=@"
_FRAGMENT_SAFE = "/~$&+,:;=?@!()*"
_HOST_SAFE = "~!$&'()*+,;=:[]<>\"@%"


@lru_cache(maxsize=4096)
def normalize(url: str) -> str:
    """A URL in lower case, without spaces around it, `.git` and `ssh://`; "" for one that cannot be read."""
    url = url.strip().lower()
    if _is_ssh(url) and not url.startswith("ssh://"):
        url = "ssh://" + url.replace(":", "/", 1)
    return _reprinted(url.removesuffix(".git")).removeprefix("ssh://")


def _reprinted(url: str) -> str:
    """What `url.Parse(url).String()` gives, "" for an error."""
    body, _, fragment = url.partition("#")
    found = _scheme(body)
    scheme = found[0] if found else ""
    rest, asked, query = body[len(scheme) :].partition("?")
    colon_first = rest.startswith(":") or ":" in rest.partition("/")[0]
    if _control(url) or _bad_escape(fragment) or (not scheme and colon_first):
        return ""
    end = asked + query + ("#" + _escaped(fragment, _FRAGMENT_SAFE) if fragment else "")
    if scheme and not rest.startswith("/"):
        return scheme + rest + end
    authority = ""
    if rest.startswith("//") and (scheme or not rest.startswith("///")):
        host, slash, path = rest[2:].partition("/")
        if not _is_authority(host):
            return ""
        rest = slash + path
        authority = "//" + quote(host, safe=_HOST_SAFE) if host or (scheme and rest) else ""
    return "" if _bad_escape(rest) else scheme + authority + _escaped(rest, _PATH_SAFE) + end


def _is_authority(text: str) -> bool:
    user, at, host = text.rpartition("@")
    return bool(_is_host(host)) and (not at or bool(_is_user(user)))


def _escaped(text: str, safe: str) -> str:
    """A path or a fragment: as it stands where every character is allowed, else with Go's own escapes."""
    if _is_escaped(text):
        return text
    return quote(unquote_to_bytes(text), safe=safe)
