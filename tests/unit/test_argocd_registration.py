"""Registering clusters with an Argo CD."""

import base64
import json
from typing import Any

import pytest

from lab.argocd import registration
from lab.argocd.probing import explain
from lab.argocd.registration import RENEW_BEFORE, TOKEN_LIFETIME
from lab.argocd.secret_data import decode
from lab.errors import KubeError
from lab.model import Cluster, Rights
from lab.ports import CommandResult, Object, Ref
from tests.fakes.clock import FakeClock
from tests.fakes.kube import Executed, FakeKube

W1 = Cluster(name="w1", role="workload", labels={"env": "production", "region": "eu"})
HUB = Cluster(name="hub", role="management", labels={"env": "management"})
SERVER = "https://lab-w1-control-plane:6443"
CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
TEAM = Rights(namespaces=("team-a", "team-b"))


class World:
    """A hub with a running Argo CD and one workload cluster."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.hub = FakeKube(cluster="hub", now=self.clock.now)
        self.w1 = FakeKube(cluster="w1", now=self.clock.now)
        labels = {"app.kubernetes.io/name": "argocd-application-controller"}
        self.hub.add(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "argocd-application-controller-0", "namespace": "argocd", "labels": labels},
                "status": {"conditions": [{"type": "Ready", "status": "True"}]},
            }
        )

    def register(self, rights: Rights | None = None, server: str = SERVER, **options: Any) -> tuple[str, ...]:
        return registration.register(
            "lab", self.hub, "hub", self.w1, W1, server, CA, rights, RENEW_BEFORE, self.clock, **options
        )

    def register_itself(self, rights: Rights | None = None) -> tuple[str, ...]:
        return registration.register(
            "lab", self.hub, "hub", self.hub, HUB, "https://unused:6443", CA, rights, RENEW_BEFORE, self.clock
        )

    def link(self, rights: Rights | None = None, **options: Any) -> Any:
        return registration.link(self.hub, "hub", W1, SERVER, CA, rights, self.clock, **options)

    def secret(self, cluster: str = "w1") -> Object:
        found = self.hub.get(Ref(kind="Secret", namespace="argocd", name=f"cluster-{cluster}"))
        assert found is not None
        return found

    def values(self, cluster: str = "w1") -> dict[str, Any]:
        values: dict[str, Any] = decode(self.secret(cluster))
        values["config"] = json.loads(values["config"])
        return values

    def mutations(self) -> int:
        return len(self.hub.mutations) + len(self.w1.mutations)


@pytest.fixture
def world() -> World:
    return World()


def test_a_registration_is_a_secret_argo_cd_understands(world: World) -> None:
    assert world.register()
    labels = world.secret()["metadata"]["labels"]
    assert labels.items() >= {"argocd.argoproj.io/secret-type": "cluster", **W1.labels}.items()
    values = world.values()
    assert (values["name"], values["server"]) == ("w1", SERVER)
    assert values["config"]["bearerToken"] == "token-w1-gitops-lab-hub-1"
    assert values["config"]["tlsClientConfig"] == {"insecure": False, "caData": base64.b64encode(CA.encode()).decode()}


def test_the_token_ends_after_thirty_days_and_says_so(world: World) -> None:
    world.register()
    assert world.w1.tokens == [("kube-system", "gitops-lab-hub", 30 * 86400.0)]
    assert world.link().expires == "2023-12-14T22:13:20Z"


def test_full_rights_are_those_of_argocd_cluster_add(world: World) -> None:
    world.register()
    role = world.w1.get(Ref(kind="ClusterRole", name="gitops-lab-hub"))
    assert role is not None
    assert {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]} in role["rules"]
    binding = world.w1.get(Ref(kind="ClusterRoleBinding", name="gitops-lab-hub"))
    assert binding is not None
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "gitops-lab-hub", "namespace": "kube-system"}]


def test_a_second_run_changes_nothing(world: World) -> None:
    for rights in (None, TEAM):
        world.register(rights)
        before = world.mutations()
        assert world.register(rights) == ()
        assert world.mutations() == before


def test_limited_rights_end_at_the_namespaces(world: World) -> None:
    world.register(TEAM)
    assert world.w1.names("ClusterRole") == []
    assert world.w1.names("ClusterRoleBinding") == []
    assert {"team-a", "team-b"} <= set(world.w1.names("Namespace"))
    for namespace in TEAM.namespaces:
        assert world.w1.names("RoleBinding", namespace) == ["gitops-lab-hub"]
    assert world.values()["namespaces"] == "team-a,team-b"
    assert world.values()["clusterResources"] == "false"


def test_limiting_rights_later_takes_the_wide_ones_away(world: World) -> None:
    world.register()
    changes = world.register(TEAM)
    assert world.w1.names("ClusterRole") == []
    assert world.w1.names("ClusterRoleBinding") == []
    assert any("removed" in change for change in changes)
    assert len(world.w1.tokens) == 1


def test_the_hub_is_registered_with_its_own_account(world: World) -> None:
    world.register_itself()
    values = world.values("hub")
    assert (values["name"], values["server"], values["config"]) == ("hub", "https://kubernetes.default.svc", {})
    assert world.secret("hub")["metadata"]["labels"]["env"] == "management"
    assert world.hub.names("ServiceAccount") == []
    before = world.mutations()
    assert world.register_itself() == ()
    assert world.mutations() == before


def test_the_hub_with_limits_gets_a_token(world: World) -> None:
    world.register_itself(Rights(namespaces=("team-a",)))
    values = world.values("hub")
    assert values["server"] == "https://kubernetes.default.svc"
    assert values["config"]["bearerToken"] == "token-hub-gitops-lab-hub-1"
    assert world.hub.names("Role", "team-a") == ["gitops-lab-hub"]


@pytest.mark.parametrize(("days", "renewed"), [(19, False), (21, True), (40, True)])
def test_a_token_is_renewed_before_it_ends(world: World, days: int, renewed: bool) -> None:
    world.register()
    world.clock.time += days * 86400
    changes = world.register()
    assert bool(changes) is renewed
    assert len(world.w1.tokens) == 1 + renewed
    assert world.link(renew_before=RENEW_BEFORE).state == "ok"


def test_a_cluster_that_was_made_again_gets_a_new_token(world: World) -> None:
    world.register()
    world.w1 = FakeKube(cluster="w1", now=world.clock.now)
    changes = world.register()
    assert "its account was another" in changes[-1]
    assert len(world.w1.tokens) == 1
    assert world.w1.names("ServiceAccount") == ["gitops-lab-hub"]


@pytest.mark.parametrize(
    ("key", "value", "word"),
    [
        ("server", "https://127.0.0.1:40123", "server was another (https://127.0.0.1:40123)"),
        ("name", "other", "name was another (other)"),
        ("namespaces", "team-a", "namespaces was another (team-a)"),
        ("config", '{"tlsClientConfig": {"insecure": true}}', "config was another"),
        ("config", "{", "config was not JSON"),
    ],
)
def test_a_registration_somebody_changed_is_stale_and_mended(world: World, key: str, value: str, word: str) -> None:
    world.register()
    ref = Ref(kind="Secret", namespace="argocd", name="cluster-w1")
    world.hub.patch(ref, {"data": {key: base64.b64encode(value.encode()).decode()}})
    link = world.link()
    assert (link.state, link.detail) == ("stale", word)
    assert word in world.register()[-1]
    assert world.link().state == "ok"
    assert world.values()["config"]["bearerToken"]


def test_a_token_somebody_changed_is_replaced(world: World) -> None:
    world.register()
    config = {**world.values()["config"], "bearerToken": "stolen"}
    ref = Ref(kind="Secret", namespace="argocd", name="cluster-w1")
    world.hub.patch(ref, {"data": {"config": base64.b64encode(json.dumps(config).encode()).decode()}})
    assert world.link().state == "stale"
    world.register()
    assert world.values()["config"]["bearerToken"] == "token-w1-gitops-lab-hub-2"


def test_only_a_new_address_costs_a_new_token(world: World) -> None:
    world.register()
    ref = Ref(kind="Secret", namespace="argocd", name="cluster-w1")
    world.hub.patch(ref, {"metadata": {"labels": {"env": "staging"}}})
    world.register()
    assert len(world.w1.tokens) == 1
    world.register(server="https://elsewhere:6443")
    assert len(world.w1.tokens) == 2


def test_labels_are_put_back_unless_they_are_to_be_kept(world: World) -> None:
    world.register()
    ref = Ref(kind="Secret", namespace="argocd", name="cluster-w1")
    world.hub.patch(ref, {"metadata": {"labels": {"env": "staging", "mine": "yes"}}})
    assert world.link().state == "ok"
    assert world.register(keep_labels=True) == ()
    assert world.secret()["metadata"]["labels"]["env"] == "staging"
    assert "label env was staging" in world.register()[-1]
    labels = world.secret()["metadata"]["labels"]
    assert (labels["env"], labels["mine"]) == ("production", "yes")


def test_unregister_leaves_nothing(world: World) -> None:
    for rights in (None, TEAM):
        world.register(rights)
        registration.unregister(world.hub, "hub", world.w1, "w1")
        assert world.hub.names("Secret") == []
        for kind in ("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"):
            assert world.w1.names(kind) == [], kind


def test_unregister_does_without_a_cluster_that_is_gone(world: World) -> None:
    world.register()
    registration.unregister(world.hub, "hub", None, "w1")
    assert world.hub.names("Secret") == []


# --- links and probes -------------------------------------------------------------------------------------------------


def test_a_link_tells_missing_ok_and_unreachable_apart(world: World) -> None:
    assert world.link().state == "missing"
    world.register()
    assert world.link().state == "ok"
    world.hub.on_exec = lambda _: CommandResult(
        exit_code=1, stdout="Error: dial tcp: connect: connection refused", stderr=""
    )
    link = world.link()
    assert (link.state, link.detail) == ("unreachable", "connection refused at lab-w1-control-plane:6443")
    world.hub.reachable = False
    assert world.link().state == "unreachable"


def test_a_token_near_its_end_is_stale_when_asked(world: World) -> None:
    world.register()
    world.clock.time += TOKEN_LIFETIME - 7200
    assert world.link().state == "ok"
    link = world.link(renew_before=86400.0)
    assert (link.state, link.detail) == ("stale", "its token ends in 2 h")
    world.clock.time += 7200
    assert world.link().detail == "its token has ended"


def test_the_probe_uses_the_secrets_own_values_and_keeps_the_token_out_of_sight(world: World) -> None:
    world.register(TEAM)
    seen: list[Executed] = []

    def answer(call: Executed) -> CommandResult:
        seen.append(call)
        return CommandResult(exit_code=0, stdout="", stderr="")

    world.hub.on_exec = answer
    assert registration.probe(world.hub, "w1") == ""
    call = seen[0]
    assert call.argv == ("sh", "-s")
    assert (call.pod, call.container) == ("argocd-application-controller-0", "argocd-application-controller")
    config = json.loads(next(line for line in call.stdin.splitlines() if line.startswith("{")))
    assert config["users"][0]["user"]["token"] == world.values()["config"]["bearerToken"]
    assert config["clusters"][0]["cluster"]["server"] == SERVER
    assert base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]).decode() == CA
    assert "--namespace team-a" in call.stdin
    assert "insecure" not in call.stdin


def test_the_hub_itself_is_probed_with_the_controllers_account(world: World) -> None:
    world.register_itself()
    assert registration.probe(world.hub, "hub") == ""
    assert "kubeconfig" not in world.hub.executed[0].stdin


def test_a_namespace_is_quoted_for_the_shell(world: World) -> None:
    world.register()
    ref = Ref(kind="Secret", namespace="argocd", name="cluster-w1")
    world.hub.patch(ref, {"data": {"namespaces": base64.b64encode(b"a; rm -rf /").decode()}})
    registration.probe(world.hub, "w1")
    assert "--namespace 'a; rm -rf /'" in world.hub.executed[0].stdin


def test_the_probe_says_when_it_cannot_ask(world: World) -> None:
    assert registration.probe(world.hub, "w1") == "it is not registered"
    world.register()
    world.hub.refuse("exec", "Pod", message="container not found", times=1)
    assert registration.probe(world.hub, "w1") == "the probe could not run: container not found"
    world.hub.on_exec = lambda _: CommandResult(exit_code=124, stdout="", stderr="")
    assert registration.probe(world.hub, "w1") == "no answer in time"
    world.hub.patch(
        Ref(kind="Pod", namespace="argocd", name="argocd-application-controller-0"), {"status": {"conditions": None}}
    )
    assert registration.probe(world.hub, "w1") == "no pod of its Argo CD is ready to ask from"


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (
            "dial tcp: lookup lab-w1-control-plane on 10.96.0.10:53: no such host",
            "name lab-w1-control-plane is not found",
        ),
        (
            "tls: failed to verify certificate: x509: certificate signed by unknown authority",
            "certificate is not signed",
        ),
        ("the server has asked for the client to provide credentials", "the token is not accepted"),
        ("Error: query: failed to query with labels: Unauthorized", "the token is not accepted"),
        ('secrets is forbidden: User "system:serviceaccount:x" cannot list', "the token is not allowed"),
        ("dial tcp 172.18.0.3:6443: i/o timeout", "no answer in time"),
        ("dial tcp 172.18.0.3:6443: connect: no route to host", "no route to lab-w1-control-plane"),
        ("something\nnew\n", "new"),
        ("", "without a word"),
    ],
)
def test_a_clients_complaint_is_put_in_plain_words(output: str, expected: str) -> None:
    assert expected in explain(output, SERVER)


def test_a_refusal_of_the_target_is_an_error(world: World) -> None:
    world.w1.refuse("apply", "ClusterRole", message="no escalation")
    with pytest.raises(KubeError) as raised:
        world.register()
    assert raised.value.message == "no escalation"
    assert world.hub.names("Secret") == []
