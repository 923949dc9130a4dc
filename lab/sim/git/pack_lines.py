"""git's pkt-lines: four hexadecimal digits of length, then that much text; 0000 flushes and 0001 delimits.

Source: git's `Documentation/gitprotocol-common.txt`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Final

FLUSH: Final = b"0000"
DELIMITER: Final = b"0001"
LONGEST = 65520
"""Bytes of the longest pkt-line, its length included."""


class ProtocolError(ValueError):
    """The other side does not speak git's protocol."""


class Mark:
    """A special pkt-line; there are two."""


FLUSHED: Final = Mark()
DELIMITED: Final = Mark()


def line(content: bytes) -> bytes:
    """A pkt-line that holds `content`."""
    if len(content) + 4 > LONGEST:
        raise ProtocolError("the line is too long")
    return b"%04x%s" % (len(content) + 4, content)


def read_line(stream: IO[bytes]) -> bytes | Mark | None:
    """The next pkt-line without its final newline, a mark, or None at the end. Raises ProtocolError."""
    head = stream.read(4)
    if not head:
        return None
    try:
        size = int(head, 16) if len(head) == 4 and head.isalnum() else -1
    except ValueError:
        size = -1
    if size == 0:
        return FLUSHED
    if size == 1:
        return DELIMITED
    if not 4 <= size <= LONGEST:
        raise ProtocolError("bad line length")
    content = stream.read(size - 4)
    if len(content) != size - 4:
        raise ProtocolError("the line ends too early")
    return content.removesuffix(b"\n")


def lines_until_flush(stream: IO[bytes], most: int) -> Iterator[bytes]:
    """The lines up to a flush or the end; more than `most` of them are refused with ProtocolError."""
    for _ in range(most):
        got = read_line(stream)
        if got is None or got is FLUSHED:
            return
        if isinstance(got, Mark):
            raise ProtocolError("a delimiter where none belongs")
        yield got
    raise ProtocolError("too many lines")


def banded(channel: int, content: bytes) -> Iterator[bytes]:
    """`content` as pkt-lines of the side band: 1 data, 2 progress, 3 fatal error."""
    for start in range(0, len(content), LONGEST - 5):
        yield line(bytes([channel]) + content[start : start + LONGEST - 5])
