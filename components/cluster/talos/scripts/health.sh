#!/usr/bin/env bash
# Waits until the cluster is healthy. The node lists are always given: without discovery Talos knows no members.
source "${BASH_SOURCE[0]%/*}/lib/step.sh"
source "${BASH_SOURCE[0]%/*}/lib/talosctl.sh"

start "${TALOS_CONTRACT:?}" 1200

while :; do
  left=$((ends - SECONDS))
  if health "$((left > 1 ? left : 1))" "${TALOS_CONTROL_PLANES:?}" "${TALOS_WORKERS:-}"; then
    result healthy
    exit 0
  fi
  pause || fail "the cluster is not healthy" \
    "the last line above names what is missing; see talosctl -n ADDRESS services of that node; then run the same command again"
done
