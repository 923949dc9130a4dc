"""Protobuf bodies: what kubectl sends and every kind's fields, as Kubernetes' own Go types read them; and hostile ones.

The data is made by `record_protobuf.py`.
"""

from __future__ import annotations

import base64
import json
import lzma
import random
import time
from pathlib import Path
from typing import Any

import pytest

from lab.sim.api import protobuf
from lab.sim.api.kinds import BUILT_IN
from lab.sim.api.protobuf.messages import of_kind
from lab.sim.api.status import ApiError

DATA = Path(__file__).parent / "data" / "protobuf"
KUBECTL = [json.loads(line) for line in (DATA / "kubectl.jsonl").read_text().splitlines()]
KINDS = [json.loads(line) for line in lzma.decompress((DATA / "kinds.jsonl.xz").read_bytes()).splitlines()]
CRD = "apiextensions.k8s.io/v1", "CustomResourceDefinition"


def without_null(value: Any) -> Any:
    """Go writes null for what is not there; a request may as well leave it out."""
    if isinstance(value, dict):
        return {key: without_null(one) for key, one in value.items() if one is not None}
    return [without_null(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("case", KUBECTL, ids=[case["command"] for case in KUBECTL])
def test_what_kubectl_sends(case: dict[str, Any]) -> None:
    assert protobuf.decode(base64.b64decode(case["body"])) == without_null(case["json"])


@pytest.mark.parametrize("index", range(len(KINDS)))
def test_every_field_of_every_kind(index: int) -> None:
    case = KINDS[index]
    decoded = protobuf.decode(base64.b64decode(case["body"]))
    assert decoded == without_null(case["json"])
    assert json.loads(json.dumps(decoded)) == decoded


def test_every_built_in_kind_has_a_message() -> None:
    assert [row for row in BUILT_IN if of_kind(row.api_version, row.kind) is None] == []


def test_kubectls_generators_are_all_there() -> None:
    kinds = {case["kind"] for case in KUBECTL}
    assert kinds >= {
        "Namespace",
        "Deployment",
        "Secret",
        "ConfigMap",
        "ResourceQuota",
        "Role",
        "RoleBinding",
        "ClusterRole",
        "ClusterRoleBinding",
        "ServiceAccount",
        "TokenRequest",
        "Service",
        "Job",
        "CronJob",
        "Ingress",
        "PodDisruptionBudget",
        "PriorityClass",
        "HorizontalPodAutoscaler",
        "SelfSubjectAccessReview",
        "SelfSubjectRulesReview",
        "SelfSubjectReview",
        "CertificateSigningRequest",
    }


def varint(number: int) -> bytes:
    made = b""
    while number > 0x7F:
        made += bytes([number & 0x7F | 0x80])
        number >>= 7
    return made + bytes([number])


def field(number: int, content: bytes | int | str) -> bytes:
    """One field: a number as varint, the rest with its length."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content


def body(raw: bytes, kind: str = "Pod", api_version: str = "v1") -> bytes:
    return protobuf.MAGIC + field(1, field(1, api_version) + field(2, kind)) + field(2, raw)


def decoded(raw: bytes, kind: str = "Pod", api_version: str = "v1") -> dict[str, Any]:
    return protobuf.decode(body(raw, kind, api_version))


def test_kind_and_version_may_come_from_the_path() -> None:
    given = protobuf.MAGIC + field(2, field(1, field(1, "a")))
    assert protobuf.decode(given, "v1", "ConfigMap") == {
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {"name": "a"},
    }
    with pytest.raises(ApiError, match="Object 'Kind' is missing"):
        protobuf.decode(given)


def test_options_are_known_in_every_group_version() -> None:
    options = field(1, 0) + field(4, "Foreground") + field(2, field(1, "u"))
    for version in ("v1", "apps/v1", "meta.k8s.io/v1"):
        assert decoded(options, "DeleteOptions", version) == {
            "kind": "DeleteOptions",
            "apiVersion": version,
            "gracePeriodSeconds": 0,
            "propagationPolicy": "Foreground",
            "preconditions": {"uid": "u"},
        }


def test_what_other_encoders_do() -> None:
    """Fields out of order, parts of one message in two places, unknown fields of each wire type, groups, no zeros."""
    unknown = varint(999 << 3 | 1) + bytes(8) + varint(999 << 3 | 5) + bytes(4) + field(999, 1) + field(999, b"x")
    group = varint(998 << 3 | 3) + field(1, 5) + varint(997 << 3 | 3) + varint(997 << 3 | 4) + varint(998 << 3 | 4)
    raw = field(2, field(2, field(1, "c"))) + unknown + field(1, field(1, "a")) + group + field(1, field(3, "n"))
    assert decoded(raw) == {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"name": "a", "namespace": "n"},
        "spec": {"containers": [{"name": "c"}]},
    }


def test_a_later_value_wins_and_an_empty_one_takes_away() -> None:
    assert decoded(field(1, field(1, "a") + field(1, "b")))["metadata"] == {"name": "b"}
    assert decoded(field(1, field(1, "a") + field(1, "")))["metadata"] == {}


def test_numbers_in_one_piece_or_many() -> None:
    packed = field(4, varint(1000) + varint(2000))
    single = field(4, 1000) + field(4, 2000)
    for groups in (packed, single):
        raw = field(2, field(14, groups))
        assert decoded(raw)["spec"]["securityContext"] == {"supplementalGroups": [1000, 2000]}


def test_negative_numbers_and_overlong_ones() -> None:
    minus = (1 << 64) - 3
    assert decoded(field(2, field(14, field(2, minus))))["spec"]["securityContext"] == {"runAsUser": -3}
    assert decoded(field(2, field(25, minus)))["spec"] == {"priority": -3}


def test_entries_of_maps_may_leave_out_what_is_empty() -> None:
    labels = field(11, field(1, "a")) + field(11, field(2, "b")) + field(11, b"")
    assert decoded(field(1, labels))["metadata"] == {"labels": {"a": "", "": ""}}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (b"", "does not appear to be a protobuf message"),
        (b'{"kind":"Pod"}', "does not appear to be a protobuf message"),
        (protobuf.MAGIC, "Object 'Kind' is missing"),
        (protobuf.MAGIC + field(1, field(2, "Pod")), "Object 'apiVersion' is missing"),
        (body(b"", "Nothing"), 'no kind "Nothing" is registered for version "v1"'),
        (body(b"", "Pod", "v2"), 'no kind "Pod" is registered for version "v2"'),
        (body(b"", "Time", "meta.k8s.io/v1"), 'no kind "Time"'),
        (body(b"", "Verbs"), 'no kind "Verbs"'),
        (body(b"\x0a\x05a"), 'Pod in version "v1" cannot be handled as a Pod: unexpected EOF'),
        (body(b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "unexpected EOF"),
        (body(b"\xff" * 12), "integer overflow"),
        (body(b"\x80"), "unexpected EOF"),
        (body(b"\x00"), "illegal tag 0"),
        (body(b"\x0c"), "wrong wireType = 4 for field metadata"),
        (body(b"\x08\x01"), "wrong wireType = 0 for field metadata"),
        (body(varint(999 << 3 | 7)), "illegal wireType 7"),
        (body(varint(999 << 3 | 3)), "unexpected EOF"),
        (body(varint(999 << 3 | 3) * 100), "nested too deeply"),
        (body(field(1, field(1, b"\xff"))), "invalid UTF-8"),
        (body(field(1, field(8, field(1, 1 << 62)))), "outside of years 1 to 9999"),
        (body(field(1, field(17, field(7, field(1, "{"))))), "cannot be handled"),
        (body(field(1, field(17, field(7, field(1, "[" * 300 + "]" * 300))))), "nested too deeply"),
        (body(field(3, b"") + field(2, field(3, b"x")), "ControllerRevision", "apps/v1"), "cannot be handled"),
    ],
)
def test_what_is_refused(given: bytes, expected: str) -> None:
    with pytest.raises(ApiError) as refused:
        protobuf.decode(given)
    assert (refused.value.code, refused.value.reason) == (400, "BadRequest")
    assert expected in refused.value.message


def test_messages_may_be_nested_so_deep_and_no_deeper() -> None:
    def nested(levels: int) -> bytes:
        schema = field(5, "object")
        for _ in range(levels):
            schema = field(28, schema)
        version = field(1, "v1") + field(4, field(1, schema))
        return field(2, field(7, version))

    found = decoded(nested(40), CRD[1], CRD[0])
    assert found["spec"]["versions"][0]["name"] == "v1"
    with pytest.raises(ApiError, match="nested too deeply"):
        decoded(nested(80), CRD[1], CRD[0])
    with pytest.raises(ApiError, match="nested too deeply"):
        decoded(nested(3000), CRD[1], CRD[0])


def test_time_grows_with_the_size_of_the_body_and_no_faster() -> None:
    def seconds(count: int) -> float:
        entry = field(11, field(1, "key") + field(2, "value"))
        given = body(field(1, entry * count + field(1, "a") * count) + field(1, field(14, "f")) * count)
        begun = time.perf_counter()
        protobuf.decode(given)
        return time.perf_counter() - begun

    small = min(seconds(2_000) for _ in range(5))
    assert min(seconds(32_000) for _ in range(2)) < small * 16 * 4


def test_broken_bodies_are_never_anything_but_refused() -> None:
    """20,000 fixtures with bytes changed, cut out, doubled or put in: an object or a 400, nothing else."""
    chance = random.Random(20261123)
    bodies = [base64.b64decode(case["body"]) for case in KUBECTL]
    bodies += [one for one in (base64.b64decode(case["body"]) for case in KINDS) if len(one) < 3000]
    refused = 0
    codes: set[int] = set()
    for _ in range(20_000):
        broken = bytearray(chance.choice(bodies))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(broken))
            what = chance.randrange(5)
            if what == 0:
                broken[at] = chance.randrange(256)
            elif what == 1:
                del broken[at : at + chance.randint(1, 9)]
            elif what == 2:
                broken[at:at] = broken[at : at + chance.randint(1, 9)]
            elif what == 3:
                broken[at:at] = chance.randbytes(chance.randint(1, 9))
            else:
                broken[at] ^= 1 << chance.randrange(8)
            if not broken:
                broken = bytearray(b"k")
        try:
            found = protobuf.decode(bytes(broken))
        except ApiError as error:
            codes.add(error.code)
            refused += 1
        else:
            assert isinstance(found, dict)
            assert isinstance(found["kind"], str)
            json.dumps(found, allow_nan=False)
    assert codes == {400}
    assert 5_000 < refused < 20_000
