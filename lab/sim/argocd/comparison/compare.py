"""An Application's wanted state against its live state.

Source: Argo CD 3.6.1 `controller/state.go` (CompareAppState).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lab.sim.argocd.clusters import Cluster
from lab.sim.argocd.comparison.custom import custom_type
from lab.sim.argocd.comparison.diff import DiffError, difference
from lab.sim.argocd.comparison.ignore import RulesError
from lab.sim.argocd.comparison.memory import Circumstances, Memory, same_objects
from lab.sim.argocd.comparison.pairs import Paired, paired
from lab.sim.argocd.comparison.records import (
    OUT_OF_SYNC,
    SYNCED,
    UNKNOWN,
    ComparedResource,
    Comparison,
    Condition,
    Difference,
)
from lab.sim.argocd.comparison.rules import COMPARE_OPTIONS, DiffRules, diff_rules
from lab.sim.argocd.comparison.server_side import server_side_difference, uses_server_side
from lab.sim.argocd.comparison.settings import ComparisonSettings
from lab.sim.argocd.comparison.states import resource_state
from lab.sim.argocd.comparison.targets import (
    Scope,
    Targets,
    is_managed_namespace,
    managed_namespace,
    prepared,
    without_deletion_hooks,
)
from lab.sim.argocd.health.application import ManagedResource, application_health
from lab.sim.argocd.health.status import HealthStatus
from lab.sim.argocd.live.key import ResourceKey
from lab.sim.argocd.ports import ConnectError
from lab.sim.argocd.project import Project
from lab.sim.objects import Object, name_of, namespace_of

if TYPE_CHECKING:
    from lab.sim.argocd.live.cluster import LiveCluster

_NONE: Object = {}
_UNKNOWN_LIVE = Difference(False, None, None)


async def compare(
    application: Object,
    project: Project,
    cluster: Cluster,
    live: LiveCluster | ConnectError,
    targets: Sequence[Object],
    settings: ComparisonSettings,
    *,
    controller_namespace: str,
    failures: Sequence[Condition] = (),
    previous: Comparison | None = None,
    fresh: bool = False,
    now: float | None = None,
) -> Comparison:
    """Compare.

    :param cluster: the destination, resolved
    :param live: its live state, or why there is none
    :param targets: what all sources render to, one after the other, with tracking marks; never changed
    :param controller_namespace: where Argo CD itself runs: Applications there are called by their bare name
    :param failures: conditions of a rendering that failed (`targets` is then (): "Failed to load target state: …");
        with any the status is Unknown
    :param previous: the last comparison of this Application; what did not change since is taken from it
    :param fresh: take nothing from `previous`: a refresh was asked for
    :param now: seconds since 1970, for health checks in Lua
    """
    memory = previous.memory if previous is not None and not fresh else None
    work = _Work(application, project, cluster, live, settings, controller_namespace)
    conditions = list(failures)
    wanted = work.prepared(targets, memory)
    conditions += wanted.conditions
    failed = bool(failures)
    found: Mapping[ResourceKey, Object] = {}
    try:
        if isinstance(live, ConnectError):
            raise live
        found = await live.managed(work.instance, wanted.objects)
    except ConnectError as error:
        conditions.append(Condition("ComparisonError", f"Failed to load live state: {error}"))
        failed = True
    if not failed and previous is not None and memory is not None and work.is_as_before(memory, wanted, found):
        return previous
    permitted = {key: obj for key, obj in sorted(found.items()) if work.permits(key, obj)}
    objects = list(wanted.objects)
    conditions += work.shared(permitted)
    objects += work.managed_namespaces(permitted, objects)
    kept, before_deletion, after_deletion = without_deletion_hooks(objects)
    pairs = paired(kept, permitted, work.namespace, work.is_namespaced)
    rules: DiffRules | None = None
    differences: list[Difference] = []
    try:
        rules = diff_rules(application, settings)
        differences = await work.differences(pairs, rules, memory)
    except RulesError as error:
        conditions.append(_not_compared(f"failed to create diff normalizer: {error}"))
        failed = True
    except DiffError as error:
        conditions.append(_not_compared(str(error)))
        failed = True
    resources, status = work.resources(pairs, differences, conditions, failed=failed)
    health = application_health(
        [ManagedResource(one.group, one.kind, one.namespace, one.name, one.target, one.live) for one in resources],
        application,
        settings.health,
        now,
    )
    if health.error:
        conditions.append(Condition("ComparisonError", f"error setting app health: {health.error}"))
    return Comparison(
        status=UNKNOWN if failed else OUT_OF_SYNC if work.has_other_namespace_metadata() else status,
        health=health,
        resources=work.sorted(resources, health.resources),
        hooks=pairs.hooks,
        conditions=conditions,
        has_pre_delete_hooks=before_deletion,
        has_post_delete_hooks=after_deletion,
        rules=rules,
        memory=work.memory(wanted, found, rules, pairs, differences) if rules is not None and not failed else None,
        persist_health=settings.persist_health,
    )


def _not_compared(why: str) -> Condition:
    return Condition("ComparisonError", f"Failed to compare desired state to live state: {why}")


class _Work:
    """One comparison."""

    def __init__(
        self,
        application: Object,
        project: Project,
        cluster: Cluster,
        live: LiveCluster | ConnectError,
        settings: ComparisonSettings,
        controller_namespace: str,
    ) -> None:
        self.application = application
        self.project = project
        self.cluster = cluster
        self.live = None if isinstance(live, ConnectError) else live
        self.settings = settings
        name, namespace = name_of(application), namespace_of(application)
        self.instance = name if namespace in ("", controller_namespace) else f"{namespace}_{name}"
        self.spec: Object = application.get("spec") or _NONE
        self.namespace = str((self.spec.get("destination") or _NONE).get("namespace") or "")
        metadata = application["metadata"]
        self.circumstances = Circumstances(
            spec=self.spec,
            options=str((metadata.get("annotations") or _NONE).get(COMPARE_OPTIONS) or ""),
            identity=(namespace, name, str(metadata.get("uid") or "")),
            synced_metadata=self._synced_metadata(),
            project=project,
            cluster=cluster,
            settings=settings,
            live=self.live,
            apis=None if self.live is None else self.live.apis,
        )
        self.is_namespaced: Scope = (lambda *_: False) if self.live is None else self.live.is_namespaced

    def _synced_metadata(self) -> object:
        state = (self.application.get("status") or _NONE).get("operationState") or _NONE
        result = state.get("syncResult")
        return None if result is None else (result.get("managedNamespaceMetadata"),)

    def has_other_namespace_metadata(self) -> bool:
        """Whether the marks of the managed namespace were changed since the last sync."""
        wanted = (self.spec.get("syncPolicy") or _NONE).get("managedNamespaceMetadata")
        synced = self.circumstances.synced_metadata
        return wanted is not None and synced is not None and synced != (wanted,)

    # -- objects

    def prepared(self, raw: Sequence[Object], memory: Memory | None) -> Targets:
        """Targets ready to be compared; the same ones as before where nothing changed."""
        if (
            memory is not None
            and same_objects(memory.targets.raw, raw)
            and memory.circumstances.same_as(self.circumstances)
        ):
            return memory.targets
        server, tracking = self.cluster.server, self.settings.tracking
        return prepared(
            tuple(raw), self.instance, self.namespace, server, tracking, self.settings.filter, self.is_namespaced
        )

    def is_as_before(self, memory: Memory, wanted: Targets, found: Mapping[ResourceKey, Object]) -> bool:
        """Whether nothing changed since; the targets of before are only taken in the same circumstances."""
        return memory.targets is wanted and memory.has_live(found)

    def permits(self, key: ResourceKey, obj: Object) -> bool:
        """Whether the project lets the Application have to do with a live object."""
        return self.project.permits_resource(key.group, key.kind, name_of(obj), namespace_of(obj), self.cluster)

    def shared(self, live: Mapping[ResourceKey, Object]) -> list[Condition]:
        """Warnings of objects that bear another Application's mark."""
        own = self.application
        qualified = f"{namespace_of(own)}/{name_of(own)}" if namespace_of(own) else name_of(own)
        found = []
        for obj in live.values():
            other = self.settings.tracking.instance(obj)
            if other and other != self.instance:
                both = f"{qualified} and {other.replace('_', '/')}"
                text = f"{obj.get('kind')}/{name_of(obj)} is part of applications {both}"
                found.append(Condition("SharedResourceWarning", text))
        return found

    def managed_namespaces(self, live: Mapping[ResourceKey, Object], targets: Sequence[Object]) -> list[Object]:
        """A live namespace with this Application's mark that only `managedNamespaceMetadata` speaks of, as wanted."""
        if any(is_managed_namespace(one, self.application) for one in targets):
            return []
        found = [one for one in live.values() if is_managed_namespace(one, self.application)]
        return [managed_namespace(self.application, one) for one in found]

    # -- differences

    async def differences(self, pairs: Paired, rules: DiffRules, memory: Memory | None) -> list[Difference]:
        """How each pair differs, in their order. Raises DiffError."""
        found = []
        for target, live in pairs.pairs:
            known = None
            if memory is not None and target is not None and live is not None:
                known = memory.difference(target, live, rules)
            found.append(known if known is not None else await self._difference(target, live, rules))
        return found

    async def _difference(self, target: Object | None, live: Object | None, rules: DiffRules) -> Difference:
        if target is None or live is None or self.live is None:
            return difference(target, live, rules)
        kind = custom_type(self.live, target)
        if uses_server_side(target, rules):
            return await server_side_difference(target, live, rules, self.live, kind)
        return difference(target, live, rules, kind)

    # -- verdicts

    def resources(
        self, pairs: Paired, differences: Sequence[Difference], conditions: list[Condition], *, failed: bool
    ) -> tuple[list[ComparedResource], str]:
        """Every resource with its status, in the order of `pairs`; and the status of all together."""
        made = []
        status = SYNCED
        for place, (target, live) in enumerate(pairs.pairs):
            found = differences[place] if place < len(differences) else _UNKNOWN_LIVE
            one, counts = resource_state(target, live, found, self.application, pairs.hooks, self.settings.tracking)
            if counts:
                status = OUT_OF_SYNC
            namespaced = self.is_namespaced(one.group, one.kind)
            if failed or not self.project.permits_kind(one.group, one.kind, one.name, namespaced=namespaced is True):
                one = replace(one, status=UNKNOWN)
            if namespaced and not one.namespace:
                shown = f"{one.group}/{one.version}" if one.group else f"/{one.version}"
                text = f"Namespace for {one.name} {shown}, Kind={one.kind} is missing."
                conditions.append(Condition("InvalidSpecError", text))
            made.append(one)
        return made, status

    def sorted(
        self, resources: Sequence[ComparedResource], healths: Mapping[int, HealthStatus]
    ) -> list[ComparedResource]:
        """With their health, in the order of `status.resources`."""
        made = [replace(one, health=healths.get(place)) for place, one in enumerate(resources)]
        return sorted(made, key=lambda one: "/".join((one.group, one.kind, one.namespace, one.name)))

    def memory(
        self,
        wanted: Targets,
        found: Mapping[ResourceKey, Object],
        rules: DiffRules,
        pairs: Paired,
        differences: Sequence[Difference],
    ) -> Memory:
        """What the next comparison may take over."""
        known = {
            (id(target), id(live)): (target, live, one)
            for (target, live), one in zip(pairs.pairs, differences, strict=True)
            if target is not None and live is not None
        }
        return Memory(self.circumstances, wanted, found, rules, known)
