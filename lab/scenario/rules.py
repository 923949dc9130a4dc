"""What the parts of a scenario must be to each other, beyond what the model says of each alone."""

import re
import shlex
import warnings
from pathlib import Path

from lab.manifests import (
    SUFFIXES,
    applied_files,
    check_names,
    is_template,
    known_names,
    located_objects,
    read_documents,
)
from lab.reading.files import FOLDER_FILES, FOLDER_LIMIT, below, executable, inside, kind_of
from lab.reading.marks import Document
from lab.reading.problems import START, KeyPath, Problems, Report, display, listed, quoted
from lab.scenario.facts import Facts

_LABEL_NAME = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_LABEL_KEY = re.compile(rf"([a-z0-9]([-a-z0-9.]{{0,251}}[a-z0-9])?/)?{_LABEL_NAME}")
_LABEL_VALUE = re.compile(rf"({_LABEL_NAME})?")
_IMAGE = re.compile(r"[a-z0-9][a-zA-Z0-9._/:-]*(:[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}|@sha256:[0-9a-f]{64})")
_COMMIT = re.compile(r"[0-9a-f]{7,40}")
_CLUSTER = "a cluster of this scenario"


def check_scenario(document: Document, facts: Facts, report: Report, problems: Problems) -> list[Path]:
    """Say everything that is wrong between the parts. Returns every file that is pushed or applied."""
    _titles(facts)
    _clusters(facts)
    _argocd(facts)
    _images(facts)
    _checks(facts)
    files = [file for path in facts.entries(("spec", "repositories")) for file in _repository(facts, path, problems)]
    facts.must_be_unique(
        ((*path, "name"), facts.text((*path, "name"))) for path in facts.entries(("spec", "repositories"))
    )
    for path in facts.entries(("spec", "bootstrap")):
        facts.must_be_known((*path, "on"), facts.text((*path, "on")), facts.clusters, _CLUSTER)
        target = facts.find((*path, "apply"), "file", "folder")
        files += [] if target is None else _applied(facts, target, problems)
    for path in facts.entries(("spec", "checks")):
        _denied(facts, path, problems)
    if facts.clusters is not None:
        check_names(document, ("spec", "checks"), known_names(facts.clusters), report)
    return files


def _titles(facts: Facts) -> None:
    name, folder = facts.text(("metadata", "name")), facts.folder.name
    if name and name != folder:
        facts.say(("metadata", "name"), f"must be the name of its folder, {quoted(folder)}, found {quoted(name)}")
    one_line(facts, ("metadata", "title"))


def one_line(facts: Facts, path: KeyPath) -> None:
    """Say so when a text that is there is empty or has several lines."""
    text = facts.value(path)
    if isinstance(text, str) and (not text.strip() or "\n" in text):
        facts.say(path, f"must be one line of text, found {quoted(text)}")


def _clusters(facts: Facts) -> None:
    entries = facts.entries(("spec", "clusters"))
    facts.must_be_unique(((*path, "name"), facts.text((*path, "name"))) for path in entries)
    roles = [facts.text((*path, "role")) for path in entries]
    if roles and all(roles) and "management" not in roles:
        facts.say(("spec", "clusters"), "must have a cluster with role management, found none", key=True)
    for path in entries:
        for key in facts.mapping((*path, "labels")):
            where = (*path, "labels", key)
            if not _LABEL_KEY.fullmatch(key):
                facts.say(where, f"must be a label name as Kubernetes takes it, found {quoted(key)}", key=True)
            elif not _LABEL_VALUE.fullmatch(value := facts.text(where)):
                facts.say(where, f"must be a label value as Kubernetes takes it, found {quoted(value)}")


def _argocd(facts: Facts) -> None:
    entries = facts.entries(("spec", "argocd"))
    facts.must_be_unique(
        (((*path, "on"), facts.text((*path, "on"))) for path in entries), "the only Argo CD of its cluster"
    )
    for path in entries:
        on = facts.text((*path, "on"))
        facts.must_be_known((*path, "on"), on, facts.clusters, _CLUSTER)
        managed = facts.texts((*path, "manages"))
        facts.must_be_unique(managed, "listed once")
        for where, name in managed:
            if name == on:
                facts.say(where, "must be another cluster: an Argo CD always manages its own")
            else:
                facts.must_be_known(where, name, facts.clusters, _CLUSTER)
        reached = [on, *(name for _, name in managed)]
        for name in facts.mapping((*path, "rights")):
            if on and name not in reached:
                facts.must_be_known((*path, "rights", name), name, reached, "a cluster that this Argo CD manages")
    by_git = [path for path in entries if facts.text((*path, "via")) == "git"]
    if by_git and len(by_git) == len(entries):
        facts.say(("spec", "argocd"), "must have an Argo CD that the lab installs (via: lab), found none", key=True)
        return
    for path in by_git:
        on = facts.text((*path, "on"))
        others = {name for other in entries if other != path for _, name in facts.texts((*other, "manages"))}
        if on and on not in others:
            facts.say((*path, "via"), f"must be lab: no other Argo CD manages {on}, so none can install it from git")


def _images(facts: Facts) -> None:
    for place in (("spec",), *facts.entries(("spec", "clusters"))):
        named = facts.texts((*place, "images"))
        facts.must_be_unique(named, "listed once")
        for path, image in named:
            if not _IMAGE.fullmatch(image):
                wanted = "an image with its tag or digest, such as registry.k8s.io/pause:3.10.1"
                facts.say(path, f"must be {wanted}, found {quoted(image)}")


