"""Applications and ApplicationSets as Argo CD's Go types hold them: which empty values go, what cannot be decoded.

Argo CD reads an Application into structs and writes those, so that `helm: {}` stays, `info: []` goes and an unknown
field is lost. Two specs that are written alike are the same to it. Source: Argo CD 3.6.1
`pkg/apis/application/v1alpha1/{types,applicationset_types}.go`, `util/argo/argo.go` (`NormalizeApplicationSpec`);
Go `encoding/json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lab.sim.api.golang import kind_of
from lab.sim.objects import Object

_TEMPLATE = "template!:ApplicationSetTemplate"
_PERIODIC = f"requeueAfterSeconds:*i {_TEMPLATE} values:{{}}s"
_BITBUCKET_SERVER = "api!:s basicAuth:*BasicAuth bearerToken:*BearerToken insecure:b caRef:*ConfigMapKeyRef"
_GENERATORS = (
    "list:*ListGenerator clusters:*ClusterGenerator git:*GitGenerator scmProvider:*SCMProviderGenerator "
    "clusterDecisionResource:*DuckTypeGenerator pullRequest:*PullRequestGenerator selector:*LabelSelector "
    "plugin:*PluginGenerator oci:*GitGenerator"
)
_STRUCTS = {
    "ObjectMeta": "name:s generateName:s namespace:s labels:{}s annotations:{}s finalizers:[]s",
    "Application": "metadata!:ObjectMeta spec!:ApplicationSpec operation:*Operation",
    "ApplicationSpec": "source:*ApplicationSource destination!:ApplicationDestination project!:s "
    "syncPolicy:*SyncPolicy ignoreDifferences:[]ResourceIgnoreDifferences info:[]Info "
    "revisionHistoryLimit:*i sources:[]ApplicationSource sourceHydrator:*SourceHydrator",
    "ApplicationSource": "repoURL!:s path:s targetRevision:s helm:*ApplicationSourceHelm "
    "kustomize:*ApplicationSourceKustomize directory:*ApplicationSourceDirectory plugin:*ApplicationSourcePlugin "
    "chart:s ref:s name:s tagPrefix:s",
    "ApplicationSourceHelm": "valueFiles:[]s parameters:[]HelmParameter releaseName:s values:s "
    "fileParameters:[]HelmFileParameter version:s passCredentials:b ignoreMissingValueFiles:b skipCrds:b "
    "valuesObject:* namespace:s kubeVersion:s apiVersions:[]s skipTests:b skipSchemaValidation:b",
    "HelmParameter": "name:s value:s forceString:b",
    "HelmFileParameter": "name:s path:s",
    "ApplicationSourceKustomize": "namePrefix:s nameSuffix:s images:[]s commonLabels:{}s version:s "
    "commonAnnotations:{}s forceCommonLabels:b forceCommonAnnotations:b namespace:s commonAnnotationsEnvsubst:b "
    "replicas:[]KustomizeReplica patches:[]KustomizePatch components:[]s ignoreMissingComponents:b "
    "labelWithoutSelector:b kubeVersion:s apiVersions:[]s labelIncludeTemplates:b",
    "KustomizeReplica": "name!:s count!:",
    "KustomizePatch": "path:s patch:s target:*KustomizeSelector options:{}b",
    "KustomizeSelector": "group:s version:s kind:s name:s namespace:s annotationSelector:s labelSelector:s",
    "ApplicationSourceDirectory": "recurse:b jsonnet:ApplicationSourceJsonnet exclude:s include:s "
    "disableExtensionFilter:b",
    "ApplicationSourceJsonnet": "extVars:[]JsonnetVar tlas:[]JsonnetVar libs:[]s",
    "JsonnetVar": "name!:s value!:s code:b",
    "ApplicationSourcePlugin": "name:s env:[]EnvEntry parameters:[]ApplicationSourcePluginParameter",
    "EnvEntry": "name!:s value!:s",
    "ApplicationSourcePluginParameter": "name!:s string:*s map:*{}s array:*[]s",
    "ApplicationDestination": "server:s namespace:s name:s",
    "SyncPolicy": "automated:*SyncPolicyAutomated syncOptions:[]s retry:*RetryStrategy "
    "managedNamespaceMetadata:*ManagedNamespaceMetadata",
    "SyncPolicyAutomated": "prune:*b selfHeal:*b allowEmpty:*b enabled:*b",
    "RetryStrategy": "limit:i backoff:*Backoff refresh:b",
    "Backoff": "duration:s factor:*i maxDuration:s",
    "ManagedNamespaceMetadata": "labels:{}s annotations:{}s",
    "ResourceIgnoreDifferences": "group:s kind!:s name:s namespace:s jsonPointers:[]s jqPathExpressions:[]s "
    "managedFieldsManagers:[]s",
    "Info": "name!:s value!:s",
    "SourceHydrator": "drySource!:DrySource syncSource!:SyncSource hydrateTo:*HydrateTo",
    "DrySource": "repoURL!:s targetRevision!:s path!:s helm:*ApplicationSourceHelm "
    "kustomize:*ApplicationSourceKustomize directory:*ApplicationSourceDirectory plugin:*ApplicationSourcePlugin",
    "SyncSource": "targetBranch!:s path!:s repoURL:s",
    "HydrateTo": "targetBranch!:s",
    "Operation": "sync:*SyncOperation initiatedBy!:OperationInitiator info:[]Info retry!:RetryStrategy",
    "OperationInitiator": "username:s automated:b",
    "SyncOperation": "revision:s prune:b dryRun:b syncStrategy:*SyncStrategy resources:[]SyncOperationResource "
    "source:*ApplicationSource manifests:[]s syncOptions:[]s sources:[]ApplicationSource revisions:[]s "
    "autoHealAttemptsCount:i",
    "SyncStrategy": "apply:*SyncStrategyForce hook:*SyncStrategyForce",
    "SyncStrategyForce": "force:b",
    "SyncOperationResource": "group:s kind!:s name!:s namespace:s",
    "ApplicationSetSpec": "goTemplate:b generators!:[]ApplicationSetGenerator template!:ApplicationSetTemplate "
    "syncPolicy:*ApplicationSetSyncPolicy strategy:*ApplicationSetStrategy "
    "preservedFields:*ApplicationPreservedFields goTemplateOptions:[]s applyNestedSelectors:b "
    "ignoreApplicationDifferences:[]ApplicationSetResourceIgnoreDifferences templatePatch:*s",
    "ApplicationSetTemplate": "metadata!:ApplicationSetTemplateMeta spec!:ApplicationSpec",
    "ApplicationSetTemplateMeta": "name:s namespace:s labels:{}s annotations:{}s finalizers:[]s",
    "ApplicationSetSyncPolicy": "preserveResourcesOnDeletion:b applicationsSync:*s",
    "ApplicationSetStrategy": "type:s rollingSync:*ApplicationSetRolloutStrategy deletionOrder:s",
    "ApplicationSetRolloutStrategy": "steps:[]ApplicationSetRolloutStep",
    "ApplicationSetRolloutStep": "matchExpressions:[]ApplicationMatchExpression maxUpdate:*",
    "ApplicationMatchExpression": "key:s operator:s values:[]s",
    "ApplicationPreservedFields": "annotations:[]s labels:[]s",
    "ApplicationSetResourceIgnoreDifferences": "name:s jsonPointers:[]s jqPathExpressions:[]s",
    "LabelSelector": "matchLabels:{}s matchExpressions:[]LabelSelectorRequirement",
    "LabelSelectorRequirement": "key!:s operator!:s values:[]s",
    "ApplicationSetGenerator": f"{_GENERATORS} matrix:*MatrixGenerator merge:*MergeGenerator",
    "ApplicationSetNestedGenerator": f"{_GENERATORS} matrix:* merge:*",
    "ListGenerator": f"elements!:[] elementsYaml:s {_TEMPLATE}",
    "MatrixGenerator": f"generators!:[]ApplicationSetNestedGenerator {_TEMPLATE}",
    "MergeGenerator": f"generators!:[]ApplicationSetNestedGenerator mergeKeys!:[]s {_TEMPLATE}",
    "ClusterGenerator": f"selector!:LabelSelector flatList:b {_TEMPLATE} values:{{}}s",
    "DuckTypeGenerator": f"configMapRef!:s name:s labelSelector!:LabelSelector {_PERIODIC}",
    "GitGenerator": "repoURL!:s directories:[]GitGeneratorItem files:[]GitGeneratorItem revision!:s "
    f"pathParamPrefix:s {_PERIODIC}",
    "GitGeneratorItem": "path!:s exclude:b",
    "PluginGenerator": f"configMapRef!:PluginConfigMapRef input!:PluginInput {_PERIODIC}",
    "PluginConfigMapRef": "name!:s",
    "PluginInput": "parameters:{}",
    "SCMProviderGenerator": "github:*SCMGithub gitlab:*SCMGitlab bitbucket:*SCMBitbucket "
    "bitbucketServer:*SCMBitbucketServer gitea:*SCMGitea azureDevOps:*SCMAzureDevOps "
    f"awsCodeCommit:*SCMAWSCodeCommit filters:[]SCMFilter cloneProtocol:s {_PERIODIC}",
    "SCMGitea": "owner!:s api!:s tokenRef:*SecretRef allBranches:b insecure:b excludeArchivedRepos:b",
    "SCMGithub": "organization!:s api:s tokenRef:*SecretRef appSecretName:s allBranches:b excludeArchivedRepos:b",
    "SCMGitlab": "group!:s includeSubgroups:b api:s tokenRef:*SecretRef allBranches:b insecure:b "
    "includeSharedProjects:*b topic:s caRef:*ConfigMapKeyRef includeArchivedRepos:b",
    "SCMBitbucket": "owner!:s user!:s appPasswordRef!:*SecretRef allBranches:b",
    "SCMBitbucketServer": f"project!:s allBranches:b {_BITBUCKET_SERVER}",
    "SCMAzureDevOps": "organization!:s api:s teamProject!:s accessTokenRef!:*SecretRef allBranches:b",
    "SCMAWSCodeCommit": "tagFilters:[]TagFilter role:s region:s allBranches:b",
    "SCMFilter": "repositoryMatch:*s pathsExist:[]s pathsDoNotExist:[]s labelMatch:*s branchMatch:*s",
    "TagFilter": "key!:s value:s",
    "PullRequestGenerator": "github:*PullRequestGithub gitlab:*PullRequestGitLab gitea:*PullRequestGitea "
    "bitbucketServer:*PullRequestBitbucketServer bitbucket:*PullRequestBitbucket azuredevops:*PullRequestAzureDevOps "
    f"filters:[]PullRequestFilter continueOnRepoNotFoundError:b {_PERIODIC}",
    "PullRequestGitea": "owner!:s repo!:s api!:s tokenRef:*SecretRef insecure:b labels:[]s",
    "PullRequestAzureDevOps": "organization!:s project!:s repo!:s api:s tokenRef:*SecretRef labels:[]s",
    "PullRequestGithub": "owner!:s repo!:s api:s tokenRef:*SecretRef appSecretName:s labels:[]s",
    "PullRequestGitLab": "project!:s api:s tokenRef:*SecretRef labels:[]s pullRequestState:s insecure:b "
    "caRef:*ConfigMapKeyRef",
    "PullRequestBitbucketServer": f"project!:s repo!:s {_BITBUCKET_SERVER}",
    "PullRequestBitbucket": "owner!:s repo!:s api:s basicAuth:*BasicAuth bearerToken:*BearerToken",
    "PullRequestFilter": "branchMatch:*s targetBranchMatch:*s titleMatch:*s",
    "BasicAuth": "username!:s passwordRef!:*SecretRef",
    "BearerToken": "tokenRef!:*SecretRef",
    "SecretRef": "secretName!:s key!:s",
    "ConfigMapKeyRef": "configMapName!:s key!:s",
}
"""Fields by struct: `NAME:TYPE`, with `!` for one that is written even when it is empty.

