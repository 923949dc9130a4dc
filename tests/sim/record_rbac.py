"""Asks a real cluster who may do what, and what its roles are, and writes its answers to `data/rbac_cases.json`.

    python tests/sim/record_rbac.py KUBECONFIG

Everything it creates is called `simauth-rec…` and deleted at the end. Needs kubectl on PATH.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
NAMESPACE = "simauth-rec"
DEFAULTS = ("system:", "kubeadm:")
NAMED = ("admin", "cluster-admin", "edit", "view", "kube-proxy", "extension-apiserver-authentication-reader")
GROUP = "rbac.authorization.k8s.io"
Object = dict[str, Any]


def rule(groups: str, resources: str, verbs: str, names: str = "") -> Object:
    made: Object = {
        "apiGroups": [one if one != "core" else "" for one in groups.split()],
        "resources": resources.split(),
        "verbs": verbs.split(),
    }
    return {**made, "resourceNames": names.split()} if names else made


def role(name: str, *rules: Object, namespace: str = "", labels: Object | None = None, **more: Any) -> Object:
    metadata: Object = {"name": f"{NAMESPACE}-{name}"}
    if namespace:
        metadata["namespace"] = namespace
    if labels:
        metadata["labels"] = labels
    kind = "Role" if namespace else "ClusterRole"
    return {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": metadata, "rules": list(rules), **more}


def binding(name: str, to: str, *subjects: str, namespace: str = "") -> Object:
    kind, _, bound = to.partition(":")
    metadata: Object = {"name": f"{NAMESPACE}-{name}"}
    if namespace:
        metadata["namespace"] = namespace
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": GROUP, "kind": kind, "name": bound},
        "subjects": [subject(one) for one in subjects],
    }


def subject(text: str) -> Object:
    kind, _, name = text.partition(":")
    if kind == "ServiceAccount":
        namespace, _, name = name.partition("/")
        return {"kind": kind, "name": name, "namespace": namespace}
    return {"kind": kind, "apiGroup": GROUP, "name": name}


SELECTED = {"simauth-rec-feeds": "yes"}
SETUP = [
    role(
        "reader",
        rule("core", "pods pods/log", "get list watch"),
        rule("core", "configmaps", "get update", "one two"),
        rule("apps", "deployments/scale", "update"),
        namespace=NAMESPACE,
    ),
    role("everything-here", rule("*", "*", "*"), namespace=NAMESPACE),
    role("nodes", rule("core", "nodes", "*")),
    role("scales", rule("*", "*/scale", "get")),
    role("apps", rule("apps", "*", "get list")),
    role("named", rule("core", "namespaces", "get delete", "simauth-rec")),
    role("bare-names", rule("core", "secrets", "create get", "a")),
    role("paths", {"nonResourceURLs": ["/metrics", "/logs/*"], "verbs": ["get"]}),
    role("any-path", {"nonResourceURLs": ["*"], "verbs": ["post"]}),
    role("part-one", rule("batch", "jobs", "get"), labels=SELECTED),
    role("part-two", rule("batch", "cronjobs", "get list"), labels=SELECTED),
    role("whole", aggregationRule={"clusterRoleSelectors": [{"matchLabels": SELECTED}]}),
    binding("reader", f"Role:{NAMESPACE}-reader", "User:alice", "ServiceAccount:other/robot", namespace=NAMESPACE),
    binding("view", "ClusterRole:view", "Group:devs", namespace=NAMESPACE),
    binding("edit", "ClusterRole:edit", f"ServiceAccount:{NAMESPACE}/bot", namespace=NAMESPACE),
    binding("admin", "ClusterRole:admin", "User:eva", namespace=NAMESPACE),
    binding("local", f"Role:{NAMESPACE}-everything-here", "User:lord", namespace=NAMESPACE),
    binding("lost-here", "Role:simauth-rec-gone", "User:mia", namespace=NAMESPACE),
    binding("nodes", f"ClusterRole:{NAMESPACE}-nodes", "User:nick", "Group:node-keepers"),
    binding("scales", f"ClusterRole:{NAMESPACE}-scales", "User:sam"),
    binding("apps", f"ClusterRole:{NAMESPACE}-apps", "Group:system:serviceaccounts:other"),
    binding("named", f"ClusterRole:{NAMESPACE}-named", "User:ned"),
    binding("bare-names", f"ClusterRole:{NAMESPACE}-bare-names", "User:ned"),
    binding("paths", f"ClusterRole:{NAMESPACE}-paths", "User:pat"),
    binding("any-path", f"ClusterRole:{NAMESPACE}-any-path", "User:pia"),
    binding("whole", f"ClusterRole:{NAMESPACE}-whole", "User:wes"),
    binding("lost", "ClusterRole:simauth-rec-nowhere", "User:lou"),
    binding("two-ways", f"ClusterRole:{NAMESPACE}-nodes", "Group:crowd", "User:tom"),
]

HERE_NS = NAMESPACE
# Who | verb group/resource/subresource namespace name, or verb path.
QUESTIONS: dict[str, list[str]] = {
    "alice": [
        f"get core/pods {HERE_NS} x",
        f"list core/pods {HERE_NS}",
        "list core/pods",
        "list core/pods default",
        f"delete core/pods {HERE_NS} x",
        f"get core/pods/log {HERE_NS} x",
        f"get core/pods/exec {HERE_NS} x",
        f"get core/pods/status {HERE_NS} x",
        f"get core/configmaps {HERE_NS} one",
        f"update core/configmaps {HERE_NS} two",
        f"get core/configmaps {HERE_NS} three",
        f"get core/configmaps {HERE_NS}",
        f"list core/configmaps {HERE_NS}",
        f"update apps/deployments/scale {HERE_NS} web",
        f"update apps/deployments {HERE_NS} web",
        f"update apps/statefulsets/scale {HERE_NS} web",
        f"get apps/pods {HERE_NS} x",
        f"* core/pods {HERE_NS}",
        f"get core/* {HERE_NS}",
        "get /healthz",
    ],
    "system:serviceaccount:other:robot system:serviceaccounts system:serviceaccounts:other": [
        f"list core/pods {HERE_NS}",
        "list apps/deployments default",
        "get apps/deployments/status kube-system x",
        "delete apps/deployments default x",
        "list core/pods other",
        "get /openid/v1/jwks",
    ],
    "system:serviceaccount:simauth-rec:robot system:serviceaccounts system:serviceaccounts:simauth-rec": [
        f"list core/pods {HERE_NS}",
        "list apps/deployments default",
    ],
    "bob devs": [
        f"get core/pods {HERE_NS} x",
        f"list core/configmaps {HERE_NS}",
        f"get core/secrets {HERE_NS} x",
        f"create core/pods {HERE_NS}",
        f"get core/pods/log {HERE_NS} x",
        f"watch apps/deployments {HERE_NS}",
        f"get core/namespaces {HERE_NS} {HERE_NS}",
        f"get {GROUP}/roles {HERE_NS} x",
        f"get apps/deployments/scale {HERE_NS} x",
        f"list core/events {HERE_NS}",
        f"list events.k8s.io/events {HERE_NS}",
        f"list argoproj.io/applications {HERE_NS}",
        "list core/nodes",
    ],
    f"system:serviceaccount:{NAMESPACE}:bot": [
        f"create core/pods {HERE_NS}",
        f"create core/pods/exec {HERE_NS} x",
        f"get core/secrets {HERE_NS} x",
        f"create core/serviceaccounts/token {HERE_NS} default",
        f"impersonate core/serviceaccounts {HERE_NS} default",
        f"deletecollection apps/deployments {HERE_NS}",
        f"create {GROUP}/roles {HERE_NS}",
        f"create core/resourcequotas {HERE_NS}",
        f"get core/resourcequotas {HERE_NS} x",
        f"create core/pods/eviction {HERE_NS} x",
        f"patch core/pods/status {HERE_NS} x",
        f"create coordination.k8s.io/leases {HERE_NS}",
        "create core/pods default",
    ],
    "eva": [
        f"create {GROUP}/rolebindings {HERE_NS}",
        f"delete {GROUP}/roles {HERE_NS} x",
        f"bind {GROUP}/clusterroles {HERE_NS} edit",
        f"escalate {GROUP}/roles {HERE_NS} x",
        f"create {GROUP}/clusterroles",
        f"create authorization.k8s.io/localsubjectaccessreviews {HERE_NS}",
        f"delete core/namespaces {HERE_NS} {HERE_NS}",
        f"get core/namespaces {HERE_NS} {HERE_NS}",
        "get core/namespaces default default",
        f"create core/limitranges {HERE_NS}",
        f"create policy/poddisruptionbudgets {HERE_NS}",
    ],
    "lord": [
        f"delete core/pods {HERE_NS} x",
        f"escalate {GROUP}/roles {HERE_NS} x",
        f"anything any.group/any/sub {HERE_NS} x",
        "delete core/pods default x",
        "get core/nodes",
        "get /logs/x",
    ],
    "mia": [f"get core/pods {HERE_NS} x", "get core/pods default x", "get core/nodes"],
    "lou": [
        "get core/pods default x",
        "get core/nodes",
        "get /metrics",
        f"list core/pods {HERE_NS}",
    ],
    "nick": [
        "delete core/nodes   n1",
        "get core/nodes/status   n1",
        "list core/nodes",
        "get core/pods default x",
    ],
    "x node-keepers": ["patch core/nodes   n1", "patch apps/nodes   n1"],
    "tom crowd": ["get core/nodes   n1"],
    "tom": ["get core/nodes   n1"],
    "x crowd": ["get core/nodes   n1"],
    "sam": [
        "get apps/deployments/scale default x",
        "get any.group/things/scale default x",
        "get apps/deployments default x",
        "update apps/deployments/scale default x",
        "get core/scale default x",
    ],
    "ned": [
        f"get core/namespaces {HERE_NS} {HERE_NS}",
        "get core/namespaces default default",
        f"get core/namespaces  {HERE_NS}",
        "list core/namespaces",
        "create core/secrets default",
        "get core/secrets default a",
        "get core/secrets kube-system a",
        "get core/secrets default b",
    ],
    "pat": [
        "get /metrics",
        "get /metrics/",
        "get /logs/",
        "get /logs/kubelet.log",
        "get /logs",
        "post /metrics",
        "get /",
    ],
    "pia": ["post /any/thing", "get /any/thing", "post core/pods default"],
    "wes": [
        "get batch/jobs default x",
        "list batch/jobs default",
        "list batch/cronjobs default",
        "list batch/cronjobs",
        "get apps/deployments default x",
    ],
    "root system:masters": [f"delete core/namespaces  {HERE_NS}", "post /any", "escalate x/y"],
    "kubernetes-admin kubeadm:cluster-admins system:authenticated": [
        "delete core/nodes   x",
        f"create {GROUP}/clusterrolebindings",
        "post /any",
    ],
    "someone system:authenticated": [
        "create authorization.k8s.io/selfsubjectaccessreviews",
        "create authorization.k8s.io/selfsubjectrulesreviews",
        "create authorization.k8s.io/subjectaccessreviews",
        "create authentication.k8s.io/selfsubjectreviews",
        "create authentication.k8s.io/tokenreviews",
        "get /api",
        "get /apis/apps/v1",
        "get /openapi/v3",
        "get /livez/ping",
        "list core/namespaces",
    ],
    "system:anonymous system:unauthenticated": [
        "get /healthz",
        "get /version",
        "get /api",
        "get core/configmaps kube-public cluster-info",
        "get core/configmaps kube-public other",
        "create authentication.k8s.io/selfsubjectreviews",
    ],
    "system:kube-scheduler": [
        "create core/pods/binding default x",
        "get core/configmaps kube-system extension-apiserver-authentication",
        "update coordination.k8s.io/leases kube-system kube-scheduler",
        "update coordination.k8s.io/leases default kube-scheduler",
        "get core/secrets default x",
    ],
    "system:kube-controller-manager": [
        "list any.group/things",
        "create core/serviceaccounts/token default x",
        "delete core/pods default x",
    ],
    "system:serviceaccount:kube-system:deployment-controller": [
        "create apps/replicasets default",
        "update apps/deployments/status default x",
        "create core/pods default",
        "create core/events default",
    ],
    "system:serviceaccount:kube-system:horizontal-pod-autoscaler": [
        "update apps/deployments/scale default x",
        "update apps/deployments default x",
    ],
    "system:serviceaccount:kube-system:generic-garbage-collector": ["delete any.group/things default x"],
}


def spec(who: str, question: str) -> Object:
    """The SubjectAccessReview's spec for a line of `QUESTIONS`."""
    name, *groups = who.split()
    verb, what, *place = question.split(" ", 2)
    made: Object = {"user": name, **({"groups": groups} if groups else {})}
    if what.startswith("/"):
        return {**made, "nonResourceAttributes": {"verb": verb, "path": what}}
    group, resource, *sub = what.split("/")
    attributes = {"verb": verb, "group": "" if group == "core" else group, "resource": resource}
    if sub:
        attributes["subresource"] = sub[0]
    words = place[0].split(" ") if place else []
    for key, value in zip(("namespace", "name"), [*words[:1], "".join(words[1:])], strict=False):
        if value:
            attributes[key] = value
    return {**made, "resourceAttributes": attributes}


