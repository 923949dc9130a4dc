"""ResourceVersions and `continue` tokens as clients give them.

Source: apiserver `pkg/storage/continue.go`, `pkg/storage/api_object_versioner.go`, apimachinery
`pkg/apis/meta/internalversion/validation`.
"""

from __future__ import annotations

import base64

import orjson

from lab.sim.api.status import ApiError, Cause, bad_request, expired, forbidden_field, invalid, not_supported

_DIGITS = 19


def parse_revision(text: str) -> int:
    """A resourceVersion as given by a client; "" is 0. Raises ApiError 400."""
    if not text:
        return 0
    if not text.isascii() or not text.isdigit() or len(text) > _DIGITS:
        said = orjson.dumps(text[:60]).decode()
        raise bad_request(
            f"invalid resource version: resourceVersion: Invalid value: {said}: "
            f"strconv.ParseUint: parsing {said}: invalid syntax"
        )
    return int(text)


def list_revision(now: int, revision: str, match: str, carry_on: str) -> int:
    """The resourceVersion a list is made at. `now`: the newest. Raises ApiError 400, 410, 422 or 504."""
    if match not in ("", "Exact", "NotOlderThan"):
        raise _refused(not_supported("resourceVersionMatch", match, ("Exact", "NotOlderThan", "")))
    if match:
        why = ""
        if carry_on:
            why = "resourceVersionMatch is forbidden when continue is provided"
        elif not revision:
            why = "resourceVersionMatch is forbidden unless resourceVersion is provided"
        elif match == "Exact" and revision == "0":
            why = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
        if why:
            raise _refused(forbidden_field("resourceVersionMatch", why))
    asked = parse_revision(revision)
    if carry_on and asked:
        raise bad_request("specifying resource version is not allowed when using continue")
    if asked > now:
        raise too_new(asked, now)
    if match == "Exact" and asked != now:
        raise expired("The resourceVersion for the provided list is too old.")
    return now


def too_new(asked: int, now: int) -> ApiError:
    """504 for a resourceVersion that has not been yet."""
    error = ApiError(504, "Timeout", f"Timeout: Too large resource version: {asked}, current: {now}")
    error.details = {
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        "retryAfterSeconds": 1,
    }
    return error


def _refused(wrong: Cause) -> ApiError:
    return invalid("meta.k8s.io", "ListOptions", "", [wrong])


def make_token(revision: int, namespace: str, name: str) -> str:
    """A token to go on behind an object with."""
    made = orjson.dumps({"v": "meta.k8s.io/v1", "rv": revision, "start": f"{namespace}/{name}\u0000"})
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()


def read_token(text: str) -> tuple[int, tuple[str, str]]:
    """The resourceVersion of the first page, and the key to go on behind. Raises ApiError 400."""
    try:
        read = orjson.loads(base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)))
        if read["v"] != "meta.k8s.io/v1":
            raise bad_request(
                f"invalid continue token: continue key is not valid: server does not recognize this encoded version "
                f"{str(read['v'])[:40]}"
            )
        namespace, _, name = read["start"].rstrip("\u0000").partition("/")
        if "/" in name:
            raise bad_request(f"invalid continue token: continue key is not valid: {read['start'][:253]}")
        return int(read["rv"]), (namespace, name)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise bad_request("invalid continue token: continue key is not valid") from None
