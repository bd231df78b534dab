#!/usr/bin/env bash
# Talos in containers on this machine; the kubeconfig on stdout. TALOS_STATE: folder for everything that talosctl keeps of
# the cluster, so that the user's own talosconfig and kubeconfig are left alone. Patches follow an empty part on stdin, those
# of control planes first.
# A cluster that was not finished, or that was created from other settings, is destroyed and created again.
source "${BASH_SOURCE[0]%/*}/docker-down.sh"

prepare
# There are no machine secrets, which read_secrets expects first.
{
  printf 'none\n%s\n' "$part_marker"
  cat
} >"$work/input"
read_secrets <"$work/input"
require_talosctl "${TALOS_VERSION:?}"
require_kubectl
deadline 1800

if [[ -f $spec_file && $(cat "$spec_file") == "${TALOS_SPEC:?}" && -f $TALOS_STATE/kubeconfig ]]; then
  cat "$TALOS_STATE/kubeconfig"
  exit 0
fi
destroy_cluster
mkdir -p "$TALOS_STATE"

arguments=(--name "$TALOS_CLUSTER" --state "$TALOS_STATE/clusters" --workers "${TALOS_WORKER_COUNT:?}"
  --kubernetes-version "${KUBERNETES_VERSION#v}" --image "ghcr.io/siderolabs/talos:$TALOS_VERSION")
# From 1.12 on each provisioner is a command of its own, with its own flags.
if ((client_minor >= 1012)); then
  flags=(--config-patch-controlplanes --config-patch-workers)
  host_flag=--host-ip
else
  flags=(--config-patch-control-plane --config-patch-worker)
  host_flag=--docker-host-ip
fi
# Ports of the control plane. talosctl's own default is every address of this machine.
if [[ -n ${TALOS_EXPOSED_PORTS-} ]]; then
  arguments+=(--exposed-ports "$TALOS_EXPOSED_PORTS" "$host_flag" 127.0.0.1)
fi
for ((index = 2; index < ${#parts[@]}; index++)); do
  printf '%s' "${parts[index]}" >"$work/patch-$index.yaml"
  arguments+=("${flags[index - 2 < ${TALOS_CONTROL_PLANE_PATCHES:?} ? 0 : 1]}" "@$work/patch-$index.yaml")
done
if ((client_minor >= 1012)); then
  create=(cluster create docker "${arguments[@]}" --talosconfig-destination "$TALOS_STATE/talosconfig")
else
  create=(cluster create --provisioner docker --wait-timeout 20m --talosconfig "$TALOS_STATE/talosconfig" "${arguments[@]}")
fi
export KUBECONFIG=$TALOS_STATE/kubeconfig
call_within 1500 talosctl "${create[@]}"
((status == 0)) || fail "the cluster was not created" \
  "see the output above, and check that Docker runs and has 2 GiB for each node; then run the same command again"

cp "$TALOS_STATE/kubeconfig" "$work/kubeconfig"
wait_until_ready "the API server is not ready" "see talosctl cluster show --name $TALOS_CLUSTER"
printf '%s' "$TALOS_SPEC" >"$spec_file"
cat "$TALOS_STATE/kubeconfig"
