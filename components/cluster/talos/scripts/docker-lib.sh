# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh sets them
#
# What docker-up.sh and docker-down.sh share; sourced, never run.

case ${TALOS_STATE:?} in /*) ;; *) TALOS_STATE=$PWD/$TALOS_STATE ;; esac
# Written last, with what the cluster was made for.
made=$TALOS_STATE/made

# Whatever there is of the cluster, even where talosctl was killed before it wrote down that there is one.
take_down() {
  local left
  rm -f "$made"
  call_within 300 talosctl cluster destroy --name "${TALOS_CLUSTER:?}" --state "$TALOS_STATE/clusters" -f
  if ((status != 0)) && ! said 'no such file|not found|does not exist'; then
    fail "the cluster was not taken down" "see the lines above, and that Docker runs; then run the same command again"
  fi
  if command -v docker >/dev/null; then
    left=$(docker ps -aq --filter "label=talos.cluster.name=$TALOS_CLUSTER" 2>/dev/null || true)
    # shellcheck disable=SC2086 # a list of IDs
    if [[ -n $left ]]; then docker rm -f -v $left >/dev/null; fi
    left=$(docker network ls -q --filter "label=talos.cluster.name=$TALOS_CLUSTER" 2>/dev/null || true)
    # shellcheck disable=SC2086 # a list of IDs
    if [[ -n $left ]]; then docker network rm $left >/dev/null; fi
  fi
  rm -rf -- "$TALOS_STATE"
}
