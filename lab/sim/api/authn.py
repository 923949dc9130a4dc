"""Who asks: users from client certificates, bearer tokens and impersonation headers.

Source: apiserver `pkg/authentication/request/{x509,bearertoken,anonymous}`, `pkg/endpoints/filters/impersonation.go`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import unquote

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from lab.sim.api.context import User
from lab.sim.api.status import ApiError, unauthorized
from lab.sim.api.tokens import AUTHENTICATED, CREDENTIAL, TokenRefused, Tokens, account_groups, account_name
from lab.sim.clock import Clock

UNAUTHENTICATED = "system:unauthenticated"
ANONYMOUS = User("system:anonymous", (UNAUTHENTICATED,))
_AUTHENTICATION = "authentication.k8s.io"
_KEPT = 1024
_UID = ObjectIdentifier("1.3.6.1.4.1.57683.2")
_ACCOUNT = re.compile(
    r"system:serviceaccount:(?=[^:]{1,63}:)([a-z0-9](?:[-a-z0-9]*[a-z0-9])?)"
    r":(?=.{1,253}\Z)([a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*)\Z"
)
_PEER_TIME = "%b %d %H:%M:%S %Y GMT"


class Impersonations(Protocol):
    """Decides who may act as whom."""

    def check_attributes(
        self, user: User, verb: str, group: str, resource: str, subresource: str, namespace: str, name: str
    ) -> None:
        """Return if `user` may. Raises ApiError 403."""


class Headers(Protocol):
    """A request's headers: names in any case, and a name may stand more than once."""

    def items(self) -> Iterable[tuple[str, str]]:
        """Every header with its value."""


@dataclass(frozen=True, slots=True)
class _Certificate:
    """A certificate this cluster's authority signed. A `user` of None names nobody."""

    user: User | None
    begins: float
    ends: float


class Authenticator:
    """Tells the users of one cluster apart."""

    def __init__(self, authority: bytes, tokens: Tokens, clock: Clock) -> None:
        """`authority`: the cluster's CA certificate, PEM. Raises ValueError."""
        self._authority = x509.load_pem_x509_certificate(authority)
        self._tokens = tokens
        self._clock = clock
        self._certificates: dict[bytes, _Certificate | None] = {}

    def authenticate(self, certificate: bytes | Mapping[str, Any] | None, headers: Headers) -> User:
        """Whom a request comes from, impersonation not regarded.

        `certificate`: what the client showed: DER, or `ssl`'s `getpeercert()` if the TLS layer verified it; None or
        empty for none. A good certificate goes before a token; a bad one is forgiven when a token is good. Raises
        ApiError 401 when something was shown and nothing of it is good.
        """
        shown = bool(certificate)
        if certificate:
            try:
                user = self.der(certificate) if isinstance(certificate, bytes) else self.peer(certificate)
            except ApiError:
                user = None
            else:
                shown = user is not None
            if user is not None:
                return user
        token = _bearer(headers)
        if token is not None:
            return self.bearer(token)
        if shown:
            raise unauthorized()
        return ANONYMOUS

    def der(self, certificate: bytes) -> User | None:
        """The user of a client certificate in DER; None if it names nobody.

        Raises ApiError 401 unless the cluster's authority signed it for clients and it is valid now.
        """
        if certificate in self._certificates:
            read = self._certificates[certificate]
        else:
            read = self._read(certificate)
            if len(self._certificates) >= _KEPT:
                self._certificates.pop(next(iter(self._certificates)))
            self._certificates[certificate] = read
        if read is None:
            raise unauthorized()
        return self._valid(read)

    def peer(self, certificate: Mapping[str, Any]) -> User | None:
        """As `der`, from a `getpeercert()` dictionary, whose issuer and signature the TLS layer has verified.

        Such a user lacks the credential id, which is made of the whole certificate.
        """
        names: dict[str, list[str]] = {}
        for relative in certificate.get("subject", ()):
            for key, value in relative:
                names.setdefault(key, []).append(value)
        user = None
        if common := names.get("commonName"):
            user = authenticated(User(common[-1], tuple(names.get("organizationName", ()))))
        begins, ends = (_peer_time(certificate[key]) for key in ("notBefore", "notAfter"))
        return self._valid(_Certificate(user, begins, ends))

    def _valid(self, certificate: _Certificate) -> User | None:
        if not certificate.begins <= self._clock.now() <= certificate.ends:
            raise unauthorized()
        return certificate.user

    def _read(self, der: bytes) -> _Certificate | None:
        try:
            certificate = x509.load_der_x509_certificate(der)
            certificate.verify_directly_issued_by(self._authority)
            if not _for_clients(certificate):
                return None
            user = _subject(certificate, der)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            return None
        begins, ends = certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()
        return _Certificate(user, begins, ends)

    def bearer(self, token: str) -> User:
        """The user of a bearer token. Raises ApiError 401."""
        try:
            return self._tokens.verify(token).user
        except TokenRefused:
            raise unauthorized() from None

    def impersonated(self, user: User, headers: Headers, gate: Impersonations) -> User:
        """Whom `user` wants to act as, by `Impersonate-*` headers; `user` when there are none.

        Raises ApiError 403 when `gate` does not let them, 500 when a group, uid or extra comes without a user.
        """
        asked: dict[str, list[str]] = {}
        for key, value in headers.items():
            if key[:1] in "Ii" and key[:12].lower() == "impersonate-":
                asked.setdefault(key[12:].lower(), []).append(value)
        if not asked:
            return user
        return _impersonated(user, asked, gate)


