"""Answers that go on: watches, logs that are followed, and a shell in a pod that runs nothing.

Source: apiserver `pkg/endpoints/handlers/watch.go`, kubelet `pkg/kubelet/server/server.go`, and for `exec` the
WebSocket protocol `v5.channel.k8s.io` (apimachinery `pkg/util/remotecommand`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import orjson
from aiohttp import WSCloseCode, WSMsgType, web

from lab.sim.api import request
from lab.sim.api.request import Asked
from lab.sim.api.resources import Object, Resource
from lab.sim.api.rest import Rest
from lab.sim.api.status import (
    Cause,
    bad_request,
    forbidden_field,
    invalid,
    invalid_value,
    method_not_allowed,
    not_simulated,
)
from lab.sim.clock import Clock, micro_timestamp, parse_timestamp
from lab.sim.logs import Logs
from lab.sim.shell import Output, Session

READ_SECONDS = 60.0
"""A client that takes nothing for so long is cut off."""
_PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
_STDIN, _STDOUT, _STDERR, _ERROR, _CLOSE = 0, 1, 2, 3, 255
_LONGEST_MESSAGE = 128 * 1024
_PIECE = 32 * 1024
_HEARTBEAT_SECONDS = 30.0
_SETTLE_SECONDS = 0.1
"""kubectl throws away what comes before it has its streams ready, which no real node is quick enough to do."""
_LONGEST_SESSION = 4 * 3600.0


async def lines(http: web.BaseRequest, blocks: AsyncIterator[bytes]) -> web.StreamResponse:
    """Send `blocks` as they come; headers go out at once, as informers wait for them."""
    response = _stream("application/json")
    response.headers["Cache-Control"] = "no-cache, private"
    with contextlib.suppress(ConnectionError):
        await response.prepare(http)
        async with contextlib.aclosing(blocks) as following:  # type: ignore[type-var]
            async for block in following:
                await _write(http, response, block)
        await response.write_eof()
    return response


def _stream(content_type: str) -> web.StreamResponse:
    response = web.StreamResponse()
    response.content_type = content_type
    response.enable_chunked_encoding()
    return response


async def _write(http: web.BaseRequest, response: web.StreamResponse, block: bytes) -> None:
    """Raises ConnectionResetError for a client that does not read."""
    try:
        async with asyncio.timeout(READ_SECONDS):
            await response.write(block)
    except TimeoutError:
        if http.transport is not None:
            http.transport.abort()
        raise ConnectionResetError("the client does not read") from None


async def pod(http: web.BaseRequest, rest: Rest, logs: Logs, asked: Asked, resource: Resource) -> web.StreamResponse:
    """`log` and `exec` of a pod; `attach` and `portforward` are refused."""
    if asked.verb not in (("get",) if asked.subresource == "log" else ("get", "create")):
        raise method_not_allowed()
    subject = rest.get(resource, asked.namespace, asked.name)
    if asked.subresource == "log":
        return await _log(http, rest.clock, logs, subject)
    if asked.subresource == "exec":
        return await _exec(http, rest.clock, subject)
    _check_upgrade(http)
    raise not_simulated(f"{asked.subresource} to a pod (nothing listens or runs in it)")


def _check_upgrade(http: web.BaseRequest) -> None:
    if not http.headers.get("Upgrade") or "upgrade" not in http.headers.get("Connection", "").lower():
        raise bad_request("Upgrade request required")


def _container(subject: Object, asked: str) -> str:
    """The container meant. Raises ApiError 400 as the real server words it."""
    name = subject["metadata"]["name"]
    spec = subject["spec"]
    main = [one["name"] for one in spec.get("containers", ())]
    first = [one["name"] for one in spec.get("initContainers", ())]
    if not asked:
        default = subject["metadata"].get("annotations", {}).get("kubectl.kubernetes.io/default-container", "")
        if default in main:
            return str(default)
        if len(main) == 1 and not first:
            return str(main[0])
        listed = " ".join(main)
        extra = f" or one of the init containers: [{' '.join(first)}]" if first else ""
        raise bad_request(f"a container name must be specified for pod {name}, choose one of: [{listed}]{extra}")
    if asked not in (*main, *first):
        raise bad_request(f"container {asked[:63]} is not valid for pod {name}")
    return asked


async def _log(http: web.BaseRequest, clock: Clock, logs: Logs, subject: Object) -> web.StreamResponse:
    query = http.query
    metadata = subject["metadata"]
    namespace, name = metadata["namespace"], metadata["name"]
    options = _log_options(query, name, clock)
    container = _container(subject, query.get("container", ""))
    waiting = _waiting(subject, container)
    if waiting and not options.previous:
        raise bad_request(f'container "{container}" in pod "{name}" is waiting to start: {waiting}')
    written = logs.written(namespace, name, container)
    try:
        kept = logs.lines(namespace, name, container, options.previous)
    except KeyError:
        if options.previous:
            raise bad_request(f'previous terminated container "{container}" in pod "{name}" not found') from None
        kept = []
    text = options.cut(kept)
    if not options.follow:
        return web.Response(body=text, content_type="text/plain")
    response = _stream("text/plain")
    with contextlib.suppress(ConnectionError, KeyError):
        await response.prepare(http)
        if text:
            await _write(http, response, text)
        async with contextlib.aclosing(logs.follow(namespace, name, container, written)) as more:  # type: ignore[type-var]
            async for moment, line in more:
                await _write(http, response, options.line(moment, line).encode())
        await response.write_eof()
    return response


@dataclass(frozen=True, slots=True)
class _LogOptions:
    """`corev1.PodLogOptions`; None for what is not said."""

    since: float
    tail: int | None
    most_bytes: int | None
    follow: bool
    previous: bool
    stamps: bool

    def line(self, moment: float, line: str) -> str:
        return f"{micro_timestamp(moment)} {line}\n" if self.stamps else f"{line}\n"

    def cut(self, kept: list[tuple[float, str]]) -> bytes:
        chosen = [one for one in kept if one[0] >= self.since]
        if self.tail is not None:
            chosen = chosen[-self.tail :] if self.tail else []
        return "".join(self.line(moment, line) for moment, line in chosen).encode()[: self.most_bytes]


def _log_options(query: Mapping[str, str], pod: str, clock: Clock) -> _LogOptions:
    """Raises ApiError 400 or 422. Source: Kubernetes `pkg/apis/core/validation` (ValidatePodLogOptions)."""
    numbers = {key: request.number(query, key) for key in ("tailLines", "limitBytes", "sinceSeconds") if key in query}
    since = _since_time(query.get("sinceTime", ""))
    wrong: list[Cause] = []
    if numbers.get("tailLines", 0) < 0:
        detail = "must be greater than or equal to 0"
        wrong.append(invalid_value("tailLines", numbers["tailLines"], detail))
    if numbers.get("limitBytes", 1) < 1:
        wrong.append(invalid_value("limitBytes", numbers["limitBytes"], "must be greater than 0"))
    if "sinceSeconds" in numbers and since:
        detail = "at most one of `sinceTime` or `sinceSeconds` may be specified"
        wrong.append(forbidden_field("[]", detail))
    elif numbers.get("sinceSeconds", 1) < 1:
        wrong.append(invalid_value("sinceSeconds", numbers["sinceSeconds"], "must be greater than 0"))
    if query.get("stream", "All") not in ("All", ""):
        wrong.append(forbidden_field("stream", "may not be specified"))
    if wrong:
        raise invalid("", "PodLogOptions", pod, wrong)
    if "sinceSeconds" in numbers:
        since = clock.now() - numbers["sinceSeconds"]
    follow, previous, stamps = (request.truth(query, key) for key in ("follow", "previous", "timestamps"))
    return _LogOptions(since, numbers.get("tailLines"), numbers.get("limitBytes"), follow, previous, stamps)


def _since_time(text: str) -> float:
    """0 when nothing is said."""
    if not text:
        return 0.0
    try:
        return parse_timestamp(text)
    except (ValueError, OverflowError):
        raise bad_request(f'parsing time "{text[:40]}" as "2006-01-02T15:04:05Z07:00": it is no such time') from None


def _waiting(subject: Object, container: str) -> str:
    status = subject.get("status", {})
    for one in (*status.get("containerStatuses", ()), *status.get("initContainerStatuses", ())):
        if one["name"] == container:
            waiting = one.get("state", {}).get("waiting")
            return str(waiting.get("reason", "")) if waiting and not one.get("restartCount") else ""
    return "ContainerCreating"


async def _exec(http: web.BaseRequest, clock: Clock, subject: Object) -> web.StreamResponse:
    """A session with a scripted shell, over WebSocket only: a SPDY upgrade is refused with a text that says so."""
    query = http.query
    container = _container(subject, query.get("container", ""))
    phase = subject.get("status", {}).get("phase")
    if phase in ("Succeeded", "Failed"):
        raise bad_request(f"cannot exec into a container in a completed pod; current phase is {phase}")
    _check_upgrade(http)
    if http.headers["Upgrade"].lower() != "websocket":
        raise not_simulated(f"exec over {http.headers['Upgrade'][:20]}")
    command = query.getall("command", [])
    streams = frozenset(key for key in ("stdin", "stdout", "stderr", "tty") if request.truth(query, key))
    if not command or not any(command):
        raise bad_request("you must specify at least 1 command for the container")
    if not streams - {"tty"}:
        raise bad_request("you must specify at least 1 of stdin, stdout, stderr")
    socket = web.WebSocketResponse(protocols=_PROTOCOLS, max_msg_size=_LONGEST_MESSAGE, heartbeat=_HEARTBEAT_SECONDS)
    try:
        ready = socket.can_prepare(http)
    except ValueError:
        ready = None
    if not ready or not ready.ok or ready.protocol is None:
        raise bad_request(f"unable to upgrade: the handshake must offer one of {', '.join(_PROTOCOLS)}")
    await socket.prepare(http)
    try:
        async with asyncio.timeout(_LONGEST_SESSION):
            await _talk(socket, Session(clock, subject, container, command, tty="tty" in streams), streams)
    except (ConnectionError, TimeoutError):
        pass
    finally:
        await socket.close(code=WSCloseCode.OK)
    return socket


async def _talk(socket: web.WebSocketResponse, session: Session, streams: frozenset[str]) -> None:
    wanted = {_STDOUT: "stdout" in streams, _STDERR: "stderr" in streams or "tty" in streams}

    async def say(output: Output) -> None:
        for channel, data in output:
            if wanted[channel]:
                for start in range(0, len(data), _PIECE):
                    await socket.send_bytes(bytes((channel,)) + data[start : start + _PIECE])

    await asyncio.sleep(_SETTLE_SECONDS)
    await say(session.begin())
    while "stdin" in streams and not session.ended:
        message = await socket.receive()
        if message.type not in (WSMsgType.BINARY, WSMsgType.TEXT) or not message.data:
            return
        # The Python client sends what is text as text.
        sent = message.data if message.type is WSMsgType.BINARY else message.data.encode()
        channel, data = sent[0], sent[1:]
        if channel == _CLOSE and data == bytes((_STDIN,)):
            await say(session.end_of_input())
        elif channel == _STDIN:
            await say(session.typed(data))
    await say(session.end_of_input())
    await socket.send_bytes(bytes((_ERROR,)) + orjson.dumps(_exit_status(session.exit_code)))


def _exit_status(code: int) -> Object:
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }
