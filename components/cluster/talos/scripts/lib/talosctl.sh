# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the steps use what is set here; step.sh sets what is used here
#
# talosctl and kubectl calls, and the state of nodes. Sourced after step.sh, never executed.
# --- programs ---------------------------------------------------------------------------------------------------------

readonly install_hint='install talosctl of the Talos version of the nodes: https://www.talos.dev/latest/talos-guides/install/talosctl/'

# minor_of v1.13.9 prints 1013, a number that can be compared.
minor_of() {
  local version=${1#v} major rest
  major=${version%%.*}
  rest=${version#*.}
  printf '%d' $((major * 1000 + ${rest%%.*}))
}

# require_talosctl VERSION: fails unless talosctl is installed and at least of this minor release; sets $client_minor.
require_talosctl() {
  local client
  command -v talosctl >/dev/null || fail "talosctl is not installed" "$install_hint" none
  call talosctl version --client --short
  client=$(sed -nE 's/.*(v[0-9]+\.[0-9]+\.[0-9]+[^[:space:]]*).*/\1/p' "$work/out" | head -n 1)
  [[ $status -eq 0 && -n $client ]] || fail "the version of talosctl cannot be read" "$install_hint"
  client_minor=$(minor_of "$client")
  if ((client_minor < $(minor_of "$1"))); then
    fail "talosctl $client does not support $1, which is newer" "$install_hint" none
  fi
}

require_kubectl() {
  command -v kubectl >/dev/null ||
    fail "kubectl is not installed" "install kubectl: https://kubernetes.io/docs/tasks/tools/" none
}

# A client certificate in $work/talosconfig, created from the machine secrets for each run, so it cannot expire.
make_talosconfig() {
  call talosctl gen config "${TALOS_CLUSTER:?}" https://127.0.0.1:6443 --with-secrets /dev/stdin -t talosconfig -o - < <(printf '%s' "$secrets")
  ((status == 0)) || fail "no client certificate could be created from the machine secrets" \
    "check that the machine secrets are a complete talsecret.yaml"
  mv "$work/out" "$work/talosconfig"
  : >"$work/out"
}

# start VERSION SECONDS: what most steps begin with. VERSION: talosctl has to be at least this; SECONDS: the deadline.
start() {
  prepare
  read_secrets
  require_talosctl "$1"
  make_talosconfig
  deadline "$2"
}

# on_node ADDRESS ARGS...: an authenticated talosctl call to one node.
on_node() { on_node_within "$call_timeout" "$@"; }

# on_node_within SECONDS ADDRESS ARGS...
on_node_within() {
  local limit=$1 to=$2
  shift 2
  last_address=$to
  call_within "$limit" talosctl --talosconfig "$work/talosconfig" -e "$to" -n "$to" "$@"
}

# --- state of a node --------------------------------------------------------------------------------------------------

readonly foreign_hint='check the address, or that the machine secrets are those of its cluster; to take the machine over, reset it (talosctl reset with the talosconfig of its cluster) or boot it from the Talos ISO'
readonly unreachable_hint='check that the machine is on, boots Talos and has this address, and that its port 50000 can be reached from here; then run the same command again'

readonly other_authority='unknown authority|unknown certificate|bad certificate|certificate required|failed to verify certificate'

# node_state ADDRESS: sets $state to configured, maintenance, foreign or unreachable, and $stage to Talos' own name of it.
# A configured node refuses a client without a certificate by an alert of TLS, and closes the connection: half of the time
# talosctl still writes then, and reports that instead of the alert.
node_state() {
  local to=$1 refused=""
  state=unreachable
  stage=""
  on_node "$to" get machinestatus -o 'jsonpath={.spec.stage}'
  if ((status == 0)); then
    stage=$(tr -d '[:space:]' <"$work/out")
    if [[ $stage == maintenance ]]; then state=maintenance; else state=configured; fi
    return
  fi
  if output_has "$other_authority"; then refused=yes; fi
  cp "$work/err" "$work/authenticated"
  call talosctl -e "$to" -n "$to" get machinestatus --insecure -o 'jsonpath={.spec.stage}'
  if ((status == 0)) && [[ $(tr -d '[:space:]' <"$work/out") == maintenance ]]; then
    state=maintenance
    stage=maintenance
  elif [[ -n $refused ]] && { ((status == 0)) || output_has "$other_authority|Unimplemented|broken pipe|connection reset"; }; then
    state=foreign
    cp "$work/authenticated" "$work/err"
  fi
}

# note_wiped ADDRESS: the next deployment applies the config of this node again; components/cluster/talos/steps.ts reads the
# note. Of the machine's own run, since no step may write into the settings.
note_wiped() {
  mkdir -p .talos-mesh/wiped
  date -u +%Y-%m-%dT%H:%M:%SZ >".talos-mesh/wiped/$1"
}

# refuse_wiped ADDRESS: ends the step where a node that had its config is in maintenance mode.
refuse_wiped() {
  node_state "$1"
  [[ $state == maintenance ]] || return 0
  note_wiped "$1"
  address=$1
  fail "the node has lost its config: it was wiped or installed again, and is in maintenance mode" \
    "run the same command again: it configures the machine (from another checkout: pulumi up --replace the resource cluster-apply of this node)" none
}

# notice_lost_config: called before each pause. A node in maintenance mode refuses the certificate of its cluster. Steps that
# configure or wipe nodes set $allows_maintenance.
allows_maintenance=""
notice_lost_config() {
  [[ -z $allows_maintenance && $last_program == talosctl && -n $last_address ]] || return 0
  if output_has 'unknown authority'; then
    cp "$work/err" "$work/before"
    refuse_wiped "$last_address"
    mv "$work/before" "$work/err"
  fi
}

# find_node ADDRESS: waits until the node answers, in whatever state; fails for a node of another cluster.
find_node() {
  local times_foreign=0
  while :; do
    node_state "$1"
    case $state in
      configured | maintenance) return 0 ;;
      # Twice in a row, because a node changes its certificates while it boots.
      foreign) if ((++times_foreign > 1)); then fail "the machine belongs to another cluster" "$foreign_hint"; fi ;;
      unreachable) times_foreign=0 ;;
    esac
    pause || return 1
  done
}

