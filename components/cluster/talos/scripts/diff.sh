#!/usr/bin/env bash
# What `pulumi up` would change in one node's machine config: Talos' answer to a dry run, with the values alone that cannot be
# a secret.
source "${BASH_SOURCE[0]%/*}/lib/step.sh"
source "${BASH_SOURCE[0]%/*}/lib/talosctl.sh"

start "${TALOS_CONTRACT:?}" 30
allows_maintenance=yes

find_node "$address" || fail "the node does not answer" "$unreachable_hint"
if [[ $state == maintenance ]]; then
  echo "in maintenance mode: everything is new"
  exit 0
fi
running_config "$address" || fail "the machine config of the node cannot be read" "$unreachable_hint"
config=$(printf '%s' "$config" | keep_kubernetes)
on_node "$address" apply-config -f /dev/stdin --mode auto --dry-run < <(printf '%s' "$config")
((status == 0)) || fail "the node rejects the machine config" "correct the setting or the patch that the output above names"
cat "$work/err" "$work/out" | redact_diff | redact
