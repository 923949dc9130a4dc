"""What admission adds and refuses; texts as a Kubernetes 1.34 server gives them."""

from __future__ import annotations

from typing import Any

import pytest

from lab.sim.api.admission import quota
from lab.sim.api.resources import Object
from lab.sim.api.status import ApiError
from tests.sim.given import NAMESPACE, Given, deployment, pod


@pytest.fixture
def given() -> Given:
    return Given()


def refused(given: Given, resource: str, obj: Object) -> str:
    with pytest.raises(ApiError) as caught:
        given.create(resource, obj)
    assert (caught.value.code, caught.value.reason) == (403, "Forbidden")
    return caught.value.message


# -- namespaces


def test_nothing_is_created_in_a_namespace_that_is_not_there(given: Given) -> None:
    row, _ = given.split("configmaps")
    with pytest.raises(ApiError) as caught:
        given.rest.create(row, "nowhere", {"metadata": {"name": "c"}}, given.context)
    assert (caught.value.code, caught.value.message) == (404, 'namespaces "nowhere" not found')
    assert caught.value.details == {"name": "nowhere", "kind": "namespaces"}


def test_nothing_is_created_in_a_namespace_that_is_going(given: Given) -> None:
    given.create("configmaps", {"metadata": {"name": "old"}})
    given.delete("namespaces", NAMESPACE)
    with pytest.raises(ApiError) as caught:
        given.create("configmaps", {"metadata": {"name": "new"}})
    assert caught.value.message == (
        'configmaps "new" is forbidden: unable to create new content in namespace shop because it is being terminated'
    )
    assert caught.value.details is not None
    assert caught.value.details["causes"] == [
        {
            "reason": "NamespaceTerminating",
            "message": "namespace shop is being terminated",
            "field": "metadata.namespace",
        }
    ]
    assert given.patch("configmaps", "old", {"data": {"a": "1"}})["data"] == {"a": "1"}
    assert given.delete("configmaps", "old")[1]


@pytest.mark.parametrize("name", ["default", "kube-system", "kube-public"])
def test_some_namespaces_stay(given: Given, name: str) -> None:
    given.create("namespaces", {"metadata": {"name": name}})
    with pytest.raises(ApiError) as caught:
        given.delete("namespaces", name)
    assert caught.value.message == f'namespaces "{name}" is forbidden: this namespace may not be deleted'


# -- pods


def test_what_a_new_pod_is_given(given: Given) -> None:
    spec = given.create("pods", pod())["spec"]
    (volume,) = spec["volumes"]
    assert volume["name"].startswith("kube-api-access-")
    assert [next(iter(one)) for one in volume["projected"]["sources"]] == [
        "serviceAccountToken",
        "configMap",
        "downwardAPI",
    ]
    assert spec["containers"][0]["volumeMounts"] == [
        {"mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "name": volume["name"], "readOnly": True}
    ]
    assert (spec["serviceAccountName"], spec["serviceAccount"]) == ("default", "default")
    assert (spec["priority"], spec["preemptionPolicy"]) == (0, "PreemptLowerPriority")
    assert [(one["key"], one["tolerationSeconds"]) for one in spec["tolerations"]] == [
        ("node.kubernetes.io/not-ready", 300),
        ("node.kubernetes.io/unreachable", 300),
    ]


def test_a_token_is_only_mounted_where_it_is_wanted(given: Given) -> None:
    assert "volumes" not in given.create("pods", pod("a", automountServiceAccountToken=False))["spec"]
    given.create("serviceaccounts", {"metadata": {"name": "quiet"}, "automountServiceAccountToken": False})
    assert "volumes" not in given.create("pods", pod("b", serviceAccountName="quiet"))["spec"]
    made = given.create("pods", pod("c", serviceAccountName="quiet", automountServiceAccountToken=True))
    assert len(made["spec"]["volumes"]) == 1


def test_pull_secrets_come_from_the_account(given: Given) -> None:
    given.create("serviceaccounts", {"metadata": {"name": "builder"}, "imagePullSecrets": [{"name": "registry"}]})
    made = given.create("pods", pod(serviceAccountName="builder"))
    assert made["spec"]["imagePullSecrets"] == [{"name": "registry"}]


def test_a_tolerant_pod_stays_as_tolerant(given: Given) -> None:
    made = given.create("pods", pod(tolerations=[{"operator": "Exists"}]))
    assert made["spec"]["tolerations"] == [{"operator": "Exists"}]


def test_priority_comes_from_a_class(given: Given) -> None:
    given.create("priorityclasses.scheduling.k8s.io", {"metadata": {"name": "high"}, "value": 1000})
    assert given.create("pods", pod("a", priorityClassName="high"))["spec"]["priority"] == 1000
    assert given.create("pods", pod("b", priorityClassName="system-node-critical"))["spec"]["priority"] == 2000001000
    default = {"metadata": {"name": "usual"}, "value": 7, "globalDefault": True, "preemptionPolicy": "Never"}
    given.create("priorityclasses.scheduling.k8s.io", default)
    spec = given.create("pods", pod("c"))["spec"]
    assert (spec["priorityClassName"], spec["priority"], spec["preemptionPolicy"]) == ("usual", 7, "Never")
    message = refused(given, "priorityclasses.scheduling.k8s.io", {**default, "metadata": {"name": "second"}})
    assert message.endswith("PriorityClass usual is already marked as default. Only one default can exist")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"serviceAccountName": "nope"},
            'pods "p-" is forbidden: error looking up service account shop/nope: serviceaccount "nope" not found',
        ),
        ({"priorityClassName": "nope"}, 'pods "p-" is forbidden: no PriorityClass with name nope was found'),
        ({"runtimeClassName": "nope"}, 'pods "p-" is forbidden: pod rejected: RuntimeClass "nope" not found'),
        (
            {"priority": 7},
            'pods "p-" is forbidden: the integer value of priority (7) must not be provided in pod spec; '
            "priority admission controller computed 0 from the given PriorityClass name",
        ),
    ],
)
def test_refused_pods(given: Given, spec: Object, message: str) -> None:
    assert refused(given, "pods", {**pod(**spec), "metadata": {"generateName": "p-"}}) == message


