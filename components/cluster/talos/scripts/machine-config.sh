#!/usr/bin/env bash
# The machine config of one node on stdout, generated and validated: the same bytes for the same input.
# TALOS_GEN_ARGS: `gen config ...` in full, one argument a line, without secrets and patches. The patches follow the
# machine secrets on stdin, because people write passwords into them. TALOS_PATCH_FLAG: the flag of the node's role, as
# gen config makes the other role's config too, where a patch may not fit.
source "${BASH_SOURCE[0]%/*}/lib.sh"

prepare
read_secrets
require_talosctl "${TALOS_CONTRACT:?}"

arguments=()
while IFS= read -r argument; do
  if [[ -n $argument ]]; then arguments+=("$argument"); fi
done <<<"${TALOS_GEN_ARGS:?}"

for ((index = 1; index < ${#parts[@]}; index++)); do
  printf '%s' "${parts[index]}" >"$work/patch-$index.yaml"
  arguments+=("${TALOS_PATCH_FLAG:?}" "@$work/patch-$index.yaml")
done

call talosctl "${arguments[@]}" --with-secrets /dev/stdin < <(printf '%s' "$secrets")
if ((status != 0)); then
  if said 'JSON6902 patches are not supported'; then
    fail "a patch in RFC 6902 form cannot be applied to a config of contract $TALOS_CONTRACT" \
      "write it as a strategic merge patch: the YAML it is to add, from its root on"
  fi
  fail "the machine config could not be generated" \
    "correct the setting or the patch of this node that the lines above speak of; nothing was changed"
fi
mv "$work/out" "$work/config.yaml"
: >"$work/out"

call talosctl validate -c "$work/config.yaml" -m "${TALOS_MODE:-metal}"
((status == 0)) || fail "Talos refuses the machine config" \
  "correct the setting or the patch of this node that the lines above speak of; nothing was changed"
cat "$work/config.yaml"
