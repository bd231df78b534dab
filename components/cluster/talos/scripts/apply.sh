#!/usr/bin/env bash
# Applies the machine config to one node, whatever its state, and waits until the node is back.
# TALOS_REBOOT: what a changed config may do to a running node. never: apply at once, or fail; when-needed: apply at once,
# or reboot; staged: nothing until an administrator reboots the node. TALOS_WIPED: when an earlier run found that the node
# had lost its config, which makes this step run again.
source "${BASH_SOURCE[0]%/*}/lib/step.sh"
source "${BASH_SOURCE[0]%/*}/lib/talosctl.sh"

start "${TALOS_CONTRACT:?}" 1200
allows_maintenance=yes

readonly config_rejected="the node rejects the machine config"
readonly rejected_hint='correct the setting or the patch that the output above names; then run the same command again'

wait_until_back() {
  wait_for_node "$address" || fail "the config was applied, but the node is not back (it is ${state}${stage:+, stage $stage})" \
    "look at the machine's console, or at talosctl -n $address dmesg; then run the same command again"
}

# Without authentication: in maintenance mode, the first client to reach the machine configures it.
install() {
  while :; do
    call_within 60 talosctl -e "$address" -n "$address" apply-config --insecure -f /dev/stdin < <(printf '%s' "$config")
    if ((status == 0)); then break; fi
    is_transient || fail "$config_rejected" \
      "if the output above names unknown keys, boot the machine from Talos $TALOS_CONTRACT or later; otherwise $rejected_hint"
    pause || fail "$config_rejected" "$unreachable_hint"
    # The config may have been accepted and only the answer lost.
    find_node "$address" || fail "the node does not answer" "$unreachable_hint"
    if [[ $state == configured ]]; then return 0; fi
  done
}

send() { on_node_within 120 "$address" apply-config -f /dev/stdin "$@" < <(printf '%s' "$config"); }

# send_until_accepted MODE: false where Talos reports that the change needs a reboot, which it never does from 1.14 on.
send_until_accepted() {
  while :; do
    send --mode "$1"
    if ((status == 0)); then return 0; fi
    if output_has "can't be applied in immediate mode|cannot be applied without|requires? a? ?reboot"; then return 1; fi
    is_transient || fail "$config_rejected" "$rejected_hint"
    pause || fail "$config_rejected" "$unreachable_hint"
  done
}

is_etcd_member() {
  [[ ${TALOS_ROLE:-} == controlplane ]] || return 1
  on_node "$address" etcd members
  ((status == 0))
}

# Whether the node runs the config. The dry run is one of a staged change: every other mode rejects a change that needs a
# reboot before it compares.
is_applied() {
  until send --mode staged --dry-run && ((status == 0)); do
    is_transient || fail "$config_rejected" "$rejected_hint"
    pause || fail "$config_rejected" "$unreachable_hint"
  done
  output_has 'No changes\.'
}

# Stages the config and reboots the node, so that this step decides when, and not Talos; talosctl waits for the boot. etcd
# has to be back too, since the next control plane may reboot after this one.
reboot() {
  local member=""
  if is_etcd_member; then member=yes; fi
  send_until_accepted staged
  while :; do
    on_node_within 900 "$address" reboot --wait --timeout 14m
    if ((status == 0)); then break; fi
    retry || fail "the node was not rebooted, which its new config needs" \
      "see talosctl -n $address dmesg; then run the same command again"
    # The node may have gone down before it could answer.
    wait_until_back
    if is_applied; then break; fi
  done
  wait_until_back
  until [[ -z $member ]] || is_etcd_member; do
    pause || fail "etcd of the node is not back after the reboot" \
      "see talosctl -n $address service etcd; then run the same command again"
  done
}

# A reboot would make a worker of a control plane whose member of etcd stays, or the other way round.
refuse_other_type() {
  local type
  type=$(grep -oE '^ +type: (controlplane|worker)$' "$work/running" | head -n 1 || true)
  [[ -z $type || ${type##* } == "${TALOS_ROLE:?}" ]] || fail "the node is a ${type##* }, and Talos does not make a $TALOS_ROLE of it" \
    "remove the node from cluster.nodes and deploy, reset the machine (talosctl reset), then add it again with its new role" none
}

update() {
  until running_config "$address"; do
    retry || fail "the machine config of the node cannot be read" "$unreachable_hint"
  done
  refuse_other_type
  config=$(printf '%s' "$config" | keep_kubernetes)
  if is_applied; then
    outcome=unchanged
    # The running config is right; a config that was staged earlier must not replace it at the next boot.
    if has_staged "$address" || [[ $staged == unknown && ${TALOS_REBOOT:-never} == staged ]]; then
      send_until_accepted no-reboot || fail "the staged config cannot be removed" "reboot the node: $(reboot_command "$address")"
    fi
    return
  fi
  case ${TALOS_REBOOT:-never} in
    staged)
      send_until_accepted staged
      outcome=staged
      printf '%s (%s): the new config is staged and takes effect when the node reboots: %s (one node at a time; %s)\n' \
        "$node" "$address" "$(reboot_command "$address")" "$reboot_hint" >&2
      ;;
    when-needed)
      outcome=applied
      if ! send_until_accepted no-reboot; then
        reboot
        outcome=rebooted
      fi
      ;;
    *)
      outcome=applied
      send_until_accepted no-reboot || fail "the change needs a reboot, and cluster.reboot is ${TALOS_REBOOT:-never}" \
        "set cluster.reboot to staged (and reboot the node when it suits) or to when-needed"
      ;;
  esac
}

# A config of a newer contract has keys that an older Talos does not know.
check_contract() {
  until node_version "$address"; do
    retry || fail "the Talos version of the node cannot be read" "$unreachable_hint"
  done
  (($(minor_of "$running") >= $(minor_of "$TALOS_CONTRACT"))) ||
    fail "the node runs Talos $running, which does not support contract $TALOS_CONTRACT" \
      "keep cluster.contract as it was, deploy cluster.talosVersion first, and raise the contract then" none
}

find_node "$address" || fail "the node does not answer" "$unreachable_hint"
case $state in
  maintenance)
    install
    outcome=installed
    if [[ -n ${TALOS_WIPED:-} && ${TALOS_ROLE:-} == controlplane ]]; then
      echo "$node ($address) was wiped, with its etcd: it joins the etcd of the other control planes. If there is none, the cluster is lost: restore it with talosctl -n $address bootstrap --recover-from SNAPSHOT" >&2
    fi
    ;;
  configured)
    wait_for_node "$address" || fail "the node is still busy (stage $stage)" "$unreachable_hint"
    check_contract
    update
    ;;
esac
if [[ $outcome != unchanged ]]; then wait_until_back; fi
result "$outcome"
