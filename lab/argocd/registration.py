"""Registering clusters with an Argo CD: an account on the cluster, a Secret on the hub.

The Secret's format is `SecretToCluster` in Argo CD's util/db/cluster.go and docs/operator-manual/declarative-setup.md;
the account's rights are those `argocd cluster add` grants (util/clusterauth/clusterauth.go), but its token ends.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from lab.argocd import IN_CLUSTER, NAMESPACE
from lab.argocd.probing import probe
from lab.argocd.secret_data import decode, encode
from lab.errors import LabError
from lab.model import Cluster, Rights
from lab.ports import Clock, Kube, Object, Ref
from lab.results import Link

__all__ = ["SECRET_TYPE", "link", "probe", "register", "secret_name", "unregister"]

SECRET_TYPE = {"argocd.argoproj.io/secret-type": "cluster"}
LAB = "gitops-lab.io/lab"
HUB = "gitops-lab.io/hub"
EXPIRES = "gitops-lab.io/token-expires"
TOKEN = "gitops-lab.io/token-sha256"  # noqa: S105 - the name of an annotation
ACCOUNT = "gitops-lab.io/account-uid"
ACCOUNT_NAMESPACE = "kube-system"

TOKEN_LIFETIME = 30 * 86400.0
"""Seconds."""

RENEW_BEFORE = 10 * 86400.0
"""Seconds before its end that a token is replaced when somebody comes by: `up`, `resume` or `check`."""

EVERYTHING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
EVERY_URL = {"nonResourceURLs": ["*"], "verbs": ["*"]}


def register(
    lab_name: str,
    hub: Kube,
    hub_name: str,
    target: Kube,
    cluster: Cluster,
    server: str,
    ca: str,
    rights: Rights | None,
    renew_before: float,
    clock: Clock,
    keep_labels: bool = False,
) -> tuple[str, ...]:
    """Make the hub's Argo CD able to use the cluster; what is already right is only read.

    The hub itself is registered without a token (the controller then uses its own account), so that it has a name
    and labels for the cluster generator; only when its rights are limited it gets an account as well.

    :param server: API address in the lab's network; unused for the hub itself
    :param ca: PEM of the authority that signed the cluster's API certificate
    :param rights: limits, or None for everything
    :param renew_before: seconds before the end of a token that it is replaced
    :param keep_labels: leave labels alone that somebody gave another value
    :return: what was changed, one line each; empty when nothing was
    :raises LabError: a refusal of either API
    """
    changes: list[str] = []
    account = ""
    own = hub_name == cluster.name
    if not own or rights is not None:
        account, changes = _grant(lab_name, target, hub_name, rights)
    wanted = _values(cluster, IN_CLUSTER if own else server, ca, rights)
    live = hub.get(_ref(cluster.name))
    labels = {**cluster.labels, **SECRET_TYPE, LAB: lab_name}
    if keep_labels and live is not None:
        labels |= {k: v for k, v in live["metadata"].get("labels", {}).items() if k in cluster.labels}
    difference = _difference(live, wanted, labels, account, renew_before, clock)
    if live is None or difference:
        annotations: dict[str, str] = {}
        if account:
            token, annotations = _token(target, hub_name, account, live, wanted, renew_before, clock)
            wanted["config"]["bearerToken"] = token
        hub.apply(_secret(cluster.name, labels, annotations, wanted))
        changes.append(f"Secret cluster-{cluster.name} on {hub_name}: {difference or 'was missing'}")
    return tuple(changes)


def unregister(hub: Kube, hub_name: str, target: Kube | None, cluster: str) -> None:
    """Remove the Secret and, where the cluster is still there, the hub's account with its rights.

    :param target: None when the cluster is gone or does not answer
    """
    hub.delete(_ref(cluster))
    if target is None:
        return
    name = _account(hub_name)
    target.delete(Ref(kind="ClusterRoleBinding", name=name))
    target.delete(Ref(kind="ClusterRole", name=name))
    for kind in ("RoleBinding", "Role"):
        for obj in target.list(Ref(kind=kind), {HUB: hub_name}):
            target.delete(Ref(kind=kind, namespace=obj["metadata"]["namespace"], name=obj["metadata"]["name"]))
    target.delete(Ref(kind="ServiceAccount", namespace=ACCOUNT_NAMESPACE, name=name))


def link(
    hub: Kube,
    hub_name: str,
    cluster: Cluster,
    server: str,
    ca: str,
    rights: Rights | None,
    clock: Clock,
    renew_before: float = 0.0,
    ask: bool = True,
) -> Link:
    """What has become of a registration; changes nothing. Labels are the learner's to change and not compared.

    :param renew_before: a token that ends within so many seconds counts as stale
    :param ask: whether to try the credentials from inside the hub, which takes half a second
    """
    own = hub_name == cluster.name
    name = cluster.name

    def answer(state: Any, detail: str = "", expires: str = "") -> Link:
        return Link(hub=hub_name, cluster=name, state=state, detail=detail, expires=expires)

    try:
        live = hub.get(_ref(name))
        if live is None:
            return answer("missing", f"there is no Secret {secret_name(name)}")
        annotations = live["metadata"].get("annotations", {})
        expires = annotations.get(EXPIRES, "")
        # Whether the account is still the one of the token is what the probe tells.
        account = annotations.get(ACCOUNT, "unknown") if not own or rights is not None else ""
        wanted = _values(cluster, IN_CLUSTER if own else server, ca, rights)
        difference = _difference(live, wanted, SECRET_TYPE, account, renew_before, clock)
        if difference:
            return answer("stale", difference, expires)
        problem = probe(hub, name) if ask else ""
    except LabError as error:
        return answer("unreachable", f"{error.what}: {error.why}")
    return answer("unreachable", problem, expires) if problem else answer("ok", "", expires)


def secret_name(cluster: str) -> str:
    """Name of the registration Secret."""
    return f"cluster-{cluster}"


def _ref(cluster: str) -> Ref:
    return Ref(kind="Secret", namespace=NAMESPACE, name=secret_name(cluster))


def _account(hub_name: str) -> str:
    return f"gitops-lab-{hub_name}"


# --- the Secret -----------------------------------------------------------------------------------------------------


def _values(cluster: Cluster, server: str, ca: str, rights: Rights | None) -> dict[str, Any]:
    values: dict[str, Any] = {"name": cluster.name, "server": server, "config": {}}
    if server != IN_CLUSTER or rights is not None:
        values["config"] = {"tlsClientConfig": {"insecure": False, "caData": encode({"ca": ca})["ca"]}}
    # With namespaces, Argo CD ignores everything that is not in one. Said also when empty, so that limits somebody
    # added are taken away again.
    values["namespaces"] = ",".join(rights.namespaces) if rights else ""
    values["clusterResources"] = "false" if rights else ""
    return values


def _secret(cluster: str, labels: dict[str, str], annotations: dict[str, str], values: dict[str, Any]) -> Object:
    metadata = {"name": secret_name(cluster), "namespace": NAMESPACE, "labels": labels, "annotations": annotations}
    data = encode({**values, "config": json.dumps(values["config"])})
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}


def _difference(
    live: Object | None, wanted: dict[str, Any], labels: dict[str, str], account: str, renew: float, clock: Clock
) -> str:
    """Why a live Secret is not the wanted one; empty when it is or when there is none."""
    if live is None:
        return ""
    found: dict[str, Any] = decode(live)
    try:
        found["config"] = json.loads(found.get("config") or "{}")
    except ValueError:
        return "config was not JSON"
    token = found["config"].pop("bearerToken", "") if isinstance(found["config"], dict) else ""
    for key, value in wanted.items():
        if found.get(key, "") != value:
            shown = "" if key == "config" else f" ({found.get(key, '')})"
            return f"{key} was another{shown}"
    present = live["metadata"].get("labels", {})
    for key, value in labels.items():
        if present.get(key) != value:
            return f"label {key} was {present.get(key, 'missing')}"
    return _token_difference(live, token, account, renew, clock)


def _token_difference(live: Object, token: str, account: str, renew: float, clock: Clock) -> str:
    annotations = live["metadata"].get("annotations", {})
    if not account:
        return "it had a token" if token else ""
    if annotations.get(ACCOUNT) != account:
        return "its account was another"
    if not token or annotations.get(TOKEN) != _sha256(token):
        return "its token was another"
    left = _left(annotations.get(EXPIRES, ""), clock)
    if left <= renew:
        return "its token has ended" if left <= 0 else f"its token ends in {left / 3600:.0f} h"
    return ""


def _token(
    target: Kube, hub_name: str, account: str, live: Object | None, wanted: dict[str, Any], renew: float, clock: Clock
) -> tuple[str, dict[str, str]]:
    """A token and its annotations: the one in use while it is good for this server, else a new one."""
    if live is not None:
        values = decode(live)
        annotations = live["metadata"].get("annotations", {})
        try:
            token = str(json.loads(values.get("config") or "{}").get("bearerToken", ""))
        except (ValueError, AttributeError):
            token = ""
        same_server = values.get("server") == wanted["server"]
        if token and same_server and not _token_difference(live, token, account, renew, clock):
            return token, {name: annotations[name] for name in (EXPIRES, ACCOUNT, TOKEN)}
    token, expires = target.token(ACCOUNT_NAMESPACE, _account(hub_name), TOKEN_LIFETIME)
    return token, {EXPIRES: expires, ACCOUNT: account, TOKEN: _sha256(token)}


def _left(expires: str, clock: Clock) -> float:
    """Seconds until an RFC 3339 time; negative when it cannot be read."""
    try:
        return datetime.fromisoformat(expires).timestamp() - clock.now()
    except ValueError:
        return -1.0


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# --- the account ----------------------------------------------------------------------------------------------------


def _grant(lab_name: str, target: Kube, hub_name: str, rights: Rights | None) -> tuple[str, list[str]]:
    """Make the hub's account with its rights; return the account's uid and what was changed."""
    changes = []
    name = _account(hub_name)
    labels = {LAB: lab_name, HUB: hub_name}
    for obj in _grants(name, labels, rights.namespaces if rights else ()):
        ref = Ref(kind=obj["kind"], namespace=obj["metadata"].get("namespace", ""), name=obj["metadata"]["name"])
        if _covers(target.get(ref), obj):
            continue
        target.apply(obj)
        changes.append(f"{ref.kind} {ref.name} on {target.cluster}")
    if rights is not None:
        # Left from a time without limits, these would lift them.
        for kind in ("ClusterRoleBinding", "ClusterRole"):
            ref = Ref(kind=kind, name=name)
            if target.get(ref) is not None and target.delete(ref):
                changes.append(f"{kind} {name} removed from {target.cluster}")
    account = target.get(Ref(kind="ServiceAccount", namespace=ACCOUNT_NAMESPACE, name=name)) or {}
    return account.get("metadata", {}).get("uid", ""), changes


def _grants(name: str, labels: dict[str, str], namespaces: Sequence[str]) -> list[Object]:
    subjects = [{"kind": "ServiceAccount", "name": name, "namespace": ACCOUNT_NAMESPACE}]
    rbac = "rbac.authorization.k8s.io"

    def rule(kind: str, namespace: str, **content: Any) -> Object:
        metadata: Object = {"name": name, "labels": labels}
        if namespace:
            metadata["namespace"] = namespace
        return {"apiVersion": f"{rbac}/v1", "kind": kind, "metadata": metadata, **content}

    account = {"name": name, "namespace": ACCOUNT_NAMESPACE, "labels": labels}
    result: list[Object] = [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account}]
    if not namespaces:
        role = {"apiGroup": rbac, "kind": "ClusterRole", "name": name}
        result.append(rule("ClusterRole", "", rules=[EVERYTHING, EVERY_URL]))
        result.append(rule("ClusterRoleBinding", "", roleRef=role, subjects=subjects))
    for namespace in namespaces:
        role = {"apiGroup": rbac, "kind": "Role", "name": name}
        result.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        result.append(rule("Role", namespace, rules=[EVERYTHING]))
        result.append(rule("RoleBinding", namespace, roleRef=role, subjects=subjects))
    return result


def _covers(live: Any, wanted: Any) -> bool:
    """Whether everything wanted is there, whatever else is."""
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(_covers(live.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(live, list) and len(live) == len(wanted) and all(map(_covers, live, wanted))
    return bool(live == wanted)
