"""A cluster's own certificate authority: the server's certificate, users' certificates and signing requests.

Everything is PEM in and out. Source of names and usages: kubeadm `phases/certs`, Kubernetes
`pkg/controller/certificates/{authority,signer}`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.hazmat.primitives.serialization import load_pem_private_key as load_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.sim.clock import Clock

DAY = 86_400
AUTHORITY_LIFETIME = 3650 * DAY
LEAF_LIFETIME = 365 * DAY
BACKDATE = 300
"""Seconds a certificate is valid before it was made, for clocks that are a little behind."""
ADMIN_USER = "kubernetes-admin"
ADMIN_GROUPS = ("kubeadm:cluster-admins",)
"""Whom kubeadm writes into `admin.conf`; RBAC binds the group to `cluster-admin`."""
SERVER_NAMES = (
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "localhost",
    "127.0.0.1",
    "::1",
    "10.96.0.1",
)
"""What every API server's certificate is valid for."""

_KEY_USAGES = {
    "signing": "digital_signature",
    "digital signature": "digital_signature",
    "content commitment": "content_commitment",
    "key encipherment": "key_encipherment",
    "key agreement": "key_agreement",
    "data encipherment": "data_encipherment",
}
_EXTENDED_USAGES = {
    "any": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    "server auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "client auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "code signing": ExtendedKeyUsageOID.CODE_SIGNING,
    "email protection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "s/mime": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "timestamping": ExtendedKeyUsageOID.TIME_STAMPING,
    "ocsp signing": ExtendedKeyUsageOID.OCSP_SIGNING,
}
_NO_USAGES = dict.fromkeys(
    (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ),
    False,
)
_CLIENT = ("digital signature", "key encipherment", "client auth")
_SERVER = ("digital signature", "key encipherment", "server auth")
_REQUIRED = {
    "kubernetes.io/kube-apiserver-client": (("client auth",), ("digital signature", "key encipherment")),
    "kubernetes.io/kube-apiserver-client-kubelet": (
        ("client auth", "digital signature"),
        ("key encipherment",),
    ),
    "kubernetes.io/kubelet-serving": (("server auth", "digital signature"), ("key encipherment",)),
}
"""By signer: usages a request must name, and those it may name besides."""


