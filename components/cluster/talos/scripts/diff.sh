#!/usr/bin/env bash
# What `pulumi up` would change in one node's machine config: Talos' own answer to a dry run, without secrets.
source "${BASH_SOURCE[0]%/*}/lib.sh"

prepare
read_secrets
require_talosctl "${TALOS_CONTRACT:?}"
make_talosconfig
deadline 30

find_node "$address" || fail "the node does not answer" "$unreachable_hint"
if [[ $state == maintenance ]]; then
  echo "in maintenance mode: everything is new"
  exit 0
fi
running_config "$address" || fail "the node does not tell its machine config" "$unreachable_hint"
config=$(printf '%s' "$config" | keep_kubernetes)
on "$address" apply-config -f /dev/stdin --mode auto --dry-run < <(printf '%s' "$config")
((status == 0)) || fail "the node does not take the machine config" "correct the setting or the patch that the lines above speak of"
cat "$work/err" "$work/out" | redact
