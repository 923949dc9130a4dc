"""Who a request comes from: certificates, tokens, impersonation."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import jwt
import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from lab.sim.api.context import User
from lab.sim.api.status import ApiError
from lab.sim.api.tokens import ISSUER, TokenRefused, Tokens
from lab.sim.certificates import Authority
from tests.sim.guarded import Guarded, guarded
from tests.sim.record_rbac import binding, role, rule

GONE = "service account token has been invalidated"


class Lines(list[tuple[str, str]]):
    """Headers as a request has them: a name may stand twice."""

    def items(self) -> Lines:
        return self


def sent(*lines: tuple[str, str]) -> Lines:
    return Lines(lines)


def bearer(token: str) -> Lines:
    return sent(("authorization", f"Bearer {token}"))


def der(pem: bytes) -> bytes:
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)


# -- certificates and the order of things


def test_a_certificate_names_user_and_groups() -> None:
    cluster = guarded()
    shown = der(cluster.authority.client("alice", ["dev", "ops"]).certificate)
    user = cluster.authenticator.authenticate(shown, sent())
    assert user == User(
        "alice",
        ("dev", "ops", "system:authenticated"),
        "",
        (("authentication.kubernetes.io/credential-id", (f"X509SHA256={hashlib.sha256(shown).hexdigest()}",)),),
    )


def test_a_verified_peer_dictionary_will_do() -> None:
    cluster = guarded()
    peer: dict[str, Any] = {
        "subject": ((("organizationName", "dev"),), (("organizationName", "ops"),), (("commonName", "alice"),)),
        "notBefore": "Jan  5 09:34:43 2027 GMT",
        "notAfter": "Jan  5 09:34:43 2028 GMT",
    }
    user = cluster.authenticator.authenticate(peer, sent())
    assert (user.name, user.groups) == ("alice", ("dev", "ops", "system:authenticated"))
    with pytest.raises(ApiError) as refused:
        cluster.authenticator.authenticate({**peer, "notAfter": "Jan 14 09:34:43 2027 GMT"}, sent())
    assert refused.value.code == 401


async def test_a_certificate_holds_from_its_first_to_its_last_second_by_the_clock() -> None:
    cluster = guarded()
    shown = der(Authority.load(cluster.authority.pair, cluster.clock).client("al", [], 600).certificate)
    await cluster.clock.advance(600)
    assert cluster.authenticator.authenticate(shown, sent()).name == "al"
    await cluster.clock.advance(1)
    with pytest.raises(ApiError) as refused:
        cluster.authenticator.authenticate(shown, sent())
    assert refused.value.status()["message"] == "Unauthorized"


def _strange(cluster: Guarded) -> dict[str, bytes]:
    other = Authority.create("kubernetes", cluster.clock)
    return {
        "another cluster's": der(other.client("kubernetes-admin", ["system:masters"]).certificate),
        "a server's": der(cluster.authority.server().certificate),
        "no certificate": b"\x30\x03abc",
        "the authority's own, twice": der(cluster.authority.pair.certificate) * 2,
    }


@pytest.mark.parametrize("which", ["another cluster's", "a server's", "no certificate", "the authority's own, twice"])
def test_a_strange_certificate_is_refused_unless_a_token_is_good(which: str) -> None:
    cluster = guarded()
    shown = _strange(cluster)[which]
    for _ in range(2):
        with pytest.raises(ApiError) as refused:
            cluster.authenticator.authenticate(shown, sent())
        assert refused.value.code == 401
    good = cluster.tokens.issue(cluster.account("bot"))
    assert cluster.authenticator.authenticate(shown, bearer(good)).name == "system:serviceaccount:default:bot"


def test_a_good_certificate_goes_before_any_token() -> None:
    cluster = guarded()
    shown = der(cluster.authority.client("alice", []).certificate)
    assert cluster.authenticator.authenticate(shown, bearer("nonsense")).name == "alice"


@pytest.mark.parametrize(
    "headers",
    [
        sent(),
        sent(("Authorization", "Bearer ")),
        sent(("Authorization", "Bearer   x")),
        sent(("Authorization", "Basic eA==")),
    ],
)
def test_who_shows_nothing_is_anonymous(headers: Lines) -> None:
    user = guarded().authenticator.authenticate(None, headers)
    assert user == User("system:anonymous", ("system:unauthenticated",))


@pytest.mark.parametrize("text", ["xyz", "a.b.c", "x y z", "....", "é.é.é", "e30.e30.", "x" * 100_000])
def test_a_wrong_token_is_unauthorized(text: str) -> None:
    with pytest.raises(ApiError) as refused:
        guarded().authenticator.authenticate(None, bearer(text))
    assert (refused.value.code, refused.value.reason, refused.value.message) == (401, "Unauthorized", "Unauthorized")


# -- tokens


def test_a_token_has_the_claims_of_a_real_one_and_tells_its_user() -> None:
    cluster = guarded()
    token = cluster.tokens.issue(cluster.account("bot"), 600)
    claims = jwt.decode(token, options={"verify_signature": False})
    now, identifier = int(cluster.clock.now()), claims.pop("jti")
    assert claims == {
        "aud": [ISSUER],
        "exp": now + 600,
        "iat": now,
        "iss": ISSUER,
        "kubernetes.io": {"namespace": "default", "serviceaccount": {"name": "bot", "uid": "uid-bot"}},
        "nbf": now,
        "sub": "system:serviceaccount:default:bot",
    }
    assert set(jwt.get_unverified_header(token)) == {"alg", "kid"}
    assert cluster.authenticator.bearer(token) == User(
        "system:serviceaccount:default:bot",
        ("system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"),
        "uid-bot",
        (("authentication.kubernetes.io/credential-id", (f"JTI={identifier}",)),),
    )


def test_a_token_bound_to_a_pod_tells_pod_and_node() -> None:
    cluster = guarded()
    account, pod = cluster.account("bot"), cluster.put("pods", "default", "p")
    token = cluster.tokens.issue(account, pod=pod, node={"metadata": {"name": "n", "uid": "un"}})
    extra = dict(cluster.authenticator.bearer(token).extra)
    told = {key.rpartition("/")[2]: values for key, values in extra.items() if "credential" not in key}
    assert told == {"pod-name": ("p",), "pod-uid": ("uid-of-p",), "node-name": ("n",), "node-uid": ("un",)}


def _refusal(cluster: Guarded, token: str) -> str:
    with pytest.raises(TokenRefused) as refused:
        cluster.tokens.verify(token)
    return str(refused.value)


async def test_a_token_ends_a_minute_after_its_time() -> None:
    cluster = guarded()
    token = cluster.tokens.issue(cluster.account("bot"), 600)
    await cluster.clock.advance(660)
    cluster.tokens.verify(token)
    await cluster.clock.advance(1)
    assert _refusal(cluster, token) == "service account token has expired"


async def test_a_token_dies_with_what_it_names() -> None:
    cluster = guarded()
    account = cluster.account("bot")
    plain = cluster.tokens.issue(account)
    bound = {}
    for kind, plural, namespace in (
        ("pod", "pods", "default"),
        ("secret", "secrets", "default"),
        ("node", "nodes", ""),
    ):
        obj = cluster.put(plural, namespace, kind)
        bound[kind] = cluster.tokens.issue(account, **{kind: obj})  # type: ignore[arg-type]
        cluster.tokens.verify(bound[kind])
        cluster.put(plural, namespace, kind, metadata={"uid": "new"})
        assert _refusal(cluster, bound[kind]) == (
            f"{kind} UID (new) does not match service account {kind} ref claim (uid-of-{kind})"
        )
        cluster.put(plural, namespace, kind, metadata={"deletionTimestamp": "2027-01-15T08:00:00Z"})
        cluster.tokens.verify(bound[kind])
    await cluster.clock.advance(61)
    for kind, plural, namespace in (
        ("pod", "pods", "default"),
        ("secret", "secrets", "default"),
        ("node", "nodes", ""),
    ):
        assert _refusal(cluster, bound[kind]) == GONE
        cluster.rest.store.remove(plural, namespace, kind)
        assert _refusal(cluster, bound[kind]) == GONE
    cluster.account("bot", uid="other")
    assert _refusal(cluster, plain) == "service account UID (other) does not match claim (uid-bot)"
    cluster.rest.store.remove("serviceaccounts", "default", "bot")
    assert _refusal(cluster, plain) == 'serviceaccounts "bot" not found'


def _forged(cluster: Guarded) -> dict[str, tuple[str, str]]:
    token = cluster.tokens.issue(cluster.account("bot"))
    header, claims, signature = token.split(".")
    said = jwt.decode(token, options={"verify_signature": False})
    kid = jwt.get_unverified_header(token)["kid"]
    stranger: Any = load_pem_private_key(Tokens.create_key(), None)
    primitive = "go-jose/go-jose: error in cryptographic primitive"
    raised = orjson.loads(orjson.dumps(said))
    raised["sub"] = "system:serviceaccount:kube-system:admin"
    bare = jwt.utils.base64url_encode(orjson.dumps(raised)).decode()
    none = jwt.utils.base64url_encode(b'{"alg":"none"}').decode()
    return {
        "tampered signature": (f"{header}.{claims}.{signature[:-6]}AAAAAA", primitive),
        "tampered claims": (f"{header}.{bare}.{signature}", primitive),
        "no algorithm": (f"{none}.{claims}.", primitive),
        "secret from the public key": (jwt.encode(said, "x" * 64, "HS256", headers={"kid": kid}), primitive),
        "another's key": (jwt.encode(said, stranger, "ES256"), primitive),
        "another's key by name": (
            jwt.encode(said, stranger, "ES256", headers={"kid": "zz"}),
            "invalid signature, no keys found",
        ),
        "another issuer": (jwt.encode({**said, "iss": "x"}, stranger, "ES256"), ""),
        "two parts": (f"{header}.{claims}", ""),
    }


@pytest.mark.parametrize("which", list(_forged(guarded())))
def test_a_forged_token_proves_nothing(which: str) -> None:
    cluster = guarded()
    token, text = _forged(cluster)[which]
    assert _refusal(cluster, token) == text


def test_a_token_of_another_cluster_is_strange_here() -> None:
    here, there = guarded(), guarded()
    stranger = Tokens(there.rest, Tokens.create_key())
    token = stranger.issue(there.account("bot"))
    here.account("bot")
    assert stranger.verify(token).user.name == "system:serviceaccount:default:bot"
    assert _refusal(here, token) == "invalid signature, no keys found"


def test_a_token_is_for_its_audiences_only() -> None:
    cluster = guarded()
    token = cluster.tokens.issue(cluster.account("bot"), audiences=["foo", "bar"])
    assert cluster.tokens.verify(token, ["bar", "x"]).audiences == ("bar",)
    assert _refusal(cluster, token) == (
        f'token audiences ["foo" "bar"] is invalid for the target audiences ["{ISSUER}"]'
    )


def test_a_secret_based_token_lives_as_long_as_its_secret() -> None:
    cluster = guarded()
    account = cluster.account("bot")
    secret = cluster.put("secrets", "default", "legacy")
    data = cluster.tokens.legacy_data(secret, account, cluster.authority.pair.certificate)
    cluster.put("secrets", "default", "legacy", data=data)
    token = base64.b64decode(data["token"]).decode()
    assert jwt.decode(token, options={"verify_signature": False}) == {
        "iss": "kubernetes/serviceaccount",
        "kubernetes.io/serviceaccount/namespace": "default",
        "kubernetes.io/serviceaccount/secret.name": "legacy",
        "kubernetes.io/serviceaccount/service-account.name": "bot",
        "kubernetes.io/serviceaccount/service-account.uid": "uid-bot",
        "sub": "system:serviceaccount:default:bot",
    }
    verified = cluster.tokens.verify(token)
    assert (verified.user.uid, verified.user.extra, verified.audiences) == ("uid-bot", (), (ISSUER,))
    label = {"labels": {"kubernetes.io/legacy-token-invalid-since": "2026-01-01"}}
    cluster.put("secrets", "default", "legacy", data=data, metadata=label)
    assert "has been marked invalid" in _refusal(cluster, token)
    cluster.put("secrets", "default", "legacy", data={"token": ""})
    assert _refusal(cluster, token) == "Token does not match server's copy"
    cluster.rest.store.remove("secrets", "default", "legacy")
    assert _refusal(cluster, token) == "Token has been invalidated"


def test_others_can_check_tokens_by_the_published_key() -> None:
    cluster = guarded()
    token = cluster.tokens.issue(cluster.account("bot"), 3600)
    keys = jwt.PyJWKSet.from_dict(cluster.tokens.keys())
    key = keys[jwt.get_unverified_header(token)["kid"]]
    options: Any = {"verify_iat": False, "verify_nbf": False, "verify_exp": False}
    read = jwt.decode(token, key, audience=ISSUER, issuer=cluster.tokens.configuration()["issuer"], options=options)
    assert read["sub"] == "system:serviceaccount:default:bot"


# -- impersonation

ROOT = User("root", ("system:masters",))
AS = "Impersonate-User"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (sent(), ROOT),
        (sent((AS, "bob")), User("bob", ("system:authenticated",))),
        (
            sent(
                ("impersonate-user", "bob"),
                ("Impersonate-Group", "a"),
                ("Impersonate-Group", "b"),
                ("Impersonate-Uid", "u"),
                ("Impersonate-Extra-Scopes.io%2Fx", "view"),
                ("Impersonate-Extra-Scopes.io%2Fx", "Edit"),
            ),
            User("bob", ("a", "b", "system:authenticated"), "u", (("scopes.io/x", ("view", "Edit")),)),
        ),
        (
            sent((AS, "system:serviceaccount:shop:bot")),
            User(
                "system:serviceaccount:shop:bot",
                ("system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"),
            ),
        ),
        (
            sent((AS, "system:serviceaccount:shop:bot"), ("Impersonate-Group", "a")),
            User("system:serviceaccount:shop:bot", ("a", "system:authenticated")),
        ),
        (
            sent((AS, "system:serviceaccount:shop:bot:x")),
            User("system:serviceaccount:shop:bot:x", ("system:authenticated",)),
        ),
        (sent((AS, "system:anonymous")), User("system:anonymous", ("system:unauthenticated",))),
        (
            sent((AS, "x"), ("Impersonate-Group", "system:unauthenticated")),
            User("x", ("system:unauthenticated",)),
        ),
    ],
)
def test_who_may_act_as_others_becomes_them(headers: Lines, expected: User) -> None:
    cluster = guarded()
    assert cluster.authenticator.impersonated(ROOT, headers, cluster.authorizer) == expected


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        (sent((AS, "bob"), ("Impersonate-Group", "g")), 'groups "g" is forbidden: User "imp" cannot impersonate '
         'resource "groups" in API group "" at the cluster scope'),
        (sent((AS, "bob"), ("Impersonate-Uid", "u")), 'uids.authentication.k8s.io "u" is forbidden: User "imp" cannot '
         'impersonate resource "uids" in API group "authentication.k8s.io" at the cluster scope'),
        (sent((AS, "bob"), ("Impersonate-Extra-Foo", "x")), 'userextras.authentication.k8s.io "x" is forbidden: User '
         '"imp" cannot impersonate resource "userextras/foo" in API group "authentication.k8s.io" at the cluster '
         "scope"),
        (sent((AS, "system:serviceaccount:a:b")), 'serviceaccounts "b" is forbidden: User "imp" cannot impersonate '
         'resource "serviceaccounts" in API group "" in the namespace "a"'),
    ],
)  # fmt: skip
def test_who_may_act_as_users_may_not_act_as_all_else(headers: Lines, text: str) -> None:
    cluster = guarded()
    cluster.create(role("imp", rule("core", "users", "impersonate")))
    cluster.create(binding("imp", "ClusterRole:simauth-rec-imp", "User:imp"))
    gate = cluster.authorizer
    assert cluster.authenticator.impersonated(User("imp"), sent((AS, "bob")), gate).name == "bob"
    with pytest.raises(ApiError) as refused:
        cluster.authenticator.impersonated(User("imp"), headers, gate)
    assert (refused.value.code, refused.value.message) == (403, text)


def test_a_group_without_a_user_is_an_error_of_the_server() -> None:
    cluster = guarded()
    headers = sent(("Impersonate-Group", "bob"), ("Impersonate-Extra-Foo", "x"), ("Impersonate-Uid", "u"))
    with pytest.raises(ApiError) as refused:
        cluster.authenticator.impersonated(ROOT, headers, cluster.authorizer)
    assert refused.value.code == 500
    assert refused.value.message == (
        "requested [{Group  bob    } {UserExtra  x  authentication.k8s.io/v1  foo} "
        "{UID  u  authentication.k8s.io/v1  }] without impersonating a user"
    )
