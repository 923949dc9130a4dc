"""The verbs of the API on one cluster's objects: what happens between a decoded request and the store.

One path for everyone: the HTTP server and the controllers' in-process client call these methods. They are synchronous
and run in the event loop's thread, so a read followed by a write is never interrupted. Source of the order of steps:
apiserver `pkg/registry/generic/registry/store.go`, `pkg/endpoints/handlers/{create,update,patch,delete}.go`.
"""

from __future__ import annotations

import base64
import secrets
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast

import orjson

from lab.sim.api import admission, defaults, managed_fields, schema, selectors, validation
from lab.sim.api import patch as patches
from lab.sim.api.context import Context, DeleteOptions
from lab.sim.api.resources import Object, Registry, Resource
from lab.sim.api.status import (
    ApiError,
    already_exists,
    bad_request,
    conflict,
    expired,
    internal,
    invalid,
    not_found,
    required,
)
from lab.sim.api.store import Store, Subscription, TooOld
from lab.sim.api.strategies import strategy
from lab.sim.clock import Clock, timestamp
from lab.sim.objects import thaw

Names = list[str]
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

        `revision` and `match` are `resourceVersion` and `resourceVersionMatch`. Raises 400 for bad selectors and tokens,
        410 when a token or an exact resourceVersion is too old.
        """
        keep = both(selectors.labels(labels), selectors.fields(fields, resource))
        at = self._list_revision(revision, match, carry_on)
        after = None
        if carry_on:
            at, after = _token(carry_on)
            if at > self.store.revision:
                raise expired("The provided continue parameter is from another cluster or of the future.")
        items: list[Object] = []
        more = False
        for obj in self.store.scan(resource.storage, namespace, after):
            if keep is None or keep(obj):
                if limit and len(items) == limit:
                    more = True
                    break
                items.append(shown(resource, obj))
        token, remaining = "", None
        if more:
            last = items[-1]["metadata"]
            token = _make_token(at, last.get("namespace", ""), last["name"])
            if keep is None:
                remaining = self._behind(resource, namespace, (last.get("namespace", ""), last["name"]))
        return Listed(items, str(at), token, remaining)

    def _behind(self, resource: Resource, namespace: str, after: tuple[str, str]) -> int:
        return sum(1 for _ in self.store.scan(resource.storage, namespace, after))

    def _list_revision(self, revision: str, match: str, carry_on: str) -> int:
        now = self.store.revision
        if match not in ("", "Exact", "NotOlderThan"):
            raise _bad_list("resourceVersionMatch", match, "supported values: Exact, NotOlderThan")
        if match and not revision:
            raise _bad_list(
                "resourceVersionMatch", match, "resourceVersionMatch is forbidden unless resourceVersion is provided"
            )
        if carry_on and match:
            raise _bad_list(
                "resourceVersionMatch", match, "resourceVersionMatch is forbidden when continue is provided"
            )
        asked = parse_revision(revision)
        if asked > now:
            raise _too_new(asked, now)
        if match == "Exact" and asked != now:
            raise expired("The resourceVersion for the provided list is too old.")
        return now

    def watch(self, resource: Resource, namespace: str = "", revision: str = "") -> Subscription:
        """Changes after `revision`; "" and "0" for from now on. Raises 410 when they are no longer known."""
        since = parse_revision(revision)
        if since > self.store.revision:
            raise _too_new(since, self.store.revision)
        try:
            return self.store.subscribe(resource.storage, namespace, since or None)
        except TooOld:
            raise expired(f"too old resource version: {since} ({self.store.revision})") from None

    # -- writing

    def create(self, resource: Resource, namespace: str, obj: Object, context: Context, name: str = "") -> Object:
        """Create an object of which the caller gives up its copy. `name`: what the path says, "" for nothing."""
        metadata = self._decoded(resource, namespace, name, obj, context)
        rules = strategy(resource)
        now = timestamp(self.clock.now())
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = self._generate(resource, namespace, str(metadata["generateName"]))
        if metadata.get("resourceVersion"):
            raise bad_request("resourceVersion should not be set on objects to be created")
        for field in ("resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"):
            metadata.pop(field, None)
        metadata["uid"] = str(uuid.uuid4())
        metadata["creationTimestamp"] = now
        if has_generation(resource):
            metadata["generation"] = 1
        else:
            metadata.pop("generation", None)
        rules.prepare_create(self, resource, obj, context)
        defaults.apply(resource, obj)
        write = admission.Write("CREATE", resource, namespace, metadata.get("name", ""), obj, None, context)
        admission.mutate(self, write)
        name = str(metadata.get("name") or "")
        wrong = validation.on_create(resource, obj)
        if not name and not any(one.field == "metadata.name" for one in wrong):
            wrong = [required("metadata.name", "name or generateName is required"), *wrong]
        if wrong:
            raise invalid(resource.group, resource.kind, name, wrong)
        if self.store.get(resource.storage, namespace, name) is not None:
            raise already_exists(resource.group, resource.plural, name)
        admission.validate(self, write)
        rules.allocate(self, resource, obj, None, context)
        if not metadata.get("managedFields") or context.manager:
            managed_fields.track(resource, obj, None, context.manager, now)
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
        """Replace an object, or with `subresource` `status` its status, by the caller's own copy."""
        self._decoded(resource, namespace, name, obj, context)
        old = self.get(resource, namespace, name)
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
        obj = patches.patched(resource, old, patch, kind)
        self._decoded(resource, namespace, name, obj, context)
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
        metadata = self._decoded(resource, namespace, name, obj, context)
        if metadata.get("managedFields"):
            raise bad_request("metadata.managedFields must be nil")
        now = timestamp(self.clock.now())
        live = self.store.get(resource.storage, namespace, name)
        if live is None:
            if subresource:
                raise not_found(resource.group, resource.plural, name)
            if metadata.get("uid"):
                raise conflict(
                    resource.group,
                    resource.plural,
                    name,
                    "uid mismatch: the provided object specified uid "
                    f"{metadata['uid']}, and no existing object was found",
                )
            merged = managed_fields.apply(resource, None, obj, context.manager, force, now)
            quiet = _quiet(context)
            return self.create(resource, namespace, merged, quiet, name), True
        live = shown(resource, live)
        merged = managed_fields.apply(resource, live, obj, context.manager, force, now, subresource)
        merged = thaw(merged)
        entries = merged["metadata"].get("managedFields")
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
        if after.get("uid") and after["uid"] != before["uid"]:
            raise conflict(
                resource.group,
                resource.plural,
                name,
                f"Precondition failed: UID in precondition: {after['uid']}, UID in object meta: {before['uid']}",
            )
        for field in _SERVER_FIELDS:
            if field in before:
                after[field] = before[field]
            else:
                after.pop(field, None)
        if entries is None and "managedFields" not in after and "managedFields" in before:
            after["managedFields"] = before["managedFields"]
        rules = strategy(resource)
        if subresource == "status":
            new = {
                **old,
                "metadata": {**before, "managedFields": after.get("managedFields", [])},
                "status": new.get("status", {}),
            }
            new = thaw(new)
            after = new["metadata"]
        elif not subresource and "status" in resource.subresources:
            if "status" in old:
                new["status"] = old["status"]
            else:
                new.pop("status", None)
        rules.prepare_update(self, resource, new, old, subresource)
        defaults.apply(resource, new)
        write = admission.Write("UPDATE", resource, namespace, name, new, old, context, subresource)
        admission.mutate(self, write)
        if has_generation(resource) and subresource != "status":
            changed = _without(new, "metadata", "status") != _without(old, "metadata", "status")
            if changed:
                after["generation"] = before.get("generation", 0) + 1
        wrong = validation.on_update(resource, new, old, subresource)
        if wrong:
            raise invalid(resource.group, resource.kind, name, wrong)
        admission.validate(self, write)
        rules.allocate(self, resource, new, old, context)
        if entries is None:
            managed_fields.track(resource, new, old, context.manager, timestamp(self.clock.now()), subresource)
        if _same(new, old):
            return old
        if context.dry_run:
            return new
        if after.get("deletionTimestamp") and not after.get("finalizers"):
            if after.get("deletionGracePeriodSeconds", 0) == 0 and rules.deletable(resource, new):
                self.store.put(resource.storage, namespace, name, kept(resource, new))
                return shown(resource, self.store.remove(resource.storage, namespace, name))
        return shown(resource, self.store.put(resource.storage, namespace, name, kept(resource, new)))

    def delete(
        self, resource: Resource, namespace: str, name: str, options: DeleteOptions, context: Context
    ) -> tuple[Object, bool]:
        """Delete, or begin to: the object's last state, and True when it is gone."""
        old = self.get(resource, namespace, name)
        metadata = old["metadata"]
        if options.uid and options.uid != metadata["uid"]:
            raise conflict(
                resource.group,
                resource.plural,
                name,
                f"Precondition failed: UID in precondition: {options.uid}, UID in object meta: {metadata['uid']}",
            )
        if options.resource_version and options.resource_version != metadata["resourceVersion"]:
            raise conflict(
                resource.group,
                resource.plural,
                name,
                f"Precondition failed: ResourceVersion in precondition: {options.resource_version}, "
                f"ResourceVersion in object meta: {metadata['resourceVersion']}",
            )
        rules = strategy(resource)
        admission.validate(self, admission.Write("DELETE", resource, namespace, name, None, old, context))
        finalizers = self._deletion_finalizers(resource, metadata, options)
        grace = rules.grace(resource, old, options)
        if finalizers or grace or not rules.deletable(resource, old):
            new = self._marked(resource, old, finalizers, grace, rules)
            if context.dry_run or _same(new, old):
                return new, False
            return shown(resource, self.store.put(resource.storage, namespace, name, kept(resource, new))), False
        if context.dry_run:
            return old, True
        return shown(resource, self.store.remove(resource.storage, namespace, name)), True

    def _deletion_finalizers(self, resource: Resource, metadata: Object, options: DeleteOptions) -> Names:
        finalizers = list(metadata.get("finalizers", ()))
        propagation = options.propagation or strategy(resource).default_propagation
        if options.propagation:
            finalizers = [one for one in finalizers if one not in ("orphan", "foregroundDeletion")]
        if propagation == "Orphan" and "orphan" not in finalizers:
            finalizers.append("orphan")
        if propagation == "Foreground" and "foregroundDeletion" not in finalizers:
            finalizers.append("foregroundDeletion")
        return finalizers

    def _marked(self, resource: Resource, old: Object, finalizers: Names, grace: int, rules: Any) -> Object:
        new = thaw(old)
        metadata = new["metadata"]
        if finalizers:
            metadata["finalizers"] = finalizers
        else:
            metadata.pop("finalizers", None)
        first = not metadata.get("deletionTimestamp")
        shorter = grace < metadata.get("deletionGracePeriodSeconds", grace + 1)
        if first or shorter:
            metadata["deletionTimestamp"] = timestamp(self.clock.now() + grace)
            metadata["deletionGracePeriodSeconds"] = grace
            if first and has_generation(resource):
                metadata["generation"] = metadata.get("generation", 0) + 1
        if first:
            rules.begin_delete(self, resource, new)
        return new

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

    def transform(
        self, resource: Resource, namespace: str, name: str, change: Callable[[Object], None], subresource: str = ""
    ) -> Object:
        """Change an object from within the server: no validation, no managed fields. Used by strategies and reviews."""
        new = thaw(self.get(resource, namespace, name))
        change(new)
        return shown(resource, self.store.put(resource.storage, namespace, name, kept(resource, new)))

    # -- on the way in

    def _decoded(self, resource: Resource, namespace: str, name: str, obj: Object, context: Context) -> Object:
        """Check the envelope and the schema; returns the metadata."""
        api_version, kind = obj.get("apiVersion"), obj.get("kind")
        if kind is None and api_version is None:
            obj["apiVersion"], obj["kind"] = resource.api_version, resource.kind
        elif (api_version, kind) != (resource.api_version, resource.kind):
            if not isinstance(api_version, str) or not isinstance(kind, str):
                raise bad_request("Object 'Kind' and 'apiVersion' must be strings")
            raise bad_request(
                f'{kind} in version "{api_version.rpartition("/")[2]}" cannot be handled as a {resource.kind}: '
                f"converting ({api_version}, Kind={kind}) to ({resource.api_version}, Kind={resource.kind}): unknown conversion"
                if kind != resource.kind
                else f"the API version in the data ({api_version}) does not match the expected API version ({resource.api_version})"
            )
        metadata = obj.get("metadata")
        if metadata is None:
            metadata = obj["metadata"] = {}
        schema.decode(resource, obj, context)
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
        "horizontalpodautoscalers.autoscaling",
        "priorityclasses.scheduling.k8s.io",
        "endpointslices.discovery.k8s.io",
    ]
)


