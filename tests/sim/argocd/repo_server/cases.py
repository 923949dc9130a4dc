"""Repositories and requests that Argo CD's own repository server was asked, and ours is asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lab.sim.git.repositories import File

BASE = "http://lab-git:3000"


def config_map(name: str, **data: str) -> bytes:
    lines = [f"  {key}: {value!r}" for key, value in data.items()]
    return "\n".join(
        ["apiVersion: v1", "kind: ConfigMap", "metadata:", f"  name: {name}", "data:", *lines, ""]
    ).encode()


_CHART = b"apiVersion: v2\nname: shop\nversion: 0.1.0\nappVersion: '1'\n"
_SHOP = b"""apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-{{ .Chart.Name }}
  namespace: {{ .Release.Namespace }}
data:
  color: {{ .Values.color | quote }}
  size: {{ .Values.size | toString | quote }}
  kind: {{ printf "%T" .Values.size | quote }}
  note: {{ .Values.note | default "" | quote }}
  kube: {{ .Capabilities.KubeVersion.Version }}
  has: {{ .Capabilities.APIVersions.Has "shop.example.com/v1/Order" | quote }}
"""
_CRD = b"""apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: orders.shop.example.com
spec:
  group: shop.example.com
  names: {kind: Order, plural: orders}
  scope: Namespaced
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
"""
_TEST = b"""apiVersion: v1
kind: Pod
metadata:
  name: {{ .Release.Name }}-test
  annotations: {"helm.sh/hook": test}
