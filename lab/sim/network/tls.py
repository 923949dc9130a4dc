"""What Go's client checks of a server's certificate before it sends a word, told in its words.

Source: Go `crypto/tls`, `crypto/x509/verify.go`, client-go `transport/transport.go`.
"""

from __future__ import annotations

import time
from functools import lru_cache
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID

from lab.sim.argocd.clusters import ClusterConfig

_NO_PEM = "unable to load root certificates: unable to parse bytes as PEM block"


class TlsError(Exception):
    """No connection comes about; the text is Go's."""


def check_config(config: ClusterConfig) -> None:
    """Raise TlsError for settings a client refuses to start with."""
    if config.insecure and config.ca_data:
        raise TlsError("specifying a root certificates file with the insecure flag is not allowed")
    if config.ca_data:
        _roots(config.ca_data)
    if config.cert_data and config.key_data:
        _check_pair(config.cert_data, config.key_data)


def check_server(config: ClusterConfig, host: str, certificate: bytes, now: float) -> None:
    """Raise TlsError unless a client with this configuration accepts the server.

    :param host: as the URL names it; `serverName` of the configuration goes before it
    :param certificate: what the server shows, PEM
    :param now: seconds since 1970
    """
    if config.insecure:
        return
    try:
        _verify(x509.load_pem_x509_certificate(certificate), config, config.server_name or host, now)
    except TlsError as error:
        raise TlsError(f"tls: failed to verify certificate: x509: {error}") from None


def client_certificate(config: ClusterConfig) -> bytes:
    """The certificate a client shows, DER; empty unless it has one and its key."""
    if not (config.cert_data and config.key_data):
        return b""
    from cryptography.hazmat.primitives.serialization import Encoding

    return x509.load_pem_x509_certificate(config.cert_data).public_bytes(Encoding.DER)


def _verify(leaf: x509.Certificate, config: ClusterConfig, name: str, now: float) -> None:
    begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    for moment, word, wrong in ((begins, "before", now < begins.timestamp()), (ends, "after", now > ends.timestamp())):
        if wrong:
            told = f"current time {_time(now)} is {word} {_time(moment.timestamp())}"
            raise TlsError(f"certificate has expired or is not yet valid: {told}")
    _check_name(leaf, name)
    hint = ""
    for root in _roots(config.ca_data) if config.ca_data else ():
        if root.subject != leaf.issuer:
            continue
        try:
            leaf.verify_directly_issued_by(root)
            return
        except (InvalidSignature, TypeError, ValueError):
            hint = hint or _hint(root)
    raise TlsError(f"certificate signed by unknown authority{hint}")


def _hint(root: x509.Certificate) -> str:
    """Go names an authority that is called like the right one and is not it."""
    wrong = {
        ec.EllipticCurvePublicKey: "x509: ECDSA verification failure",
        rsa.RSAPublicKey: "crypto/rsa: verification error",
    }
    key = root.public_key()
    why = next((text for kind, text in wrong.items() if isinstance(key, kind)), "x509: signature check failed")
    names = root.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    called = str(names[0].value) if names else f"serial:{root.serial_number}"
    return f' (possibly because of "{why}" while trying to verify candidate authority certificate "{called}")'


def _check_name(leaf: x509.Certificate, name: str) -> None:
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    try:
        address = ip_address(name)
    except ValueError:
        valid = names.get_values_for_type(x509.DNSName)
        if any(_matches(pattern.lower(), name.lower().rstrip(".")) for pattern in valid):
            return
        raise TlsError(_other_names(valid, name)) from None
    addresses = names.get_values_for_type(x509.IPAddress)
    if address in addresses:
        return
    if not addresses:
        raise TlsError(f"cannot validate certificate for {name} because it doesn't contain any IP SANs")
    raise TlsError(_other_names([str(one) for one in addresses], name))


def _other_names(valid: list[str], name: str) -> str:
    return f"certificate is valid for {', '.join(valid)}, not {name}"


def _matches(pattern: str, name: str) -> bool:
    head, _, rest = pattern.partition(".")
    return pattern == name or (head == "*" and bool(rest) and name.partition(".")[2] == rest)


@lru_cache(maxsize=64)
def _roots(pem: bytes) -> tuple[x509.Certificate, ...]:
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError:
        raise TlsError(_NO_PEM) from None


@lru_cache(maxsize=64)
def _check_pair(certificate: bytes, key: bytes) -> None:
    for pem, what in ((certificate, "certificate"), (key, "key")):
        if b"-----BEGIN" not in pem:
            raise TlsError(f"tls: failed to find any PEM data in {what} input")
    try:
        shown = x509.load_pem_x509_certificate(certificate).public_key()
    except ValueError:
        raise TlsError("x509: malformed certificate") from None
    try:
        held = load_pem_private_key(key, None).public_key()
    except (ValueError, TypeError):
        raise TlsError("tls: failed to parse private key") from None
    if shown != held:
        raise TlsError("tls: private key does not match public key")


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
