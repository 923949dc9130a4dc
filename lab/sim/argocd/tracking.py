"""How Argo CD marks the objects of an Application, and reads the marks again.

Source: Argo CD 3.6.1 `util/argo/resource_tracking.go`, `util/kube/kube.go`, `controller/state.go`
(isSelfReferencedObj).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from lab.sim.api.golang import printed, type_of
from lab.sim.objects import Object, evolve, name_of, namespace_of
from lab.sim.templates.values import quoted

ANNOTATION, ANNOTATION_AND_LABEL, LABEL = "annotation", "annotation+label", "label"
INSTANCE_LABEL = "app.kubernetes.io/instance"
LEGACY_LABEL = "applications.argoproj.io/app-name"
"""As `application.instanceLabelKey` it also marks the pod templates of workloads."""
TRACKING_ID = "argocd.argoproj.io/tracking-id"
INSTALLATION_ID = "argocd.argoproj.io/installation-id"
LABEL_LIMIT = 63
_ENDS_WELL = re.compile(r"[a-zA-Z0-9]\Z")
_WORKLOADS = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet")


class TrackingError(Exception):
    """An object that cannot be marked, in Argo CD's words."""


class Mark(NamedTuple):
    """What the annotation says: `INSTANCE:GROUP/KIND:NAMESPACE/NAME`."""

    instance: str
    """The Application's name, or `NAMESPACE_NAME` outside Argo CD's own namespace."""
    group: str
    kind: str
    namespace: str
    """Of the object; for a cluster-scoped one that of the Application's destination."""
    name: str

    def text(self) -> str:
        """The value of the annotation."""
        return f"{self.instance}:{self.group}/{self.kind}:{self.namespace}/{self.name}"

    def names(self, obj: Object) -> bool:
        """Whether the mark is about this object, and was not copied from another one."""
        return (
            namespace_of(obj) in (self.namespace, "")
            and name_of(obj) == self.name
            and obj.get("kind") == self.kind
            and group_of(obj) == self.group
        )


def parse(text: str) -> Mark | None:
    """The mark in an annotation's value; None when it has not the form of one."""
    parts = text.split(":", 2)
    if len(parts) != 3:
        return None
    kind, name = parts[1].split("/"), parts[2].split("/")
    if len(kind) != 2 or len(name) != 2:
        return None
    return Mark(parts[0], kind[0], kind[1], name[0], name[1])


def group_of(obj: Object) -> str:
    """The API group, "" for the core one."""
    group, slash, _ = str(obj.get("apiVersion") or "").rpartition("/")
    return group if slash else ""


def mark_for(obj: Object, instance: str, namespace: str = "") -> Mark:
    """The mark an object of an Application ought to have.

    :param namespace: stands in for an object that names none: that of the Application's destination
    """
    place = namespace_of(obj) or namespace
    return Mark(instance, group_of(obj), str(obj.get("kind") or ""), place, name_of(obj))


def is_definition(obj: Object) -> bool:
    """Whether it is a CustomResourceDefinition: those carry no marks."""
    return obj.get("kind") == "CustomResourceDefinition" and group_of(obj) == "apiextensions.k8s.io"


def truncated(value: str) -> str:
    """A label value of at most 63 characters that ends with a letter or digit. Raises TrackingError."""
    if len(value) <= LABEL_LIMIT:
        return value
    value = value[:LABEL_LIMIT]
    while not _ENDS_WELL.search(value):
        if len(value) <= 1:
            raise TrackingError("unable to truncate label to not end with a special character")
        value = value[:-1]
    return value


