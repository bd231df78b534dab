#!/usr/bin/env bash
# An administrator's kubeconfig on stdout, once the API server can be used. Its certificate is valid for a year;
# TALOS_HALF_YEAR is an input of this step only so that a new one is fetched in time.
source "${BASH_SOURCE[0]%/*}/lib/step.sh"
source "${BASH_SOURCE[0]%/*}/lib/talosctl.sh"

start "${TALOS_CONTRACT:?}" 600
require_kubectl

until fetch_kubeconfig "$address"; do
  is_transient || output_has FailedPrecondition ||
    fail "the node has no kubeconfig" "see talosctl -n $address services; then run the same command again"
  pause || fail "the node has no kubeconfig yet" "see talosctl -n $address services; then run the same command again"
done
wait_until_ready "the API server at ${TALOS_ENDPOINT:-the endpoint} is not ready" \
  "check that the endpoint leads to a control plane and can be reached from here; then run the same command again"
cat "$work/kubeconfig"
