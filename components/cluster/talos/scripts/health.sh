#!/usr/bin/env bash
# Waits until the cluster is healthy. The node lists are always given: without discovery Talos knows no members.
# TALOS_CNI, where Talos installs no CNI of its own: none, custom, or cilium, which this program installs. Then nodes become Ready when TALOS_CNI_SOURCE has
# installed one; empty where nothing in the settings does. Where cni is none, `talosctl health` does not look at this.
source "${BASH_SOURCE[0]%/*}/lib/step.sh"
source "${BASH_SOURCE[0]%/*}/lib/talosctl.sh"

start "${TALOS_CONTRACT:?}" 1200
readonly first=${TALOS_CONTROL_PLANES%%,*}

# nodes_where JSONPATH-OF-A-NODE VALUE: sets $found to the names of nodes, with spaces; false where the API server does not answer.
nodes_where() {
  fetch_kubeconfig "$first" || return 1
  kube get nodes -o "jsonpath={range .items[*]}{.metadata.name}|{$1}{\"\\n\"}{end}"
  ((status == 0)) || return 1
  found=$(awk -F '|' -v value="$2" '$2 ~ value { printf "%s%s", space, $1; space = " " }' "$work/out")
  [[ -s $work/out ]]
}

readonly ready='.status.conditions[?(@.type=="Ready")].status'
readonly ready_message='.status.conditions[?(@.type=="Ready")].message'
readonly cni_needs='Istio needs of it: docs/real-cluster.md, "Another CNI"'

wait_for_cni() {
  local limit=600 source=${TALOS_CNI_SOURCE:-} noted="" ends_here
  if [[ -z $source ]]; then limit=120; fi
  ends_here=$((SECONDS + limit < ends ? SECONDS + limit : ends))
  while :; do
    if nodes_where "$ready" '^(False|Unknown)$' && [[ -z $found ]]; then return; fi
    awaited="a CNI, which makes ${found:-the nodes} Ready"
    if [[ -z $source && -z $noted && -n $found ]]; then
      noted=yes
      printf '%s: %s: cluster.cni is %s, and nothing in the settings installs a CNI; no node becomes Ready before one is installed (waiting %d s)\n' \
        "$node" "$step" "$TALOS_CNI" "$limit" >&2
    fi
    if ((SECONDS >= ends_here)) || ! pause; then break; fi
  done
  if nodes_where "$ready_message" 'cni plugin not initialized|NetworkPluginNotReady|network plugin'; then
    fail "no CNI works on: ${found:-the nodes} (container runtime network not ready: cni plugin not initialized)" \
      "${source:+see why it did not come up: it is installed by $source; kubectl get pods -A. Or }install a CNI (the kubeconfig: npm run talos:config, then talosctl kubeconfig; $cni_needs), and run the same command again" none
  fi
  fail "the nodes are not Ready" "see kubectl describe node; then run the same command again" kubectl
}

# A cordoned node keeps the cluster unhealthy for good. Talos' own cordon ends with the boot of the node.
refuse_cordoned() {
  local ends_here=$((SECONDS + 60 < ends ? SECONDS + 60 : ends))
  while command -v kubectl >/dev/null && nodes_where .spec.unschedulable '^true$' && [[ -n $found ]]; do
    awaited="$found, which is cordoned"
    if ((SECONDS >= ends_here)) || ! pause; then
      fail "cordoned, so that no pod is scheduled there: $found" "kubectl uncordon $found; then run the same command again" none
    fi
  done
  awaited=""
}

for each in ${TALOS_CONTROL_PLANES//,/ } ${TALOS_WORKERS//,/ }; do call_timeout=5 refuse_wiped "$each"; done
if [[ -n ${TALOS_CNI:-} ]]; then
  require_kubectl
  wait_for_cni
fi
refuse_cordoned
while :; do
  left=$((ends - SECONDS))
  if health "$((left > 1 ? left : 1))" "${TALOS_CONTROL_PLANES:?}" "${TALOS_WORKERS:-}"; then
    result healthy
    exit 0
  fi
  pause || fail "the cluster is not healthy" \
    "the last line above names what is missing; see talosctl -n ADDRESS services of that node; then run the same command again"
done
