#!/usr/bin/env bash
# Makes a schematic known to the Image Factory, which builds installers only of those it has seen. The schematic comes
# on stdin; its ID is computed here, so an answer that differs means that the factory would build something else.
source "${BASH_SOURCE[0]%/*}/lib.sh"

prepare
deadline 120
cat >"$work/schematic"
command -v curl >/dev/null || fail "curl is not installed" "install curl" none

while :; do
  call_within 30 curl -sS --fail-with-body -X POST --data-binary "@$work/schematic" "${TALOS_FACTORY_URL:?}"
  if ((status == 0)); then break; fi
  rest || fail "the Image Factory does not take the schematic" \
    "check that $TALOS_FACTORY_URL can be reached from here; then run the same command again" curl
done
grep -qF -- "\"${TALOS_SCHEMATIC:?}\"" "$work/out" || fail "the Image Factory gives this schematic another ID than $TALOS_SCHEMATIC" \
  "this is a fault in talos-mesh: please report it with the settings under schematic" curl
result known schematic "$TALOS_SCHEMATIC"
