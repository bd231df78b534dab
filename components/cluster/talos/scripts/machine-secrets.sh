#!/usr/bin/env bash
# The machine secrets of a new cluster on stdout. They are created once: every later run prints those of the command's
# previous output. New ones would lock everyone out of every node.
source "${BASH_SOURCE[0]%/*}/lib/step.sh"
source "${BASH_SOURCE[0]%/*}/lib/talosctl.sh"

if [[ -n ${PULUMI_COMMAND_STDOUT:-} ]]; then
  printf '%s\n' "$PULUMI_COMMAND_STDOUT"
  exit 0
fi

prepare
require_talosctl "${TALOS_CONTRACT:?}"
# A file and not stdout: talosctl supports `-o -` from 1.12 on only.
call talosctl gen secrets --talos-version "$TALOS_CONTRACT" -o "$work/secrets"
((status == 0)) || fail "the machine secrets could not be created" "see the output above; nothing was changed"
cat "$work/secrets"
