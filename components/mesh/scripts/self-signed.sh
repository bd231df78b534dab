#!/usr/bin/env bash
# A key and a certificate that it signs itself, on stdout: the key first. Neither touches a disk or a command line.
# SUBJECT_ALT_NAMES: what it is for, in openssl's form (DNS:a.example.com,IP:192.0.2.1). DAYS: how long it is valid.
set -euo pipefail

if ! command -v openssl >/dev/null; then
  echo "openssl is not on PATH, and a self-signed certificate is made with it: install it, or set certificate and privateKey in talos-mesh:gateways.<name>.tls" >&2
  exit 1
fi

key=$(openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2>/dev/null)
# A config and not -addext, which older versions do not have; and whatever config the machine has stays out of it.
certificate=$(
  openssl req -x509 -new -sha256 -days "$DAYS" -key <(printf '%s\n' "$key") -config <(
    cat <<CONFIG
[req]
prompt = no
distinguished_name = name
x509_extensions = extensions
[name]
CN = talos-mesh self-signed
[extensions]
subjectAltName = $SUBJECT_ALT_NAMES
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
CONFIG
  )
)
printf '%s\n%s\n' "$key" "$certificate"
