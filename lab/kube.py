"""The door to Kubernetes clusters, and the only module that knows the kubernetes client.

Objects are plain dictionaries. Paths come from the kind table below, or from discovery for kinds it does not list.
"""

import json
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from lab.errors import KubeError, LabError
from lab.events import ChangeMade
from lab.ports import CommandResult, Object, Ref, Sink

FIELD_MANAGER = "gitops-lab"
TIMEOUT = 15.0
EXEC_TIMEOUT = 60.0

_CORE = "v1"
KINDS: dict[str, tuple[str, str, bool]] = {
    "Namespace": (_CORE, "namespaces", False),
    "Node": (_CORE, "nodes", False),
    "Pod": (_CORE, "pods", True),
    "Service": (_CORE, "services", True),
    "ServiceAccount": (_CORE, "serviceaccounts", True),
    "Secret": (_CORE, "secrets", True),
    "ConfigMap": (_CORE, "configmaps", True),
    "Event": (_CORE, "events", True),
    "ResourceQuota": (_CORE, "resourcequotas", True),
    "LimitRange": (_CORE, "limitranges", True),
    "PersistentVolumeClaim": (_CORE, "persistentvolumeclaims", True),
    "Endpoints": (_CORE, "endpoints", True),
    "EndpointSlice": ("discovery.k8s.io/v1", "endpointslices", True),
    "Deployment": ("apps/v1", "deployments", True),
    "StatefulSet": ("apps/v1", "statefulsets", True),
    "DaemonSet": ("apps/v1", "daemonsets", True),
    "ReplicaSet": ("apps/v1", "replicasets", True),
    "Job": ("batch/v1", "jobs", True),
    "CronJob": ("batch/v1", "cronjobs", True),
    "Role": ("rbac.authorization.k8s.io/v1", "roles", True),
    "RoleBinding": ("rbac.authorization.k8s.io/v1", "rolebindings", True),
    "ClusterRole": ("rbac.authorization.k8s.io/v1", "clusterroles", False),
    "ClusterRoleBinding": ("rbac.authorization.k8s.io/v1", "clusterrolebindings", False),
    "NetworkPolicy": ("networking.k8s.io/v1", "networkpolicies", True),
    "Ingress": ("networking.k8s.io/v1", "ingresses", True),
    "CustomResourceDefinition": ("apiextensions.k8s.io/v1", "customresourcedefinitions", False),
    "Lease": ("coordination.k8s.io/v1", "leases", True),
    "PriorityClass": ("scheduling.k8s.io/v1", "priorityclasses", False),
    "Application": ("argoproj.io/v1alpha1", "applications", True),
    "ApplicationSet": ("argoproj.io/v1alpha1", "applicationsets", True),
    "AppProject": ("argoproj.io/v1alpha1", "appprojects", True),
}
"""Kind -> API version, plural, whether it lives in a namespace."""


def ref_of(obj: Object) -> Ref:
    """Where an object lives."""
    metadata = obj.get("metadata") or {}
    return Ref(
        kind=obj["kind"],
        name=metadata.get("name", ""),
        namespace=metadata.get("namespace", ""),
        api_version=obj.get("apiVersion", ""),
    )


