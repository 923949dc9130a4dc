"""An API server in memory, as much of it as the lab's own code relies on."""

import base64
import copy
import itertools
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lab.errors import KubeError, LabError
from lab.ports import CommandResult, Object, Ref

CLUSTER_SCOPED = frozenset(
    {
        "Namespace",
        "Node",
        "PersistentVolume",
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "PriorityClass",
        "StorageClass",
        "IngressClass",
        "APIService",
    }
)

_UIDS = itertools.count(1)  # as on real clusters, a uid is never used twice

Key = tuple[str, str, str, str]
"""apiVersion, kind, namespace, name."""


@dataclass(frozen=True)
class Mutation:
    """One call that changes the cluster, whether or not it changed anything."""

    verb: str
    kind: str
    namespace: str
    name: str
    impersonate: str = ""


@dataclass
class Refusal:
    """Answers matching calls with an error, `times` times (-1: always)."""

    verb: str
    kind: str
    name: str
    status: int
    reason: str
    message: str
    times: int = -1
    impersonate: str | None = None

    def matches(self, verb: str, kind: str, name: str, impersonate: str) -> bool:
        if self.times == 0 or self.verb not in ("*", verb) or self.kind not in ("*", kind):
            return False
        if self.name and self.name != name:
            return False
        return self.impersonate is None or self.impersonate == impersonate


@dataclass(frozen=True)
class Executed:
    """One `exec`."""

    namespace: str
    pod: str
    container: str
    argv: tuple[str, ...]
    stdin: str


Reaction = Callable[["FakeKube", str, Object], None]
"""Called after a change with the verb and the object: where a test plays controller."""


