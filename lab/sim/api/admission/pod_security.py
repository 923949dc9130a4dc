"""PodSecurity: the namespace's labels say which of the Pod Security Standards its pods must, or should, meet.

Source: k8s.io/pod-security-admission `admission/admission.go`, `api/helpers.go`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lab.sim.api.admission.pod_security_checks import violations
from lab.sim.api.admission.write import Write
from lab.sim.api.resources import Object
from lab.sim.api.status import Cause, invalid, invalid_value

if TYPE_CHECKING:
    from lab.sim.api.rest import Rest

_LABEL = "pod-security.kubernetes.io/"
_LEVELS = ("privileged", "baseline", "restricted")
_VERSION = re.compile(r"v1\.([0-9]|[1-9][0-9]*)\Z")
_LATEST = 10_000


def _policy(labels: Object, mode: str) -> tuple[str, str]:
    """Level and version that hold in a mode; what is not understood counts as restricted, as a server does."""
    level = labels.get(f"{_LABEL}{mode}", "privileged")
    version = labels.get(f"{_LABEL}{mode}-version", "latest")
    return level if level in _LEVELS else "restricted", version if _VERSION.match(version) else "latest"


def _broken(labels: Object, mode: str, metadata: Object, spec: Object) -> tuple[str, list[tuple[str, str]]]:
    level, version = _policy(labels, mode)
    if level == "privileged":
        return "", []
    read = _VERSION.match(version)
    found = violations(level, int(read[1]) if read else _LATEST, metadata, spec)
    return f"{level}:{version}", found


def _told(found: list[tuple[str, str]]) -> str:
    return ", ".join(f"{reason} ({detail})" if detail else reason for reason, detail in found)


def _namespace_labels(rest: Rest, write: Write) -> Object:
    namespace = rest.store.get("namespaces", "", write.namespace) or {"metadata": {}}
    labels: Object = namespace["metadata"].get("labels") or {}
    return labels if any(key.startswith(_LABEL) for key in labels) else {}


def check(rest: Rest, write: Write) -> None:
    """Refuse a new pod below the enforced level; warn about one below the level of `warn`. Raises ApiError 403."""
    if write.operation != "CREATE" or write.new is None:
        return
    labels = _namespace_labels(rest, write)
    if not labels:
        return
    metadata, spec = write.new["metadata"], write.new["spec"]
    level, found = _broken(labels, "enforce", metadata, spec)
    if found:
        raise write.forbidden(f'violates PodSecurity "{level}": {_told(found)}')
    _warn(labels, write, metadata, spec)


def _warn(labels: Object, write: Write, metadata: Object, spec: Object) -> None:
    level, found = _broken(labels, "warn", metadata, spec)
    if found:
        write.context.warnings.append(f'would violate PodSecurity "{level}": {_told(found)}')


def warn(rest: Rest, write: Write) -> None:
    """Warn about a workload whose pods would be below the level of `warn`."""
    if write.new is None:
        return
    labels = _namespace_labels(rest, write)
    if not labels:
        return
    holder = write.new if write.resource.kind == "PodTemplate" else write.new.get("spec") or {}
    if write.resource.kind == "CronJob":
        holder = (holder.get("jobTemplate") or {}).get("spec") or {}
    template = holder.get("template")
    if template and template.get("spec"):
        _warn(labels, write, template.get("metadata") or {}, template["spec"])


def check_namespace(rest: Rest, write: Write) -> None:
    """Refuse labels that mean nothing; warn about pods that are there and below a newly enforced level.

    Raises ApiError 422.
    """
    if write.new is None:
        return
    labels = write.new["metadata"].get("labels") or {}
    before = (write.old or {"metadata": {}})["metadata"].get("labels") or {}
    wrong = _label_errors(labels)
    if wrong and wrong != _label_errors(before):
        raise invalid("", "Namespace", write.name, wrong)
    enforced, known = _policy(labels, "enforce"), _policy(before, "enforce")
    if write.old is None or enforced == known or enforced[0] == "privileged":
        return
    if enforced[1] == known[1] and _LEVELS.index(enforced[0]) <= _LEVELS.index(known[0]):
        return
    reasons: dict[str, list[str]] = {}
    for pod in rest.store.scan("pods", write.name):
        found = _broken(labels, "enforce", pod["metadata"], pod["spec"])[1]
        if found:
            reasons.setdefault(", ".join(reason for reason, _ in found), []).append(pod["metadata"]["name"])
    if reasons:
        level = ":".join(enforced)
        write.context.warnings.append(
            f'existing pods in namespace "{write.name}" violate the new PodSecurity enforce level "{level}"'
        )
        write.context.warnings += sorted(_counted(names, reason) for reason, names in reasons.items())


def _counted(names: list[str], reason: str) -> str:
    first = min(names)
    if len(names) == 1:
        return f"{first}: {reason}"
    more = len(names) - 1
    return f"{first} (and {more} other {'pod' if more == 1 else 'pods'}): {reason}"


def _label_errors(labels: Object) -> list[Cause]:
    wrong = []
    for mode in ("enforce", "audit", "warn"):
        level = labels.get(f"{_LABEL}{mode}")
        if level is not None and level not in _LEVELS:
            detail = f"must be one of {', '.join(_LEVELS)}"
            wrong.append(invalid_value(f"metadata.labels[{_LABEL}{mode}]", level, detail))
        version = labels.get(f"{_LABEL}{mode}-version")
        if version is not None and version != "latest" and not _VERSION.match(version):
            detail = 'must be "latest" or "v1.x"'
            wrong.append(invalid_value(f"metadata.labels[{_LABEL}{mode}-version]", version, detail))
    return wrong
