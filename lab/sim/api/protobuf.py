"""Protobuf bodies of kubectl's and client-go's typed requests, turned into the JSON form.

Source of field numbers: Kubernetes' `generated.proto` files; numbers are only ever added.
"""

from __future__ import annotations

from lab.sim.api.resources import Object


def decode(body: bytes) -> Object:
    """The object in an `application/vnd.kubernetes.protobuf` body. Raises ApiError 400."""
    raise NotImplementedError
