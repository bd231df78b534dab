#!/usr/bin/env bash
# Uploads a schematic to the Image Factory, which builds installers only of those it knows. The schematic comes on stdin.
# Its ID is computed by this program: another ID in the answer means that the factory would build something else.
source "${BASH_SOURCE[0]%/*}/lib/step.sh"

prepare
deadline 120
cat >"$work/schematic"
# The factory may quote it in errors: kernel arguments and an embedded config may hold passwords, names of extensions do not.
parts=("" "$(grep -vE '^ *- [a-z0-9-]+/[a-z0-9._-]+$' "$work/schematic" || true)")
command -v curl >/dev/null || fail "curl is not installed" "install curl" none

while :; do
  call_within 30 curl -sS --fail-with-body -X POST --data-binary "@$work/schematic" "${TALOS_FACTORY_URL:?}"
  if ((status == 0)); then break; fi
  pause || fail "the Image Factory does not accept the schematic" \
    "check that $TALOS_FACTORY_URL can be reached from here; then run the same command again" curl
done
grep -qF -- "\"${TALOS_SCHEMATIC:?}\"" "$work/out" || fail "the Image Factory computes another ID than $TALOS_SCHEMATIC for this schematic" \
  "this is a bug in talos-mesh: please report it with the settings under schematic" curl
result known schematic "$TALOS_SCHEMATIC"
