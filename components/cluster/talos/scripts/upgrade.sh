#!/usr/bin/env bash
# Upgrades one node to a Talos release and an Image Factory schematic. `talosctl upgrade` always installs again, so it is
# called only where the version or the schematic differs.
source "${BASH_SOURCE[0]%/*}/lib/step.sh"
source "${BASH_SOURCE[0]%/*}/lib/talosctl.sh"

start "${TALOS_VERSION:?}" 3600

# Sets $schematic to the Image Factory schematic that the node was installed with, or to nothing for other images.
node_schematic() {
  on_node "$address" get extensions -o json
  ((status == 0)) || return 1
  schematic=$(tr -d ' \n\t' <"$work/out" | grep -oE '"name":"schematic","version":"[0-9a-f]+"' | grep -oE '[0-9a-f]{64}' | head -n 1 || true)
}

read_versions() {
  wait_for_node "$address" || fail "the node does not answer (it is ${state}${stage:+, stage $stage})" "$unreachable_hint"
  until node_version "$address" && node_schematic; do
    retry || fail "the version and schematic of the node cannot be read" "$unreachable_hint"
  done
}

is_current() {
  [[ $running == "$TALOS_VERSION" && (-z ${TALOS_SCHEMATIC:-} || $schematic == "$TALOS_SCHEMATIC") ]]
}

# talosctl cordons the node, and uncordons it after the reboot: killed in between, or where pods cannot be evicted, it leaves
# the node cordoned. The annotation tells this from a node that an administrator has cordoned.
readonly annotation=talos-mesh/upgrading

mark_node() {
  until kube get node "$node" -o 'jsonpath={.spec.unschedulable}' && ((status == 0)); do pause || return 0; done
  if [[ $(cat "$work/out") != true ]]; then kube annotate node "$node" "$annotation=$TALOS_VERSION" --overwrite; fi
}

# Uncordons the node where an upgrade has left it cordoned. The Kubernetes API may boot with the node; where it does not come,
# the health step reports it.
release_node() {
  local ends_here=$((SECONDS + 120 < ends ? SECONDS + 120 : ends))
  command -v kubectl >/dev/null || return 0
  until fetch_kubeconfig "${TALOS_CONTROL_PLANE:?}" && kube get node "$node" -o "jsonpath={.metadata.annotations['${annotation}']}" && ((status == 0)); do
    if output_has NotFound || ((SECONDS >= ends_here)) || ! pause; then return 0; fi
  done
  [[ -s $work/out ]] || return 0
  kube uncordon "$node"
  ((status == 0)) || return 0
  kube annotate node "$node" "$annotation-"
}

read_versions
release_node
if is_current; then
  result unchanged version "$running"
  exit 0
fi

require_kubectl
before=$running
from=$(minor_of "$running")
to=$(minor_of "$TALOS_VERSION")
if ((to > from + 1)); then
  fail "from $running to $TALOS_VERSION is more than one minor release" \
    "Talos upgrades one minor release at a time: set cluster.talosVersion to the newest v1.$((from % 1000 + 1)) release (https://github.com/siderolabs/talos/releases), run pulumi up, and continue from there" none
fi
if ((to < from)); then
  fail "$TALOS_VERSION is an older minor release than $running, and Talos does not downgrade" \
    "set cluster.talosVersion to $running or newer" none
fi

# nodes_with LABEL: sets $found to the addresses of the nodes with this label, with commas; one address a node.
nodes_with() {
  kube get nodes -l "$1" -o 'jsonpath={range .items[*]}{.status.addresses[?(@.type=="InternalIP")].address}{"\n"}{end}'
  ((status == 0)) || return 1
  found=$(awk 'NF { printf "%s%s", comma, $1; comma = "," }' "$work/out")
}

# cluster_is_healthy SECONDS: whether every node of the cluster is, within this time.
cluster_is_healthy() {
  local control_planes=""
  until fetch_kubeconfig "${TALOS_CONTROL_PLANE:?}" && nodes_with node-role.kubernetes.io/control-plane; do
    pause || return 1
  done
  control_planes=$found
  until nodes_with '!node-role.kubernetes.io/control-plane'; do pause || return 1; done
  health "$1" "${control_planes:-$TALOS_CONTROL_PLANE}" "$found"
}

# etcd of three members survives one node that is down, and no second one.
cluster_is_healthy 120 || fail "the cluster is not healthy, so the node is not upgraded" \
  "repair the cluster first (the last line above names what is missing); then run the same command again"
if [[ ${TALOS_ROLE:?} == controlplane ]]; then snapshot "$address" "before-$TALOS_VERSION"; fi

# Until 1.8 an upgrade wiped the node's data, etcd's too, without this flag.
mark_node
preserve=()
if ((from < 1008)); then preserve=(--preserve); fi
while :; do
  on_node_within 1900 "$address" upgrade --image "${TALOS_IMAGE:?}" --timeout 30m ${preserve[@]+"${preserve[@]}"}
  upgraded=$status
  if ((upgraded != 0)) && ! is_transient; then
    cp "$work/err" "$work/upgrade"
    release_node
    mv "$work/upgrade" "$work/err"
    fail "the node was not upgraded to $TALOS_VERSION" \
      "see the output above and talosctl -n $address dmesg; then run the same command again"
  fi
  cp "$work/err" "$work/upgrade"
  read_versions
  if is_current; then break; fi
  if ((upgraded == 0)); then
    cp "$work/upgrade" "$work/err"
    fail "the node runs $running with schematic ${schematic:-none} after the upgrade: $TALOS_VERSION did not start, and Talos rolled back" \
      "see talosctl -n $address dmesg of that boot, and whether ${TALOS_IMAGE} fits the machine"
  fi
  pause || fail "the node was not upgraded to $TALOS_VERSION in time" "$unreachable_hint"
done

release_node
cluster_is_healthy 600 || fail "the node runs $TALOS_VERSION, and the cluster has not been healthy since" \
  "the last line above names what is missing; no other node is upgraded before it is repaired. Then run the same command again"
result upgraded from "$before" to "$TALOS_VERSION"
