"""The official Python client, and the lab's own door to Kubernetes, against a served cluster over TLS."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client, config, dynamic, utils, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic.exceptions import ConflictError
from kubernetes.stream import stream

from lab import kube
from lab.errors import KubeError
from lab.ports import Ref
from lab.sim import control
from lab.sim.api.store import HISTORY

CLUSTER = "python"
NAMESPACE = "py"
APPLY = "application/apply-patch+yaml"


@pytest.fixture(scope="module")
def kubeconfig(daemon: control.Control) -> Path:
    return Path(daemon.create({"name": CLUSTER, "kubernetes": "1.36", "timing": "instant"})[0]["kubeconfig"])


@pytest.fixture(scope="module")
def api(kubeconfig: Path) -> Iterator[client.ApiClient]:
    settings = client.Configuration()
    config.load_kube_config(str(kubeconfig), client_configuration=settings)
    settings.proxy = None
    with client.ApiClient(settings) as made:
        client.CoreV1Api(made).create_namespace({"metadata": {"name": NAMESPACE}})
        until(lambda: client.CoreV1Api(made).read_namespaced_service_account("default", NAMESPACE))
        yield made


@pytest.fixture(scope="module")
def core(api: client.ApiClient) -> client.CoreV1Api:
    return client.CoreV1Api(api)


@pytest.fixture(scope="module")
def loose(api: client.ApiClient) -> dynamic.DynamicClient:
    return dynamic.DynamicClient(api)


def until(done: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Ask until there is an answer; the last refusal is raised."""
    ends = time.monotonic() + seconds
    while True:
        try:
            found = done()
            if found:
                return found
        except ApiException:
            if time.monotonic() > ends:
                raise
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.05)


def deployment(name: str, replicas: int = 2) -> client.V1Deployment:
    labels = {"app": name}
    container = client.V1Container(name="main", image="nginx:1.27", ports=[client.V1ContainerPort(container_port=80)])
    template = client.V1PodTemplateSpec(
        metadata=client.V1ObjectMeta(labels=labels), spec=client.V1PodSpec(containers=[container])
    )
    spec = client.V1DeploymentSpec(
        replicas=replicas, selector=client.V1LabelSelector(match_labels=labels), template=template
    )
    return client.V1Deployment(metadata=client.V1ObjectMeta(name=name), spec=spec)


def configmap(name: str, **labels: str) -> client.V1ConfigMap:
    return client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name, labels=labels or None), data={"a": "1"})


# -- typed


def test_a_configmap_is_made_read_changed_and_deleted(core: client.CoreV1Api) -> None:
    made = core.create_namespaced_config_map(NAMESPACE, configmap("one"))
    assert made.metadata.uid
    assert made.metadata.creation_timestamp.tzinfo is not None
    assert core.read_namespaced_config_map("one", NAMESPACE).data == {"a": "1"}
    patched = core.patch_namespaced_config_map("one", NAMESPACE, {"data": {"b": "2"}})
    assert patched.data == {"a": "1", "b": "2"}
    patched.data = {"c": "3"}
    assert core.replace_namespaced_config_map("one", NAMESPACE, patched).data == {"c": "3"}
    with pytest.raises(ApiException) as stale:
        core.replace_namespaced_config_map("one", NAMESPACE, made)
    assert (stale.value.status, "Conflict" in stale.value.body) == (409, True)
    assert core.delete_namespaced_config_map("one", NAMESPACE)["status"] == "Success"
    with pytest.raises(ApiException) as gone:
        core.read_namespaced_config_map("one", NAMESPACE)
    assert gone.value.status == 404


def test_a_dry_run_and_a_second_creation(core: client.CoreV1Api) -> None:
    assert core.create_namespaced_config_map(NAMESPACE, configmap("dry"), dry_run="All").metadata.name == "dry"
    core.create_namespaced_config_map(NAMESPACE, configmap("dry"))
    with pytest.raises(ApiException) as again:
        core.create_namespaced_config_map(NAMESPACE, configmap("dry"))
    assert (again.value.status, "AlreadyExists" in again.value.body) == (409, True)


