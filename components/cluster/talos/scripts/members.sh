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

# Also a control plane of the same name and another address: the member of etcd may be that of a machine which was replaced.
removed=()
for entry in $(grep -oE '"[a-z0-9.-]+=[^"=]+=(controlplane|worker)"' <<<"${PULUMI_COMMAND_STDOUT:-}" | tr -d '"'); do
  if [[ " ${TALOS_NODES:?} " != *" ${entry%%=*}="* || ($entry == *=controlplane && " $TALOS_NODES " != *" ${entry%=*}="*) ]]; then
    removed+=("$entry")
  fi
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

# Sets $kept to the IDs of the members whose control plane is still in the list, under another name or with another address.
read_kept_members() {
  local entry to
  kept=" "
  for entry in $TALOS_NODES; do
    [[ $entry == "$node="*=controlplane || $entry == *"=$address=controlplane" ]] || continue
    to=${entry#*=}
    to=${to%=*}
    until on_node "$to" get etcdmember -o 'jsonpath={.spec.memberID}' && ((status == 0)) && [[ -s $work/out ]]; do
      awaited="etcd of $to"
      pause || fail "etcd of $to is not up in time" "see talosctl -n $to service etcd; then run the same command again"
    done
    awaited=""
    kept+="$(tr -d '[:space:]' <"$work/out") "
  done
}

# A member that is only switched off would count against the quorum forever.
leave_etcd() {
  local member
  until etcd_members "$remaining" "${node%%.*}"; do
    retry || fail "the members of etcd cannot be read" "see talosctl -n $remaining service etcd; then run the same command again"
  done
  [[ -n $members ]] || return 0
  read_kept_members
  for member in $members; do
    [[ $kept != *" $member "* ]] || continue
    if [[ -z $listed_as ]]; then
      node_state "$address"
      if [[ $state == configured ]]; then
        on_node_within 120 "$address" etcd leave
        if ((status == 0)); then continue; fi
      fi
    fi
    on_node_within 120 "$remaining" etcd remove-member "$member"
    ((status == 0)) || fail "the node cannot be removed from etcd" "see talosctl -n $remaining etcd members; then run the same command again"
  done
}

# Sets $listed_as to the name that the list has for the address, or to nothing.
find_address() {
  local entry
  listed_as=""
  for entry in $TALOS_NODES; do
    if [[ $entry == *"=$address="* ]]; then listed_as=${entry%%=*}; fi
  done
}

delete_node() {
  kube delete node "$node" --ignore-not-found --wait=false
  ((status == 0)) || fail "the node cannot be removed from Kubernetes" "see kubectl get node $node; then run the same command again" kubectl
}

for entry in "${removed[@]}"; do
  node=${entry%%=*}
  address=${entry#*=}
  address=${address%=*}
  find_address
  if [[ " $TALOS_NODES " == *" $node="* ]]; then
    leave_etcd
    continue
  fi
  drain
  if [[ ${entry##*=} == controlplane ]]; then leave_etcd; fi
  delete_node
  if [[ -n $listed_as ]]; then
    echo "$node ($address) is $listed_as now; the node $node was removed from Kubernetes" >&2
  else
    echo "$node ($address) has left the cluster; its machine keeps its config and would join again after a restart, unless it is reset" >&2
  fi
done
print_list
