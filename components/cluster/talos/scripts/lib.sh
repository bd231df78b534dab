# shellcheck shell=bash
# shellcheck disable=SC2034 # the steps use what is set here
#
# What the steps share; sourced, never run. Written for bash 3.2, which macOS still has.
#
# Each step gets plain settings in TALOS_* variables and what is secret on stdin: the machine secrets (talsecret.yaml)
# and, each after a marker line, patches or a machine config. It does nothing that is done already, so that it can be killed at any
# point and run again.

set -euo pipefail
umask 077
export LC_ALL=C

# The provider hands over its whole environment; what belongs to the user's own Talos and Kubernetes must not leak in.
unset TALOSCONFIG KUBECONFIG

step=${0##*/}
step=${step%.sh}
node=${TALOS_NODE:-${TALOS_CLUSTER:-}}
address=${TALOS_ADDRESS:-}
# Seconds between two looks at a node, and seconds that one call of talosctl may take unless it says otherwise.
poll=${TALOS_POLL:-5}
patience=${TALOS_CALL_TIMEOUT:-20}
# Seconds that a step waits before it says what for, each time.
notice=${TALOS_NOTICE:-60}
secrets=""
config=""
work=""
status=0
# Whom the last call asked: the program, and the node where it was one.
last_program=""
last_address=""

# --- temporary files --------------------------------------------------------------------------------------------------

# In memory where the machine offers that, so that not even a power cut leaves a key on a disk.
scratch_base() {
  local folder
  for folder in "${XDG_RUNTIME_DIR:-}" /dev/shm "${TMPDIR:-/tmp}"; do
    if [[ -n $folder && -d $folder && -w $folder ]]; then
      printf '%s' "$folder"
      return
    fi
  done
}

# A SIGKILL runs no trap: what a killed step left behind is removed by the next one.
sweep() {
  local left pid
  for left in "$1"/talos-mesh-step-*; do
    [[ -d $left && -O $left ]] || continue
    pid=${left#"$1"/talos-mesh-step-}
    kill -0 "${pid%%.*}" 2>/dev/null || rm -rf -- "$left"
  done
}

prepare() {
  local base
  base=${TALOS_SCRATCH:-$(scratch_base)}
  sweep "$base"
  work=$(mktemp -d "$base/talos-mesh-step-$$.XXXXXX")
  trap 'rm -rf -- "$work"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  : >"$work/out"
  : >"$work/err"
}

# --- input and output -------------------------------------------------------------------------------------------------

readonly part_marker='# --- talos-mesh: next part ---'

# Machine secrets from stdin, and the parts that follow: patches, or a machine config ($config is the first of them).
read_secrets() {
  local line text="" at=0
  parts=()
  while IFS= read -r line || [[ -n $line ]]; do
    if [[ $line == "$part_marker" ]]; then
      parts[at]=$text
      at=$((at + 1))
      text=""
    else
      text+=$line$'\n'
    fi
  done
  parts[at]=$text
  secrets=${parts[0]}
  config=${parts[1]:-}
  [[ $secrets == *[![:space:]]* ]] || fail "no machine secrets came in" "this is a fault in talos-mesh: please report it" none
}

# A copy of stdin without secrets: the values of the machine secrets, and whatever looks like a key or a token.
redact() {
  awk '
    function hide(line,   i, at) {
      for (i = 1; i <= count; i++)
        while ((at = index(line, values[i])) > 0)
          line = substr(line, 1, at - 1) "[secret]" substr(line, at + length(values[i]))
      return line
    }
    known { value = $NF; gsub(/["\047]/, "", value); if (length(value) >= 8) values[++count] = value; next }
    { print hide($0) }
  ' known=1 <(printf '%s\n' "$secrets") known=0 - |
    # Repetitions are for sed: not every awk has them.
    sed -E \
      -e 's/-----BEGIN [A-Z ]+-----.*/[secret]/' \
      -e 's#[A-Za-z0-9+/_-]{40,}=*#[secret]#g' \
      -e 's/[a-z0-9]{6}\.[a-z0-9]{16}/[secret]/g' \
      -e 's/((key|token|secret|crt|cert|password|auth|[sS]ecret)"?:[[:space:]]+)[^[:space:]].*/\1[secret]/'
}

# The last thing talosctl said, in one paragraph.
last_words() {
  local words
  words=$( (cat "$work/err"; [[ -s $work/err ]] || cat "$work/out") 2>/dev/null | redact | grep -v '^[[:space:]]*$' | tail -n 6 || true)
  if [[ -z $words ]]; then
    if is_timeout; then words="nothing within ${last_limit:-$patience} s"; else words="nothing"; fi
  fi
  printf '%s' "$words"
}

# fail WHAT WHAT-NEXT [PROGRAM]: ends the step with all that a person needs.
fail() {
  local program=${3:-talosctl}
  {
    printf '%s%s: %s: %s\n' "$node" "${address:+ ($address)}" "$step" "$1"
    if [[ -n $work && $program != none ]]; then printf '%s said: %s\n' "$program" "$(last_words)"; fi
    printf 'next: %s\n' "$2"
  } >&2
  exit 1
}

# One line of JSON on stdout: result RESULT [KEY VALUE]... Values are names, versions and addresses; nothing to escape.
result() {
  local outcome=$1 more=""
  shift
  while (($# >= 2)); do
    more+=",\"$1\":\"$2\""
    shift 2
  done
  printf '{"step":"%s","node":"%s","result":"%s"%s}\n' "$step" "$node" "$outcome" "$more"
}

# --- deadlines --------------------------------------------------------------------------------------------------------

# deadline SECONDS: from now; TALOS_DEADLINE, which is for people to set, goes before the step's own.
deadline() {
  local limit=${TALOS_DEADLINE:-$1}
  [[ $limit =~ ^[1-9][0-9]*$ ]] ||
    fail "TALOS_DEADLINE is $limit" "set it to whole seconds, such as 300, or unset it for the step's own time" none
  began=$SECONDS
  ends=$((began + limit))
  tells=$((began + notice))
}

out_of_time() { ((SECONDS >= ends)); }

# Says now and then, and not at once, what the step waits for: a mistyped address looks like a slow machine.
tell() {
  ((SECONDS >= tells)) || return 0
  tells=$((SECONDS + notice))
  local now=$SECONDS
  printf '%s%s: %s: waits%s since %d s, for %d s more at most; %s said: %s\n' "$node" "${address:+ ($address)}" "$step" \
    "${last_address:+ for $last_address}" $((now - began)) $((ends - now)) "$last_program" "$(last_words)" >&2
}

# Rests before the next look at a node; false once the time is over.
rest() {
  out_of_time && return 1
  tell
  sleep "$poll"
}

bounded() {
  local limit=$1
  shift
  if command -v timeout >/dev/null; then
    timeout --foreground -k 5 "$limit" "$@"
  else
    # macOS has no timeout(1); an alarm outlives exec.
    perl -e 'alarm shift; exec @ARGV or exit 127' "$limit" "$@"
  fi
}

# --- talosctl ---------------------------------------------------------------------------------------------------------

readonly install_hint='install talosctl of the Talos version of the nodes: https://www.talos.dev/latest/talos-guides/install/talosctl/'

# v1.13.9 -> 113 is no number to compare with; 1013 is.
minor_of() {
  local version=${1#v} major rest
  major=${version%%.*}
  rest=${version#*.}
  printf '%d' $((major * 1000 + ${rest%%.*}))
}

client_version() { sed -nE 's/.*(v[0-9]+\.[0-9]+\.[0-9]+[^[:space:]]*).*/\1/p' "$work/out" | head -n 1; }

# require_talosctl VERSION: there, and not older than what it is to talk to.
require_talosctl() {
  command -v talosctl >/dev/null || fail "talosctl is not installed" "$install_hint" none
  call talosctl version --client --short
  client=$(client_version)
  [[ $status -eq 0 && -n $client ]] || fail "talosctl does not tell its version" "$install_hint"
  client_minor=$(minor_of "$client")
  if ((client_minor < $(minor_of "$1"))); then
    fail "talosctl is $client, and $1 is newer than it knows" "$install_hint" none
  fi
}

require_kubectl() {
  command -v kubectl >/dev/null ||
    fail "kubectl is not installed" "install kubectl: https://kubernetes.io/docs/tasks/tools/" none
}

# call PROGRAM ARGS...: exit code in $status, output in $work/out and $work/err. stdin is the caller's.
call() { call_within "$patience" "$@"; }

call_within() {
  last_limit=$1
  shift
  last_program=$1
  status=0
  bounded "$last_limit" "$@" >"$work/out" 2>"$work/err" || status=$?
}

is_timeout() { ((status == 124 || status == 137 || status == 142)); }

said() { grep -qE -- "$1" "$work/err" "$work/out"; }

# What passes by itself: a node that boots, a network that settles, an API that is not up yet.
transient='Unavailable|connection refused|connection reset|connection error|i/o timeout|no route to host|network is unreachable|host is down|EOF|DeadlineExceeded|deadline exceeded|Canceled|broken pipe|transport is closing|error reading server preface|already in progress|not available yet|TLS handshake timeout|etcdserver: (leader changed|request timed out)'

is_transient() { is_timeout || said "$transient"; }

# Whether the last call is to be made again, after a rest.
again() { is_transient && rest; }

# A client certificate, made anew from the machine secrets for each run: nothing that could run out is kept.
make_talosconfig() {
  call talosctl gen config "${TALOS_CLUSTER:?}" https://127.0.0.1:6443 --with-secrets /dev/stdin -t talosconfig -o - < <(printf '%s' "$secrets")
  ((status == 0)) || fail "no client certificate could be made from the machine secrets" \
    "check that the machine secrets are a whole talsecret.yaml"
  mv "$work/out" "$work/talosconfig"
  : >"$work/out"
}

# on ADDRESS ARGS...: talosctl, authenticated, to one node; on_within SECONDS ADDRESS ARGS...
on() { on_within "$patience" "$@"; }

on_within() {
  local limit=$1 to=$2
  shift 2
  last_address=$to
  call_within "$limit" talosctl --talosconfig "$work/talosconfig" -e "$to" -n "$to" "$@"
}

# --- nodes ------------------------------------------------------------------------------------------------------------

# node_state ADDRESS: $state is configured, maintenance, foreign or unreachable; $stage what Talos calls it.
node_state() {
  local to=$1 refused=""
  state=unreachable
  stage=""
  on "$to" get machinestatus -o 'jsonpath={.spec.stage}'
  if ((status == 0)); then
    stage=$(tr -d '[:space:]' <"$work/out")
    if [[ $stage == maintenance ]]; then state=maintenance; else state=configured; fi
    return
  fi
  if said 'unknown authority|unknown certificate|bad certificate|certificate required|failed to verify certificate'; then refused=yes; fi
  cp "$work/err" "$work/authenticated"
  call talosctl -e "$to" -n "$to" get machinestatus --insecure -o 'jsonpath={.spec.stage}'
  if ((status == 0)) && [[ $(tr -d '[:space:]' <"$work/out") == maintenance ]]; then
    state=maintenance
    stage=maintenance
  elif [[ -n $refused ]] && { ((status == 0)) || said 'certificate required|bad certificate|unknown certificate|Unimplemented'; }; then
    state=foreign
    cp "$work/authenticated" "$work/err"
  fi
}

readonly foreign_hint='check the address, or that the machine secrets are those of its cluster; to take the machine over, reset it (talosctl reset with the talosconfig of its cluster) or boot it from the Talos ISO'

# find_node ADDRESS: waits until the node answers, whatever its state; a node of another cluster ends the step.
find_node() {
  local times_foreign=0
  while :; do
    node_state "$1"
    case $state in
      configured | maintenance) return 0 ;;
      # Twice, because certificates are in between while a node boots.
      foreign) if ((++times_foreign > 1)); then fail "the machine belongs to another cluster" "$foreign_hint"; fi ;;
      unreachable) times_foreign=0 ;;
    esac
    rest || return 1
  done
}

readonly unreachable_hint='check that the machine is on, boots Talos and has this address, and that port 50000 of it is open from here; then run the same command again'

# wait_for_node ADDRESS: until it is configured and no longer installs, reboots or upgrades.
wait_for_node() {
  while find_node "$1"; do
    if [[ $state == configured && ($stage == running || $stage == booting) ]]; then return 0; fi
    rest || return 1
  done
  return 1
}

# Machine config that the node runs, in $work/running.
running_config() { machine_config "$1" v1alpha1 running; }

# machine_config ADDRESS ID FILE: v1alpha1 is the one that runs, persistent the one that the next boot takes.
machine_config() {
  on "$1" get machineconfig "$2" -o 'jsonpath={.spec}'
  ((status == 0)) || return 1
  mv "$work/out" "$work/$3"
  : >"$work/out"
}

# has_staged ADDRESS: whether a config waits for the next boot, in $staged (yes, no; unknown where Talos is too old to
# tell). $work/running must hold what the node runs.
has_staged() {
  staged=unknown
  machine_config "$1" persistent persistent || return 1
  if cmp -s "$work/running" "$work/persistent"; then staged=no; else staged=yes; fi
  [[ $staged == yes ]]
}

readonly reboot_hint='npm run talos:config writes a talosconfig for it'

# reboot_command ADDRESS: what a person types.
reboot_command() { printf 'talosctl --talosconfig talosconfig -e %s -n %s reboot' "$1" "$1"; }

readonly kubernetes_images='(kubelet|kube-apiserver|kube-controller-manager|kube-scheduler|kube-proxy):v[0-9][^ "@]*'

# The config of stdin with the Kubernetes versions that $work/running has: only upgrade-k8s changes those, in its order.
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

# version ADDRESS: what the node runs, in $running; false where it does not say.
version() {
  on "$1" version --json
  running=$(sed -nE 's/.*"tag": *"([^"]+)".*/\1/p' "$work/out" | head -n 1)
  [[ $status -eq 0 && -n $running ]]
}

# schematic ADDRESS: the Image Factory schematic it was installed with, in $schematic; empty for other images.
schematic() {
  on "$1" get extensions -o json
  ((status == 0)) || return 1
  schematic=$(tr -d ' \n\t' <"$work/out" | grep -oE '"name":"schematic","version":"[0-9a-f]+"' | grep -oE '[0-9a-f]{64}' | head -n 1 || true)
}

# Saves etcd to the folder of TALOS_SNAPSHOT_FOLDER, where one is set: snapshot ADDRESS REASON.
snapshot() {
  [[ -n ${TALOS_SNAPSHOT_FOLDER:-} ]] || return 0
  mkdir -p "$TALOS_SNAPSHOT_FOLDER"
  local file
  file="$TALOS_SNAPSHOT_FOLDER/${TALOS_CLUSTER}-${node}-$2-$(date -u +%Y%m%dT%H%M%SZ).db"
  on_within 300 "$1" etcd snapshot "$file.part"
  if ((status != 0)); then
    rm -f "$file.part"
    fail "etcd could not be saved, so nothing was changed" \
      "see whether etcd is well (talosctl etcd status), or remove cluster.etcdSnapshot to go on without a snapshot"
  fi
  mv "$file.part" "$file"
}

# health SECONDS CONTROL-PLANES WORKERS (addresses, with commas)
health() {
  local first=${2%%,*}
  on_within "$(($1 + 30))" "$first" health --control-plane-nodes "$2" ${3:+--worker-nodes "$3"} --wait-timeout "${1}s"
  ((status == 0))
}

# Kubeconfig of an administrator, in $work/kubeconfig: fetch_kubeconfig ADDRESS
fetch_kubeconfig() {
  on "$1" kubeconfig --force --merge=false "$work/kubeconfig"
  ((status == 0)) && grep -q '^clusters:' "$work/kubeconfig"
}

kube() {
  last_address=""
  call_within "${kube_limit:-$patience}" kubectl --kubeconfig "$work/kubeconfig" "$@"
}
