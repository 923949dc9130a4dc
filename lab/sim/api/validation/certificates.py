"""CertificateSigningRequests.

Source: Kubernetes `pkg/apis/certificates/validation/validation.go`, `pkg/apis/core/validation/names.go`.
"""

from __future__ import annotations

import base64
import binascii

from cryptography import x509

from lab.sim.api.resources import Object
from lab.sim.api.validation import names
from lab.sim.api.validation.causes import (
    Wrong,
    duplicate,
    forbidden_field,
    invalid_value,
    not_supported,
    one_of,
    present,
    same,
)

_USAGES = (
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
)
_DECISIONS = ("Approved", "Denied", "Failed")


def request(wrong: Wrong, obj: Object) -> None:
    """A CertificateSigningRequest."""
    spec = obj.get("spec") or {}
    problem = _problem(spec.get("request") or "")
    if problem:
        wrong.append(invalid_value("spec.request", spec.get("request") or None, problem))
    usages = spec.get("usages") or []
    present(wrong, "spec.usages", usages)
    for index, one in enumerate(usages):
        if one not in _USAGES:
            wrong.append(not_supported(f"spec.usages[{index}]", one, _USAGES))
    for index, one in enumerate(usages):
        if one in usages[:index]:
            wrong.append(duplicate(f"spec.usages[{index}]", one))
    _signer(wrong, "spec.signerName", spec.get("signerName") or "")
    seconds = spec.get("expirationSeconds")
    if seconds is not None and seconds < 600:
        said = "may not specify a duration less than 600 seconds (10 minutes)"
        wrong.append(invalid_value("spec.expirationSeconds", seconds, said))
    _conditions(wrong, (obj.get("status") or {}).get("conditions") or [])


def _problem(text: str) -> str:
    """What is wrong with the PEM block in a request; "" for nothing."""
    try:
        pem = base64.b64decode(text, validate=True)
    except binascii.Error:
        return ""
    if b"-----BEGIN CERTIFICATE REQUEST-----" not in pem and b"-----BEGIN NEW CERTIFICATE REQUEST-----" not in pem:
        return "PEM block type must be CERTIFICATE REQUEST"
    try:
        fine = x509.load_pem_x509_csr(pem).is_signature_valid
    except (ValueError, TypeError):
        return "asn1: structure error: malformed certificate request"
    return "" if fine else "x509: signature is not valid"


def _signer(wrong: Wrong, path: str, name: str) -> None:
    if name == "kubernetes.io/legacy-unknown":
        wrong.append(invalid_value(path, name, "the legacy signerName is not allowed via this API version"))
        return
    if not present(wrong, path, name):
        return
    if name.count("/") != 1:
        said = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
        wrong.append(invalid_value(path, name, said))
        return
    domain, _, rest = name.partition("/")
    for whole, rule in ((domain, names.dns_label), (rest, names.dns_subdomain)):
        broken = next((part for part in whole.split(".") if rule(part)), None)
        if broken is not None:
            for message in rule(broken):
                wrong.append(invalid_value(path, whole, f'validating label "{broken}": {message}'))
        if whole is domain and "." not in domain:
            said = "should be a domain with at least two segments separated by dots"
            wrong.append(invalid_value(path, domain, said))


def _conditions(wrong: Wrong, values: list[Object]) -> None:
    path = "status.conditions"
    seen: set[str] = set()
    for index, one in enumerate(values):
        kind = one.get("type") or ""
        present(wrong, f"{path}[{index}].type", kind)
        allowed = ("True",) if kind in _DECISIONS else ("False", "True", "Unknown")
        one_of(wrong, f"{path}[{index}].status", one.get("status"), allowed, needed=True)
        if kind in ("Approved", "Denied") and seen & ({"Approved", "Denied"} - {kind}):
            wrong.append(invalid_value(path, kind, "Approved and Denied conditions are mutually exclusive"))
        if kind in seen:
            wrong.append(duplicate(f"{path}[{index}].type", kind))
        seen.add(kind)


def changed_request(wrong: Wrong, new: Object, old: Object, subresource: str = "") -> None:
    """A request in place of another: decisions stay and come through `approval`, the certificate through `status`."""
    request(wrong, new)
    after, before = new.get("status") or {}, old.get("status") or {}
    for kind in _DECISIONS:
        now, was = (
            [one for one in each.get("conditions") or () if one.get("type") == kind] for each in (after, before)
        )
        if len(now) < len(was):
            said = f'updates may not remove a condition of type "{kind}"'
            wrong.append(forbidden_field("status.conditions", said))
        elif kind != "Failed" and subresource != "approval" and not same(now, was):
            verb = "add" if len(now) > len(was) else "modify"
            said = f'updates may not {verb} a condition of type "{kind}"'
            wrong.append(forbidden_field("status.conditions", said))
    if after.get("certificate") != before.get("certificate"):
        if subresource != "status":
            wrong.append(forbidden_field("status.certificate", "updates may not set certificate content"))
        elif before.get("certificate"):
            said = "updates may not modify existing certificate content"
            wrong.append(forbidden_field("status.certificate", said))
