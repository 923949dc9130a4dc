"""The fleet as a grid: applications by clusters, over all Argo CDs of the lab."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from lab.results import FleetCell, LabStatus
from lab.tui.states import NONE, Mark, application


@dataclass(frozen=True)
class Place:
    """All Applications of one row on one cluster."""

    cells: tuple[FleetCell, ...] = ()

    @property
    def worst(self) -> FleetCell | None:
        """The one that most needs a person."""
        return max(self.cells, key=lambda c: application(c.sync, c.health).rank, default=None)

    @property
    def mark(self) -> Mark:
        worst = self.worst
        return application(worst.sync, worst.health) if worst else NONE

    def word(self, width: int) -> str:
        """The state in words that fit into `width` cells beside the glyph, with the revision when there is room."""
        if not self.cells:
            return ""
        mark, count = self.mark, f" ×{len(self.cells)}" if len(self.cells) > 1 else ""
        short = (mark.short or mark.word) + count
        full = mark.word + count
        worst = self.worst
        if worst and worst.revision and not count and len(full) + 1 + len(worst.revision) <= width:
            return f"{full} {worst.revision}"
        return full if len(full) <= width else short


@dataclass(frozen=True)
class FleetRow:
    """One line of the grid."""

    key: str
    instance: str
    """Cluster whose Argo CD owns it."""
    name: str
    places: dict[str, Place] = field(default_factory=dict)
    """By cluster."""


@dataclass(frozen=True)
class Fleet:
    """The whole grid."""

    columns: tuple[str, ...] = ()
    rows: tuple[FleetRow, ...] = ()
    many: bool = False
    """Whether more than one Argo CD speaks, so that rows must say which."""

    def place(self, key: str, cluster: str) -> Place:
        """What stands at a crossing; an empty place when nothing does."""
        row = next((r for r in self.rows if r.key == key), None)
        return row.places.get(cluster, Place()) if row else Place()

    def matching(self, text: str) -> "Fleet":
        """Only rows whose name, Argo CD or state contains the text."""
        needle = text.casefold().strip()
        if not needle:
            return self

        def hit(row: FleetRow) -> bool:
            words = [row.name, row.instance, *(p.mark.word for p in row.places.values())]
            return any(needle in word.casefold() for word in words)

        return Fleet(self.columns, tuple(r for r in self.rows if hit(r)), self.many)


def base_name(cell: FleetCell) -> str:
    """The name without its cluster, so that `web-w1` and `web-w2` share a line as `web`."""
    if not cell.application:
        return "Argo CD"
    for end in (f"-{cell.cluster}", f".{cell.cluster}"):
        if cell.application.endswith(end) and len(cell.application) > len(end):
            return cell.application[: -len(end)]
    start = f"{cell.cluster}-"
    if cell.applicationset and cell.application.startswith(start) and len(cell.application) > len(start):
        return cell.application[len(start) :]
    return cell.application


def arrange(status: LabStatus) -> Fleet:
    """The grid of a status: clusters in the lab's order, destinations nobody knows last, rows by name."""
    known = [cluster.name for cluster in status.clusters]
    strangers = sorted({cell.cluster for cell in status.fleet} - set(known))
    grouped: dict[tuple[str, str], dict[str, list[FleetCell]]] = {}
    for cell in status.fleet:
        row = grouped.setdefault((base_name(cell), cell.instance), {})
        row.setdefault(cell.cluster, []).append(cell)
    rows = [
        FleetRow(
            key=f"{instance}/{name}",
            instance=instance,
            name=name,
            places={cluster: Place(tuple(cells)) for cluster, cells in places.items()},
        )
        for (name, instance), places in sorted(grouped.items())
    ]
    many = len({c.name for c in status.clusters if c.argocd} | {row.instance for row in rows}) > 1
    return Fleet(tuple(known + strangers), tuple(rows), many)


def well(cells: Sequence[FleetCell]) -> int:
    """How many are Synced and Healthy."""
    return sum(cell.sync == "Synced" and cell.health == "Healthy" for cell in cells)
