#!/usr/bin/env bash
# Stops the hub, and changes an application of the team and an add-on of the platform in one commit. The first must
# move without the hub, the second only when it is back.
. "$(dirname "$0")/../../outage.sh"

begin
remember w1 shop web
remember w2 platform agent
agent=$page
new="drill $(date +%s)"
rewrite teams/shop/web/patch.yaml "$new"
rewrite platform/addons/patch.yaml "$new"

stop_hub
push_drill
until_says 180 w1 shop web "$new" || fail "web of the team without the hub: got ${page:-no answer}, want $new"
keeps_saying 10 w2 platform agent "$agent" || fail "the agent on w2 without the hub: got ${page:-no answer}, want $agent"

start_hub
until_says 240 w2 platform agent "$new" || fail "the agent on w2 after the hub is back: got ${page:-no answer}, want $new"
