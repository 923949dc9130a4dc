"""A cluster's authority, its certificates, and the kubeconfig that carries them."""

from __future__ import annotations

import base64
import ssl
from ipaddress import ip_address
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.sim import kubeconfig
from lab.sim.certificates import DAY, Authority, NotSigned, Pair
from lab.sim.clock import ManualClock, SystemClock


def read(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)


def request(subject: dict[x509.ObjectIdentifier, str], names: tuple[str, ...] = ()) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(kind, value) for kind, value in subject.items()])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), False)
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM)


ALICE = {NameOID.ORGANIZATION_NAME: "dev", NameOID.COMMON_NAME: "alice"}
KUBELET = {NameOID.ORGANIZATION_NAME: "system:nodes", NameOID.COMMON_NAME: "system:node:n"}
CLIENT = "kubernetes.io/kube-apiserver-client"


def test_a_real_handshake_succeeds_and_tells_the_client(tmp_path: Path) -> None:
    authority = Authority.create("kubernetes", SystemClock())
    sides = {}
    for side, pair in (
        ("server", authority.server(["lab-hub-control-plane"])),
        ("client", authority.client("al", ["g"])),
    ):
        path = tmp_path / side
        path.write_bytes(pair.certificate + pair.key)
        protocol = ssl.PROTOCOL_TLS_SERVER if side == "server" else ssl.PROTOCOL_TLS_CLIENT
        context = sides[side] = ssl.SSLContext(protocol)
        context.load_verify_locations(cadata=authority.pair.certificate.decode())
        context.load_cert_chain(path)
    sides["server"].verify_mode = ssl.CERT_REQUIRED
    for name in ("127.0.0.1", "localhost", "kubernetes.default.svc", "lab-hub-control-plane"):
        seen = handshake(sides["server"], sides["client"], name)
        assert seen is not None
        assert (("commonName", "al"),) in seen["subject"]
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(sides["server"], sides["client"], "elsewhere.example")


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> dict[str, tuple[object, ...]] | None:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = server.wrap_bio(to_server, to_client, server_side=True)
    there = client.wrap_bio(to_client, to_server, server_hostname=name)
    for _ in range(5):
        for side in (there, here):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return here.getpeercert()  # type: ignore[return-value]


def test_the_authority_outlives_its_leaves_and_its_process() -> None:
    clock = ManualClock()
    first = Authority.create("kubernetes", clock)
    again = Authority.load(first.pair, clock)
    leaf = read(again.client("alice", ["dev", "ops"], 3600).certificate)
    leaf.verify_directly_issued_by(read(first.pair.certificate))
    assert again.fingerprint == first.fingerprint
    assert again.fingerprint.startswith("sha256:")
    assert [one.value for one in leaf.subject] == ["dev", "ops", "alice"]
    assert leaf.not_valid_after_utc.timestamp() == clock.now() + 3600
    assert leaf.not_valid_before_utc.timestamp() < clock.now()
    whole = read(first.pair.certificate)
    assert whole.not_valid_after_utc.timestamp() == clock.now() + 3650 * DAY
    assert whole.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_a_key_of_somebody_else_is_not_loaded() -> None:
    clock = ManualClock()
    first, second = Authority.create("a", clock), Authority.create("b", clock)
    with pytest.raises(ValueError, match="does not belong"):
        Authority.load(Pair(first.pair.certificate, second.pair.key), clock)


async def test_no_leaf_outlives_the_authority() -> None:
    clock = ManualClock()
    authority = Authority.create("kubernetes", clock)
    await clock.advance(3649 * DAY)
    leaf = read(authority.client("alice", []).certificate)
    assert leaf.not_valid_after_utc == read(authority.pair.certificate).not_valid_after_utc


