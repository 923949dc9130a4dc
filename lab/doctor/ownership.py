"""Which containers and networks are this lab's: the same marks the kind provider leaves."""

from collections.abc import Iterable
from pathlib import Path

from lab.doctor.machine import KIND_CLUSTER, Row

MARK = "/etc/gitops-lab"
"""Where every node of a lab mounts the `mark` folder of its lab."""
OWNER = "gitops-lab.name"
"""Label of all that the lab starts itself; its value is the lab's name."""


def network(name: str) -> str:
    """Docker network of a lab: kind's own for the lab called `lab`."""
    return "kind" if name == "lab" else f"{name}-net"


def ours(rows: Iterable[Row], home: Path, name: str) -> list[Row]:
    """Containers of the lab of that name in that home.

    A node tells its home by its mount. The others only tell the name: they count unless a lab of the same name and
    another home runs here.
    """
    rows = list(rows)
    mark = f"{home}/labs/{name}/mark"
    marks = {id(row): _mark(row) for row in rows}
    # Docker Desktop shows a bind mount's source below the mount point of its virtual machine.
    mine = [row for row in rows if marks[id(row)].endswith(mark)]
    elsewhere = any(m.endswith(f"/labs/{name}/mark") and not m.endswith(mark) for m in marks.values())
    if not elsewhere or mine:
        mine += [row for row in rows if (row.get("Labels") or {}).get(OWNER) == name]
    return mine


def _mark(row: Row) -> str:
    """Folder on the host that a node bears as its mark; empty for anything else."""
    return next(
        (str(mount.get("Source", "")) for mount in row.get("Mounts") or () if mount.get("Destination") == MARK), ""
    )


def title(row: Row) -> str:
    """A container's name."""
    return str((row.get("Names") or ["/?"])[0]).removeprefix("/")


def clusters(rows: Iterable[Row], name: str) -> dict[str, Row]:
    """Node containers by the lab's short name of their cluster, whoever they belong to."""
    prefix = f"{name}-"
    found = {}
    for row in rows:
        cluster = (row.get("Labels") or {}).get(KIND_CLUSTER, "")
        if cluster.startswith(prefix):
            found[cluster.removeprefix(prefix)] = row
    return found
