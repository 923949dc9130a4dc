"""A port of the lab that another program has taken, told from the refusal to bind it."""

import contextlib
import re
from collections.abc import Iterator

from lab.errors import LabError
from lab.state import LabFolder

SIGNS = ("port is already allocated", "address already in use")
PORT = re.compile(r"(?::|\bport )(\d{1,5})\b")
PURPOSES = {"api": "API of {name}", "ui": "Argo CD UI of {name}", "git": "git server"}


@contextlib.contextmanager
def named(folder: LabFolder) -> Iterator[None]:
    """Raise `port-taken` with port and purpose instead of what Docker or the simulator says about it."""
    try:
        yield
    except LabError as error:
        record = folder.record()
        if record is None or not any(sign in error.details.lower() for sign in SIGNS):
            raise
        purposes = {port: purpose for purpose, port in record.ports.items()}
        for port in map(int, PORT.findall(error.details)):
            if port in purposes:
                kind, _, name = purposes[port].partition(":")
                purpose = PURPOSES[kind].format(name=name)
                raise LabError("port-taken", port=port, purpose=purpose, details=error.details) from error
        raise
