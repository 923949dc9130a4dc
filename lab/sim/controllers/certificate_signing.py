"""Signs approved CertificateSigningRequests, so that users can be given certificates.

Source: Kubernetes `pkg/controller/certificates/signer/signer.go`. Nothing is approved of itself: no kubelet asks here.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence

from lab.sim.client import Client
from lab.sim.clock import Clock, timestamp
from lab.sim.controllers.controller import Controller, Informers
from lab.sim.objects import evolve

Sign = Callable[[bytes, str, Sequence[str], float], bytes]
"""(PEM request, signer, usages, lifetime in seconds) → PEM certificate. Raises ValueError for what is not signed."""
_SIGNERS = frozenset(
    f"kubernetes.io/{name}"
    for name in ("kube-apiserver-client", "kube-apiserver-client-kubelet", "kubelet-serving", "legacy-unknown")
)
_LONGEST_SECONDS = 365 * 86400.0
_SHORTEST_SECONDS = 600.0


class CertificateSigning(Controller):
    """Answers approved requests to the cluster's own signers with a certificate, or says why it cannot."""

    name = "csrsigning-controller"

    def __init__(self, client: Client, clock: Clock, informers: Informers, sign: Sign) -> None:
        """`sign`: of the cluster's authority."""
        super().__init__(client, clock, informers)
        self._sign = sign
        self._requests = self.informer("certificatesigningrequests.certificates.k8s.io")
        self._requests.handle(lambda _old, new: self.enqueue_object(new) if new is not None else None)

    async def reconcile(self, namespace: str, name: str) -> None:
        """Sign one request, once."""
        request = self._requests.get(namespace, name)
        if request is None or request["spec"]["signerName"] not in _SIGNERS:
            return
        spec, status = request["spec"], request.get("status") or {}
        kinds = {one["type"] for one in status.get("conditions") or ()}
        if status.get("certificate") or "Approved" not in kinds or kinds & {"Denied", "Failed"}:
            return
        asked = float(spec.get("expirationSeconds") or _LONGEST_SECONDS)
        lifetime = min(max(asked, _SHORTEST_SECONDS), _LONGEST_SECONDS)
        try:
            made = self._sign(base64.b64decode(spec["request"]), spec["signerName"], spec.get("usages") or (), lifetime)
        except ValueError as error:
            now = timestamp(self.clock.now())
            failed = {
                "type": "Failed",
                "status": "True",
                "reason": "SignerValidationFailure",
                "message": str(error),
                "lastUpdateTime": now,
                "lastTransitionTime": now,
            }
            after = {**status, "conditions": [*status["conditions"], failed]}
        else:
            after = {**status, "certificate": base64.b64encode(made).decode()}
        await self.client.status(self._requests.resource, evolve(request, status=after))
