"""Answers that go on: watches, logs that are followed, and a shell in a pod that runs nothing.

Source: apiserver `pkg/endpoints/handlers/watch.go`, kubelet `pkg/kubelet/server/server.go`, and for `exec` the WebSocket
protocol `v5.channel.k8s.io` (apimachinery `pkg/util/remotecommand`).
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping

import orjson
from aiohttp import WSCloseCode, WSMsgType, web

from lab.sim.api import request
from lab.sim.api.request import Asked
from lab.sim.api.resources import Object, Resource
from lab.sim.api.rest import Rest
from lab.sim.api.status import ApiError, bad_request, method_not_allowed, not_simulated
from lab.sim.clock import Clock, micro_timestamp, parse_timestamp
from lab.sim.logs import Logs
from lab.sim.shell import Session

_PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
_STDIN, _STDOUT, _STDERR, _ERROR, _RESIZE, _CLOSE = 0, 1, 2, 3, 4, 255


async def lines(http: web.BaseRequest, blocks: AsyncIterator[bytes]) -> web.StreamResponse:
    """Send `blocks` as they come; headers go out at once, as informers wait for them."""
    response = web.StreamResponse()
    response.content_type = "application/json"
    response.headers["Cache-Control"] = "no-cache, private"
    response.enable_chunked_encoding()
    with contextlib.suppress(ConnectionError):
        await response.prepare(http)
        async with contextlib.aclosing(blocks) as following:  # type: ignore[type-var]
            async for block in following:
                await response.write(block)
        await response.write_eof()
    return response


async def pod(http: web.BaseRequest, rest: Rest, logs: Logs, asked: Asked, resource: Resource) -> web.StreamResponse:
    """`log` and `exec` of a pod; `attach` and `portforward` are refused."""
    subject = rest.get(resource, asked.namespace, asked.name)
    if asked.subresource == "log":
        if asked.verb != "get":
            raise method_not_allowed()
        return await _log(http, rest.clock, logs, subject)
    if asked.subresource == "exec":
        return await _exec(http, rest.clock, subject)
    raise not_simulated(f"{asked.subresource} to a pod (nothing listens or runs in it)")


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
    container = _container(subject, query.get("container", ""))
    follow, previous, stamps = (request.truth(query, key) for key in ("follow", "previous", "timestamps"))
    waiting = _waiting(subject, container)
    if waiting and not previous:
        raise bad_request(f'container "{container}" in pod "{metadata["name"]}" is waiting to start: {waiting}')
    kept = logs.lines(metadata["namespace"], metadata["name"], container, previous)
    if previous and not kept:
        raise bad_request(f'previous terminated container "{container}" in pod "{metadata["name"]}" not found')
    since = _since(query, clock)
    chosen = [one for one in kept if one[0] >= since]
    if "tailLines" in query:
        tail = request.number(query, "tailLines")
        chosen = chosen[-tail:] if tail else []
    text = "".join(_line(moment, line, stamps) for moment, line in chosen).encode()
    if "limitBytes" in query:
        text = text[: request.number(query, "limitBytes")]
    if not follow:
        return web.Response(body=text, content_type="text/plain")
    response = web.StreamResponse()
    response.content_type = "text/plain"
    response.enable_chunked_encoding()
    with contextlib.suppress(ConnectionError):
        await response.prepare(http)
        if text:
            await response.write(text)
        following = logs.follow(metadata["namespace"], metadata["name"], container)
        async with contextlib.aclosing(following) as more:  # type: ignore[type-var]
            async for moment, line in more:
                await response.write(_line(moment, line, stamps).encode())
        await response.write_eof()
    return response


def _since(query: Mapping[str, str], clock: Clock) -> float:
    if query.get("sinceSeconds"):
        return clock.now() - request.number(query, "sinceSeconds")
    if query.get("sinceTime"):
        try:
            return parse_timestamp(query["sinceTime"])
        except ValueError:
            raise bad_request(f"invalid sinceTime {query['sinceTime'][:40]!r}") from None
    return 0.0


def _line(moment: float, line: str, stamps: bool) -> str:
    return f"{micro_timestamp(moment)} {line}\n" if stamps else f"{line}\n"


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
    command = query.getall("command", [])
    if not command:
        raise bad_request("you must specify at least 1 command for the container")
    if http.headers.get("Upgrade", "").lower() != "websocket":
        raise not_simulated("exec over SPDY")
    status = subject.get("status", {})
    if status.get("phase") in ("Succeeded", "Failed"):
        raise bad_request(f"cannot exec into a container in a completed pod; current phase is {status['phase']}")
    socket = web.WebSocketResponse(protocols=_PROTOCOLS, max_msg_size=1024 * 1024)
    if not socket.can_prepare(http):
        raise bad_request("unable to upgrade: the WebSocket handshake is incomplete")
    await socket.prepare(http)
    session = Session(clock, subject, container, command, tty=request.truth(query, "tty"))
    try:
        await _talk(socket, session, stdin=request.truth(query, "stdin"))
    except (ConnectionError, ApiError):
        pass
    finally:
        await socket.close(code=WSCloseCode.OK)
    return socket


async def _talk(socket: web.WebSocketResponse, session: Session, *, stdin: bool) -> None:
    for channel, data in session.begin():
        await socket.send_bytes(bytes((channel,)) + data)
    while stdin and not session.ended:
        message = await socket.receive()
        if message.type is not WSMsgType.BINARY or not message.data:
            return
        channel, data = message.data[0], message.data[1:]
        if channel == _CLOSE and data == bytes((_STDIN,)):
            answers = session.end_of_input()
        elif channel == _STDIN:
            answers = session.typed(data)
        else:
            continue
        for out, text in answers:
            await socket.send_bytes(bytes((out,)) + text)
    if not stdin and not session.ended:
        for out, text in session.end_of_input():
            await socket.send_bytes(bytes((out,)) + text)
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
