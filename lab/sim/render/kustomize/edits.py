"""What an Argo CD source changes in a kustomization before it is built: the effect of its `kustomize edit` commands.

Source: Argo CD `util/kustomize/kustomize.go`, kustomize `commands/edit`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lab.sim.render.errors import RenderError
from lab.sim.render.kustomize import kustomization
from lab.sim.render.kustomize.files import Root
from lab.sim.render.kustomize.kustomization import Kustomization
from lab.sim.render.kustomize.transforms import split_image

Environment = Mapping[str, str]
_VARIABLE = re.compile(r"\$(?:\{([^}]*)\}|(\$|[A-Za-z_][A-Za-z0-9_]*|[*#@!?\-0-9]))")
_KEEP = "*"
"""A part of an image that stays as the kustomization has it."""


class EditFailed(RenderError):
    """A `kustomize edit` command failed; `command` is how Argo CD shows it."""

    def __init__(self, command: str, error: str) -> None:
        super().__init__(error)
        self.command = command


def substituted(text: str, environment: Environment) -> str:
    """`text` with `$NAME` and `${NAME}` replaced, unknown ones by nothing; `$$` is a dollar."""

    def value(found: re.Match[str]) -> str:
        name = found[1] if found[1] is not None else found[2]
        return "$" if name == "$" else environment.get(name, "")

    return _VARIABLE.sub(value, text)


def edited(made: Kustomization, source: Mapping[str, Any], root: Root, environment: Environment) -> Kustomization:
    """A kustomization with the changes that `spec.source.kustomize` asks for. Raises EditFailed or RenderError."""
    made = dict(made)
    for field in ("namePrefix", "nameSuffix", "namespace"):
        if source.get(field):
            made[field] = source[field]
    if source.get("images"):
        _set_images(made, [substituted(one, environment) for one in source["images"]])
    if source.get("replicas"):
        _set_replicas(made, source["replicas"])
    if source.get("commonLabels"):
        labels = {key: substituted(text, environment) for key, text in source["commonLabels"].items()}
        _add_labels(made, labels, source)
    if source.get("commonAnnotations"):
        notes = dict(source["commonAnnotations"])
        if source.get("commonAnnotationsEnvsubst"):
            notes = {key: substituted(text, environment) for key, text in notes.items()}
        force = bool(source.get("forceCommonAnnotations"))
        arguments = _pairs(notes)
        command = f"kustomize edit add annotation {'--force ' if force else ''}{arguments}"
        made["commonAnnotations"] = _added(made.get("commonAnnotations"), notes, force, "annotation", command)
    if source.get("patches"):
        made["patches"] = [*(made.get("patches") or ()), *map(_patch, source["patches"])]
    if source.get("components"):
        _add_components(made, source, root)
    return made


def check_editable(root: Root, source: Mapping[str, Any], environment: Environment) -> None:
    """Raise EditFailed by the first of Argo CD's commands, or RenderError, where there is no kustomization to edit."""
    if any(root.has(name) for name in kustomization.NAMES):
        return
    commands = {
        "namePrefix": lambda text: f"set nameprefix -- {text}",
        "nameSuffix": lambda text: f"set namesuffix -- {text}",
        "images": lambda items: " ".join(["set image", *(substituted(one, environment) for one in items)]),
        "replicas": lambda items: " ".join(["set replicas", *map(_replica, items)]),
        "commonLabels": lambda entries: f"add label {_pairs(entries)}",
        "commonAnnotations": lambda entries: f"add annotation {_pairs(entries)}",
        "namespace": lambda text: f"set namespace -- {text}",
        "patches": None,
        "components": lambda items: " ".join(["add component", *items]),
    }
    for field, command in commands.items():
        if source.get(field) and command is not None:
            text = "Missing kustomization file 'kustomization.yaml'."
            raise EditFailed(f"kustomize edit {command(source[field])}", text)
        if source.get(field):
            raise RenderError("kustomization file not found in the path")


def _replica(entry: Mapping[str, Any]) -> str:
    return f"{entry['name']}={entry.get('count', 0)}"


def _pairs(entries: Mapping[str, str]) -> str:
    return " ".join(f"{key}:{text}" for key, text in entries.items())


def _set_images(made: Kustomization, arguments: list[str]) -> None:
    images: dict[str, dict[str, str]] = {}
    for argument in arguments:
        images.update(_image(argument, "kustomize edit set image " + " ".join(arguments)))
    for old in made.get("images") or ():
        name = old.get("name", "")
        if name not in images:
            images[name] = dict(old)
            continue
        for part in ("newName", "newTag", "digest"):
            if images[name].get(part) == _KEEP:
                images[name][part] = old.get(part, "")
    for image in images.values():
        for part in ("newName", "newTag", "digest"):
            if image.get(part) == _KEEP:
                image[part] = ""
    made["images"] = [images[name] for name in sorted(images)]


