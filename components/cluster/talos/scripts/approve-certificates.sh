#!/usr/bin/env bash
# Approves the kubelets' serving certificates until every node of TALOS_NODES (hostname=address, by spaces) has joined.
# A kubelet with rotate-server-certificates asks for one at once, and what approves them for good comes later.
# Approved is only what a node of this list asks for itself. The names and addresses asked for are not compared with the
# node's: a node is trusted about itself until the approver of the platform layer, which does compare them, takes over.
source "${BASH_SOURCE[0]%/*}/lib.sh"

prepare
read_secrets
require_talosctl "${TALOS_CONTRACT:?}"
require_kubectl
make_talosconfig
deadline 900

readonly columns='jsonpath={range .items[*]}{.metadata.name}{" "}{.spec.signerName}{" "}{.spec.username}{" "}{.status.conditions[*].type}{" end\n"}{end}'

# Node names that Kubernetes knows, or nothing where it does not answer.
joined() { kube get nodes -o 'jsonpath={range .items[*]}{.metadata.name}{"\n"}{end}' && cat "$work/out"; }

approve() {
  local name signer user rest_of_line approved=0
  kube get certificatesigningrequests -o "$columns"
  ((status == 0)) || return 1
  cp "$work/out" "$work/requests"
  while read -r name signer user rest_of_line; do
    [[ $signer == kubernetes.io/kubelet-serving && $rest_of_line == end ]] || continue
    [[ " ${TALOS_NODES:?} " == *" ${user#system:node:}="* && $user == system:node:* ]] || continue
    kube certificate approve "$name"
    ((status == 0)) || return 1
    approved=$((approved + 1))
  done <"$work/requests"
  count=$((count + approved))
}

missing() {
  local entry
  for entry in $TALOS_NODES; do
    grep -qxF -- "${entry%%=*}" "$work/nodes" || printf '%s ' "${entry%%=*}"
  done
}

count=0
while :; do
  if fetch_kubeconfig "$address" && joined >"$work/nodes" && approve && [[ -z $(missing) ]]; then
    result approved count "$count"
    exit 0
  fi
  if ! rest; then
    if [[ -s $work/nodes ]]; then
      fail "not joined in time: $(missing)" "see talosctl -n ADDRESS service kubelet of these nodes; then run the same command again" kubectl
    fi
    fail "the API server does not answer" "see talosctl -n $address service kubelet, and whether the endpoint is reachable from here" kubectl
  fi
done