def test_a_list_comes_in_pages_and_a_collection_goes_at_once(core: client.CoreV1Api) -> None:
    for number in range(7):
        core.create_namespaced_config_map(NAMESPACE, configmap(f"page-{number}", paged="yes"))
    names, more, pages = [], None, 0
    while True:
        page = core.list_namespaced_config_map(NAMESPACE, label_selector="paged=yes", limit=3, _continue=more)
        names += [one.metadata.name for one in page.items]
        pages, more = pages + 1, page.metadata._continue
        if not more:
            break
    assert (names, pages) == ([f"page-{number}" for number in range(7)], 3)
    core.delete_collection_namespaced_config_map(NAMESPACE, label_selector="paged=yes")
    assert core.list_namespaced_config_map(NAMESPACE, label_selector="paged=yes").items == []
    assert core.list_namespaced_config_map(NAMESPACE, field_selector="metadata.name=kube-root-ca.crt").items


def test_a_watch_tells_what_happens_after_a_list(core: client.CoreV1Api) -> None:
    since = core.list_namespaced_config_map(NAMESPACE).metadata.resource_version
    core.create_namespaced_config_map(NAMESPACE, configmap("seen", watched="yes"))
    core.patch_namespaced_config_map("seen", NAMESPACE, {"data": {"a": "2"}})
    core.delete_namespaced_config_map("seen", NAMESPACE)
    told = watch.Watch().stream(
        core.list_namespaced_config_map,
        NAMESPACE,
        resource_version=since,
        label_selector="watched=yes",
        timeout_seconds=2,
    )
    assert [(one["type"], one["object"].data["a"]) for one in told] == [
        ("ADDED", "1"),
        ("MODIFIED", "2"),
        ("DELETED", "2"),
    ]


def test_a_watch_from_too_long_ago_is_told_410(core: client.CoreV1Api) -> None:
    since = core.create_namespaced_config_map(NAMESPACE, configmap("old")).metadata.resource_version
    for number in range(HISTORY + 1):
        core.patch_namespaced_config_map("old", NAMESPACE, {"data": {"a": str(number)}})
    with pytest.raises(ApiException) as expired:
        list(
            watch.Watch().stream(core.list_namespaced_config_map, NAMESPACE, resource_version=since, timeout_seconds=2)
        )
    assert expired.value.status == 410


def test_a_deployment_runs_scales_and_goes_with_its_pods(api: client.ApiClient, core: client.CoreV1Api) -> None:
    apps = client.AppsV1Api(api)
    apps.create_namespaced_deployment(NAMESPACE, deployment("web"))
    ready = until(lambda: _ready(apps, "web", 2))
    assert ready.status.conditions
    scale = apps.read_namespaced_deployment_scale("web", NAMESPACE)
    scale.spec.replicas = 3
    apps.replace_namespaced_deployment_scale("web", NAMESPACE, scale)
    until(lambda: _ready(apps, "web", 3))
    pods = core.list_namespaced_pod(NAMESPACE, label_selector="app=web").items
    assert {pod.status.phase for pod in pods} == {"Running"}
    assert all(pod.status.container_statuses[0].ready for pod in pods)
    apps.delete_namespaced_deployment("web", NAMESPACE, propagation_policy="Foreground")
    until(lambda: not core.list_namespaced_pod(NAMESPACE, label_selector="app=web").items)


def _ready(apps: client.AppsV1Api, name: str, number: int) -> client.V1Deployment | None:
    found = apps.read_namespaced_deployment_status(name, NAMESPACE)
    return found if found.status.ready_replicas == number else None


