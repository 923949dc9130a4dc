"""What every provider promises (docs/providers.md), asked of each of them."""

import stat
from collections.abc import Iterator

import pytest
import yaml

from lab.errors import LabError
from lab.model import CAPABILITIES as ALL
from lab.model import Cluster
from lab.ports import Kube, Provider, Ref
from lab.providers import CAPABILITIES, NAMES
from tests.contract.places import PLACES, Place

HUB, W1 = Cluster(name="hub", role="management"), Cluster(name="w1", role="workload")


@pytest.fixture(scope="module", params=NAMES)
def machine(request: pytest.FixtureRequest) -> Iterator[Place]:
    with PLACES[request.param]() as place:
        yield place


@pytest.fixture
def place(machine: Place) -> Iterator[Place]:
    """The machine, without any lab before and after."""
    machine.changes()
    yield machine
    for name in ("lab", "other"):
        if machine.folder(name).record() is not None:
            provider = machine.lab(name)
            for node in provider.nodes():
                provider.delete(node.cluster)
            provider.remove_shared()
            machine.folder(name).remove()


def made(place: Place, *clusters: Cluster, name: str = "lab") -> Provider:
    """A lab with these clusters."""
    provider = place.lab(name)
    provider.prepare(place.images)
    for cluster in clusters:
        provider.create(cluster)
        place.comes_up(provider.kube(cluster.name))
    return provider


def states(provider: Provider) -> dict[str, str]:
    return {node.cluster: node.state for node in provider.nodes()}


def silent(kube: Kube) -> bool:
    try:
        return kube.raw("/readyz")[0] != 200
    except LabError:
        return True


def keep(kube: Kube, name: str) -> None:
    kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def kept(kube: Kube, name: str) -> bool:
    return kube.get(Ref(kind="Namespace", name=name)) is not None


def test_there_is_nothing_at_first_and_looking_changes_nothing(place: Place) -> None:
    provider = place.lab()
    assert (list(provider.nodes()), provider.ports(), provider.git_running()) == ([], {}, False)
    assert provider.nodes(memory=True) == []
    provider.delete("hub")
    provider.pause("hub")
    provider.stop_git()
    provider.remove_shared()
    assert place.changes() == []


def test_what_it_can_do_is_said_once_and_for_all(place: Place) -> None:
    assert place.lab().capabilities == CAPABILITIES[place.name] <= ALL


def test_what_is_shared_is_prepared_once(place: Place) -> None:
    provider = place.lab()
    assert not provider.prepared(place.images)
    provider.prepare(place.images)
    assert provider.prepared(place.images)
    assert place.changes()
    place.lab().prepare(place.images)
    assert place.changes() == []


def test_a_new_cluster_answers_and_the_next_process_knows_it(place: Place) -> None:
    provider = made(place, HUB, W1)
    place.changes()
    assert states(place.lab()) == {"hub": "running", "w1": "running"}
    assert place.comes_up(provider.kube("hub"))
    assert place.comes_up(place.lab().kube("w1"))
    place.lab().create(HUB)
    assert place.changes() == []


def test_ports_are_those_of_the_record(place: Place) -> None:
    provider = made(place, HUB)
    record = place.folder().record()
    assert record is not None
    found = provider.ports()
    assert found["api:hub"] == record.ports["api:hub"]
    assert found.items() <= record.ports.items()


def test_clusters_know_each_other_by_name_and_authority(place: Place) -> None:
    provider = made(place, HUB, W1)
    assert provider.server("w1") == "https://lab-w1-control-plane:6443"
    assert provider.ca("w1").startswith("-----BEGIN CERTIFICATE-----")
    assert provider.ca("w1") != provider.ca("hub")


def test_a_kubeconfig_is_private_has_one_context_and_comes_back_when_lost(place: Place) -> None:
    provider = made(place, HUB)
    path = provider.kubeconfig("hub")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = yaml.safe_load(path.read_text())
    assert [context["name"] for context in content["contexts"]] == [content["current-context"]] == ["hub"]
    path.unlink()
    assert place.comes_up(place.lab().kube("hub"))
    assert yaml.safe_load(path.read_text())["clusters"] == content["clusters"]


def test_a_paused_cluster_is_silent_and_comes_back_with_all_it_held(place: Place) -> None:
    provider = made(place, HUB, W1)
    keep(provider.kube("w1"), "shop")
    provider.pause("w1")
    assert place.changes()
    assert states(place.lab()) == {"hub": "running", "w1": "paused"}
    assert silent(provider.kube("w1"))
    assert place.comes_up(provider.kube("hub"))
    place.lab().pause("w1")
    place.changes()
    again = place.lab()
    again.resume("w1")
    assert place.changes()
    assert place.comes_up(again.kube("w1"))
    assert states(again) == {"hub": "running", "w1": "running"}
    assert kept(again.kube("w1"), "shop")
    place.lab().resume("w1")
    assert place.changes() == []


