"""A release manifest in miniature, laid out as Argo CD's."""

from pathlib import Path

from lab.settings import Settings

VERSION = "v0.0.1"


def workload(kind: str, name: str, container: str, image: str, init: str = "") -> str:
    first = (
        f"""
      initContainers:
        - name: copyutil
          image: {init}
          imagePullPolicy: Always"""
        if init
        else ""
    )
    return f"""---
apiVersion: apps/v1
kind: {kind}
metadata:
  name: {name}
spec:
  selector:
    matchLabels: {{app.kubernetes.io/name: {name}}}
  template:
    metadata:
      labels: {{app.kubernetes.io/name: {name}}}
    spec:{first}
      containers:
        - name: {container}
          image: {image}
          imagePullPolicy: Always
          env:
            - {{name: KUBECACHEDIR, value: /tmp}}
          readinessProbe:
            httpGet: {{path: /healthz, port: 8082}}
            initialDelaySeconds: 5
            periodSeconds: 30
"""


def simple(kind: str, name: str, api: str = "v1") -> str:
    return f"---\napiVersion: {api}\nkind: {kind}\nmetadata:\n  name: {name}\n"


CORE = (
    simple("CustomResourceDefinition", "applications.argoproj.io", "apiextensions.k8s.io/v1")
    + simple("CustomResourceDefinition", "appprojects.argoproj.io", "apiextensions.k8s.io/v1")
    + simple("ServiceAccount", "argocd-repo-server")
    + simple("ClusterRole", "argocd-application-controller", "rbac.authorization.k8s.io/v1")
    + simple("ConfigMap", "argocd-cm")
    + "data:\n  kept: as released\n"
    + simple("ConfigMap", "argocd-cmd-params-cm")
    + simple("Secret", "argocd-secret")
    + workload("Deployment", "argocd-applicationset-controller", "argocd-applicationset-controller", "argocd:v1")
    + workload("Deployment", "argocd-redis", "redis", "redis:8")
    + workload("Deployment", "argocd-repo-server", "argocd-repo-server", "argocd:v1", init="argocd:v1")
    + workload("StatefulSet", "argocd-application-controller", "argocd-application-controller", "argocd:v1")
)

FULL = (
    CORE
    + workload("Deployment", "argocd-server", "argocd-server", "argocd:v1")
    + workload("Deployment", "argocd-dex-server", "dex", "dex:v2", init="argocd:v1")
    + workload("Deployment", "argocd-notifications-controller", "argocd-notifications-controller", "argocd:v1")
    + simple("Service", "argocd-dex-server")
    + simple("ConfigMap", "argocd-notifications-cm")
    + """---
apiVersion: v1
kind: Service
metadata:
  name: argocd-server
spec:
  ports:
    - {name: http, port: 80, protocol: TCP, targetPort: 8080}
    - {name: https, port: 443, protocol: TCP, targetPort: 8080}
"""
)


def release_folder(folder: Path, version: str = VERSION) -> Path:
    """Write both manifests as `LAB_MANIFESTS_DIR` holds them."""
    target = folder / "argocd" / version
    target.mkdir(parents=True)
    (target / "core-install.yaml").write_text(CORE)
    (target / "install.yaml").write_text(FULL)
    return folder


def settings_with(tmp_path: Path, version: str = VERSION) -> Settings:
    """Settings whose release is the one in miniature, with the lab's own patches."""
    return Settings.from_environment(
        {
            "HOME": str(tmp_path),
            "LAB_CACHE": str(tmp_path / "cache"),
            "LAB_MANIFESTS_DIR": str(release_folder(tmp_path / "released", version)),
            "LAB_ARGOCD_VERSION": version,
        }
    )
