"""How the ApplicationSet controller is set up: its command line, and its environment where a flag is not given.

Source: Argo CD 3.6.1 `cmd/argocd-applicationset-controller/commands/applicationset_controller.go`,
`applicationset/generators/interface.go`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab.sim.argocd.durations import parse_duration
from lab.sim.argocd.glob import in_list

_PREFIX = "ARGOCD_APPLICATIONSET_CONTROLLER_"
_POLICIES = {"": "sync", **{one: one for one in ("sync", "create-only", "create-update", "create-delete")}}
_TRUE, _FALSE = (
    frozenset(("1", "t", "T", "TRUE", "true", "True")),
    frozenset(("0", "f", "F", "FALSE", "false", "False")),
)
_FLAGS = {
    "applicationset-namespaces": "NAMESPACES",
    "policy": "POLICY",
    "enable-policy-override": "ENABLE_POLICY_OVERRIDE",
    "enable-progressive-syncs": "ENABLE_PROGRESSIVE_SYNCS",
    "refresh-grace-period-seconds": "REFRESH_GRACE_PERIOD_SECONDS",
    "enable-new-git-file-globbing": "ENABLE_NEW_GIT_FILE_GLOBBING",
    "preserved-annotations": "GLOBAL_PRESERVED_ANNOTATIONS",
    "preserved-labels": "GLOBAL_PRESERVED_LABELS",
    "allowed-scm-providers": "ALLOWED_SCM_PROVIDERS",
    "enable-scm-providers": "ENABLE_SCM_PROVIDERS",
    "token-ref-strict-mode": "TOKENREF_STRICT_MODE",
    "max-resources-status-count": "MAX_RESOURCES_STATUS_COUNT",
    "concurrent-reconciliations": "CONCURRENT_RECONCILIATIONS",
    "dry-run": "DRY_RUN",
}
_SWITCHES = frozenset(
    (
        "enable-policy-override",
        "enable-progressive-syncs",
        "enable-new-git-file-globbing",
        "enable-scm-providers",
        "token-ref-strict-mode",
        "dry-run",
    )
)


class SettingsError(ValueError):
    """The controller cannot be started so; the text is what it would log."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Times are in seconds."""

    namespaces: tuple[str, ...]
    """Patterns of the namespaces whose ApplicationSets count; the controller's own stands last."""
    policy: str = "sync"
    policy_override: bool = True
    """Whether an ApplicationSet may have a policy of its own."""
    progressive_syncs: bool = False
    refresh_grace: float = 30.0
    requeue_after: float = 180.0
    new_file_globbing: bool = False
    preserved_annotations: tuple[str, ...] = ()
    preserved_labels: tuple[str, ...] = ()
    scm_providers: bool = True
    allowed_scm_providers: tuple[str, ...] = ()
    token_ref_strict: bool = False
    most_resources: int = 5000
    """Entries of `status.resources`; 0 for no limit."""
    workers: int = 10
    """ApplicationSets reconciled at the same time."""

    def watches(self, namespace: str) -> bool:
        """Whether ApplicationSets of a namespace count."""
        return in_list(self.namespaces, namespace)

    def policy_of(self, application_set_policy: str | None) -> str:
        """What holds for an ApplicationSet that asks for a policy, or for None."""
        return application_set_policy if application_set_policy and self.policy_override else self.policy


def read_settings(argv: Sequence[str], env: Mapping[str, str], namespace: str) -> Settings:
    """The settings of a container. What the environment says in a way that cannot be read counts as not said.

    Raises SettingsError for what the real controller does not start with.
    """
    given = _flags(argv)

    def text(flag: str) -> str:
        return given.get(flag, env.get(_PREFIX + _FLAGS[flag], ""))

    def switch(flag: str, default: bool) -> bool:
        said = text(flag)
        return True if said in _TRUE else False if said in _FALSE else default

    def number(flag: str, default: int) -> int:
        said = text(flag)
        return int(said) if said.isdecimal() else default

    def words(flag: str) -> tuple[str, ...]:
        return tuple(one.strip() for one in text(flag).split(",") if one.strip())

    policy = text("policy")
    if policy not in _POLICIES:
        raise SettingsError("Policy value can be: sync, create-only, create-update, create-delete, default value: sync")
    if switch("dry-run", False):
        raise SettingsError("--dry-run is not supported by the simulator; use --provider kind")
    namespaces, allowed = words("applicationset-namespaces"), words("allowed-scm-providers")
    scm = switch("enable-scm-providers", True)
    if namespaces and scm and not allowed:
        raise SettingsError(
            "When enabling applicationset in any namespace using applicationset-namespaces, you must either set "
            "--enable-scm-providers=false or specify --allowed-scm-providers"
        )
    return Settings(
        namespaces=(*namespaces, namespace),
        policy=_POLICIES[policy],
        policy_override=switch("enable-policy-override", policy == ""),
        progressive_syncs=switch("enable-progressive-syncs", False),
        refresh_grace=float(number("refresh-grace-period-seconds", 30)),
        requeue_after=_requeue_after(env),
        new_file_globbing=switch("enable-new-git-file-globbing", False),
        preserved_annotations=words("preserved-annotations"),
        preserved_labels=words("preserved-labels"),
        scm_providers=scm,
        allowed_scm_providers=allowed,
        token_ref_strict=switch("token-ref-strict-mode", False),
        most_resources=number("max-resources-status-count", 5000),
        workers=max(number("concurrent-reconciliations", 10), 1),
    )


def _flags(argv: Sequence[str]) -> dict[str, str]:
    """`--name=value`, `--name value` and `--switch`; others are passed over."""
    given: dict[str, str] = {}
    for place, word in enumerate(argv):
        if not word.startswith("--"):
            continue
        name, equals, value = word[2:].partition("=")
        if equals:
            given[name] = value
        elif name in _SWITCHES:
            given[name] = "true"
        elif place + 1 < len(argv):
            given[name] = argv[place + 1]
    return given


def _requeue_after(env: Mapping[str, str]) -> float:
    try:
        seconds = parse_duration(env.get(_PREFIX + "REQUEUE_AFTER", ""))
    except ValueError:
        return 180.0
    return seconds if 1 <= seconds <= 8760 * 3600 else 180.0
