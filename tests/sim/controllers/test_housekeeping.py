"""What every namespace has, Secrets for tokens, quotas' status and aggregated roles."""

from __future__ import annotations

import base64
from typing import Any

from lab.sim.controllers.resource_quota import ResourceQuotas
from tests.sim.controllers.cluster_running import CERTIFICATE, config_map, namespace, pod, running


async def test_every_namespace_has_an_account_and_the_clusters_certificate():
    async with running() as lab:
        await lab.create("namespaces", namespace("shop"))
        for name in ("default", "kube-node-lease", "shop"):
            assert (await lab.get("serviceaccounts", "default", name))["metadata"]["namespace"] == name
            published = await lab.get("configmaps", "kube-root-ca.crt", name)
            assert published["data"] == {"ca.crt": CERTIFICATE}
            assert "kubernetes.io/description" in published["metadata"]["annotations"]


async def test_both_come_back_when_removed_or_changed():
    async with running() as lab:
        await lab.delete("serviceaccounts", "default")
        await lab.delete("configmaps", "kube-root-ca.crt")
        assert await lab.find("serviceaccounts", "default") is not None
        assert await lab.find("configmaps", "kube-root-ca.crt") is not None
        await lab.change("configmaps", "kube-root-ca.crt", data={"ca.crt": "mine"})
        assert (await lab.get("configmaps", "kube-root-ca.crt"))["data"] == {"ca.crt": CERTIFICATE}


def _token(name: str, account: str) -> dict[str, Any]:
    annotations = {"kubernetes.io/service-account.name": account}
    metadata = {"name": name, "namespace": "default", "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "kubernetes.io/service-account-token"}


async def test_a_secret_for_a_token_is_filled_and_goes_with_its_account():
    async with running() as lab:
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot", "namespace": "default"}}
        made = await lab.create("serviceaccounts", account)
        await lab.create("secrets", _token("robot-token", "robot"))
        secret = await lab.get("secrets", "robot-token")
        told = {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}
        assert told == {"ca.crt": CERTIFICATE, "namespace": "default", "token": "token of robot for robot-token"}
        assert secret["metadata"]["annotations"]["kubernetes.io/service-account.uid"] == made["metadata"]["uid"]
        await lab.delete("serviceaccounts", "robot")
        assert await lab.find("secrets", "robot-token") is None


async def test_the_status_of_a_quota_follows_what_is_used():
    async with running() as lab:
        metadata = {"name": "limits", "namespace": "default"}
        hard = {"pods": "4", "configmaps": "10"}
        lab.used = {"pods": "1"}
        quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": hard}}
        await lab.create("resourcequotas", quota)
        found = await lab.get("resourcequotas", "limits")
        assert found["status"] == {"hard": hard, "used": {"pods": "1", "configmaps": "0"}}
        lab.used = {"pods": "1", "configmaps": "3"}
        await lab.create("configmaps", config_map("one"))
        assert (await lab.get("resourcequotas", "limits"))["status"]["used"]["configmaps"] == "3"
        assert lab.controller(ResourceQuotas).name == "resourcequota-controller"
        lab.used = {"pods": "2"}
        await lab.create("pods", pod())
        assert (await lab.get("resourcequotas", "limits"))["status"]["used"]["pods"] == "2"


def _role(name: str, verbs: str, labels: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": verbs.split()}] if verbs else []
    metadata = {"name": name, "labels": labels or {}}
    head = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": metadata}
    return {**head, "rules": rules, **more}


async def test_aggregated_roles_have_the_rules_of_what_they_select():
    async with running() as lab:
        resource = "clusterroles.rbac.authorization.k8s.io"
        selector = {"clusterRoleSelectors": [{"matchLabels": {"lab/part": "yes"}}]}
        await lab.create(resource, _role("whole", "", aggregationRule=selector))
        await lab.create(resource, _role("b", "list", {"lab/part": "yes"}))
        await lab.create(resource, _role("a", "get", {"lab/part": "yes"}))
        await lab.create(resource, _role("c", "delete"))
        rules = (await lab.get(resource, "whole", ""))["rules"]
        assert [rule["verbs"] for rule in rules] == [["get"], ["list"]]
        await lab.delete(resource, "a", "")
        rules = (await lab.get(resource, "whole", ""))["rules"]
        assert [rule["verbs"] for rule in rules] == [["list"]]
