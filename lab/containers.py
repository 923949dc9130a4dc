"""The door to the Docker engine, and the only module that knows the docker SDK."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import which
from typing import Any

import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.types import IPAMConfig, IPAMPool

from lab.errors import LabError

Row = dict[str, Any]
CALL_TIMEOUT = 60


def _socket_path(host: str) -> Path | None:
    return Path(host.removeprefix("unix://")) if host.startswith("unix://") else None


def _host() -> str:
    """Where the docker program would look: DOCKER_HOST, DOCKER_CONTEXT, its current context, the default socket."""
    if os.environ.get("DOCKER_HOST"):
        return os.environ["DOCKER_HOST"]
    with contextlib.suppress(Exception):
        named = os.environ.get("DOCKER_CONTEXT")
        context = docker.ContextAPI.get_context(named) if named else docker.ContextAPI.get_current_context()
        if context is not None and context.Host:
            return str(context.Host)
    return "unix:///var/run/docker.sock"


def connect(timeout: float = 3) -> "Docker":
    """Reach the engine, or say which of the three things is wrong.

    :param timeout: seconds for the first answer
    :raises LabError: `docker-missing`, `docker-stopped` or `docker-denied`
    """
    host = _host()
    path = _socket_path(host)
    try:
        client: Any = docker.DockerClient(base_url=host, timeout=CALL_TIMEOUT, use_ssh_client=host.startswith("ssh://"))
        client.api.timeout = timeout
        client.ping()
        client.api.timeout = CALL_TIMEOUT
    except (DockerException, OSError) as error:
        text = str(error)
        if path is not None and path.exists() and ("Permission denied" in text or not os.access(path, os.W_OK)):
            raise LabError("docker-denied", host=host, details=text) from error
        if which("docker") is None and (path is None or not path.exists()):
            raise LabError("docker-missing", details=text) from error
        raise LabError("docker-stopped", host=host, details=text) from error
    return Docker(client, host)


@contextlib.contextmanager
def _told(path: str = "/var/lib/docker") -> Iterator[None]:
    """Turn the SDK's errors into the lab's; its transport errors are OSErrors."""
    try:
        yield
    except NotFound:
        raise
    except APIError as error:
        text = str(error.explanation or error)
        if "no space left on device" in text.lower():
            raise LabError("disk-full", path=path, details=text) from error
        raise LabError("docker-failed", problem=text.strip().splitlines()[0][:200], details=text) from error
    except OSError as error:
        raise LabError("docker-stopped", host=_host(), details=str(error)) from error


class Docker:
    """A reachable engine. Rows are the engine API's own objects."""

    def __init__(self, client: Any, host: str) -> None:
        self._client = client
        self.host = host

    # --- reading ------------------------------------------------------------------------------------------------

    def info(self) -> Row:
        with _told():
            row: Row = self._client.info()
            return row

    def version(self) -> Row:
        with _told():
            row: Row = self._client.version()
            return row

    def containers(self, all: bool = True, filters: dict[str, Any] | None = None) -> list[Row]:
        with _told():
            rows: list[Row] = self._client.api.containers(all=all, filters=filters or {})
            return rows

    def inspect(self, name: str) -> Row | None:
        """One container, or None."""
        try:
            with _told():
                row: Row = self._client.api.inspect_container(name)
                return row
        except NotFound:
            return None

    def networks(self) -> list[Row]:
        with _told():
            rows: list[Row] = self._client.api.networks()
            return rows

    def network(self, name: str) -> Row | None:
        return next((row for row in self.networks() if row["Name"] == name), None)

    def image_id(self, reference: str) -> str:
        """The local image's id, or empty. A reference with tag and digest is looked up by either."""
        candidates = [reference]
        if "@" in reference:
            candidates.append(reference.split("@")[0])
        for candidate in candidates:
            try:
                with _told():
                    return str(self._client.api.inspect_image(candidate)["Id"])
            except (ImageNotFound, NotFound):
                continue
        return ""

    def has_image(self, reference: str) -> bool:
        return bool(self.image_id(reference))

    def memory(self, name: str) -> int:
        """Bytes a running container uses, page cache that can be dropped left out; 0 when it is not running."""
        try:
            with _told():
                stats = self._client.api.stats(name, stream=False, one_shot=True)
        except NotFound:
            return 0
        memory = stats.get("memory_stats") or {}
        parts = memory.get("stats") or {}
        # cgroup v1 counts children in the total_ fields only.
        cache = parts.get("total_inactive_file", parts.get("inactive_file", 0))
        return max(0, int(memory.get("usage", 0)) - int(cache))

    def volumes(self) -> list[Row]:
        with _told():
            rows: list[Row] = self._client.api.volumes().get("Volumes") or []
            return rows

    # --- changing -----------------------------------------------------------------------------------------------

    def pull(self, reference: str, progress: Callable[[str], None]) -> None:
        """Pull for this machine's platform only.

        :raises LabError: `image-unavailable` with the registry's reason
        """
        try:
            with _told():
                for row in self._client.api.pull(reference, stream=True, decode=True):
                    if "error" in row:
                        raise LabError("image-unavailable", image=reference, reason=str(row["error"])[:200])
                    if row.get("status"):
                        progress(f"{reference}: {row['status']} {row.get('progress', '')}".strip())
        except NotFound as error:
            raise LabError("image-unavailable", image=reference, reason=str(error.explanation)[:200]) from error
        except LabError as error:
            if error.code == "docker-failed":
                raise LabError(
                    "image-unavailable", image=reference, reason=str(error.values["problem"]), details=error.details
                ) from error
            raise

    def create_network(self, name: str, labels: dict[str, str], subnet: str = "") -> None:
        """A bridge as kind makes it, IPv4, with outgoing traffic masqueraded."""
        pools = [IPAMPool(subnet=subnet)] if subnet else []
        with _told():
            self._client.api.create_network(
                name,
                driver="bridge",
                labels=labels,
                options={"com.docker.network.bridge.enable_ip_masquerade": "true"},
                ipam=IPAMConfig(pool_configs=pools) if pools else None,
                check_duplicate=True,
            )

    def remove_network(self, name: str) -> None:
        with contextlib.suppress(NotFound), _told():
            self._client.api.remove_network(name)

    def run(
        self,
        *,
        name: str,
        image: str,
        labels: dict[str, str],
        environment: dict[str, str],
        ports: dict[int, int],
        network: str,
        aliases: list[str],
    ) -> None:
        """Start a container in the background; ports map container to host on 127.0.0.1."""
        with _told():
            self._client.containers.run(
                image,
                name=name,
                hostname=aliases[0] if aliases else name,
                detach=True,
                labels=labels,
                environment=environment,
                ports={f"{inside}/tcp": ("127.0.0.1", outside) for inside, outside in ports.items()},
                network=network,
                networking_config={network: self._client.api.create_endpoint_config(aliases=aliases)},
                restart_policy={"Name": "no"},
            )

    def start(self, name: str) -> None:
        with _told():
            self._client.api.start(name)

    def stop(self, name: str, timeout: int) -> None:
        """Stop; after `timeout` seconds it is killed."""
        with contextlib.suppress(NotFound), _told():
            self._client.api.stop(name, timeout=timeout)

    def remove(self, name: str) -> None:
        """Remove with its anonymous volumes, running or not."""
        with contextlib.suppress(NotFound), _told():
            self._client.api.remove_container(name, force=True, v=True)

    def exec(self, name: str, argv: list[str], environment: dict[str, str] | None = None) -> tuple[int, str]:
        """Run a program in a container; exit code and output."""
        with _told():
            result = self._client.containers.get(name).exec_run(argv, environment=environment or {})
            return int(result.exit_code), result.output.decode("utf-8", "replace")
