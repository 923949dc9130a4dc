"""Hostile requests as `data/hostile/*.yaml` lists them, and what a real server said to each (`real.json`).

A file holds `defaults` and `cases`. A case: `name`, `method`, `path`, `headers`, the body as `body` (text), `hex`,
`repeat` ([before, unit, times, after]), `gzip` (text) or `proto` ({version, kind, and one of these for the message});
`send` instead of all that: the request byte for byte. `as`: `admin`, `visitor` (a service account that may do nothing)
or `nobody`. Expected: `code`, `reason`, `says` (part of the message); `differs`: why a real server answers otherwise.
"""

from __future__ import annotations

import gzip
import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import yaml

from lab.sim.api.status import NothingThere
from tests.sim.serving import Answer, wire

DATA = Path(__file__).parent / "data" / "hostile"
REAL = DATA / "real.json"
CRASH = "the simulator failed"


@dataclass
class Hostile:
    name: str
    said: dict[str, Any]

    @property
    def user(self) -> str:
        return str(self.said.get("as", "admin"))

    @property
    def method(self) -> str:
        if "send" in self.said:
            return str(self.said["send"]).split(" ", 1)[0]
        return str(self.said.get("method", "GET"))

    def request(self, token: str = "") -> bytes:
        if "send" in self.said:
            said = str(self.said["send"]).replace("@LONG@", "a" * 100_000).replace("@MANY@", "A: b\n" * 20_000)
            return said.replace("\n", "\r\n").encode() + (content(self.said) or b"")
        headers = [(name, str(value)) for name, value in self.said.get("headers", {}).items()]
        headers = [(name, _long(value)) for name, value in headers if value != "-"]
        if token:
            headers.append(("Authorization", f"Bearer {token}"))
        return wire(self.method, _long(self.said["path"]), headers, content(self.said))

    def wrong(self, answer: Answer) -> str:
        """What is wrong with an answer; "" for nothing."""
        text = answer.body.decode(errors="replace")
        found = f"{answer.code} {answer.reason}: {text[:200]}"
        if "Traceback" in text or 'File "' in text:
            return f"a trace: {found}"
        plain = answer.code == 404 and text == NothingThere.TEXT
        if answer.code >= 400 and not plain and answer.status.get("code") != answer.code and self.method != "HEAD":
            return f"no Status: {found}"
        if answer.code != self.said["code"] or answer.reason != self.said.get("reason", ""):
            return f"expected {self.said['code']} {self.said.get('reason', '')}, found {found}"
        if CRASH in text:
            return f"a crash: {found}"
        if self.said.get("says", "") not in answer.message:
            return f"expected {self.said['says']!r} in {found}"
        return ""


def content(said: dict[str, Any]) -> bytes | None:
    """The body."""
    if "body" in said:
        return str(said["body"]).encode("utf-8", "surrogatepass")
    if "hex" in said:
        return bytes.fromhex(said["hex"])
    if "repeat" in said:
        before, unit, times, after = said["repeat"]
        return (before + unit * times + after).encode()
    if "nested" in said:
        before, opening, times, middle, closing, after = said["nested"]
        return str(before + opening * times + middle + closing * times + after).encode()
    if "gzip" in said:
        return gzip.compress(str(said["gzip"]).encode())
    if "proto" in said:
        kind = said["proto"]
        head = _field(1, _field(1, kind["version"].encode()) + _field(2, kind["kind"].encode()))
        return b"k8s\x00" + head + _field(2, content(kind) or b"")
    return None


def _field(number: int, data: bytes) -> bytes:
    size, made = len(data), b""
    while size > 0x7F:
        made += bytes((size & 0x7F | 0x80,))
        size >>= 7
    return struct.pack("B", number << 3 | 2) + made + bytes((size,)) + data


def _long(text: str) -> str:
    """`{x*300}` stands for 300 letters x."""
    before, brace, rest = text.partition("{")
    unit, star, tail = rest.partition("*")
    times, end, after = tail.partition("}")
    if not (brace and star and end and times.isdigit()):
        return text
    return before + unit * int(times) + _long(after)


@cache
def families() -> dict[str, list[Hostile]]:
    """Every case by the name of its file."""
    found = {}
    for path in sorted(DATA.glob("*.yaml")):
        read = yaml.safe_load(path.read_text())
        defaults = read.get("defaults", {})
        made = []
        for one in read["cases"]:
            headers = {**defaults.get("headers", {}), **one.get("headers", {})}
            made.append(Hostile(one["name"], {**defaults, **one, "headers": headers}))
        names = [one.name for one in made]
        assert len(set(names)) == len(names), f"{path.name}: a name stands twice"
        found[path.stem] = made
    return found


@cache
def real() -> dict[str, dict[str, Any]]:
    """`FAMILY/NAME` → {code, reason, message} of a real server."""
    return dict(orjson.loads(REAL.read_bytes())) if REAL.exists() else {}
