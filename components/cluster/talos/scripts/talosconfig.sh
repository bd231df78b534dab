#!/usr/bin/env bash
# A talosconfig for users on stdout, with a new client certificate that is valid for a year.
source "${BASH_SOURCE[0]%/*}/lib/step.sh"
source "${BASH_SOURCE[0]%/*}/lib/talosctl.sh"

start "${TALOS_CONTRACT:?}" 60

# configure WHAT ADDRESS...
configure() {
  call talosctl --talosconfig "$work/talosconfig" config "$@"
  ((status == 0)) || fail "the talosconfig could not be written" "this is a bug in talos-mesh: please report it"
}

# shellcheck disable=SC2086 # a list of addresses
configure endpoints ${TALOS_CONTROL_PLANES//,/ }
configure nodes "${TALOS_CONTROL_PLANES%%,*}"
cat "$work/talosconfig"
