#!/usr/bin/env bash
# Wipes one node's config and data, and waits until it is in maintenance mode again. The system itself stays on its disk:
# without the labels the whole disk would go. Not graceful, as the last control plane has nobody to leave etcd to.
source "${BASH_SOURCE[0]%/*}/lib.sh"

prepare
read_secrets
require_talosctl "${TALOS_CONTRACT:?}"
make_talosconfig
deadline 900

asked=""
saved=""
while find_node "$address"; do
  if [[ $state == maintenance ]]; then
    if [[ -n $asked ]]; then result reset; else result unchanged; fi
    exit 0
  fi
  # Saving is not repeated for an answer that got lost, nor is a node asked twice that is at it.
  if [[ -z $asked && $stage != resetting ]]; then
    if [[ -z $saved && ${TALOS_ROLE:?} == controlplane ]]; then snapshot "$address" before-reset; fi
    saved=yes
    on_within 60 "$address" reset --graceful=false --reboot --wait=false \
      --system-labels-to-wipe STATE --system-labels-to-wipe EPHEMERAL
    if ((status == 0)); then
      asked=yes
    elif ! is_transient; then
      fail "the node cannot be reset" "see talosctl -n $address dmesg; then run the same command again"
    fi
  fi
  rest || break
done
fail "the node is not in maintenance mode (it is ${state}${stage:+, stage $stage})" \
  "look at the machine's console and run the same command again; or leave it as it is: remove the resource from the stack with pulumi state delete"
