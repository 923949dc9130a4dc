"""What a lab's clusters hold at one moment, as their APIs tell it."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import requests
import yaml

Object = dict[str, Any]

ARGOCD = tuple(f"/apis/argoproj.io/v1alpha1/{name}" for name in ("applications", "applicationsets", "appprojects"))
"""Asked of clusters that run an Argo CD."""
WORKLOADS = (
    *(
        f"/api/v1/{name}"
        for name in ("namespaces", "services", "configmaps", "secrets", "pods", "limitranges", "events")
    ),
    *(f"/apis/apps/v1/{name}" for name in ("deployments", "replicasets", "statefulsets")),
    "/apis/scheduling.k8s.io/v1/priorityclasses",
)
"""Asked of every cluster."""
SECONDS = 20.0
"""For one answer."""


@dataclass(frozen=True)
class World:
    """Objects by cluster, and the newest commit."""

    clusters: Mapping[str, Sequence[Object]]
    commits: Sequence[str] = ()
    """Of the repository, oldest first."""
    unread: Mapping[str, str] = field(default_factory=dict)
    """Clusters that could not be read, and why."""

    @property
    def head(self) -> str:
        """The newest commit."""
        return self.commits[-1] if self.commits else ""

    def all(self, cluster: str, kind: str, namespace: str = "") -> Iterator[Object]:
        """Objects of a kind, in one namespace or in all."""
        for one in self.clusters.get(cluster, ()):
            if one["kind"] == kind and namespace in ("", one["metadata"].get("namespace", "")):
                yield one

    def get(self, cluster: str, kind: str, namespace: str, name: str) -> Object | None:
        """One object; None when it is not there."""
        return next((one for one in self.all(cluster, kind, namespace) if one["metadata"]["name"] == name), None)


class Reader:
    """Connections to the clusters of one lab."""

    def __init__(self, clusters: Mapping[str, bool], environment: Mapping[str, str], scratch: Path) -> None:
        """:param clusters: names, which are contexts of kubectl, and whether an Argo CD runs there
        :param environment: that of `lab env`
        :param scratch: an empty folder for certificates and keys, private to whoever runs this
        """
        self._clone = Path(environment["LAB_WORKSPACE"]) / "platform"
        configs = {}
        for path in environment["KUBECONFIG"].split(":"):
            config = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
            configs[config["current-context"]] = config
        self._clusters = {
            name: (_server(configs[name]), _session(configs[name], scratch / name), argocd)
            for name, argocd in clusters.items()
        }

    def read(self) -> World:
        """Everything that is compared, as it is now."""
        found: dict[str, Sequence[Object]] = {}
        unread: dict[str, str] = {}
        with ThreadPoolExecutor(len(self._clusters), thread_name_prefix="read") as pool:
            asked = {name: pool.submit(_list, *one) for name, one in self._clusters.items()}
            log = subprocess.run(
                ["git", "-C", str(self._clone), "rev-list", "--reverse", "HEAD"],
                capture_output=True,
                text=True,
                check=True,
            )
            for name, one in asked.items():
                try:
                    found[name] = one.result()
                except requests.RequestException as error:
                    unread[name] = str(error)
        return World(found, log.stdout.split(), unread)


def _server(config: Object) -> str:
    return str(config["clusters"][0]["cluster"]["server"])


def _session(config: Object, scratch: Path) -> requests.Session:
    """A session with the kubeconfig's authority and client certificate, which must be files for requests."""
    scratch.mkdir(mode=0o700)
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    files = {}
    for name, text in (
        ("ca", cluster["certificate-authority-data"]),
        ("certificate", user["client-certificate-data"]),
        ("key", user["client-key-data"]),
    ):
        files[name] = scratch / f"{name}.pem"
        files[name].write_bytes(base64.b64decode(text))
        files[name].chmod(0o600)
    session = requests.Session()
    session.trust_env = False
    session.verify = str(files["ca"])
    session.cert = (str(files["certificate"]), str(files["key"]))
    return session


def _list(server: str, session: requests.Session, argocd: bool) -> Sequence[Object]:
    """Objects of every kind that is asked for. A kind that is not served yet has none."""
    objects: list[Object] = []
    for path in (*WORKLOADS, *(ARGOCD if argocd else ())):
        answer = session.get(server + path, timeout=SECONDS)
        if answer.status_code == 404 and path in ARGOCD:
            continue
        answer.raise_for_status()
        listed = orjson.loads(answer.content)
        # Elements of a list of built-in kinds do not say what they are.
        own = {"kind": listed["kind"].removesuffix("List"), "apiVersion": listed["apiVersion"]}
        objects += [{**own, **one} for one in listed["items"] or ()]
    return objects