def _repository(facts: Facts, path: KeyPath, problems: Problems) -> list[Path]:
    folder = facts.find((*path, "from"), "folder")
    includes = facts.entries((*path, "include"))
    facts.must_be_unique(((*include, "to"), facts.text((*include, "to"))) for include in includes)
    if folder is None:
        return []
    for include in includes:
        to = facts.text((*include, "to"))
        if to and kind_of(folder / to) != "missing":
            facts.say((*include, "to"), f"must be free, found a file of the repository at {quoted(to)}")
    files = list(below(folder))
    total = sum(file.lstat().st_size for file in files)
    if len(files) > FOLDER_FILES or total > FOLDER_LIMIT:
        wanted = f"at most {FOLDER_FILES} files of {FOLDER_LIMIT >> 20} MiB in all"
        facts.say((*path, "from"), f"must hold {wanted}, found {len(files)} of {total >> 20} MiB")
        return []
    for file in files:
        _content(facts, file, folder, problems.report(file))
    return [file for file in files if file.is_symlink() or file.is_file()]


def _content(facts: Facts, file: Path, folder: Path, report: Report) -> None:
    """One file that is pushed: what is YAML by its name must be YAML."""
    if not inside(file, facts.folder):
        report.add(START, (), "must not be a link that leads out of the scenario folder")
    elif file.is_symlink():
        return
    elif not file.is_file():
        report.add(START, (), "must be a regular file")
    elif file.suffix in SUFFIXES and not is_template(file, folder):
        read_documents(file, report)


def _applied(facts: Facts, target: Path, problems: Problems) -> list[Path]:
    files = applied_files(target)
    for file in files:
        if not inside(file, facts.folder):
            problems.report(file).add(START, (), "must not be a link that leads out of the scenario folder")
            return []
    found = located_objects(target, problems)
    if facts.clusters is not None:
        documents = {id(document): (report, document) for report, document, _ in found}
        for report, document in documents.values():
            check_names(document, (), known_names(facts.clusters), report)
    return [file for file in files if file.is_file()]


def _checks(facts: Facts) -> None:
    entries = facts.entries(("spec", "checks"))
    facts.must_be_unique(((*path, "id"), facts.text((*path, "id"))) for path in entries)
    for path in entries:
        one_line(facts, (*path, "title"))
        on = facts.text((*path, "on"))
        facts.must_be_known((*path, "on"), on, facts.clusters, _CLUSTER)
        _check_argocd(facts, path, on)
        _check_expect(facts, (*path, "expect"))
        for where in ((*path, "app", "condition"), (*path, "denied", "message")):
            _pattern(facts, where)
        _revision(facts, (*path, "app", "revision"))
        if facts.has((*path, "appset")) and not any(
            facts.has((*path, "appset", key)) for key in ("applications", "count")
        ):
            facts.say((*path, "appset"), "must have applications or count", key=True)
        where = (*path, "http", "path")
        if facts.has(where) and not facts.text(where).startswith("/"):
            facts.say(where, f"must start with /, found {quoted(facts.text(where))}")
        script = facts.find((*path, "script"), "file")
        if script is not None and not executable(script):
            facts.say((*path, "script"), f"must be executable; run: chmod +x {shlex.quote(display(script))}")


def _check_argocd(facts: Facts, path: KeyPath, on: str) -> None:
    """Applications and ApplicationSets live where an Argo CD runs."""
    kind = next((kind for kind in ("app", "appset") if facts.has((*path, kind))), "")
    if not kind or facts.instances is None or facts.clusters is None:
        return
    if not set(facts.instances) <= set(facts.clusters):
        return
    roles = [
        (facts.text((*entry, "role")), facts.text((*entry, "name"))) for entry in facts.entries(("spec", "clusters"))
    ]
    cluster = on or next((name for role, name in roles if role == "management"), "")
    if cluster in facts.clusters and cluster not in facts.instances:
        choice = listed(facts.instances)
        where = (*path, "on") if on else (*path, kind)
        facts.say(where, f"must look at a cluster that runs an Argo CD ({choice}), found {cluster}", key=not on)


def _check_expect(facts: Facts, path: KeyPath) -> None:
    one_line(facts, (*path, "kind"))
    if facts.value((*path, "absent")) is True and facts.has((*path, "count")):
        facts.say((*path, "count"), "must not be given together with absent: true")


def _pattern(facts: Facts, path: KeyPath) -> None:
    text = facts.text(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        facts.say(path, f"must be a regular expression, found {quoted(text)}: {error}")


def _revision(facts: Facts, path: KeyPath) -> None:
    text = facts.text(path)
    if text.startswith("head:"):
        known = None if facts.repositories is None else [f"head:{name}" for name in facts.repositories]
        facts.must_be_known(path, text, known, "the head of a repository of this scenario")
    elif text and not _COMMIT.fullmatch(text):
        facts.say(path, f"must be head:<repository> or a commit id, found {quoted(text)}")


def _denied(facts: Facts, path: KeyPath, problems: Problems) -> None:
    where = (*path, "denied", "apply")
    target = facts.find(where, "file")
    if target is None:
        return
    found = located_objects(target, problems)
    if len(found) > 1:
        facts.say(where, f"must hold one object, found {len(found)} in {quoted(facts.text(where))}")
    if facts.clusters is not None:
        for report, document, _ in found[:1]:
            check_names(document, (), known_names(facts.clusters), report)
