"""The repository server as the controllers of an Argo CD reach it: by its Service, while one of its pods runs.

Source of the words: grpc-go `internal/transport/http2_client.go`, Go `net`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lab.sim.api.store import Store
from lab.sim.argocd.ports import ManifestRequest, Manifests, RepoError
from lab.sim.argocd.repo_server import Addresses, Checkouts, LabRepoServer
from lab.sim.network.names import RESOLVER
from lab.sim.objects import Object

Running = Callable[[str], Sequence[tuple[str, LabRepoServer]]]
"""The repository servers that run in a namespace, with the names of their pods."""


class RepoServerClient:
    """`lab.sim.argocd.ports.RepoServer` that asks whichever pod stands behind a Service. Every method raises RepoError.

    Pushes are heard also while no repository server runs: it is not what hears of them.
    """

    def __init__(
        self,
        store: Store,
        namespace: str,
        address: str,
        running: Running,
        checkouts: Checkouts,
        addresses: Addresses,
    ) -> None:
        """`namespace`: of the pod that asks; `address`: HOST:PORT as it was told."""
        self._store = store
        host, _, port = address.rpartition(":")
        self._host, self._port = (host, port) if host else (address, "8081")
        self._service, _, rest = self._host.partition(".")
        self._namespace = rest.partition(".")[0] or namespace
        self._running = running
        self._checkouts = checkouts
        self._addresses = addresses

    async def manifests(self, request: ManifestRequest) -> Manifests:
        """Render a source."""
        return await self._server().manifests(request)

    async def resolve(self, url: str, revision: str, project: str = "", *, fresh: bool = True) -> str:
        """The commit a revision stands for."""
        return await self._server().resolve(url, revision, project, fresh=fresh)

    async def unchanged(self, request: ManifestRequest, old: str, new: str) -> bool:
        """Whether nothing that counts changed between two commits."""
        return await self._server().unchanged(request, old, new)

    def on_push(self, listener: Callable[[str], object]) -> Callable[[], None]:
        """Call `listener` with each URL of a repository to which something was pushed; returns what ends that."""

        def tell(owner: str, name: str) -> None:
            for url in self._addresses.urls(owner, name):
                listener(url)

        return self._checkouts.on_push(tell)

    def directories(self, url: str, revision: str, project: str = "", *, fresh: bool = False) -> list[str]:
        """The folders of a revision, for git generators; from any thread."""
        return self._server().directories(url, revision, project, fresh=fresh)

    def files(
        self,
        url: str,
        revision: str,
        pattern: str,
        project: str = "",
        *,
        fresh: bool = False,
        new_globbing: bool = False,
    ) -> dict[str, bytes]:
        """The files of a revision that a git generator's pattern selects; from any thread."""
        return self._server().files(url, revision, pattern, project, fresh=fresh, new_globbing=new_globbing)

    def _server(self) -> LabRepoServer:
        service = self._store.get("services", self._namespace, self._service)
        if service is None:
            raise _unavailable(f"dial tcp: lookup {self._host} on {RESOLVER}: no such host")
        spec: Object = service["spec"]
        for name, server in self._running(self._namespace):
            pod = self._store.get("pods", self._namespace, name)
            labels = (pod or {}).get("metadata", {}).get("labels") or {}
            if all(labels.get(key) == value for key, value in (spec.get("selector") or {}).items()):
                return server
        raise _unavailable(f"dial tcp {spec.get('clusterIP', '')}:{self._port}: connect: connection refused")


def _unavailable(why: str) -> RepoError:
    text = f'connection error: desc = "transport: Error while dialing: {why}"'
    return RepoError(f"rpc error: code = Unavailable desc = {text}")
