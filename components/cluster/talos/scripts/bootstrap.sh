#!/usr/bin/env bash
# Starts etcd of a new cluster on its first control plane; once in its life. A second bootstrap, on a machine that took
# the first one's place, would be a second cluster: the command's previous output, then etcd on the other control
# planes (TALOS_CONTROL_PLANES), then Talos itself say that there is one.
source "${BASH_SOURCE[0]%/*}/lib.sh"

if [[ -n ${PULUMI_COMMAND_STDOUT:-} ]]; then
  printf '%s\n' "$PULUMI_COMMAND_STDOUT"
  exit 0
fi

prepare
read_secrets
require_talosctl "${TALOS_CONTRACT:?}"
make_talosconfig
deadline 600

for other in ${TALOS_CONTROL_PLANES//,/ }; do
  if [[ $other == "$address" ]]; then continue; fi
  on "$other" etcd members
  if ((status == 0)); then
    result already-bootstrapped by "$other"
    exit 0
  fi
done

while :; do
  on "$address" bootstrap
  if ((status == 0)); then
    result bootstrapped
    exit 0
  fi
  if said 'AlreadyExists|etcd data directory is not empty'; then
    result already-bootstrapped
    exit 0
  fi
  is_transient || said 'FailedPrecondition' || fail "etcd cannot be started" \
    "see talosctl -n $address service etcd; then run the same command again"
  rest || fail "etcd could not be started in time" \
    "see talosctl -n $address service etcd and the node's clock; then run the same command again"
done
