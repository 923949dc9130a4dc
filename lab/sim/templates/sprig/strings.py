"""Sprig's functions on strings. Source of the rules: Masterminds/sprig `strings.go` and `functions.go`."""

from __future__ import annotations

import base64
import hashlib
import posixpath
import zlib
from collections.abc import Callable
from typing import Any

from ..builtins import GoError
from ..calls import Function
from ..semver import Version, matches
from ..values import LARGEST, IntList, StringList, StringMap, Struct, checked, quoted, shown
from .borrowed import borrowed, expression

_SPACE = " \t\n\v\f\r\x85\xa0"


def text(value: Any) -> str:
    """Sprig's `strval`: bytes as text, anything else as `%v`."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return shown(checked(value))


def texts(value: Any) -> StringList:
    """Sprig's `strslice`: the texts of a list without its nils, or of a single value."""
    if isinstance(value, (StringList, IntList)):
        return StringList(map(text, value))
    if isinstance(value, (list, tuple)):
        return StringList(text(one) for one in value if one is not None)
    if value is None:
        return StringList()
    return StringList([text(value)])


def limited(size: int) -> None:
    """Raises GoError for a string that would be too long."""
    if size > LARGEST:
        raise GoError(f"result is longer than {LARGEST} characters")


def repeat(count: int, value: str) -> str:
    """`value` written `count` times."""
    if count < 0:
        raise GoError("strings: negative Repeat count")
    limited(count * len(value))
    return value * count


def indent(spaces: int, value: str) -> str:
    """Every line moved to the right."""
    if spaces < 0:
        raise GoError("strings: negative Repeat count")
    limited((value.count("\n") + 1) * spaces + len(value))
    pad = " " * spaces
    return pad + value.replace("\n", "\n" + pad)


def trunc(count: int, value: str) -> str:
    """The first bytes of a string, or for a negative count the last."""
    data = value.encode()
    if count < 0:
        return data[count:].decode(errors="replace") if len(data) + count > 0 else value
    return data[:count].decode(errors="replace") if len(data) > count else value


def substr(start: int, end: int, value: str) -> str:
    """Bytes from `start` to `end`, a negative one meaning the string's own."""
    data = value.encode()
    if start < 0:
        part = data[:end] if 0 <= end <= len(data) else _out_of_range(end, len(data))
    elif end < 0 or end > len(data):
        part = data[start:] if start <= len(data) else _out_of_range(start, len(data))
    else:
        part = data[start:end] if start <= end else _out_of_range(start, end)
    return part.decode(errors="replace")


def _out_of_range(place: int, size: int) -> bytes:
    raise GoError(f"runtime error: slice bounds out of range [{place}:{size}]")


def replace(old: str, new: str, value: str) -> str:
    """Every `old` as `new`."""
    limited(len(value) + (value.count(old) if old else len(value) + 1) * len(new))
    return value.replace(old, new)


def split(separator: str, value: str) -> StringMap:
    """Parts under `_0`, `_1` …"""
    return StringMap((f"_{place}", part) for place, part in enumerate(split_list(separator, value)))


def splitn(separator: str, count: int, value: str) -> StringMap:
    """At most `count` parts under `_0`, `_1` …"""
    if count == 0:
        return StringMap()
    parts = split_list(separator, value) if count < 0 else value.split(separator, count - 1) if separator else [value]
    return StringMap((f"_{place}", part) for place, part in enumerate(parts))


def split_list(separator: str, value: str) -> StringList:
    """Parts as a list."""
    return StringList(value.split(separator) if separator else list(value))


def join(separator: str, value: Any) -> str:
    """The texts of a list with a separator between."""
    parts = texts(checked(value))
    limited(sum(map(len, parts)) + len(separator) * len(parts))
    return separator.join(parts)


def sort_alpha(value: Any) -> StringList:
    """The texts of a list in order."""
    return StringList(sorted(texts(value))) if isinstance(value, (list, tuple)) else StringList([text(value)])


def cat(*values: Any) -> str:
    """Values with a space between, without nils."""
    return " ".join(shown(one) for one in checked(values) if one is not None).strip(_SPACE)


