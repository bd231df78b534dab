#!/usr/bin/env bash
# Keeps the list of the cluster's nodes, and takes leave of those that are no longer in it: drained, out of etcd, out of
# Kubernetes. The machines themselves are left as they are. Only an update does that; a destroy does not run this.
# TALOS_NODES: hostname=address=role by spaces. The command's previous output holds the list of the last time.
source "${BASH_SOURCE[0]%/*}/lib.sh"

list() {
  local entry text=""
  for entry in $TALOS_NODES; do text+="${text:+,}\"$entry\""; done
  printf '{"step":"members","nodes":[%s]}\n' "$text"
}

gone=()
for entry in $(grep -oE '"[a-z0-9-]+=[^"=]+=(controlplane|worker)"' <<<"${PULUMI_COMMAND_STDOUT:-}" | tr -d '"'); do
  if [[ " ${TALOS_NODES:?} " != *" ${entry%%=*}="* ]]; then gone+=("$entry"); fi
done
if ((${#gone[@]} == 0)); then
  list
  exit 0
fi

prepare
read_secrets
require_talosctl "${TALOS_CONTRACT:?}"
require_kubectl
make_talosconfig
deadline 900
readonly remaining=${TALOS_CONTROL_PLANES%%,*}

until fetch_kubeconfig "$remaining"; do
  again || fail "the node gives no kubeconfig" "see talosctl -n $remaining services; then run the same command again"
done

drain() {
  kube get node "$node" -o name
  if said 'NotFound|not found'; then return 0; fi
  kube_limit=330 kube drain "$node" --ignore-daemonsets --delete-emptydir-data --force --timeout=300s \
    --skip-wait-for-delete-timeout=60
  ((status == 0)) || said 'NotFound|not found' || fail "the node cannot be drained" \
    "see which pods stay and why (a PodDisruptionBudget?), move them away, and run the same command again" kubectl
}

# A member that is only switched off would count against the quorum for ever.
leave_etcd() {
  local member
  on "$remaining" etcd members
  ((status == 0)) || fail "etcd does not tell its members" "see talosctl -n $remaining service etcd; then run the same command again"
  member=$(awk -v name="$node" '{ for (i = 2; i <= NF; i++) if ($i == name) print $(i - 1) }' "$work/out" | head -n 1)
  [[ -n $member ]] || return 0
  node_state "$address"
  if [[ $state == configured ]]; then
    on_within 120 "$address" etcd leave
    if ((status == 0)); then return 0; fi
  fi
  on_within 120 "$remaining" etcd remove-member "$member"
  ((status == 0)) || fail "the node cannot be taken out of etcd" "see talosctl -n $remaining etcd members; then run the same command again"
}

forget() {
  kube delete node "$node" --ignore-not-found --wait=false
  ((status == 0)) || fail "the node cannot be taken out of Kubernetes" "see kubectl get node $node; then run the same command again" kubectl
}

for entry in "${gone[@]}"; do
  node=${entry%%=*}
  address=${entry#*=}
  address=${address%=*}
  drain
  if [[ ${entry##*=} == controlplane ]]; then leave_etcd; fi
  forget
  echo "$node ($address) has left the cluster; the machine still holds its config and would join again when it restarts, unless it is reset" >&2
done
list
