"""The verbs of the API on one cluster's objects: what happens between a decoded request and the store.

One path for everyone: the HTTP server and the controllers' in-process client call these methods. They are synchronous
and run in the event loop's thread, so a read followed by a write is never interrupted. Source of the order of steps:
apiserver `pkg/registry/generic/registry/store.go`, `pkg/endpoints/handlers/{create,update,patch,delete}.go`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

from lab.sim.api import (
    admission,
    crd,
    defaults,
    deletion,
    managed_fields,
    paging,
    schema,
    selectors,
    shared_schemas,
    validation,
)
from lab.sim.api import patch as patches
from lab.sim.api.context import Context, DeleteOptions
from lab.sim.api.resources import Object, Registry, Resource
from lab.sim.api.status import (
    ApiError,
    Cause,
    already_exists,
    bad_request,
    conflict,
    expired,
    forbidden_field,
    internal,
    invalid,
    invalid_value,
    not_found,
    required,
)
from lab.sim.api.store import Store, Subscription, TooOld
from lab.sim.api.strategies import strategy
from lab.sim.clock import Clock, timestamp
from lab.sim.objects import new_uid, thaw

_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of a list."""

    items: list[Object]
    revision: str
    carry_on: str = ""
    """The `continue` token; "" on the last page."""
    remaining: int | None = None
    """`remainingItemCount`; None where a selector makes it unknown."""


