"""`kubectl exec` as it talks: channels over WebSocket, the scripted shell behind them, exit codes."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson
import pytest
import pytest_asyncio

from lab.sim.clock import ManualClock
from lab.sim.shell import Session
from tests.sim.serving import Served

POD: dict[str, Any] = {
    "metadata": {"name": "p", "namespace": "hostile"},
    "spec": {"containers": [{"name": "c", "env": [{"name": "GREETING", "value": "hi"}]}]},
    "status": {"podIP": "10.244.0.9"},
}
V5, V4 = "v5.channel.k8s.io", "v4.channel.k8s.io"


@pytest_asyncio.fixture(autouse=True)
async def ready(one: Served) -> None:
    """Nothing can be run in a pod that does not run."""
    for _ in range(100):
        answer = await one.ask("GET", "/api/v1/namespaces/hostile/pods/p")
        if answer.json.get("status", {}).get("phase") == "Running":
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the pod does not run")


class Talk:
    """What came over each channel."""

    def __init__(self) -> None:
        self.channels: dict[int, bytes] = {}
        self.protocol: str | None = None

    @property
    def status(self) -> Any:
        return orjson.loads(self.channels[3])


async def talk(one: Served, command: list[str], sent: list[bytes] = [], *, protocol: str = V5, **options: str) -> Talk:  # noqa: B006
    options = {"stdout": "1", "stderr": "1", **options}
    query = "&".join(
        [f"command={quote(word)}" for word in command] + [f"{key}={value}" for key, value in options.items()]
    )
    url = f"https://127.0.0.1:{one.door.port}/api/v1/namespaces/hostile/pods/p/exec?{query}"
    made = Talk()
    async with aiohttp.ClientSession() as session:
        tls = one.door.tls(one.door.admin)
        async with asyncio.timeout(15), session.ws_connect(url, ssl=tls, protocols=[protocol]) as socket:
            made.protocol = socket.protocol
            for data in sent:
                await socket.send_bytes(data)
            async for message in socket:
                channel = message.data[0]
                made.channels[channel] = made.channels.get(channel, b"") + message.data[1:]
    return made


@pytest.mark.parametrize("protocol", [V5, V4])
async def test_output_and_success(one: Served, protocol: str) -> None:
    said = await talk(one, ["echo", "hello"], protocol=protocol)
    assert said.protocol == protocol
    assert said.channels[1] == b"hello\n"
    assert said.status == {"metadata": {}, "status": "Success"}


async def test_an_exit_code_is_told_as_kubectl_reads_it(one: Served) -> None:
    said = await talk(one, ["sh", "-c", "exit 3"])
    assert said.status["reason"] == "NonZeroExitCode"
    assert said.status["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]


async def test_a_command_nobody_knows_says_what_this_is(one: Served) -> None:
    said = await talk(one, ["nginx", "-t"])
    assert b"not found" in said.channels[2]
    assert b"simulated" in said.channels[2]
    assert said.status["details"]["causes"][0]["message"] == "127"


async def test_standard_input_ends_with_the_close_message_of_v5(one: Served) -> None:
    said = await talk(one, ["cat"], [b"\x00one\n", b"\x00two\n", b"\xff\x00"], stdin="1")
    assert said.channels[1] == b"one\ntwo\n"
    assert said.status["status"] == "Success"


async def test_a_terminal_echoes_prompts_and_ends_with_exit(one: Served) -> None:
    said = await talk(one, ["sh"], [b"\x00hostname\r", b"\x04{}", b"\x00exit\r"], stdin="1", tty="1", stderr="0")
    assert b"/ # hostname\r\np\r\n/ # exit\r\n" in said.channels[1]
    assert said.status["status"] == "Success"


async def test_only_streams_that_were_asked_for_are_sent(one: Served) -> None:
    said = await talk(one, ["nope"], stderr="0")
    assert set(said.channels) == {3}


async def test_clients_that_hang_up_leave_the_server_well(one: Served) -> None:
    tls = one.door.tls(one.door.admin)
    url = f"https://127.0.0.1:{one.door.port}/api/v1/namespaces/hostile/pods/p/exec?command=sh&stdin=1&stdout=1"
    async with aiohttp.ClientSession() as session:
        for number in range(20):
            socket = await session.ws_connect(url, ssl=tls, protocols=[V5])
            if number % 2:
                await socket.send_bytes(b"")
                await socket.send_str("text")
            assert socket._response.connection is not None
            transport = socket._response.connection.transport
            assert transport is not None
            transport.abort()
        assert await one.alive()


async def test_a_message_that_is_too_large_ends_the_session(one: Served) -> None:
    said = await talk(one, ["cat"], [b"\x00" + b"x" * 200_000], stdin="1")
    assert 3 not in said.channels
    assert await one.alive()


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl")
@pytest.mark.parametrize(
    ("words", "stdin", "code", "out"),
    [
        (["--", "echo", "hi"], None, 0, "hi\n"),
        (["-i", "--", "cat"], b"typed\n", 0, "typed\n"),
        (["-i", "--", "sh"], b"echo one\nexit 4\n", 4, "one\n"),
        (["--", "false"], None, 1, ""),
    ],
)
async def test_kubectl_is_content(
    one: Served, words: list[str], stdin: bytes | None, code: int, out: str, tmp_path: Path
) -> None:
    config = str(one.folder / "kubeconfig")
    process = await asyncio.create_subprocess_exec(
        "kubectl", "--kubeconfig", config, "--cache-dir", str(tmp_path / "cache"), "-n", "hostile", "exec", "p", *words,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(30):
        said, complained = await process.communicate(stdin)
    assert (process.returncode, said.decode()) == (code, out), complained


# -- the shell alone


def run(command: list[str], stdin: str = "") -> tuple[int, str, str]:
    session = Session(ManualClock(), POD, "c", command)
    found = session.begin()
    if not session.ended:
        session.typed(stdin.encode())
        found += session.end_of_input()
    out = b"".join(data for channel, data in found if channel == 1).decode()
    err = b"".join(data for channel, data in found if channel == 2).decode()
    return session.exit_code, out, err


@pytest.mark.parametrize(
    ("command", "stdin", "code", "out"),
    [
        (["hostname"], "", 0, "p\n"),
        (["hostname", "-i"], "", 0, "10.244.0.9\n"),
        (["printenv", "GREETING"], "", 0, "hi\n"),
        (["printenv", "NOPE"], "", 1, ""),
        (["sh", "-c", "echo $GREETING; false"], "", 1, "hi\n"),
        (["sh"], "echo a\n# nothing\necho b\n", 0, "a\nb\n"),
        (["/bin/sh", "-c", "exit 7; echo no"], "", 7, ""),
        (["cat", "/etc/passwd"], "", 1, ""),
        (["sh", "-c", "echo 'open"], "", 2, ""),
        (["sh"], "sh\n" * 5000, 0, ""),
        (["sh"], "(" * 60_000, 127, ""),
    ],
)
def test_the_shell_knows_a_few_things(command: list[str], stdin: str, code: int, out: str) -> None:
    assert run(command, stdin)[:2] == (code, out)
