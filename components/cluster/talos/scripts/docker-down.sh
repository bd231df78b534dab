#!/usr/bin/env bash
# Takes the cluster of docker-up.sh down; well, too, when there is none. One that was made for other settings has taken
# the place of the one that is to go, and is left alone.
source "${BASH_SOURCE[0]%/*}/lib.sh"
source "${BASH_SOURCE[0]%/*}/docker-lib.sh"

if [[ -f $made && $(cat "$made") != "${TALOS_SPEC:?}" ]]; then
  result replaced
  exit 0
fi
prepare
require_talosctl "${TALOS_VERSION:?}"
take_down
result destroyed
