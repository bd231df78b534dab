#!/usr/bin/env bash
# What one node reports of itself, for `npm run doctor`: its state, version and clock, and etcd on control planes. Changes
# nothing. Each answer follows a line `### NAME STATUS`; STATUS is 0, or the exit code of a call that failed.
source "${BASH_SOURCE[0]%/*}/lib/step.sh"
source "${BASH_SOURCE[0]%/*}/lib/talosctl.sh"

call_timeout=${TALOS_CALL_TIMEOUT:-8}
start "${TALOS_CONTRACT:?}" 60

section() {
  printf '### %s %d\n' "$1" "$status"
  if ((status == 0)); then cat "$work/out"; else last_output; fi
  printf '\n'
}

node_state "$address"
printf '### state 0\n%s %s\n' "$state" "$stage"
[[ $state == configured ]] || exit 0
on_node "$address" version --json
section version
date -u '+### here 0%n%Y-%m-%dT%H:%M:%SZ'
on_node "$address" time
section time
if [[ ${TALOS_ROLE:?} == controlplane ]]; then
  on_node "$address" etcd status
  section etcd
  on_node "$address" etcd alarm list
  section alarms
fi
