"""A client of the clusters of a world."""

import base64
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lab.argocd.release import load_all
from lab.errors import LabError
from lab.events import ChangeMade
from lab.ports import CommandResult, Kube, Object, Ref, Sink
from tests.fakes.cluster import Node

if TYPE_CHECKING:
    from tests.fakes.world import World


class WorldKube:
    """A client with a kubeconfig file: reaches whichever cluster listens there now, if it is let in."""

    def __init__(self, world: "World", kubeconfig: Path, cluster: str, sink: Sink) -> None:
        self.cluster = cluster
        self._world = world
        self._path = kubeconfig
        self._sink = sink
        self._config: dict[str, Any] | None = None

    def _server(self) -> Any:
        self._world.look()
        if self._config is None:
            self._config = load_all(self._path.read_text(encoding="utf-8"))[0]
        cluster = self._config["clusters"][0]["cluster"]
        port = urlsplit(cluster["server"]).port
        ca = base64.b64decode(cluster["certificate-authority-data"]).decode()
        for node in self._world.nodes():
            if node.answers and node.container.ports.get(6443) == port:
                if node.ca != ca:
                    reason = "its certificate is not signed by the cluster's authority"
                    raise LabError("kube-unreachable", cluster=self.cluster, reason=reason)
                return node
        raise LabError("kube-unreachable", cluster=self.cluster, reason="connection refused")

    def _change(self, what: str, do: Callable[[Any], Any]) -> Any:
        node = self._server()
        result = self._world.effect(f"kube {self.cluster} {what}", lambda: do(node))
        self._sink(ChangeMade(cluster=self.cluster, command=f"kubectl --context {self.cluster} {what}"))
        return result

    def get(self, ref: Ref) -> Object | None:
        found: Object | None = self._server().kube.get(ref)
        return found

    def list(self, ref: Ref, labels: dict[str, str] | None = None) -> Sequence[Object]:
        found: Sequence[Object] = self._server().kube.list(ref, labels)
        return found

    def apply(self, obj: Object, impersonate: str = "") -> Object:
        what = f"apply {obj['kind']}/{obj['metadata']['name']}"
        answer: Object = self._change(what, lambda node: node.kube.apply(obj, impersonate))
        return answer

    def patch(self, ref: Ref, body: Object) -> Object:
        answer: Object = self._change(f"patch {ref.kind}/{ref.name}", lambda node: node.kube.patch(ref, body))
        return answer

    def delete(self, ref: Ref, propagation: str = "Background") -> bool:
        if self._server().kube.get(ref) is None:
            return False
        answer: bool = self._change(f"delete {ref.kind}/{ref.name}", lambda node: node.kube.delete(ref, propagation))
        return answer

    def raw(self, path: str, timeout: float = 5.0) -> tuple[int, str]:
        answer: tuple[int, str] = self._server().kube.raw(path, timeout)
        return answer

    def token(self, namespace: str, account: str, lifetime: float) -> tuple[str, str]:
        def make(node: Node) -> tuple[str, str]:
            assert node.kube is not None
            token, expires = node.kube.token(namespace, account, lifetime)
            return f"{token}@{node.container.id}", expires

        answer: tuple[str, str] = self._change(f"token {account}", make)
        return answer

    def exec(self, namespace: str, pod: str, container: str, argv: Sequence[str], stdin: str = "") -> CommandResult:
        answer: CommandResult = self._server().kube.exec(namespace, pod, container, argv, stdin)
        return answer

    def version(self) -> str:
        version: str = self._server().kube.version()
        return version


_a_kube: Callable[..., Kube] = WorldKube
