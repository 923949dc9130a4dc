"""A drawing of a scenario's clusters, made from the scenario itself: who manages whom."""

import textwrap
from dataclasses import dataclass

from textual.content import Content

from lab.model import Cluster, Scenario

GAP = 2
"""Cells between two boxes."""
LABELS = 14
"""Cells a line of labels may take before each label gets its own line."""


@dataclass(frozen=True)
class Block:
    """A part of the drawing: lines of one width, and the column where a line from above meets it."""

    lines: tuple[str, ...]
    anchor: int

    @property
    def width(self) -> int:
        return len(self.lines[0])


def _box(title: str, inside: list[str]) -> Block:
    inner = max([len(title) + 2, *(len(line) + 2 for line in inside)])
    top = f"╭─ {title} {'─' * (inner - len(title) - 3)}╮"
    inner = len(top) - 2
    lines = [top, *(f"│ {line:<{inner - 2}} │" for line in inside), f"╰{'─' * inner}╯"]
    return Block(tuple(lines), (inner + 2) // 2)


def _cluster(cluster: Cluster, scenario: Scenario) -> Block:
    inside = []
    for instance in scenario.spec.argocd:
        if instance.on == cluster.name:
            inside.append("Argo CD" if instance.via == "lab" else "Argo CD ⇠ git")
    labels = list(cluster.labels.values())
    joined = " ".join(labels)
    inside.extend([joined] if joined and len(joined) <= LABELS else labels)
    return _box(cluster.name, inside or [cluster.role])


def _beside(blocks: list[Block]) -> tuple[list[str], list[int]]:
    height = max(len(block.lines) for block in blocks)
    anchors, column = [], 0
    for block in blocks:
        anchors.append(column + block.anchor)
        column += block.width + GAP
    lines = [
        (" " * GAP).join(block.lines[i] if i < len(block.lines) else " " * block.width for block in blocks)
        for i in range(height)
    ]
    return lines, anchors


def _wire(width: int, parent: int, children: list[int]) -> str:
    """The line between a box and the boxes below it."""
    cells = [" "] * width
    left, right = min(parent, *children), max(parent, *children)
    for column in range(left, right + 1):
        up, down = column == parent, column in children
        before, after = column > left, column < right
        cells[column] = {
            (True, True, True, True): "┼",
            (True, True, True, False): "┤",
            (True, True, False, True): "├",
            (True, True, False, False): "│",
            (True, False, True, True): "┴",
            (True, False, True, False): "╯",
            (True, False, False, True): "╰",
            (False, True, True, True): "┬",
            (False, True, True, False): "╮",
            (False, True, False, True): "╭",
        }.get((up, down, before, after), "─")
    return "".join(cells)


def _over(parent: Block, below: list[str], anchors: list[int]) -> Block:
    """Set a box above its children, centred over where their lines begin."""
    middle = (anchors[0] + anchors[-1]) // 2
    # A child that is almost below the middle gets a straight line.
    middle = next((anchor for anchor in anchors if abs(anchor - middle) <= GAP), middle)
    shift = middle - parent.anchor
    left = max(0, -shift)
    below = [" " * left + line for line in below]
    anchors = [anchor + left for anchor in anchors]
    start = max(0, shift)
    width = max(start + parent.width, len(below[0]))
    anchor = start + parent.anchor
    lines = [f"{' ' * start}{line}".ljust(width) for line in parent.lines]
    foot = lines[-1]
    lines[-1] = foot[:anchor] + "┬" + foot[anchor + 1 :]
    lines.append(_wire(width, anchor, anchors))
    lines.extend(line.ljust(width) for line in below)
    return Block(tuple(lines), anchor)


def _crowd(clusters: list[Cluster], width: int) -> Block:
    """One box for clusters that do not fit side by side."""
    names = textwrap.wrap(" ".join(cluster.name for cluster in clusters), max(8, min(width - 4, 34)))
    return _box(f"{len(clusters)} clusters", names)


def _tree(cluster: Cluster, children: dict[str, list[Cluster]], scenario: Scenario, width: int) -> Block:
    box = _cluster(cluster, scenario)
    below = children.get(cluster.name, [])
    if not below:
        return box
    blocks = [_tree(child, children, scenario, width) for child in below]
    lines, anchors = _beside(blocks)
    if len(lines[0]) > width:
        lines, anchors = _beside([_crowd(below, width)])
    return _over(box, lines, anchors)


def draw(scenario: Scenario, width: int) -> str:
    """Box drawing of the scenario's clusters, at most `width` cells wide as long as one box fits.

    A cluster stands below the first Argo CD that manages it. Clusters that would not fit side by side share a box.
    """
    by_name = {cluster.name: cluster for cluster in scenario.clusters}
    parent: dict[str, str] = {}
    for instance in scenario.spec.argocd:
        for name in instance.manages:
            if name in by_name and name not in parent and not _above(name, instance.on, parent):
                parent[name] = instance.on
    children: dict[str, list[Cluster]] = {}
    for cluster in scenario.clusters:
        if cluster.name in parent:
            children.setdefault(parent[cluster.name], []).append(cluster)
    roots = [cluster for cluster in scenario.clusters if cluster.name not in parent]
    blocks = [_tree(root, children, scenario, width) for root in roots]
    lines, _ = _beside(blocks)
    if len(lines[0]) > width:
        lines = [line for block in blocks for line in block.lines]
    return "\n".join(line.rstrip() for line in lines)


def _above(name: str, other: str, parent: dict[str, str]) -> bool:
    """Whether `name` is `other` or stands above it."""
    seen: set[str] = set()
    current: str | None = other
    while current is not None and current not in seen:
        if current == name:
            return True
        seen.add(current)
        current = parent.get(current)
    return False


def picture(scenario: Scenario, width: int) -> Content:
    """The drawing with quiet lines and the words that matter brought out."""
    content = Content(draw(scenario, width))
    return content.highlight_regex(r"[─-╿]+", style="$text-muted").highlight_regex(r"Argo CD( ⇠ git)?", style="$accent")
