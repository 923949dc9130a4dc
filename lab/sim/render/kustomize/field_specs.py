"""Where kustomize's transformers write, for which kinds: its default field specifications as data.

Paths are written as kustomize writes them: `/` between names, `[]` behind a field that has to be a list, `\\/` for a
slash within a name; lists on the way are gone through element by element. Source: kustomize
`api/internal/konfig/builtinpluginconsts` and the order of `api/internal/plugins/builtinconfig` (`sortFields`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """A path, the kinds that have it ("" for any group, version or kind) and whether it is made when missing."""

    path: str
    kind: str = ""
    create: bool = False
    group: str = ""
    version: str = ""

    def selects(self, group: str, version: str, kind: str) -> bool:
        """Whether objects of this kind have the path."""
        return (
            (not self.kind or self.kind == kind)
            and (not self.group or self.group == group)
            and (not self.version or self.version == version)
        )


@cache
def split(path: str) -> tuple[tuple[str, bool], ...]:
    """The names of a path, and of each whether it has to be a list."""
    marked = path.removeprefix("/").replace("\\/", "\0")
    names = [name.replace("\0", "/") for name in marked.split("/")]
    return tuple((name.removesuffix("[]"), name.endswith("[]")) for name in names)


def _specs(create: bool, *rows: str) -> tuple[FieldSpec, ...]:
    """Rows are `PATH KIND [GROUP [VERSION]]`, with `*` for any."""
    made = []
    for row in rows:
        path, *rest = row.split()
        kind, group, version = ("" if one == "*" else one for one in (*rest, "", "", "")[:3])
        made.append(FieldSpec(path, kind, create, group, version))
    return tuple(made)


NAME = FieldSpec("metadata/name")
METADATA_LABELS = FieldSpec("metadata/labels", create=True)

NAMESPACE = (
    FieldSpec("metadata/name", "Namespace", create=True),
    FieldSpec("spec/service/namespace", "APIService", create=True, group="apiregistration.k8s.io"),
    FieldSpec(
        "spec/conversion/webhook/clientConfig/service/namespace",
        "CustomResourceDefinition",
        group="apiextensions.k8s.io",
    ),
)

ANNOTATIONS = _specs(
    True,
    "metadata/annotations *",
    "spec/template/metadata/annotations ReplicationController * v1",
    "spec/template/metadata/annotations Deployment",
    "spec/template/metadata/annotations ReplicaSet",
    "spec/template/metadata/annotations DaemonSet",
    "spec/template/metadata/annotations StatefulSet",
    "spec/template/metadata/annotations Job batch",
    "spec/jobTemplate/metadata/annotations CronJob batch",
    "spec/jobTemplate/spec/template/metadata/annotations CronJob batch",
)

TEMPLATE_LABELS = _specs(
    True,
    "metadata/labels *",
    "spec/template/metadata/labels ReplicationController * v1",
    "spec/template/metadata/labels Deployment",
    "spec/template/metadata/labels ReplicaSet",
    "spec/template/metadata/labels DaemonSet",
    "spec/template/metadata/labels StatefulSet apps",
    "spec/volumeClaimTemplates[]/metadata/labels StatefulSet apps",
    "spec/template/metadata/labels Job batch",
    "spec/jobTemplate/metadata/labels CronJob batch",
    "spec/jobTemplate/spec/template/metadata/labels CronJob batch",
)

_AFFINITY = tuple(
    f"spec/template/spec/{path}/labelSelector/matchLabels"
    for path in (
        "affinity/podAffinity/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm",
        "affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution",
        "affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm",
        "affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution",
        "topologySpreadConstraints",
    )
)

SELECTOR_LABELS = (
    *_specs(
        True,
        "spec/selector Service * v1",
        "spec/selector ReplicationController * v1",
        "spec/selector/matchLabels Deployment",
        "spec/selector/matchLabels ReplicaSet",
        "spec/selector/matchLabels DaemonSet",
        "spec/selector/matchLabels StatefulSet apps",
    ),
    *(FieldSpec(path, kind, group="apps") for kind in ("Deployment", "StatefulSet") for path in _AFFINITY),
    *_specs(
        False,
        "spec/selector/matchLabels Job batch",
        "spec/jobTemplate/spec/selector/matchLabels CronJob batch",
        "spec/selector/matchLabels PodDisruptionBudget policy",
        "spec/podSelector/matchLabels NetworkPolicy networking.k8s.io",
        "spec/ingress/from/podSelector/matchLabels NetworkPolicy networking.k8s.io",
        "spec/egress/to/podSelector/matchLabels NetworkPolicy networking.k8s.io",
    ),
    *TEMPLATE_LABELS,
)
"""Of `commonLabels`, and of `labels` with `includeSelectors`."""

IMAGES = _specs(
    True,
    "spec/containers[]/image *",
    "spec/initContainers[]/image *",
    "spec/volumes[]/image/reference *",
    "spec/template/spec/containers[]/image *",
    "spec/template/spec/initContainers[]/image *",
    "spec/template/spec/volumes[]/image/reference *",
)

REPLICAS = _specs(
    True,
    "spec/replicas Deployment",
    "spec/replicas StatefulSet",
    "spec/replicas ReplicaSet",
    "spec/replicas ReplicationController",
)

# -- references to names


@dataclass(frozen=True, slots=True)
class Reference:
    """A field of a referrer that holds the name of an object of another kind."""

    spec: FieldSpec
    group: str
    version: str
    kind: str


_POD_SPECS = {
    "Pod": "spec",
    "PodTemplate": "template/spec",
    "Deployment": "spec/template/spec",
    "ReplicaSet": "spec/template/spec",
    "DaemonSet": "spec/template/spec",
    "StatefulSet": "spec/template/spec",
    "Job": "spec/template/spec",
    "CronJob": "spec/jobTemplate/spec/template/spec",
}
_CONFIG_MAP = (
    "volumes/configMap/name",
    "containers/env/valueFrom/configMapKeyRef/name",
    "initContainers/env/valueFrom/configMapKeyRef/name",
    "containers/envFrom/configMapRef/name",
    "initContainers/envFrom/configMapRef/name",
    "volumes/projected/sources/configMap/name",
)
_SECRET = (
    "volumes/secret/secretName",
    "containers/env/valueFrom/secretKeyRef/name",
    "initContainers/env/valueFrom/secretKeyRef/name",
    "containers/envFrom/secretRef/name",
    "initContainers/envFrom/secretRef/name",
    "imagePullSecrets/name",
    "volumes/projected/sources/secret/name",
)
_USERS = ("Pod", "StatefulSet", "Deployment", "ReplicationController", "CronJob", "Job", "DaemonSet")
"""Kinds with a pod in which a ServiceAccount, a claim and a priority class are followed (no ReplicaSet)."""


def _in_pods(paths: tuple[str, ...]) -> tuple[FieldSpec, ...]:
    return tuple(
        FieldSpec(f"{prefix}/{path}", kind, version="v1" if kind == "Pod" else "")
        for kind, prefix in _POD_SPECS.items()
        for path in paths
    )


def _in_users(path: str) -> tuple[FieldSpec, ...]:
    return tuple(FieldSpec(f"{_POD_SPECS.get(kind, 'spec/template/spec')}/{path}", kind) for kind in _USERS)


_RBAC = "rbac.authorization.k8s.io"
_SCALED = _specs(False, "spec/scaleTargetRef/name HorizontalPodAutoscaler")
_NGINX = "metadata/annotations/nginx.ingress.kubernetes.io\\/"

_TARGETS: tuple[tuple[str, str, str, tuple[FieldSpec, ...]], ...] = (
    (
        "storage.k8s.io",
        "v1",
        "StorageClass",
        _specs(
            False,
            "spec/storageClassName PersistentVolume",
            "spec/storageClassName PersistentVolumeClaim",
            "spec/volumeClaimTemplates/spec/storageClassName StatefulSet",
        ),
    ),
    (
        "",
        "v1",
        "ServiceAccount",
        (
            *_specs(False, f"subjects RoleBinding {_RBAC}", f"subjects ClusterRoleBinding {_RBAC}"),
            *_in_users("serviceAccountName"),
        ),
    ),
    (_RBAC, "", "Role", _specs(False, f"roleRef/name RoleBinding {_RBAC}")),
    (
        _RBAC,
        "",
        "ClusterRole",
        _specs(False, f"roleRef/name RoleBinding {_RBAC}", f"roleRef/name ClusterRoleBinding {_RBAC}"),
    ),
    (
        "",
        "v1",
        "ConfigMap",
        (
            *_in_pods(_CONFIG_MAP),
            *_specs(
                False,
                "spec/configSource/configMap Node",
                "rules/resourceNames Role",
                "rules/resourceNames ClusterRole",
                f"{_NGINX}fastcgi-params-configmap Ingress",
            ),
        ),
    ),
    (
        "",
        "v1",
        "Secret",
        (
            *_in_pods(_SECRET),
            *_specs(
                False,
                "spec/tls/secretName Ingress",
                "metadata/annotations/ingress.kubernetes.io\\/auth-secret Ingress",
                f"{_NGINX}auth-secret Ingress",
                f"{_NGINX}auth-tls-secret Ingress",
                "imagePullSecrets/name ServiceAccount",
                "parameters/secretName StorageClass",
                "parameters/adminSecretName StorageClass",
                "parameters/userSecretName StorageClass",
                "parameters/secretRef StorageClass",
                "rules/resourceNames Role",
                "rules/resourceNames ClusterRole",
                "spec/template/spec/containers/env/valueFrom/secretKeyRef/name Service serving.knative.dev v1",
                "spec/azureFile/secretName PersistentVolume",
            ),
        ),
    ),
    (
        "",
        "v1",
        "Service",
        _specs(
            False,
            "spec/serviceName StatefulSet apps",
            "spec/rules/http/paths/backend/serviceName Ingress",
            "spec/backend/serviceName Ingress",
            "spec/rules/http/paths/backend/service/name Ingress",
            "spec/defaultBackend/service/name Ingress",
            "spec/service/name APIService apiregistration.k8s.io",
            "webhooks/clientConfig/service ValidatingWebhookConfiguration admissionregistration.k8s.io",
            "webhooks/clientConfig/service MutatingWebhookConfiguration admissionregistration.k8s.io",
        ),
    ),
    ("scheduling.k8s.io", "v1", "PriorityClass", _in_users("priorityClassName")),
    (
        "",
        "v1",
        "PersistentVolume",
        _specs(False, "spec/volumeName PersistentVolumeClaim", "rules/resourceNames ClusterRole"),
    ),
    ("", "v1", "PersistentVolumeClaim", _in_users("volumes/persistentVolumeClaim/claimName")),
    ("", "", "Deployment", _SCALED),
    ("", "", "StatefulSet", _SCALED),
    (
        "admissionregistration.k8s.io",
        "",
        "ValidatingAdmissionPolicy",
        _specs(False, "spec/policyName ValidatingAdmissionPolicyBinding admissionregistration.k8s.io"),
    ),
    ("", "", "ReplicaSet", _SCALED),
    ("", "", "ReplicationController", _SCALED),
)
"""Targets and their referrers, in the order in which kustomize goes through them.

kustomize also names IngressClass, in a group that no object has, so that its name is never followed.
"""


@cache
def references(group: str, version: str, kind: str) -> tuple[Reference, ...]:
    """The fields of a kind that hold names of other objects."""
    return tuple(
        Reference(spec, *target) for *target, specs in _TARGETS for spec in specs if spec.selects(group, version, kind)
    )
