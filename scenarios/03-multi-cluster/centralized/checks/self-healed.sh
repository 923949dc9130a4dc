#!/usr/bin/env bash
# Argo CD made Service and Deployment in one sync, the Service first. A Service younger than its Deployment was
# deleted and made again.
set -euo pipefail

born() {
  kubectl --context w1 -n shop get "$1" web --ignore-not-found -o jsonpath='{.metadata.creationTimestamp}'
}

service=$(born service)
deployment=$(born deployment)
if [ -z "$service" ]; then
  echo "there is no Service web on w1; Argo CD has not put it back yet"
  exit 1
fi
# RFC 3339 times of one zone sort like text.
if [[ ! $service > $deployment ]]; then
  echo "the Service of web on w1 is as old as its Deployment: nobody has deleted it yet"
  exit 1
fi