Of a type, `*` is a pointer, `[]` a list, `{}` a map of texts to it; `s` a text, `i` a whole number, `b` a flag, nothing
any JSON. A list or map behind a pointer may be empty. A list with `!` that is not given is null, as Go's nil slice is.
"""
_GO_NAMES = {"s": "string", "i": "int64", "b": "bool"}
_SCALARS: dict[str, tuple[type, Any]] = {"s": (str, ""), "i": (int, 0), "b": (bool, False)}


_PASSED_OVER: Mapping[str, frozenset[str]] = {
    "kustomize": frozenset(
        (
            "forceCommonLabels",
            "forceCommonAnnotations",
            "commonAnnotationsEnvsubst",
            "labelWithoutSelector",
            "labelIncludeTemplates",
        )
    ),
    "helm": frozenset(),
}
"""What a block may say and still count as empty."""


class DecodeError(ValueError):
    """JSON that Go's types cannot hold; the text is that of `encoding/json`."""


@dataclass(frozen=True, slots=True)
class _Field:
    type: str
    always: bool


def _fields(text: str) -> Mapping[str, _Field]:
    made = {}
    for one in text.split():
        name, _, type_ = one.partition(":")
        made[name.removesuffix("!")] = _Field(type_, name.endswith("!"))
    return made


