"""One kustomization and all it stands on, from files to objects: what `kustomize build` does.

Source: kustomize `api/internal/target/kusttarget.go`, `api/krusty/kustomizer.go`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from lab.sim.objects import Object
from lab.sim.render.errors import NotSupported, RenderError
from lab.sim.render.folder import Folder
from lab.sim.render.kustomize import field_specs, files, generators, kustomization, patches, references, transforms
from lab.sim.render.kustomize.field_specs import FieldSpec
from lab.sim.render.kustomize.files import Root, quoted
from lab.sim.render.kustomize.kustomization import Kustomization
from lab.sim.render.kustomize.replacements import replacements
from lab.sim.render.kustomize.resources import Resource, Resources, texts
from lab.sim.render.kustomize.sorting import ordered
from lab.sim.render.kustomize.yaml_text import dump

VERSION = "v5.8.1"
"""The version of kustomize whose results these are."""
MOST_TARGETS = 1_000
"""Folders with a kustomization in one build, counted each time one is a base or a component."""
DEEPEST = 40
"""Bases and components on top of each other."""
MOST_OBJECTS = 20_000
_LOCAL = "config.kubernetes.io/local-config"
_ORIGIN = "config.kubernetes.io/origin"
_MANAGED_BY = "app.kubernetes.io/managed-by"


@dataclass(slots=True)
class Build:
    """What came out."""

    objects: list[Object] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    """Lines that kustomize writes to its error output before anything else."""


def build(folder: Folder, path: str, changed: Kustomization | None = None) -> Build:
    """The objects of the kustomization at `path`, in kustomize's order.

    `changed`: fields to use instead of those in the file. Raises RenderError with kustomize's text and its warnings in
    `warnings`.
    """
    result = Build()
    root = Root(folder, path)
    try:
        if not folder.exists(path):
            raise RenderError(f"must build at directory: not a valid directory: {root.missing()}")
        made, name = kustomization.load(root, result.warnings)
        top = _Target(root, changed or made, name, _Progress(result.warnings))
        result.objects = top.finished()
    except RenderError as error:
        error.warnings = tuple(result.warnings)
        raise
    return result


class _Progress:
    """How far a build has come; entered for every base and component, so that none goes on for ever."""

    def __init__(self, warnings: list[str]) -> None:
        self.warnings = warnings
        self._targets = 0
        self._depth = 0

    def __enter__(self) -> None:
        self._targets += 1
        self._depth += 1
        if self._targets > MOST_TARGETS or self._depth > DEEPEST:
            raise NotSupported(f"a kustomization of more than {MOST_TARGETS} others, or {DEEPEST} on top of each other")

    def __exit__(self, *_: object) -> None:
        self._depth -= 1


class _Target:
    """One folder with a kustomization."""

    def __init__(
        self, root: Root, made: Kustomization, name: str, progress: _Progress, origin: str | None = None
    ) -> None:
        self._root = root
        self._made = made
        self._file = name
        self._progress = progress
        metadata = made.get("buildMetadata") or []
        if "transformerAnnotations" in metadata:
            raise NotSupported("a kustomization with buildMetadata transformerAnnotations")
        self._origin = origin if origin is not None else "" if metadata else None
        """The path from the first kustomization to this one, None when nobody asks."""

    def finished(self) -> list[Object]:
        """The objects after everything that happens once, at the end."""
        resources = self._accumulated(Resources())
        generators.add_hashes(resources)
        references.follow(resources)
        resources.items = [one for one in resources if not _is_local(one)]
        ordered(resources, self._made.get("sortOptions"))
        metadata = self._made.get("buildMetadata") or []
        if "managedByLabel" in metadata:
            transforms.set_entries(resources, {_MANAGED_BY: f"kustomize-{VERSION}"}, [field_specs.METADATA_LABELS])
        for resource in resources:
            _settle_annotations(resource, "originAnnotations" in metadata)
        return [one.data for one in resources]

    def _accumulated(self, resources: Resources) -> Resources:
        """All objects of this kustomization, added to `resources` of a parent when it is a component."""
        made = self._made
        for path in made.get("resources") or ():
            try:
                self._add(resources, path)
            except (NotSupported, files.DuplicateKey):
                raise
            except RenderError as error:
                raise RenderError(f"accumulating resources: {error}") from None
        self._generate(resources)
        for path in made.get("components") or ():
            try:
                resources = self._component(resources, path)
            except (NotSupported, files.DuplicateKey):
                raise
            except RenderError as error:
                raise RenderError(f"accumulating components: {error}") from None
        for transform in list(self._transformers()):
            transform(resources)
            resources.drop_deleted()
        return resources

    # -- resources

    def _add(self, resources: Resources, path: str) -> None:
        try:
            self._add_file(resources, path)
            return
        except (NotSupported, files.DuplicateKey):
            raise
        except RenderError as error:
            first = error
        try:
            root = self._root.below(path)
        except NotSupported:
            raise
        except RenderError as error:
            if "MalformedYAMLError" in str(first):
                raise first from None
            raise RenderError(f"accumulation err='{first}': {error}") from None
        try:
            resources.extend(self._below(root, path, Resources()))
        except (NotSupported, files.DuplicateKey):
            raise
        except RenderError as error:
            raise RenderError(f"accumulation err='{first}': {error}") from None

    def _add_file(self, resources: Resources, path: str) -> None:
        try:
            found = files.from_file(self._root, path)
        except (NotSupported, files.DuplicateKey):
            raise
        except RenderError as error:
            raise RenderError(f"accumulating resources from '{path}': {error}") from None
        if self._origin is not None:
            for one in found:
                one.origin = dump({"path": posixpath.normpath(posixpath.join(self._origin, path))})
        try:
            resources.extend(found)
        except RenderError as error:
            raise RenderError(f"merging resources from '{path}': {error}") from None

    def _component(self, resources: Resources, path: str) -> Resources:
        try:
            root = self._root.below(path)
        except NotSupported:
            raise
        except RenderError as error:
            raise RenderError(f"loader.New {quoted(str(error))}") from None
        try:
            return self._below(root, path, resources, component=True)
        except (NotSupported, files.DuplicateKey):
            raise
        except RenderError as error:
            raise RenderError(f"accumulateDirectory: {quoted(str(error))}") from None

    def _below(self, root: Root, path: str, resources: Resources, *, component: bool = False) -> Resources:
        """What is made of a base, or of `resources` by a component."""
        try:
            made, name = kustomization.load(root, self._progress.warnings)
        except NotSupported:
            raise
        except RenderError as error:
            raise RenderError(f"couldn't make target for path '{root.shown}': {error}") from None
        if component and made["kind"] != "Component":
            raise RenderError(f"expected kind 'Component' for path '{root.shown}' but got '{made['kind']}'")
        if not component and made["kind"] == "Component":
            raise RenderError(f"expected kind != 'Component' for path '{root.shown}'")
        made["buildMetadata"] = self._made.get("buildMetadata")
        origin = None if self._origin is None else posixpath.normpath(posixpath.join(self._origin, path))
        try:
            with self._progress:
                found = _Target(root, made, name, self._progress, origin)._accumulated(resources)
        except (NotSupported, files.DuplicateKey):
            raise
        except RenderError as error:
            raise RenderError(f"recursed accumulation of path '{root.shown}': {error}") from None
        if len(found.items) > MOST_OBJECTS:
            raise NotSupported(f"a kustomization of more than {MOST_OBJECTS} objects")
        return Resources(found)

    def _generate(self, resources: Resources) -> None:
        shared = self._made.get("generatorOptions")
        for kind, field_name in (("ConfigMap", "configMapGenerator"), ("Secret", "secretGenerator")):
            for entry in self._made.get(field_name) or ():
                found = generators.generated(self._root, kind, entry, shared)
                if self._origin is not None:
                    where = posixpath.normpath(posixpath.join(self._origin, self._file))
                    by = f"  apiVersion: builtin\n  kind: {kind}Generator\n"
                    found.origin = f"configuredIn: {where}\nconfiguredBy:\n{by}"
                try:
                    generators.absorb(resources, found)
                except RenderError as error:
                    raise RenderError(f"merging from generator &{{0xc000000000 <nil>}}: {error}") from None

    # -- transformers

    def _transformers(self) -> Iterator[patches.Transformer]:
        """In kustomize's order; all are configured before the first one works."""
        made, root = self._made, self._root
        if made.get("patchesStrategicMerge"):
            yield patches.merges(root, made["patchesStrategicMerge"])
        for entry in made.get("patches") or ():
            yield patches.patch(root, entry)
        if made.get("namespace"):
            yield partial(transforms.set_namespace, namespace=made["namespace"])
        if made.get("namePrefix"):
            yield partial(transforms.add_prefix, prefix=made["namePrefix"])
        if made.get("nameSuffix"):
            yield partial(transforms.add_suffix, suffix=made["nameSuffix"])
        for entry in made.get("labels") or ():
            yield partial(transforms.set_entries, entries=entry.get("pairs") or {}, specs=_label_specs(entry))
        if made.get("commonLabels"):
            yield partial(transforms.set_entries, entries=made["commonLabels"], specs=field_specs.SELECTOR_LABELS)
        if made.get("commonAnnotations"):
            yield partial(transforms.set_entries, entries=made["commonAnnotations"], specs=field_specs.ANNOTATIONS)
        for entry in made.get("patchesJson6902") or ():
            yield patches.operations(root, entry)
        for entry in made.get("replicas") or ():
            yield partial(transforms.set_replicas, name=entry.get("name", ""), count=entry.get("count", 0))
        for entry in made.get("images") or ():
            yield partial(transforms.set_image, image=entry)
        if made.get("replacements"):
            yield replacements(root, made["replacements"])