def authenticated(user: User) -> User:
    """`user` with the group of everyone who is known."""
    if AUTHENTICATED in user.groups or UNAUTHENTICATED in user.groups:
        return user
    return replace(user, groups=(*user.groups, AUTHENTICATED))


def split_account(name: str) -> tuple[str, str] | None:
    """Namespace and name of a service account, from its user name; None for other users."""
    match = _ACCOUNT.match(name)
    return (match[1], match[2]) if match else None


def _bearer(headers: Headers) -> str | None:
    """The token of the first Authorization header, as lenient as the server: None if there is none."""
    for key, value in headers.items():
        if len(key) == 13 and key.lower() == "authorization":
            parts = value.strip().split(" ", 2)
            if len(parts) >= 2 and parts[0].lower() == "bearer" and parts[1]:
                return parts[1]
            return None
    return None


def _for_clients(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return ExtendedKeyUsageOID.CLIENT_AUTH in usage or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in usage


def _subject(certificate: x509.Certificate, der: bytes) -> User | None:
    """Raises ValueError for a uid that is empty or stands twice."""
    names = _values(certificate, NameOID.COMMON_NAME)
    if not names or not names[-1]:
        return None
    uids = _values(certificate, _UID)
    if len(uids) > 1 or "" in uids:
        raise ValueError("one uid at most")
    return authenticated(
        User(
            names[-1],
            tuple(_values(certificate, NameOID.ORGANIZATION_NAME)),
            uids[0] if uids else "",
            ((CREDENTIAL, (f"X509SHA256={hashlib.sha256(der).hexdigest()}",)),),
        )
    )


def _values(certificate: x509.Certificate, identifier: ObjectIdentifier) -> list[str]:
    return [str(one.value) for one in certificate.subject.get_attributes_for_oid(identifier)]


def _peer_time(text: str) -> float:
    return datetime.strptime(f"{text} +0000", f"{_PEER_TIME} %z").timestamp()


# -- impersonation


def _impersonated(user: User, asked: Mapping[str, Sequence[str]], gate: Impersonations) -> User:
    name = asked.get("user", [""])[0]
    groups = list(asked.get("group", ()))
    uid = asked.get("uid", [""])[0]
    extra = {_unescaped(key[6:]): values for key, values in asked.items() if key.startswith("extra-")}
    if not name:
        if groups or extra or uid:
            raise _without_user(groups, extra, uid)
        return user
    account = split_account(name)
    if account is not None:
        gate.check_attributes(user, "impersonate", "", "serviceaccounts", "", account[0], account[1])
        if not groups:
            groups = list(account_groups(account[0]))
        name = account_name(*account)
    else:
        gate.check_attributes(user, "impersonate", "", "users", "", "", name)
    for group in asked.get("group", ()):
        gate.check_attributes(user, "impersonate", "", "groups", "", "", group)
    for key, values in extra.items():
        for value in values:
            gate.check_attributes(user, "impersonate", _AUTHENTICATION, "userextras", key, "", value)
    if uid:
        gate.check_attributes(user, "impersonate", _AUTHENTICATION, "uids", "", "", uid)
    if name == ANONYMOUS.name:
        if UNAUTHENTICATED not in groups:
            groups.append(UNAUTHENTICATED)
    elif AUTHENTICATED not in groups and UNAUTHENTICATED not in groups:
        groups.append(AUTHENTICATED)
    return User(name, tuple(groups), uid, tuple((key, tuple(values)) for key, values in extra.items()))


def _unescaped(key: str) -> str:
    try:
        return unquote(key, errors="strict")
    except UnicodeDecodeError:
        return key


def _without_user(groups: Sequence[str], extra: Mapping[str, Sequence[str]], uid: str) -> ApiError:
    """Worded as the server prints the references it made of the headers."""
    version = f"{_AUTHENTICATION}/v1"
    told = [f"{{Group  {one}    }}" for one in groups]
    told += [f"{{UserExtra  {value}  {version}  {key}}}" for key, values in extra.items() for value in values]
    if uid:
        told.append(f"{{UID  {uid}  {version}  }}")
    return ApiError(500, "InternalError", f"requested [{' '.join(told)}] without impersonating a user")
