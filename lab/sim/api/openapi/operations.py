"""`paths` of an OpenAPI v3 document: the operations of one resource and of its subresources.

Source of the form: apiserver `pkg/endpoints/installer.go`, kube-openapi `pkg/builder3`.
"""

from __future__ import annotations

from typing import Any

from lab.sim.api import discovery
from lab.sim.api.openapi.components import DELETE_OPTIONS, PATCH, STATUS, Schemas
from lab.sim.api.resources import Resource

Json = dict[str, Any]

_TEXTS = {
    "allowWatchBookmarks": ("boolean", "Also send events of type BOOKMARK, which carry nothing but a resourceVersion."),
    "command": ("string", "The command to run, one value for each word."),
    "container": ("string", "The container; it may be left out where a pod has only one."),
    "continue": ("string", "The token that the page before ended with."),
    "dryRun": ("string", "With All, everything is done but the write itself."),
    "fieldManager": ("string", "Who makes this change, at most 128 printable characters. An apply must say it."),
    "fieldSelector": ("string", "Only objects whose fields match."),
    "fieldValidation": (
        "string",
        "What to do about unknown and duplicate fields: Strict refuses them, Warn answers with a warning, Ignore says "
        "nothing. The default is Warn.",
    ),
    "follow": ("boolean", "Go on as more is written."),
    "force": ("boolean", "Take over fields that other managers own. Of an apply only."),
    "gracePeriodSeconds": ("integer", "Seconds until the deletion; 0 for at once. The object's own when left out."),
    "labelSelector": ("string", "Only objects whose labels match."),
    "limit": ("integer", "At most so many objects; the answer's continue token leads to the rest."),
    "limitBytes": ("integer", "At most so many bytes."),
    "path": ("string", "The path to ask for."),
    "ports": ("integer", "The ports to forward."),
    "pretty": ("string", "With true, the answer is indented."),
    "previous": ("boolean", "Of the container that ran before this one."),
    "propagationPolicy": ("string", "What becomes of dependents: Orphan, Background or Foreground."),
    "resourceVersion": ("string", "How new the answer has to be, or what a watch begins after."),
    "resourceVersionMatch": ("string", "How resourceVersion is meant: Exact or NotOlderThan."),
    "sendInitialEvents": ("boolean", "Begin a watch with an event for everything there is."),
    "sinceSeconds": ("integer", "Only lines of the last so many seconds."),
    "sinceTime": ("string", "Only lines after this time."),
    "stderr": ("boolean", "Connect standard error."),
    "stdin": ("boolean", "Connect standard input."),
    "stdout": ("boolean", "Connect standard output."),
    "tailLines": ("integer", "Only the last so many lines."),
    "timeoutSeconds": ("integer", "Seconds after which a list or watch ends."),
    "timestamps": ("boolean", "Begin every line with its time."),
    "tty": ("boolean", "Use a terminal."),
    "watch": ("boolean", "Stream changes instead of listing objects."),
}
_QUERY = {
    name: {"name": name, "in": "query", "description": text, "schema": {"type": kind, "uniqueItems": True}}
    for name, (kind, text) in _TEXTS.items()
}
_PAGE = ("continue", "fieldSelector", "labelSelector", "limit", "resourceVersion", "resourceVersionMatch")
_LIST = ("allowWatchBookmarks", *_PAGE, "sendInitialEvents", "timeoutSeconds", "watch")
_WRITE = ("dryRun", "fieldManager", "fieldValidation")
_DELETE = ("dryRun", "gracePeriodSeconds", "propagationPolicy")
_DELETE_ALL = (*_DELETE, *_PAGE)
_STREAMS = ("container", "stderr", "stdin", "stdout", "tty")
_CONNECT = {
    "attach": _STREAMS,
    "exec": ("command", *_STREAMS),
    "portforward": ("ports",),
    "proxy": ("path",),
}
_LOG = ("container", "follow", "limitBytes", "previous", "sinceSeconds", "sinceTime", "tailLines", "timestamps")
_ANSWERS = ("application/json", "application/yaml")
_PATCHES = ("application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json")
_STRATEGIC = "application/strategic-merge-patch+json"
_METHODS = {"create": "post", "delete": "delete", "get": "get", "patch": "patch", "update": "put"}
_WORDS = {"delete": "delete", "get": "read", "patch": "patch", "post": "create", "put": "replace"}


def paths(row: Resource, schemas: Schemas) -> Json:
    """Everything below a resource's path, by path."""
    return _Paths(row, schemas).made


