"""Renders one template of a chart, for tests."""

from __future__ import annotations

from lab.sim.render.helm import engine
from lab.sim.render.helm.capabilities import capabilities
from lab.sim.render.helm.chart import Chart
from lab.sim.render.helm.tables import coalesced
from lab.sim.templates.gotemplate import Budget

NOW = 1_800_000_000.0


def text(chart: Chart, template: str, budget: Budget | None = None) -> str:
    """What a template of a chart without dependencies writes."""
    release = {
        "Name": "rel", "Namespace": "ns", "IsUpgrade": False, "IsInstall": True, "Revision": 1, "Service": "Helm",
    }  # fmt: skip
    values = coalesced(chart, {})
    rendered = engine.render(chart, values, release, capabilities("", ()), lambda: NOW, budget or Budget())
    return rendered[template]