def _label_specs(entry: dict[str, Any]) -> list[FieldSpec]:
    specs = [
        FieldSpec(
            one.get("path", ""),
            one.get("kind", ""),
            bool(one.get("create")),
            one.get("group", ""),
            one.get("version", ""),
        )
        for one in entry.get("fields") or ()
    ]
    if entry.get("includeSelectors"):
        more = list(field_specs.SELECTOR_LABELS)
    else:
        more = [*(field_specs.TEMPLATE_LABELS if entry.get("includeTemplates") else ()), field_specs.METADATA_LABELS]
    for one in more:
        same = [known for known in specs if known.path == one.path and _covers(one, known)]
        if not same:
            specs.append(one)
        elif same[0].create != one.create:
            template = entry.get("includeTemplates") and not entry.get("includeSelectors")
            why = (
                "failed to merge template fieldSpec: "
                if template and one is not more[-1]
                else "failed to merge labels: "
            )
            raise RenderError(f"{why}conflicting fieldspecs")
    return specs


def _covers(wide: FieldSpec, narrow: FieldSpec) -> bool:
    """Whether every kind of `narrow` is one of `wide`."""
    return wide.selects(narrow.group, narrow.version, narrow.kind)


# -- at the end


def _is_local(resource: Resource) -> bool:
    found = texts(resource.metadata.get("annotations")).get(_LOCAL)
    return found is not None and found != "false"


def _settle_annotations(resource: Resource, with_origin: bool) -> None:
    """Every annotation is a text; none at all is no field."""
    metadata = resource.writable_metadata()
    found = texts(metadata.get("annotations"))
    found.pop(_ORIGIN, None)
    if with_origin and resource.origin:
        found[_ORIGIN] = resource.origin
    if found:
        metadata["annotations"] = found
    else:
        metadata.pop("annotations", None)
