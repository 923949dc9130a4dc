"""The fake API server keeps the rules the lab's code relies on."""

from typing import Any

import pytest

from lab.errors import KubeError
from lab.ports import Kube, Ref
from tests.fakes.kube import FakeKube


def config_map(name: str = "a", namespace: str = "default", **data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": data,
    }


def test_it_is_a_kube() -> None:
    kube: Kube = FakeKube()
    assert kube.get(Ref(kind="ConfigMap", name="a", namespace="default")) is None


def test_apply_drops_what_it_set_before_and_keeps_what_others_set() -> None:
    kube = FakeKube()
    kube.apply(config_map(one="1", two="2"))
    kube.patch(Ref(kind="ConfigMap", name="a", namespace="default"), {"data": {"three": "3"}})
    assert kube.apply(config_map(one="1"))["data"] == {"one": "1", "three": "3"}


def test_apply_without_a_change_keeps_the_version() -> None:
    kube = FakeKube()
    first = kube.apply(config_map(one="1"))["metadata"]["resourceVersion"]
    assert kube.apply(config_map(one="1"))["metadata"]["resourceVersion"] == first
    assert kube.apply(config_map(one="2"))["metadata"]["resourceVersion"] != first


def test_a_missing_namespace_refuses() -> None:
    with pytest.raises(KubeError) as refused:
        FakeKube().apply(config_map(namespace="nowhere"))
    assert refused.value.status == 404


def test_finalizers_hold_an_object_until_they_are_gone() -> None:
    kube = FakeKube()
    obj = config_map()
    obj["metadata"]["finalizers"] = ["x"]
    kube.add(obj)
    ref = Ref(kind="ConfigMap", name="a", namespace="default")
    assert kube.delete(ref)
    held = kube.get(ref)
    assert held is not None
    assert held["metadata"]["deletionTimestamp"]
    kube.patch(ref, {"metadata": {"finalizers": None}})
    assert kube.get(ref) is None


def test_deleting_a_namespace_takes_its_content() -> None:
    kube = FakeKube()
    kube.add(config_map(namespace="team"))
    assert kube.delete(Ref(kind="Namespace", name="team"))
    assert kube.list(Ref(kind="ConfigMap")) == []
    assert kube.delete(Ref(kind="Namespace", name="team")) is False


def test_refusals_run_out() -> None:
    kube = FakeKube()
    kube.refuse("apply", "ConfigMap", times=1)
    with pytest.raises(KubeError):
        kube.apply(config_map())
    assert kube.apply(config_map())["metadata"]["name"] == "a"