async def test_the_default_account_is_waited_for_in_a_new_namespace(given: Given) -> None:
    given.create("namespaces", {"metadata": {"name": "young"}})
    row, _ = given.split("pods")
    assert given.rest.create(row, "young", pod("a"), given.context)["spec"]["serviceAccountName"] == "default"
    await given.cluster.clock.advance(10)
    with pytest.raises(ApiError, match="error looking up service account young/default"):
        given.rest.create(row, "young", pod("b"), given.context)


# -- classes and finalizers


def test_default_classes(given: Given) -> None:
    for name, default in (("slow", "true"), ("other", "false")):
        annotations = {"storageclass.kubernetes.io/is-default-class": default}
        made = {"metadata": {"name": name, "annotations": annotations}, "provisioner": "x.y/z"}
        given.create("storageclasses.storage.k8s.io", made)
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    claim = given.create("persistentvolumeclaims", {"metadata": {"name": "c"}, "spec": spec})
    assert claim["spec"]["storageClassName"] == "slow"
    assert claim["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]
    none = {"metadata": {"name": "d"}, "spec": {**spec, "storageClassName": ""}}
    assert given.create("persistentvolumeclaims", none)["spec"]["storageClassName"] == ""
    annotations = {"ingressclass.kubernetes.io/is-default-class": "true"}
    made = {"metadata": {"name": "nginx", "annotations": annotations}, "spec": {"controller": "x.y/z"}}
    given.create("ingressclasses.networking.k8s.io", made)
    backend = {"defaultBackend": {"service": {"name": "a", "port": {"number": 80}}}}
    ingress = given.create("ingresses.networking.k8s.io", {"metadata": {"name": "i"}, "spec": backend})
    assert ingress["spec"]["ingressClassName"] == "nginx"


@pytest.mark.parametrize("resource", ["networkpolicies.networking.k8s.io"])
def test_what_is_not_enforced_says_so(given: Given, resource: str) -> None:
    given.create(resource, {"metadata": {"name": "n"}, "spec": {"podSelector": {}}})
    (warning,) = given.context.warnings
    assert warning.startswith("NetworkPolicy is stored, but not enforced: ")


# -- quota


def limited(given: Given, name: str = "q", **hard: str) -> Object:
    return given.create("resourcequotas", {"metadata": {"name": name}, "spec": {"hard": named(hard)}})


def named(hard: dict[str, str]) -> dict[str, str]:
    return {key.replace("__", "/").replace("_", "."): value for key, value in hard.items()}


def asking(name: str, phase: str = "", **resources: Any) -> Object:
    made = pod(name)
    made["spec"]["containers"][0]["resources"] = resources
    return made


def test_counts_are_limited(given: Given) -> None:
    limited(given, pods="1", configmaps="2", count__deployments_apps="1")
    given.create("pods", pod("a"))
    assert refused(given, "pods", pod("b")) == (
        'pods "b" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1'
    )
    given.patch("pods", "a", {"status": {"phase": "Succeeded"}}, "status")
    given.create("pods", pod("b"))
    given.create("configmaps", {"metadata": {"name": "a"}})
    given.create("configmaps", {"metadata": {"name": "b"}})
    assert refused(given, "configmaps", {"metadata": {"name": "c"}}).endswith(
        "exceeded quota: q, requested: configmaps=1, used: configmaps=2, limited: configmaps=2"
    )
    given.create("deployments.apps", deployment())
    assert refused(given, "deployments.apps", deployment(name="e")).endswith(
        "exceeded quota: q, requested: count/deployments.apps=1, used: count/deployments.apps=1, "
        "limited: count/deployments.apps=1"
    )


def test_compute_is_limited(given: Given) -> None:
    limited(given, requests_cpu="1", limits_memory="1Gi")
    assert refused(given, "pods", pod("a")) == (
        'pods "a" is forbidden: failed quota: q: must specify limits.memory for: c; requests.cpu for: c'
    )
    given.create("pods", asking("a", requests={"cpu": "600m"}, limits={"memory": "512Mi"}))
    assert refused(given, "pods", asking("b", requests={"cpu": "500m"}, limits={"memory": "768Mi"})) == (
        'pods "b" is forbidden: exceeded quota: q, requested: limits.memory=768Mi,requests.cpu=500m, '
        "used: limits.memory=512Mi,requests.cpu=600m, limited: limits.memory=1Gi,requests.cpu=1"
    )
    given.create("pods", asking("b", requests={"cpu": "400m"}, limits={"memory": "512Mi"}))


def test_init_containers_count_with_their_peak(given: Given) -> None:
    limited(given, requests_cpu="2")
    made = asking("a", requests={"cpu": "500m"})
    made["spec"]["initContainers"] = [
        {"name": "i", "image": "x:1", "resources": {"requests": {"cpu": "900m"}}},
        {"name": "s", "image": "x:1", "restartPolicy": "Always", "resources": {"requests": {"cpu": "100m"}}},
        {"name": "j", "image": "x:1", "resources": {"requests": {"cpu": "1500m"}}},
    ]
    given.create("pods", made)
    assert quota.used(given.rest, given.get("resourcequotas", "q")) == {"requests.cpu": "1600m"}


def test_services_and_claims_are_limited(given: Given) -> None:
    limited(
        given, services_nodeports="1", requests_storage="2Gi", slow_storageclass_storage_k8s_io__requests_storage="1Gi"
    )
    spec = {"ports": [{"port": 80}]}
    given.create("services", {"metadata": {"name": "a"}, "spec": {**spec, "type": "NodePort"}})
    given.create("services", {"metadata": {"name": "b"}, "spec": spec})
    with pytest.raises(ApiError) as caught:
        given.patch("services", "b", {"spec": {"type": "NodePort"}})
    assert caught.value.message == (
        'services "b" is forbidden: exceeded quota: q, requested: services.nodeports=1, used: services.nodeports=1, '
        "limited: services.nodeports=1"
    )
    given.patch("services", "a", {"metadata": {"labels": {"x": "y"}}})

    def claim(name: str, size: str, **more: str) -> Object:
        requests = {"resources": {"requests": {"storage": size}}}
        return {"metadata": {"name": name}, "spec": {"accessModes": ["ReadWriteOnce"], **requests, **more}}

    given.create("persistentvolumeclaims", claim("a", "1Gi", storageClassName="slow"))
    assert "slow.storageclass.storage.k8s.io/requests.storage=1Gi" in refused(
        given, "persistentvolumeclaims", claim("b", "1Mi", storageClassName="slow")
    )
    given.create("persistentvolumeclaims", claim("b", "1Gi"))
    assert quota.used(given.rest, given.get("resourcequotas", "q")) == {
        "requests.storage": "2Gi",
        "services.nodeports": "1",
        "slow.storageclass.storage.k8s.io/requests.storage": "1Gi",
    }


def test_a_scoped_quota_counts_what_it_is_for(given: Given) -> None:
    spec = {"hard": {"pods": "1"}, "scopes": ["BestEffort"]}
    given.create("resourcequotas", {"metadata": {"name": "q"}, "spec": spec})
    given.create("pods", asking("a", requests={"cpu": "1"}))
    given.create("pods", pod("b"))
    assert "exceeded quota: q" in refused(given, "pods", pod("c"))
    assert quota.used(given.rest, given.get("resourcequotas", "q")) == {"pods": "1"}


# -- limit ranges


def ranged(given: Given, **limit: Any) -> None:
    limits = [{"type": "Container", **limit}]
    given.create("limitranges", {"metadata": {"name": "l"}, "spec": {"limits": limits}})


def test_defaults_of_a_range(given: Given) -> None:
    ranged(given, default={"cpu": "500m"}, defaultRequest={"cpu": "100m", "memory": "64Mi"})
    made = given.create("pods", asking("a", requests={"memory": "32Mi"}))
    assert made["spec"]["containers"][0]["resources"] == {
        "requests": {"cpu": "100m", "memory": "32Mi"},
        "limits": {"cpu": "500m"},
    }
    assert made["metadata"]["annotations"] == {
        "kubernetes.io/limit-ranger": "LimitRanger plugin set: cpu request for container c; cpu limit for container c"
    }
    assert made["status"]["qosClass"] == "Burstable"


BOUNDS = [
    (
        {"max": {"cpu": "1"}},
        {"limits": {"cpu": "2"}},
        "maximum cpu usage per Container is 1, but limit is 2",
    ),
    ({"min": {"memory": "64Mi"}}, {"requests": {"memory": "32Mi"}, "limits": {"memory": "128Mi"}}, None),
    (
        {"maxLimitRequestRatio": {"cpu": "2"}},
        {"requests": {"cpu": "100m"}, "limits": {"cpu": "400m"}},
        "cpu max limit to request ratio per Container is 2, but provided ratio is 4.000000",
    ),
]


@pytest.mark.parametrize(("limit", "resources", "message"), BOUNDS)
def test_bounds_of_a_range(given: Given, limit: Object, resources: Object, message: str | None) -> None:
    ranged(given, **limit)
    text = message or "minimum memory usage per Container is 64Mi, but request is 32Mi"
    assert refused(given, "pods", asking("a", **resources)) == f'pods "a" is forbidden: {text}'


def test_bounds_of_pods_and_claims(given: Given) -> None:
    limits = [
        {"type": "Pod", "max": {"cpu": "1"}},
        {"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"}, "max": {"storage": "2Gi"}},
    ]
    given.create("limitranges", {"metadata": {"name": "l"}, "spec": {"limits": limits}})
    assert refused(given, "pods", pod("a")).endswith("maximum cpu usage per Pod is 1.  No limit is specified")
    for size, message in (
        ("1Mi", "minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 1Mi"),
        ("3Gi", "maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi"),
    ):
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
        claim = {"metadata": {"name": "c"}, "spec": spec}
        assert refused(given, "persistentvolumeclaims", claim).endswith(message)