# wait_for_node ADDRESS: waits until the node is configured and no longer installs, reboots or upgrades.
wait_for_node() {
  while find_node "$1"; do
    if [[ $state == maintenance && -z $allows_maintenance ]]; then refuse_wiped "$1"; fi
    if [[ $state == configured && ($stage == running || $stage == booting) ]]; then return 0; fi
    pause || return 1
  done
  return 1
}

# node_version ADDRESS: sets $running to the Talos version of the node.
node_version() {
  on_node "$1" version --json
  running=$(sed -nE 's/.*"tag": *"([^"]+)".*/\1/p' "$work/out" | head -n 1)
  [[ $status -eq 0 && -n $running ]]
}

# --- machine configs --------------------------------------------------------------------------------------------------

# running_config ADDRESS: the machine config that the node runs, in $work/running.
running_config() { fetch_config "$1" v1alpha1 running; }

# fetch_config ADDRESS ID FILE: ID v1alpha1 is the config that runs, persistent the one that the next boot takes.
fetch_config() {
  on_node "$1" get machineconfig "$2" -o 'jsonpath={.spec}'
  ((status == 0)) || return 1
  mv "$work/out" "$work/$3"
  : >"$work/out"
  # For redact.
  cp "$work/$3" "$work/seen-$1-$2"
  rm -f "$work/values"
}

# has_staged ADDRESS: whether a config waits for the next boot. Sets $staged to yes, no, or unknown where Talos is too old
# to report it. Needs $work/running.
has_staged() {
  staged=unknown
  fetch_config "$1" persistent persistent || return 1
  if cmp -s "$work/running" "$work/persistent"; then staged=no; else staged=yes; fi
  [[ $staged == yes ]]
}

readonly reboot_hint='npm run talos:config writes the talosconfig'

# reboot_command ADDRESS: the command for users.
reboot_command() { printf 'talosctl --talosconfig talosconfig -e %s -n %s reboot' "$1" "$1"; }

readonly kubernetes_images='(kubelet|kube-apiserver|kube-controller-manager|kube-scheduler|kube-proxy):v[0-9][^ "@]*'

# Copies the config of stdin with the Kubernetes versions of $work/running: only upgrade-k8s changes those, in its order.
keep_kubernetes() {
  awk -v images="$kubernetes_images" '
    match($0, images) {
      image = substr($0, RSTART, RLENGTH)
      name = image; sub(/:.*/, "", name)
      if (now) { if ($1 ~ /image/) running[name] = image }
      else if (name in running) $0 = substr($0, 1, RSTART - 1) running[name] substr($0, RSTART + RLENGTH)
    }
    !now { print }
  ' now=1 "$work/running" now=0 -
}

# --- the cluster ------------------------------------------------------------------------------------------------------

