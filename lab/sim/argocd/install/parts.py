"""The parts of an Argo CD: names, commands, ports and settings of its workloads.

Names, labels, commands, ports, variables and keys are those of Argo CD 3.6.1's `manifests/base`. Variables for what no
simulated part has (TLS, tracing, client limits, Redis) are left out: they could be set, but nothing would change.
"""

from __future__ import annotations

from dataclasses import dataclass

VERSION = "v3.6.1"
ARGOCD_IMAGE = "quay.io/argoproj/argocd"
DEX_IMAGE = "ghcr.io/dexidp/dex:v2.46.0"
REDIS_IMAGE = "public.ecr.aws/docker/library/redis:8.10.1-alpine"
REDIS_SECRET, REDIS_KEY = "argocd-redis", "auth"


@dataclass(frozen=True, slots=True)
class Port:
    """One port of a Service."""

    name: str
    port: int
    target: int | str
    protocol: str = "TCP"


@dataclass(frozen=True, slots=True)
class Part:
    """One workload with its Service and what it is told."""

    name: str
    component: str
    binary: str
    """Under `/usr/local/bin`, started by the image's entry point."""
    ports: tuple[Port, ...] = ()
    """Of its Service; empty for none."""
    container_ports: tuple[tuple[str, int], ...] = ()
    """(name, port); the name may be ""."""
    health_port: int = 0
    """Where `/healthz` is asked for readiness; 0: it has no readiness probe."""
    health_seconds: int = 10
    """Between two probes."""
    settings: str = ""
    """`VARIABLE key` a line: from `argocd-cmd-params-cm`, or from `argocd-cm` where the key has `argocd-cm:` before."""
    fixed: tuple[tuple[str, str], ...] = ()
    needs_redis: bool = False
    config_maps: tuple[tuple[str, str], ...] = ()
    """(volume, path) of the ConfigMaps it mounts; see `VOLUMES`."""
    full: bool = False
    """Whether core installs go without it."""
    recreate: bool = False


VOLUMES = {
    "ssh-known-hosts": "argocd-ssh-known-hosts-cm",
    "tls-certs": "argocd-tls-certs-cm",
    "gpg-keys": "argocd-gpg-keys-cm",
}
_CERTIFICATES = (("tls-certs", "/app/config/tls"),)
_REPOSITORIES = (("ssh-known-hosts", "/app/config/ssh"), *_CERTIFICATES)

