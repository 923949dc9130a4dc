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


def is_ours(row: Row, home: Path, name: str) -> bool:
    """Whether a container belongs to the lab of that name in that home."""
    labels = row.get("Labels") or {}
    if KIND_CLUSTER not in labels:
        return labels.get(OWNER) == name
    mark = str(home / "labs" / name / "mark")
    # Docker Desktop shows a bind mount's source below the mount point of its virtual machine.
    return any(
        mount.get("Destination") == MARK and str(mount.get("Source", "")).endswith(mark)
        for mount in row.get("Mounts") or ()
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
