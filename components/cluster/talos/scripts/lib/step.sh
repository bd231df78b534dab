# shellcheck shell=bash
# shellcheck disable=SC2034 # the steps use what is set here
#
# What every step needs: input, temporary files, calls with a time limit, waiting, errors. Sourced, never executed.
# Written for bash 3.2, which macOS still has.
#
# A step gets plain settings in TALOS_* variables and secrets on stdin: the machine secrets (talsecret.yaml) first, then,
# each after a marker line, patches or a machine config. It skips what is already done, so it can be killed at any point
# and run again.

set -euo pipefail
umask 077
export LC_ALL=C
source "${BASH_SOURCE[0]%/*}/redact.sh"

# The provider passes on its whole environment; the user's own Talos and Kubernetes clusters must not leak in.
unset TALOSCONFIG KUBECONFIG

step=${0##*/}
step=${step%.sh}
node=${TALOS_NODE:-${TALOS_CLUSTER:-}}
address=${TALOS_ADDRESS:-}
poll_seconds=${TALOS_POLL:-5}
# Time limit of one call, unless the call has its own.
call_timeout=${TALOS_CALL_TIMEOUT:-20}
# A waiting step reports what it waits for every so many seconds.
report_seconds=${TALOS_NOTICE:-60}
secrets=""
config=""
parts=()
work=""
status=0
# Program, node address and time limit of the last call.
last_program=""
last_address=""
last_limit=$call_timeout
# What a waiting step waits for, where it is not the last call.
awaited=""

# --- temporary files --------------------------------------------------------------------------------------------------

# A folder in memory where there is one, so that no key is ever written to a disk.
scratch_base() {
  local folder
  for folder in "${XDG_RUNTIME_DIR:-}" /dev/shm "${TMPDIR:-/tmp}"; do
    if [[ -n $folder && -d $folder && -w $folder ]]; then
      printf '%s' "$folder"
      return
    fi
  done
}

# SIGKILL runs no trap: the next step removes the folders of killed steps.
remove_stale_folders() {
  local folder pid
  for folder in "$1"/talos-mesh-step-*; do
    [[ -d $folder && -O $folder ]] || continue
    pid=${folder#"$1"/talos-mesh-step-}
    kill -0 "${pid%%.*}" 2>/dev/null || rm -rf -- "$folder"
  done
}

prepare() {
  local base
  base=${TALOS_SCRATCH:-$(scratch_base)}
  remove_stale_folders "$base"
  work=$(mktemp -d "$base/talos-mesh-step-$$.XXXXXX")
  trap 'rm -rf -- "$work"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  : >"$work/out"
  : >"$work/err"
}

# --- input and output -------------------------------------------------------------------------------------------------

readonly part_marker='# --- talos-mesh: next part ---'

# Reads stdin: the machine secrets into $secrets, all parts into $parts, and the first part after the secrets into $config.
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
  [[ $secrets == *[![:space:]]* ]] || fail "no machine secrets on stdin" "this is a bug in talos-mesh: please report it" none
}

# The last six lines that the last call printed, redacted.
last_output() {
  local text
  text=$( (cat "$work/err"; [[ -s $work/err ]] || cat "$work/out") 2>/dev/null | without_diff | redact | grep -v '^[[:space:]]*$' | tail -n 6 || true)
  if [[ -z $text ]]; then
    if is_timeout; then text="nothing within $last_limit s"; else text="nothing"; fi
  fi
  printf '%s' "$text"
}

# fail PROBLEM WHAT-TO-DO [PROGRAM]: ends the step. PROGRAM is the one whose output is printed: talosctl by default, none.
fail() {
  local program=${3:-talosctl}
  {
    printf '%s%s: %s: %s\n' "$node" "${address:+ ($address)}" "$step" "$1"
    if [[ -n $work && $program != none ]]; then printf '%s printed: %s\n' "$program" "$(last_output)"; fi
    printf 'next: %s\n' "$2"
  } >&2
  exit 1
}

# result RESULT [KEY VALUE]...: one line of JSON on stdout. Values are names, versions and addresses: nothing to escape.
result() {
  local outcome=$1 more=""
  shift
  while (($# >= 2)); do
    more+=",\"$1\":\"$2\""
    shift 2
  done
  printf '{"step":"%s","node":"%s","result":"%s"%s}\n' "$step" "$node" "$outcome" "$more"
}

# --- calls ------------------------------------------------------------------------------------------------------------

bounded() {
  local limit=$1
  shift
  if command -v timeout >/dev/null; then
    timeout --foreground -k 5 "$limit" "$@"
  else
    # macOS has no timeout(1); an alarm survives exec.
    perl -e 'alarm shift; exec @ARGV or exit 127' "$limit" "$@"
  fi
}

# call PROGRAM ARGS...: exit code in $status, output in $work/out and $work/err; stdin is the caller's.
call() { call_within "$call_timeout" "$@"; }

# call_within SECONDS PROGRAM ARGS...
call_within() {
  last_limit=$1
  shift
  last_program=$1
  status=0
  bounded "$last_limit" "$@" >"$work/out" 2>"$work/err" || status=$?
}

is_timeout() { ((status == 124 || status == 137 || status == 142)); }

# Whether the output of the last call matches an extended regular expression.
output_has() { grep -qE -- "$1" "$work/err" "$work/out"; }

# Errors that go away by themselves: a node that boots, a network that settles, an API that is not up yet.
transient='Unavailable|connection refused|connection reset|connection error|i/o timeout|no route to host|network is unreachable|host is down|EOF|DeadlineExceeded|deadline exceeded|Canceled|broken pipe|transport is closing|error reading server preface|already in progress|node is rebooting|not available yet|TLS handshake timeout|etcdserver: (leader changed|request timed out)'

# A request that Talos refuses for good may quote such a word of the config.
permanent='code = (InvalidArgument|PermissionDenied|AlreadyExists)'

is_transient() { is_timeout || { output_has "$transient" && ! output_has "$permanent"; }; }

# --- waiting ----------------------------------------------------------------------------------------------------------

# deadline SECONDS: the step's time limit, from now. TALOS_DEADLINE, which users set, overrides it.
deadline() {
  local limit=${TALOS_DEADLINE:-$1}
  [[ $limit =~ ^[1-9][0-9]*$ ]] ||
    fail "TALOS_DEADLINE is $limit" "set it to whole seconds, such as 300, or unset it for the step's own limit" none
  started=$SECONDS
  ends=$((started + limit))
  next_report=$((started + report_seconds))
}

# Reports now and then, and not at once, what the step waits for: a mistyped address looks like a slow machine. The output of
# a call that succeeded is not what it waits for: then the step sets $awaited.
report_waiting() {
  ((SECONDS >= next_report)) || return 0
  next_report=$((SECONDS + report_seconds))
  local now=$SECONDS what=${awaited:-$last_address}
  printf '%s%s: %s: waiting%s (%d s so far, %d s left)%s\n' "$node" "${address:+ ($address)}" "$step" \
    "${what:+ for $what}" $((now - started)) $((ends - now)) \
    "$( ((status == 0)) || printf '; %s printed: %s' "$last_program" "$(last_output)")" >&2
}

# Sleeps before the next attempt; false once the deadline has passed.
pause() {
  if declare -F notice_lost_config >/dev/null; then notice_lost_config; fi
  ((SECONDS < ends)) || return 1
  report_waiting
  sleep "$poll_seconds"
}

# Whether to repeat the last call, after a pause.
retry() { is_transient && pause; }