def _image(argument: str, command: str) -> dict[str, dict[str, str]]:
    key, separator, text = argument.partition("=")
    name, tag, digest = split_image(text if separator else argument)
    if name == argument:
        raise EditFailed(
            command,
            "invalid format of image, use one of the following options:\n- <image>=<newimage>:<newtag>\n"
            "- <image>=<newimage>@<digest>\n- <image>=<newimage>:<newtag>@<digest>\n- <image>=<newimage>\n"
            "- <image>:<newtag>\n- <image>:<newtag>@<digest>\n- <image>@<digest>",
        )
    changed = {"newTag": tag, "digest": digest}
    if not separator or not key:
        return {name: {"name": name, **changed}}
    return {key: {"name": key, "newName": name, **changed}}


def _set_replicas(made: Kustomization, wanted: list[Mapping[str, Any]]) -> None:
    counts = {one.get("name", ""): one for one in made.get("replicas") or ()}
    for one in wanted:
        try:
            count = int(one.get("count", 0))
        except ValueError:
            raise RenderError(f"expected integer value for count. Received: {one['count']}") from None
        counts[one["name"]] = {"name": one["name"], "count": count}
    made["replicas"] = [counts[name] for name in sorted(counts)]


# -- labels and annotations


def _add_labels(made: Kustomization, labels: dict[str, str], source: Mapping[str, Any]) -> None:
    force = bool(source.get("forceCommonLabels"))
    bare, templates = bool(source.get("labelWithoutSelector")), bool(source.get("labelIncludeTemplates"))
    flags = [
        name
        for name, given in (("--force", force), ("--without-selector", bare), ("--include-templates", templates))
        if given
    ]
    command = " ".join(["kustomize edit add label", *flags, _pairs(labels)])
    if templates and not bare:
        raise EditFailed(command, "--without-selector flag must be specified for --include-templates to work")
    if not bare:
        made["commonLabels"] = _added(made.get("commonLabels"), labels, force, "label", command)
        return
    entries = [dict(one) for one in made.get("labels") or ()]
    same = next((one for one in entries if _settings(one) == (False, templates)), None)
    if same is None:
        same = {"pairs": {}, "includeTemplates": templates}
        entries.append(same)
    same["pairs"] = _added(same.get("pairs"), labels, force, "label", command)
    made["labels"] = entries


def _settings(entry: Mapping[str, Any]) -> tuple[bool, bool]:
    return bool(entry.get("includeSelectors")), bool(entry.get("includeTemplates"))


def _added(
    known: Mapping[str, str] | None, more: Mapping[str, str], force: bool, what: str, command: str
) -> dict[str, str]:
    made = dict(known or {})
    for key, text in more.items():
        if not key:
            raise EditFailed(command, f"invalid {what}: ':{text}' (need k:v pair where v may be quoted)")
        if key in made and not force:
            raise EditFailed(command, f"{what} {key} already in kustomization file. Use --force to override.")
        quoted = len(text) >= 2 and text[0] == text[-1] == '"'
        made[key] = text[1:-1] if quoted else text
    return made


# -- patches and components


def _patch(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: below for key, below in entry.items() if below}


def _add_components(made: Kustomization, source: Mapping[str, Any], root: Root) -> None:
    wanted = list(source["components"])
    if source.get("ignoreMissingComponents"):
        # Argo CD stops at the first component that it finds.
        wanted = [one for one in wanted if _is_kustomization(root, one)][:1]
    if not wanted:
        return
    known = list(made.get("components") or ())
    for path in wanted:
        for one in _matching(root, path, "kustomize edit add component " + " ".join(wanted)):
            if one not in known:
                known.append(one)
    made["components"] = known


def _is_kustomization(root: Root, path: str) -> bool:
    try:
        found = root.below(path)
    except RenderError:
        return False
    return any(found.has(name) for name in kustomization.NAMES)


def _matching(root: Root, path: str, command: str) -> list[str]:
    """What a component's path means: itself, or everything that fits when it holds wildcards."""
    if re.search(r"[*?\[]", path):
        found = root.matching(path)
        if found:
            return found
    try:
        root.at(path)
    except RenderError as error:
        raise EditFailed(command, f"{path} has no match: {error}") from None
    return [path]
