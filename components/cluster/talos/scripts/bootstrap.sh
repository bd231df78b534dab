#!/usr/bin/env bash
# Bootstraps etcd of a new cluster on its first control plane, once in the cluster's life. A second bootstrap, on a machine
# that replaces the first one, would create a second cluster. Three checks prevent it: the command's previous output, etcd
# on the other control planes (TALOS_CONTROL_PLANES), and Talos itself. Ends when etcd answers.
source "${BASH_SOURCE[0]%/*}/lib/step.sh"
source "${BASH_SOURCE[0]%/*}/lib/talosctl.sh"

if [[ -n ${PULUMI_COMMAND_STDOUT:-} ]]; then
  printf '%s\n' "$PULUMI_COMMAND_STDOUT"
  exit 0
fi
start "${TALOS_CONTRACT:?}" 600

for other in ${TALOS_CONTROL_PLANES//,/ }; do
  if [[ $other == "$address" ]]; then continue; fi
  on_node "$other" etcd members
  if ((status == 0)); then
    result already-bootstrapped by "$other"
    exit 0
  fi
done

# Talos answers at once; etcd pulls its image and starts after that.
wait_for_etcd() {
  until on_node "$address" etcd members && ((status == 0)); do
    awaited="etcd of $address"
    pause && continue
    etcd_state "$address"
    fail "etcd was bootstrapped and is not up in time (the service is ${etcd:-unknown})" \
      "see talosctl -n $address service etcd and logs etcd, and whether the node can pull the image of etcd; then run the same command again" none
  done
}

outcome=bootstrapped
while :; do
  on_node "$address" bootstrap
  if ((status == 0)); then break; fi
  if output_has 'AlreadyExists|etcd data directory is not empty'; then
    outcome=already-bootstrapped
    break
  fi
  is_transient || output_has 'FailedPrecondition' || fail "etcd cannot be started" \
    "see talosctl -n $address service etcd; then run the same command again"
  pause || fail "etcd could not be started in time" \
    "see talosctl -n $address service etcd and the node's clock; then run the same command again"
done
wait_for_etcd
result "$outcome"