def test_server_and_client_certificates_are_not_interchangeable() -> None:
    authority = Authority.create("kubernetes", ManualClock())
    server, client = (read(one.certificate) for one in (authority.server(["10.1.2.3", "extra"]), authority.client()))
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert ip_address("10.1.2.3") in names.get_values_for_type(x509.IPAddress)
    assert "extra" in names.get_values_for_type(x509.DNSName)
    usages = [one.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value for one in (server, client)]
    assert [list(one) for one in usages] == [[ExtendedKeyUsageOID.SERVER_AUTH], [ExtendedKeyUsageOID.CLIENT_AUTH]]
    assert [one.value for one in client.subject] == ["kubeadm:cluster-admins", "kubernetes-admin"]


def test_a_request_is_signed_for_its_own_key_and_subject() -> None:
    clock = ManualClock()
    authority = Authority.create("kubernetes", clock)
    asked = request(ALICE)
    made = read(authority.sign(asked, CLIENT, ["digital signature", "client auth"], 7200))
    made.verify_directly_issued_by(read(authority.pair.certificate))
    csr = x509.load_pem_x509_csr(asked)
    assert made.public_key() == csr.public_key()
    assert made.subject == csr.subject
    assert made.not_valid_after_utc.timestamp() == clock.now() + 7200
    assert made.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def broken() -> bytes:
    der = bytearray(x509.load_pem_x509_csr(request(ALICE)).public_bytes(Encoding.DER))
    der[-1] ^= 1
    return b"-----BEGIN CERTIFICATE REQUEST-----\n%s-----END CERTIFICATE REQUEST-----\n" % base64.encodebytes(
        bytes(der)
    )


@pytest.mark.parametrize(
    ("asked", "signer", "usages", "text"),
    [
        (b"nonsense", CLIENT, ["client auth"], "unable to parse"),
        (broken(), CLIENT, ["client auth"], "csr"),
        (request(ALICE), CLIENT, ["digital signature"], "missing required usage for client certificate: client auth"),
        (request(ALICE), CLIENT, ["client auth", "cert sign"], "invalid usage for client certificate: cert sign"),
        (request(ALICE), f"{CLIENT}-kubelet", ["client auth", "digital signature"], "organization is not system:nodes"),
        (request(KUBELET, ("n",)), f"{CLIENT}-kubelet", ["client auth", "digital signature"], "are not allowed"),
        (request(KUBELET), "kubernetes.io/kubelet-serving", ["server auth", "digital signature"], "is required"),
    ],
    ids=["nonsense", "broken", "usage missing", "usage", "kubelet's organization", "kubelet's names", "no name"],
)
def test_what_a_signer_refuses(asked: bytes, signer: str, usages: list[str], text: str) -> None:
    with pytest.raises(NotSigned, match=text):
        Authority.create("kubernetes", ManualClock()).sign(asked, signer, usages)


def test_a_kubeconfig_carries_certificate_and_key() -> None:
    authority = Authority.create("kubernetes", ManualClock())
    client = authority.client("alice", ["dev"])
    text = kubeconfig.with_certificate(
        6443, authority.pair.certificate, client, name="kind-hub", context="hub", user="alice", namespace="shop"
    )
    read_back = yaml.safe_load(text)
    cluster, user = read_back["clusters"][0], read_back["users"][0]
    assert read_back["current-context"] == "hub"
    assert read_back["contexts"] == [
        {"name": "hub", "context": {"cluster": "kind-hub", "user": "alice", "namespace": "shop"}}
    ]
    assert (cluster["name"], cluster["cluster"]["server"]) == ("kind-hub", "https://127.0.0.1:6443")
    assert base64.b64decode(cluster["cluster"]["certificate-authority-data"]) == authority.pair.certificate
    assert base64.b64decode(user["user"]["client-certificate-data"]) == client.certificate
    key = load_pem_private_key(base64.b64decode(user["user"]["client-key-data"]), None)
    assert key.public_key() == read(client.certificate).public_key()


def test_a_kubeconfig_with_a_token_names_all_three_alike_unless_told() -> None:
    text = kubeconfig.with_token(1, b"ca", "secret", name="hub")
    read_back = yaml.safe_load(text)
    assert read_back["users"] == [{"name": "hub", "user": {"token": "secret"}}]
    assert read_back["contexts"] == [{"name": "hub", "context": {"cluster": "hub", "user": "hub"}}]
