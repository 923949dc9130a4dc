"""Applications share what they have in common, failures pause, and nothing slow stops the loop."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from lab.sim.argocd.ports import RepoError
from lab.sim.argocd.repo_server import Renderer, Settings, renderer
from lab.sim.argocd.repo_server.answers import Refusal
from lab.sim.argocd.repo_server.failures import Failures
from lab.sim.argocd.repo_server.jobs import Job
from tests.sim.argocd.repo_server.cases import REPOSITORIES, config_map
from tests.sim.argocd.repo_server.given import Lab, named, request


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """The jobs that were really rendered."""
    jobs: list[Job] = []
    render = renderer.render

    def counted(job: Job, *arguments: Any, **more: Any) -> Any:
        jobs.append(job)
        return render(job, *arguments, **more)

    monkeypatch.setattr(renderer, "render", counted)
    return jobs


async def test_applications_share_a_rendering(lab: Lab, rendered: list[Job]) -> None:
    lab.seed("apps", REPOSITORIES["apps"])
    for at in range(20):
        name = f"app-{at}"
        made = await lab.server.manifests(request("apps", {"path": "plain"}, instance=name, application=name))
        assert made.objects[0]["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"].startswith(f"{name}:")
    other = lab.another()
    await other.manifests(request("apps", {"path": "plain"}, instance="elsewhere"))
    assert len(rendered) == 1


async def test_the_same_request_has_the_same_objects(lab: Lab) -> None:
    lab.seed("apps", REPOSITORIES["apps"])
    one = await lab.server.manifests(request("apps", {"path": "plain"}))
    assert (await lab.server.manifests(request("apps", {"path": "plain"}))).objects is one.objects
    assert (await lab.server.manifests(request("apps", {"path": "plain"}, namespace="x"))).objects is not one.objects


async def test_what_a_chart_may_ask_tells_renderings_apart(lab: Lab, rendered: list[Job]) -> None:
    lab.seed("charts", REPOSITORIES["charts"])
    for more in ({}, {"application": "b"}, {"namespace": "x"}, {"kube_version": "1.30.0"}, {"api_versions": ["a/v1"]}):
        given: dict[str, Any] = more
        await lab.server.manifests(request("charts", {"path": "shop"}, **given))
    assert len(rendered) == 5
    await lab.server.manifests(request("charts", {"path": "shop"}, project="another"))
    assert len(rendered) == 5


async def test_a_commit_elsewhere_in_the_repository_is_rendered_again(lab: Lab, rendered: list[Job]) -> None:
    lab.seed("apps", {"a/a.yaml": config_map("a")})
    await lab.server.manifests(request("apps", {"path": "a"}))
    lab.push("apps", {"a/a.yaml": config_map("a"), "b.yaml": b""})
    await lab.server.manifests(request("apps", {"path": "a"}, refresh=True))
    assert len(rendered) == 2


async def test_hard_renders_again(lab: Lab, rendered: list[Job]) -> None:
    lab.seed("charts", REPOSITORIES["charts"])
    await lab.server.manifests(request("charts", {"path": "shop"}))
    await lab.server.manifests(request("charts", {"path": "shop"}, hard=True))
    assert len(rendered) == 2


async def test_little_is_kept_when_little_may_be(lab: Lab, rendered: list[Job]) -> None:
    lab.renderer = Renderer(lab.checkouts, kept=8)
    lab.server = lab.another()
    lab.seed("charts", REPOSITORIES["charts"])
    for _ in range(2):
        for name in "abcdefgh":
            await lab.server.manifests(request("charts", {"path": "overridden"}, application=name))
    assert len(rendered) == 16
    await lab.server.manifests(request("charts", {"path": "overridden"}, application="h"))
    assert len(rendered) == 16


# -- failures


async def _refused(lab: Lab, **more: Any) -> str:
    with pytest.raises(RepoError) as caught:
        await lab.server.manifests(request("charts", {"path": "failing"}, **more))
    return str(caught.value).removeprefix("rpc error: code = Unknown desc = ")


async def test_a_source_that_fails_three_times_pauses_for_an_hour(lab: Lab) -> None:
    lab.seed("charts", REPOSITORIES["charts"])
    first = await _refused(lab)
    assert "color is needed" in first
    assert [await _refused(lab), await _refused(lab)] == [first, first]
    assert await _refused(lab) == f"Manifest generation error (cached): {first}"
    assert await _refused(lab, instance="another") == first
    assert await _refused(lab, hard=True) == first
    await lab.clock.advance(3600.0)
    assert await _refused(lab) == first


async def test_a_failure_with_a_code_brings_it_along(lab: Lab) -> None:
    lab.seed("apps", REPOSITORIES["apps"])
    texts = []
    for _ in range(4):
        with pytest.raises(RepoError) as caught:
            await lab.server.manifests(request("apps", {"path": "badjson"}))
        texts.append(str(caught.value))
    assert texts[0].startswith("rpc error: code = FailedPrecondition desc = Failed to unmarshal")
    assert texts[3] == f"rpc error: code = Unknown desc = Manifest generation error (cached): {texts[0]}"


async def test_pauses_can_be_turned_off(lab: Lab) -> None:
    lab.server = lab.another(Settings(failed_attempts=0))
    lab.seed("charts", REPOSITORIES["charts"])
    assert len({await _refused(lab) for _ in range(5)}) == 1


def test_a_success_ends_the_count(lab: Lab) -> None:
    failures = Failures(lab.clock, attempts=2)
    failures.failed("key", Refusal("no"))
    failures.succeeded("key")
    failures.failed("key", Refusal("no"))
    failures.check("key")
    failures.failed("key", Refusal("no"))
    with pytest.raises(Refusal):
        failures.check("key")


def test_a_pause_may_end_after_some_requests(lab: Lab) -> None:
    failures = Failures(lab.clock, attempts=1, requests=2)
    failures.failed("key", Refusal("no"))
    for _ in range(2):
        with pytest.raises(Refusal):
            failures.check("key")
    failures.check("key")


async def test_settings_come_from_the_environment() -> None:
    assert Settings.of({}) == Settings()
    assert Settings.of(
        {
            "ARGOCD_RECONCILIATION_TIMEOUT": "60s",
            "ARGOCD_PAUSE_GEN_AFTER_FAILED_ATTEMPTS": "5",
            "ARGOCD_PAUSE_GEN_MINUTES": "nonsense",
            "ARGOCD_REPO_SERVER_MAX_COMBINED_DIRECTORY_MANIFESTS_SIZE": "1M",
            "ARGOCD_REPO_SERVER_INCLUDE_HIDDEN_DIRECTORIES": "true",
        }
    ) == Settings(60.0, 5, 60, 0, 1_000_000, True)


# -- what is slow


async def test_a_slow_source_holds_nobody_up(lab: Lab) -> None:
    lab.seed("slow", {f"many/{at}.yaml": config_map(f"c{at}", a="x" * 200) for at in range(900)})
    lab.seed("apps", REPOSITORIES["apps"])
    slow = [
        asyncio.create_task(lab.server.manifests(request("slow", {"path": "many"}, instance=f"a{at}")))
        for at in range(3)
    ]
    await asyncio.sleep(0.01)
    assert named((await lab.server.manifests(request("apps", {"path": "skipped"}))).objects) == ["b"]
    turns = 0
    while not slow[0].done():
        turns += 1
        await asyncio.sleep(0.001)
    assert turns > 10
    assert [len(one.objects) for one in await asyncio.gather(*slow)] == [900, 900, 900]


async def test_who_waits_for_the_same_rendering_waits_once(lab: Lab, rendered: list[Job]) -> None:
    lab.seed("slow", {f"many/{at}.yaml": config_map(f"c{at}") for at in range(100)})
    await asyncio.gather(
        *(lab.server.manifests(request("slow", {"path": "many"}, instance=f"a{at}")) for at in range(10))
    )
    assert len(rendered) == 1


async def test_giving_up_waiting_harms_nobody_else(lab: Lab) -> None:
    lab.seed("slow", {f"many/{at}.yaml": config_map(f"c{at}") for at in range(100)})
    first = asyncio.create_task(lab.server.manifests(request("slow", {"path": "many"})))
    second = asyncio.create_task(lab.server.manifests(request("slow", {"path": "many"}, instance="b")))
    await asyncio.sleep(0)
    first.cancel()
    assert len((await second).objects) == 100


async def test_a_renderer_that_breaks_breaks_nothing_else(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.seed("apps", REPOSITORIES["apps"])

    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(renderer, "render", broken)
    with pytest.raises(RepoError, match=r"^rpc error: code = Internal desc = ZeroDivisionError: oh$"):
        await lab.server.manifests(request("apps", {"path": "plain"}))


async def test_many_applications_are_quick(lab: Lab) -> None:
    lab.seed("apps", REPOSITORIES["apps"])
    await lab.server.manifests(request("apps", {"path": "plain"}))
    started = time.process_time()
    for at in range(1000):
        await lab.server.manifests(request("apps", {"path": "plain"}, instance=f"a{at}"))
    assert time.process_time() - started < 0.5
