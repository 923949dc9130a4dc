"""What the lab makes of Argo CD's release manifest."""

import dataclasses
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import web
from lab.argocd import manifest
from lab.errors import LabError
from lab.settings import Settings
from lab.state import Options
from tests.fakes import release


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return release.settings_with(tmp_path)


def find(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    return next(o for o in objects if o["kind"] == kind and o["metadata"]["name"] == name)


def containers(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    pods = [o["spec"]["template"]["spec"] for o in objects if o["kind"] in manifest.WORKLOADS]
    return [c for pod in pods for c in [*pod.get("initContainers", []), *pod["containers"]]]


def test_the_namespace_comes_first_and_everything_namespaced_is_in_it(settings: Settings) -> None:
    objects = manifest.objects(settings, Options())
    assert (objects[0]["kind"], objects[0]["metadata"]["name"]) == ("Namespace", "argocd")
    for obj in objects:
        expected = None if obj["kind"] in manifest.CLUSTER_SCOPED else "argocd"
        assert obj["metadata"].get("namespace") == expected, obj["metadata"]["name"]


def test_no_image_is_pulled_when_it_is_there(settings: Settings) -> None:
    found = containers(manifest.objects(settings, Options(ui=True)))
    assert len(found) == 6
    assert {c["imagePullPolicy"] for c in found} == {"IfNotPresent"}


def test_core_gets_the_project_that_only_the_api_server_makes(settings: Settings) -> None:
    project = find(manifest.objects(settings, Options()), "AppProject", "default")
    assert project["spec"]["destinations"] == [{"server": "*", "namespace": "*"}]
    assert project["spec"]["clusterResourceWhitelist"] == [{"group": "*", "kind": "*"}]


@pytest.mark.parametrize(("timing", "expected"), [("fast", "20s"), ("argocd", None)])
def test_timing_is_a_choice(settings: Settings, timing: str, expected: str | None) -> None:
    objects = manifest.objects(settings, Options(timing=timing))
    config = find(objects, "ConfigMap", "argocd-cm")["data"]
    params = find(objects, "ConfigMap", "argocd-cmd-params-cm")["data"]
    assert config.get("timeout.reconciliation") == expected
    assert params.get("applicationsetcontroller.requeue.after") == expected
    assert config["kept"] == "as released"
    assert "argoproj.io_Application" in "".join(config)


def test_every_setting_is_text(settings: Settings) -> None:
    for name in ("argocd-cm", "argocd-cmd-params-cm"):
        data = find(manifest.objects(settings, Options()), "ConfigMap", name)["data"]
        assert data
        assert all(isinstance(value, str) for value in data.values())


def test_the_ui_is_reached_by_https_on_the_node_and_nothing_unused_is_installed(settings: Settings) -> None:
    objects = manifest.objects(settings, Options(ui=True))
    service = find(objects, "Service", "argocd-server")
    assert service["spec"]["type"] == "NodePort"
    assert [(p["name"], p["nodePort"]) for p in service["spec"]["ports"]] == [("https", 30443)]
    names = {o["metadata"]["name"] for o in objects}
    assert not [n for n in names if "dex" in n or "notifications" in n]
    # The admin's password would be lost to an apply of the empty Secret.
    assert "argocd-secret" not in names
    assert "argocd-secret" in {o["metadata"]["name"] for o in manifest.objects(settings, Options(ui=False))}


def test_workloads_say_their_replicas_and_their_needs(settings: Settings) -> None:
    for obj in manifest.objects(settings, Options(ui=True)):
        if obj["kind"] in manifest.WORKLOADS:
            container = obj["spec"]["template"]["spec"]["containers"][0]
            assert obj["spec"]["replicas"] == 1
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}
            assert container["readinessProbe"]["periodSeconds"] == 3
            assert container["readinessProbe"]["httpGet"]["path"] == "/healthz"


def test_images_are_those_of_the_workloads(settings: Settings) -> None:
    assert manifest.images(settings, ui=False) == ("argocd:v1", "redis:8")
    assert "dex:v2" not in manifest.images(settings, ui=True)


def test_the_text_is_the_same_each_time_and_holds_the_same_objects(settings: Settings) -> None:
    text = manifest.text(settings, Options())
    assert text == manifest.text(settings, Options())
    objects = list(yaml.safe_load_all(text))
    assert objects == manifest.objects(settings, Options())
    full = list(yaml.safe_load_all(manifest.text(settings, Options(), "install")))
    assert "data" not in find(full, "Secret", "argocd-secret")


def test_the_second_reading_comes_from_the_cache(settings: Settings) -> None:
    first = manifest.objects(settings, Options())
    kept = list((settings.cache / "argocd" / "parsed").iterdir())
    assert len(kept) == 1
    kept[0].write_text(kept[0].read_text().replace("as released", "from the cache"))
    again = manifest.objects(settings, Options())
    assert find(first, "ConfigMap", "argocd-cm")["data"]["kept"] == "as released"
    assert find(again, "ConfigMap", "argocd-cm")["data"]["kept"] == "from the cache"


def test_a_damaged_cache_is_made_again(settings: Settings) -> None:
    first = manifest.objects(settings, Options())
    kept = next((settings.cache / "argocd" / "parsed").iterdir())
    kept.write_text("[{")
    assert manifest.objects(settings, Options()) == first


# --- where it comes from ----------------------------------------------------------------------------------------------


def pinned(settings: Settings, tmp_path: Path, digest: str) -> Settings:
    folder = tmp_path / "manifests"
    (folder / "argocd").mkdir(parents=True)
    (folder / "argocd" / "pins.yaml").write_text(f"{release.VERSION}: {{core-install: '{digest}'}}\n")
    return dataclasses.replace(settings, manifests_dir=folder)


def test_a_given_file_is_checked_when_the_version_is_pinned(settings: Settings, tmp_path: Path) -> None:
    right = hashlib.sha256(release.CORE.encode()).hexdigest()
    path = manifest.release(pinned(settings, tmp_path / "a", right), "core-install")
    assert path.read_text() == release.CORE
    with pytest.raises(LabError) as raised:
        manifest.release(pinned(settings, tmp_path / "b", "0" * 64), "core-install")
    assert raised.value.code == "manifest-altered"
    assert right in raised.value.why


def test_the_default_version_is_pinned() -> None:
    settings = Settings.from_environment({})
    pins = yaml.safe_load((settings.manifests_dir / "argocd" / "pins.yaml").read_text())[settings.argocd_version]
    assert pins.keys() == {"core-install", "install"}
    assert all(len(bytes.fromhex(digest)) == 32 for digest in pins.values())


def test_a_given_folder_without_the_file_is_named(settings: Settings) -> None:
    bare = dataclasses.replace(settings, argocd_version="v9.9.9")
    with pytest.raises(LabError) as raised:
        manifest.release(bare, "install")
    assert raised.value.code == "manifest-unavailable"
    assert str(settings.release_manifests_dir) in raised.value.why


def test_without_a_given_folder_it_is_downloaded_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def download(url: str, path: Path, timeout: float = 60.0) -> None:
        asked.append(url)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(release.CORE)

    monkeypatch.setattr(web, "download", download)
    online = dataclasses.replace(settings, release_manifests_dir=None)
    first = manifest.release(online, "core-install")
    assert manifest.release(online, "core-install") == first
    assert first.is_relative_to(settings.cache)
    assert asked == [
        f"https://raw.githubusercontent.com/argoproj/argo-cd/{release.VERSION}/manifests/core-install.yaml"
    ]


def test_a_failed_download_says_why(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(url: str, path: Path, timeout: float = 60.0) -> None:
        raise LabError("web-failed", url=url, reason="it cannot be reached", details="no route")

    monkeypatch.setattr(web, "download", download)
    with pytest.raises(LabError) as raised:
        manifest.release(dataclasses.replace(settings, release_manifests_dir=None), "install")
    assert raised.value.code == "manifest-unavailable"
    assert "it cannot be reached" in raised.value.why
    assert raised.value.details == "no route"


# --- password and proxies ---------------------------------------------------------------------------------------------


def test_the_admins_password_is_kept_as_a_hash() -> None:
    secret = manifest.admin_secret("correct horse")
    assert secret["data"].keys() == {"admin.password", "admin.passwordMtime"}
    assert "correct horse" not in str(secret)
    assert manifest.password_matches(secret, "correct horse")
    assert not manifest.password_matches(secret, "battery staple")
    assert not manifest.password_matches({"kind": "Secret", "metadata": {}}, "correct horse")


def test_proxies_reach_the_pods_with_the_labs_own_names_excepted(settings: Settings) -> None:
    proxy = manifest.proxy_environment(
        {"https_proxy": "http://proxy.example:3128", "NO_PROXY": "intra.example"}, ["lab-git", "lab-w1-control-plane"]
    )
    assert proxy["HTTPS_PROXY"] == "http://proxy.example:3128"
    assert {"intra.example", "lab-git", "lab-w1-control-plane", ".svc"} <= set(proxy["NO_PROXY"].split(","))
    objects = manifest.objects(settings, Options(), proxy=proxy)
    environment = {
        c["name"]: {e["name"]: e["value"] for e in c.get("env", ())} for c in containers(objects) if "env" in c
    }
    assert environment["argocd-repo-server"].items() >= proxy.items()
    assert environment["redis"].keys() == {"KUBECACHEDIR"}


def test_a_proxy_on_loopback_is_no_use_in_a_pod() -> None:
    assert manifest.proxy_environment({"HTTP_PROXY": "127.0.0.1:3128", "NO_PROXY": "x"}, ["lab-git"]) == {}
    assert manifest.proxy_environment({}, ["lab-git"]) == {}


# --- the real release, where it is at hand ----------------------------------------------------------------------------


@pytest.mark.skipif("LAB_MANIFESTS_DIR" not in os.environ, reason="needs Argo CD's release manifests")
def test_the_patches_fit_the_pinned_release(tmp_path: Path) -> None:
    settings = dataclasses.replace(Settings.from_environment(), cache=tmp_path)
    patches = yaml.safe_load((settings.manifests_dir / "argocd" / "patches.yaml").read_text())
    objects = manifest.objects(settings, Options(ui=True))
    names = {c["name"] for c in containers(objects)}
    assert patches["requests"].keys() <= names
    text = Path(manifest.release(settings, "install")).read_text()
    for key in [*patches["argocd-cmd-params-cm"], *patches["fast"]["argocd-cmd-params-cm"]]:
        assert f"key: {key}\n" in text, key
    for key in patches["fast"]["argocd-cm"]:
        assert f"key: {key}\n" in text, key
    for ui in (False, True):
        assert len(manifest.images(settings, ui)) == 2
