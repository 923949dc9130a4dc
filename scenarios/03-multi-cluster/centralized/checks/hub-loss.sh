#!/usr/bin/env bash
# Stops the hub, commits a change for production, and looks at what production does without it and after.
. "$(dirname "$0")/../../outage.sh"

begin
remember w1 shop web
was=$page
new="drill $(date +%s)"
rewrite apps/web/overlays/production/patch.yaml "$new"

stop_hub
push_drill
keeps_saying 20 w1 shop web "$was" || fail "web on w1 without the hub: got ${page:-no answer}, want $was"

start_hub
until_says 240 w1 shop web "$new" || fail "web on w1 after the hub is back: got ${page:-no answer}, want $new"
