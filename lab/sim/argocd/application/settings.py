"""How the application controller is set up: its environment and argocd-cm.

Source: Argo CD 3.6.1 `cmd/argocd-application-controller/commands/argocd_application_controller.go`, `util/env/env.go`,
`util/settings/settings.go`, `docs/operator-manual/argocd-cm.yaml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lab.sim.argocd.durations import parse_duration
from lab.sim.argocd.world import Profile

_TRUE = frozenset(("1", "t", "true"))


@dataclass(frozen=True, slots=True)
class Environment:
    """What the process was started with. Times are in seconds."""

    resync: float = 120.0
    """`ARGOCD_RECONCILIATION_TIMEOUT`; 0 for no periodic comparison."""
    hard_resync: float = 0.0
    jitter: float = 60.0
    repository_grace: float = 180.0
    self_heal_timeout: float = 0.0
    self_heal_first: float = 2.0
    self_heal_factor: float = 3.0
    self_heal_longest: float = 300.0
    sync_timeout: float = 0.0
    wave_delay: float = 2.0
    batching: float = 5.0
    poll: float = 30.0
    """How long an operation in progress is left alone at most."""
    longest_backoff: float | None = None
    eager: bool = False
    status_processors: int = 20
    operation_processors: int = 10
    application_namespaces: tuple[str, ...] = ()
    persist_health: bool = False
    server_side_diff: bool = False
    events: frozenset[str] = frozenset(("all",))
    replicas: int = 1
    shard: int = 0
    sharding: str = "legacy"
    log_level: str = "info"
    log_format: str = "json"

    def bounded(self, delay: float) -> float:
        """A back-off, no longer than the profile lets it be."""
        return delay if self.longest_backoff is None else min(delay, self.longest_backoff)


def read_environment(env: Mapping[str, str], profile: Profile, pod: str = "") -> Environment:
    """The environment of a container. Like Argo CD it falls back to a default where a value cannot be read.

    :param pod: the pod's name, whose ordinal is the shard when no other is given
    """
    prefix = "ARGOCD_APPLICATION_CONTROLLER_"
    seconds, number = _Reader(env).seconds, _Reader(env).number
    flag = _Reader(env).flag
    replicas = int(number("ARGOCD_CONTROLLER_REPLICAS", 0)) or 1
    return Environment(
        resync=seconds("ARGOCD_RECONCILIATION_TIMEOUT", 120.0),
        hard_resync=seconds("ARGOCD_HARD_RECONCILIATION_TIMEOUT", 0.0),
        jitter=_chosen(profile.jitter, seconds("ARGOCD_RECONCILIATION_JITTER", 60.0)),
        repository_grace=_chosen(profile.repository_grace, seconds("ARGOCD_REPO_ERROR_GRACE_PERIOD_SECONDS", 180.0)),
        self_heal_timeout=number(f"{prefix}SELF_HEAL_TIMEOUT_SECONDS", 0),
        self_heal_first=number(f"{prefix}SELF_HEAL_BACKOFF_TIMEOUT_SECONDS", 2),
        self_heal_factor=number(f"{prefix}SELF_HEAL_BACKOFF_FACTOR", 3),
        self_heal_longest=number(f"{prefix}SELF_HEAL_BACKOFF_CAP_SECONDS", 300),
        sync_timeout=number(f"{prefix}SYNC_TIMEOUT", 0),
        wave_delay=_chosen(profile.wave_delay, float(number("ARGOCD_SYNC_WAVE_DELAY", 2))),
        batching=_chosen(profile.batching, 5.0),
        longest_backoff=profile.longest_backoff,
        eager=profile.eager,
        status_processors=int(number(f"{prefix}STATUS_PROCESSORS", 20)),
        operation_processors=int(number(f"{prefix}OPERATION_PROCESSORS", 10)),
        application_namespaces=tuple(
            one.strip() for one in env.get("ARGOCD_APPLICATION_NAMESPACES", "").split(",") if one.strip()
        ),
        persist_health=flag(f"{prefix}PERSIST_RESOURCE_HEALTH"),
        server_side_diff=flag(f"{prefix}SERVER_SIDE_DIFF"),
        events=frozenset(
            one.strip() for one in (env.get("ARGOCD_ENABLE_K8S_EVENT") or "all").split(",") if one.strip()
        ),
        replicas=replicas,
        shard=_shard(env, pod, replicas),
        sharding=env.get("ARGOCD_CONTROLLER_SHARDING_ALGORITHM") or "legacy",
        log_level=(env.get(f"{prefix}LOGLEVEL") or "info").lower(),
        log_format=(env.get(f"{prefix}LOGFORMAT") or "json").lower(),
    )


def _chosen(by_profile: float | None, configured: float) -> float:
    return configured if by_profile is None else by_profile


def _shard(env: Mapping[str, str], pod: str, replicas: int) -> int:
    given = env.get("ARGOCD_CONTROLLER_SHARD", "")
    if replicas <= 1:
        return 0
    ordinal = given or pod.rpartition("-")[2]
    return int(ordinal) if ordinal.isdigit() else 0


class _Reader:
    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env

    def seconds(self, name: str, default: float) -> float:
        text = self._env.get(name, "")
        if not text:
            return default
        try:
            value = float(text) if text.isdigit() else parse_duration(text)
        except ValueError:
            return default
        return value if value >= 0 else default

    def number(self, name: str, default: int) -> int:
        text = self._env.get(name, "")
        return int(text) if text.isdigit() else default

    def flag(self, name: str) -> bool:
        return self._env.get(name, "").lower() in _TRUE