class Rest:
    """The objects of one cluster and what may be done with them."""

    def __init__(self, store: Store, registry: Registry, clock: Clock, minor: int) -> None:
        """`minor`: the Kubernetes minor whose schemas hold, e.g. 34."""
        self.store = store
        self.registry = registry
        self.clock = clock
        self.minor = minor
        self.guard: Callable[[admission.Write], None] | None = None
        """Refuses writes of roles and bindings that grant more than their writer has; None lets all pass."""

    # -- reading

    def get(self, resource: Resource, namespace: str, name: str) -> Object:
        """One object. Raises 404."""
        found = self.store.get(resource.storage, namespace, name)
        if found is None:
            raise not_found(resource.group, resource.plural, name)
        return shown(resource, found)

    def list(
        self,
        resource: Resource,
        namespace: str = "",
        labels: str = "",
        fields: str = "",
        limit: int = 0,
        carry_on: str = "",
        revision: str = "",
        match: str = "",
    ) -> Listed:
        """Objects that match both selectors, at most `limit` (0: all), from a `continue` token on.

        `revision` and `match` are `resourceVersion` and `resourceVersionMatch`. Raises 400 for bad selectors and
        tokens, 410 when an exact resourceVersion is too old. Later pages show what is stored by then, under the first
        page's resourceVersion: a watch from there tells every change made in between, some of it a second time.
        """
        keep = both(selectors.labels(labels), selectors.fields(fields, resource))
        at = paging.list_revision(self.store.revision, revision, match, carry_on)
        after = None
        if carry_on:
            at, after = paging.read_token(carry_on)
            if at > self.store.revision:
                raise expired("The provided continue parameter is from another cluster or of the future.")
        found: Iterable[Object] = self.store.scan(resource.storage, namespace, after)
        if keep is not None:
            found = filter(keep, found)
        items = list(islice(found, limit + 1) if limit else found)
        more = bool(limit) and len(items) > limit
        if more:
            items.pop()
        if resource.custom is not None or resource.storage in VERSIONED:
            items = [shown(resource, obj) for obj in items]
        token, remaining = "", None
        if more:
            last = items[-1]["metadata"]
            token = paging.make_token(at, last.get("namespace", ""), last["name"])
            if keep is None:
                key = (last.get("namespace", ""), last["name"])
                remaining = self.store.count(resource.storage, namespace, key)
        return Listed(items, str(at), token, remaining)

    def watch(self, resource: Resource, namespace: str = "", revision: str = "") -> Subscription:
        """Changes after `revision`; "" and "0" for from now on. Raises 410 when they are no longer known."""
        since = paging.parse_revision(revision)
        if since > self.store.revision:
            raise paging.too_new(since, self.store.revision)
        try:
            return self.store.subscribe(resource.storage, namespace, since or None)
        except TooOld:
            raise expired(f"too old resource version: {since} ({self.store.revision})") from None

    # -- writing

    def create(self, resource: Resource, namespace: str, obj: Object, context: Context, name: str = "") -> Object:
        """Create an object of which the caller gives up its copy. `name`: what the path says, "" for nothing."""
        crd.check_create(resource)
        metadata = self._decoded(resource, namespace, name, obj, context)
        rules = strategy(resource)
        now = timestamp(self.clock.now())
        if metadata.get("resourceVersion"):
            raise bad_request("resourceVersion should not be set on objects to be created")
        for field in ("resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"):
            metadata.pop(field, None)
        metadata["uid"] = new_uid()
        metadata["creationTimestamp"] = now
        if has_generation(resource):
            metadata["generation"] = 1
        else:
            metadata.pop("generation", None)
        defaults.apply(resource, obj)
        if context.manager:
            managed_fields.track(resource, obj, None, context.manager, now, minor=self.minor)
        write = admission.Write("CREATE", resource, namespace, metadata.get("name", ""), obj, None, context)
        admission.mutate(self, write)
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = self._generate(resource, namespace, str(metadata["generateName"]))
        name = write.name = str(metadata.get("name") or "")
        rules.prepare_create(self, resource, obj, context)
        wrong = validation.on_create(resource, obj)
        if not name and not any(one.field == "metadata.name" for one in wrong):
            wrong = [required("metadata.name", "name or generateName is required"), *wrong]
        if wrong:
            raise invalid(resource.group, resource.kind, name, wrong)
        admission.validate(self, write)
        rules.allocate(self, resource, obj, None, context)
        held = self.store.get(resource.storage, namespace, name)
        if held is not None:
            leaving = "deletionTimestamp" in held["metadata"]
            raise already_exists(resource.group, resource.plural, name, leaving)
        if context.dry_run:
            return obj
        return shown(resource, self.store.put(resource.storage, namespace, name, kept(resource, obj)))

    def update(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        obj: Object,
        context: Context,
        subresource: str = "",
    ) -> Object:
        """Replace an object, or what `subresource` shows of it, by the caller's own copy.

        Creates it where the kind allows that. Raises 404, 409 for a stale write and 422.
        """
        if not subresource and not _named(obj):
            raise bad_request(f"the name of the object ({name} based on URL) was undeterminable: name must be provided")
        metadata = self._decoded(resource, namespace, name, obj, context)
        rules = strategy(resource)
        if rules.create_on_update and not subresource and self.store.get(resource.storage, namespace, name) is None:
            metadata.pop("resourceVersion", None)
            return self.create(resource, namespace, obj, context, name)
        old = self.get(resource, namespace, name)
        if metadata.get("uid") and metadata["uid"] != old["metadata"]["uid"]:
            raise conflict(
                resource.group,
                resource.plural,
                name,
                f"StorageError: invalid object, Code: 4, Key: {resource.key(namespace, name)}, ResourceVersion: 0, "
                f"AdditionalErrorMsg: Precondition failed: UID in precondition: {metadata['uid']}, "
                f"UID in object meta: {old['metadata']['uid']}",
            )
        if not rules.unconditional_update and not metadata.get("resourceVersion"):
            wrong = invalid_value("metadata.resourceVersion", 0, "must be specified for an update")
            raise invalid(resource.group, resource.plural, name, [wrong])
        return self._replace(resource, namespace, name, obj, old, context, subresource, None)

    def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        patch: Any,
        kind: str,
        context: Context,
        subresource: str = "",
    ) -> Object:
        """Change an object by a `json`, `merge` or `strategic` patch."""
        old = self.get(resource, namespace, name)
        obj = patches.patched(resource, old, patch, kind, self.minor)
        if not subresource and not _named(obj):
            raise bad_request(f"the name of the object ({name} based on URL) was undeterminable: name must be provided")
        self._decoded(resource, namespace, name, obj, context, kind, patch)
        return self._replace(resource, namespace, name, obj, old, context, subresource, None)

    def apply(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        obj: Object,
        context: Context,
        force: bool = False,
        subresource: str = "",
    ) -> tuple[Object, bool]:
        """Server-side apply; True when the object was created. Raises 409 for fields of other managers."""
        if not context.manager or context.manager == "unknown":
            raise invalid("meta.k8s.io", "PatchOptions", "", [required("fieldManager", "is required for apply patch")])
        now = timestamp(self.clock.now())
        quiet = _quiet(context)
        schema.decode(resource, obj, context, self.minor, "apply")
        live = self.store.get(resource.storage, namespace, name)
        if live is None:
            if subresource:
                raise not_found(resource.group, resource.plural, name)
            merged = managed_fields.apply(resource, None, obj, context.manager, force, now, minor=self.minor)
            metadata = merged["metadata"]
            if metadata.get("uid"):
                raise conflict(
                    resource.group,
                    resource.plural,
                    name,
                    "uid mismatch: the provided object specified uid "
                    f"{metadata['uid']}, and no existing object was found",
                )
            return self.create(resource, namespace, thaw(merged), quiet, name), True
        live = shown(resource, live)
        merged = thaw(
            managed_fields.apply(resource, live, obj, context.manager, force, now, subresource, minor=self.minor)
        )
        self._decoded(resource, namespace, name, merged, quiet)
        entries = merged["metadata"].get("managedFields", [])
        return self._replace(resource, namespace, name, merged, live, context, subresource, entries), False

    def _replace(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        new: Object,
        old: Object,
        context: Context,
        subresource: str,
        entries: Any,
    ) -> Object:
        """The way of every change. `entries`: managedFields that are already worked out, None to track."""
        before, after = old["metadata"], new["metadata"]
        if after.get("resourceVersion") and after["resourceVersion"] != before["resourceVersion"]:
            raise conflict(resource.group, resource.plural, name)
        wrong = _metadata_errors(before, after)
        for field in _SERVER_FIELDS:
            if field in before:
                after[field] = before[field]
            else:
                after.pop(field, None)
        if entries is None and "managedFields" not in after and "managedFields" in before:
            after["managedFields"] = before["managedFields"]
        defaults.apply(resource, new)
        if entries is None:
            now = timestamp(self.clock.now())
            managed_fields.track(resource, new, old, context.manager, now, subresource, minor=self.minor)
        rules = strategy(resource)
        if subresource == "status":
            after = {**_without(after, *rules.status_keeps), **_only(before, *rules.status_keeps)}
            new = {**thaw(_without(old, "metadata", "status")), "metadata": after, **_only(new, "status")}
        elif not subresource and "status" in resource.subresources:
            if "status" in old:
                new["status"] = old["status"]
            else:
                new.pop("status", None)
        write = admission.Write("UPDATE", resource, namespace, name, new, old, context, subresource)
        admission.mutate(self, write)
        rules.prepare_update(self, resource, new, old, subresource)
        if has_generation(resource) and subresource not in ("status", "binding") and rules.generation_moves(new, old):
            after["generation"] = before.get("generation", 0) + 1
        wrong += validation.on_update(resource, new, old, subresource)
        if wrong:
            raise invalid(resource.group, resource.kind, name, wrong)
        admission.validate(self, write)
        rules.allocate(self, resource, new, old, context)
        if _same(new, old):
            return old
        if context.dry_run:
            return new
        if (
            after.get("deletionTimestamp")
            and not after.get("finalizers")
            and not after.get("deletionGracePeriodSeconds")
            and rules.deletable(resource, new)
        ):
            self.store.remove(resource.storage, namespace, name)
            return new
        return shown(resource, self.store.put(resource.storage, namespace, name, kept(resource, new)))

    def delete(
        self, resource: Resource, namespace: str, name: str, options: DeleteOptions, context: Context
    ) -> tuple[Object, bool]:
        """Delete, or begin to: the object's last state, and True when it is gone."""
        old = self.get(resource, namespace, name)
        deletion.check(resource, old, options)
        rules = strategy(resource)
        admission.validate(self, admission.Write("DELETE", resource, namespace, name, None, old, context))
        warning = rules.deletion_warning(options)
        if warning and warning not in context.warnings:
            context.warnings.append(warning)
        new, gone = deletion.begun(resource, old, options, rules, self.clock, has_generation(resource))
        if new is not old and not old["metadata"].get("deletionTimestamp"):
            rules.begin_delete(self, resource, new)
        if context.dry_run:
            return new, gone
        if new is not old and not _same(new, old):
            new = shown(resource, self.store.put(resource.storage, namespace, name, kept(resource, new)))
        if gone:
            new = shown(resource, self.store.remove(resource.storage, namespace, name))
        return new, gone

    def delete_collection(
        self, resource: Resource, namespace: str, labels: str, fields: str, options: DeleteOptions, context: Context
    ) -> Listed:
        """Delete everything a list with these selectors gives; returns that list."""
        listed = self.list(resource, namespace, labels, fields)
        for obj in listed.items:
            metadata = obj["metadata"]
            try:
                self.delete(resource, metadata.get("namespace", ""), metadata["name"], options, context)
            except ApiError as error:
                if error.code != 404:
                    raise
        return listed

    def transform(self, resource: Resource, namespace: str, name: str, change: Callable[[Object], None]) -> Object:
        """Change an object from within the server: no validation, no managed fields. Used by strategies and reviews."""
        old = self.get(resource, namespace, name)
        new = thaw(old)
        change(new)
        if new == old:
            return old
        return shown(resource, self.store.put(resource.storage, namespace, name, kept(resource, new)))

    # -- on the way in

    def _decoded(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        obj: Object,
        context: Context,
        form: str = "",
        patch: Any = None,
    ) -> Object:
        """Check the envelope and the schema; returns the metadata. `form` and `patch`: as for `schema.decode`."""
        api_version, kind = obj.get("apiVersion"), obj.get("kind")
        if kind is None:
            kind = obj["kind"] = resource.kind
        if api_version is None:
            api_version = obj["apiVersion"] = resource.api_version
        if (api_version, kind) != (resource.api_version, resource.kind):
            if not isinstance(api_version, str) or not isinstance(kind, str):
                raise bad_request("Object 'Kind' and 'apiVersion' must be strings")
            if kind == resource.kind:
                raise bad_request(
                    f"the API version in the data ({api_version}) does not match the expected API version "
                    f"({resource.api_version})"
                )
            raise bad_request(
                f'{kind} in version "{api_version.rpartition("/")[2]}" cannot be handled as a {resource.kind}: '
                f"converting ({api_version.rpartition('/')[2]}.{kind}) to "
                f"({resource.group.partition('.')[0] or 'core'}.{resource.kind}): unknown conversion"
            )
        metadata = obj.get("metadata")
        if metadata is None:
            metadata = obj["metadata"] = {}
        if isinstance(metadata, dict) and metadata.get("managedFields") == []:
            metadata["managedFields"] = [{}]  # asks to forget all owners; an empty list would be left out
        schema.decode(resource, obj, context, self.minor, form, patch)
        if resource.storage == crd.STORAGE:
            shared_schemas.share(obj)
        metadata = obj["metadata"]
        if resource.namespaced:
            said = metadata.get("namespace")
            if said and said != namespace:
                raise bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request"
                )
            metadata["namespace"] = namespace
        else:
            metadata.pop("namespace", None)
        said = metadata.get("name")
        if name:
            if said and said != name:
                raise bad_request(f"the name of the object ({said}) does not match the name on the URL ({name})")
            metadata["name"] = name
        return cast(Object, obj["metadata"])

    def _generate(self, resource: Resource, namespace: str, base: str) -> str:
        for _ in range(8):
            name = base[:58] + "".join(secrets.choice(_SUFFIX) for _ in range(5))
            if self.store.get(resource.storage, namespace, name) is None:
                return name
        raise internal("no free name found")


