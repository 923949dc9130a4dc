"""How an Argo CD in the simulator reaches the clusters its Secrets describe.

Source: Argo CD 3.6.1 `pkg/apis/application/v1alpha1/types.go` (rawRestConfig), client-go `rest/config.go`.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
import tempfile
from pathlib import Path

from lab.sim.api.authn import ANONYMOUS
from lab.sim.api.context import User
from lab.sim.api.status import ApiError
from lab.sim.api.tokens import AUTHENTICATED, account_groups, account_name
from lab.sim.argocd.clusters import IN_CLUSTER_SERVER, Cluster, ClusterConfig
from lab.sim.argocd.ports import ConnectError, Connection
from lab.sim.clock import Clock
from lab.sim.cluster import Cluster as LabCluster
from lab.sim.http_client import Endpoint, HttpClient
from lab.sim.network import tls
from lab.sim.network.connections import MANAGER, HttpsConnection, Identify, LabConnection
from lab.sim.network.names import RESOLVER, Network, Place, Unreachable

_UNAUTHORIZED = "the server has asked for the client to provide credentials"
_INSTEAD = "not supported by the simulator; use --provider kind"


class Destinations:
    """`lab.sim.argocd.ports.Destinations` for one process in a pod. Close it when the process ends."""

    def __init__(self, network: Network, home: LabCluster, namespace: str, account: str, clock: Clock) -> None:
        """`home`: the cluster the pod runs on; `namespace` and `account`: its service account."""
        self._network = network
        self._home = home
        self._own = User(account_name(namespace, account), (*account_groups(namespace), AUTHENTICATED))
        self._clock = clock
        self._far: dict[tuple[str, ClusterConfig], HttpsConnection] = {}
        self._open = contextlib.AsyncExitStack()

    async def close(self) -> None:
        """End every connection to clusters elsewhere."""
        self._far.clear()
        await self._open.aclose()

    async def connect(self, cluster: Cluster) -> Connection:
        """A connection to a registered cluster.

        Raises ConnectError for an address where nobody answers, a server that is not who it should be, and credentials
        the API does not take.
        """
        config = cluster.config
        if cluster.server == IN_CLUSTER_SERVER:
            return self._connect(cluster.server, self._home, config, own=not config.has_credentials)
        _check_supported(config)
        try:
            tls.check_config(config)
        except tls.TlsError as error:
            raise ConnectError(str(error)) from None
        place = self._find(cluster.server)
        if place.cluster is None:
            return await self._connect_far(cluster.server, place, config)
        self._check_server(cluster.server, place, config)
        return self._connect(cluster.server, place.cluster, config, own=False)

    # -- clusters of this daemon

    def _find(self, server: str) -> Place:
        try:
            return self._network.find(server, self._home)
        except Unreachable as error:
            raise ConnectError(_asked(server, str(error))) from None
        except ValueError as error:
            raise ConnectError(f'parse "{server}": {error}') from None

    def _check_server(self, server: str, place: Place, config: ClusterConfig) -> None:
        assert place.cluster is not None
        if server.startswith("http://"):
            raise ConnectError("Client sent an HTTP request to an HTTPS server.")
        try:
            tls.check_server(config, place.host, place.cluster.server_certificate, self._clock.now())
        except tls.TlsError as error:
            raise ConnectError(_asked(server, str(error))) from None

    def _connect(self, server: str, cluster: LabCluster, config: ClusterConfig, own: bool) -> LabConnection:
        identify = (lambda: self._own) if own else _identity(cluster, config)
        try:
            return LabConnection(server, cluster, identify, lambda: self._dial(server, cluster))
        except ApiError as error:
            raise ConnectError(_UNAUTHORIZED if error.code == 401 else error.message) from None

    def _dial(self, server: str, cluster: LabCluster) -> None:
        """Raise ApiError 503 when the server cannot be reached any more."""
        if cluster.is_served:
            return
        try:
            self._network.find(server, self._home)
        except Unreachable as error:
            raise ApiError(503, "ServiceUnavailable", _asked(server, str(error))) from None
        raise ApiError(503, "ServiceUnavailable", _asked(server, "EOF"))

    # -- clusters elsewhere

    async def _connect_far(self, server: str, place: Place, config: ClusterConfig) -> HttpsConnection:
        known = self._far.get((server, config))
        if known is not None:
            return known
        if self._network.is_unknown(place.host):
            raise ConnectError(_asked(server, f"dial tcp: lookup {place.host} on {RESOLVER}: no such host"))
        if config.server_name:
            raise ConnectError(f"serverName for a cluster outside the lab is {_INSTEAD}")
        endpoint = Endpoint(server, await asyncio.to_thread(_context, config), config.bearer_token)
        client = HttpClient(endpoint, MANAGER, self._clock)
        await client.__aenter__()
        try:
            version = str((await client.document("/version"))["gitVersion"])
        except ApiError as error:
            await client.__aexit__()
            raise ConnectError(_refused(server, place, error)) from None
        except BaseException:
            await client.__aexit__()
            raise
        self._open.push_async_exit(client.__aexit__)
        found = self._far[server, config] = HttpsConnection(server, client, version)
        return found


def _check_supported(config: ClusterConfig) -> None:
    if config.bearer_token and (config.username or config.password):
        raise ConnectError("username/password or bearer token may be set, but not both")
    for given, name in (
        (config.aws_auth, "awsAuthConfig"),
        (config.exec_provider, "execProviderConfig"),
        (config.proxy_url, "proxyUrl"),
    ):
        if given:
            raise ConnectError(f"{name} is {_INSTEAD}")


def _identity(cluster: LabCluster, config: ClusterConfig) -> Identify:
    """Who the credentials stand for. A name and password stand for nobody: no API server takes them any more."""
    certificate = tls.client_certificate(config)

    def identify() -> User:
        authenticator = cluster.authenticator
        if certificate:
            with contextlib.suppress(ApiError):
                user = authenticator.der(certificate)
                if user is not None:
                    return user
            if not config.bearer_token:
                # As the server: what was shown and is not good is refused.
                authenticator.der(certificate)
        return authenticator.bearer(config.bearer_token) if config.bearer_token else ANONYMOUS

    return identify


def _asked(server: str, why: str) -> str:
    return f'Get "{server}/version?timeout=32s": {why}'


def _context(config: ClusterConfig) -> ssl.SSLContext:
    """How to speak to a server outside; reads the system's certificates. Raises ConnectError."""
    try:
        authority = config.ca_data.decode() if config.ca_data else None
        context = ssl.create_default_context(cadata=authority)
        if config.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if config.cert_data and config.key_data:
            # `ssl` reads keys from files only; this one is its owner's alone, and gone at once.
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, "client.pem")
                path.touch(mode=0o600)
                path.write_bytes(config.cert_data + b"\n" + config.key_data)
                context.load_cert_chain(path)
    except (ssl.SSLError, UnicodeDecodeError) as error:
        raise ConnectError(f"unable to load root certificates: {error}") from None
    return context