# -- pod security


def secured(given: Given, **labels: str) -> None:
    made = {f"pod-security.kubernetes.io/{mode.replace('_', '-')}": level for mode, level in labels.items()}
    given.patch("namespaces", NAMESPACE, {"metadata": {"labels": made}})


RESTRICTED = (
    'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), '
    'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), '
    'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), '
    'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or '
    '"Localhost")'
)
BASELINE = [
    ({"hostNetwork": True, "hostPID": True}, "host namespaces (hostNetwork=true, hostPID=true)"),
    (
        {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]},
        'hostPath volumes (volume "v")',
    ),
    (
        {"containers": [{"name": "c", "image": "x:1", "securityContext": {"privileged": True}}]},
        'privileged (container "c" must not set securityContext.privileged=true)',
    ),
    (
        {"containers": [{"name": "c", "image": "x:1", "ports": [{"containerPort": 80, "hostPort": 80}]}]},
        'hostPort (container "c" uses hostPort 80)',
    ),
    (
        {"containers": [{"name": "c", "image": "x:1", "securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}]},
        'non-default capabilities (container "c" must not include "SYS_ADMIN" in securityContext.capabilities.add)',
    ),
]


@pytest.mark.parametrize(("spec", "message"), BASELINE)
def test_baseline(given: Given, spec: Object, message: str) -> None:
    secured(given, enforce="baseline")
    assert refused(given, "pods", pod("a", **spec)) == (
        f'pods "a" is forbidden: violates PodSecurity "baseline:latest": {message}'
    )
    given.create("pods", pod("b"))


def test_restricted(given: Given) -> None:
    secured(given, enforce="restricted", enforce_version="v1.30")
    assert refused(given, "pods", pod("a")) == (
        f'pods "a" is forbidden: violates PodSecurity "restricted:v1.30": {RESTRICTED}'
    )
    context = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {"name": "c", "image": "x:1", "securityContext": context}
    whole = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    given.create("pods", pod("a", containers=[container], securityContext=whole))


def test_warnings_for_workloads(given: Given) -> None:
    secured(given, warn="restricted")
    given.create("deployments.apps", deployment())
    assert given.context.warnings == [f'would violate PodSecurity "restricted:latest": {RESTRICTED}']


def test_a_stricter_namespace_names_the_pods_that_break_it(given: Given) -> None:
    given.create("pods", pod("a", hostPID=True))
    given.create("pods", pod("b", hostPID=True))
    secured(given, enforce="baseline")
    assert given.context.warnings == [
        'existing pods in namespace "shop" violate the new PodSecurity enforce level "baseline:latest"',
        "a (and 1 other pod): host namespaces",
    ]


def test_labels_that_mean_nothing_are_refused(given: Given) -> None:
    with pytest.raises(ApiError) as caught:
        secured(given, enforce="strict")
    assert caught.value.code == 422
    assert 'Invalid value: "strict": must be one of privileged, baseline, restricted' in caught.value.message