_SERVER_FIELDS = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "selfLink",
    "resourceVersion",
)


def _quiet(context: Context) -> Context:
    """The same circumstances for the creation within an apply: warnings are given once, owners are worked out."""
    return Context(context.user, "", context.dry_run, "Ignore", (), context.warnings)


def has_generation(resource: Resource) -> bool:
    """Whether objects of this kind count changes of their spec in `metadata.generation`."""
    return resource.custom is not None or resource.storage in _COUNTED


_COUNTED = frozenset(
    [
        "deployments.apps",
        "replicasets.apps",
        "statefulsets.apps",
        "daemonsets.apps",
        "replicationcontrollers",
        "jobs.batch",
        "cronjobs.batch",
        "ingresses.networking.k8s.io",
        "networkpolicies.networking.k8s.io",
        "poddisruptionbudgets.policy",
        "pods",
        "customresourcedefinitions.apiextensions.k8s.io",
        "validatingwebhookconfigurations.admissionregistration.k8s.io",
        "mutatingwebhookconfigurations.admissionregistration.k8s.io",
        "validatingadmissionpolicies.admissionregistration.k8s.io",
        "validatingadmissionpolicybindings.admissionregistration.k8s.io",
        "ingressclasses.networking.k8s.io",
        "podtemplates",
        "priorityclasses.scheduling.k8s.io",
        "endpointslices.discovery.k8s.io",
    ]
)


