#!/usr/bin/env bash
# Bootstraps etcd of a new cluster on its first control plane, once in the cluster's life. A second bootstrap, on a machine
# that replaces the first one, would create a second cluster. Three checks prevent it: the command's previous output, etcd
# on the other control planes (TALOS_CONTROL_PLANES), and Talos itself.
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

while :; do
  on_node "$address" bootstrap
  if ((status == 0)); then
    result bootstrapped
    exit 0
  fi
  if output_has 'AlreadyExists|etcd data directory is not empty'; then
    result already-bootstrapped
    exit 0
  fi
  is_transient || output_has 'FailedPrecondition' || fail "etcd cannot be started" \
    "see talosctl -n $address service etcd; then run the same command again"
  pause || fail "etcd could not be started in time" \
    "see talosctl -n $address service etcd and the node's clock; then run the same command again"
done
