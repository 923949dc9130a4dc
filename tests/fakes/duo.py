"""A small scenario for a world, and a folder in memory for both."""

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

import yaml

from lab import scenario as scenarios
from lab.model import Scenario
from lab.ports import Object


def memory() -> str | None:
    """A folder in memory, where the system has one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@cache
def duo() -> Scenario:
    """A scenario of two clusters: an ApplicationSet and an Application, both from one repository."""
    root = Path(tempfile.mkdtemp(dir=memory()))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    return scenarios.load(write_duo(root / "duo"), root)


def write_duo(folder: Path) -> Path:
    """The scenario's files."""
    url = "http://lab-git:3000/lab/platform.git"
    app = {
        "project": "default",
        "source": {"repoURL": url, "path": "web", "targetRevision": "main"},
        "destination": {"name": "{{.name}}", "namespace": "web"},
    }
    argo = "argoproj.io/v1alpha1"
    bootstrap: list[Object] = [
        {
            "apiVersion": argo,
            "kind": "ApplicationSet",
            "metadata": {"name": "web", "namespace": "argocd"},
            "spec": {
                "goTemplate": True,
                "generators": [{"clusters": {"selector": {"matchLabels": {"env": "production"}}}}],
                "template": {"metadata": {"name": "web-{{.name}}"}, "spec": app},
            },
        },
        {
            "apiVersion": argo,
            "kind": "Application",
            "metadata": {
                "name": "root",
                "namespace": "argocd",
                "finalizers": ["resources-finalizer.argocd.argoproj.io"],
            },
            "spec": {**app, "destination": {"server": "https://kubernetes.default.svc", "namespace": "argocd"}},
        },
    ]
    content = {
        "apiVersion": "lab/v1",
        "kind": "Scenario",
        "metadata": {"name": "duo", "title": "Two clusters", "level": "beginner", "minutes": 5},
        "spec": {
            "clusters": [
                {"name": "hub", "role": "management", "labels": {"env": "management"}},
                {"name": "w1", "role": "workload", "labels": {"env": "production"}},
            ],
            "argocd": [{"on": "hub", "manages": ["w1"]}],
            "repositories": [{"name": "platform", "from": "gitops"}],
            "bootstrap": [{"on": "hub", "apply": "bootstrap.yaml"}],
            "images": ["registry.k8s.io/pause:3.10.1"],
            "checks": [
                {"id": "web", "title": "web-w1 is synced to the newest commit", "on": "hub",
                 "app": {"name": "web-w1", "sync": "Synced", "revision": "head:platform"}},
                {"id": "registered", "title": "two clusters are registered", "on": "hub",
                 "expect": {"kind": "Secret", "namespace": "argocd", "count": 2,
                            "labels": {"argocd.argoproj.io/secret-type": "cluster"}}},
            ],
        },
    }  # fmt: skip
    (folder / "gitops" / "web").mkdir(parents=True)
    (folder / "gitops" / "web" / "config.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\ndata:\n  colour: blue\n"
    )
    (folder / "bootstrap.yaml").write_text(yaml.safe_dump_all(bootstrap))
    (folder / "scenario.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return folder
