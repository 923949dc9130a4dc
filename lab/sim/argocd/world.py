"""What Argo CD's programs find around them in the lab: clusters to reach, repositories to read, and how time counts."""

from __future__ import annotations

from dataclasses import dataclass

from lab.sim.argocd.ports import Destinations, RepoServer
from lab.sim.argocd.repo_server.addresses import Addresses
from lab.sim.git.server import GitServer


@dataclass(frozen=True, slots=True)
class Profile:
    """How long Argo CD waits. What is None is as Argo CD's own settings say.

    Only waits that serve to spread or to slow down work are shortened; nothing that decides what happens.
    """

    name: str
    wave_delay: float | None = None
    """Seconds between two waves of a sync; None: `ARGOCD_SYNC_WAVE_DELAY`, by default 2."""
    longest_backoff: float | None = None
    """Upper limit in seconds of the back-off of failed operations' retries and of failed reconciles."""
    longest_self_heal: float | None = None
    """Upper limit in seconds of the wait before an Application is healed again; None:
    `ARGOCD_APPLICATION_CONTROLLER_SELF_HEAL_BACKOFF_CAP_SECONDS`, by default 300. The first time never waits; later
    ones must: what was pruned needs its time to go, and two Applications may fight over an object for ever."""
    batching: float | None = None
    """Seconds in which changes of live objects are collected before a running sync looks again; None: 5."""
    jitter: float | None = None
    """Seconds by which periodic refreshes are spread; None: `ARGOCD_RECONCILIATION_JITTER`, by default 60."""
    repository_grace: float | None = None
    """Seconds in which an error of the repository server is not told; None: `ARGOCD_REPO_ERROR_GRACE_PERIOD_SECONDS`,
    by default 180."""
    eager: bool = False
    """Whether Applications are refreshed at once when their repository is pushed to (as a webhook does it), or their
    project or destination changes (which Argo CD notices at the next refresh)."""


REALISTIC = Profile("realistic")
INSTANT = Profile(
    "instant",
    wave_delay=0.0,
    longest_backoff=0.01,
    longest_self_heal=10.0,
    batching=0.0,
    jitter=0.0,
    repository_grace=0.0,
    eager=True,
)


@dataclass(frozen=True, slots=True)
class World:
    """The surroundings of one Argo CD."""

    destinations: Destinations
    repo_server: RepoServer
    profile: Profile = REALISTIC
    git: GitServer | None = None
    """The lab's git server, for generators that ask its forge; None where there is none."""
    addresses: Addresses | None = None
    """The URLs under which that server is known; None where there is none."""
