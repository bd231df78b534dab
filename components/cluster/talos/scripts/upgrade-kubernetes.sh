#!/usr/bin/env bash
# Upgrades Kubernetes of the whole cluster to KUBERNETES_VERSION, one minor release at a time. The versions that run are
# read from the machine configs of all nodes, and the lowest one counts, so an upgrade that stopped half-way continues.
# A config that waits for a reboot has to be applied first.
source "${BASH_SOURCE[0]%/*}/lib/step.sh"
source "${BASH_SOURCE[0]%/*}/lib/talosctl.sh"

start "${TALOS_CONTRACT:?}" 3600
readonly target=${KUBERNETES_VERSION#v}

# The lower of two versions.
lower() { printf '%s\n%s\n' "$1" "$2" | sort -t. -k1,1n -k2,2n -k3,3n | head -n 1; }

# Sets $lowest and $highest to the Kubernetes versions of any component on any node, $waiting to a node with a staged config.
read_versions() {
  local each version
  lowest=""
  highest=""
  waiting=""
  for each in ${TALOS_CONTROL_PLANES//,/ } ${TALOS_WORKERS//,/ }; do
    until running_config "$each"; do
      address=$each
      retry || fail "the machine config of the node cannot be read" "$unreachable_hint"
    done
    while read -r version; do
      lowest=$(lower "$version" "${lowest:-$version}")
      if [[ -z $highest || $(lower "$version" "$highest") == "$highest" ]]; then highest=$version; fi
    done < <(grep -E 'image:' "$work/running" | grep -oE "$kubernetes_images" | sed 's/.*:v//')
    if has_staged "$each"; then waiting=$each; fi
  done
  : >"$work/err"
  [[ -n $lowest ]] || fail "no machine config names a Kubernetes version" "see talosctl -n $address get machineconfig -o yaml" none
}

TALOS_WORKERS=${TALOS_WORKERS:-}
read_versions
before=$lowest
if [[ $highest != "$target" && $(lower "$highest" "$target") == "$target" ]]; then
  if (($(minor_of "$highest") > $(minor_of "$target"))); then
    fail "the cluster runs Kubernetes $highest; $target is an older minor release, and Kubernetes does not downgrade" \
      "set cluster.kubernetesVersion to v$highest or newer" none
  fi
fi

while [[ $lowest != "$target" || $highest != "$target" ]]; do
  # upgrade-k8s writes the running config back as the one of the next boot.
  [[ -z $waiting ]] || fail "a machine config is staged on $waiting, and upgrade-k8s would drop it" \
    "reboot the node ($(reboot_command "$waiting"); $reboot_hint); then run the same command again" none
  next=$target
  if (($(minor_of "$target") > $(minor_of "$lowest") + 1)); then
    next=1.$(($(minor_of "$lowest") % 1000 + 1)).0
  fi
  on_node_within 1800 "${TALOS_CONTROL_PLANES%%,*}" upgrade-k8s --to "$next"
  if ((status != 0)); then
    retry || fail "Kubernetes was not upgraded to $next" \
      "see the output above; then run the same command again: it continues where it stopped"
  fi
  read_versions
  if [[ $lowest == "$before" && $lowest != "$target" ]] && ! pause; then
    fail "Kubernetes was not upgraded to $next in time" "run the same command again: it continues where it stopped"
  fi
done
if [[ $before == "$target" ]]; then result unchanged version "$target"; else result upgraded from "$before" to "$target"; fi
