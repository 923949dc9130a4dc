"""The plugin generator. Source: Argo CD 3.6.1 `applicationset/generators/plugin.go`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lab.sim.argocd.applicationset.generators.generator import Run, wrapped
from lab.sim.argocd.applicationset.params import GeneratorError, Params, add_values, flatten
from lab.sim.argocd.applicationset.sources import SourceError
from lab.sim.objects import Object
from lab.sim.render import gojson
from lab.sim.templates.json_text import floats
from lab.sim.templates.values import Struct

_DEFAULT_SECRET = "argocd-secret"  # noqa: S105
_is_whole = re.compile(r"[-+]?[0-9]+", re.ASCII).fullmatch


def generate(spec: Object, run: Run) -> list[Params]:
    """One set for each that the plugin answers with, plus what it was asked. Raises GeneratorError."""
    try:
        settings = _settings(str((spec.get("configMapRef") or {}).get("name") or ""), run)
        token = _token(settings["token"], run)
        timeout = _timeout(settings.get("requestTimeout"))
    except (GeneratorError, SourceError) as error:
        raise wrapped("error getting plugin from generator", error) from None
    asked = (spec.get("input") or {}).get("parameters") or {}
    body = {"applicationSetName": run.name, "input": {"parameters": asked} if asked else {}}
    try:
        answer = floats(run.sources.call_plugin(settings["baseUrl"], token, timeout, body))
        found = _parameters(answer)
    except SourceError as error:
        raise wrapped(f"error listing params: error get api '{run.name}'", error) from None
    return [_params(one, asked, spec, run) for one in found]


def _settings(name: str, run: Run) -> Mapping[str, str]:
    """The ConfigMap with the plugin's address and token."""
    data = run.sources.config_map(name)
    prefix = "error fetching ConfigMap: "
    if data is None:
        raise GeneratorError(f'{prefix}ConfigMap "{name}" not found')
    for key in ("baseUrl", "token"):
        if not data.get(key):
            raise GeneratorError(f"{prefix}{key} not found in ConfigMap")
    return data


def _token(reference: str, run: Run) -> str:
    """The token behind `$KEY` of argocd-secret or `$SECRET:KEY`."""
    prefix = "error fetching Secret token: "
    if not reference.startswith("$"):
        raise GeneratorError(
            f"{prefix}token is empty, or does not reference a secret key starting with '$': {reference}"
        )
    name, colon, key = reference[1:].partition(":")
    if not colon:
        name, key = _DEFAULT_SECRET, name
    data = run.sources.secret(name)
    if data is None:
        namespace = run.application_set.get("metadata", {}).get("namespace", "")
        raise GeneratorError(f'{prefix}error fetching secret {namespace}/{name}: Secret "{name}" not found')
    return data[key].strip() if key in data else f"${key}"


def _timeout(text: str | None) -> int:
    if text is None:
        return 0
    if not _is_whole(text):
        raise GeneratorError(f'error set requestTimeout : strconv.Atoi: parsing "{text}": invalid syntax')
    return int(text)


def _parameters(answer: Any) -> list[Params]:
    output = answer.get("output") if isinstance(answer, dict) else None
    found = output.get("parameters") if isinstance(output, dict) else None
    return [one for one in found or () if isinstance(one, dict)]


def _raw(value: Any) -> Struct:
    """A parameter as Go holds it: undecoded JSON, which a template prints as bytes."""
    return Struct("v1.JSON", {"Raw": gojson.dumps(value).encode()}, json=value)


def _params(found: Params, asked: Object, spec: Object, run: Run) -> Params:
    params: Params = dict(found) if run.go_template else dict(flatten(found))
    params["generator"] = {"input": {"parameters": {key: _raw(one) for key, one in asked.items()}}}
    try:
        add_values(spec.get("values"), params, run.renderer)
    except GeneratorError as error:
        raise wrapped("error generating params", error) from None
    return params
