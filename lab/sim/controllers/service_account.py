"""Service accounts: `default` in every namespace, and the tokens of Secrets that ask for one.

Source: Kubernetes `pkg/controller/serviceaccount/{serviceaccounts_controller,tokens_controller}.go`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

from lab.sim.api.resources import Object
from lab.sim.api.status import ApiError
from lab.sim.client import Client
from lab.sim.clock import Clock
from lab.sim.controllers.controller import Controller, Informers
from lab.sim.controllers.pod_control import namespace_is_ending
from lab.sim.controllers.removal import remove
from lab.sim.objects import evolve, name_of, namespace_of

TokenOf = Callable[[Object, Object], str]
"""A token for a service account that lives as long as a Secret does."""
_TYPE = "kubernetes.io/service-account-token"
_NAME = "kubernetes.io/service-account.name"
_UID = "kubernetes.io/service-account.uid"
_DEFAULT = "default"


class InEveryNamespace(Controller):
    """Base of controllers that keep one object of one name in every namespace that is not ending."""

    resource = ""
    object_name = ""

    def __init__(self, client: Client, clock: Clock, informers: Informers) -> None:
        super().__init__(client, clock, informers)
        self._namespaces = self.informer("namespaces")
        self._objects = self.informer(self.resource)
        self._namespaces.handle(self._namespace_changed)
        self._objects.handle(self._object_changed)

    def _namespace_changed(self, _old: Object | None, new: Object | None) -> None:
        if new is not None and self._objects.get(name_of(new), self.object_name) is None:
            self.enqueue("", name_of(new))

    def _object_changed(self, old: Object | None, new: Object | None) -> None:
        obj = new if new is not None else old
        if obj is not None and name_of(obj) == self.object_name:
            self.enqueue("", namespace_of(obj))

    async def reconcile(self, namespace: str, name: str) -> None:  # noqa: ARG002 - cluster-wide
        """See to the object of one namespace, `name` being the namespace's."""
        found = self._namespaces.get("", name)
        if found is None or found["metadata"].get("deletionTimestamp"):
            return
        held = self._objects.get(name, self.object_name)
        wanted = self.wanted(name, held)
        if wanted is None:
            return
        try:
            if held is None:
                await self.client.create(self.resource, wanted)
            else:
                await self.client.update(self.resource, wanted)
        except ApiError as error:
            if error.code != 404 and error.reason != "AlreadyExists" and not namespace_is_ending(error):
                raise

    def wanted(self, namespace: str, held: Object | None) -> Object | None:
        """What to write in place of `held`; None for nothing."""
        raise NotImplementedError


class ServiceAccounts(InEveryNamespace):
    """Keeps a service account `default` in every namespace."""

    name = "service-account-controller"
    resource = "serviceaccounts"
    object_name = _DEFAULT

    def wanted(self, namespace: str, held: Object | None) -> Object | None:
        """A bare account where there is none."""
        if held is not None:
            return None
        metadata = {"name": _DEFAULT, "namespace": namespace}
        return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}


class AccountTokens(Controller):
    """Fills Secrets of type `kubernetes.io/service-account-token`, and removes those whose account is gone."""

    name = "service-account-token-controller"

    def __init__(self, client: Client, clock: Clock, informers: Informers, certificate: str, token_of: TokenOf) -> None:
        """`certificate`: the cluster's CA, PEM."""
        super().__init__(client, clock, informers)
        self._certificate = base64.b64encode(certificate.encode()).decode()
        self._token_of = token_of
        self._secrets = self.informer("secrets")
        self._accounts = self.informer("serviceaccounts")
        self._secrets.index("account", lambda one: [_account_key(one)] if one.get("type") == _TYPE else ())
        self._secrets.handle(lambda _old, new: self._secret_changed(new))
        self._accounts.handle(self._account_changed)

    def _secret_changed(self, new: Object | None) -> None:
        if new is not None and new.get("type") == _TYPE:
            self.enqueue_object(new)

    def _account_changed(self, old: Object | None, new: Object | None) -> None:
        account = new if new is not None else old
        assert account is not None
        if old is None or new is None or old["metadata"]["uid"] != new["metadata"]["uid"]:
            for secret in self._secrets.by("account", f"{namespace_of(account)}/{name_of(account)}"):
                self.enqueue_object(secret)

    async def reconcile(self, namespace: str, name: str) -> None:
        """Fill one Secret, or remove it."""
        secret = self._secrets.get(namespace, name)
        if secret is None or secret["metadata"].get("deletionTimestamp"):
            return
        annotations = secret["metadata"].get("annotations") or {}
        account = self._accounts.get(namespace, annotations.get(_NAME, ""))
        uid = annotations.get(_UID)
        if account is None or (uid and uid != account["metadata"]["uid"]):
            await remove(self.client, "secrets", secret)
            return
        data = dict(secret.get("data") or {})
        if uid and data.get("token") and data.get("ca.crt") == self._certificate and data.get("namespace"):
            return
        data["ca.crt"] = self._certificate
        data["namespace"] = base64.b64encode(namespace.encode()).decode()
        if not data.get("token"):
            data["token"] = base64.b64encode(self._token_of(account, secret).encode()).decode()
        changed = {**annotations, _UID: account["metadata"]["uid"]}
        await self.client.update("secrets", evolve(secret, data=data, metadata={"annotations": changed}))


def _account_key(secret: Object) -> str:
    return f"{namespace_of(secret)}/{(secret['metadata'].get('annotations') or {}).get(_NAME, '')}"
