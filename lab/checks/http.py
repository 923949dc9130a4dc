"""`http`: a request through the API server's service proxy."""

from collections.abc import Sequence
from urllib.parse import quote

from lab.checks.evidence import Place
from lab.checks.look import Look
from lab.checks.subset import shown
from lab.model import Http


class HttpLook(Look):
    """Asks a Service as `kubectl get --raw` would; no port of the cluster needs to be open on this machine."""

    @property
    def wanted(self) -> Http:
        assert self.check.http is not None
        return self.check.http

    def __call__(self) -> str:
        want = self.wanted
        path = quote(want.path.lstrip("/"), safe="/?&=%+,;:@~")
        service = f"/api/v1/namespaces/{want.namespace}/services/{want.service}:{want.port}"
        status, body = self.kube.raw(f"{service}/proxy/{path}")
        if status != want.status:
            return f"status: got {status}, want {want.status} ({shown(body.strip())})"
        if want.contains not in body:
            return f"body: got {shown(body.strip())}, want it to contain {shown(want.contains)}"
        return ""

    def places(self) -> Sequence[Place]:
        return [Place(cluster=self.cluster, namespace=self.wanted.namespace)]