class _Paths:
    def __init__(self, row: Resource, schemas: Schemas) -> None:
        self._row = row
        self._schemas = schemas
        self.made: Json = {}
        root = f"/apis/{row.group}/{row.version}" if row.group else f"/api/{row.version}"
        self._tag = f"{(row.group or 'core').partition('.')[0]}_{row.version}"
        head = "".join(map(str.capitalize, row.group.removesuffix(".k8s.io").split("."))) or "Core"
        self._head = head + row.version.capitalize()
        self._scope = "Namespaced" if row.namespaced else ""
        inside = "namespaces/{namespace}/" if row.namespaced else ""
        everything = f"{root}/{inside}{row.plural}"
        self._collection(everything)
        if row.namespaced and "list" in row.verbs:
            item = self._listing(f"list{self._head}{row.kind}ForAllNamespaces")
            self.made[f"{root}/{row.plural}"] = {"get": item, "parameters": _at()}
        one = f"{everything}/{{name}}"
        if "get" in row.verbs:
            self._object(one)
        for below in discovery.subresources(row):
            self._subresource(f"{one}/{below.name}", below)

    def _collection(self, path: str) -> None:
        row = self._row
        item: Json = {}
        name = f"{self._scope}{row.kind}"
        if "list" in row.verbs:
            item["get"] = self._listing(f"list{self._head}{name}")
        if "create" in row.verbs:
            item["post"] = self._writing("post", f"create{self._head}{name}", row.kind)
        if "deletecollection" in row.verbs:
            answer = self._schemas.named(STATUS)
            made = self._operation("deletecollection", f"delete{self._head}Collection{name}", _DELETE_ALL, answer)
            item["delete"] = made | {"requestBody": _body(self._schemas.named(DELETE_OPTIONS))}
        if item:
            self.made[path] = {**item, "parameters": self._in_path(name=False)}

    def _listing(self, operation: str) -> Json:
        return self._operation("list", operation, _LIST, self._schemas.kind(self._row, self._row.list_kind))

    def _object(self, path: str) -> None:
        row = self._row
        item = {}
        for verb in ("get", "update", "delete", "patch"):
            if verb in row.verbs:
                method = _METHODS[verb]
                item[method] = self._method(method, f"{self._scope}{row.kind}", row.kind)
        self.made[path] = {**item, "parameters": self._in_path()}

    def _method(self, method: str, name: str, kind: str, group: str = "", version: str = "") -> Json:
        operation = f"{_WORDS[method]}{self._head}{name}"
        if method == "delete":
            made = self._operation("delete", operation, _DELETE, self._schemas.named(STATUS), accepted=True)
            return made | {"requestBody": _body(self._schemas.named(DELETE_OPTIONS))}
        if method == "get":
            schema = self._schemas.kind(self._row, kind, group, version)
            return self._operation("get", operation, (), schema, kind, group, version)
        return self._writing(method, operation, kind, group, version)

    def _writing(self, method: str, operation: str, kind: str, group: str = "", version: str = "") -> Json:
        schema = self._schemas.kind(self._row, kind, group, version)
        query = (*_WRITE, "force") if method == "patch" else _WRITE
        made = self._operation(method, operation, query, schema, kind, group, version, created=True)
        if method == "patch":
            forms = _PATCHES if self._row.custom is not None else (*_PATCHES, _STRATEGIC)
            made["requestBody"] = _body(self._schemas.named(PATCH), forms)
        else:
            made["requestBody"] = _body(schema, _ANSWERS if self._row.custom is not None else ("*/*",))
        return made

    def _subresource(self, path: str, below: discovery.Subresource) -> None:
        name = f"{self._scope}{self._row.kind}{below.name.capitalize()}"
        if below.name in _CONNECT:
            query = _CONNECT[below.name]
            item = {
                method: self._connecting(method, name, below, query)
                for method in (_METHODS[verb] for verb in below.verbs)
            }
        elif below.name == "log":
            text = {"type": "string"}
            item = {"get": self._operation("get", f"read{self._head}{name}", _LOG, text, media=("text/plain",))}
        else:
            item = {
                method: self._method(method, name, below.kind, below.group, below.version)
                for method in (_METHODS[verb] for verb in below.verbs)
            }
        self.made[path] = {**item, "parameters": self._in_path()}

    def _connecting(self, method: str, name: str, below: discovery.Subresource, query: tuple[str, ...]) -> Json:
        operation = f"connect{self._head}{method.capitalize()}{name}"
        return self._operation("connect", operation, query, {"type": "string"}, below.kind, media=("*/*",))

    def _operation(
        self,
        action: str,
        operation: str,
        query: tuple[str, ...],
        schema: Json,
        kind: str = "",
        group: str = "",
        version: str = "",
        *,
        created: bool = False,
        accepted: bool = False,
        media: tuple[str, ...] = _ANSWERS,
    ) -> Json:
        row = self._row
        if not version or row.custom is not None:
            group, version = row.group, row.version
            kind = row.kind if row.custom is not None else kind
        content = {"content": {one: {"schema": schema} for one in media}}
        responses: Json = {"200": {"description": "OK", **content}, "401": {"description": "Unauthorized"}}
        if created:
            responses["201"] = {"description": "Created", **content}
        if accepted:
            responses["202"] = {"description": "Accepted", **content}
        return {
            "tags": [self._tag],
            "description": f"{action} {row.kind}",
            "operationId": operation,
            "parameters": [_QUERY[name] for name in query],
            "responses": responses,
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": {"group": group, "version": version, "kind": kind or row.kind},
        }

    def _in_path(self, name: bool = True) -> list[Json]:
        listed = _at()
        if self._row.namespaced:
            listed.insert(0, _in_path("namespace", "The namespace."))
        if name:
            listed.insert(0, _in_path("name", f"Name of the {self._row.kind}."))
        return listed


def _at() -> list[Json]:
    return [_QUERY["pretty"]]


def _in_path(name: str, text: str) -> Json:
    return {"name": name, "in": "path", "description": text, "required": True, "schema": {"type": "string"}}


def _body(schema: Json, media: tuple[str, ...] = ("*/*",)) -> Json:
    return {"content": {one: {"schema": schema} for one in media}, "required": True}