@dataclass(frozen=True, slots=True)
class Tracking:
    """One way to mark, as argocd-cm sets it. Objects are never changed: what is marked is a copy."""

    method: str = ANNOTATION
    """`application.resourceTrackingMethod`; anything unknown counts as `annotation`."""
    label_key: str = INSTANCE_LABEL
    """`application.instanceLabelKey`."""
    installation: str = ""
    """`installationID`."""

    def instance(self, obj: Object) -> str:
        """The Application that an object says it belongs to, "" for none."""
        if self.method == LABEL:
            return str((obj.get("metadata", {}).get("labels") or {}).get(self.label_key) or "")
        found = self._annotated(obj)
        return "" if found is None else found.instance

    def mark(self, obj: Object) -> Mark | None:
        """The mark in the annotation; always None where only labels are used."""
        return None if self.method == LABEL else self._annotated(obj)

    def marked(self, obj: Object, instance: str, namespace: str = "") -> Object:
        """A copy that belongs to an Application; what did not change is shared with `obj`. Raises TrackingError.

        :param namespace: of the Application's destination
        """
        if obj.get("metadata") is None:
            obj = {**obj, "metadata": {}}
        if self.method == LABEL:
            return self._labelled(obj, instance)
        notes = strings(obj, "annotations", "from target object" if self.installation else "for")
        if self.installation:
            notes[INSTALLATION_ID] = self.installation
        else:
            notes.pop(INSTALLATION_ID, None)
        notes[TRACKING_ID] = mark_for(obj, instance, namespace).text()
        made = _with(obj, "annotations", notes)
        if self.method != ANNOTATION_AND_LABEL:
            return made
        return self._labelled(made, instance)

    def unmarked(self, obj: Object) -> Object:
        """A copy that belongs to nobody. Raises TrackingError."""
        made = obj
        if self.method != LABEL:
            made = _without(made, "annotations", TRACKING_ID, INSTALLATION_ID)
        if self.method in (LABEL, ANNOTATION_AND_LABEL):
            made = _without(made, "labels", INSTANCE_LABEL)
        return made

    def normalized(self, target: Object | None, live: Object | None) -> Object | None:
        """`live` without the differences to `target` that a change of the tracking method makes.

        One that has the label but no annotation yet is given the target's; a label the target lacks is left out.
        """
        if self.method in (LABEL, "") or target is None or live is None:
            return live
        if not strings(live, "labels").get(self.label_key) or is_definition(live):
            return live
        notes = strings(live, "annotations")
        if not notes.get(TRACKING_ID):
            notes[TRACKING_ID] = strings(target, "annotations").get(TRACKING_ID, "")
            live = _with(live, "annotations", notes)
        if not strings(target, "labels").get(self.label_key):
            live = _without(live, "labels", self.label_key)
        return live

    def names_itself(self, live: Object | None, target: Object | None, instance: str) -> bool:
        """Whether a live object is the one its mark is about; when that cannot be told, it is."""
        if live is None or self.method == LABEL:
            return True
        if target is not None:
            return mark_for(target, instance).names(live)
        found = self._annotated(live)
        return found is None or found.names(live)

    def _annotated(self, obj: Object) -> Mark | None:
        notes = obj.get("metadata", {}).get("annotations")
        if not notes or (self.installation and notes.get(INSTALLATION_ID) != self.installation):
            return None
        text = notes.get(TRACKING_ID)
        return parse(text) if text else None

    def _labelled(self, obj: Object, value: str) -> Object:
        try:
            labels = strings(obj, "labels", "from target object")
            # A label that alone says whose an object is stays whole, and a cluster refuses it when it is too long.
            labels[self.label_key] = value = value if self.method == LABEL else truncated(value)
        except TrackingError as error:
            raise TrackingError(f"failed to set app instance label: {error}") from None
        made = _with(obj, "labels", labels)
        return made if self.label_key != LEGACY_LABEL else self._template_labelled(made, value)

    def _template_labelled(self, obj: Object, value: str) -> Object:
        group, kind = group_of(obj), obj.get("kind")
        if not (group in ("apps", "extensions") and kind in _WORKLOADS) and (group, kind) != ("batch", "Job"):
            return obj
        spec = dict(obj.get("spec") or {})
        template = dict(spec.get("template") or {})
        metadata = dict(template.get("metadata") or {})
        labels = dict(metadata.get("labels") or {})
        spec["template"] = template | {"metadata": metadata | {"labels": labels | {self.label_key: value}}}
        old = obj.get("apiVersion") in ("apps/v1beta1", "extensions/v1beta1")
        if old and not spec.get("selector"):
            # Those versions take a missing selector from the template, and the mark is no part of it.
            chosen = {key: text for key, text in labels.items() if key != self.label_key}
            spec["template"] = template | {"metadata": metadata | {"labels": chosen}}
            spec["selector"] = {"matchLabels": chosen}
        return evolve(obj, spec=spec)


def strings(obj: Object, field: str, place: str = "for") -> dict[str, str]:
    """A copy of `metadata.labels` or `metadata.annotations`. Raises TrackingError when a value is no string.

    `place`: what the message says before it names the object.
    """
    metadata = obj.get("metadata") or {}
    found: Any = metadata.get(field) if isinstance(metadata, Mapping) else metadata
    if found is None:
        return {}
    problem = ""
    if not isinstance(metadata, Mapping) or not isinstance(found, Mapping):
        problem = f"{printed(found)} is of the type {type_of(found)}, expected map[string]interface {{}}"
    else:
        for key, value in found.items():
            if not isinstance(value, str):
                kind = "<nil>" if value is None else type_of(value)
                problem = (
                    f"contains non-string value in the map under key {quoted(key)}: {printed(value)} is of the type "
                )
                problem += f"{kind}, expected string"
                break
    if problem:
        version = str(obj.get("apiVersion") or "")
        shown = f"{version if '/' in version else f'/{version}'}, Kind={obj.get('kind') or ''}"
        name = f"{namespace_of(obj)}/{name_of(obj)}" if isinstance(metadata, Mapping) else "/"
        where = f"{place} {shown} {name}"
        raise TrackingError(f"failed to get {field} {where}: .metadata.{field} accessor error: {problem}")
    return dict(found)


def _with(obj: Object, field: str, values: dict[str, str]) -> Object:
    return {**obj, "metadata": {**(obj.get("metadata") or {}), field: values}}


def _without(obj: Object, field: str, *keys: str) -> Object:
    found = strings(obj, field)
    if not any(key in found for key in keys):
        return obj
    left = {key: value for key, value in found.items() if key not in keys}
    if left:
        return _with(obj, field, left)
    made = evolve(obj, metadata={})
    del made["metadata"][field]
    return made
