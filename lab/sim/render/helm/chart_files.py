"""`.Files`: the files of a chart that are no templates. Source: Helm `pkg/engine/files.go`."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from lab.sim.argocd import glob as gobwas
from lab.sim.templates import yaml_text
from lab.sim.templates.builtins import GoError
from lab.sim.templates.calls import Function
from lab.sim.templates.values import Methods, StringList, StringMap


def chart_files(files: Mapping[str, bytes]) -> Methods:
    """The files with the methods that templates may call."""

    def content(name: str) -> bytes:
        return files.get(name, b"")

    def glob(pattern: str) -> Methods:
        try:
            gobwas.check(pattern, "/")
        except gobwas.GlobError:
            pattern = "**"
        return chart_files({name: data for name, data in files.items() if gobwas.matches(pattern, name, "/")})

    def as_config() -> str:
        return yaml_text.dumps(StringMap((_base(name), _text(data)) for name, data in sorted(files.items())))

    def as_secrets() -> str:
        return yaml_text.dumps(
            StringMap((_base(name), base64.b64encode(data).decode()) for name, data in sorted(files.items()))
        )

    def lines(name: str) -> StringList:
        if name not in files:
            return StringList()
        data = _text(files[name])
        if not data:
            raise GoError("runtime error: index out of range [-1]")
        return StringList(data.removesuffix("\n").split("\n"))

    return Methods(
        "engine.files",
        "[]uint8",
        files,
        {
            "Get": Function("(string) string", lambda name: _text(content(name))),
            "GetBytes": Function("(string) []uint8", content),
            "Glob": Function("(string) engine.files", glob),
            "AsConfig": Function("() string", as_config),
            "AsSecrets": Function("() string", as_secrets),
            "Lines": Function("(string) []string", lines),
        },
    )


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


def _base(name: str) -> str:
    return name.rpartition("/")[2]
