"""Everything the lab knows of Argo CD: installing it, registering clusters with it, reading it, taking it down."""

NAMESPACE = "argocd"
"""Where every instance of the lab runs; Argo CD's ClusterRoleBindings name this namespace."""

IN_CLUSTER = "https://kubernetes.default.svc"
"""How Argo CD addresses the cluster it runs in (`KubernetesInternalAPIServerAddr`)."""

MARK = "gitops-lab"
"""Value of `app.kubernetes.io/managed-by` on what the lab adds."""
