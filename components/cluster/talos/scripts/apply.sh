#!/usr/bin/env bash
# Applies the machine config to one node, in whatever state it is, and waits until the node is back.
# TALOS_REBOOT: never, when-needed or staged: what a changed config may do to a node that runs.
source "${BASH_SOURCE[0]%/*}/lib.sh"

prepare
read_secrets
require_talosctl "${TALOS_CONTRACT:?}"
make_talosconfig
deadline 1200

come_back() {
  wait_for_node "$address" || fail "the config was applied, and the node has not come back (it is ${state}${stage:+, stage $stage})" \
    "look at the machine's console, or at talosctl -n $address dmesg; then run the same command again"
}

# Not authenticated yet: whoever reaches the machine first configures it.
install() {
  while :; do
    call_within 60 talosctl -e "$address" -n "$address" apply-config --insecure -f /dev/stdin < <(printf '%s' "$config")
    if ((status == 0)); then break; fi
    is_transient || fail "the node does not take the machine config" \
      "correct the setting or the patch that the lines above speak of; then run the same command again"
    rest || fail "the node does not take the machine config" "$unreachable_hint"
    # It may have been taken all the same, with the answer lost.
    find_node "$address" || fail "the node does not answer" "$unreachable_hint"
    if [[ $state == configured ]]; then return 0; fi
  done
}

# TALOS_REBOOT in the words of talosctl. From 1.14 on auto never reboots, and staged is what a reboot can be left to.
mode() {
  case ${TALOS_REBOOT:-never} in
    when-needed) echo auto ;;
    staged) echo staged ;;
    *) echo no-reboot ;;
  esac
}

send() { on_within 120 "$address" apply-config -f /dev/stdin "$@" < <(printf '%s' "$config"); }

update() {
  while ! running_config "$address"; do
    is_transient && rest || fail "the node does not tell its machine config" "$unreachable_hint"
  done
  config=$(printf '%s' "$config" | keep_kubernetes)
  while :; do
    send --mode "$(mode)" --dry-run
    if ((status == 0)) && said 'No changes\.'; then
      outcome=unchanged
      return 0
    fi
    if ((status == 0)); then send --mode "$(mode)"; fi
    if ((status == 0)); then
      outcome=applied
      if [[ $(mode) == staged ]]; then outcome=staged; fi
      return 0
    fi
    if said "can't be applied in immediate mode|cannot be applied without|requires? a? ?reboot"; then
      fail "the change needs a reboot, and cluster.reboot is ${TALOS_REBOOT:-never}" \
        "set cluster.reboot to staged (and reboot the node when it suits) or to when-needed"
    fi
    is_transient || fail "the node does not take the machine config" \
      "correct the setting or the patch that the lines above speak of; then run the same command again"
    rest || fail "the node does not take the machine config" "$unreachable_hint"
  done
}

find_node "$address" || fail "the node does not answer" "$unreachable_hint"
case $state in
  maintenance)
    install
    outcome=installed
    ;;
  configured)
    wait_for_node "$address" || fail "the node is busy (stage $stage) for too long" "$unreachable_hint"
    update
    ;;
esac
if [[ $outcome != unchanged ]]; then come_back; fi
result "$outcome"