spec: {containers: [{name: a, image: a}]}
"""
_DEPLOYMENT = b"""apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: "nginx:1.0"}]
"""
REPOSITORIES: dict[str, dict[str, bytes | File]] = {
    "apps": {
        "README.md": b"# apps\n",
        "plain/b.yaml": config_map("b", x="1"),
        "plain/a.yaml": config_map("a", x="1") + b"---\n" + config_map("a2", x="2"),
        "plain/c.json": b'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}',
        "plain/notes.txt": b"nothing\n",
        "plain/sub/d.yaml": config_map("d", x="1"),
        "list/list.yaml": b"apiVersion: v1\nkind: List\nitems:\n"
        b"- apiVersion: v1\n  kind: Service\n  metadata: {name: s}\n"
        b"- apiVersion: v1\n  kind: Secret\n  metadata: {name: t, namespace: other}\n",
        "list/null.yaml": b"apiVersion: v1\nitems: null\nkind: ConfigMapList\n",
        "values-only/values.yaml": b"color: red\n",
        "broken/a.yaml": config_map("a", x="1") + b"---\nkind: [\n",
        "looks/a.yaml": b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: [}\n",
        "strange/a.yaml": b"foo: [\n",
        "nokind/a.yaml": b"apiVersion: v1\nmetadata: {name: a}\n",
        "twojson/a.json": b'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}} {"a": 1}',
        "badjson/a.json": b'{"apiVersion": "v1", "kind": "ConfigMap"',
        "skipped/a.yaml": b"# +argocd:skip-file-rendering\n" + config_map("a", x="1"),
        "skipped/b.yaml": config_map("b", x="1"),
        "numbers/a.yaml": b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  annotations: {count: 1}\n",
        "strings/a.yaml": b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  labels: {ready: true}\n",
        "nometa/a.yaml": b"apiVersion: v1\nkind: ConfigMap\ndata: {a: b}\n",
        "oldmeta/a.yaml": b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: "
        b"{argocd.argoproj.io/installation-id: other, argocd.argoproj.io/tracking-id: 'x:/y:z/w'}}\n",
        "crds/a.yaml": _CRD,
        "workload/a.yaml": _DEPLOYMENT,
        "link/a.yaml": File(b"../plain/b.yaml", 0o120000),
        "link/gone.yaml": File(b"nowhere.yaml", 0o120000),
        "empty/.gitkeep": b"",
        "file.yaml": config_map("root", x="1"),
    },
    "charts": {
        "shop/Chart.yaml": _CHART,
        "shop/values.yaml": b"color: blue\nsize: 1\n",
        "shop/values-prod.yaml": b"color: gold\n",
        "shop/note.txt": b"from a file\n",
        "shop/crds/order.yaml": _CRD,
        "shop/templates/shop.yaml": _SHOP,
        "shop/templates/test.yaml": _TEST,
        "common/values.yaml": b"size: 9\n",
        "overridden/Chart.yaml": _CHART,
        "overridden/values.yaml": b"color: blue\nsize: 1\n",
        "overridden/templates/shop.yaml": _SHOP,
        "overridden/.argocd-source.yaml": b"helm:\n  parameters:\n  - {name: color, value: all}\n",
        "overridden/.argocd-source-special.yaml": b"helm:\n  parameters:\n  - {name: color, value: special}\n",
        "badoverride/.argocd-source.yaml": b"helm: [\n",
        "badoverride/Chart.yaml": _CHART,
        "failing/Chart.yaml": _CHART,
        "failing/templates/a.yaml": b'{{ required "color is needed" .Values.color }}\n',
        "kube/Chart.yaml": _CHART + b"kubeVersion: '>=1.40.0'\n",
        "nochart/values.yaml": b"a: 1\n",
        "library/Chart.yaml": _CHART + b"type: library\n",
        "needs/Chart.yaml": _CHART
        + b"dependencies:\n- {name: redis, version: 1.0.0, repository: 'https://x.example'}\n",
    },
    "kustomize": {
        "base/kustomization.yaml": b"resources: [web.yaml]\n",
        "base/web.yaml": _DEPLOYMENT,
        "prod/kustomization.yaml": b"resources: [../base]\nnamePrefix: prod-\n",
        "yml/kustomization.yml": b"resources: [../base]\n",
        "Upper/Kustomization": b"resources: [../base]\n",
        "both/kustomization.yaml": b"resources: [../base/web.yaml]\n",
        "both/Chart.yaml": _CHART,
        "missing/kustomization.yaml": b"resources: [nothing.yaml]\n",
        "malformed/kustomization.yaml": b"resources: [\n",
        "component/kustomization.yaml": b"apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
        b"nameSuffix: -c\n",
    },
    "links": {"a.yaml": config_map("a", x="1"), "evil": File(b"../../etc/passwd", 0o120000)},
    "empty": {},
}

BRANCHES = {("charts", "old"): {"values.yaml": b"color: old\n"}}
"""Branches beside the main one."""


@dataclass(frozen=True)
class Case:
    """One request; `path`, `helm` and so on of `source` are given as they stand in an Application."""

    name: str
    repository: str
    source: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    """Fields of the request other than the usual ones."""
    references: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Repository and revision by `$name`."""


def _directory(name: str, path: str, **directory: Any) -> Case:
    return Case(name, "apps", {"path": path, **({"directory": directory} if directory else {})})


def _helm(name: str, path: str = "shop", more: dict[str, Any] | None = None, **helm: Any) -> Case:
    return Case(name, "charts", {"path": path, **({"helm": helm} if helm else {})}, more or {})


def _kustomize(name: str, path: str = "prod", more: dict[str, Any] | None = None, **kustomize: Any) -> Case:
    return Case(name, "kustomize", {"path": path, **({"kustomize": kustomize} if kustomize else {})}, more or {})