def test_creating_a_paused_cluster_starts_it(place: Place) -> None:
    provider = made(place, HUB)
    keep(provider.kube("hub"), "shop")
    provider.pause("hub")
    place.lab().create(HUB)
    assert states(provider) == {"hub": "running"}
    assert place.comes_up(provider.kube("hub"))
    assert kept(provider.kube("hub"), "shop")


def test_deleting_takes_that_cluster_and_its_kubeconfig_alone(place: Place) -> None:
    provider = made(place, HUB, W1)
    path = provider.kubeconfig("w1")
    provider.delete("w1")
    assert states(place.lab()) == {"hub": "running"}
    assert not path.exists()
    place.changes()
    place.lab().delete("w1")
    assert place.changes() == []
    keep(provider.kube("hub"), "shop")
    provider.create(W1)
    assert place.comes_up(provider.kube("w1"))
    assert not kept(provider.kube("w1"), "shop")


def test_a_paused_cluster_can_be_deleted(place: Place) -> None:
    provider = made(place, HUB, W1)
    provider.pause("w1")
    place.lab().delete("w1")
    assert states(provider) == {"hub": "running"}


def test_the_git_server_lets_the_lab_in_and_keeps_its_repositories(place: Place) -> None:
    provider = made(place)
    place.changes()
    provider.start_git()
    assert place.changes()
    assert place.lab().git_running()
    server = provider.git()
    assert (server.ready(), server.signed_in()) == ("", True)
    assert server.in_cluster_url == "http://lab-git:3000"
    assert server.url == f"http://127.0.0.1:{provider.ports()['git']}"
    server.create("platform")
    place.lab().start_git()
    assert place.changes() == []
    provider.stop_git()
    assert place.changes()
    assert not place.lab().git_running()
    assert server.ready() != ""
    place.lab().start_git()
    assert "platform" in provider.git().repositories()


def test_a_changed_password_is_mended(place: Place) -> None:
    provider = made(place)
    provider.start_git()
    (place.folder().path / "secrets" / "git").unlink()
    again = place.lab()
    assert not again.git().signed_in()
    again.start_git()
    assert again.git().signed_in()


def test_two_labs_do_not_see_each_other(place: Place) -> None:
    one, other = made(place, HUB), made(place, W1, name="other")
    assert (states(one), states(other)) == ({"hub": "running"}, {"w1": "running"})
    assert other.server("w1") == "https://other-w1-control-plane:6443"
    other.delete("w1")
    other.remove_shared()
    assert place.comes_up(place.lab().kube("hub"))


def test_nothing_is_left_at_the_end(place: Place) -> None:
    provider = made(place, HUB)
    provider.start_git()
    provider.delete("hub")
    provider.remove_shared()
    assert place.changes()
    later = place.lab()
    assert (list(later.nodes()), later.ports(), later.git_running(), later.prepared(place.images)) == (
        [], {}, False, False,
    )  # fmt: skip
    later.remove_shared()
    assert place.changes() == []


def test_what_is_shared_stays_while_a_cluster_needs_it(place: Place) -> None:
    provider = made(place, HUB)
    provider.remove_shared()
    assert place.comes_up(place.lab().kube("hub"))


@pytest.mark.parametrize("name", ["core-install", "install"])
def test_argocds_objects_can_be_patched_and_have_what_the_lab_waits_for(place: Place, name: str) -> None:
    provider = place.lab()
    found = provider.argocd(name)  # type: ignore[arg-type]
    workloads = {obj["metadata"]["name"] for obj in found if obj["kind"] in ("Deployment", "StatefulSet")}
    assert workloads >= {
        "argocd-application-controller",
        "argocd-applicationset-controller",
        "argocd-redis",
        "argocd-repo-server",
    }
    assert {obj["metadata"]["name"] for obj in found if obj["kind"] == "CustomResourceDefinition"} >= {
        "applications.argoproj.io",
        "appprojects.argoproj.io",
    }
    for obj in found:
        obj["metadata"]["name"] = "changed"
    assert not any(obj["metadata"]["name"] == "changed" for obj in provider.argocd(name))  # type: ignore[arg-type]


def test_images_that_are_loaded_are_there(place: Place) -> None:
    provider = made(place, HUB)
    images = ("argocd:v1",)
    provider.stage(images)
    assert provider.staged(images)
    provider.load("hub", images)
    assert provider.loaded("hub", images)
    place.changes()
    place.lab().load("hub", images)
    assert place.changes() == []


def test_who_wants_to_know_more_gets_a_command(place: Place) -> None:
    provider = place.lab()
    assert provider.log("hub").split()
    assert provider.log().split()
