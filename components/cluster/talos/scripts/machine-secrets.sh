#!/usr/bin/env bash
# The machine secrets of a new cluster, on stdout. Made once: whatever changes later, a second run prints those it made
# before, which come in as the command's previous output. New ones would lock everybody out of every node.
source "${BASH_SOURCE[0]%/*}/lib.sh"

if [[ -n ${PULUMI_COMMAND_STDOUT:-} ]]; then
  printf '%s\n' "$PULUMI_COMMAND_STDOUT"
  exit 0
fi

prepare
require_talosctl "${TALOS_CONTRACT:?}"
# A file and not stdout, because `-o -` is known from talosctl 1.12 on only.
call talosctl gen secrets --talos-version "$TALOS_CONTRACT" -o "$work/secrets"
((status == 0)) || fail "the machine secrets could not be made" "the lines above say why; nothing was changed"
cat "$work/secrets"
