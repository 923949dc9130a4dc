"""The file by which kubectl and client libraries find a cluster.

Source of the format: Kubernetes documentation, "kubeconfig (v1)".
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import yaml

from lab.sim.certificates import Pair

_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def with_certificate(
    port: int,
    authority: bytes,
    client: Pair,
    *,
    name: str,
    context: str = "",
    user: str = "",
    namespace: str = "",
) -> str:
    """The text for a user with a client certificate.

    `port`: where the cluster listens on 127.0.0.1; `authority`: its CA's certificate, PEM; `name`: what the cluster is
    called, also the name of the context and the user unless those are given; `namespace`: the context's, "" for none.
    """
    credentials = {
        "client-certificate-data": _encoded(client.certificate),
        "client-key-data": _encoded(client.key),
    }
    return _text(port, authority, credentials, name, context or name, user or name, namespace)


def with_token(
    port: int, authority: bytes, token: str, *, name: str, context: str = "", user: str = "", namespace: str = ""
) -> str:
    """The text for a user with a bearer token; parameters as for `with_certificate`."""
    return _text(port, authority, {"token": token}, name, context or name, user or name, namespace)


def _text(
    port: int,
    authority: bytes,
    credentials: Mapping[str, str],
    name: str,
    context: str,
    user: str,
    namespace: str,
) -> str:
    place = {"cluster": name, "user": user}
    if namespace:
        place["namespace"] = namespace
    cluster = {"certificate-authority-data": _encoded(authority), "server": f"https://127.0.0.1:{port}"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "contexts": [{"name": context, "context": place}],
        "current-context": context,
        "preferences": {},
        "users": [{"name": user, "user": dict(credentials)}],
    }
    return str(yaml.dump(config, Dumper=_Dumper, default_flow_style=False, width=1_000_000))


def _encoded(pem: bytes) -> str:
    return base64.b64encode(pem).decode()
