"""Makes `lab/sim/api/protobuf/messages.txt`, the field numbers of Kubernetes' protobuf messages.

Usage: `python -m tests.sim.make_messages GO_MODULES > lab/sim/api/protobuf/messages.txt`, where GO_MODULES is a module
cache with the modules of `SOURCES` under `k8s.io/`. Numbers and types come from the `generated.proto` files; the JSON
names, and what JSON leaves out when it is empty, from the tags of the Go types beside them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

API, MACHINERY, EXTENSIONS, AGGREGATOR = (
    "api@v0.36.1",
    "apimachinery@v0.36.1",
    "apiextensions-apiserver@v0.36.1",
    "kube-aggregator@v0.34.4",
)
SOURCES: tuple[tuple[str, str, str], ...] = (
    # Short package name in the table, apiVersion, folder.
    ("resource", "-", f"{MACHINERY}/pkg/api/resource"),
    ("intstr", "-", f"{MACHINERY}/pkg/util/intstr"),
    ("runtime", "-", f"{MACHINERY}/pkg/runtime"),
    ("meta", "meta.k8s.io/v1", f"{MACHINERY}/pkg/apis/meta/v1"),
    ("core", "v1", f"{API}/core/v1"),
    ("admissionregistration", "admissionregistration.k8s.io/v1", f"{API}/admissionregistration/v1"),
    ("apiextensions", "apiextensions.k8s.io/v1", f"{EXTENSIONS}/pkg/apis/apiextensions/v1"),
    ("apiregistration", "apiregistration.k8s.io/v1", f"{AGGREGATOR}/pkg/apis/apiregistration/v1"),
    ("apps", "apps/v1", f"{API}/apps/v1"),
    ("authentication", "authentication.k8s.io/v1", f"{API}/authentication/v1"),
    ("authorization", "authorization.k8s.io/v1", f"{API}/authorization/v1"),
    ("autoscaling1", "autoscaling/v1", f"{API}/autoscaling/v1"),
    ("autoscaling2", "autoscaling/v2", f"{API}/autoscaling/v2"),
    ("batch", "batch/v1", f"{API}/batch/v1"),
    ("certificates", "certificates.k8s.io/v1", f"{API}/certificates/v1"),
    ("coordination", "coordination.k8s.io/v1", f"{API}/coordination/v1"),
    ("discovery", "discovery.k8s.io/v1", f"{API}/discovery/v1"),
    ("events", "events.k8s.io/v1", f"{API}/events/v1"),
    ("networking", "networking.k8s.io/v1", f"{API}/networking/v1"),
    ("node", "node.k8s.io/v1", f"{API}/node/v1"),
    ("policy", "policy/v1", f"{API}/policy/v1"),
    ("rbac", "rbac.authorization.k8s.io/v1", f"{API}/rbac/v1"),
    ("scheduling", "scheduling.k8s.io/v1", f"{API}/scheduling/v1"),
    ("storage", "storage.k8s.io/v1", f"{API}/storage/v1"),
)

_PACKAGE = re.compile(r"^package ([\w.]+);", re.M)
_MESSAGE = re.compile(r"^message (\w+) \{\n(.*?)^\}", re.M | re.S)
_FIELD = re.compile(r"^  (?:(optional|repeated|required) )?(map<string, *[\w.]+>|[\w.]+) (\w+) = (\d+)", re.M)
_STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.M | re.S)
_LISTS = re.compile(r"^type (\w+) \[\]", re.M)
_TAGGED = re.compile(r'^\t(?:\w+\s+)?(\S+)\s+`json:"([^"]*)"[^`\n]*?protobuf:"\w+,(\d+)[^"]*"', re.M)
_SCALARS = {
    "string": "s",
    "bytes": "b",
    "bool": "t",
    "int32": "i",
    "int64": "l",
    "uint32": "u",
    "uint64": "U",
    "double": "d",
}


def _tags(folder: Path) -> tuple[dict[tuple[str, int], tuple[str, str]], set[str]]:
    """For (message, number) the Go type and JSON tag; and the names of types that are lists."""
    tags: dict[tuple[str, int], tuple[str, str]] = {}
    lists: set[str] = set()
    for source in sorted(folder.glob("*.go")):
        if source.name.startswith(("generated", "zz_generated")) or source.name.endswith("_test.go"):
            continue
        text = source.read_text()
        lists.update(_LISTS.findall(text))
        for name, body in _STRUCT.findall(text):
            for go_type, tag, number in _TAGGED.findall(body):
                tags[name, int(number)] = (go_type, tag)
    return tags, lists


def _fields(
    message: str, body: str, tags: dict[tuple[str, int], tuple[str, str]], names: dict[str, str], home: str
) -> Iterator[str]:
    for label, kind, proto_name, number in _FIELD.findall(body):
        go_type, tag = tags.get((message, int(number)), ("", proto_name))
        name, *options = tag.split(",")
        name = proto_name if name in ("", "-") else name
        mapped = kind.startswith("map<")
        plain = kind[4:-1].split(",")[1].strip() if mapped else kind
        code = "r" if proto_name.lower() == "raw" else _SCALARS.get(plain) or _named(plain, names, home)
        if mapped:
            code = f"%{code}"
        elif label == "repeated":
            code = f"*{code}"
        elif "inline" in options:
            name, code = proto_name, f"+{code}"
        elif plain in _SCALARS and "omitempty" in options and not go_type.startswith("*"):
            code = f"?{code}"
        yield f"{number} {name} {code}"


def _named(kind: str, names: dict[str, str], home: str) -> str:
    package, _, name = kind.lstrip(".").rpartition(".")
    return f"{names[package] if package else home}.{name}"


def main(cache: Path) -> None:
    """Print the table."""
    texts = {short: (cache / "k8s.io" / folder / "generated.proto").read_text() for short, _, folder in SOURCES}
    names = {_PACKAGE.findall(text)[0]: short for short, text in texts.items()}
    print("# Made by tests/sim/make_messages.py; not edited by hand.")
    for short, api_version, folder in SOURCES:
        tags, lists = _tags(cache / "k8s.io" / folder)
        print(f"[{short} {api_version}]")
        for message, body in _MESSAGE.findall(texts[short]):
            fields = ",".join(_fields(message, body, tags, names, short))
            print(f"{message}={'@' if message in lists else ''}{fields}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