class Cluster:
    """One cluster's API behind a kubeconfig file.

    :param kubeconfig: a private file; its current context is used
    :param cluster: the lab's name of the cluster, for errors and events
    """

    def __init__(self, kubeconfig: Path, cluster: str, sink: Sink) -> None:
        self.cluster = cluster
        self.kubeconfig = kubeconfig
        self._sink = sink
        self._guard = threading.Lock()
        self._client: Any = None
        self._discovered: dict[str, dict[str, tuple[str, bool]]] = {}

    # --- protocol -----------------------------------------------------------------------------------------------

    def get(self, ref: Ref) -> Object | None:
        try:
            path = self._path(ref)
        except KubeError:
            return None
        status, body = self._call("GET", path)
        if status == 404:
            return None
        return self._accepted(status, body)

    def list(self, ref: Ref, labels: dict[str, str] | None = None) -> Sequence[Object]:
        try:
            path = self._path(ref)
        except KubeError:
            return ()
        query = {"labelSelector": ",".join(f"{k}={v}" for k, v in labels.items())} if labels else {}
        status, body = self._call("GET", path, query)
        if status == 404:
            return ()
        answer = self._accepted(status, body)
        kind, version = answer.get("kind", "").removesuffix("List"), answer.get("apiVersion", "")
        # Items of a typed list carry neither kind nor apiVersion.
        return [{"kind": kind, "apiVersion": version, **item} for item in answer.get("items") or ()]

    def apply(self, obj: Object, impersonate: str = "", dry_run: bool = False) -> Object:
        ref = ref_of(obj)
        headers = {"Content-Type": "application/apply-patch+yaml"}
        if impersonate:
            headers["Impersonate-User"] = impersonate
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        if dry_run:
            query["dryRun"] = "All"
        status, body = self._call("PATCH", self._path(ref), query, obj, headers)
        answer = self._accepted(status, body)
        if dry_run:
            return answer
        self._changed(f"kubectl --context {self.cluster} apply --server-side -f - # {_words(ref)}")
        return answer

    def patch(self, ref: Ref, body: Object) -> Object:
        headers = {"Content-Type": "application/merge-patch+json"}
        status, answer = self._call("PATCH", self._path(ref), {"fieldManager": FIELD_MANAGER}, body, headers)
        result = self._accepted(status, answer)
        self._changed(f"kubectl --context {self.cluster} patch {_words(ref)} --type merge -p ...")
        return result

    def delete(self, ref: Ref, propagation: str = "Background") -> bool:
        try:
            path = self._path(ref)
        except KubeError:
            return False
        body = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        status, answer = self._call("DELETE", path, body=body, headers={"Content-Type": "application/json"})
        if status == 404:
            return False
        self._accepted(status, answer)
        self._changed(f"kubectl --context {self.cluster} delete {_words(ref)}")
        return True

    def raw(self, path: str, timeout: float = 5.0) -> tuple[int, str]:
        return self._call("GET", path, timeout=timeout)

    def token(self, namespace: str, account: str, lifetime: float) -> tuple[str, str]:
        path = f"/api/v1/namespaces/{quote(namespace)}/serviceaccounts/{quote(account)}/token"
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": int(lifetime)},
        }
        status, body = self._call("POST", path, body=request, headers={"Content-Type": "application/json"})
        answer = self._accepted(status, body)
        self._changed(
            f"kubectl --context {self.cluster} -n {namespace} create token {account} --duration {lifetime:.0f}s"
        )
        return answer["status"]["token"], answer["status"]["expirationTimestamp"]

    def exec(self, namespace: str, pod: str, container: str, argv: Sequence[str], stdin: str = "") -> CommandResult:
        from kubernetes.stream import stream

        start = time.monotonic()
        core = client.CoreV1Api(self._connection())
        try:
            channel = stream(
                core.connect_get_namespaced_pod_exec,
                pod,
                namespace,
                container=container,
                command=list(argv),
                stdin=bool(stdin),
                stdout=True,
                stderr=True,
                tty=False,
                _preload_content=False,
                _request_timeout=EXEC_TIMEOUT,
            )
        except ApiException as error:
            reason = str(error.reason or error)
            raise KubeError(self.cluster, error.status or 0, "exec refused", reason.strip()) from error
        output = {"stdout": "", "stderr": ""}
        try:
            if stdin:
                channel.write_stdin(stdin)
                channel.close_channel(0)
            while channel.is_open():
                if time.monotonic() - start > EXEC_TIMEOUT:
                    raise KubeError(self.cluster, 504, "Timeout", f"{argv[0]} in pod {pod} did not end")
                channel.update(timeout=1)
                for name in output:
                    output[name] += getattr(channel, f"read_{name}")(timeout=0) or ""
            for name in output:
                output[name] += getattr(channel, f"read_{name}")(timeout=0) or ""
            code = channel.returncode
        finally:
            channel.close()
        return CommandResult(
            exit_code=1 if code is None else int(code),
            stdout=output["stdout"],
            stderr=output["stderr"],
            seconds=time.monotonic() - start,
        )

    def version(self) -> str:
        status, body = self.raw("/version")
        return str(self._accepted(status, body).get("gitVersion", ""))

    # --- transport ----------------------------------------------------------------------------------------------

    def _connection(self) -> Any:
        with self._guard:
            if self._client is None:
                try:
                    settings = client.Configuration()
                    config.load_kube_config(str(self.kubeconfig), client_configuration=settings)  # type: ignore[no-untyped-call]
                except (config.ConfigException, OSError, ValueError) as error:
                    raise LabError("kube-unreachable", cluster=self.cluster, reason=str(error)) from error
                # A server that was restarted leaves dead connections behind; one more try uses a new one.
                settings.retries = urllib3.Retry(total=1, connect=0, backoff_factor=0)
                settings.connection_pool_maxsize = 8
                # Every cluster of a lab listens on loopback or is named by the user; a proxy never helps.
                settings.proxy = None
                self._client = client.ApiClient(settings)
            return self._client

    def _call(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: Any = None,
        headers: dict[str, str] | None = None,
        timeout: float = TIMEOUT,
    ) -> tuple[int, str]:
        connection = self._connection()
        url = connection.configuration.host + path + (f"?{urlencode(query)}" if query else "")
        sent = {"Accept": "application/json", "User-Agent": FIELD_MANAGER, **(headers or {})}
        bearer = connection.configuration.auth_settings().get("BearerToken")
        if bearer and bearer["value"]:
            sent["Authorization"] = bearer["value"]
        try:
            answer = connection.rest_client.request(method, url, headers=sent, body=body, _request_timeout=timeout)
            return int(answer.status), answer.read().decode("utf-8", "replace")
        except (urllib3.exceptions.HTTPError, ApiException, OSError) as error:
            raise LabError("kube-unreachable", cluster=self.cluster, reason=_short(error)) from error

    def _accepted(self, status: int, body: str) -> Object:
        try:
            answer = json.loads(body) if body else {}
        except ValueError:
            answer = {"message": body[:200]}
        if 200 <= status < 300:
            result: Object = answer
            return result
        raise KubeError(
            self.cluster, status, str(answer.get("reason") or status), str(answer.get("message") or body[:200])
        )

    def _path(self, ref: Ref) -> str:
        version, plural, namespaced = self._resource(ref)
        path = f"/api/{version}" if "/" not in version else f"/apis/{version}"
        if namespaced and ref.namespace:
            path += f"/namespaces/{quote(ref.namespace)}"
        path += f"/{plural}"
        if ref.name:
            path += f"/{quote(ref.name)}"
        return path

    def _resource(self, ref: Ref) -> tuple[str, str, bool]:
        known = KINDS.get(ref.kind)
        if known and ref.api_version in ("", known[0]):
            return known
        if not ref.api_version:
            raise KubeError(self.cluster, 404, "NotFound", f"kind {ref.kind} needs an apiVersion")
        if ref.kind not in self._discovered.get(ref.api_version, {}):
            self._discover(ref.api_version)
        found = self._discovered[ref.api_version].get(ref.kind)
        if found is None:
            raise KubeError(self.cluster, 404, "NotFound", f"the cluster has no {ref.kind} in {ref.api_version}")
        return ref.api_version, *found

    def _discover(self, version: str) -> None:
        path = f"/api/{version}" if "/" not in version else f"/apis/{version}"
        status, body = self.raw(path)
        resources = json.loads(body).get("resources", []) if status == 200 else []
        self._discovered[version] = {
            r["kind"]: (r["name"], bool(r["namespaced"])) for r in resources if "/" not in r["name"]
        }

    def _changed(self, command: str) -> None:
        self._sink(ChangeMade(cluster=self.cluster, command=command))


def _words(ref: Ref) -> str:
    where = f"-n {ref.namespace} " if ref.namespace else ""
    return f"{where}{ref.kind.lower()} {ref.name}"


def _short(error: Exception) -> str:
    text = str(error)
    for sign, meaning in (
        ("Connection refused", "connection refused"),
        ("timed out", "no answer in time"),
        ("CERTIFICATE_VERIFY_FAILED", "its certificate is not signed by the cluster's authority"),
        ("UNEXPECTED_EOF", "it is still starting"),
        ("Connection reset", "connection reset"),
        ("RemoteDisconnected", "connection closed"),
    ):
        if sign in text:
            return meaning
    return text.splitlines()[0][:200] if text else type(error).__name__
