"""How the application controller is set up: its environment and argocd-cm.

Source: Argo CD 3.6.1 `cmd/argocd-application-controller/commands/argocd_application_controller.go`, `util/env/env.go`,
`util/settings/settings.go`, `docs/operator-manual/argocd-cm.yaml`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab.sim.argocd.durations import parse_duration
from lab.sim.argocd.world import Profile

_TRUE = frozenset(("1", "t", "true"))
_DAY = 86_400.0
_in_days = re.compile(r"[0-9]+d", re.ASCII).fullmatch
_PREFIX = "ARGOCD_APPLICATION_CONTROLLER_"
_FLAGS = {
    "app-hard-resync": "ARGOCD_HARD_RECONCILIATION_TIMEOUT",
    "app-resync": "ARGOCD_RECONCILIATION_TIMEOUT",
    "app-resync-jitter": "ARGOCD_RECONCILIATION_JITTER",
    "application-namespaces": "ARGOCD_APPLICATION_NAMESPACES",
    "dynamic-cluster-distribution-enabled": "ARGOCD_ENABLE_DYNAMIC_CLUSTER_DISTRIBUTION",
    "enable-k8s-event": "ARGOCD_ENABLE_K8S_EVENT",
    "hydrator-enabled": "ARGOCD_HYDRATOR_ENABLED",
    "ignore-normalizer-jq-execution-timeout-seconds": "ARGOCD_IGNORE_NORMALIZER_JQ_TIMEOUT",
    "logformat": f"{_PREFIX}LOGFORMAT",
    "loglevel": f"{_PREFIX}LOGLEVEL",
    "operation-processors": f"{_PREFIX}OPERATION_PROCESSORS",
    "persist-resource-health": f"{_PREFIX}PERSIST_RESOURCE_HEALTH",
    "repo-error-grace-period-seconds": "ARGOCD_REPO_ERROR_GRACE_PERIOD_SECONDS",
    "self-heal-backoff-cap-seconds": f"{_PREFIX}SELF_HEAL_BACKOFF_CAP_SECONDS",
    "self-heal-backoff-factor": f"{_PREFIX}SELF_HEAL_BACKOFF_FACTOR",
    "self-heal-backoff-timeout-seconds": f"{_PREFIX}SELF_HEAL_BACKOFF_TIMEOUT_SECONDS",
    "self-heal-timeout-seconds": f"{_PREFIX}SELF_HEAL_TIMEOUT_SECONDS",
    "server-side-diff-enabled": f"{_PREFIX}SERVER_SIDE_DIFF",
    "sharding-method": "ARGOCD_CONTROLLER_SHARDING_ALGORITHM",
    "status-processors": f"{_PREFIX}STATUS_PROCESSORS",
    "sync-timeout": f"{_PREFIX}SYNC_TIMEOUT",
}
"""Flags that mean something here, and the variables that say the same."""
_SECONDS = frozenset(("app-hard-resync", "app-resync", "app-resync-jitter", "repo-error-grace-period-seconds"))
_SWITCHES = frozenset(
    (
        "dynamic-cluster-distribution-enabled",
        "hydrator-enabled",
        "persist-resource-health",
        "server-side-diff-enabled",
    )
)
_UNSUPPORTED = {
    "ARGOCD_HYDRATOR_ENABLED": "the source hydrator",
    "ARGOCD_ENABLE_DYNAMIC_CLUSTER_DISTRIBUTION": "dynamic cluster distribution",
}


class Unsupported(Exception):
    """Something the controller is asked for that is not simulated."""


def with_flags(env: Mapping[str, str], argv: Sequence[str]) -> dict[str, str]:
    """The environment with what the command line says laid over it. Raises Unsupported.

    Flags about what no simulated part has (metrics, TLS, Redis, tracing) mean nothing.
    """
    made = dict(env)
    words = list(argv[1:])
    while words:
        word = words.pop(0)
        if not word.startswith("--"):
            continue
        name, equals, value = word[2:].partition("=")
        if name in _SWITCHES:
            value = value if equals else "true"
        elif not equals and words and not words[0].startswith("--"):
            value = words.pop(0)
        variable = _FLAGS.get(name)
        if variable is not None:
            made[variable] = f"{value}s" if name in _SECONDS else value
    for variable, what in _UNSUPPORTED.items():
        if made.get(variable, "").lower() in _TRUE:
            raise Unsupported(f"{what} is not supported by the simulator; use --provider kind ({variable})")
    return made


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
        """A back-off after a failure, no longer than the profile lets it be."""
        return delay if self.longest_backoff is None else min(delay, self.longest_backoff)


def read_environment(env: Mapping[str, str], profile: Profile, pod: str = "") -> Environment:
    """The environment of a container. Like Argo CD it falls back to a default where a value cannot be read.

    :param pod: the pod's name, whose ordinal is the shard when no other is given
    """
    prefix, reader = _PREFIX, _Reader(env)
    seconds, number, flag = reader.seconds, reader.number, reader.flag
    replicas = int(number("ARGOCD_CONTROLLER_REPLICAS", 0)) or 1
    return Environment(
        resync=seconds("ARGOCD_RECONCILIATION_TIMEOUT", 120.0),
        hard_resync=seconds("ARGOCD_HARD_RECONCILIATION_TIMEOUT", 0.0),
        jitter=_chosen(profile.jitter, seconds("ARGOCD_RECONCILIATION_JITTER", 60.0)),
        repository_grace=_chosen(profile.repository_grace, seconds("ARGOCD_REPO_ERROR_GRACE_PERIOD_SECONDS", 180.0)),
        self_heal_timeout=_at_most(profile.longest_self_heal, number(f"{prefix}SELF_HEAL_TIMEOUT_SECONDS", 0)),
        self_heal_first=number(f"{prefix}SELF_HEAL_BACKOFF_TIMEOUT_SECONDS", 2),
        self_heal_factor=number(f"{prefix}SELF_HEAL_BACKOFF_FACTOR", 3),
        self_heal_longest=_at_most(profile.longest_self_heal, number(f"{prefix}SELF_HEAL_BACKOFF_CAP_SECONDS", 300)),
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


def _at_most(by_profile: float | None, configured: float) -> float:
    return configured if by_profile is None else min(by_profile, configured)


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
            value = float(text[:-1]) * _DAY if _in_days(text) else parse_duration(text)
        except ValueError:
            return default
        # The command line takes whole seconds.
        return float(int(value)) if value >= 0 else default

    def number(self, name: str, default: int) -> int:
        text = self._env.get(name, "")
        return int(text) if text.isdigit() else default

    def flag(self, name: str) -> bool:
        return self._env.get(name, "").lower() in _TRUE