class NotSigned(ValueError):
    """A signing request the signer refuses; the text is the condition's message."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes


class Authority:
    """Signs for one cluster."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, clock: Clock) -> None:
        self._certificate = certificate
        self._key = key
        self._clock = clock
        self.pair = Pair(certificate.public_bytes(Encoding.PEM), _private(key))
        """The authority's own certificate and key: what must be kept to load it again."""
        self._identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
            certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        )

    @classmethod
    def create(cls, name: str, clock: Clock) -> Authority:
        """A new authority for ten years. `name`: common name of its subject; kubeadm's is `kubernetes`."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = _moment(clock.now())
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(seconds=BACKDATE))
            .not_valid_after(now + timedelta(seconds=AUTHORITY_LIFETIME))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(
                    **{**_NO_USAGES, "digital_signature": True, "key_encipherment": True, "key_cert_sign": True}
                ),
                critical=True,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(key, SHA256())
        )
        return cls(made, key, clock)

    @classmethod
    def load(cls, pair: Pair, clock: Clock) -> Authority:
        """An authority that was kept. Raises ValueError when the PEM is not one's certificate and its key."""
        certificate = x509.load_pem_x509_certificate(pair.certificate)
        key = load_key(pair.key, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            raise ValueError("the key does not belong to the certificate")
        return cls(certificate, key, clock)

    @property
    def fingerprint(self) -> str:
        """`sha256:HEX` of the public key, as `kubeadm join --discovery-token-ca-cert-hash` takes it."""
        der = self._certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return "sha256:" + hashlib.sha256(der).hexdigest()

    def server(self, names: Iterable[str] = (), lifetime_seconds: float = LEAF_LIFETIME) -> Pair:
        """The API server's certificate, for `SERVER_NAMES` and `names` (DNS names and IP addresses)."""
        alternatives = [_alternative(one) for one in dict.fromkeys((*SERVER_NAMES, *names))]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kube-apiserver")])
        return self._leaf(subject, _SERVER, lifetime_seconds, alternatives)

    def client(
        self,
        user: str = ADMIN_USER,
        groups: Sequence[str] = ADMIN_GROUPS,
        lifetime_seconds: float = LEAF_LIFETIME,
    ) -> Pair:
        """A user's certificate: `user` is its common name, `groups` are its organizations.

        Raises ValueError for a name or group that is empty or longer than the 64 characters of X.509.
        """
        attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, user))
        return self._leaf(x509.Name(attributes), _CLIENT, lifetime_seconds, [])

    def sign(
        self,
        request: bytes,
        signer: str = "kubernetes.io/kube-apiserver-client",
        usages: Sequence[str] = ("client auth",),
        lifetime_seconds: float = LEAF_LIFETIME,
    ) -> bytes:
        """The certificate for a PEM signing request, as the certificate controller answers an approved one.

        `usages`: `spec.usages`; `lifetime_seconds`: `spec.expirationSeconds`, cut to the authority's own end.
        Raises NotSigned for what the signer does not sign.
        """
        try:
            asked = x509.load_pem_x509_csr(request)
            sound, public, subject = asked.is_signature_valid, asked.public_key(), asked.subject
            alternatives = _alternatives(asked)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise NotSigned(f"unable to parse csr: {error}") from None
        if not sound:
            raise NotSigned("unable to verify the signature of the csr")
        _check_usages(signer, usages)
        _check_subject(signer, subject, alternatives)
        return self._signed(subject, public, usages, lifetime_seconds, alternatives).public_bytes(Encoding.PEM)

    def _leaf(
        self, subject: x509.Name, usages: Sequence[str], lifetime: float, alternatives: Sequence[x509.GeneralName]
    ) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._signed(subject, key.public_key(), usages, lifetime, alternatives)
        return Pair(made.public_bytes(Encoding.PEM), _private(key))

    def _signed(
        self,
        subject: x509.Name,
        public: CertificatePublicKeyTypes,
        usages: Sequence[str],
        lifetime: float,
        alternatives: Sequence[x509.GeneralName],
    ) -> x509.Certificate:
        now = _moment(self._clock.now())
        end = min(now + timedelta(seconds=lifetime), self._certificate.not_valid_after_utc)
        begin = min(now, end) - timedelta(seconds=BACKDATE)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._certificate.subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(self._identifier, critical=False)
        )
        plain = {_KEY_USAGES[one]: True for one in usages if one in _KEY_USAGES}
        extended = [_EXTENDED_USAGES[one] for one in usages if one in _EXTENDED_USAGES]
        if plain:
            builder = builder.add_extension(x509.KeyUsage(**{**_NO_USAGES, **plain}), critical=True)
        if extended:
            builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        return builder.sign(self._key, SHA256())


def _alternatives(request: x509.CertificateSigningRequest) -> list[x509.GeneralName]:
    try:
        return list(request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return []


def _check_usages(signer: str, usages: Sequence[str]) -> None:
    known = _REQUIRED.get(signer)
    if known is None:
        return
    must, may = known
    side = "server" if "server auth" in must else "client"
    for one in usages:
        if one not in must and one not in may:
            raise NotSigned(f"invalid usage for {side} certificate: {one}")
    for one in must:
        if one not in usages:
            raise NotSigned(f"missing required usage for {side} certificate: {one}")


def _check_subject(signer: str, subject: x509.Name, alternatives: Sequence[x509.GeneralName]) -> None:
    """The rules for kubelets' certificates. Source: Kubernetes `pkg/apis/certificates/helpers.go`."""
    serving = signer == "kubernetes.io/kubelet-serving"
    if not serving and signer != "kubernetes.io/kube-apiserver-client-kubelet":
        return
    organizations = [one.value for one in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    names = [str(one.value) for one in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if organizations != ["system:nodes"]:
        raise NotSigned("subject organization is not system:nodes")
    if not names or not names[0].startswith("system:node:"):
        raise NotSigned("subject common name does not begin with system:node:")
    if serving and not alternatives:
        raise NotSigned("DNS or IP subjectAltName is required")
    if not serving and alternatives:
        raise NotSigned("DNS, IP, email and URI subjectAltNames are not allowed")


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
