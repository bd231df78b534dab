#!/usr/bin/env bash
# Wipes the config and data of one node, and waits until it is in maintenance mode. Talos stays on the disk: without the
# labels the whole disk would be wiped. Not graceful, because the last control plane cannot leave etcd.
source "${BASH_SOURCE[0]%/*}/lib/step.sh"
source "${BASH_SOURCE[0]%/*}/lib/talosctl.sh"

start "${TALOS_CONTRACT:?}" 900
allows_maintenance=yes

# A deployment that gives the machine another name deletes the resource of the old one, which must not wipe the machine.
keep_renamed() {
  local name
  on_node "$address" get nodename -o 'jsonpath={.spec.nodename}'
  name=$(tr -d '[:space:]' <"$work/out")
  if ((status != 0)) || [[ -z $name || $name == "$node" ]]; then return 0; fi
  echo "$node ($address): the machine is $name now, and is left as it is" >&2
  result renamed to "$name"
  exit 0
}

requested=""
saved=""
while find_node "$address"; do
  if [[ $state == maintenance ]]; then
    if [[ -n $requested ]]; then result reset; else result unchanged; fi
    exit 0
  fi
  # One snapshot, even if the answer to the reset gets lost; and no second reset of a node that is already resetting.
  if [[ -z $requested && $stage != resetting ]]; then
    keep_renamed
    if [[ -z $saved && ${TALOS_ROLE:?} == controlplane ]]; then snapshot "$address" before-reset; fi
    saved=yes
    on_node_within 60 "$address" reset --graceful=false --reboot --wait=false \
      --system-labels-to-wipe STATE --system-labels-to-wipe EPHEMERAL
    if ((status == 0)); then
      requested=yes
    elif ! is_transient; then
      fail "the node cannot be reset" "see talosctl -n $address dmesg; then run the same command again"
    fi
  fi
  pause || break
done
fail "the node is not in maintenance mode (it is ${state}${stage:+, stage $stage})" \
  "look at the machine's console and run the same command again; or leave the machine as it is, and remove the resource from the stack with pulumi state delete"
