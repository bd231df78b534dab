#!/usr/bin/env bash
# Prints a key and a self-signed certificate, in this order. Neither is written to a disk or a command line.
# SUBJECT_ALT_NAMES: its names, in openssl's format (DNS:a.example.com,IP:192.0.2.1). DAYS: how long it is valid.
set -euo pipefail

if ! command -v openssl >/dev/null; then
  echo "openssl is not on PATH; it creates self-signed certificates. Install it, or set certificate and privateKey in talos-mesh:gateways.<name>.tls" >&2
  exit 1
fi

key=$(openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2>/dev/null)
# A config and not -addext, which older versions do not have. It also replaces the machine's own config.
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
