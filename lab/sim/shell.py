"""The scripted shell that `kubectl exec` reaches: it knows the pod's own facts and a few commands, and says what it is.

Nothing is run. A command it does not know ends with exit code 127 and a line that names the simulator, as a missing
command would in a real container.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable

from lab.sim.api.resources import Object
from lab.sim.clock import Clock, timestamp

_STDOUT, _STDERR = 1, 2
Output = list[tuple[int, bytes]]
Script = Callable[["Session", list[str], str], tuple[int, str, str]]
"""A command: (session, its arguments, standard input) → exit code, standard output, standard error."""
_SHELLS = ("sh", "bash", "ash", "/bin/sh", "/bin/bash", "/bin/ash")
_LONGEST_INPUT = 64 * 1024
_MOST_LINES = 1000
_LONGEST_LINE = 4096


class Session:
    """One `exec`: bytes in, bytes out, an exit code at the end."""

    def __init__(self, clock: Clock, pod: Object, container: str, command: list[str], *, tty: bool = False) -> None:
        self.clock = clock
        self.pod = pod
        self.container = container
        self.exit_code = 0
        self.ended = False
        self._command = command
        self._tty = tty
        self._pending = b""

    @property
    def _reads_input(self) -> bool:
        """Whether the command waits for lines: a shell without a script, or `cat` and its like."""
        words = self._command
        return (words[0] in _SHELLS and (len(words) == 1 or words[1] in ("-s", "-i", "-l"))) or words == ["cat"]

    def begin(self) -> Output:
        """What is printed at once."""
        if not self._reads_input:
            return self._finish(*self.run(self._command, ""))
        if self._tty:
            return [(_STDOUT, self._banner().encode() + self._prompt())]
        return []

    def typed(self, data: bytes) -> Output:
        """What is printed after these bytes of standard input."""
        if self._tty:
            return self._terminal(data)
        self._pending = (self._pending + data)[:_LONGEST_INPUT]
        return []

    def end_of_input(self) -> Output:
        """What is printed once standard input has ended."""
        if self.ended:
            return []
        text = self._pending.decode(errors="replace")
        if self._command == ["cat"]:
            return self._finish(0, text, "")
        code, out, err = self.script(text)
        return self._finish(code, out, err)

    def _terminal(self, data: bytes) -> Output:
        shown = bytearray()
        for one in data:
            if one in (3, 4):
                shown += b"\r\n"
                self.ended = True
                break
            if one in (8, 127):
                if self._pending:
                    self._pending = self._pending[:-1]
                    shown += b"\b \b"
            elif one in (10, 13):
                line, self._pending = self._pending.decode(errors="replace").strip(), b""
                shown += b"\r\n"
                if line.split()[:1] == ["exit"]:
                    self.ended = True
                    break
                code, out, err = self.script(line)
                self.exit_code = code
                shown += (out + err).replace("\n", "\r\n").encode() + self._prompt()
            elif one >= 32:
                self._pending = (self._pending + bytes((one,)))[:_LONGEST_LINE]
                shown.append(one)
        return [(_STDOUT, bytes(shown))] if shown else []

    def _prompt(self) -> bytes:
        return b"/ # "

    def _banner(self) -> str:
        return "simulated container: only a few commands are known here; `help` lists them\r\n"

    def _finish(self, code: int, out: str, err: str) -> Output:
        self.exit_code, self.ended = code, True
        return [(channel, text.encode()) for channel, text in ((_STDOUT, out), (_STDERR, err)) if text]

    def script(self, text: str) -> tuple[int, str, str]:
        """Run the lines of a script one after the other: the last exit code, all that was printed."""
        code, outs, errs = 0, "", ""
        for line in text[:_LONGEST_INPUT].replace(";", "\n").splitlines()[:_MOST_LINES]:
            stripped = line.strip()
            if not stripped or stripped.startswith("#"):
                continue
            try:
                words = shlex.split(stripped)
            except ValueError as error:
                return 2, outs, f"{errs}sh: syntax error: {error}\n"
            if words[0] == "exit":
                return (int(words[1]) if len(words) > 1 and words[1].isdigit() else code), outs, errs
            if words[0] == "set":
                continue
            code, out, err = self.run(words, "")
            outs, errs = outs + out, errs + err
        return code, outs, errs

    def run(self, words: list[str], stdin: str) -> tuple[int, str, str]:
        """One command: exit code, standard output, standard error."""
        if words[0] in _SHELLS:
            if len(words) > 2 and words[1].startswith("-") and words[1].endswith("c"):
                return self.script(words[2])
            return self.script(stdin)
        script = SCRIPTS.get(words[0].rsplit("/", 1)[-1])
        if script is None:
            text = f"{words[0]}: not found (a simulated container runs nothing; use --provider kind for a real one)\n"
            return 127, "", f"sh: {text}"
        return script(self, words[1:], stdin)

    def environment(self) -> dict[str, str]:
        """Variables with plain values, and those every container has."""
        found = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
        found["HOSTNAME"] = self.pod["spec"].get("hostname") or self.pod["metadata"]["name"]
        spec = self.pod["spec"]
        for one in (*spec.get("containers", ()), *spec.get("initContainers", ())):
            if one["name"] == self.container:
                found |= {each["name"]: each["value"] for each in one.get("env", ()) if "value" in each}
        return found


def _echo(session: Session, words: list[str], stdin: str) -> tuple[int, str, str]:
    ending = "\n"
    if words[:1] == ["-n"]:
        words, ending = words[1:], ""
    variables = session.environment()
    return 0, " ".join(variables.get(one[1:], "") if one[:1] == "$" else one for one in words) + ending, ""


def _env(session: Session, words: list[str], stdin: str) -> tuple[int, str, str]:
    variables = session.environment()
    if words:
        return (0, variables[words[0]] + "\n", "") if words[0] in variables else (1, "", "")
    return 0, "".join(f"{key}={value}\n" for key, value in variables.items()), ""


def _hostname(session: Session, words: list[str], stdin: str) -> tuple[int, str, str]:
    if words[:1] == ["-i"]:
        return 0, session.pod.get("status", {}).get("podIP", "") + "\n", ""
    return 0, session.environment()["HOSTNAME"] + "\n", ""


def _help(session: Session, words: list[str], stdin: str) -> tuple[int, str, str]:
    return 0, "known here: " + " ".join(sorted(SCRIPTS)) + " exit\n", ""


SCRIPTS: dict[str, Script] = {
    "cat": lambda session, words, stdin: (
        (0, stdin, "") if not words else (1, "", f"cat: can't open '{words[0]}': No such file or directory\n")
    ),
    "date": lambda session, words, stdin: (0, timestamp(session.clock.now()) + "\n", ""),
    "echo": _echo,
    "env": _env,
    "false": lambda session, words, stdin: (1, "", ""),
    "help": _help,
    "hostname": _hostname,
    "id": lambda session, words, stdin: (0, "uid=0(root) gid=0(root)\n", ""),
    "ls": lambda session, words, stdin: (0, "", ""),
    "printenv": _env,
    "pwd": lambda session, words, stdin: (0, "/\n", ""),
    "true": lambda session, words, stdin: (0, "", ""),
    "uname": lambda session, words, stdin: (0, "Linux\n" if not words else "Linux simulated\n", ""),
    "whoami": lambda session, words, stdin: (0, "root\n", ""),
}
"""Commands by name. A simulated program adds those its own container would have."""
