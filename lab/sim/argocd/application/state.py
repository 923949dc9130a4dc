"""An Application's wanted and live state, fetched and compared.

Source: Argo CD 3.6.1 `controller/state.go` (CompareAppState).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from lab.sim.argocd.application import spec as specs
from lab.sim.argocd.application.context import Context
from lab.sim.argocd.application.status import with_conditions
from lab.sim.argocd.application.target import KUSTOMIZE_OPTIONS, Destination, Target, TargetError, load
from lab.sim.argocd.clusters import Cluster
from lab.sim.argocd.comparison import CONDITION_TYPES, UNKNOWN, Comparison, ComparisonSettings, SettingsError, compare
from lab.sim.argocd.comparison.records import Condition
from lab.sim.argocd.destinations import cluster_of
from lab.sim.argocd.health.application import ApplicationHealth
from lab.sim.argocd.live.cluster import LiveCluster
from lab.sim.argocd.ports import ConnectError
from lab.sim.argocd.project import Project
from lab.sim.objects import Object


@dataclass(frozen=True, slots=True)
class Compared:
    """The outcome for one Application."""

    comparison: Comparison
    sync: Object
    """`status.sync`."""
    status: Object
    """The status that was given, with the conditions the comparison found."""
    cluster: Cluster
    live: LiveCluster | None
    """None when it cannot be reached."""
    settings: ComparisonSettings | None
    """None when argocd-cm cannot be read."""
    source_types: Sequence[str] = ()
    revisions_may_differ: bool = False


async def compare_state(
    context: Context,
    app: Object,
    status: Object,
    project: Project,
    sources: Sequence[Object],
    revisions: Sequence[str],
    *,
    multiple: bool,
    hard: bool = False,
    force_resolve: bool = False,
    manifests: Sequence[str] = (),
) -> Compared | None:
    """Compare; None for an error of the repository server that is not told yet.

    :param status: the one whose conditions are brought up to date
    :param sources: those to render, which an operation may have chosen otherwise than the spec
    :param revisions: what to render of each, "" for its `targetRevision`
    :param multiple: whether they are told as `sources`
    :param force_resolve: ask Git anew; then an error counts at once
    :param manifests: JSON texts to take instead of rendering
    Raises DestinationError.
    """
    spec = app["spec"]
    cluster = cluster_of(specs.destination(spec), context.hub.clusters)
    sync = _sync_status(spec, sources, revisions, multiple)
    try:
        settings = context.hub.settings()
    except SettingsError as error:
        context.log("info", f"Basic comparison settings cannot be loaded, using unknown comparison: {error}")
        return Compared(Comparison(UNKNOWN, ApplicationHealth(UNKNOWN)), sync, status, cluster, None, None)
    memory = context.memory(app)
    live = await _live(context, cluster)
    instance = context.instance(app)
    failures: list[Condition] = []
    target = Target()
    try:
        if manifests:
            target = _local(manifests)
        else:
            if isinstance(live, ConnectError):
                raise TargetError(f'failed to get cluster version for cluster "{cluster.server}": {live}')
            target = await load(
                app,
                instance,
                sources,
                revisions,
                Destination(live.version, live.api_versions()),
                settings.tracking,
                context.repo_server,
                kustomize_options=context.hub.config.get(KUSTOMIZE_OPTIONS, ""),
                hard=hard,
                force_resolve=force_resolve,
            )
            memory.failed_at = None
    except TargetError as error:
        if not manifests and not _is_told(context, app, force_resolve):
            return None
        what = "local manifests" if manifests else "target state"
        failures.append(Condition("ComparisonError", f"Failed to load {what}: {error}"))
    comparison = await compare(
        app,
        project,
        cluster,
        live,
        target.objects,
        settings,
        controller_namespace=context.namespace,
        failures=failures,
        previous=memory.comparison,
        fresh=hard or bool(specs.refresh_requested(app)),
        now=context.clock.now(),
    )
    memory.comparison = comparison
    if multiple:
        sync.pop("revisions", None)
        if target.revisions:
            sync["revisions"] = list(target.revisions)
    elif target.revisions:
        sync["revision"] = target.revisions[0]
    sync["status"] = comparison.status
    return Compared(
        comparison,
        sync,
        with_conditions(status, comparison.conditions, CONDITION_TYPES, context.now()),
        cluster,
        None if isinstance(live, ConnectError) else live,
        settings,
        target.source_types,
        target.revisions_may_differ,
    )


async def _live(context: Context, cluster: Cluster) -> LiveCluster | ConnectError:
    try:
        return await context.live.cluster(cluster)
    except ConnectError as error:
        return error


def _sync_status(spec: Object, sources: Sequence[Object], revisions: Sequence[str], multiple: bool) -> Object:
    compared: Object = {"destination": specs.destination(spec)}
    if spec.get("ignoreDifferences"):
        compared["ignoreDifferences"] = spec["ignoreDifferences"]
    sync: Object = {"status": UNKNOWN, "comparedTo": compared}
    if multiple:
        compared["sources"] = list(sources)
        sync["revisions"] = list(revisions)
    else:
        if sources and sources[0]:
            compared["source"] = sources[0]
        if revisions and revisions[0]:
            sync["revision"] = revisions[0]
    return sync


def _local(manifests: Sequence[str]) -> Target:
    try:
        return Target([orjson.loads(one) for one in manifests])
    except orjson.JSONDecodeError as error:
        raise TargetError(str(error)) from None


def _is_told(context: Context, app: Object, force_resolve: bool) -> bool:
    """Whether an error of the repository server counts: not at first, and not within the grace period."""
    memory = context.memory(app)
    now = context.clock.now()
    if memory.failed_at is not None:
        return force_resolve or now - memory.failed_at > context.env.repository_grace
    if force_resolve:
        return True
    memory.failed_at = now
    return context.env.repository_grace <= 0
