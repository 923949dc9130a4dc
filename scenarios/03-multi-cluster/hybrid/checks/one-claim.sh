#!/usr/bin/env bash
# Puts what all Applications of both instances deploy into one list. An object that stands there twice has two owners.
# Applications of the lab's own checks, called denied-..., deploy nothing and are left out.
set -euo pipefail

deploys='{{range .items}}{{$app := .}}{{with .status}}{{range .resources}}{{$app.spec.destination.name}} {{.kind}} '
deploys=$deploys'{{with .namespace}}{{.}}/{{end}}{{.name}}|{{$app.metadata.name}}{{"\n"}}{{end}}{{end}}{{end}}'
shared='{range .items[*]}{.metadata.name}|{range .status.conditions[?(@.type=="SharedResourceWarning")]}'
shared=$shared'{.message}{end}{"\n"}{end}'

# of INSTANCE: its objects, one "cluster kind namespace/name|instance/application" each.
of() {
  kubectl --context "$1" -n argocd get applications.argoproj.io -o go-template="$deploys" |
    awk -F'|' -v instance="$1" '$2 !~ /^denied-/ { print $1 "|" instance "/" $2 }'
}

objects=$(of hub && of w1)
if [ -z "$objects" ]; then
  echo "no Application deploys anything yet"
  exit 1
fi
twice=$(sort -u <<<"$objects" |
  awk -F'|' '$1 == object { print $1 " is deployed by " owner " and by " $2 } { object = $1; owner = $2 }')
if [ -n "$twice" ]; then
  echo "$twice"
  exit 1
fi

for instance in hub w1; do
  complaint=$(kubectl --context "$instance" -n argocd get applications.argoproj.io -o jsonpath="$shared" |
    awk -F'|' '$1 !~ /^denied-/ && $2 != "" { print $2 }')
  if [ -n "$complaint" ]; then
    echo "the Argo CD of $instance complains: $complaint"
    exit 1
  fi
done