CONTROLLER = Part(
    name="argocd-application-controller",
    component="application-controller",
    binary="argocd-application-controller",
    container_ports=(("", 8082),),
    health_port=8082,
    fixed=(("ARGOCD_CONTROLLER_REPLICAS", "1"), ("KUBECACHEDIR", "/tmp/kubecache")),  # noqa: S108
    needs_redis=True,
    config_maps=_CERTIFICATES,
    settings="""
ARGOCD_RECONCILIATION_TIMEOUT argocd-cm:timeout.reconciliation
ARGOCD_HARD_RECONCILIATION_TIMEOUT argocd-cm:timeout.hard.reconciliation
ARGOCD_RECONCILIATION_JITTER argocd-cm:timeout.reconciliation.jitter
ARGOCD_REPO_ERROR_GRACE_PERIOD_SECONDS controller.repo.error.grace.period.seconds
ARGOCD_APPLICATION_CONTROLLER_REPO_SERVER repo.server
ARGOCD_APPLICATION_CONTROLLER_REPO_SERVER_TIMEOUT_SECONDS controller.repo.server.timeout.seconds
ARGOCD_APPLICATION_CONTROLLER_STATUS_PROCESSORS controller.status.processors
ARGOCD_APPLICATION_CONTROLLER_OPERATION_PROCESSORS controller.operation.processors
ARGOCD_APPLICATION_CONTROLLER_LOGFORMAT controller.log.format
ARGOCD_APPLICATION_CONTROLLER_LOGLEVEL controller.log.level
ARGOCD_APPLICATION_CONTROLLER_SELF_HEAL_TIMEOUT_SECONDS controller.self.heal.timeout.seconds
ARGOCD_APPLICATION_CONTROLLER_SELF_HEAL_BACKOFF_TIMEOUT_SECONDS controller.self.heal.backoff.timeout.seconds
ARGOCD_APPLICATION_CONTROLLER_SELF_HEAL_BACKOFF_FACTOR controller.self.heal.backoff.factor
ARGOCD_APPLICATION_CONTROLLER_SELF_HEAL_BACKOFF_CAP_SECONDS controller.self.heal.backoff.cap.seconds
ARGOCD_APPLICATION_CONTROLLER_SELF_HEAL_BACKOFF_COOLDOWN_SECONDS controller.self.heal.backoff.cooldown.seconds
ARGOCD_SYNC_WAVE_DELAY controller.sync.wave.delay.seconds
ARGOCD_APPLICATION_CONTROLLER_SYNC_TIMEOUT controller.sync.timeout.seconds
ARGOCD_APPLICATION_CONTROLLER_PERSIST_RESOURCE_HEALTH controller.resource.health.persist
ARGOCD_APPLICATION_NAMESPACES application.namespaces
ARGOCD_CONTROLLER_SHARDING_ALGORITHM controller.sharding.algorithm
ARGOCD_APPLICATION_CONTROLLER_SERVER_SIDE_DIFF controller.diff.server.side
ARGOCD_IGNORE_NORMALIZER_JQ_TIMEOUT controller.ignore.normalizer.jq.timeout
ARGOCD_HYDRATOR_ENABLED hydrator.enabled
""",
)
APPLICATION_SETS = Part(
    name="argocd-applicationset-controller",
    component="applicationset-controller",
    binary="argocd-applicationset-controller",
    ports=(Port("webhook", 7000, "webhook"), Port("metrics", 8080, "metrics")),
    container_ports=(("webhook", 7000), ("metrics", 8080)),
    config_maps=(*_REPOSITORIES, ("gpg-keys", "/app/config/gpg/source")),
    settings="""
ARGOCD_APPLICATIONSET_CONTROLLER_GLOBAL_PRESERVED_ANNOTATIONS applicationsetcontroller.global.preserved.annotations
ARGOCD_APPLICATIONSET_CONTROLLER_GLOBAL_PRESERVED_LABELS applicationsetcontroller.global.preserved.labels
ARGOCD_APPLICATIONSET_CONTROLLER_ENABLE_LEADER_ELECTION applicationsetcontroller.enable.leader.election
ARGOCD_APPLICATIONSET_CONTROLLER_REPO_SERVER repo.server
ARGOCD_APPLICATIONSET_CONTROLLER_POLICY applicationsetcontroller.policy
ARGOCD_APPLICATIONSET_CONTROLLER_ENABLE_POLICY_OVERRIDE applicationsetcontroller.enable.policy.override
ARGOCD_APPLICATIONSET_CONTROLLER_LOGFORMAT applicationsetcontroller.log.format
ARGOCD_APPLICATIONSET_CONTROLLER_LOGLEVEL applicationsetcontroller.log.level
ARGOCD_APPLICATIONSET_CONTROLLER_DRY_RUN applicationsetcontroller.dryrun
ARGOCD_GIT_MODULES_ENABLED applicationsetcontroller.enable.git.submodule
ARGOCD_APPLICATIONSET_CONTROLLER_ENABLE_PROGRESSIVE_SYNCS applicationsetcontroller.enable.progressive.syncs
ARGOCD_APPLICATIONSET_CONTROLLER_TOKENREF_STRICT_MODE applicationsetcontroller.enable.tokenref.strict.mode
ARGOCD_APPLICATIONSET_CONTROLLER_ENABLE_NEW_GIT_FILE_GLOBBING applicationsetcontroller.enable.new.git.file.globbing
ARGOCD_APPLICATIONSET_CONTROLLER_REPO_SERVER_TIMEOUT_SECONDS applicationsetcontroller.repo.server.timeout.seconds
ARGOCD_APPLICATIONSET_CONTROLLER_CONCURRENT_RECONCILIATIONS applicationsetcontroller.concurrent.reconciliations.max
ARGOCD_APPLICATIONSET_CONTROLLER_NAMESPACES applicationsetcontroller.namespaces
ARGOCD_APPLICATIONSET_CONTROLLER_ALLOWED_SCM_PROVIDERS applicationsetcontroller.allowed.scm.providers
ARGOCD_APPLICATIONSET_CONTROLLER_ENABLE_SCM_PROVIDERS applicationsetcontroller.enable.scm.providers
ARGOCD_APPLICATIONSET_CONTROLLER_REQUEUE_AFTER applicationsetcontroller.requeue.after
ARGOCD_APPLICATIONSET_CONTROLLER_MAX_RESOURCES_STATUS_COUNT applicationsetcontroller.status.max.resources.count
""",
)
REPO_SERVER = Part(
    name="argocd-repo-server",
    component="repo-server",
    binary="argocd-repo-server",
    ports=(Port("server", 8081, 8081), Port("metrics", 8084, 8084)),
    container_ports=(("", 8081), ("", 8084)),
    health_port=8084,
    needs_redis=True,
    config_maps=(*_REPOSITORIES, ("gpg-keys", "/app/config/gpg/source")),
    settings="""
ARGOCD_RECONCILIATION_TIMEOUT argocd-cm:timeout.reconciliation
ARGOCD_REPO_SERVER_LOGFORMAT reposerver.log.format
ARGOCD_REPO_SERVER_LOGLEVEL reposerver.log.level
ARGOCD_REPO_SERVER_PARALLELISM_LIMIT reposerver.parallelism.limit
ARGOCD_REPO_CACHE_EXPIRATION reposerver.repo.cache.expiration
ARGOCD_REPO_SERVER_MAX_COMBINED_DIRECTORY_MANIFESTS_SIZE reposerver.max.combined.directory.manifests.size
ARGOCD_REPO_SERVER_ALLOW_OUT_OF_BOUNDS_SYMLINKS reposerver.allow.oob.symlinks
ARGOCD_GIT_MODULES_ENABLED reposerver.enable.git.submodule
ARGOCD_REPO_SERVER_INCLUDE_HIDDEN_DIRECTORIES reposerver.include.hidden.directories
""",
)
SERVER = Part(
    name="argocd-server",
    component="server",
    binary="argocd-server",
    ports=(Port("http", 80, 8080), Port("https", 443, 8080)),
    container_ports=(("", 8080), ("", 8083)),
    health_port=8080,
    health_seconds=30,
    needs_redis=True,
    full=True,
    config_maps=_REPOSITORIES,
    settings="""
ARGOCD_SERVER_INSECURE server.insecure
ARGOCD_SERVER_BASEHREF server.basehref
ARGOCD_SERVER_ROOTPATH server.rootpath
ARGOCD_SERVER_LOGFORMAT server.log.format
ARGOCD_SERVER_LOG_LEVEL server.log.level
ARGOCD_SERVER_REPO_SERVER repo.server
ARGOCD_SERVER_DISABLE_AUTH server.disable.auth
ARGOCD_APPLICATION_NAMESPACES application.namespaces
""",
)
NOTIFICATIONS = Part(
    name="argocd-notifications-controller",
    component="notifications-controller",
    binary="argocd-notifications",
    full=True,
    recreate=True,
    config_maps=_CERTIFICATES,
    settings="""
ARGOCD_NOTIFICATIONS_CONTROLLER_LOGFORMAT notificationscontroller.log.format
ARGOCD_NOTIFICATIONS_CONTROLLER_LOGLEVEL notificationscontroller.log.level
ARGOCD_APPLICATION_NAMESPACES application.namespaces
ARGOCD_NOTIFICATION_CONTROLLER_SELF_SERVICE_NOTIFICATION_ENABLED notificationscontroller.selfservice.enabled
""",
)
REDIS = Part(
    name="argocd-redis",
    component="redis",
    binary="",
    ports=(Port("tcp-redis", 6379, 6379, ""),),
    container_ports=(("", 6379),),
)
DEX = Part(
    name="argocd-dex-server",
    component="dex-server",
    binary="",
    ports=(Port("http", 5556, 5556), Port("grpc", 5557, 5557), Port("metrics", 5558, 5558)),
    container_ports=(("", 5556), ("", 5557), ("", 5558)),
    full=True,
    settings="""
ARGOCD_DEX_SERVER_LOGFORMAT dexserver.log.format
ARGOCD_DEX_SERVER_LOGLEVEL dexserver.log.level
ARGOCD_DEX_SERVER_DISABLE_TLS dexserver.disable.tls
""",
)

PARTS = (CONTROLLER, APPLICATION_SETS, DEX, NOTIFICATIONS, REDIS, REPO_SERVER, SERVER)


def labels(name: str, component: str = "") -> dict[str, str]:
    """What every object of an Argo CD is marked with."""
    made = {"app.kubernetes.io/component": component} if component else {}
    return {**made, "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "argocd"}
