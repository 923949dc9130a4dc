"""The one door to HTTP: everything that is not the Kubernetes or the Docker API."""

import ipaddress
import json as jsonlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from lab.errors import LabError
from lab.state import full_disk

DOWNLOAD_LIMIT = 64 * 1024 * 1024
"""Bytes; nothing the lab downloads itself comes near."""


@dataclass(frozen=True, kw_only=True)
class Response:
    """An answer, whatever its status."""

    status: int
    text: str

    def json(self) -> Any:
        """The decoded body; ValueError when it is not JSON."""
        return jsonlib.loads(self.text)


def is_loopback(url: str) -> bool:
    """Whether the URL's host is this machine by name or address."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def request(
    method: str,
    url: str,
    *,
    json: Any = None,
    auth: tuple[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 10.0,
) -> Response:
    """Send one request and return the answer, error statuses included; redirects are not followed.

    The environment's proxies are honoured except for loopback, where no proxy could help.

    :param json: body to send, encoded here
    :param timeout: seconds to connect, and again seconds between two bytes
    :raises LabError: `web-failed` when no answer came
    """
    with _session(url) as session:
        try:
            answer = session.request(
                method, url, json=json, auth=auth, headers=dict(headers or {}), timeout=timeout, allow_redirects=False
            )
            # Guessing takes longer than the request, and what the lab talks to speaks UTF-8.
            answer.encoding = "utf-8"
            return Response(status=answer.status_code, text=answer.text)
        except requests.RequestException as error:
            raise _failed(url, error) from error


def download(url: str, path: Path, timeout: float = 60.0) -> None:
    """Fetch a file; `path` appears whole or not at all.

    :param timeout: seconds to connect, and again seconds between two bytes
    :raises LabError: `web-failed` when it cannot be fetched, `disk-full` when it cannot be kept
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with _session(url) as session:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with session.get(url, stream=True, timeout=timeout) as answer, temporary.open("wb") as file:
                if answer.status_code != 200:
                    raise LabError("web-failed", url=url, reason=f"status {answer.status_code}")
                size = 0
                for chunk in answer.iter_content(1 << 16):
                    size += len(chunk)
                    if size > DOWNLOAD_LIMIT:
                        raise LabError("web-failed", url=url, reason="the answer is larger than any file it can be")
                    file.write(chunk)
            temporary.replace(path)
        # requests' own errors are OSErrors too, so they come first
        except requests.RequestException as error:
            raise _failed(url, error) from error
        except OSError as error:
            raise full_disk(error, path) from error
        finally:
            temporary.unlink(missing_ok=True)


def _session(url: str) -> requests.Session:
    session = requests.Session()
    session.trust_env = not is_loopback(url)
    return session


def _failed(url: str, error: requests.RequestException) -> LabError:
    reason = {
        requests.exceptions.ProxyError: "the proxy refused",
        requests.exceptions.SSLError: "its certificate could not be verified",
        requests.exceptions.ConnectTimeout: "no answer in time",
        requests.exceptions.ReadTimeout: "no answer in time",
        requests.exceptions.ConnectionError: "it cannot be reached",
    }.get(type(error), "the request failed")
    return LabError("web-failed", url=url, reason=reason, details=str(error))