VERSIONED = frozenset(("events", "horizontalpodautoscalers.autoscaling"))
"""Built-in kinds that are served in two versions, by `Resource.storage`."""


def shown(resource: Resource, obj: Object) -> Object:
    """A stored object as this version shows it."""
    if resource.custom is not None:
        return crd.read(resource, obj)
    if obj["apiVersion"] == resource.api_version:
        return obj
    from lab.sim.api.conversion import converted

    return converted(obj, resource)


def kept(resource: Resource, obj: Object) -> Object:
    """An object as it is stored, whatever version it was written in."""
    if resource.custom is not None:
        return crd.kept(resource, obj)
    if resource.storage not in VERSIONED:
        if resource.storage == crd.STORAGE:
            shared_schemas.share(obj)
        return obj
    from lab.sim.api.conversion import canonical

    return canonical(obj, resource)


def both(first: selectors.Matcher | None, second: selectors.Matcher | None) -> selectors.Matcher | None:
    """A matcher for both; None matches everything."""
    if first is None or second is None:
        return first or second
    return lambda obj: first(obj) and second(obj)


def _named(obj: Object) -> bool:
    """Whether the metadata has a name; what is no object is left to the decoder to refuse."""
    metadata = obj.get("metadata")
    return bool(metadata.get("name")) if isinstance(metadata, dict) else bool(metadata)


