#!/usr/bin/env bash
# Approves the kubelets' serving certificates until every node of TALOS_NODES (hostname=address, by spaces) has joined.
# A kubelet with rotate-server-certificates asks for one at once, and what approves them for good comes later.
# A request is approved where the node itself sent it, for serving and nothing else, in its own name and for addresses
# that it has: the one of the settings, and those that Talos tells. Others are left alone, and named with the reason.
source "${BASH_SOURCE[0]%/*}/lib.sh"

prepare
read_secrets
require_talosctl "${TALOS_CONTRACT:?}"
require_kubectl
make_talosconfig
deadline 900

readonly serving=kubernetes.io/kubelet-serving
readonly columns='jsonpath={range .items[*]}{.metadata.name}|{.spec.signerName}|{.spec.username}|{.spec.groups}|{.spec.usages}|{.spec.request}|{.status.conditions[*].type}{"\n"}{end}'

# Node names that Kubernetes knows, or nothing where it does not answer.
joined() { kube get nodes -o 'jsonpath={range .items[*]}{.metadata.name}{"\n"}{end}' && cat "$work/out"; }

# One address a line, in one form: lower case, IPv6 with all of its eight groups and no leading zeros.
plain_addresses() {
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

# Addresses of the node HOSTNAME, a line each.
addresses_of() {
  local entry to=""
  for entry in ${TALOS_NODES:?}; do
    if [[ ${entry%%=*} == "$1" ]]; then to=${entry#*=}; fi
  done
  printf '%s\n' "$to"
  on "$to" get nodeaddress current -o 'jsonpath={.spec.addresses}'
  if ((status == 0)); then grep -oE '[0-9a-fA-F:.]+/[0-9]+' "$work/out" || true; fi
}

# judge HOSTNAME GROUPS USAGES REQUEST: what speaks against the request, in $reason.
judge() {
  local host=$1 usages=$3 subject name
  reason=""
  printf '%s' "$4" | openssl base64 -d -A >"$work/request"
  subject=$(openssl req -in "$work/request" -noout -subject -nameopt RFC2253 2>/dev/null) || subject="no request"
  subject=${subject#subject=}
  for name in "digital signature" "key encipherment" "server auth"; do usages=${usages/\"$name\"/}; done
  if [[ $2 != *'"system:nodes"'* ]]; then
    reason="its sender is not of the group system:nodes"
  elif [[ $3 != *'"server auth"'* || $usages == *'"'* ]]; then
    reason="it is for $3"
  elif [[ ${subject# } != "CN=system:node:$host,O=system:nodes" ]]; then
    reason="it is for ${subject# }"
  fi
  [[ -z $reason ]] || return 0
  addresses_of "$host" | plain_addresses >"$work/addresses"
  openssl req -in "$work/request" -noout -text | awk '/Subject Alternative Name/ { getline; print }' | tr ',' '\n' >"$work/names"
  while read -r name; do
    case $name in
      "DNS:$host" | "") ;;
      "IP Address:"*)
        printf '%s\n' "${name#IP Address:}" | plain_addresses | grep -qxF -f - "$work/addresses" ||
          reason="$host does not have the address ${name#IP Address:}"
        ;;
      *) reason="$name is not the name of $host" ;;
    esac
  done <"$work/names"
}

approve() {
  local name signer user groups usages request conditions host
  kube get certificatesigningrequests -o "$columns"
  ((status == 0)) || return 1
  cp "$work/out" "$work/requests"
  while IFS='|' read -r name signer user groups usages request conditions; do
    host=${user#system:node:}
    [[ $signer == "$serving" && -z $conditions ]] || continue
    [[ $user == system:node:* && " ${TALOS_NODES:?} " == *" $host="* ]] || continue
    command -v openssl >/dev/null || fail "openssl is not installed, which reads certificate requests" "install openssl" none
    judge "$host" "$groups" "$usages" "$request"
    if [[ -n $reason ]]; then
      printf 'certificate request %s of %s is not approved: %s\n' "$name" "$host" "$reason" >>"$work/refused"
      continue
    fi
    kube certificate approve "$name"
    ((status == 0)) || return 1
    count=$((count + 1))
  done <"$work/requests"
}

# What was left alone, each once.
refused() { sort -u "$work/refused" >&2; }

missing() {
  local entry
  for entry in $TALOS_NODES; do
    grep -qxF -- "${entry%%=*}" "$work/nodes" || printf '%s ' "${entry%%=*}"
  done
}

: >"$work/refused"
count=0
while :; do
  if fetch_kubeconfig "$address" && joined >"$work/nodes" && approve && [[ -z $(missing) ]]; then
    refused
    result approved count "$count"
    exit 0
  fi
  if ! rest; then
    refused
    if [[ -s $work/nodes ]]; then
      fail "not joined in time: $(missing)" "see talosctl -n ADDRESS service kubelet of these nodes (one that had left the cluster has to be rebooted); then run the same command again" kubectl
    fi
    fail "the API server does not answer" "see talosctl -n $address service kubelet, and whether the endpoint is reachable from here" kubectl
  fi
done