_VERIFY = {
    10: "certificate has expired or is not yet valid",
    18: "certificate signed by unknown authority",
    19: "certificate signed by unknown authority",
    20: "certificate signed by unknown authority",
    21: "certificate signed by unknown authority",
}
"""OpenSSL's codes in Go's words."""


def _refused(server: str, place: Place, error: ApiError) -> str:
    """Why a server outside could not be asked, in Go's words as far as they can be told."""
    if error.code == 401:
        return _UNAUTHORIZED
    cause: BaseException | None = error.__context__
    while cause is not None:
        cause = getattr(cause, "certificate_error", cause)
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = _VERIFY.get(cause.verify_code, cause.verify_message)
            return _asked(server, f"tls: failed to verify certificate: x509: {why}")
        if isinstance(cause, socket.gaierror):
            return _asked(server, f"dial tcp: lookup {place.host} on {RESOLVER}: no such host")
        if isinstance(cause, ConnectionRefusedError):
            return _asked(server, f"dial tcp {place.host}:{place.port}: connect: connection refused")
        if isinstance(cause, TimeoutError):
            return _asked(server, f"dial tcp {place.host}:{place.port}: i/o timeout")
        if isinstance(cause, OSError) and cause.errno == errno.ENETUNREACH:
            return _asked(server, f"dial tcp {place.host}:{place.port}: connect: network is unreachable")
        cause = cause.__cause__ or getattr(cause, "os_error", None) or cause.__context__
    return error.message