def quote(*values: Any) -> str:
    """Values in double quotes, without nils."""
    return " ".join(quoted(text(one)) for one in checked(values) if one is not None)


def squote(*values: Any) -> str:
    """Values in single quotes, without nils."""
    return " ".join(f"'{shown(one)}'" for one in checked(values) if one is not None)


def trim_prefix(prefix: str, value: str) -> str:
    """Without a prefix, if it has it."""
    return value.removeprefix(prefix)


def trim_suffix(suffix: str, value: str) -> str:
    """Without a suffix, if it has it."""
    return value.removesuffix(suffix)


def untitle(value: str) -> str:
    """Every word with a small first letter."""
    out = []
    start = True
    for sign in value:
        out.append(sign.lower() if start else sign)
        start = sign.isspace()
    return "".join(out)


def nospace(value: str) -> str:
    """Without any white space."""
    return "".join(value.split())


def _digest(name: str) -> Callable[[str], str]:
    return lambda value: hashlib.new(name, value.encode(), usedforsecurity=False).hexdigest()


def b64enc(value: str) -> str:
    """Base 64."""
    return base64.b64encode(value.encode()).decode()


def base_name(value: str) -> str:
    """Go's `path.Base`."""
    stripped = value.rstrip("/")
    if not stripped:
        return "/" if value else "."
    return stripped.rpartition("/")[2]


def clean(value: str) -> str:
    """Go's `path.Clean`."""
    cleaned = posixpath.normpath(value) if value else "."
    return cleaned[1:] if cleaned.startswith("//") else cleaned


def extension(value: str) -> str:
    """Go's `path.Ext`."""
    name = value.rpartition("/")[2]
    return name[name.rindex(".") :] if "." in name else ""


def directory(value: str) -> str:
    """Go's `path.Dir`."""
    return clean(value[: value.rfind("/") + 1])


_wrapped = borrowed("strings.wrap_with")


