#!/usr/bin/env bash
# Destroys the cluster of docker-up.sh; succeeds if there is none. A cluster of other settings has already replaced the one
# to destroy, and is left alone. docker-up.sh sources this file for destroy_cluster.
source "${BASH_SOURCE[0]%/*}/lib/step.sh"
source "${BASH_SOURCE[0]%/*}/lib/talosctl.sh"

case ${TALOS_STATE:?} in /*) ;; *) TALOS_STATE=$PWD/$TALOS_STATE ;; esac
# Holds TALOS_SPEC, the hash of the settings that the cluster was created from; written last.
spec_file=$TALOS_STATE/made

# Removes whatever there is of the cluster, even where talosctl was killed before it recorded the cluster.
destroy_cluster() {
  local ids
  rm -f "$spec_file"
  call_within 300 talosctl cluster destroy --name "${TALOS_CLUSTER:?}" --state "$TALOS_STATE/clusters" -f
  if ((status != 0)) && ! output_has 'no such file|not found|does not exist'; then
    fail "the cluster was not destroyed" "see the output above, and check that Docker runs; then run the same command again"
  fi
  if command -v docker >/dev/null; then
    ids=$(docker ps -aq --filter "label=talos.cluster.name=$TALOS_CLUSTER" 2>/dev/null || true)
    # shellcheck disable=SC2086 # a list of IDs
    if [[ -n $ids ]]; then docker rm -f -v $ids >/dev/null; fi
    ids=$(docker network ls -q --filter "label=talos.cluster.name=$TALOS_CLUSTER" 2>/dev/null || true)
    # shellcheck disable=SC2086 # a list of IDs
    if [[ -n $ids ]]; then docker network rm $ids >/dev/null; fi
  fi
  rm -rf -- "$TALOS_STATE"
}

if [[ ${BASH_SOURCE[0]} != "$0" ]]; then return; fi

if [[ -f $spec_file && $(cat "$spec_file") != "${TALOS_SPEC:?}" ]]; then
  result replaced
  exit 0
fi
prepare
require_talosctl "${TALOS_VERSION:?}"
destroy_cluster
result destroyed
