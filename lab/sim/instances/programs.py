"""The programs of an Argo CD that do little or nothing here: API server, notifications, Dex, the `argocd` command."""

from __future__ import annotations

import asyncio
import base64
import secrets
import string

from lab.sim.api.status import ApiError
from lab.sim.cluster import Cluster
from lab.sim.objects import Object
from lab.sim.programs import Process

_ELSEWHERE = "not supported by the simulator; use --provider kind"
_LETTERS = string.ascii_letters + string.digits
_PASSWORD_LENGTH = 16


async def forever() -> None:
    """Wait until the container stops."""
    await asyncio.Event().wait()


async def server(_: Cluster, process: Process) -> None:
    """`argocd-server`: makes the AppProject `default` when it starts; it serves neither API nor UI.

    Source: Argo CD 3.6.1 `server/server.go` (initializeDefaultProject).
    """
    from lab.sim.argocd.install.settings import default_project

    try:
        await process.client.get("appprojects.argoproj.io", process.namespace, "default")
    except ApiError as error:
        if error.code != 404:
            raise
        await _create(process, "appprojects.argoproj.io", default_project(process.namespace))
    process.log(f"simulated argocd-server: its API and UI are {_ELSEWHERE}")
    await forever()


async def notifications(_: Cluster, process: Process) -> None:
    """`argocd-notifications`: sends nothing."""
    process.log(f"simulated argocd-notifications: notifications are {_ELSEWHERE}")
    await forever()


async def dex(_: Cluster, process: Process) -> None:
    """`argocd-dex rundex`: nobody signs in."""
    process.log(f"simulated argocd-dex: single sign-on is {_ELSEWHERE}")
    await forever()


async def command(_: Cluster, process: Process) -> None:
    """`argocd admin redis-initial-password`: makes the Secret with Redis' password unless it is there.

    Source: Argo CD 3.6.1 `cmd/argocd/commands/admin/redis_initial_password.go`.
    """
    if process.argv[1:3] != ("admin", "redis-initial-password"):
        raise RuntimeError(f"{' '.join(process.argv)} is {_ELSEWHERE}")
    from lab.sim.argocd.install.parts import REDIS_KEY, REDIS_SECRET

    where = f"{process.namespace}/{REDIS_SECRET}"
    process.log(f"Checking for initial Redis password in secret {where} at key {REDIS_KEY}. ")
    password = "".join(secrets.choice(_LETTERS) for _ in range(_PASSWORD_LENGTH))
    secret: Object = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": REDIS_SECRET, "namespace": process.namespace},
        "type": "Opaque",
        "data": {REDIS_KEY: base64.b64encode(password.encode()).decode()},
    }
    # Go's clients call themselves after their program; here that is not called as its account is.
    await _create(process, "secrets", secret, manager=process.argv[0].rpartition("/")[2])
    process.log(f"Argo CD Redis secret state confirmed: secret name {REDIS_SECRET}.")
    found = await process.client.get("secrets", process.namespace, REDIS_SECRET)
    if REDIS_KEY not in (found.get("data") or {}):
        raise RuntimeError(f"key {REDIS_KEY} doesn't exist in secret {REDIS_SECRET}. ")
    process.log("Password secret is configured properly.")


async def _create(process: Process, resource: str, obj: Object, manager: str = "") -> None:
    """Create unless somebody else was faster. `manager`: of its fields; "" for the account's own name."""
    try:
        await process.client.create(resource, obj, manager=manager)
    except ApiError as error:
        if error.code != 409:
            raise
