"""Volumes of pods and the sources they share with PersistentVolumes.

Source: Kubernetes `pkg/apis/core/validation/validation.go`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from typing import Any

from lab.sim.api.resources import Object
from lab.sim.api.validation import names
from lab.sim.api.validation.causes import (
    Wrong,
    duplicate,
    forbidden_field,
    invalid_value,
    label_selector,
    named,
    needs_name,
    one_of,
    present,
    required,
    sign,
    too_long,
)
from lab.sim.api.validation.fields import FILE_FIELDS, field_reference, resource_reference

Check = Callable[[Wrong, str, Any], None]
Sources = dict[str, Object]
MODE = "must be a number between 0 and 0777 (octal), both inclusive"
ONE_TYPE = "may not specify more than 1 volume type"
_HOST_TYPES = ("", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket")


def volumes(wrong: Wrong, path: str, values: list[Object], pod_name: str, claim: Check) -> Sources:
    """A pod's volumes; returns those that may be mounted, by name. `claim` checks an ephemeral volume's claim spec."""
    found: Sources = {}
    made = {f"{pod_name}-{one.get('name')}" for one in values if one.get("ephemeral") is not None} if pod_name else ()
    for index, one in enumerate(values):
        at = f"{path}[{index}]"
        name = one.get("name") or ""
        broken: Wrong = []
        _source(broken, at, one, claim)
        if one.get("ephemeral") is not None and pod_name and name:
            for message in names.dns_subdomain(f"{pod_name}-{name}"):
                broken.append(invalid_value(f"{at}.name", name, f'PVC name "{pod_name}-{name}": {message}'))
        needs_name(broken, f"{at}.name", name, names.dns_label)
        if name in found:
            broken.append(duplicate(f"{at}.name", name))
        if broken:
            wrong.extend(broken)
        else:
            found[name] = one
        said = (one.get("persistentVolumeClaim") or {}).get("claimName")
        if said in made:
            detail = "must not reference a PVC that gets created for an ephemeral volume"
            wrong.append(invalid_value(f"{at}.persistentVolumeClaim.claimName", said, detail))
    return found


def _source(wrong: Wrong, path: str, volume: Object, claim: Check) -> None:
    given = [name for name, value in volume.items() if value is not None and name in SOURCES]
    if len(given) == 1:
        _check_source(wrong, path, given[0], volume[given[0]], claim)
        return
    if not given:
        wrong.append(required(path, "must specify a volume type"))
        return
    given.sort(key=_ORDER.__getitem__)
    _check_source(wrong, path, given[0], volume[given[0]], claim)
    for name in given[1:]:
        wrong.append(forbidden_field(f"{path}.{_SPELT.get(name, name)}", ONE_TYPE))


def _check_source(wrong: Wrong, path: str, name: str, source: Object, claim: Check) -> None:
    if name == "ephemeral":
        _ephemeral(wrong, f"{path}.ephemeral", source, claim)
    else:
        SOURCES[name](wrong, f"{path}.{_FIELD.get(name, name)}", source)


def no_backsteps(wrong: Wrong, path: str, text: str) -> None:
    """A path may not go up."""
    if ".." in text and ".." in text.split("/"):
        wrong.append(invalid_value(path, text, "must not contain '..'"))


def local_path(wrong: Wrong, path: str, text: str) -> None:
    """A relative path that does not go up."""
    if text.startswith("/"):
        wrong.append(invalid_value(path, text, "must be a relative path"))
    no_backsteps(wrong, path, text)


def file_path(wrong: Wrong, path: str, text: str) -> None:
    """A relative path that does not begin with two dots."""
    local_path(wrong, path, text)
    if text.startswith("..") and not text.startswith("../"):
        wrong.append(invalid_value(path, text, "must not start with '..'"))


def _mode(wrong: Wrong, path: str, value: int | None) -> None:
    if value is not None and not 0 <= value <= 0o777:
        wrong.append(invalid_value(path, value, MODE))


def _fields(*needed: str) -> Check:
    def check(wrong: Wrong, path: str, source: Object) -> None:
        for field in needed:
            present(wrong, f"{path}.{field}", source.get(field))

    return check


def _empty_dir(wrong: Wrong, path: str, source: Object) -> None:
    if source.get("sizeLimit") is not None and sign(source["sizeLimit"]) < 0:
        wrong.append(forbidden_field(f"{path}.sizeLimit", "SizeLimit field must be a valid resource quantity"))


def host_path(wrong: Wrong, path: str, source: Object) -> None:
    """A directory of the node."""
    text = source.get("path") or ""
    present(wrong, f"{path}.path", text)
    no_backsteps(wrong, f"{path}.path", text)
    one_of(wrong, f"{path}.type", source.get("type"), _HOST_TYPES)


def nfs(wrong: Wrong, path: str, source: Object) -> None:
    """An NFS share."""
    present(wrong, f"{path}.server", source.get("server"))
    text = source.get("path") or ""
    present(wrong, f"{path}.path", text)
    if not text.startswith("/"):
        wrong.append(invalid_value(f"{path}.path", text, "must be an absolute path"))


def local(wrong: Wrong, path: str, source: Object) -> None:
    """A disk of one node."""
    present(wrong, f"{path}.path", source.get("path"))
    no_backsteps(wrong, f"{path}.path", source.get("path") or "")


def _git(wrong: Wrong, path: str, source: Object) -> None:
    present(wrong, f"{path}.repository", source.get("repository"))
    local_path(wrong, f"{path}.directory", source.get("directory") or "")


def _items(wrong: Wrong, path: str, items: list[Object] | None) -> None:
    for index, one in enumerate(items or ()):
        at = f"{path}[{index}]"
        present(wrong, f"{at}.key", one.get("key"))
        present(wrong, f"{at}.path", one.get("path"))
        file_path(wrong, f"{at}.path", one.get("path") or "")
        _mode(wrong, f"{at}.mode", one.get("mode"))


def _keys_of(name: str) -> Check:
    def check(wrong: Wrong, path: str, source: Object) -> None:
        present(wrong, f"{path}.{name}", source.get(name))
        _mode(wrong, f"{path}.defaultMode", source.get("defaultMode"))
        _items(wrong, f"{path}.items", source.get("items"))

    return check


def _downward(wrong: Wrong, path: str, source: Object) -> None:
    _mode(wrong, f"{path}.defaultMode", source.get("defaultMode"))
    for one in source.get("items") or ():
        _downward_file(wrong, path, one)


def _downward_file(wrong: Wrong, path: str, one: Object) -> None:
    present(wrong, f"{path}.path", one.get("path"))
    file_path(wrong, f"{path}.path", one.get("path") or "")
    field, resource = one.get("fieldRef"), one.get("resourceFieldRef")
    if field is not None:
        field_reference(wrong, f"{path}.fieldRef", field, FILE_FIELDS)
        if resource is not None:
            said = "fieldRef and resourceFieldRef can not be specified simultaneously"
            wrong.append(invalid_value(path, "resource", said))
    elif resource is not None:
        resource_reference(wrong, f"{path}.resourceFieldRef", resource, volume=True)
    else:
        wrong.append(required(path, "one of fieldRef and resourceFieldRef is required"))
    _mode(wrong, f"{path}.mode", one.get("mode"))


def _projected(wrong: Wrong, path: str, source: Object) -> None:
    _mode(wrong, f"{path}.defaultMode", source.get("defaultMode"))
    taken: set[str] = set()
    for index, one in enumerate(source.get("sources") or ()):
        at = f"{path}.sources[{index}]"
        for name in ("secret", "configMap"):
            part = one.get(name)
            if part is not None:
                present(wrong, f"{at}.{name}.name", part.get("name"))
                _items(wrong, f"{at}.{name}.items", part.get("items"))
                for item in part.get("items") or ():
                    _taken(wrong, path, item.get("path"), taken, part.get("name") or "")
        part = one.get("downwardAPI")
        if part is not None:
            for item in part.get("items") or ():
                _downward_file(wrong, f"{at}.downwardAPI", item)
                _taken(wrong, path, item.get("path"), taken)
        part = one.get("serviceAccountToken")
        if part is not None:
            _token(wrong, path, f"{at}.serviceAccountToken", part)
        part = one.get("clusterTrustBundle")
        if part is not None:
            _trust_bundle(wrong, f"{at}.clusterTrustBundle", part)
            _taken(wrong, path, part.get("path"), taken)
        if sum(value is not None for value in one.values()) > 1:
            wrong.append(forbidden_field(at, "may not specify more than 1 volume type per source"))


def _taken(wrong: Wrong, path: str, text: str | None, taken: set[str], said: str = "") -> None:
    if text:
        if text in taken:
            wrong.append(invalid_value(path, said or text, "conflicting duplicate paths"))
        taken.add(text)


def _token(wrong: Wrong, path: str, at: str, token: Object) -> None:
    seconds = token.get("expirationSeconds") or 0
    if seconds < 600:
        wrong.append(
            invalid_value(f"{at}.expirationSeconds", seconds, "may not specify a duration less than 10 minutes")
        )
    if seconds > 1 << 32:
        said = "may not specify a duration larger than 2^32 seconds"
        wrong.append(invalid_value(f"{at}.expirationSeconds", seconds, said))
    if present(wrong, f"{path}.path", token.get("path")):
        file_path(wrong, f"{path}.path", token["path"])


def _trust_bundle(wrong: Wrong, path: str, bundle: Object) -> None:
    if bundle.get("name") is None and bundle.get("signerName") is None:
        wrong.append(required(path, "either name or signerName must be specified"))
    label_selector(wrong, f"{path}.labelSelector", bundle.get("labelSelector"))
    present(wrong, f"{path}.path", bundle.get("path"))
    file_path(wrong, f"{path}.path", bundle.get("path") or "")


def csi_driver(wrong: Wrong, path: str, name: str | None) -> None:
    """Name of a CSI driver."""
    name = name or ""
    present(wrong, path, name)
    if len(name) > 63:
        wrong.append(too_long(path, 63))
    for message in names.dns_subdomain(name.lower()):
        wrong.append(invalid_value(path, name, message))


def _csi(wrong: Wrong, path: str, source: Object) -> None:
    csi_driver(wrong, f"{path}.driver", source.get("driver"))
    secret = source.get("nodePublishSecretRef")
    if secret is not None:
        if not secret.get("name"):
            wrong.append(required(f"{path}.nodePublishSecretRef.name"))
        else:
            named(wrong, f"{path}.name", secret["name"], names.dns_subdomain)


def _ephemeral(wrong: Wrong, path: str, source: Object, claim: Check) -> None:
    template = source.get("volumeClaimTemplate")
    if template is None:
        wrong.append(required(f"{path}.volumeClaimTemplate"))
        return
    claim(wrong, f"{path}.volumeClaimTemplate.spec", template.get("spec") or {})


def _azure_disk(wrong: Wrong, path: str, source: Object) -> None:
    _fields("diskName", "diskURI")(wrong, path, source)
    one_of(wrong, f"{path}.cachingMode", source.get("cachingMode"), ("None", "ReadOnly", "ReadWrite"))
    one_of(wrong, f"{path}.kind", source.get("kind"), ("Dedicated", "Managed", "Shared"))


def clean(path: str) -> str:
    """A path without detours."""
    return posixpath.normpath(path) if path else "."


SOURCES: dict[str, Check] = {
    "emptyDir": _empty_dir,
    "hostPath": host_path,
    "gitRepo": _git,
    "gcePersistentDisk": _fields("pdName"),
    "awsElasticBlockStore": _fields("volumeID"),
    "secret": _keys_of("secretName"),
    "nfs": nfs,
    "iscsi": _fields("targetPortal", "iqn"),
    "glusterfs": _fields("endpoints", "path"),
    "flocker": lambda *_: None,
    "persistentVolumeClaim": _fields("claimName"),
    "rbd": _fields("monitors", "image"),
    "cinder": _fields("volumeID"),
    "cephfs": _fields("monitors"),
    "quobyte": _fields("registry", "volume"),
    "downwardAPI": _downward,
    "fc": lambda *_: None,
    "flexVolume": _fields("driver"),
    "configMap": _keys_of("name"),
    "azureFile": _fields("secretName", "shareName"),
    "vsphereVolume": _fields("volumePath"),
    "photonPersistentDisk": _fields("pdID"),
    "portworxVolume": _fields("volumeID"),
    "azureDisk": _azure_disk,
    "storageos": lambda *_: None,
    "projected": _projected,
    "scaleIO": _fields("gateway", "system", "volumeName"),
    "csi": _csi,
    "ephemeral": lambda *_: None,
    "image": _fields("reference"),
}
"""Every source a volume can have, in the order a server looks at them."""
_ORDER = {name: place for place, name in enumerate(SOURCES)}
_FIELD = {"gcePersistentDisk": "persistentDisk"}
_SPELT = {"downwardAPI": "downwarAPI", "cephfs": "cephFS"}
"""Fields that the server's messages spell in another way."""