@dataclass
class FakeKube:
    """Implements `lab.ports.Kube`.

    Honours: namespaces that must exist, finalizers, deletion of what a namespace or an owner holds, apply that drops
    fields it set before, merge patches, equality selectors, `stringData`. Lists are replaced whole by apply.
    """

    cluster: str = "hub"
    now: Callable[[], float] = lambda: 1_700_000_000.0
    git_version: str = "v1.36.1"
    reachable: bool = True
    objects: dict[Key, Object] = field(default_factory=dict)
    mutations: list[Mutation] = field(default_factory=list)
    reads: list[tuple[str, Ref]] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    reactions: list[Reaction] = field(default_factory=list)
    raw_answers: dict[str, tuple[int, str]] = field(default_factory=lambda: {"/readyz": (200, "ok")})
    raw_calls: list[str] = field(default_factory=list)
    tokens: list[tuple[str, str, float]] = field(default_factory=list)
    executed: list[Executed] = field(default_factory=list)
    on_exec: Callable[[Executed], CommandResult] = lambda _: CommandResult(exit_code=0, stdout="", stderr="")

    def __post_init__(self) -> None:
        self._lock = threading.RLock()
        self._applied: dict[Key, Object] = {}
        self._versions = itertools.count(1)
        for name in ("default", "kube-system", "kube-public"):
            self._store({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    # --- what a test uses ----------------------------------------------------------------------------------------

    def add(self, *objects: Object) -> "FakeKube":
        """Put objects there without recording a mutation; their namespaces come by themselves."""
        with self._lock:
            for obj in objects:
                namespace = obj["metadata"].get("namespace", "")
                if namespace and self._namespace(namespace) is None:
                    self._store({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
                self._store(copy.deepcopy(obj))
        return self

    def remove(self, ref: Ref) -> None:
        """Take an object away at once, whatever holds it, without recording a mutation."""
        with self._lock:
            key = self._find(ref)
            if key is not None:
                self._drop(key)

    def refuse(
        self,
        verb: str,
        kind: str,
        *,
        name: str = "",
        status: int = 403,
        reason: str = "Forbidden",
        message: str = "forbidden by the test",
        times: int = -1,
        impersonate: str | None = None,
    ) -> None:
        """Refuse calls; verb and kind may be `*`. Verbs: get list apply patch delete token exec."""
        self.refusals.append(Refusal(verb, kind, name, status, reason, message, times, impersonate))

    def names(self, kind: str, namespace: str = "") -> list[str]:
        """Names of all objects of a kind, sorted."""
        return sorted(key[3] for key in self.objects if key[1] == kind and namespace in ("", key[2]))

    def verbs(self, verb: str) -> list[str]:
        """`Kind/name` of all recorded mutations with this verb, in order."""
        return [f"{m.kind}/{m.name}" for m in self.mutations if m.verb == verb]

    # --- lab.ports.Kube ------------------------------------------------------------------------------------------

    def get(self, ref: Ref) -> Object | None:
        self._arrive("get", ref.kind, ref.name)
        with self._lock:
            self.reads.append(("get", ref))
            key = self._find(ref)
            return copy.deepcopy(self.objects[key]) if key else None

    def list(self, ref: Ref, labels: dict[str, str] | None = None) -> Sequence[Object]:
        self._arrive("list", ref.kind, "")
        with self._lock:
            self.reads.append(("list", ref))
            return [
                copy.deepcopy(obj)
                for key, obj in sorted(self.objects.items())
                if _same_kind(ref, key)
                and ref.namespace in ("", key[2])
                and (labels or {}).items() <= obj["metadata"].get("labels", {}).items()
            ]

    def apply(self, obj: Object, impersonate: str = "", dry_run: bool = False) -> Object:
        meta = obj["metadata"]
        kind, name = obj["kind"], meta["name"]
        namespace = "" if kind in CLUSTER_SCOPED else meta.get("namespace", "default")
        self._arrive("apply", kind, name, impersonate)
        if dry_run:
            return copy.deepcopy(obj)
        with self._lock:
            self.mutations.append(Mutation("apply", kind, namespace, name, impersonate))
            if namespace and self._namespace(namespace) is None:
                raise KubeError(self.cluster, 404, "NotFound", f'namespaces "{namespace}" not found')
            new = _normal(copy.deepcopy(obj))
            if namespace:
                new["metadata"]["namespace"] = namespace
            key = (obj["apiVersion"], kind, namespace, name)
            old = self.objects.get(key, {})
            result = _merged(_without(copy.deepcopy(old), self._applied.get(key, {}), new), new)
            self._applied[key] = copy.deepcopy(new)
            stored = self._store(result)
            answer = copy.deepcopy(stored)
        self._react("apply", answer)
        return answer

    def patch(self, ref: Ref, body: Object) -> Object:
        self._arrive("patch", ref.kind, ref.name)
        with self._lock:
            self.mutations.append(Mutation("patch", ref.kind, ref.namespace, ref.name))
            key = self._find(ref)
            if key is None:
                raise KubeError(self.cluster, 404, "NotFound", f'{ref.kind} "{ref.name}" not found')
            result = _normal(_merge_patch(copy.deepcopy(self.objects[key]), body))
            stored = self._store(result)
            if stored["metadata"].get("deletionTimestamp") and not stored["metadata"].get("finalizers"):
                self._drop(key)
            answer = copy.deepcopy(stored)
        self._react("patch", answer)
        return answer

    def delete(self, ref: Ref, propagation: str = "Background") -> bool:
        self._arrive("delete", ref.kind, ref.name)
        with self._lock:
            self.mutations.append(Mutation("delete", ref.kind, ref.namespace, ref.name))
            key = self._find(ref)
            if key is None:
                return False
            answer = copy.deepcopy(self.objects[key])
            self._delete(key, orphan=propagation == "Orphan")
        self._react("delete", answer)
        return True

    def raw(self, path: str, timeout: float = 5.0) -> tuple[int, str]:
        self._arrive("raw", path, "")
        self.raw_calls.append(path)
        return self.raw_answers.get(path, (404, "404 page not found"))

    def token(self, namespace: str, account: str, lifetime: float) -> tuple[str, str]:
        self._arrive("token", "ServiceAccount", account)
        with self._lock:
            self.mutations.append(Mutation("token", "ServiceAccount", namespace, account))
            if self._find(Ref(kind="ServiceAccount", namespace=namespace, name=account)) is None:
                raise KubeError(self.cluster, 404, "NotFound", f'serviceaccounts "{account}" not found')
            self.tokens.append((namespace, account, lifetime))
            number = len(self.tokens)
        end = datetime.fromtimestamp(self.now() + lifetime, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return f"token-{self.cluster}-{account}-{number}", end

    def exec(self, namespace: str, pod: str, container: str, argv: Sequence[str], stdin: str = "") -> CommandResult:
        self._arrive("exec", "Pod", pod)
        call = Executed(namespace, pod, container, tuple(argv), stdin)
        self.executed.append(call)
        return self.on_exec(call)

    def version(self) -> str:
        self._arrive("version", "", "")
        return self.git_version

    # --- inside --------------------------------------------------------------------------------------------------

    def _arrive(self, verb: str, kind: str, name: str, impersonate: str = "") -> None:
        if not self.reachable:
            raise LabError("kube-unreachable", cluster=self.cluster, reason="connection refused")
        for refusal in self.refusals:
            if refusal.matches(verb, kind, name, impersonate):
                refusal.times -= 1 if refusal.times > 0 else 0
                raise KubeError(self.cluster, refusal.status, refusal.reason, refusal.message)

    def _react(self, verb: str, obj: Object) -> None:
        for reaction in self.reactions:
            reaction(self, verb, obj)

    def _namespace(self, name: str) -> Object | None:
        return self.objects.get(("v1", "Namespace", "", name))

    def _find(self, ref: Ref) -> Key | None:
        namespace = "" if ref.kind in CLUSTER_SCOPED else ref.namespace or "default"
        for key in self.objects:
            if _same_kind(ref, key) and key[2] == namespace and key[3] == ref.name:
                return key
        return None

    def _store(self, obj: Object) -> Object:
        meta = obj["metadata"]
        namespace = "" if obj["kind"] in CLUSTER_SCOPED else meta.setdefault("namespace", "default")
        key = (obj["apiVersion"], obj["kind"], namespace, meta["name"])
        old = self.objects.get(key)
        obj = _normal(obj)
        if old is None:
            created = datetime.fromtimestamp(self.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            meta.setdefault("creationTimestamp", created)
            meta.setdefault("uid", f"uid-{next(_UIDS)}")
            meta.setdefault("generation", 1)
        elif _body(old) == _body(obj):
            return old
        else:
            meta["generation"] = old["metadata"]["generation"] + (old.get("spec") != obj.get("spec"))
        meta["resourceVersion"] = str(next(self._versions))
        self.objects[key] = obj
        return obj

    def _delete(self, key: Key, orphan: bool = False) -> None:
        obj = self.objects[key]
        uid = obj["metadata"]["uid"]
        if obj["metadata"].get("finalizers"):
            obj["metadata"].setdefault("deletionTimestamp", "2023-11-14T22:13:20Z")
        else:
            self._drop(key)
        held: Iterable[Key] = []
        if key[1] == "Namespace":
            held = [other for other in self.objects if other[2] == key[3]]
        elif not orphan:
            held = [
                other
                for other, candidate in self.objects.items()
                if any(owner.get("uid") == uid for owner in candidate["metadata"].get("ownerReferences", ()))
            ]
        for other in held:
            if other in self.objects:
                self._delete(other)

    def _drop(self, key: Key) -> None:
        self.objects.pop(key, None)
        self._applied.pop(key, None)


def _same_kind(ref: Ref, key: Key) -> bool:
    return key[1] == ref.kind and ref.api_version in ("", key[0])


def _body(obj: Object) -> Object:
    meta = {k: v for k, v in obj["metadata"].items() if k not in ("resourceVersion", "generation")}
    return {**obj, "metadata": meta}


def _normal(obj: Object) -> Object:
    """What the server does on writing: `stringData` becomes `data`."""
    if obj["kind"] == "Secret" and "stringData" in obj:
        plain = obj.pop("stringData")
        encoded = {name: base64.b64encode(text.encode()).decode() for name, text in plain.items()}
        obj["data"] = {**obj.get("data", {}), **encoded}
    return obj


def _merged(base: Any, over: Any) -> Any:
    if isinstance(base, dict) and isinstance(over, dict):
        return {**base, **{name: _merged(base.get(name), value) for name, value in over.items()}}
    return over


def _without(live: Any, before: Any, now: Any) -> Any:
    """`live` less what the last apply set and this one leaves out."""
    if not (isinstance(live, dict) and isinstance(before, dict) and isinstance(now, dict)):
        return live
    kept = {}
    for name, value in live.items():
        if name in before and name not in now:
            continue
        kept[name] = _without(value, before.get(name), now.get(name)) if name in before else value
    return kept


def _merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _merge_patch(result.get(name), value)
    return result