_TABLE = {name: _fields(text) for name, text in _STRUCTS.items()}


def written(value: Any, struct: str = "ApplicationSpec") -> Object:
    """A value of a struct as Go writes it again: unknown fields lost, empty ones left out, a new tree throughout.

    Raises DecodeError for a value of a wrong kind.
    """
    made: Object = _write(value, struct, struct)
    return made


def _write(value: Any, type_: str, path: str) -> Any:
    if type_.startswith("*"):
        return None if value is None else _write(value, type_[1:], path)
    if not type_:
        return value
    if type_ in _SCALARS:
        return _scalar(value, type_, path)
    if type_.startswith("[]"):
        items = _of_kind(value, list, type_, path)
        return [_write(one, type_[2:], f"{path}.{place}") for place, one in enumerate(items or ())]
    if type_.startswith("{}"):
        entries = _of_kind(value, dict, type_, path)
        return {str(key): _write(one, type_[2:], f"{path}.{key}") for key, one in (entries or {}).items()}
    given = _of_kind(value, dict, type_, path) or {}
    made: Object = {}
    for name, field in _TABLE[type_].items():
        found = given.get(name)
        if found is None and not field.always:
            continue
        if found is None and field.type.startswith("[]"):
            made[name] = None
            continue
        one = _write(found, field.type, f"{path}.{name}")
        if field.always or not _is_empty(one, field.type):
            made[name] = one
    return made


