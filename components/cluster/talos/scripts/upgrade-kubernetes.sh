#!/usr/bin/env bash
# Brings Kubernetes of the whole cluster to KUBERNETES_VERSION, a minor release at a time. What runs is read from the
# machine configs of all nodes and the lowest counts, so that an upgrade that ended half-way goes on. A config that waits
# for a reboot goes first.
source "${BASH_SOURCE[0]%/*}/lib.sh"

prepare
read_secrets
require_talosctl "${TALOS_CONTRACT:?}"
make_talosconfig
deadline 3600
readonly wanted=${KUBERNETES_VERSION#v}

# The lower of two versions.
lower() { printf '%s\n%s\n' "$1" "$2" | sort -t. -k1,1n -k2,2n -k3,3n | head -n 1; }

# Lowest and highest Kubernetes version of any component on any node.
what_runs() {
  local each found
  lowest=""
  highest=""
  waiting=""
  for each in ${TALOS_CONTROL_PLANES//,/ } ${TALOS_WORKERS//,/ }; do
    until running_config "$each"; do
      address=$each
      again || fail "the node does not tell its machine config" "$unreachable_hint"
    done
    while read -r found; do
      lowest=$(lower "$found" "${lowest:-$found}")
      if [[ -z $highest || $(lower "$found" "$highest") == "$highest" ]]; then highest=$found; fi
    done < <(grep -E 'image:' "$work/running" | grep -oE "$kubernetes_images" | sed 's/.*:v//')
    if has_staged "$each"; then waiting=$each; fi
  done
  : >"$work/err"
  [[ -n $lowest ]] || fail "no node tells the Kubernetes version it runs" "see talosctl -n $address get machineconfig -o yaml" none
}

TALOS_WORKERS=${TALOS_WORKERS:-}
what_runs
before=$lowest
if [[ $highest != "$wanted" && $(lower "$highest" "$wanted") == "$wanted" ]]; then
  if (($(minor_of "$highest") > $(minor_of "$wanted"))); then
    fail "the cluster runs Kubernetes $highest, and $wanted is a minor release back, which Kubernetes does not do" \
      "set cluster.kubernetesVersion to v$highest or newer" none
  fi
fi

while [[ $lowest != "$wanted" || $highest != "$wanted" ]]; do
  # upgrade-k8s writes what runs back as what the next boot takes.
  [[ -z $waiting ]] || fail "a machine config is staged on $waiting, and upgrade-k8s would drop it" \
    "reboot the node ($(reboot_command "$waiting"); $reboot_hint); then run the same command again" none
  next=$wanted
  if (($(minor_of "$wanted") > $(minor_of "$lowest") + 1)); then
    next=1.$(($(minor_of "$lowest") % 1000 + 1)).0
  fi
  on_within 1800 "${TALOS_CONTROL_PLANES%%,*}" upgrade-k8s --to "$next"
  if ((status != 0)); then
    again || fail "Kubernetes was not upgraded to $next" \
      "see the lines above; then run the same command again: it goes on where it stopped"
  fi
  what_runs
  if [[ $lowest == "$before" && $lowest != "$wanted" ]] && ! rest; then
    fail "Kubernetes was not upgraded to $next in time" "run the same command again: it goes on where it stopped"
  fi
done
if [[ $before == "$wanted" ]]; then result unchanged version "$wanted"; else result upgraded from "$before" to "$wanted"; fi