def _without(obj: Object, *fields: str) -> Object:
    return {key: value for key, value in obj.items() if key not in fields}


def _only(obj: Object, *fields: str) -> Object:
    return {field: obj[field] for field in fields if field in obj}


def _metadata_errors(before: Object, after: Object) -> list[Cause]:
    """What of the metadata a client may not change. Source: apimachinery `pkg/api/validation/objectmeta.go`."""
    wrong = []
    for field in ("uid", "deletionTimestamp", "deletionGracePeriodSeconds"):
        said = after.get(field)
        if said is not None and said != before.get(field) and (field == "uid" or field not in before):
            wrong.append(invalid_value(f"metadata.{field}", said, "field is immutable"))
    if before.get("deletionTimestamp"):
        added = sorted(set(after.get("finalizers") or ()).difference(before.get("finalizers") or ()))
        if added:
            listed = ", ".join(f'"{one}"' for one in added)
            detail = "no new finalizers can be added if the object is being deleted, found new finalizers "
            wrong.append(forbidden_field("metadata.finalizers", f"{detail}[]string{{{listed}}}"))
    return wrong


def _same(new: Object, old: Object) -> bool:
    """Whether a write would change nothing but the times in managedFields."""
    if new == old:
        return True
    if _without(new, "metadata") != _without(old, "metadata"):
        return False
    before, after = old["metadata"], new["metadata"]
    if _without(before, "managedFields", "resourceVersion") != _without(after, "managedFields", "resourceVersion"):
        return False
    return _timeless(before.get("managedFields")) == _timeless(after.get("managedFields"))


def _timeless(entries: Iterable[Object] | None) -> list[Object]:
    return [_without(one, "time") for one in entries or ()]
