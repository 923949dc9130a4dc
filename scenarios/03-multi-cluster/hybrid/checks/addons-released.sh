#!/usr/bin/env bash
# Release 2 of the agent, rolled out everywhere.
set -euo pipefail

text='{.spec.template.spec.containers[0].env[0].value}; {.status.updatedReplicas} of {.spec.replicas} pods'
want='agent of the platform, release 2; 1 of 1 pods'

for cluster in hub w1 w2; do
  got=$(kubectl --context "$cluster" -n platform get deployment agent --ignore-not-found -o jsonpath="$text")
  if [ "$got" != "$want" ]; then
    echo "$cluster: got ${got:-no agent}, want $want"
    exit 1
  fi
done
