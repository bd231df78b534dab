#!/usr/bin/env bash
# Keeps the list of the cluster's nodes. Nodes that are no longer in it are drained and removed from etcd and Kubernetes;
# their machines are left as they are. This happens in an update only: a destroy does not run this step.
# TALOS_NODES: `hostname=address=role ...`; other steps get it without roles. The command's previous output holds the previous list.
source "${BASH_SOURCE[0]%/*}/lib/step.sh"
source "${BASH_SOURCE[0]%/*}/lib/talosctl.sh"

print_list() {
  local entry text=""
  for entry in $TALOS_NODES; do text+="${text:+,}\"$entry\""; done
  printf '{"step":"members","nodes":[%s]}\n' "$text"
}

removed=()
for entry in $(grep -oE '"[a-z0-9.-]+=[^"=]+=(controlplane|worker)"' <<<"${PULUMI_COMMAND_STDOUT:-}" | tr -d '"'); do
  if [[ " ${TALOS_NODES:?} " != *" ${entry%%=*}="* ]]; then removed+=("$entry"); fi
done
if ((${#removed[@]} == 0)); then
  print_list
  exit 0
fi

start "${TALOS_CONTRACT:?}" 900
require_kubectl
readonly remaining=${TALOS_CONTROL_PLANES%%,*}

until fetch_kubeconfig "$remaining"; do
  retry || fail "the node has no kubeconfig" "see talosctl -n $remaining services; then run the same command again"
done

drain() {
  kube get node "$node" -o name
  if output_has 'NotFound|not found'; then return 0; fi
  kube_limit=330 kube drain "$node" --ignore-daemonsets --delete-emptydir-data --force --timeout=300s \
    --skip-wait-for-delete-timeout=60
  ((status == 0)) || output_has 'NotFound|not found' || fail "the node cannot be drained" \
    "see which pods stay and why (a PodDisruptionBudget?), move them away, and run the same command again" kubectl
}

# A member that is only switched off would count against the quorum forever.
leave_etcd() {
  etcd_member "$remaining" "${node%%.*}" ||
    fail "the members of etcd cannot be read" "see talosctl -n $remaining service etcd; then run the same command again"
  [[ -n $member ]] || return 0
  node_state "$address"
  if [[ $state == configured ]]; then
    on_node_within 120 "$address" etcd leave
    if ((status == 0)); then return 0; fi
  fi
  on_node_within 120 "$remaining" etcd remove-member "$member"
  ((status == 0)) || fail "the node cannot be removed from etcd" "see talosctl -n $remaining etcd members; then run the same command again"
}

delete_node() {
  kube delete node "$node" --ignore-not-found --wait=false
  ((status == 0)) || fail "the node cannot be removed from Kubernetes" "see kubectl get node $node; then run the same command again" kubectl
}

for entry in "${removed[@]}"; do
  node=${entry%%=*}
  address=${entry#*=}
  address=${address%=*}
  drain
  if [[ ${entry##*=} == controlplane ]]; then leave_etcd; fi
  delete_node
  echo "$node ($address) has left the cluster; its machine keeps its config and would join again after a restart, unless it is reset" >&2
done
print_list