def test_a_job_completes(api: client.ApiClient) -> None:
    batch = client.BatchV1Api(api)
    container = client.V1Container(name="main", image="busybox", command=["sh", "-c", "exit 0"])
    template = client.V1PodTemplateSpec(spec=client.V1PodSpec(containers=[container], restart_policy="Never"))
    body = client.V1Job(metadata=client.V1ObjectMeta(name="once"), spec=client.V1JobSpec(template=template))
    batch.create_namespaced_job(NAMESPACE, body)
    done = until(
        lambda: next(
            iter([one for one in [batch.read_namespaced_job("once", NAMESPACE)] if one.status.succeeded]), None
        )
    )
    assert done.status.completion_time >= done.status.start_time


@pytest.fixture(scope="module")
def pod(core: client.CoreV1Api) -> str:
    body = client.V1Pod(
        metadata=client.V1ObjectMeta(name="shell"),
        spec=client.V1PodSpec(containers=[client.V1Container(name="main", image="nginx:1.27")]),
    )
    core.create_namespaced_pod(NAMESPACE, body)
    until(lambda: core.read_namespaced_pod("shell", NAMESPACE).status.phase == "Running")
    return "shell"


def test_a_pods_log_is_read_and_followed(core: client.CoreV1Api, pod: str) -> None:
    text = core.read_namespaced_pod_log(pod, NAMESPACE)
    assert text
    followed = watch.Watch().stream(core.read_namespaced_pod_log, pod, NAMESPACE, since_seconds=3600)
    assert next(iter(followed)) == text.splitlines()[0]


def test_a_command_runs_in_a_pod(core: client.CoreV1Api, pod: str) -> None:
    said = stream(
        core.connect_get_namespaced_pod_exec,
        pod,
        NAMESPACE,
        command=["echo", "hello"],
        stdin=False,
        stdout=True,
        stderr=True,
        tty=False,
    )
    assert said == "hello\n"


def test_roles_decide_and_a_token_acts(api: client.ApiClient, core: client.CoreV1Api) -> None:
    rbac, authorization = client.RbacAuthorizationV1Api(api), client.AuthorizationV1Api(api)
    core.create_namespaced_service_account(NAMESPACE, {"metadata": {"name": "reader"}})
    rule = client.V1PolicyRule(api_groups=[""], resources=["configmaps"], verbs=["get", "list"])
    rbac.create_namespaced_role(NAMESPACE, client.V1Role(metadata=client.V1ObjectMeta(name="read"), rules=[rule]))
    binding = client.V1RoleBinding(
        metadata=client.V1ObjectMeta(name="read"),
        role_ref=client.V1RoleRef(api_group="rbac.authorization.k8s.io", kind="Role", name="read"),
        subjects=[client.RbacV1Subject(kind="ServiceAccount", name="reader", namespace=NAMESPACE)],
    )
    rbac.create_namespaced_role_binding(NAMESPACE, binding)
    for verb, allowed in (("list", True), ("delete", False)):
        asked = client.V1SubjectAccessReview(
            spec=client.V1SubjectAccessReviewSpec(
                user=f"system:serviceaccount:{NAMESPACE}:reader",
                resource_attributes=client.V1ResourceAttributes(namespace=NAMESPACE, verb=verb, resource="configmaps"),
            )
        )
        assert authorization.create_subject_access_review(asked).status.allowed is allowed, verb
    request = client.AuthenticationV1TokenRequest(spec=client.V1TokenRequestSpec(expiration_seconds=3600, audiences=[]))
    issued = core.create_namespaced_service_account_token("reader", NAMESPACE, request)
    settings = client.Configuration(host=api.configuration.host)
    settings.ssl_ca_cert, settings.proxy = api.configuration.ssl_ca_cert, None
    settings.api_key = {"authorization": f"Bearer {issued.status.token}"}
    with client.ApiClient(settings) as own:
        assert client.CoreV1Api(own).list_namespaced_config_map(NAMESPACE).items
        with pytest.raises(ApiException) as refused:
            client.CoreV1Api(own).list_namespaced_secret(NAMESPACE)
    assert refused.value.status == 403
    who = f'User "system:serviceaccount:{NAMESPACE}:reader" cannot list resource "secrets"'
    assert who in refused.value.body.replace('\\"', '"')


