#!/usr/bin/env bash
# Brings one node to a Talos release and an Image Factory schematic. `talosctl upgrade` installs again whatever runs,
# so that it is asked only where version or schematic differ.
source "${BASH_SOURCE[0]%/*}/lib.sh"

prepare
read_secrets
require_talosctl "${TALOS_VERSION:?}"
make_talosconfig
deadline 3600

what_runs() {
  wait_for_node "$address" || fail "the node does not answer (it is ${state}${stage:+, stage $stage})" "$unreachable_hint"
  until version "$address" && schematic "$address"; do
    again || fail "the node does not tell what it runs" "$unreachable_hint"
  done
}

is_there() {
  [[ $running == "$TALOS_VERSION" && (-z ${TALOS_SCHEMATIC:-} || $schematic == "$TALOS_SCHEMATIC") ]]
}

what_runs
if is_there; then
  result unchanged version "$running"
  exit 0
fi

require_kubectl
before=$running
from=$(minor_of "$running")
to=$(minor_of "$TALOS_VERSION")
if ((to > from + 1)); then
  fail "from $running to $TALOS_VERSION is more than one minor release" \
    "Talos goes one minor at a time: set cluster.talosVersion to the newest v1.$((from % 1000 + 1)) release (https://github.com/siderolabs/talos/releases), run pulumi up, and go on from there" none
fi
if ((to < from)); then
  fail "from $running to $TALOS_VERSION is a minor release back, which Talos does not do" \
    "set cluster.talosVersion to $running or newer" none
fi

# Addresses of the nodes with this label, with commas, in $found; the first of each where it has several.
nodes_with() {
  kube get nodes -l "$1" -o 'jsonpath={range .items[*]}{.status.addresses[?(@.type=="InternalIP")].address}{"\n"}{end}'
  ((status == 0)) || return 1
  found=$(awk 'NF { printf "%s%s", comma, $1; comma = "," }' "$work/out")
}

# all_well SECONDS: every node of the cluster is.
all_well() {
  local control_planes=""
  until fetch_kubeconfig "${TALOS_CONTROL_PLANE:?}" && nodes_with node-role.kubernetes.io/control-plane; do
    rest || return 1
  done
  control_planes=$found
  until nodes_with '!node-role.kubernetes.io/control-plane'; do rest || return 1; done
  health "$1" "${control_planes:-$TALOS_CONTROL_PLANE}" "$found"
}

# One node that is down is all that etcd of three members survives.
all_well 120 || fail "the cluster is not well, so the node is not upgraded" \
  "bring the cluster in order first (the last line says what is missing); then run the same command again"
if [[ ${TALOS_ROLE:?} == controlplane ]]; then snapshot "$address" "before-$TALOS_VERSION"; fi

# Until 1.8 an upgrade wiped the node's data, etcd's too, unless told otherwise.
preserve=()
if ((from < 1008)); then preserve=(--preserve); fi
while :; do
  on_within 1900 "$address" upgrade --image "${TALOS_IMAGE:?}" --timeout 30m ${preserve[@]+"${preserve[@]}"}
  upgraded=$status
  if ((upgraded != 0)) && ! is_transient; then
    fail "the node was not upgraded to $TALOS_VERSION" \
      "see the lines above and talosctl -n $address dmesg; then run the same command again"
  fi
  cp "$work/err" "$work/upgrade"
  what_runs
  if is_there; then break; fi
  if ((upgraded == 0)); then
    cp "$work/upgrade" "$work/err"
    fail "the node runs $running with schematic ${schematic:-none} after the upgrade: it did not start with $TALOS_VERSION and went back" \
      "see talosctl -n $address dmesg of that boot, and whether ${TALOS_IMAGE} fits the machine"
  fi
  rest || fail "the node was not upgraded to $TALOS_VERSION in time" "$unreachable_hint"
done

all_well 600 || fail "the node runs $TALOS_VERSION, and the cluster is not well since" \
  "the last line says what is missing; no other node is upgraded before it is well. Then run the same command again"
result upgraded from "$before" to "$TALOS_VERSION"
