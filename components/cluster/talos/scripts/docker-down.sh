#!/usr/bin/env bash
# Takes the cluster of docker-up.sh down; well, too, when there is none.
source "${BASH_SOURCE[0]%/*}/lib.sh"
source "${BASH_SOURCE[0]%/*}/docker-lib.sh"

prepare
require_talosctl "${TALOS_VERSION:?}"
take_down
result destroyed