def _wrap_with(width: int, separator: str, value: str) -> str:
    """Lines of a width with a separator between."""
    limited(len(value) + len(separator) * (len(value) // max(width, 1) + value.count(" ") + 1))
    return str(_wrapped(width, separator, value))


def _semver(value: str) -> Struct:
    """A version with the methods of Go's."""
    found = Version.parse(value)

    def compare(other: Struct) -> int:
        return found.compare(Version.parse(str(other.methods["String"].call())))

    texts_of = {
        "Prerelease": found.prerelease, "Metadata": found.build, "Original": found.original, "String": str(found),
    }  # fmt: skip
    numbers = {"Major": found.major, "Minor": found.minor, "Patch": found.patch}
    methods = {name: Function("() string", lambda made=made: made) for name, made in texts_of.items()}
    methods |= {name: Function("() uint64", lambda made=made: made) for name, made in numbers.items()}
    methods["Compare"] = Function("(*semver.Version) int", compare)
    return Struct("*semver.Version", {}, methods)


def _semver_compare(constraint: str, value: str) -> bool:
    """Whether a version lies in a range."""
    matches(constraint, _SOME)
    return matches(constraint, Version.parse(value))


_SOME = Version(0, 0, 0)
"""For reading a range before the version, as Go does."""


TABLE: dict[str, tuple[str, Callable[..., Any]]] = {
    "abbrev": ("(int, string) string", borrowed("strings.abbrev")),
    "abbrevboth": ("(int, int, string) string", borrowed("strings.abbrevboth")),
    "adler32sum": ("(string) string", lambda value: str(zlib.adler32(value.encode()))),
    "b32dec": ("(string) string", borrowed("strings.b32dec")),
    "b32enc": ("(string) string", lambda value: base64.b32encode(value.encode()).decode()),
    "b64dec": ("(string) string", borrowed("strings.b64dec")),
    "b64enc": ("(string) string", b64enc),
    "base": ("(string) string", base_name),
    "camelcase": ("(string) string", borrowed("strings.camelcase")),
    "cat": ("(...any) string", cat),
    "clean": ("(string) string", clean),
    "contains": ("(string, string) bool", lambda part, value: part in value),
    "dir": ("(string) string", directory),
    "ext": ("(string) string", extension),
    "hasPrefix": ("(string, string) bool", lambda prefix, value: value.startswith(prefix)),
    "hasSuffix": ("(string, string) bool", lambda suffix, value: value.endswith(suffix)),
    "hello": ("() string", lambda: "Hello!"),
    "indent": ("(int, string) string", indent),
    "initials": ("(string) string", borrowed("strings.initials")),
    "isAbs": ("(string) bool", lambda value: value.startswith("/")),
    "join": ("(string, any) string", join),
    "kebabcase": ("(string) string", borrowed("strings.kebabcase")),
    "lower": ("(string) string", str.lower),
    "nindent": ("(int, string) string", lambda spaces, value: "\n" + indent(spaces, value)),
    "nospace": ("(string) string", nospace),
    "osBase": ("(string) string", base_name),
    "osClean": ("(string) string", clean),
    "osDir": ("(string) string", directory),
    "osExt": ("(string) string", extension),
    "osIsAbs": ("(string) bool", lambda value: value.startswith("/")),
    "plural": ("(string, string, int) string", lambda one, many, count: one if count == 1 else many),
    "quote": ("(...any) string", quote),
    "regexFind": ("(string, string) string", expression("regex_find")),
    "regexFindAll": ("(string, string, int) []string", expression("regex_find_all")),
    "regexMatch": ("(string, string) bool", expression("regex_match")),
    "regexQuoteMeta": ("(string) string", borrowed("regex.regex_quote_meta")),
    "regexReplaceAll": ("(string, string, string) string", expression("regex_replace_all")),
    "regexReplaceAllLiteral": ("(string, string, string) string", expression("regex_replace_all_literal")),
    "regexSplit": ("(string, string, int) []string", expression("regex_split")),
    "mustRegexFind": ("(string, string) string", expression("must_regex_find", must=True)),
    "mustRegexFindAll": ("(string, string, int) []string", expression("must_regex_find_all", must=True)),
    "mustRegexMatch": ("(string, string) bool", expression("must_regex_match", must=True)),
    "mustRegexReplaceAll": ("(string, string, string) string", expression("must_regex_replace_all", must=True)),
    "mustRegexReplaceAllLiteral": (
        "(string, string, string) string",
        expression("must_regex_replace_all_literal", must=True),
    ),
    "mustRegexSplit": ("(string, string, int) []string", expression("must_regex_split", must=True)),
    "repeat": ("(int, string) string", repeat),
    "replace": ("(string, string, string) string", replace),
    "semver": ("(string) *semver.Version", _semver),
    "semverCompare": ("(string, string) bool", _semver_compare),
    "sha1sum": ("(string) string", _digest("sha1")),
    "sha256sum": ("(string) string", _digest("sha256")),
    "sha512sum": ("(string) string", _digest("sha512")),
    "snakecase": ("(string) string", borrowed("strings.snakecase")),
    "sortAlpha": ("(any) []string", sort_alpha),
    "split": ("(string, string) map[string]string", split),
    "splitList": ("(string, string) []string", split_list),
    "splitn": ("(string, int, string) map[string]string", splitn),
    "squote": ("(...any) string", squote),
    "substr": ("(int, int, string) string", substr),
    "swapcase": ("(string) string", borrowed("strings.swapcase")),
    "title": ("(string) string", borrowed("strings.title")),
    "toString": ("(any) string", text),
    "toStrings": ("(any) []string", texts),
    "trim": ("(string) string", lambda value: value.strip(_SPACE)),
    "trimAll": ("(string, string) string", lambda signs, value: value.strip(signs) if signs else value),
    "trimall": ("(string, string) string", lambda signs, value: value.strip(signs) if signs else value),
    "trimPrefix": ("(string, string) string", trim_prefix),
    "trimSuffix": ("(string, string) string", trim_suffix),
    "trunc": ("(int, string) string", trunc),
    "untitle": ("(string) string", untitle),
    "upper": ("(string) string", str.upper),
    "urlJoin": ("(map[string]any) string", borrowed("url.url_join")),
    "urlParse": ("(string) map[string]any", borrowed("url.url_parse")),
    "wrap": ("(int, string) string", borrowed("strings.wrap")),
    "wrapWith": ("(int, string, string) string", _wrap_with),
}
