#!/usr/bin/env bash
# The kubeconfig of an administrator, on stdout, once it is usable: the API server has said that it is ready twice in a
# row, since a control plane that has only just started falls back. Its certificate is good for a year: TALOS_HALF_YEAR is
# there so that it is made anew in time.
source "${BASH_SOURCE[0]%/*}/lib.sh"

prepare
read_secrets
require_talosctl "${TALOS_CONTRACT:?}"
require_kubectl
make_talosconfig
deadline 600

until fetch_kubeconfig "$address"; do
  is_transient || said FailedPrecondition || fail "the node gives no kubeconfig" "see talosctl -n $address services; then run the same command again"
  rest || fail "the node gave no kubeconfig in time" "see talosctl -n $address services; then run the same command again"
done

good=0
while ((good < 2)); do
  kube get --raw /readyz
  if ((status == 0)); then good=$((good + 1)); else good=0; fi
  if ((good < 2)); then
    rest || fail "the API server at ${TALOS_ENDPOINT:-the endpoint} is not ready" \
      "check that the endpoint leads to a control plane and is open from here; then run the same command again" kubectl
  fi
done
cat "$work/kubeconfig"
