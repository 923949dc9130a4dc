"""Trying a registration from where it will be used: inside the hub's Argo CD."""

import json
import shlex
from urllib.parse import urlsplit

from lab.argocd import IN_CLUSTER, NAMESPACE
from lab.argocd.secret_data import decode
from lab.errors import LabError
from lab.ports import Kube, Object, Ref

SECONDS = 10
"""How long one try may take."""

# Helm is the Kubernetes client that Argo CD's image brings along. Everything secret comes through standard input and
# ends in a private file, so that no list of processes shows it.
SCRIPT = """\
umask 077
file=$(mktemp) || exit 1
trap 'rm -f "$file"' EXIT
cat >"$file" <<'KUBECONFIG_END'
{kubeconfig}
KUBECONFIG_END
timeout {seconds} helm list --kubeconfig "$file" --namespace {namespace} --max 1 </dev/null 2>&1
exit $?
"""

# Without a file, Helm uses the pod's own account, as the controller does for the cluster it runs in.
OWN_SCRIPT = """\
timeout {seconds} helm list --namespace {namespace} --max 1 </dev/null 2>&1
exit $?
"""


def probe(hub: Kube, cluster: str) -> str:
    """Empty when the hub's Argo CD reaches the cluster with the very address, authority and token of its Secret.

    A pod of the Argo CD asks the cluster's API for something the account must be allowed to read.

    :return: the reason in a few words, e.g. `name lab-w1-control-plane is not found`
    :raises LabError: when the hub's own API cannot be asked
    """
    secret = hub.get(Ref(kind="Secret", namespace=NAMESPACE, name=f"cluster-{cluster}"))
    if secret is None:
        return "it is not registered"
    values = decode(secret)
    server = values.get("server", "")
    try:
        config = json.loads(values.get("config") or "{}")
        token = config.get("bearerToken", "")
        ca = config.get("tlsClientConfig", {}).get("caData", "")
    except (ValueError, AttributeError):
        return "the config of its Secret is not JSON"
    own = server == IN_CLUSTER and not token
    # Only the controller's pod carries the account that is used for the hub itself.
    found = _pod(hub, "argocd-application-controller") or ("" if own else _pod(hub, "argocd-repo-server"))
    if not found:
        return "no pod of its Argo CD is ready to ask from"
    namespace = values.get("namespaces", "").split(",")[0].strip() or "default"
    script = (OWN_SCRIPT if own else SCRIPT).format(
        kubeconfig=_kubeconfig(server, ca, token), seconds=SECONDS, namespace=shlex.quote(namespace)
    )
    try:
        result = hub.exec(NAMESPACE, found, _container(found), ["sh", "-s"], script)
    except LabError as error:
        if error.code == "kube-unreachable":
            raise
        return f"the probe could not run: {error.why}"
    if result.exit_code == 0:
        return ""
    if result.exit_code == 124:
        return "no answer in time"
    return explain(result.stdout + result.stderr, server)


def explain(output: str, server: str) -> str:
    """What a Kubernetes client's complaint means, in a few words."""
    address = urlsplit(server)
    for signs, meaning in (
        (("no such host", "server misbehaving"), f"name {address.hostname} is not found"),
        (("x509:", "certificate"), "its certificate is not signed by the registered authority"),
        (("connection refused",), f"connection refused at {address.netloc}"),
        (("no route to host", "network is unreachable"), f"no route to {address.hostname}"),
        (("provide credentials", "Unauthorized"), "the token is not accepted"),
        (("forbidden",), "the token is not allowed to read there"),
        (("timeout", "timed out", "deadline exceeded"), "no answer in time"),
    ):
        if any(sign in output for sign in signs):
            return meaning
    lines = [line for line in output.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "the probe failed without a word"


def _pod(hub: Kube, part: str) -> str:
    """Name of a ready pod of this part, or empty."""
    for pod in hub.list(Ref(kind="Pod", namespace=NAMESPACE), {"app.kubernetes.io/name": part}):
        conditions = {c["type"]: c["status"] for c in pod.get("status", {}).get("conditions", ())}
        if conditions.get("Ready") == "True" and not pod["metadata"].get("deletionTimestamp"):
            name: str = pod["metadata"]["name"]
            return name
    return ""


def _container(pod: str) -> str:
    return "argocd-repo-server" if pod.startswith("argocd-repo-server") else "argocd-application-controller"


def _kubeconfig(server: str, ca: str, token: str) -> str:
    """One line of JSON, which is YAML too."""
    cluster: Object = {"server": server, "certificate-authority-data": ca}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "target", "cluster": cluster}],
        "users": [{"name": "hub", "user": {"token": token}}],
        "contexts": [{"name": "probe", "context": {"cluster": "target", "user": "hub"}}],
        "current-context": "probe",
    }
    return json.dumps(document)
