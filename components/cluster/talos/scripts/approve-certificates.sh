#!/usr/bin/env bash
# Approves the kubelets' serving certificates until every node of TALOS_NODES (`hostname=address ...`) has joined and has its
# certificate. A kubelet with rotate-server-certificates requests one a moment after it has joined, before the permanent
# approver is installed.
# A request is approved if the node itself sent it, for serving only, in its own name and for addresses that it has: the
# one of the settings, and those that Talos reports. Others are left alone, and reported with the reason.
source "${BASH_SOURCE[0]%/*}/lib/step.sh"
source "${BASH_SOURCE[0]%/*}/lib/talosctl.sh"

start "${TALOS_CONTRACT:?}" 900
require_kubectl

readonly serving=kubernetes.io/kubelet-serving
readonly columns='jsonpath={range .items[*]}{.metadata.name}|{.spec.signerName}|{.spec.username}|{.spec.groups}|{.spec.usages}|{.spec.request}|{.status.conditions[*].type}{"\n"}{end}'

# Names of the nodes in Kubernetes; false where it does not answer.
list_nodes() { kube get nodes -o 'jsonpath={range .items[*]}{.metadata.name}{"\n"}{end}' && cat "$work/out"; }

# Addresses of stdin, one a line, in one form: lower case, IPv6 with all its eight groups and no leading zeros.
normalize_addresses() {
  awk '
    { address = tolower($0); sub(/\/.*/, "", address) }
    address !~ /:/ { print address; next }
    {
      count = split(address, groups, ":"); filled = 0; out = ""
      for (i = 1; i <= count; i++) {
        if (groups[i] == "" && i > 1 && i < count && !filled) {
          filled = 1
          for (j = count - (groups[1] == "") - (groups[count] == ""); j <= 8; j++) out = out ":0"
        } else if (groups[i] != "") { sub(/^0+/, "", groups[i]); out = out ":" (groups[i] == "" ? "0" : groups[i]) }
      }
      print substr(out, 2)
    }'
}

# address_of HOSTNAME: the one of the settings.
address_of() {
  local entry
  for entry in ${TALOS_NODES:?}; do
    if [[ ${entry%%=*} == "$1" ]]; then printf '%s' "${entry#*=}"; fi
  done
}

# addresses_of HOSTNAME: one a line.
addresses_of() {
  local to
  to=$(address_of "$1")
  printf '%s\n' "$to"
  on_node "$to" get nodeaddress current -o 'jsonpath={.spec.addresses}'
  if ((status == 0)); then grep -oE '[0-9a-fA-F:.]+/[0-9]+' "$work/out" || true; fi
}

# check_request HOSTNAME GROUPS USAGES REQUEST: sets $reason to why the request is not approved, or to nothing.
check_request() {
  local host=$1 usages=$3 subject name
  reason=""
  printf '%s' "$4" | openssl base64 -d -A >"$work/request"
  if ! subject=$(openssl req -in "$work/request" -noout -subject -nameopt RFC2253 2>/dev/null); then
    reason="it cannot be read"
    return
  fi
  subject=${subject#subject=}
  for name in "digital signature" "key encipherment" "server auth"; do usages=${usages/\"$name\"/}; done
  if [[ $2 != *'"system:nodes"'* ]]; then
    reason="its sender is not in the group system:nodes"
  elif [[ $3 != *'"server auth"'* || $usages == *'"'* ]]; then
    reason="its usages are $3"
  elif [[ ${subject# } != "CN=system:node:$host,O=system:nodes" ]]; then
    reason="its subject is ${subject# }"
  fi
  [[ -z $reason ]] || return 0
  addresses_of "$host" | normalize_addresses >"$work/addresses"
  openssl req -in "$work/request" -noout -text | awk '/Subject Alternative Name/ { getline; print }' | tr ',' '\n' >"$work/names"
  while read -r name; do
    case $name in
      "DNS:$host" | "") ;;
      "IP Address:"*)
        printf '%s\n' "${name#IP Address:}" | normalize_addresses | grep -qxF -f - "$work/addresses" ||
          reason="$host does not have the address ${name#IP Address:}"
        ;;
      *) reason="$name is not the name of $host" ;;
    esac
  done <"$work/names"
}

# Approves what may be approved; false where the API server does not answer.
approve() {
  local name signer user groups usages request conditions host
  kube get certificatesigningrequests -o "$columns"
  ((status == 0)) || return 1
  cp "$work/out" "$work/requests"
  while IFS='|' read -r name signer user groups usages request conditions; do
    host=${user#system:node:}
    [[ $signer == "$serving" && -z $conditions ]] || continue
    [[ $user == system:node:* && " ${TALOS_NODES:?} " == *" $host="* ]] || continue
    command -v openssl >/dev/null || fail "openssl, which reads certificate requests, is not installed" "install openssl" none
    check_request "$host" "$groups" "$usages" "$request"
    if [[ -n $reason ]]; then
      printf 'certificate request %s of %s is not approved: %s\n' "$name" "$host" "$reason" >>"$work/refused"
      continue
    fi
    kube certificate approve "$name"
    ((status == 0)) || return 1
    count=$((count + 1))
  done <"$work/requests"
}

report_refused() { sort -u "$work/refused" >&2; }

missing() {
  local entry
  for entry in $TALOS_NODES; do
    grep -qxF -- "${entry%%=*}" "$work/nodes" || printf '%s ' "${entry%%=*}"
  done
}

# Nodes whose kubelet does not answer the API server, as for `kubectl logs` and exec: a kubelet that rotates its certificate
# answers no client before it has one (tls: internal error). Requests are deleted after an hour, so they cannot tell. A
# firewall between the two is not what this step waits for.
without_certificate() {
  local entry
  for entry in $TALOS_NODES; do
    kube get --raw "/api/v1/nodes/${entry%%=*}/proxy/healthz"
    if ((status == 0)) || is_timeout || output_has 'i/o timeout|deadline exceeded|no route to host'; then continue; fi
    printf '%s ' "${entry%%=*}"
  done
}

: >"$work/refused"
: >"$work/nodes"
count=0
while :; do
  awaited=""
  if fetch_kubeconfig "$address" && list_nodes >"$work/nodes" && approve; then
    awaited=$(missing)
    late=${awaited:-$(without_certificate)}
    if [[ -z $late ]]; then
      report_refused
      result approved count "$count"
      exit 0
    fi
    for each in $late; do call_timeout=5 refuse_wiped "$(address_of "$each")"; done
    if [[ -n $awaited ]]; then awaited="${awaited}to join"; else awaited="the serving certificates of $late"; fi
    status=0
  fi
  pause || break
done
report_refused
if [[ $awaited == *" to join" ]]; then
  fail "not joined in time: ${awaited% to join}" "see talosctl -n ADDRESS service kubelet of these nodes (one that had left the cluster has to be rebooted); then run the same command again" none
elif [[ -n $awaited ]]; then
  fail "without a serving certificate in time: ${awaited##* of }" "see kubectl get certificatesigningrequests, and the reasons above; kubectl logs and exec fail on these nodes until their request is approved" none
fi
etcd_state "$address"
fail "the API server does not answer (etcd is ${etcd:-unknown})" "see talosctl -n $address service etcd and service kubelet, and whether the endpoint can be reached from here" kubectl