def shown(resource: Resource, obj: Object) -> Object:
    """A stored object as this version shows it."""
    if obj["apiVersion"] == resource.api_version:
        return obj
    from lab.sim.api.conversion import converted

    return converted(obj, resource)


def kept(resource: Resource, obj: Object) -> Object:
    """An object as it is stored, whatever version it was written in."""
    if resource.storage not in ("events", "horizontalpodautoscalers.autoscaling"):
        return obj
    from lab.sim.api.conversion import canonical

    return canonical(obj, resource)


def both(first: selectors.Matcher | None, second: selectors.Matcher | None) -> selectors.Matcher | None:
    """A matcher for both; None matches everything."""
    if first is None or second is None:
        return first or second
    return lambda obj: first(obj) and second(obj)


def parse_revision(text: str) -> int:
    """A resourceVersion as given by a client; "" is 0. Raises ApiError 400."""
    if not text:
        return 0
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        raise bad_request(f'Invalid value: "{text[:60]}": resourceVersion must be a decimal number')
    return int(text)


def _too_new(asked: int, now: int) -> ApiError:
    error = ApiError(504, "Timeout", f"Too large resource version: {asked}, current: {now}")
    error.details = {
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        "retryAfterSeconds": 1,
    }
    return error


def _bad_list(field: str, value: str, detail: str) -> ApiError:
    from lab.sim.api.status import forbidden_field

    return invalid("meta.k8s.io", "ListOptions", "", [forbidden_field(field, detail)])


def _make_token(revision: int, namespace: str, name: str) -> str:
    made = orjson.dumps({"v": "meta.k8s.io/v1", "rv": revision, "start": f"{namespace}/{name}\u0000"})
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()


def _token(text: str) -> tuple[int, tuple[str, str]]:
    try:
        read = orjson.loads(base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)))
        namespace, _, name = read["start"].rstrip("\u0000").partition("/")
        return int(read["rv"]), (namespace, name)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise bad_request(f'continue key is not valid: "{text[:60]}"') from None


def _without(obj: Object, *fields: str) -> Object:
    return {key: value for key, value in obj.items() if key not in fields}


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
