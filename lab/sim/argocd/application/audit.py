"""What the controller says: events about Applications, and lines in its log.

Source: Argo CD 3.6.1 `util/argo/audit_logger.go`, `util/argo/argo.go` (GetAppEventLabels).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import orjson

from lab.sim.api.status import ApiError
from lab.sim.argocd.application import spec as specs
from lab.sim.argocd.glob import matches as glob_matches
from lab.sim.client import Client
from lab.sim.clock import Clock, timestamp
from lab.sim.objects import Object, name_of, namespace_of

COMPONENT = "argocd-application-controller"
STATUS_REFRESHED, RESOURCE_UPDATED = "StatusRefreshed", "ResourceUpdated"
OPERATION_STARTED, OPERATION_COMPLETED = "OperationStarted", "OperationCompleted"
_LEVELS = {"debug": 0, "info": 1, "warn": 2, "warning": 2, "error": 3}
_log = logging.getLogger(__name__)


class Log:
    """Lines of the container's log, in the form Argo CD gives them."""

    def __init__(self, write: Callable[[str], None], clock: Clock, level: str = "info", form: str = "json") -> None:
        """`level`: `debug`, `info`, `warn`, `error`: what is less is left out; `form`: `json` or `text`."""
        self._write = write
        self._clock = clock
        self._least = _LEVELS.get(level, 1)
        self._json = form != "text"

    def __call__(self, level: str, message: str, **fields: object) -> None:
        """Write a line; `fields` as `key_a="value"` become `key-a`."""
        if _LEVELS[level] < self._least:
            return
        shown = {key.replace("_", "-"): value for key, value in fields.items()}
        shown.update(level="warning" if level == "warn" else level, msg=message, time=timestamp(self._clock.now()))
        if self._json:
            self._write(orjson.dumps(shown, option=orjson.OPT_SORT_KEYS, default=str).decode())
        else:
            order = ("time", "level", "msg", *(key for key in shown if key not in ("time", "level", "msg")))
            self._write(" ".join(f"{key}={_quoted(shown[key])}" for key in order))

    def about(self, level: str, app: Object, message: str, **fields: object) -> None:
        """Write a line about an Application."""
        if _LEVELS[level] >= self._least:
            project = specs.project_name(app["spec"])
            self(level, message, application=name_of(app), app_namespace=namespace_of(app), project=project, **fields)


def _quoted(value: object) -> str:
    text = str(value)
    plain = text and all(one.isalnum() or one in "-._/@^+:" for one in text)
    return text if plain else orjson.dumps(text).decode()


class Audit:
    """Writes Events about Applications: each one new, never counted up."""

    def __init__(
        self,
        client: Client,
        clock: Clock,
        reasons: frozenset[str],
        labels: Callable[[Object], Mapping[str, str]] = lambda _app: {},
    ) -> None:
        """`reasons`: those that are told, `all` or `none` among them; `labels`: what an event about it is labelled."""
        self._client = client
        self._clock = clock
        self._reasons = frozenset() if "none" in reasons else reasons
        self._labels = labels
        self._stamp = 0

    async def tell(self, app: Object, kind: str, reason: str, message: str) -> None:
        """Record an Event, `kind` being `Normal` or `Warning`; one that cannot be written is dropped."""
        if "all" not in self._reasons and reason not in self._reasons:
            return
        now = self._clock.now()
        self._stamp = max(int(now * 1e9), self._stamp + 1)
        metadata = app["metadata"]
        namespace, name = namespace_of(app), name_of(app)
        destination = specs.destination(app["spec"])
        about = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "namespace": namespace,
            "name": name,
            "uid": metadata.get("uid", ""),
            "resourceVersion": metadata.get("resourceVersion", ""),
        }
        when = timestamp(now)
        described: Object = {
            "name": f"{name}.{self._stamp:x}",
            "namespace": namespace,
            "annotations": {
                "dest-namespace": str(destination.get("namespace") or ""),
                "dest-server": str(destination.get("server") or ""),
            },
        }
        labels = self._labels(app)
        if labels:
            described["labels"] = dict(labels)
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": described,
            "involvedObject": about,
            "reason": reason,
            "message": message,
            "type": kind,
            "source": {"component": COMPONENT},
            "reportingComponent": "",
            "reportingInstance": "",
            "firstTimestamp": when,
            "lastTimestamp": when,
            "count": 1,
            "eventTime": None,
        }
        try:
            await self._client.create("events", event)
        except ApiError as error:
            _log.debug("event %s about %s dropped: %s", reason, name, error.message)


def event_labels(app: Object, project: Object | None, config: Mapping[str, str]) -> dict[str, str]:
    """Labels an event about an Application is given, by `resource.includeEventLabelKeys` of argocd-cm."""
    included = _keys(config.get("resource.includeEventLabelKeys"))
    if not included:
        return {}
    excluded = _keys(config.get("resource.excludeEventLabelKeys"))
    found = {**((project or {}).get("metadata", {}).get("labels") or {}), **(app["metadata"].get("labels") or {})}
    return {
        key: value
        for key, value in found.items()
        if any(glob_matches(one, key) for one in included) and not any(glob_matches(one, key) for one in excluded)
    }


def _keys(text: str | None) -> list[str]:
    return [one.strip() for one in (text or "").split(",") if one.strip()]
