"""The network of the simulated lab: names that lead to clusters, and connections that are checked as real ones are."""

from __future__ import annotations

from lab.sim.network.destinations import Destinations
from lab.sim.network.names import Network

__all__ = ["Destinations", "Network"]
