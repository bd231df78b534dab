#!/usr/bin/env bash
# The machine config of one node on stdout, generated and validated: the same bytes for the same input.
# TALOS_GEN_ARGS: the arguments of `gen config`, one a line, without secrets and patches. The patches follow the machine
# secrets on stdin, because users write passwords into them. TALOS_PATCH_FLAG: the flag of the node's role, because
# gen config also generates the other role's config, where a patch may not fit.
source "${BASH_SOURCE[0]%/*}/lib/step.sh"
source "${BASH_SOURCE[0]%/*}/lib/talosctl.sh"

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

readonly config_hint='correct the setting or the patch of this node that the output above names; nothing was changed'

call talosctl "${arguments[@]}" --with-secrets /dev/stdin < <(printf '%s' "$secrets")
if ((status != 0)); then
  if output_has 'JSON6902 patches are not supported'; then
    fail "a patch in RFC 6902 form cannot be applied to a config of contract $TALOS_CONTRACT" \
      "write it as a strategic merge patch: the YAML to add, from its root on"
  fi
  fail "the machine config could not be generated" "$config_hint"
fi
mv "$work/out" "$work/config.yaml"
: >"$work/out"

call talosctl validate -c "$work/config.yaml" -m "${TALOS_MODE:-metal}"
((status == 0)) || fail "Talos rejects the machine config" "$config_hint"
cat "$work/config.yaml"
