#!/usr/bin/env bash
# Compares what the overlays on the git server say with what runs, both clusters at the same time.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
clone=$LAB_WORKSPACE/platform

git -C "$clone" fetch --quiet origin
git -C "$clone" archive origin/main apps/web | tar -x -C "$work"

compare() {
  local cluster=$1 overlay=$2 want got
  want=$(kubectl kustomize "$work/apps/web/overlays/$overlay" | sed -n 's/^  replicas: //p')
  got=$(kubectl --context "$cluster" -n shop get deployment web --ignore-not-found \
    -o jsonpath='{.spec.replicas} wanted and {.status.readyReplicas} ready')
  if [ "$got" != "$want wanted and $want ready" ]; then
    echo "$cluster: got ${got:-no Deployment web}, want $want as $overlay says in git"
    return 1
  fi
}

compare w1 production &
first=$!
compare w2 staging &
second=$!
wait "$first" && wait "$second"
