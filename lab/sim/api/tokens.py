"""Service accounts' tokens: signed JSON web tokens, given out on request and checked at every request.

A token is only as good as what it names: it dies with its service account, and with the pod, secret or node it is bound
to. Source: Kubernetes `pkg/serviceaccount/{claims,legacy,jwt}.go`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lab.sim.api.context import User
from lab.sim.api.resources import Object
from lab.sim.api.rest import Rest
from lab.sim.clock import parse_timestamp

ISSUER = "https://kubernetes.default.svc.cluster.local"
LEGACY_ISSUER = "kubernetes/serviceaccount"
LEEWAY = 60
"""Seconds by which the clocks of two machines may differ."""
HOUR = 3600
_INVALID_SINCE = "kubernetes.io/legacy-token-invalid-since"
_KEPT = 2048
_ALGORITHM = "ES256"
_BAD_SIGNATURE = "go-jose/go-jose: error in cryptographic primitive"
_POD_NAME = "authentication.kubernetes.io/pod-name"
_POD_UID = "authentication.kubernetes.io/pod-uid"
_NODE_NAME = "authentication.kubernetes.io/node-name"
_NODE_UID = "authentication.kubernetes.io/node-uid"
AUTHENTICATED = "system:authenticated"
CREDENTIAL = "authentication.kubernetes.io/credential-id"


class TokenRefused(Exception):
    """A token that proves nothing; the text is what a TokenReview tells, "" when it is no token of this cluster."""


@dataclass(frozen=True, slots=True)
class Verified:
    """Whom a token speaks for, and to whom it may."""

    user: User
    audiences: tuple[str, ...]


@dataclass(slots=True)
class _Read:
    """A token whose signature holds."""

    claims: Object
    audiences: tuple[str, ...]
    user: User


def account_name(namespace: str, name: str) -> str:
    """The user name of a service account."""
    return f"system:serviceaccount:{namespace}:{name}"


def account_groups(namespace: str) -> tuple[str, str]:
    """The groups every service account of a namespace is in."""
    return "system:serviceaccounts", f"system:serviceaccounts:{namespace}"


def _groups(namespace: str) -> tuple[str, ...]:
    return (*account_groups(namespace), AUTHENTICATED)


class Tokens:
    """Gives out and checks the tokens of one cluster."""

    def __init__(self, rest: Rest, key: bytes) -> None:
        """`key`: the cluster's signing key, PEM, from `create_key`. Raises ValueError."""
        self._rest = rest
        private = serialization.load_pem_private_key(key, None)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise ValueError("the signing key must be an elliptic curve key")
        self._private = private
        self._public = private.public_key()
        der = self._public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self._identifier = _base64(hashlib.sha256(der).digest())
        self._read: dict[str, _Read] = {}

    @staticmethod
    def create_key() -> bytes:
        """A new signing key, PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        return key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    # -- giving out

    def issue(
        self,
        account: Object,
        seconds: int = HOUR,
        audiences: Sequence[str] = (ISSUER,),
        *,
        pod: Object | None = None,
        secret: Object | None = None,
        node: Object | None = None,
        warn_after: int = 0,
    ) -> str:
        """A token for the service account `account`, valid for `seconds` from now and bound to what else is given.

        `node` beside `pod` only says where the pod runs. `warn_after`: seconds until its use counts as stale, 0 for
        never.
        """
        metadata = account["metadata"]
        now = int(self._rest.clock.now())
        about: Object = {"namespace": metadata["namespace"]}
        for key, obj in (("node", node), ("pod", pod), ("secret", secret), ("serviceaccount", account)):
            if obj is not None:
                about[key] = _reference(obj)
        if warn_after:
            about["warnafter"] = now + warn_after
        return self._signed(
            {
                "aud": list(audiences),
                "exp": now + seconds,
                "iat": now,
                "iss": ISSUER,
                "jti": str(uuid.uuid4()),
                "kubernetes.io": about,
                "nbf": now,
                "sub": account_name(metadata["namespace"], metadata["name"]),
            }
        )

    def legacy_data(self, secret: Object, account: Object, authority: bytes) -> dict[str, str]:
        """The `data` of a `kubernetes.io/service-account-token` Secret for `account`; its token never expires.

        `authority`: the cluster's CA certificate, PEM. Whoever writes it also sets the annotation
        `kubernetes.io/service-account.uid`.
        """
        namespace, name = account["metadata"]["namespace"], account["metadata"]["name"]
        prefix = "kubernetes.io/serviceaccount"
        token = self._signed(
            {
                "iss": LEGACY_ISSUER,
                f"{prefix}/namespace": namespace,
                f"{prefix}/secret.name": secret["metadata"]["name"],
                f"{prefix}/service-account.name": name,
                f"{prefix}/service-account.uid": account["metadata"]["uid"],
                "sub": account_name(namespace, name),
            }
        )
        held = {"ca.crt": authority, "namespace": namespace.encode(), "token": token.encode()}
        return {key: base64.b64encode(value).decode() for key, value in held.items()}

    def _signed(self, claims: Object) -> str:
        headers: dict[str, Any] = {"kid": self._identifier, "typ": None}
        return jwt.encode(claims, self._private, algorithm=_ALGORITHM, headers=headers)

    # -- checking

    def verify(self, token: str, audiences: Sequence[str] = (ISSUER,)) -> Verified:
        """Whom `token` speaks for. Raises TokenRefused unless it is good now and meant for one of `audiences`."""
        read = self._read.get(token)
        if read is None:
            read = self._parse(token)
            if len(self._read) >= _KEPT:
                self._read.pop(next(iter(self._read)))
            self._read[token] = read
        meant = tuple(one for one in read.audiences if one in audiences)
        if not meant:
            raise TokenRefused(
                f"token audiences {_quoted(read.audiences)} is invalid for the target audiences {_quoted(audiences)}"
            )
        if "kubernetes.io" in read.claims:
            self._check(read.claims)
        else:
            self._check_legacy(token, read.claims)
        return Verified(read.user, meant)

    def _parse(self, token: str) -> _Read:
        """Check the signature and take apart."""
        parts = token.split(".")
        if len(parts) != 3:
            raise TokenRefused("")
        claims = _part(parts[1])
        header = _part(parts[0])
        if not isinstance(claims.get("iss"), str) or claims["iss"] not in (ISSUER, LEGACY_ISSUER):
            raise TokenRefused("")
        if header.get("kid") not in (None, "", self._identifier):
            raise TokenRefused("invalid signature, no keys found")
        try:
            jwt.PyJWS().decode(token, self._public, algorithms=[_ALGORITHM])
        except jwt.PyJWTError:
            raise TokenRefused(_BAD_SIGNATURE) from None
        # Nobody but this cluster makes claims that get this far, so their types need no more checks.
        if claims["iss"] == LEGACY_ISSUER:
            namespace = claims["kubernetes.io/serviceaccount/namespace"]
            uid = claims["kubernetes.io/serviceaccount/service-account.uid"]
            return _Read(claims, (ISSUER,), User(claims["sub"], _groups(namespace), uid))
        about = claims["kubernetes.io"]
        uid = about["serviceaccount"]["uid"]
        user = User(claims["sub"], _groups(about["namespace"]), uid, _extra(claims))
        return _Read(claims, tuple(claims["aud"]), user)

    def _check(self, claims: Object) -> None:
        now = self._rest.clock.now()
        if now > claims["exp"] + LEEWAY:
            raise TokenRefused("service account token has expired")
        if now < claims["nbf"] - LEEWAY:
            raise TokenRefused("service account token is not valid yet")
        about = claims["kubernetes.io"]
        namespace, reference = about["namespace"], about["serviceaccount"]
        account = self._account(namespace, reference["name"])
        if account["metadata"]["uid"] != reference["uid"]:
            raise TokenRefused(
                f"service account UID ({account['metadata']['uid']}) does not match claim ({reference['uid']})"
            )
        if self._deleted(account):
            raise TokenRefused(f"service account {namespace}/{reference['name']} has been deleted")
        self._check_bound("secret", "secrets", namespace, about)
        self._check_bound("pod", "pods", namespace, about)
        if "pod" not in about:
            self._check_bound("node", "nodes", "", about)

    def _check_bound(self, kind: str, plural: str, namespace: str, about: Object) -> None:
        reference = about.get(kind)
        if reference is None:
            return
        obj = self._find(plural, namespace, reference["name"])
        if obj is None:
            raise TokenRefused("service account token has been invalidated")
        uid = obj["metadata"]["uid"]
        if uid != reference["uid"]:
            raise TokenRefused(
                f"{kind} UID ({uid}) does not match service account {kind} ref claim ({reference['uid']})"
            )
        if self._deleted(obj):
            raise TokenRefused("service account token has been invalidated")

    def _check_legacy(self, token: str, claims: Object) -> None:
        prefix = "kubernetes.io/serviceaccount"
        namespace, name = claims[f"{prefix}/namespace"], claims[f"{prefix}/service-account.name"]
        held = claims[f"{prefix}/secret.name"]
        secret = self._find("secrets", namespace, held)
        if secret is None or secret["metadata"].get("deletionTimestamp"):
            raise TokenRefused("Token has been invalidated")
        copy = (secret.get("data") or {}).get("token") or ""
        if not hmac.compare_digest(copy.encode(), base64.b64encode(token.encode())):
            raise TokenRefused("Token does not match server's copy")
        account = self._account(namespace, name)
        if account["metadata"].get("deletionTimestamp"):
            raise TokenRefused(f"ServiceAccount {namespace}/{name} has been deleted")
        uid, claimed = account["metadata"]["uid"], claims[f"{prefix}/service-account.uid"]
        if uid != claimed:
            raise TokenRefused(f"ServiceAccount UID ({uid}) does not match claim ({claimed})")
        if (secret["metadata"].get("labels") or {}).get(_INVALID_SINCE):
            raise TokenRefused(
                f"the token in secret {namespace}/{held} for service account {namespace}/{name} has been marked "
                "invalid. Use tokens from the TokenRequest API or manually created secret-based tokens, or remove the "
                f"'{_INVALID_SINCE}' label from the secret to temporarily allow use of this token"
            )

    def _account(self, namespace: str, name: str) -> Object:
        account = self._find("serviceaccounts", namespace, name)
        if account is None:
            raise TokenRefused(f'serviceaccounts "{name}" not found')
        return account

    def _find(self, plural: str, namespace: str, name: str) -> Object | None:
        return self._rest.store.get(plural, namespace, name)

    def _deleted(self, obj: Object) -> bool:
        """Whether the object's deletion was due a while ago, although a finalizer still holds it."""
        moment = obj["metadata"].get("deletionTimestamp")
        return bool(moment) and parse_timestamp(moment) < self._rest.clock.now() - LEEWAY

    # -- telling others how to check

    def keys(self) -> Object:
        """The document at `/openid/v1/jwks`."""
        numbers = self._public.public_numbers()
        key = {
            "use": "sig",
            "kty": "EC",
            "kid": self._identifier,
            "crv": "P-256",
            "alg": _ALGORITHM,
            "x": _base64(numbers.x.to_bytes(32, "big")),
            "y": _base64(numbers.y.to_bytes(32, "big")),
        }
        return {"keys": [key]}

    def configuration(self) -> Object:
        """The document at `/.well-known/openid-configuration`."""
        return {
            "issuer": ISSUER,
            "jwks_uri": f"{ISSUER}/openid/v1/jwks",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [_ALGORITHM],
        }


def _reference(obj: Object) -> Object:
    metadata = obj["metadata"]
    made = {"name": metadata["name"]}
    if "uid" in metadata:
        made["uid"] = metadata["uid"]
    return made


def _extra(claims: Object) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What a user from a token carries besides its groups."""
    about = claims["kubernetes.io"]
    told = {CREDENTIAL: f"JTI={claims['jti']}"}
    if node := about.get("node"):
        told[_NODE_NAME] = node["name"]
        if node.get("uid"):
            told[_NODE_UID] = node["uid"]
    if pod := about.get("pod"):
        told[_POD_NAME], told[_POD_UID] = pod["name"], pod["uid"]
    return tuple((key, (value,)) for key, value in told.items())


def _part(text: str) -> Object:
    try:
        read = orjson.loads(base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)))
    except ValueError:
        raise TokenRefused("") from None
    if not isinstance(read, dict):
        raise TokenRefused("")
    return read


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _quoted(texts: Sequence[str]) -> str:
    return "[" + " ".join(orjson.dumps(one).decode() for one in texts) + "]"
