"""Admission webhooks and policies, and aggregated API services.

Source: Kubernetes `pkg/apis/admissionregistration/validation/validation.go`, apiserver `pkg/util/webhook`,
kube-aggregator `pkg/apis/apiregistration/validation/validation.go`. CEL expressions are not compiled.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from lab.sim.api.resources import Object
from lab.sim.api.validation import names
from lab.sim.api.validation.causes import (
    Wrong,
    duplicate,
    invalid_value,
    label_selector,
    named,
    needs_name,
    one_of,
    present,
    required,
)

_FAILURE, _MATCH = ("Fail", "Ignore"), ("Equivalent", "Exact")
_EFFECTS, _REVIEWS = ("None", "NoneOnDryRun"), ("v1", "v1beta1")
_OPERATIONS = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_FORM = "; desired format: https://host[/path]"
_BOTH = (
    "must not contain both Deny and Warn (repeating the same validation failure information in the API response and "
    "headers serves no purpose)"
)


def webhooks(wrong: Wrong, obj: Object) -> None:
    """A ValidatingWebhookConfiguration or MutatingWebhookConfiguration."""
    seen: set[str] = set()
    for index, hook in enumerate(obj.get("webhooks") or ()):
        path, name = f"webhooks[{index}]", hook.get("name") or ""
        _hook(wrong, path, hook)
        if obj.get("kind") == "MutatingWebhookConfiguration":
            policies = ("IfNeeded", "Never")
            one_of(wrong, f"{path}.reinvocationPolicy", hook.get("reinvocationPolicy"), policies)
        _reviews(wrong, f"{path}.admissionReviewVersions", hook.get("admissionReviewVersions") or [])
        if name in seen:
            wrong.append(duplicate(f"{path}.name", name))
        if name:
            seen.add(name)


def _hook(wrong: Wrong, path: str, hook: Object) -> None:
    name = hook.get("name") or ""
    if present(wrong, f"{path}.name", name):
        messages = names.dns_subdomain(name)
        if messages:
            wrong.append(invalid_value(f"{path}.name", name, ",".join(messages)))
        elif name.count(".") < 2:
            said = "should be a domain with at least three segments separated by dots"
            wrong.append(invalid_value(f"{path}.name", name, said))
    for index, rule in enumerate(hook.get("rules") or ()):
        _rule(wrong, f"{path}.rules[{index}]", rule)
    one_of(wrong, f"{path}.failurePolicy", hook.get("failurePolicy"), _FAILURE)
    one_of(wrong, f"{path}.matchPolicy", hook.get("matchPolicy"), _MATCH)
    effects = hook.get("sideEffects")
    if effects is None:
        wrong.append(required(f"{path}.sideEffects", f"must specify one of {', '.join(_EFFECTS)}"))
    one_of(wrong, f"{path}.sideEffects", effects, _EFFECTS)
    seconds = hook.get("timeoutSeconds")
    if seconds is not None and not 1 <= seconds <= 30:
        said = "the timeout value must be between 1 and 30 seconds"
        wrong.append(invalid_value(f"{path}.timeoutSeconds", seconds, said))
    for field in ("namespaceSelector", "objectSelector"):
        label_selector(wrong, f"{path}.{field}", hook.get(field))
    _client(wrong, f"{path}.clientConfig", hook.get("clientConfig") or {})
    _conditions(wrong, f"{path}.matchConditions", hook.get("matchConditions") or [])


def _client(wrong: Wrong, path: str, client: Object) -> None:
    url, service = client.get("url"), client.get("service")
    if (url is None) == (service is None):
        wrong.append(required(path, "exactly one of url or service is required"))
    elif url is not None:
        _url(wrong, f"{path}.url", url)
    elif service is not None:
        _service(wrong, f"{path}.service", service)


def _url(wrong: Wrong, path: str, text: str) -> None:
    try:
        read = urlsplit(text)
    except ValueError as error:
        wrong.append(required(path, f"url must be a valid URL: {error}{_FORM}"))
        return
    if read.scheme != "https":
        wrong.append(invalid_value(path, read.scheme, f"'https' is the only allowed URL scheme{_FORM}"))
    if not read.netloc:
        wrong.append(invalid_value(path, "", f"host must be specified{_FORM}"))
    if read.username is not None:
        user = read.netloc.rpartition("@")[0]
        wrong.append(invalid_value(path, user, "user information is not permitted in the URL"))
    if read.fragment:
        wrong.append(invalid_value(path, read.fragment, "fragments are not permitted in the URL"))
    if read.query:
        wrong.append(invalid_value(path, read.query, "query parameters are not permitted in the URL"))


def _service(wrong: Wrong, path: str, service: Object) -> None:
    present(wrong, f"{path}.name", service.get("name"))
    present(wrong, f"{path}.namespace", service.get("namespace"))
    for message in names.port_number(service.get("port") or 0):
        wrong.append(invalid_value(f"{path}.port", service.get("port") or 0, f"port is not valid: {message}"))
    text = service.get("path") or "/"
    if text == "/":
        return
    at = f"{path}.path"
    if text == "//":
        wrong.append(invalid_value(at, text, "segment[0] may not be empty"))
        return
    if not text.startswith("/"):
        wrong.append(invalid_value(at, text, "must start with a '/'"))
    for index, step in enumerate(text[1:].removesuffix("/").split("/")):
        if not step:
            wrong.append(invalid_value(at, text, f"segment[{index}] may not be empty"))
            continue
        for message in names.dns_subdomain(step):
            wrong.append(invalid_value(at, text, f"segment[{index}]: {message}"))


def _reviews(wrong: Wrong, path: str, versions: list[str]) -> None:
    if not versions:
        wrong.append(required(path, f"must specify one of {', '.join(_REVIEWS)}"))
        return
    for index, one in enumerate(versions):
        if one in versions[:index]:
            wrong.append(invalid_value(f"{path}[{index}]", one, "duplicate version"))
        else:
            named(wrong, f"{path}[{index}]", one, names.dns_1035)
    if not set(versions) & set(_REVIEWS):
        wrong.append(invalid_value(path, versions, f"must include at least one of {', '.join(_REVIEWS)}"))


def _rule(wrong: Wrong, path: str, rule: Object) -> None:
    operations = rule.get("operations") or []
    _several(wrong, f"{path}.operations", operations, "operations")
    for index, one in enumerate(operations):
        one_of(wrong, f"{path}.operations[{index}]", one, _OPERATIONS, needed=True)
    _several(wrong, f"{path}.apiGroups", rule.get("apiGroups") or [], "API groups")
    _several(wrong, f"{path}.apiVersions", rule.get("apiVersions") or [], "API versions")
    for index, one in enumerate(rule.get("apiVersions") or ()):
        present(wrong, f"{path}.apiVersions[{index}]", one)
    _resources(wrong, f"{path}.resources", rule.get("resources") or [])
    one_of(wrong, f"{path}.scope", rule.get("scope"), ("*", "Cluster", "Namespaced"))


def _several(wrong: Wrong, path: str, values: list[str], what: str) -> None:
    present(wrong, path, values)
    if len(values) > 1 and "*" in values:
        wrong.append(invalid_value(path, values, f"if '*' is present, must not specify other {what}"))


def _resources(wrong: Wrong, path: str, values: list[str]) -> None:
    present(wrong, path, values)
    whole: set[str] = set()
    everywhere: set[str] = set()
    for index, one in enumerate(values):
        at = f"{path}[{index}]"
        resource, slash, sub = one.partition("/")
        if not one:
            wrong.append(required(at))
        if not slash:
            continue
        if resource in whole:
            wrong.append(invalid_value(at, one, f"if '{resource}/*' is present, must not specify {one}"))
        if sub in everywhere:
            wrong.append(invalid_value(at, one, f"if '*/{sub}' is present, must not specify {one}"))
        if sub == "*":
            whole.add(resource)
        if resource == "*":
            everywhere.add(sub)
    if len(values) > 1 and "*/*" in values:
        wrong.append(invalid_value(path, values, "if '*/*' is present, must not specify other resources"))
    if "*" in values and any(one and one != "*" and "/" not in one for one in values):
        said = "if '*' is present, must not specify other resources without subresources"
        wrong.append(invalid_value(path, values, said))


def _conditions(wrong: Wrong, path: str, values: list[Object]) -> None:
    seen: set[str] = set()
    for index, one in enumerate(values):
        at, name = f"{path}[{index}]", one.get("name") or ""
        present(wrong, f"{at}.expression", (one.get("expression") or "").strip())
        needs_name(wrong, f"{at}.name", name, names.qualified_name)
        if name and name in seen:
            wrong.append(duplicate(f"{at}.name", name))
        seen.add(name)


def policy(wrong: Wrong, obj: Object) -> None:
    """A ValidatingAdmissionPolicy."""
    spec = obj.get("spec") or {}
    one_of(wrong, "spec.failurePolicy", spec.get("failurePolicy"), _FAILURE, needed=True)
    kind = spec.get("paramKind")
    if kind is not None:
        present(wrong, "spec.paramKind.apiVersion", kind.get("apiVersion"))
        present(wrong, "spec.paramKind.kind", kind.get("kind"))
    match = spec.get("matchConstraints")
    if match is None:
        wrong.append(required("spec.matchConstraints"))
    else:
        _match(wrong, "spec.matchConstraints", match)
        present(wrong, "spec.matchConstraints.resourceRules", match.get("resourceRules"))
    _conditions(wrong, "spec.matchConditions", spec.get("matchConditions") or [])
    for index, one in enumerate(spec.get("variables") or ()):
        present(wrong, f"spec.variables[{index}].name", (one.get("name") or "").strip(), "name is not specified")
        said = "expression is not specified"
        present(wrong, f"spec.variables[{index}].expression", (one.get("expression") or "").strip(), said)
    if not spec.get("validations") and not spec.get("auditAnnotations"):
        said = "validations or auditAnnotations must contain at least one item"
        wrong.extend((required("spec.validations", said), required("spec.auditAnnotations", said)))
    for index, one in enumerate(spec.get("validations") or ()):
        said = "expression is not specified"
        present(wrong, f"spec.validations[{index}].expression", (one.get("expression") or "").strip(), said)


def _match(wrong: Wrong, path: str, match: Object) -> None:
    one_of(wrong, f"{path}.matchPolicy", match.get("matchPolicy"), _MATCH, needed=True)
    for field in ("namespaceSelector", "objectSelector"):
        if match.get(field) is None:
            wrong.append(required(f"{path}.{field}"))
        label_selector(wrong, f"{path}.{field}", match.get(field))
    for field in ("resourceRules", "excludeResourceRules"):
        for index, rule in enumerate(match.get(field) or ()):
            _rule(wrong, f"{path}.{field}[{index}]", rule)


def policy_binding(wrong: Wrong, obj: Object) -> None:
    """A ValidatingAdmissionPolicyBinding."""
    spec = obj.get("spec") or {}
    needs_name(wrong, "spec.policyName", spec.get("policyName"), names.dns_subdomain)
    reference = spec.get("paramRef")
    if reference is not None and bool(reference.get("name")) == (reference.get("selector") is not None):
        said = "one of name or selector must be specified"
        wrong.append(required("spec.paramRef", said))
    if spec.get("matchResources") is not None:
        _match(wrong, "spec.matchResources", spec["matchResources"])
    actions, path = spec.get("validationActions") or [], "spec.validationActions"
    for index, one in enumerate(actions):
        one_of(wrong, f"{path}[{index}]", one, ("Audit", "Deny", "Warn"), needed=True)
        if one in actions[:index]:
            wrong.append(duplicate(f"{path}[{index}]", one))
    if "Deny" in actions and "Warn" in actions:
        wrong.append(invalid_value(path, actions, _BOTH))
    present(wrong, path, actions, "at least one validation action is required")


def api_service(wrong: Wrong, obj: Object) -> None:
    """An APIService."""
    spec, name = obj.get("spec") or {}, obj["metadata"].get("name") or ""
    group, version = spec.get("group") or "", spec.get("version") or ""
    if name and name != f"{version}.{group}":
        said = f'must be `spec.version+"."+spec.group`: "{version}.{group}"'
        wrong.append(invalid_value("metadata.name", name, said))
    if not group and version != "v1":
        said = "only v1 may have an empty group and it better be legacy kube"
        wrong.append(required("spec.group", said))
    if group:
        named(wrong, "spec.group", group, names.dns_subdomain)
    named(wrong, "spec.version", version, names.dns_1035)
    for field, most in (("groupPriorityMinimum", 20000), ("versionPriority", 1000)):
        value = spec.get(field) or 0
        if not 0 < value <= most:
            wrong.append(invalid_value(f"spec.{field}", value, f"must be positive and less than {most}"))
    service, bundle, trusting = spec.get("service"), spec.get("caBundle"), spec.get("insecureSkipTLSVerify")
    if service is None:
        if trusting:
            said = "local APIServices may not have insecureSkipTLSVerify"
            wrong.append(invalid_value("spec.insecureSkipTLSVerify", True, said))
        return
    present(wrong, "spec.service.namespace", service.get("namespace"))
    present(wrong, "spec.service.name", service.get("name"))
    for message in names.port_number(service.get("port") or 0):
        wrong.append(invalid_value("spec.service.port", service.get("port") or 0, f"port is not valid: {message}"))
    if trusting and bundle:
        wrong.append(invalid_value("spec.insecureSkipTLSVerify", True, "may not be true if caBundle is present"))
