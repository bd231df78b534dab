#!/usr/bin/env bash
# Downloads the talosctl of a stack's Talos, and compares it with the checksums of its release.
# Usage: install-talosctl.sh STACK FOLDER (Linux on amd64)
set -euo pipefail

version=$(sed -n 's/^ *talosVersion: *\(v[0-9.]*\)$/\1/p' "Pulumi.$1.yaml")
[ -n "$version" ] || { echo "Pulumi.$1.yaml has no talosVersion" >&2; exit 1; }
mkdir -p "$2"
cd "$2"
for file in talosctl-linux-amd64 sha256sum.txt; do
  curl --fail --silent --show-error --location --retry 3 --remote-name \
    "https://github.com/siderolabs/talos/releases/download/$version/$file"
done
grep ' talosctl-linux-amd64$' sha256sum.txt | sha256sum --check --strict
install -m 755 talosctl-linux-amd64 talosctl
rm talosctl-linux-amd64 sha256sum.txt
