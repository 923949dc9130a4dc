#!/usr/bin/env bash
# Two Argo CDs are the same when they run the same image and follow the same release of the settings.
set -euo pipefail

described() {
  local release image
  release=$(kubectl --context "$1" -n argocd get configmap argocd-cm -o jsonpath='{.metadata.labels.release}')
  image=$(kubectl --context "$1" -n argocd get statefulset argocd-application-controller \
    -o jsonpath='{.spec.template.spec.containers[0].image}')
  echo "release ${release:-none} on $image"
}

w1=$(described w1)
w2=$(described w2)
if [ "$w1" != "$w2" ]; then
  echo "w1 has $w1, w2 has $w2"
  exit 1
fi