def _is_empty(value: Any, type_: str) -> bool:
    if type_.startswith("*"):
        return value is None
    return not value


def _scalar(value: Any, type_: str, path: str) -> Any:
    kind, zero = _SCALARS[type_]
    if value is None:
        return zero
    if kind is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not kind:
        raise _mismatch(value, type_, path)
    return value


def _of_kind(value: Any, kind: type, type_: str, path: str) -> Any:
    if value is not None and not isinstance(value, kind):
        raise _mismatch(value, type_, path)
    return value


def _mismatch(value: Any, type_: str, path: str) -> DecodeError:
    kind = kind_of(value)
    if type_ == "i" and kind == "number":
        kind = f"number {value}"
    where = f"Go struct field {path} of type" if "." in path else "Go value of type"
    return DecodeError(f"json: cannot unmarshal {kind} into {where} {_go_name(type_)}")


def _go_name(type_: str) -> str:
    if type_.startswith("*"):
        return _go_name(type_[1:])
    if type_.startswith("[]"):
        return "[]" + _go_name(type_[2:])
    if type_.startswith("{}"):
        return "map[string]" + _go_name(type_[2:])
    return _GO_NAMES.get(type_) or ("v1." if type_ == "ObjectMeta" else "v1alpha1.") + type_


def normalized(spec: Object) -> Object:
    """A spec as Argo CD's controllers make it before they compare or write it: `written`, without blocks that say
    nothing, and with a project. Raises DecodeError.
    """
    made = written(spec)
    made["project"] = made["project"] or "default"
    policy = made.get("syncPolicy")
    if policy is not None and not policy:
        del made["syncPolicy"]
    for source in made.get("sources") or ([made["source"]] if "source" in made else []):
        for block, passed_over in _PASSED_OVER.items():
            if block in source and not source[block].keys() - passed_over:
                del source[block]
        directory = source.get("directory")
        if directory is not None and not directory.keys() & {"recurse", "jsonnet", "disableExtensionFilter"}:
            kept = {key: directory[key] for key in ("exclude", "include") if key in directory}
            source.pop("directory")
            if kept:
                source["directory"] = kept
    return made
