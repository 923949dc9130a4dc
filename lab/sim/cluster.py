"""One simulated cluster: its store, API, certificates, port and controllers, put together.

This is the one place that knows every part; the parts know only what they are given.
"""

from __future__ import annotations

import re
import shutil
import ssl
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web

from lab.sim import bootstrap, kubeconfig
from lab.sim.api import crd
from lab.sim.api.authn import Authenticator
from lab.sim.api.connections import Connections
from lab.sim.api.context import User
from lab.sim.api.kinds import BUILT_IN
from lab.sim.api.rbac import Authorizer, check_escalation
from lab.sim.api.resources import Registry
from lab.sim.api.rest import Rest
from lab.sim.api.server import Parts, Server
from lab.sim.api.store import Store
from lab.sim.api.tokens import Tokens, account_groups, account_name
from lab.sim.certificates import Authority, Pair
from lab.sim.client import Client
from lab.sim.clock import Clock, timestamp
from lab.sim.control_plane import ControlPlane, Needs
from lab.sim.controllers import images
from lab.sim.files import make_folder, write_private
from lab.sim.inprocess import InProcessClient
from lab.sim.journal import Database
from lab.sim.logs import Logs
from lab.sim.programs import Programs

MINORS = (34, 35, 36)
DEFAULT_MINOR = 36
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_BACKLOG = 512


class SettingsError(ValueError):
    """A cluster cannot be as asked for; the text lists everything that is wrong."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a cluster is like; kept with it."""

    name: str
    """DNS label of at most 63 characters; its node is called `NAME-control-plane`, as kind calls it."""
    kubernetes: str = f"1.{DEFAULT_MINOR}"
    """Minor version whose schemas it serves: 1.34, 1.35 or 1.36."""
    port: int = 0
    """Port on 127.0.0.1; 0 for a free one, which is then kept."""
    names: tuple[str, ...] = ()
    """More DNS names and addresses its server certificate is valid for."""
    timing: str = "realistic"
    """`realistic`: pods take a second or two to start; `instant`: they do not."""
    workers: int = 0
    """Nodes beside the control plane."""
    paused: bool = False
    """Kept, but not served."""
    images: tuple[str, ...] = ()
    """References of the images every node has from the start, in order; any other is pulled by the first pod."""

    @property
    def minor(self) -> int:
        """34, 35 or 36."""
        return int(self.kubernetes.partition(".")[2])

    @classmethod
    def read(cls, said: dict[str, Any]) -> Settings:
        """Settings from JSON. Raises SettingsError with everything that is wrong."""
        wrong = []
        known = {one.name for one in fields(cls)}
        wrong += [f"unknown setting {key!r}" for key in said if key not in known]
        name = said.get("name")
        if not isinstance(name, str) or _NAME.fullmatch(name) is None:
            wrong.append(f"name must be a DNS label such as 'hub', found {name!r}")
        version = said.get("kubernetes", cls.__dataclass_fields__["kubernetes"].default)
        if version not in {f"1.{minor}" for minor in MINORS}:
            wrong.append(f"kubernetes must be one of {', '.join(f'1.{minor}' for minor in MINORS)}, found {version!r}")
        if said.get("timing", "realistic") not in ("realistic", "instant"):
            wrong.append(f"timing must be realistic or instant, found {said['timing']!r}")
        port, workers = said.get("port", 0), said.get("workers", 0)
        if type(port) is not int or not 0 <= port <= 65535:
            wrong.append(f"port must be from 0 to 65535, found {port!r}")
        if type(workers) is not int or not 0 <= workers <= 50:
            wrong.append(f"workers must be from 0 to 50, found {workers!r}")
        names = said.get("names", ())
        if not isinstance(names, list | tuple) or not all(isinstance(one, str) and one for one in names):
            wrong.append("names must be a list of names")
        present = said.get("images", ())
        wrong += _wrong_images(present)
        if wrong:
            raise SettingsError("; ".join(wrong))
        return cls(**{**said, "names": tuple(names), "images": tuple(sorted(set(present)))})


def _wrong_images(said: object) -> list[str]:
    """What keeps these from being references of images."""
    if not isinstance(said, list | tuple) or not all(isinstance(one, str) for one in said):
        return ["images must be a list of references"]
    return [why for one in said if (why := images.unparsable(one))]


@dataclass(slots=True)
class _Serving:
    """What runs while a cluster is served."""

    runner: web.ServerRunner
    control_plane: ControlPlane


