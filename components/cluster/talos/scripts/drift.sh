#!/usr/bin/env bash
# Whether one node runs the machine config that the stack has. Looks and changes nothing; whatever happens it ends well
# and soon, since it is part of a preview.
source "${BASH_SOURCE[0]%/*}/lib.sh"

compare() (
  prepare
  patience=10
  read_secrets
  require_talosctl "${TALOS_CONTRACT:?}"
  make_talosconfig
  running_config "$address" || exit 1
  config=$(printf '%s' "$config" | keep_kubernetes)
  on "$address" apply-config -f /dev/stdin --mode staged --dry-run < <(printf '%s' "$config")
  ((status == 0)) || exit 1
  lines=$(cat "$work/err" "$work/out" | grep -cE '^[+-][^+-]' || true)
  if said 'No changes\.'; then
    result same
  elif has_staged "$address"; then
    result staged
  else
    result changed lines "$lines"
  fi
)

compare 2>/dev/null || result unknown