def test_a_definition_is_made_and_its_objects_used(api: client.ApiClient) -> None:
    extensions, custom = client.ApiextensionsV1Api(api), client.CustomObjectsApi(api)
    extensions.create_custom_resource_definition(_definition("gadgets", "Gadget"))
    until(lambda: custom.list_namespaced_custom_object("py.example.com", "v1", NAMESPACE, "gadgets"))
    where = ("py.example.com", "v1", NAMESPACE, "gadgets")
    body = {"apiVersion": "py.example.com/v1", "kind": "Gadget", "metadata": {"name": "one"}, "spec": {}}
    assert custom.create_namespaced_custom_object(*where, body)["spec"] == {"size": 3}
    custom.patch_namespaced_custom_object(*where, "one", {"spec": {"size": 4}})
    custom.patch_namespaced_custom_object_status(*where, "one", {"status": {"phase": "Fine"}})
    found = custom.get_namespaced_custom_object(*where, "one")
    assert (found["spec"], found["status"]) == ({"size": 4}, {"phase": "Fine"})
    with pytest.raises(ApiException) as refused:
        custom.patch_namespaced_custom_object(*where, "one", {"spec": {"size": 400}})
    assert refused.value.status == 422
    custom.delete_namespaced_custom_object(*where, "one")
    assert custom.list_namespaced_custom_object(*where)["items"] == []


def _definition(plural: str, kind: str) -> dict[str, Any]:
    size = {"type": "integer", "default": 3, "maximum": 100}
    status = {"type": "object", "properties": {"phase": {"type": "string"}}}
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"size": size}}, "status": status},
    }
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": schema},
    }
    spec = {
        "group": "py.example.com",
        "scope": "Namespaced",
        "names": {"plural": plural, "kind": kind, "singular": kind.lower()},
        "versions": [version],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.py.example.com"},
        "spec": spec,
    }


# -- dynamic


def test_every_resource_is_discovered(loose: dynamic.DynamicClient) -> None:
    kinds = {(one.group_version, one.kind) for one in loose.resources if hasattr(one, "group_version")}
    for wanted in (("v1", "Pod"), ("apps/v1", "Deployment"), ("networking.k8s.io/v1", "Ingress")):
        assert wanted in kinds or loose.resources.get(api_version=wanted[0], kind=wanted[1])


def test_server_side_apply_keeps_what_others_own(loose: dynamic.DynamicClient) -> None:
    api = loose.resources.get(api_version="v1", kind="ConfigMap")
    body: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "applied", "namespace": NAMESPACE},
        "data": {"mine": "1"},
    }
    api.server_side_apply(body=body, field_manager="one")
    with pytest.raises(ConflictError):
        api.server_side_apply(body={**body, "data": {"mine": "2"}}, field_manager="two")
    api.server_side_apply(body={**body, "data": {"theirs": "2"}}, field_manager="two")
    api.server_side_apply(body={**body, "data": {}}, field_manager="one")
    found = api.get(name="applied", namespace=NAMESPACE)
    assert dict(found.data) == {"theirs": "2"}


def test_the_dynamic_client_watches(loose: dynamic.DynamicClient, core: client.CoreV1Api) -> None:
    api = loose.resources.get(api_version="v1", kind="ConfigMap")
    since = api.get(namespace=NAMESPACE).metadata.resourceVersion
    threading.Timer(0.2, lambda: core.create_namespaced_config_map(NAMESPACE, configmap("later"))).start()
    told = api.watch(namespace=NAMESPACE, resource_version=since, timeout=5)
    assert next(iter(told))["object"].metadata.name == "later"


