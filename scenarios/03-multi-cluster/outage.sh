# shellcheck shell=bash
# What the drills of this folder share: a commit made beside the learner's own work, the hub's outage, and taking both
# back. Sourced by checks/hub-loss.sh; uses the variables of `lab env`. The first line on stdout is the drill's reason,
# so everything else goes to stderr.
set -uo pipefail

clone=$LAB_WORKSPACE/platform
side=$(mktemp -d)
pages=()  # "CLUSTER NAMESPACE SERVICE TEXT" of every page that must be back at the end
before='' # newest commit before the drill
drill=''  # the drill's own commit
stopped='' # whether the drill has stopped the hub
page=''   # what was read last

fail() {
  echo "$1"
  exit 1
}

# read_page CLUSTER NAMESPACE SERVICE: fills $page; empty when nobody answers.
read_page() {
  page=$(kubectl --context "$1" --request-timeout=3s get --raw "/api/v1/namespaces/$2/services/$3:80/proxy/" 2>/dev/null)
}

# remember CLUSTER NAMESPACE SERVICE: reads the page and wants it back at the end.
remember() {
  read_page "$@"
  [ -n "$page" ] || fail "$3 on $1 does not answer, even before the drill"
  pages+=("$1 $2 $3 $page")
}

# until_says SECONDS CLUSTER NAMESPACE SERVICE TEXT: waits for the page to say the text.
until_says() {
  local end=$((SECONDS + $1))
  shift
  until read_page "$1" "$2" "$3" && [ "$page" = "$4" ]; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 1
  done
}

# keeps_saying SECONDS CLUSTER NAMESPACE SERVICE TEXT: asks every second and stops at the first other answer. A single
# question that gets lost is asked again: it comes through the API server, which may be busy.
keeps_saying() {
  local end=$((SECONDS + $1))
  shift
  while [ "$SECONDS" -lt "$end" ]; do
    read_page "$1" "$2" "$3" || read_page "$1" "$2" "$3"
    [ "$page" = "$4" ] || return 1
    sleep 1
  done
}

# begin: a working tree of its own at the newest commit; the learner's files are not touched.
begin() {
  git -C "$clone" fetch --quiet origin >&2 || fail "the git server does not answer"
  before=$(git -C "$clone" rev-parse origin/main)
  git -C "$clone" worktree add --quiet --detach "$side/tree" "$before" >&2 || fail "git worktree add failed"
}

# rewrite FILE TEXT: lets the page of this patch say the text.
rewrite() {
  sed "s|^\( *value: \).*|\1$2|" "$side/tree/$1" >"$side/page" && cp "$side/page" "$side/tree/$1"
}

# push_drill: commits what was rewritten and pushes it.
push_drill() {
  local tree=$side/tree
  git -C "$tree" -c user.name=drill -c user.email=drill@lab.invalid commit --quiet -am "Drill: say something else" >&2 ||
    fail "there was nothing to commit"
  drill=$(git -C "$tree" rev-parse HEAD)
  git -C "$tree" push --quiet origin HEAD:refs/heads/main >&2 || fail "git push failed"
}

stop_hub() {
  stopped=yes
  lab pause hub >&2 || fail "lab pause hub failed"
}

start_hub() {
  lab resume hub >&2 || fail "lab resume hub failed"
  stopped=''
}

take_back() {
  local status=$? told
  trap - EXIT
  trap '' INT TERM HUP
  if [ -n "$stopped" ] && ! lab resume hub >&2; then
    echo "the hub could not be started again: lab resume hub"
    status=1
  fi
  # The lease keeps a commit that somebody else has pushed meanwhile.
  if [ -n "$drill" ] &&
    ! git -C "$clone" push --quiet --force-with-lease="main:$drill" origin "$before:refs/heads/main" >&2; then
    echo "the drill's commit ${drill:0:7} is still on the git server: git revert ${drill:0:7} && git push"
    status=1
  fi
  git -C "$clone" worktree remove --force "$side/tree" >&2
  rm -rf "$side"
  for told in ${pages[@]+"${pages[@]}"}; do
    # shellcheck disable=SC2086 # the first three words are separate on purpose
    set -- ${told}
    until_says 120 "$1" "$2" "$3" "${told#"$1 $2 $3 "}" || echo "$3 on $1 does not say again: ${told#"$1 $2 $3 "}"
  done
  exit "$status"
}

trap take_back EXIT
trap 'exit 1' INT TERM HUP
