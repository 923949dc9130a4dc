"""Repositories made to do harm: they are refused, soon, and in words."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from dulwich.objects import Blob, Tree

from lab.sim.argocd.ports import RepoError
from lab.sim.argocd.repo_server import Renderer
from lab.sim.git.repositories import File, make_commit
from lab.sim.templates.gotemplate import Budget
from tests.sim.argocd.repo_server.cases import BASE, config_map
from tests.sim.argocd.repo_server.given import AUTHOR, OWNER, WHEN, Lab, request, url


async def refused(lab: Lab, path: str = ".", **source: object) -> str:
    started = time.monotonic()
    with pytest.raises(RepoError) as caught:
        await lab.server.manifests(request("r", {"path": path, **source}))
    assert time.monotonic() - started < 30
    return str(caught.value)


async def test_a_folder_in_a_folder_ten_times_over(lab: Lab) -> None:
    lab.git.forge.create(OWNER, "r")
    blob = Blob.from_string(b"x")
    below, objects = (0o100644, blob.id), [blob]
    for _ in range(8):
        tree = Tree()
        for name in range(10):
            tree.add(f"{name}".encode(), *below)
        objects.append(tree)
        below = (0o40000, tree.id)
    commit = make_commit(below[1], [], "bomb", AUTHOR, WHEN)
    with lab.git.repositories.open(OWNER, "r") as repo:
        repo.object_store.add_objects([(one, None) for one in [*objects, commit]])
    lab.git.repositories.move(OWNER, "r", {"refs/heads/main": ("", commit.id.decode())})
    assert "the repository has more than 100000 files" in await refused(lab)


async def test_more_manifests_than_argo_cd_reads(lab: Lab) -> None:
    lab.seed("r", {"a.yaml": b"# " + b"x" * 11_000_000})
    limit = "failed to get potentially valid manifests: exceeded max combined manifest file size"
    assert (await refused(lab)).endswith(limit)


async def test_aliases_of_aliases(lab: Lab) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 10)}]" for at in range(1, 12)]
    lab.seed("r", {"a.yaml": "\n".join(["apiVersion: v1", "kind: ConfigMap", "metadata: {name: a}", *lines]).encode()})
    assert "rpc error: code = FailedPrecondition desc = Failed to unmarshal" in await refused(lab)


async def test_a_deep_document(lab: Lab) -> None:
    deep = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: " + b"[" * 50_000 + b"]" * 50_000
    lab.seed("r", {"a.yaml": deep})
    assert "rpc error: code = " in await refused(lab)


async def test_a_chart_that_never_ends(lab: Lab) -> None:
    chart = b"apiVersion: v2\nname: c\nversion: 1.0.0\n"
    endless = b"{{ range until 1000000 }}{{ range until 1000000 }}{{ . }}{{ end }}{{ end }}"
    lab.renderer = Renderer(lab.checkouts, budget=Budget(steps=300_000))
    lab.server = lab.another()
    lab.seed("r", {"Chart.yaml": chart, "templates/a.yaml": endless})
    asked = asyncio.create_task(refused(lab))
    turns = 0
    while not asked.done():
        turns += 1
        await asyncio.sleep(0.001)
    assert "template execution took more than 300000 steps" in asked.result()
    # The event loop went on meanwhile.
    assert turns > 10


async def test_a_link_that_leaves_the_repository(lab: Lab) -> None:
    lab.seed("r", {"a.yaml": config_map("a"), "deep/evil": File(b"/etc/passwd", 0o120000)})
    assert (await refused(lab)).endswith("repository contains out-of-bounds symlinks. file: deep/evil")


@pytest.mark.parametrize("name", ["../r", "..%2f..%2fetc", "r/../../x", ""])
async def test_no_path_leads_out_of_the_folder(lab: Lab, name: str) -> None:
    lab.seed("r", {"a.yaml": config_map("a")})
    assert "rpc error: code = Unknown desc = failed to list refs" in await refused(lab, repoURL=f"{BASE}/lab/{name}")


async def test_generators_may_ask_from_another_thread(lab: Lab) -> None:
    lab.seed("r", {f"f{at}/x.yaml": config_map(f"c{at}") for at in range(150)})
    found: list[int] = []

    def ask() -> None:
        for _ in range(20):
            found.append(len(lab.server.directories(url("r"), "", fresh=True)))
            found.append(len(lab.server.files(url("r"), "", "*/x.yaml", fresh=True)))

    thread = threading.Thread(target=ask)
    thread.start()
    for at in range(40):
        made = await lab.server.manifests(request("r", {"path": f"f{at}"}, hard=True))
        assert len(made.objects) == 1
    await asyncio.to_thread(thread.join)
    assert found == [150] * 40
