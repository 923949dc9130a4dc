"""Protobuf bodies of kubectl's and client-go's typed requests, turned into the JSON form.

Only requests: answers are JSON, which every client that sends protobuf accepts beside it.
Source: apimachinery `pkg/runtime/serializer/protobuf/protobuf.go`; field numbers stand in `messages.txt`.
"""

from __future__ import annotations

from lab.sim.api.protobuf.messages import Field, Message, of_kind
from lab.sim.api.protobuf.wire import Malformed, read
from lab.sim.api.resources import Object
from lab.sim.api.status import bad_request

MAGIC = b"k8s\x00"
"""What every body begins with."""

_TYPE = "runtime.TypeMeta"
_ENVELOPE = Message(
    "runtime.Unknown",
    {
        1: Field("typeMeta", _TYPE, "one", False, False),
        2: Field("raw", "r", "one", False, True),
        3: Field("contentEncoding", "s", "one", True, True),
        4: Field("contentType", "s", "one", True, True),
    },
    False,
)


def decode(body: bytes, api_version: str = "", kind: str = "") -> Object:
    """The object in an `application/vnd.kubernetes.protobuf` body, with `apiVersion` and `kind`.

    `api_version` and `kind` stand in where the body does not say them. Raises ApiError 400 for anything that is not
    such a body, and for kinds that are not served.
    """
    if not body.startswith(MAGIC):
        raise bad_request(
            "the object provided is unrecognized: provided data does not appear to be a protobuf message, "
            "expected prefix [107 56 115 0]"
        )
    try:
        envelope = read(_ENVELOPE, body, len(MAGIC), len(body))
    except Malformed as error:
        raise bad_request(f"the object provided is unrecognized: {error}") from None
    said = envelope.get("typeMeta", {})
    api_version, kind = said.get("apiVersion") or api_version, said.get("kind") or kind
    if not kind:
        raise bad_request("the object provided is unrecognized: Object 'Kind' is missing")
    if not api_version:
        raise bad_request("the object provided is unrecognized: Object 'apiVersion' is missing")
    version = api_version.rpartition("/")[2]
    shape = of_kind(api_version, kind)
    if shape is None:
        raise bad_request(f'no kind "{kind[:63]}" is registered for version "{api_version[:253]}" in scheme')
    raw = envelope.get("raw", b"")
    try:
        fields = read(shape, raw, 0, len(raw))
    except Malformed as error:
        raise bad_request(f'{kind} in version "{version}" cannot be handled as a {kind}: {error}') from None
    if not isinstance(fields, dict):
        raise bad_request(f'no kind "{kind[:63]}" is registered for version "{api_version[:253]}" in scheme')
    return {"kind": kind, "apiVersion": api_version, **fields}
