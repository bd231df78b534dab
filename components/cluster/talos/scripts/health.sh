#!/usr/bin/env bash
# Waits until the cluster is well. The node lists are always given: without discovery Talos knows no members.
source "${BASH_SOURCE[0]%/*}/lib.sh"

prepare
read_secrets
require_talosctl "${TALOS_CONTRACT:?}"
make_talosconfig
deadline 1200

while :; do
  left=$((ends - SECONDS))
  if health "$((left > 1 ? left : 1))" "${TALOS_CONTROL_PLANES:?}" "${TALOS_WORKERS:-}"; then
    result healthy
    exit 0
  fi
  rest || fail "the cluster is not well" \
    "the last line says what is missing; see talosctl -n ADDRESS services of the node it names; then run the same command again"
done
