"""Argo CD's way to its clusters: names, certificates and credentials are checked as Go's client and the API would."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from lab.sim.api.status import ApiError
from lab.sim.argocd.clusters import IN_CLUSTER_SERVER, ClusterConfig
from lab.sim.argocd.clusters import Cluster as Registered
from lab.sim.argocd.ports import ConnectError
from lab.sim.certificates import Authority
from lab.sim.clock import ManualClock, settle
from lab.sim.cluster import Cluster, Settings
from lab.sim.network import Destinations, Network

YEAR = 365 * 86_400


class Lab:
    """A hub and one more cluster, and the destinations of a pod on the hub."""

    def __init__(self, folder: Path, clock: ManualClock) -> None:
        self.clock = clock
        self.clusters = {
            name: Cluster(Settings(name, timing="instant"), folder / name, None, self.clock) for name in ("hub", "w1")
        }
        self.hub, self.w1 = self.clusters.values()
        self.network = Network(self.clusters)
        self.destinations = Destinations(self.network, self.hub, "argocd", "controller", self.clock)

    async def token(self, cluster: Cluster, role: str = "cluster-admin") -> str:
        """The token of a new service account `reader` with a role of the whole cluster."""
        admin = cluster.admin("test")
        about = {"name": "reader", "namespace": "default"}
        await admin.create("serviceaccounts", {"metadata": about})
        binding = {
            "metadata": {"name": "reader"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", **about}],
        }
        await admin.create("clusterrolebindings.rbac.authorization.k8s.io", binding)
        secret = {
            "metadata": {**about, "annotations": {"kubernetes.io/service-account.name": "reader"}},
            "type": "kubernetes.io/service-account-token",
        }
        await admin.create("secrets", secret)
        while True:
            await settle()
            held = await admin.get("secrets", "default", "reader")
            if "token" in held.get("data", {}):
                return base64.b64decode(held["data"]["token"]).decode()

    def authority(self, cluster: Cluster) -> bytes:
        return cluster._authority.pair.certificate

    async def registered(self, token: str = "", **config: object) -> Registered:
        """`w1` as a cluster Secret describes it."""
        given = ClusterConfig(bearer_token=token, ca_data=self.authority(self.w1))
        return Registered("https://w1-control-plane:6443", "w1", replace(given, **config))  # type: ignore[arg-type]

    async def refusal(self, registered: Registered) -> str:
        with pytest.raises(ConnectError) as refused:
            await self.destinations.connect(registered)
        return str(refused.value)


@pytest_asyncio.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    async with _begun(Lab(tmp_path, ManualClock())) as made:
        yield made


@asynccontextmanager
async def _begun(made: Lab) -> AsyncIterator[Lab]:
    for cluster in made.clusters.values():
        await cluster.start()
    yield made
    await made.destinations.close()
    for cluster in made.clusters.values():
        await cluster.stop()


async def test_a_token_opens_another_cluster(lab: Lab) -> None:
    connection = await lab.destinations.connect(await lab.registered(await lab.token(lab.w1)))
    assert (connection.server, connection.version) == ("https://w1-control-plane:6443", "v1.36.0")
    body = {"metadata": {"name": "mine", "namespace": "default"}, "data": {"key": "value"}}
    await connection.client.create("configmaps", body)
    assert lab.w1.store.get("configmaps", "default", "mine") is not None
    assert lab.hub.store.get("configmaps", "default", "mine") is None
    (owner,) = (await connection.client.get("configmaps", "default", "mine"))["metadata"]["managedFields"]
    assert owner["manager"] == "argocd-controller"


async def test_what_a_cluster_serves_is_told_and_follows_its_definitions(lab: Lab) -> None:
    connection = await lab.destinations.connect(await lab.registered(await lab.token(lab.w1)))
    found = {(one.group, one.version, one.kind): one for one in await connection.resources()}
    deployment = found["apps", "v1", "Deployment"]
    assert (deployment.plural, deployment.namespaced, deployment.preferred) == ("deployments", True, True)
    assert not found["", "v1", "Namespace"].namespaced
    assert ("authorization.k8s.io", "v1", "SubjectAccessReview") not in found
    assert found["autoscaling", "v2", "HorizontalPodAutoscaler"].preferred
    assert not found["autoscaling", "v1", "HorizontalPodAutoscaler"].preferred
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object"}},
    }
    spec = {
        "group": "lab.io",
        "scope": "Cluster",
        "names": {"kind": "Thing", "plural": "things"},
        "versions": [version],
    }
    await lab.w1.admin("test").create(
        "customresourcedefinitions.apiextensions.k8s.io", {"metadata": {"name": "things.lab.io"}, "spec": spec}
    )
    await settle()
    assert [one.resource for one in await connection.resources() if one.group == "lab.io"] == ["things.lab.io"]


async def test_rights_are_those_of_the_account(lab: Lab) -> None:
    connection = await lab.destinations.connect(await lab.registered(await lab.token(lab.w1, role="view")))
    await connection.client.list("configmaps", "default")
    with pytest.raises(ApiError, match='"system:serviceaccount:default:reader" cannot create resource "configmaps"'):
        await connection.client.create("configmaps", {"metadata": {"name": "mine", "namespace": "default"}})


async def test_a_token_that_is_taken_back_is_refused_from_then_on(lab: Lab) -> None:
    registered = await lab.registered(await lab.token(lab.w1))
    connection = await lab.destinations.connect(registered)
    await lab.w1.admin("test").delete("secrets", "default", "reader")
    with pytest.raises(ApiError) as refused:
        await connection.client.list("configmaps")
    assert refused.value.code == 401
    assert await lab.refusal(registered) == "the server has asked for the client to provide credentials"


async def test_a_client_certificate_is_a_user(lab: Lab) -> None:
    pair = lab.w1._authority.client()
    config = await lab.registered(cert_data=pair.certificate, key_data=pair.key)
    connection = await lab.destinations.connect(config)
    await connection.client.list("secrets")
    stranger = lab.hub._authority.client()
    wrong = await lab.registered(cert_data=stranger.certificate, key_data=stranger.key)
    assert await lab.refusal(wrong) == "the server has asked for the client to provide credentials"
    mixed = await lab.registered(cert_data=pair.certificate, key_data=stranger.key)
    assert await lab.refusal(mixed) == "tls: private key does not match public key"
    # client-go passes over a certificate without its key.
    half = await lab.destinations.connect(await lab.registered(cert_data=pair.certificate))
    with pytest.raises(ApiError, match='User "system:anonymous" cannot list'):
        await half.client.list("secrets")


async def test_who_names_nobody_is_anonymous(lab: Lab) -> None:
    connection = await lab.destinations.connect(await lab.registered(username="admin", password="secret"))
    with pytest.raises(ApiError, match='User "system:anonymous" cannot list resource "pods"'):
        await connection.client.list("pods")


_ASKED = 'Get "https://w1-control-plane:6443/version?timeout=32s": '
_UNVERIFIED = f"{_ASKED}tls: failed to verify certificate: x509: "


async def test_certificates_are_told_wrong_in_gos_words(lab: Lab) -> None:
    """Each text as kubectl 1.34 tells it of a simulated cluster."""
    token = await lab.token(lab.w1)
    other = Authority.create("somebody else", lab.clock).pair.certificate
    hint = (
        ' (possibly because of "x509: ECDSA verification failure" while trying to verify candidate authority '
        'certificate "kubernetes")'
    )
    unknown = f"{_UNVERIFIED}certificate signed by unknown authority"
    names = "kubernetes, kubernetes.default, kubernetes.default.svc, kubernetes.default.svc.cluster.local, localhost"
    wrong: list[tuple[dict[str, object], str]] = [
        ({"ca_data": lab.authority(lab.hub)}, unknown + hint),
        ({"ca_data": other}, unknown),
        ({"ca_data": b""}, unknown),
        ({"ca_data": b"nothing"}, "unable to load root certificates: unable to parse bytes as PEM block"),
        (
            {"server_name": "foo"},
            f"{_UNVERIFIED}certificate is valid for {names}, w1-control-plane, not foo",
        ),
        (
            {"server_name": "1.2.3.4"},
            f"{_UNVERIFIED}certificate is valid for 127.0.0.1, ::1, 10.96.0.1, not 1.2.3.4",
        ),
        ({"insecure": True}, "specifying a root certificates file with the insecure flag is not allowed"),
        ({"username": "a"}, "username/password or bearer token may be set, but not both"),
        ({"bearer_token": "abc"}, "the server has asked for the client to provide credentials"),
    ]
    for config, text in wrong:
        assert await lab.refusal(await lab.registered(**{"token": token, **config})) == text, config  # type: ignore[arg-type]
    for config in ({"insecure": True, "ca_data": b""}, {"server_name": "localhost"}):
        await lab.destinations.connect(await lab.registered(token, **config))


async def test_an_expired_certificate_is_refused(lab: Lab) -> None:
    registered = await lab.registered(await lab.token(lab.w1))
    lab.clock._now += 2 * YEAR
    said = await lab.refusal(registered)
    assert said.startswith(f"{_UNVERIFIED}certificate has expired or is not yet valid: current time 2029-01-14T")
    assert " is after 2028-01-15T" in said


async def test_what_the_simulator_cannot_do_is_refused_by_name(lab: Lab) -> None:
    for config, name in (
        ({"exec_provider": {"command": "aws"}}, "execProviderConfig"),
        ({"aws_auth": {"clusterName": "x"}}, "awsAuthConfig"),
        ({"proxy_url": "http://proxy"}, "proxyUrl"),
    ):
        said = await lab.refusal(await lab.registered(**config))  # type: ignore[arg-type]
        assert said == f"{name} is not supported by the simulator; use --provider kind"


@pytest.mark.parametrize(
    ("server", "why"),
    [
        ("https://127.0.0.1:43211", "dial tcp 127.0.0.1:43211: connect: connection refused"),
        ("https://localhost:43211", "dial tcp 127.0.0.1:43211: connect: connection refused"),
        ("https://w9-control-plane:6443", "dial tcp: lookup w9-control-plane on 10.96.0.10:53: no such host"),
        ("https://w1-control-plane:6444", "dial tcp 172.18.0.2:6444: connect: connection refused"),
        ("https://w1-control-plane", "dial tcp 172.18.0.2:443: connect: connection refused"),
    ],
)
async def test_addresses_that_lead_nowhere(lab: Lab, server: str, why: str) -> None:
    registered = replace(await lab.registered("x"), server=server)
    assert await lab.refusal(registered) == f'Get "{server}/version?timeout=32s": {why}'


async def test_a_paused_cluster_cannot_be_reached_until_it_is_resumed(lab: Lab) -> None:
    registered = await lab.registered(await lab.token(lab.w1))
    connection = await lab.destinations.connect(registered)
    async with aclosing(connection.client.watch("configmaps", "default")) as watching:  # type: ignore[type-var]
        first = await anext(watching)
        await lab.w1.pause()
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(anext(watching), 5)
    assert first[0] == "ADDED"
    gone = f"{_ASKED}dial tcp: lookup w1-control-plane on 10.96.0.10:53: no such host"
    assert await lab.refusal(registered) == gone
    with pytest.raises(ApiError) as refused:
        await connection.client.get("configmaps", "default", "kube-root-ca.crt")
    assert (refused.value.code, refused.value.message) == (503, gone)
    with pytest.raises(ApiError):
        await connection.resources()
    await lab.w1.resume()
    await connection.client.get("configmaps", "default", "kube-root-ca.crt")
    await lab.destinations.connect(registered)


async def test_its_own_cluster_is_reached_as_the_pods_account(lab: Lab) -> None:
    own = await lab.destinations.connect(Registered(IN_CLUSTER_SERVER, "in-cluster"))
    with pytest.raises(ApiError, match='"system:serviceaccount:argocd:controller" cannot list resource "pods"'):
        await own.client.list("pods")
    token = await lab.token(lab.hub)
    told = await lab.destinations.connect(Registered(IN_CLUSTER_SERVER, "hub", ClusterConfig(bearer_token=token)))
    await told.client.create("configmaps", {"metadata": {"name": "mine", "namespace": "default"}})
    assert lab.hub.store.get("configmaps", "default", "mine") is not None


async def test_the_node_and_the_service_are_the_own_cluster_too(lab: Lab) -> None:
    token = await lab.token(lab.hub)
    config = ClusterConfig(bearer_token=token, ca_data=lab.authority(lab.hub))
    for server in ("https://hub-control-plane:6443", "https://kubernetes.default", "https://10.96.0.1:443"):
        connection = await lab.destinations.connect(Registered(server, "hub", config))
        assert "default" in {one["metadata"]["name"] for one in (await connection.client.list("namespaces"))[0]}


async def test_a_cluster_elsewhere_is_asked_over_https(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other cluster's own port stands for one outside, as if this network did not know loopback."""
    monkeypatch.setattr("lab.sim.network.names._is_loopback", lambda _: False)
    # OpenSSL looks at the machine's own clock.
    async with _begun(Lab(tmp_path, ManualClock(time.time()))) as lab:
        await _ask_elsewhere(lab)