def test_a_file_of_objects_is_created(api: client.ApiClient, core: client.CoreV1Api, tmp_path: Path) -> None:
    name = "fromfile"
    objects = [
        {"apiVersion": "v1", "kind": "Service", "spec": {"selector": {"app": name}, "ports": [{"port": 80}]}},
        {"apiVersion": "v1", "kind": "Secret", "stringData": {"word": "open"}},
        api.sanitize_for_serialization(deployment(name)) | {"apiVersion": "apps/v1", "kind": "Deployment"},
    ]
    for one in objects:
        one["metadata"] = {"name": name, "namespace": NAMESPACE}
    path = tmp_path / "objects.yaml"
    path.write_text(yaml.safe_dump_all(objects))
    utils.create_from_yaml(api, str(path), namespace=NAMESPACE)
    assert core.read_namespaced_secret(name, NAMESPACE).data == {"word": "b3Blbg=="}
    until(lambda: len(_addresses(api, name)) == 2)
    with pytest.raises(utils.FailToCreateError):
        utils.create_from_yaml(api, str(path), namespace=NAMESPACE)


def _addresses(api: client.ApiClient, service: str) -> list[str]:
    slices = client.DiscoveryV1Api(api).list_namespaced_endpoint_slice(
        NAMESPACE, label_selector=f"kubernetes.io/service-name={service}"
    )
    return [one.addresses[0] for part in slices.items for one in part.endpoints or () if one.conditions.ready]


# -- the lab's own door


@pytest.fixture(scope="module")
def door(kubeconfig: Path, api: client.ApiClient) -> kube.Cluster:
    return kube.Cluster(kubeconfig, CLUSTER, lambda event: None)


def test_the_lab_gets_applies_patches_lists_and_deletes(door: kube.Cluster) -> None:
    ref = Ref(kind="ConfigMap", name="door", namespace=NAMESPACE, api_version="v1")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "door", "namespace": NAMESPACE}}
    assert door.get(ref) is None
    assert door.apply({**body, "data": {"a": "1"}}, dry_run=True)["data"] == {"a": "1"}
    assert door.get(ref) is None
    door.apply({**body, "metadata": {**body["metadata"], "labels": {"door": "yes"}}, "data": {"a": "1"}})  # type: ignore[dict-item]
    assert door.patch(ref, {"data": {"b": "2"}})["data"] == {"a": "1", "b": "2"}
    listed = door.list(Ref(kind="ConfigMap", name="", namespace=NAMESPACE, api_version="v1"), {"door": "yes"})
    assert [(one["kind"], one["metadata"]["name"]) for one in listed] == [("ConfigMap", "door")]
    assert door.delete(ref) is True
    assert door.delete(ref) is False


def test_the_lab_asks_as_somebody_else(door: kube.Cluster) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs", "namespace": NAMESPACE}}
    with pytest.raises(KubeError) as refused:
        door.apply(body, impersonate="jane")
    assert refused.value.status == 403
    assert 'User "jane" cannot patch resource "configmaps"' in refused.value.message


def test_the_lab_finds_kinds_it_does_not_list(door: kube.Cluster, api: client.ApiClient) -> None:
    client.ApiextensionsV1Api(api).create_custom_resource_definition(_definition("trinkets", "Trinket"))
    ref = Ref(kind="Trinket", name="one", namespace=NAMESPACE, api_version="py.example.com/v1")
    until(lambda: door.raw("/apis/py.example.com/v1/trinkets")[0] == 200)
    body = {"apiVersion": "py.example.com/v1", "kind": "Trinket", "metadata": {"name": "one", "namespace": NAMESPACE}}
    door.apply({**body, "spec": {}})
    found = door.get(ref)
    assert found is not None
    assert found["spec"] == {"size": 3}


def test_the_lab_gets_tokens_versions_and_runs_commands(door: kube.Cluster, pod: str) -> None:
    token, until_when = door.token(NAMESPACE, "default", 3600)
    assert token.count(".") == 2
    assert until_when.endswith("Z")
    assert door.version() == "v1.36.0+sim"
    said = door.exec(NAMESPACE, pod, "main", ["echo", "hi"])
    assert (said.exit_code, said.stdout, said.stderr) == (0, "hi\n", "")
    failed = door.exec(NAMESPACE, pod, "main", ["false"])
    assert failed.exit_code == 1
    assert door.exec(NAMESPACE, pod, "main", ["cat"], stdin="through\n").stdout == "through\n"
