"""Names that changed, followed to the objects that refer to them.

Source: kustomize `api/filters/nameref/nameref.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lab.sim.objects import Object
from lab.sim.render.errors import RenderError
from lab.sim.render.kustomize import field_specs
from lab.sim.render.kustomize.field_specs import Reference
from lab.sim.render.kustomize.fields import places
from lab.sim.render.kustomize.resources import Id, Resource, Resources, scalar_text
from lab.sim.render.kustomize.yaml_text import dump


def follow(resources: Resources) -> None:
    """Give every reference the name its target has now. Raises RenderError when two targets are possible."""
    renamed: dict[str, list[Resource]] = {}
    for resource in resources:
        for name in {name for _, name, _ in resource.previous}:
            renamed.setdefault(name, []).append(resource)
    if not renamed:
        return
    for resource in resources:
        original = resource.original()
        referrer = _Referrer(resource, renamed)
        for reference in field_specs.references(original.group, original.version, original.kind):
            for holder, key in places(resource, reference.spec):
                try:
                    referrer.update(holder, key, reference)
                except RenderError as error:
                    raise RenderError(
                        f"updating name reference in '{reference.spec.path}' field of '{resource.id()}': "
                        f"considering field '{reference.spec.path}' of object {resource.id()}: {error}"
                    ) from None


class _Referrer:
    """One object that may hold names of others."""

    def __init__(self, resource: Resource, renamed: dict[str, list[Resource]]) -> None:
        self._resource = resource
        self._id = resource.id()
        self._renamed = renamed
        self._spaces = _subject_namespaces(resource)

    def update(self, holder: Object, key: str, reference: Reference) -> None:
        """Write the new name, or the new names of a list or a map, into the place."""
        value = holder[key]
        if isinstance(value, dict):
            self._update_map(value, reference)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, dict):
                    self._update_map(item, reference)
                elif item is not None and (found := self._target(scalar_text(item), reference, None)):
                    value[index] = found.name
        elif value is not None and (found := self._target(scalar_text(value), reference, None)):
            holder[key] = found.name

    def _update_map(self, value: Object, reference: Reference) -> None:
        if "name" not in value:
            raise RenderError("path config error; no 'name' field in node")
        name = scalar_text(value["name"])
        found = self._target(name, reference, value)
        if found is None or (found.name == name and not found.namespace):
            return
        value["name"] = found.name
        if found.namespace:
            value["namespace"] = found.namespace

    def _target(self, name: str, reference: Reference, value: Object | None) -> Resource | None:
        """The object that `name` meant at first; `value`: the map it stands in, which may say a namespace."""
        if name not in self._renamed:
            return None
        candidates = [one for one in self._renamed[name] if self._may_refer_to(one)]
        if value is not None and "namespace" in value:
            wanted = scalar_text(value["namespace"])
            at_first = [one for one in candidates if one.original().effective == wanted]
            candidates = at_first or [one for one in candidates if one.id().effective == wanted]
        target = (reference.group, reference.version, reference.kind)
        candidates = [one for one in candidates if _was(one, target)]
        role = self._role() if reference.spec.path.endswith("roleRef/name") else None
        if role is not None:
            candidates = [one for one in candidates if _was(one, role)]
        candidates = [one for one in candidates if self._same_namespace(one)]
        if len(candidates) != 1:
            candidates = [one for one in candidates if _same_affixes(one, self._resource, True)]
        if len(candidates) > 1:
            candidates = [one for one in candidates if _same_affixes(one, self._resource, False)]
        if not candidates:
            return None
        names = {(one.name, one.namespace if value is not None else "") for one in candidates}
        if len(names) > 1:
            raise _ambiguous(self._resource, candidates)
        return candidates[0]

    def _may_refer_to(self, other: Resource) -> bool:
        if self._id.cluster:
            return True
        found = other.id()
        return found.cluster or found.effective == self._id.effective or other.namespace in self._spaces

    def _same_namespace(self, other: Resource) -> bool:
        if self._id.cluster or other.kind == "ServiceAccount":
            return True
        found = other.id()
        return found.cluster or found.effective == self._id.effective

    def _role(self) -> tuple[str, str, str] | None:
        role = self._resource.data.get("roleRef")
        if not isinstance(role, dict) or role.get("apiGroup") is None or role.get("kind") is None:
            return None
        return scalar_text(role["apiGroup"]), "", scalar_text(role["kind"])


def _subject_namespaces(resource: Resource) -> frozenset[str]:
    """Namespaces of ServiceAccounts that a RoleBinding names."""
    subjects = resource.data.get("subjects") if resource.kind == "RoleBinding" else None
    found = []
    for subject in subjects if isinstance(subjects, list) else ():
        if isinstance(subject, dict) and subject.get("kind") == "ServiceAccount" and "namespace" in subject:
            if not isinstance(subject["namespace"], str):
                raise RenderError(f'Invalid Input: namespace is blank for resource "{resource.id()}"\n')
            found.append(subject["namespace"])
    return frozenset(found)


def _was(resource: Resource, kind: tuple[str, str, str]) -> bool:
    matches: Callable[[Id], bool] = lambda one: one.selected(*kind)  # noqa: E731
    return any(map(matches, resource.previous_ids()))


def _same_affixes(one: Resource, other: Resource, allow_none: bool) -> bool:
    """Whether prefixes and suffixes end alike, having none being allowed for either."""
    return all(
        (allow_none and (not left or not right)) or _same_ending(left, right)
        for left, right in ((one.prefixes, other.prefixes), (one.suffixes, other.suffixes))
    )


def _same_ending(left: Sequence[str], right: Sequence[str]) -> bool:
    shorter, longer = sorted((list(left), list(right)), key=len)
    return not longer if not shorter else longer[-len(shorter) :] == shorter


def _ambiguous(referrer: Resource, candidates: list[Resource]) -> RenderError:
    ids = ", ".join(str(one.id()) for one in candidates)
    details: Any = "".join(f"--- possible referral {n}:\n{dump(one.data)}\n" for n, one in enumerate(candidates))
    return RenderError(
        f"found multiple possible referrals: {ids}\n\n**** Too many possible referral targets to referrer:\n"
        f"{dump(referrer.data)}\n{details}"
    )
