#!/usr/bin/env bash
# Whether one node runs the machine config of the stack. Changes nothing, except for the note that a node has lost its config,
# and always succeeds soon: it is part of a preview.
source "${BASH_SOURCE[0]%/*}/lib/step.sh"
source "${BASH_SOURCE[0]%/*}/lib/talosctl.sh"

compare() (
  call_timeout=10
  start "${TALOS_CONTRACT:?}" 60
  if ! running_config "$address"; then
    node_state "$address"
    [[ $state == maintenance ]] || exit 1
    note_wiped "$address"
    result wiped
    return
  fi
  config=$(printf '%s' "$config" | keep_kubernetes)
  on_node "$address" apply-config -f /dev/stdin --mode staged --dry-run < <(printf '%s' "$config")
  ((status == 0)) || exit 1
  lines=$(cat "$work/err" "$work/out" | grep -cE '^[+-][^+-]' || true)
  if output_has 'No changes\.'; then
    result same
  elif has_staged "$address"; then
    result staged
  else
    result changed lines "$lines"
  fi
)

compare 2>/dev/null || result unknown
