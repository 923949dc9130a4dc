#!/usr/bin/env bash
# An Argo CD writes its claim on every object it deploys: the tracking id and, where one is set, its installation id.
# Here all claims on a cluster must carry the installation id of the Argo CD that runs there, and no Application on any
# instance may complain that it shares an object with another.
set -euo pipefail

kinds=deployments.apps,statefulsets.apps,services,configmaps,serviceaccounts,roles.rbac.authorization.k8s.io
kinds=$kinds,rolebindings.rbac.authorization.k8s.io,networkpolicies.networking.k8s.io,applications.argoproj.io
claim='{range .items[*]}{.kind}/{.metadata.name}|{.metadata.annotations.argocd\.argoproj\.io/tracking-id}'
claim=$claim'|{.metadata.annotations.argocd\.argoproj\.io/installation-id}{"\n"}{end}'
shared='{range .items[*]}{range .status.conditions[?(@.type=="SharedResourceWarning")]}{.message}{"\n"}{end}{end}'

for cluster in w1 w2; do
  claims=$(
    kubectl --context "$cluster" -n argocd get "$kinds" -o jsonpath="$claim"
    kubectl --context "$cluster" -n shop get deployments.apps,services -o jsonpath="$claim"
    kubectl --context "$cluster" get clusterroles,clusterrolebindings -l app.kubernetes.io/part-of=argocd \
      -o jsonpath="$claim"
  )
  claimed=$(awk -F'|' '$2 != ""' <<<"$claims")
  if [ -z "$claimed" ]; then
    echo "nothing on $cluster carries a claim yet"
    exit 1
  fi
  others=$(awk -F'|' -v own="$cluster" '
    $3 != own { if (!count++) first = $1 }
    END { if (count > 1) print first " and " count - 1 " more"; else if (count) print first }' <<<"$claimed")
  if [ -n "$others" ]; then
    echo "on $cluster not (yet) claimed by its own Argo CD: $others"
    exit 1
  fi
done

for instance in hub w1 w2; do
  complaint=$(kubectl --context "$instance" -n argocd get applications.argoproj.io -o jsonpath="$shared" | sed -n 1p)
  if [ -n "$complaint" ]; then
    echo "the Argo CD of $instance complains: $complaint"
    exit 1
  fi
done