# etcd_state ADDRESS: sets $etcd to the state of the service with its last event, such as `Running: Health check successful`;
# to nothing where the node does not answer. Calls of etcd itself hang while it does not run. The output of the last call
# stays, for the message that this goes into.
etcd_state() {
  local before=$status
  cp "$work/err" "$work/before"
  on_node "$1" service etcd
  etcd=$(sed -nE 's/^EVENTS +\[([A-Za-z]+)\]: (.*) \([^()]* ago\)$/\1: \2/p' "$work/out" | redact)
  status=$before
  : >"$work/out"
  mv "$work/before" "$work/err"
}

# etcd_members ADDRESS HOSTNAME: sets $members to the IDs of the members with this name: none, one, or also that of a machine
# which was replaced.
etcd_members() {
  on_node "$1" etcd members
  members=$(awk -v name="$2" '{ for (i = 2; i <= NF; i++) if ($i == name) print $(i - 1) }' "$work/out")
  ((status == 0))
}

# has_no_etcd ADDRESS: whether the node has nothing to save: etcd was never started there, or has left the cluster, or was
# removed from it while the node was off.
has_no_etcd() {
  etcd_state "$1"
  case $etcd in
    Finished:* | Skipped:*) return 0 ;;
    "" | *"Health check successful"*) return 1 ;;
  esac
  on_node "$1" list /var/lib/etcd/member
  if output_has 'no such file or directory'; then return 0; fi
  on_node "$1" logs etcd --tail 100
  output_has 'the member has been permanently removed from the cluster'
}

# snapshot ADDRESS REASON: saves etcd to the folder TALOS_SNAPSHOT_FOLDER, where one is set and the node has etcd.
snapshot() {
  [[ -n ${TALOS_SNAPSHOT_FOLDER:-} ]] || return 0
  if has_no_etcd "$1"; then return 0; fi
  mkdir -p "$TALOS_SNAPSHOT_FOLDER"
  local file
  file="$TALOS_SNAPSHOT_FOLDER/${TALOS_CLUSTER}-${node}-$2-$(date -u +%Y%m%dT%H%M%SZ).db"
  # Where etcd does not run, the call hangs until its limit.
  case $etcd in Running:* | "") on_node_within 300 "$1" etcd snapshot "$file.part" ;; *) status=1 ;; esac
  if ((status != 0)); then
    rm -f "$file.part"
    fail "etcd could not be saved (the service is ${etcd:-unknown}), so nothing was changed" \
      "check etcd (talosctl etcd status), or remove cluster.etcdSnapshot to go on without a snapshot"
  fi
  mv "$file.part" "$file"
}

# ips_of ADDRESSES: prints the list with the IP address of each node that has a name there: health checks take no names.
ips_of() {
  local each ip list=""
  for each in ${1//,/ }; do
    ip=$each
    if [[ $each != *:* && $each =~ [a-z] ]]; then
      on_node "$each" get nodeaddress default -o 'jsonpath={.spec.addresses}'
      ip=$(grep -oE '[0-9a-fA-F:.]+/[0-9]+' "$work/out" | head -n 1 || true)
    fi
    list+="${list:+,}${ip%/*}"
  done
  printf '%s' "$list"
}

# health SECONDS CONTROL-PLANES WORKERS: both lists are addresses with commas.
health() {
  local first=${2%%,*} control_planes workers
  control_planes=$(ips_of "$2")
  workers=$(ips_of "${3:-}")
  on_node_within "$(($1 + 30))" "$first" health --control-plane-nodes "$control_planes" ${workers:+--worker-nodes "$workers"} --wait-timeout "${1}s"
  ((status == 0))
}

# fetch_kubeconfig ADDRESS: an administrator's kubeconfig, in $work/kubeconfig.
fetch_kubeconfig() {
  on_node "$1" kubeconfig --force --merge=false "$work/kubeconfig"
  ((status == 0)) && grep -q '^clusters:' "$work/kubeconfig"
}

kube() {
  last_address=""
  call_within "${kube_limit:-$call_timeout}" kubectl --kubeconfig "$work/kubeconfig" "$@"
}

# wait_until_ready PROBLEM WHAT-TO-DO: until the API server is ready twice in a row: one that has just started may go down
# again. Needs $work/kubeconfig.
wait_until_ready() {
  local times_ready=0
  while :; do
    kube get --raw /readyz
    if ((status == 0)); then times_ready=$((times_ready + 1)); else times_ready=0; fi
    if ((times_ready == 2)); then return; fi
    pause || fail "$1" "$2" kubectl
  done
}