async def _ask_elsewhere(lab: Lab) -> None:
    token = await lab.token(lab.w1)
    server = f"https://127.0.0.1:{lab.w1.settings.port}"
    config = ClusterConfig(bearer_token=token, ca_data=lab.authority(lab.w1))
    connection = await lab.destinations.connect(Registered(server, "w1", config))
    assert connection.version == "v1.36.0"
    assert await lab.destinations.connect(Registered(server, "w1", config)) is connection
    near = await lab.destinations.connect(await lab.registered(token))
    assert sorted(await connection.resources(), key=repr) == sorted(await near.resources(), key=repr)
    await connection.client.create("configmaps", {"metadata": {"name": "mine", "namespace": "default"}})
    assert lab.w1.store.get("configmaps", "default", "mine") is not None
    asked = f'Get "{server}/version?timeout=32s": '
    unknown = "tls: failed to verify certificate: x509: certificate signed by unknown authority"
    for ca in (b"", lab.authority(lab.hub)):
        said = await lab.refusal(Registered(server, "w1", replace(config, ca_data=ca)))
        assert said == asked + unknown
    said = await lab.refusal(Registered(server, "w1", replace(config, bearer_token="abc")))
    assert said == "the server has asked for the client to provide credentials"
    await lab.w1.stop()
    said = await lab.refusal(Registered(server, "w1", replace(config, insecure=True, ca_data=b"")))
    assert said == f"{asked}dial tcp 127.0.0.1:{lab.w1.settings.port}: connect: connection refused"