def digest(obj: Object) -> tuple[str, str]:
    """A name for a role or binding, and a short sum of what it says."""
    metadata = obj["metadata"]
    said = {key: value for key, value in obj.items() if key in ("rules", "aggregationRule", "roleRef", "subjects")}
    said["rules"] = said.get("rules") or []
    said |= {key: metadata[key] for key in ("labels", "annotations") if key in metadata}
    name = f"{obj['kind']} {metadata.get('namespace', '')} {metadata['name']}"
    return name, hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def main(kubeconfig: str) -> None:
    def kubectl(*arguments: str, body: Object | None = None) -> str:
        command = ["kubectl", "--kubeconfig", kubeconfig, *arguments]
        text = json.dumps(body) if body is not None else None
        return subprocess.run(command, input=text, text=True, capture_output=True, check=True).stdout

    kinds = "clusterroles,clusterrolebindings,roles,rolebindings"
    listed = json.loads(kubectl("get", kinds, "-A", "-o", "json"))["items"]
    born_with = dict(
        digest(one)
        for one in listed
        if one["metadata"]["name"].startswith(DEFAULTS) or one["metadata"]["name"] in NAMED
    )
    kubectl("create", "namespace", NAMESPACE)
    cases = []
    try:
        kubectl("apply", "-f", "-", body={"apiVersion": "v1", "kind": "List", "items": SETUP})
        time.sleep(3)
        for who, questions in QUESTIONS.items():
            for question in questions:
                asked = spec(who, question)
                review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": asked}
                path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
                answer = json.loads(kubectl("create", "--raw", path, "-f", "-", body=review))["status"]
                cases.append({"spec": asked, "status": answer})
    finally:
        kubectl("delete", "namespace", NAMESPACE, "--wait=false")
        for one in SETUP:
            if "namespace" not in one["metadata"]:
                kubectl("delete", one["kind"], one["metadata"]["name"], "--ignore-not-found")
    lines = ",\n".join(json.dumps(case) for case in cases)
    setup = ",\n".join(json.dumps(one) for one in SETUP)
    policy = json.dumps(born_with, indent=0, sort_keys=True)
    text = f'{{"setup": [\n{setup}\n],\n"cases": [\n{lines}\n],\n"policy": {policy}}}\n'
    (HERE / "data" / "rbac_cases.json").write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(cases)} cases\n")


if __name__ == "__main__":
    main(sys.argv[1])
