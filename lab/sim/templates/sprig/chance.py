"""Sprig's functions that depend on time or chance, made repeatable by a clock and a seed.

A real Argo CD gives another result at every rendering, which makes an application OutOfSync for ever; here the same
source gives the same text. What cannot be made repeatable, keys and certificates, is refused by name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ..builtins import GoError
from .borrowed import borrowed

_REFUSED = {
    "bcrypt": "(string) string",
    "genCA": "(string, int) sprig.certificate",
    "genCAWithKey": "(string, int, string) sprig.certificate",
    "genPrivateKey": "(string) string",
    "genSelfSignedCert": "(string, []any, []any, int) sprig.certificate",
    "genSelfSignedCertWithKey": "(string, []any, []any, int, string) sprig.certificate",
    "genSignedCert": "(string, []any, []any, int, sprig.certificate) sprig.certificate",
    "genSignedCertWithKey": "(string, []any, []any, int, sprig.certificate, string) sprig.certificate",
    "htpasswd": "(string, string) string",
}
_LONGEST = 1_000_000


class Chance:
    """A source of bytes that always gives the same for the same seed."""

    def __init__(self, seed: str) -> None:
        self._seed = seed.encode()
        self._block = 0
        self._left = b""

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        if count > _LONGEST:
            raise GoError(f"result is longer than {_LONGEST} characters")
        while len(self._left) < count:
            self._left += hashlib.sha512(self._seed + self._block.to_bytes(8, "big")).digest()
            self._block += 1
        made, self._left = self._left[:count], self._left[count:]
        return made

    def below(self, limit: int) -> int:
        """A number from 0 before `limit`."""
        return int.from_bytes(self.take(8), "big") % limit


def table(now: Callable[[], float], seed: str) -> dict[str, tuple[str, Callable[..., Any]]]:
    """The functions; `now`: seconds since 1970, `seed`: what chance depends on."""
    chance = Chance(seed)

    def clock() -> datetime:
        return datetime.fromtimestamp(now(), UTC)

    def dated(name: str) -> Callable[..., Any]:
        return borrowed(f"dates.{name}", clock=clock)

    def random_int(low: int, high: int) -> int:
        if high <= low:
            raise GoError("invalid argument to Intn")
        return low + chance.below(high - low)

    def letters(alphabet: str) -> Callable[[int], str]:
        def make(count: int) -> str:
            if count > _LONGEST:
                raise GoError(f"result is longer than {_LONGEST} characters")
            return "".join(alphabet[chance.below(len(alphabet))] for _ in range(count))

        return make

    def shuffle(value: str) -> str:
        signs = list(value)
        for place in range(len(signs) - 1, 0, -1):
            other = chance.below(place + 1)
            signs[place], signs[other] = signs[other], signs[place]
        return "".join(signs)

    time = "time.Time"
    lower, digits = "abcdefghijklmnopqrstuvwxyz", "0123456789"
    ascii_signs = "".join(map(chr, range(32, 127)))
    made: dict[str, tuple[str, Callable[..., Any]]] = {
        "ago": ("(any) string", dated("ago")),
        "buildCustomCert": ("(string, string) sprig.certificate", borrowed("crypto.build_custom_certificate_result")),
        "date": ("(string, any) string", dated("date")),
        "dateInZone": ("(string, any, string) string", dated("date_in_zone")),
        "dateModify": (f"(string, {time}) {time}", borrowed("dates.date_modify")),
        "date_in_zone": ("(string, any, string) string", dated("date_in_zone")),
        "date_modify": (f"(string, {time}) {time}", borrowed("dates.date_modify")),
        "decryptAES": ("(string, string) string", borrowed("crypto.decrypt_aes_result")),
        "derivePassword": (
            "(uint32, string, string, string, string) string",
            borrowed("crypto.derive_password_go"),
        ),
        "duration": ("(any) string", borrowed("dates.duration")),
        "durationRound": ("(any) string", dated("duration_round")),
        "encryptAES": ("(string, string) string", borrowed("crypto.encrypt_aes_result", entropy=chance.take)),
        "getHostByName": ("(string) string", lambda _: ""),
        "htmlDate": ("(any) string", dated("html_date")),
        "htmlDateInZone": ("(any, string) string", dated("html_date_in_zone")),
        "mustDateModify": (f"(string, {time}) {time}", borrowed("dates.must_date_modify")),
        "mustToDate": (f"(string, string) {time}", borrowed("dates.must_to_date")),
        "must_date_modify": (f"(string, {time}) {time}", borrowed("dates.must_date_modify")),
        "now": (f"() {time}", dated("now")),
        "randAlpha": ("(int) string", letters(lower + lower.upper())),
        "randAlphaNum": ("(int) string", letters(lower + lower.upper() + digits)),
        "randAscii": ("(int) string", letters(ascii_signs)),
        "randBytes": ("(int) string", borrowed("randoms.rand_bytes_result", entropy=chance.take)),
        "randInt": ("(int, int) int", random_int),
        "randNumeric": ("(int) string", letters(digits)),
        "shuffle": ("(string) string", shuffle),
        "toDate": (f"(string, string) {time}", borrowed("dates.to_date")),
        "unixEpoch": (f"({time}) string", borrowed("dates.unix_epoch")),
        "uuidv4": ("() string", borrowed("randoms.uuid_v4", entropy=chance.take)),
    }
    return made | {name: (signature, _refusal(name)) for name, signature in _REFUSED.items()}


def _refusal(name: str) -> Callable[..., Any]:
    def refuse(*_: Any) -> Any:
        raise GoError(f"the function {name} is not supported by the simulator; use --provider kind")

    return refuse