class Cluster:
    """A cluster of this process."""

    def __init__(self, settings: Settings, folder: Path, database: Database | None, clock: Clock) -> None:
        """`folder`: its certificates and kubeconfig; `database`: None for one forgotten with the process."""
        self.settings = settings
        self.clock = clock
        self.programs = Programs()
        """Programs that containers of this cluster may name; registered before `start`."""
        self._folder = folder
        self._database = database
        self._serving: _Serving | None = None
        self.server_certificate = b""
        """What it shows to whoever connects, PEM; empty before it was ever served."""
        self._why = ""
        self.store = Store(database.journal(settings.name) if database else None)
        self.registry = Registry.of(BUILT_IN)
        self.rest = Rest(self.store, self.registry, clock, settings.minor)
        self.logs = Logs(clock)

    async def start(self, revision: int = 0) -> None:
        """Take over what is kept up to `revision`, or begin anew, and serve unless paused.

        A port that somebody else took meanwhile leaves the cluster unserved; `facts` says so.
        """
        make_folder(self._folder)
        self._authority = self._load_authority()
        if self._database is not None and revision:
            self.store.restore(revision, self._database.objects(self.settings.name))
        else:
            self.store.seed(bootstrap.objects(timestamp(self.clock.now()), self._authority.pair.certificate))
        self._tokens = Tokens(self.rest, self._key("sa.key", Tokens.create_key))
        crd.Definitions(self.store, self.registry)
        self.authorizer = Authorizer(self.rest)
        self.rest.guard = partial(check_escalation, self.authorizer)
        self.authenticator = Authenticator(self._authority.pair.certificate, self._tokens, self.clock)
        self.store.commit()
        if not self.settings.paused:
            await self._serve()

    def _load_authority(self) -> Authority:
        certificate, key = self._folder / "ca.crt", self._folder / "ca.key"
        if key.exists() and certificate.exists():
            return Authority.load(Pair(certificate.read_bytes(), key.read_bytes()), self.clock)
        made = Authority.create("kubernetes", self.clock)
        write_private(certificate, made.pair.certificate)
        write_private(key, made.pair.key)
        return made

    def _key(self, name: str, create: Any) -> bytes:
        path = self._folder / name
        if not path.exists():
            write_private(path, create())
        return path.read_bytes()

    # -- serving

    async def _serve(self) -> None:
        parts = Parts(self.rest, self.authenticator, self.authorizer, self._tokens, self.logs)
        server = Server(parts)
        runner = web.ServerRunner(Connections(server.handle))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.settings.port, ssl_context=self._tls(), backlog=_BACKLOG)
        try:
            await site.start()
        except OSError as error:
            await runner.cleanup()
            self._why = f"port {self.settings.port} cannot be listened on: {error.strerror or error}"
            return
        self._why = ""
        self.settings = replace(self.settings, port=int(runner.addresses[0][1]))
        self._write_kubeconfig()
        self._serving = _Serving(runner, ControlPlane(self._needs()))

    def _tls(self) -> ssl.SSLContext:
        pair = self._authority.server((f"{self.settings.name}-control-plane", *self.settings.names))
        path = self._folder / "server.pem"
        self.server_certificate = pair.certificate
        write_private(path, pair.certificate + pair.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=self._authority.pair.certificate.decode())
        context.verify_flags |= _NO_CHECK_TIME
        context.num_tickets = 0
        return context

    def _write_kubeconfig(self) -> None:
        path = self._folder / "kubeconfig"
        client = self._authority.client()
        text = kubeconfig.with_certificate(
            self.settings.port, self._authority.pair.certificate, client, name=self.settings.name
        )
        write_private(path, text.encode())

    def _needs(self) -> Needs:
        return Needs(
            rest=self.rest,
            clock=self.clock,
            name=self.settings.name,
            workers=self.settings.workers,
            timing=self.settings.timing,
            certificate=self._authority.pair.certificate,
            sign=self._authority.sign,
            tokens=self._tokens,
            logs=self.logs,
            programs=self.programs,
            client_for=self.client_for,
            loaded=self._has_image,
        )

    def _has_image(self, image: str) -> bool:
        known = images.familiar(image)
        return any(images.familiar(one) == known for one in self.settings.images)

    def load(self, references: Sequence[str]) -> None:
        """Have these images on every node from now on. Raises SettingsError for what is no reference."""
        wrong = _wrong_images(references)
        if wrong:
            raise SettingsError("; ".join(wrong))
        self.settings = replace(self.settings, images=tuple(sorted({*self.settings.images, *references})))

    def client_for(self, namespace: str, account: str) -> Client:
        """A client that acts, and is allowed, as a service account."""
        user = User(account_name(namespace, account), (*account_groups(namespace), "system:authenticated"))
        return InProcessClient(self.rest, account, user, self.authorizer)

    def admin(self, manager: str) -> InProcessClient:
        """A client that may do everything."""
        return InProcessClient(self.rest, manager)

    async def stop(self) -> None:
        """Serve no longer; what was written is kept."""
        serving, self._serving = self._serving, None
        if serving is None:
            return
        await serving.control_plane.stop()
        self.store.close()
        await serving.runner.shutdown()
        await serving.runner.cleanup()
        self.store.commit()

    @property
    def is_served(self) -> bool:
        """Whether it answers on its port now."""
        return self._serving is not None

    async def pause(self) -> None:
        """Serve no longer until resumed; also across restarts of the daemon."""
        await self.stop()
        self.settings = replace(self.settings, paused=True)

    async def resume(self) -> None:
        """Serve again on the same port."""
        self.settings = replace(self.settings, paused=False)
        if self._serving is None:
            await self._serve()

    def remove_files(self) -> None:
        """Delete the cluster's folder."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def facts(self) -> dict[str, Any]:
        """`{name, version, server, inside, state, why, kubeconfig, ca, settings, objects}` for whoever asks the daemon.

        `inside`: the address other clusters of the daemon know it by; `state`: `running`, `paused` or `failed`;
        `why`: what failed.
        """
        state = "running" if self._serving else "paused" if self.settings.paused else "failed"
        return {
            "name": self.settings.name,
            "version": f"v{self.settings.kubernetes}.0+sim",
            "server": f"https://127.0.0.1:{self.settings.port}",
            "inside": f"https://{self.settings.name}-control-plane:6443",
            "state": state,
            "why": self._why,
            "kubeconfig": str(self._folder / "kubeconfig"),
            "ca": str(self._folder / "ca.crt"),
            "settings": asdict(self.settings),
            "objects": sum(self.store.count(storage) for storage in self.store.storages),
        }


_NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME: an expired certificate is refused with 401 by the API, not cut off by TLS."""
