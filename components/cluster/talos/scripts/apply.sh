#!/usr/bin/env bash
# Applies the machine config to one node, in whatever state it is, and waits until the node is back.
# TALOS_REBOOT: what a changed config may do to a node that runs. never: apply at once, or refuse; when-needed: apply at
# once, or reboot; staged: nothing before somebody reboots the node.
source "${BASH_SOURCE[0]%/*}/lib.sh"

prepare
read_secrets
require_talosctl "${TALOS_CONTRACT:?}"
make_talosconfig
deadline 1200

readonly refused_hint='correct the setting or the patch that the lines above speak of; then run the same command again'

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
      "if the lines above speak of unknown keys, boot the machine from Talos $TALOS_CONTRACT or later; else $refused_hint"
    rest || fail "the node does not take the machine config" "$unreachable_hint"
    # It may have been taken all the same, with the answer lost.
    find_node "$address" || fail "the node does not answer" "$unreachable_hint"
    if [[ $state == configured ]]; then return 0; fi
  done
}

send() { on_within 120 "$address" apply-config -f /dev/stdin "$@" < <(printf '%s' "$config"); }

# send_until_taken MODE: false where Talos says that the change needs a reboot, which from 1.14 on it never does.
send_until_taken() {
  while :; do
    send --mode "$1"
    if ((status == 0)); then return 0; fi
    if said "can't be applied in immediate mode|cannot be applied without|requires? a? ?reboot"; then return 1; fi
    is_transient || fail "the node does not take the machine config" "$refused_hint"
    rest || fail "the node does not take the machine config" "$unreachable_hint"
  done
}

is_etcd_member() {
  [[ ${TALOS_ROLE:-} == controlplane ]] || return 1
  on "$address" etcd members
  ((status == 0))
}

# Whether the node runs the config. Asked as a staged change, because every other mode refuses what needs a reboot before
# it compares.
is_applied() {
  until send --mode staged --dry-run && ((status == 0)); do
    is_transient || fail "the node does not take the machine config" "$refused_hint"
    rest || fail "the node does not take the machine config" "$unreachable_hint"
  done
  said 'No changes\.'
}

# Stages the config and boots the node, so that it is this step, and not Talos, that says when; talosctl waits for the
# new boot. etcd has to be back as well, since the next control plane may be the next one to go.
reboot() {
  local member=""
  if is_etcd_member; then member=yes; fi
  send_until_taken staged
  while :; do
    on_within 900 "$address" reboot --wait --timeout 14m
    if ((status == 0)); then break; fi
    again || fail "the node was not rebooted, and its new config waits for that" \
      "see talosctl -n $address dmesg; then run the same command again"
    # It may have gone down before it could answer.
    come_back
    if is_applied; then break; fi
  done
  come_back
  until [[ -z $member ]] || is_etcd_member; do
    rest || fail "etcd of the node is not back after the reboot" \
      "see talosctl -n $address service etcd; then run the same command again"
  done
}

update() {
  until running_config "$address"; do
    again || fail "the node does not tell its machine config" "$unreachable_hint"
  done
  config=$(printf '%s' "$config" | keep_kubernetes)
  if is_applied; then
    outcome=unchanged
    # What runs is right, and the next boot must not bring a config that was staged and then taken back.
    if has_staged "$address" || [[ $staged == unknown && ${TALOS_REBOOT:-never} == staged ]]; then
      send_until_taken no-reboot || fail "the config that was staged cannot be taken back" "reboot the node: $(reboot_command "$address")"
    fi
    return
  fi
  case ${TALOS_REBOOT:-never} in
    staged)
      send_until_taken staged
      outcome=staged
      printf '%s (%s): the new config is staged, and takes effect when the node reboots: %s (one node at a time; %s)\n' \
        "$node" "$address" "$(reboot_command "$address")" "$reboot_hint" >&2
      ;;
    when-needed)
      outcome=applied
      if ! send_until_taken no-reboot; then
        reboot
        outcome=rebooted
      fi
      ;;
    *)
      outcome=applied
      send_until_taken no-reboot || fail "the change needs a reboot, and cluster.reboot is ${TALOS_REBOOT:-never}" \
        "set cluster.reboot to staged (and reboot the node when it suits) or to when-needed"
      ;;
  esac
}

# A config of a newer contract has keys that an older Talos does not know.
knows_contract() {
  until version "$address"; do
    again || fail "the node does not tell its version" "$unreachable_hint"
  done
  (($(minor_of "$running") >= $(minor_of "$TALOS_CONTRACT"))) ||
    fail "the node runs Talos $running, which does not know contract $TALOS_CONTRACT" \
      "keep cluster.contract as it was, deploy cluster.talosVersion first, and raise the contract then" none
}

find_node "$address" || fail "the node does not answer" "$unreachable_hint"
case $state in
  maintenance)
    install
    outcome=installed
    ;;
  configured)
    wait_for_node "$address" || fail "the node is busy (stage $stage) for too long" "$unreachable_hint"
    knows_contract
    update
    ;;
esac
if [[ $outcome != unchanged ]]; then come_back; fi
result "$outcome"
