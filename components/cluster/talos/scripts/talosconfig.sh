#!/usr/bin/env bash
# A talosconfig for people, on stdout: a client certificate made now, which is good for a year.
source "${BASH_SOURCE[0]%/*}/lib.sh"

prepare
read_secrets
require_talosctl "${TALOS_CONTRACT:?}"
make_talosconfig
# shellcheck disable=SC2086 # two lists of addresses
call talosctl --talosconfig "$work/talosconfig" config endpoints ${TALOS_CONTROL_PLANES//,/ }
((status == 0)) || fail "the talosconfig could not be written" "this is a fault in talos-mesh: please report it"
call talosctl --talosconfig "$work/talosconfig" config nodes "${TALOS_CONTROL_PLANES%%,*}"
((status == 0)) || fail "the talosconfig could not be written" "this is a fault in talos-mesh: please report it"
cat "$work/talosconfig"
