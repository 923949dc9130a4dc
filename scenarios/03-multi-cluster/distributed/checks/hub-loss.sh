#!/usr/bin/env bash
# Stops the hub, commits a change for team w1, and sees whether the team's own Argo CD deploys it without the hub.
. "$(dirname "$0")/../../outage.sh"

begin
remember w1 shop web
new="drill $(date +%s)"
rewrite apps/web/overlays/w1/patch.yaml "$new"

stop_hub
keeps_saying 5 w1 shop web "$page" || fail "web on w1 without the hub: got ${page:-no answer}"
push_drill
until_says 180 w1 shop web "$new" || fail "web on w1 without the hub: got ${page:-no answer}, want $new"
start_hub