_VARIABLES = "$ARGOCD_APP_NAME ${ARGOCD_APP_NAMESPACE} $ARGOCD_APP_PROJECT_NAME $ARGOCD_APP_REVISION_SHORT"
_VARIABLES += " $ARGOCD_APP_REVISION_SHORT_8 $ARGOCD_APP_SOURCE_PATH $ARGOCD_APP_SOURCE_TARGET_REVISION $$HOME"
_VARIABLES += " $UNKNOWN."
_MULTIPLE = {"multiple": True}
CASES = [
    _directory("a directory", "plain"),
    _directory("a directory with what is below", "plain", recurse=True),
    _directory("only included files", "plain", recurse=True, include="{a,sub/*}.yaml"),
    _directory("without excluded files", "plain", exclude="*.json"),
    _directory("every file", "plain", disableExtensionFilter=True, include="*.yaml"),
    _directory("the root", "."),
    _directory("no path", ""),
    _directory("lists", "list"),
    _directory("files that are no manifests", "values-only"),
    _directory("a broken second document", "broken"),
    _directory("a broken manifest", "looks"),
    _directory("a broken file that is none", "strange"),
    _directory("no kind", "nokind"),
    _directory("two objects in JSON", "twojson"),
    _directory("broken JSON", "badjson"),
    _directory("a file that is left out", "skipped"),
    _directory("an annotation that is a number", "numbers"),
    _directory("a label that is no text", "strings"),
    _directory("no metadata", "nometa"),
    _directory("marks of somebody else", "oldmeta"),
    _directory("a definition has no marks", "crds"),
    _directory("symbolic links", "link"),
    _directory("an empty folder", "empty"),
    _directory("a path that is missing", "nothing/here"),
    _directory("a path that is a file", "file.yaml"),
    _directory("an absolute path", "/plain"),
    _directory("a path outside", "../plain"),
    _directory("a roundabout path", "./plain/../plain"),
    Case("two kinds of source", "apps",
         {"path": "plain", "helm": {"values": "a: 1"}, "kustomize": {"namePrefix": "a"}}),
    Case("labels only", "apps", {"path": "workload"}, {"tracking": "label"}),
    Case("labels only, on a bad label", "apps", {"path": "strings"}, {"tracking": "label"}),
    Case("labels and annotations", "apps", {"path": "workload"}, {"tracking": "annotation+label"}),
    Case("a long name", "apps", {"path": "workload"}, {"tracking": "annotation+label", "instance": "a" * 62 + "-long"}),
    Case("the old label", "apps", {"path": "workload"},
         {"tracking": "label", "label_key": "applications.argoproj.io/app-name"}),
    Case("an installation", "apps", {"path": "workload"}, {"installation": "lab"}),
    Case("marks of somebody else, with an installation", "apps", {"path": "oldmeta"}, {"installation": "lab"}),
    Case("an Application elsewhere", "apps", {"path": "workload"}, {"instance": "team_app", "application": "app"}),
    Case("no namespace", "apps", {"path": "workload"}, {"namespace": ""}),
    Case("a branch", "apps", {"path": "plain", "targetRevision": "main"}),
    Case("a full reference", "apps", {"path": "plain", "targetRevision": "refs/heads/main"}),
    Case("an unknown branch", "apps", {"path": "plain", "targetRevision": "nope"}),
    Case("an unknown version", "apps", {"path": "plain", "targetRevision": "1.*"}),
    Case("an unknown commit", "apps", {"path": "plain", "targetRevision": "1" * 40}),
    Case("an unknown beginning of a commit", "apps", {"path": "plain", "targetRevision": "1" * 8}),
    Case("no such repository", "nothing", {"path": "."}),
    Case("a link that leaves the repository", "links", {"path": "."}),
    Case("an empty repository", "empty", {"path": "."}),
    _helm("a chart"),
    _helm("an Application elsewhere with a chart", more={"instance": "team_app", "application": "app"}),
    _helm("a release name", releaseName="mine"),
    _helm("a namespace for the chart", namespace="elsewhere"),
    _helm("values", values="color: green\nsize: 2"),
    _helm("values as an object", valuesObject={"color": "green", "size": 2.5}, values="color: never"),
    _helm("empty values", valuesObject={}, values="color: never"),
    _helm("value files", valueFiles=["values-prod.yaml"]),
    _helm("value files from the root", valueFiles=["/common/values.yaml"]),
    _helm("value files by variable", valueFiles=["values-$ARGOCD_APP_PROJECT_NAME.yaml"], ignoreMissingValueFiles=True),
    _helm("value files that match", valueFiles=["values-*.yaml"]),
    _helm("value files that match nothing", valueFiles=["nothing-*.yaml"]),
    _helm("value files that are missing", valueFiles=["nothing.yaml"]),
    _helm("missing value files are ignored", valueFiles=["nothing.yaml"], ignoreMissingValueFiles=True),
    _helm("value files outside", valueFiles=["../../../etc/passwd"]),
    _helm("value files of another scheme", valueFiles=["ftp://x/values.yaml"]),
    _helm("parameters", parameters=[{"name": "color", "value": "a,b"}, {"name": "size", "value": "7"}]),
    _helm("parameters as text", parameters=[{"name": "size", "value": "7", "forceString": True}]),
    _helm("parameters with variables", parameters=[{"name": "note", "value": _VARIABLES}]),
    _helm("parameters from files", fileParameters=[{"name": "note", "path": "note.txt"}]),
    _helm("parameters from missing files", fileParameters=[{"name": "note", "path": "none.txt"}]),
    _helm("no definitions", skipCrds=True),
    _helm("no tests", skipTests=True),
    _helm("a version of Helm", version="v3"),
    _helm("a version of Helm there is not", version="v2"),
    _helm("a cluster", more={"kube_version": "v1.34.4+sim", "api_versions": ["shop.example.com/v1/Order"]}),
    _helm("another cluster", kubeVersion="1.30", apiVersions=["shop.example.com/v1"]),
    _helm("no version of a cluster", kubeVersion="new"),
    _helm("overrides", "overridden"),
    _helm("overrides for one Application", "overridden", {"instance": "special", "application": "special"}),
    _helm("overrides that cannot be read", "badoverride"),
    _helm("a failing chart", "failing"),
    _helm("a chart for other clusters", "kube", {"kube_version": "v1.34.4"}),
    _helm("no chart at all", "nochart", releaseName="a"),
    _helm("a library", "library"),
    _helm("a wrong release name", releaseName="Not_Good"),
    _kustomize("a kustomization"),
    _kustomize("another name of the file", "yml"),
    _kustomize("yet another name of the file", "Upper"),
    _kustomize("a chart and a kustomization", "both"),
    _kustomize("names", namePrefix="a-", nameSuffix="-z"),
    _kustomize("a namespace", namespace="elsewhere"),
    _kustomize("images", images=["nginx:2.0"]),
    _kustomize("another image", images=["nginx=other/nginx:$ARGOCD_APP_REVISION_SHORT"]),
    _kustomize("an image by digest", images=["nginx@sha256:" + "0" * 64]),
    _kustomize("a wrong image", images=["nginx"]),
    _kustomize("labels", commonLabels={"team": "$ARGOCD_APP_NAME"}),
    _kustomize("labels beside selectors", commonLabels={"team": "a"}, labelWithoutSelector=True),
    _kustomize("labels in templates", commonLabels={"team": "a"},
               labelWithoutSelector=True, labelIncludeTemplates=True),
    _kustomize("labels in templates only", commonLabels={"team": "a"}, labelIncludeTemplates=True),
    _kustomize("annotations", commonAnnotations={"team": "$ARGOCD_APP_NAME"}),
    _kustomize("annotations with variables", commonAnnotations={"t": "$ARGOCD_APP_NAME"},
               commonAnnotationsEnvsubst=True),
    _kustomize("replicas", replicas=[{"name": "web", "count": 3}]),
    _kustomize("replicas as text", replicas=[{"name": "web", "count": "4"}]),
    _kustomize("patches", patches=[
        {"target": {"kind": "Deployment"}, "patch": '[{"op": "replace", "path": "/spec/replicas", "value": 5}]'}]),
    _kustomize("components", components=["../component"]),
    _kustomize("components that are missing", components=["../none"]),
    _kustomize("missing components are ignored", components=["../none", "../component"], ignoreMissingComponents=True),
    _kustomize("a version of kustomize", version="v4.5.7"),
    _kustomize("no version of a cluster for kustomize", kubeVersion="new"),
    _kustomize("a missing resource", "missing"),
    _kustomize("a malformed kustomization", "malformed"),
    _kustomize("no kustomization", "nothing", namePrefix="a-"),
    Case("a directory rendered as a kustomization", "apps", {"path": "plain", "kustomize": {"namePrefix": "a-"}}),
    Case("values of another source", "charts",
         {"path": "shop", "helm": {"valueFiles": ["$other/values-only/values.yaml"]}},
         _MULTIPLE, {"$other": ("apps", "main")}),
    Case("missing values of another source", "charts", {"path": "shop", "helm": {"valueFiles": ["$other/none.yaml"]}},
         _MULTIPLE, {"$other": ("apps", "main")}),
    Case("values outside another source", "charts", {"path": "shop", "helm": {"valueFiles": ["$other/../../a.yaml"]}},
         _MULTIPLE, {"$other": ("apps", "main")}),
    Case("files of another source", "charts",
         {"path": "shop", "helm": {"fileParameters": [{"name": "note", "path": "$other/README.md"}]}},
         _MULTIPLE, {"$other": ("apps", "main")}),
    Case("values of no source", "charts", {"path": "shop", "helm": {"valueFiles": ["$other/values.yaml"]}}, _MULTIPLE),
    Case("values of an unknown source", "charts", {"path": "shop", "helm": {"valueFiles": ["$none/values.yaml"]}},
         _MULTIPLE, {"$other": ("apps", "main")}),
    Case("values of a source that cannot be had", "charts", {"path": "shop", "helm": {"valueFiles": ["$other/a.yaml"]}},
         _MULTIPLE, {"$other": ("apps", "nope")}),
    Case("two revisions of another source", "charts",
         {"path": "shop", "helm": {"valueFiles": ["$a/values-only/values.yaml", "$b/values-only/values.yaml"]}},
         _MULTIPLE, {"$a": ("apps", "main"), "$b": ("apps", "HEAD")}),
    Case("two revisions of another source, anew", "charts",
         {"path": "shop", "helm": {"valueFiles": ["$a/values-only/values.yaml", "$b/values-only/values.yaml"]}},
         {"multiple": True, "hard": True}, {"$a": ("apps", "main"), "$b": ("apps", "HEAD")}),
    Case("another revision of the same source", "charts", {"path": "shop", "helm": {"valueFiles": ["$a/values.yaml"]}},
         {"multiple": True, "revision": "main"}, {"$a": ("charts", "old")}),
    Case("another revision of the same source, anew", "charts",
         {"path": "shop", "helm": {"valueFiles": ["$a/values.yaml"]}},
         {"multiple": True, "hard": True, "revision": "main"}, {"$a": ("charts", "old")}),
    Case("the same source", "charts", {"path": "shop", "helm": {"valueFiles": ["$a/common/values.yaml"]}},
         {"multiple": True, "revision": "main"}, {"$a": ("charts", "HEAD")}),
    Case("no path among several sources", "kustomize", {}, _MULTIPLE),
    Case("a source that is only referred to", "apps", {"ref": "values"}, _MULTIPLE, {"$values": ("apps", "main")}),
    Case("a source that is referred to and rendered", "apps", {"ref": "values", "path": "workload"}, _MULTIPLE,
         {"$values": ("apps", "main")}),
]  # fmt: skip

QUESTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "folders": ("directories", {"repository": "apps"}),
    "folders of a branch": ("directories", {"repository": "charts", "revision": "old"}),
    "folders of an unknown branch": ("directories", {"repository": "apps", "revision": "nope"}),
    "folders of no repository": ("directories", {"repository": "nothing"}),
    "folders of an unknown commit": ("directories", {"repository": "apps", "revision": "1" * 40}),
    "files": ("files", {"repository": "apps", "path": "plain/*.yaml"}),
    "files, with the new patterns": ("files", {"repository": "apps", "path": "plain/[a-z]*", "new": True}),
    "files at any depth": ("files", {"repository": "apps", "path": "**/d.yaml", "new": True}),
    "files of a folder": ("files", {"repository": "apps", "path": "plain"}),
    "files of a folder, with the new patterns": ("files", {"repository": "apps", "path": "list", "new": True}),
    "no files": ("files", {"repository": "apps", "path": "none*"}),
    "files outside": ("files", {"repository": "apps", "path": "../*"}),
    "files of a broken pattern": ("files", {"repository": "apps", "path": "[", "new": True}),
    "files of an unknown branch": ("files", {"repository": "apps", "revision": "nope", "path": "*"}),
}
"""What git generators ask: directories or files."""
