#!/usr/bin/env bash
# Downloads released programs into a folder (Linux on amd64), each compared with the checksums of its release.
# Usage: install-tools.sh FOLDER PROGRAM=VERSION... with the programs pulumi and talosctl, such as talosctl=v1.13.9
set -euo pipefail

# fetch RELEASE FILE CHECKSUMS: downloads both from a release on GitHub, and compares.
fetch() {
  local file
  for file in "$2" "$3"; do
    curl --fail --silent --show-error --location --retry 3 --remote-name "https://github.com/$1/$file"
  done
  grep " \**$2\$" "$3" | sha256sum --check --strict
}

folder=$1
shift
mkdir -p "$folder"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
folder=$(cd "$folder" && pwd)
cd "$work"
for tool in "$@"; do
  version=${tool#*=}
  case $tool in
  pulumi=*)
    fetch "pulumi/pulumi/releases/download/v$version" "pulumi-v$version-linux-x64.tar.gz" "pulumi-$version-checksums.txt"
    tar --extract --file "pulumi-v$version-linux-x64.tar.gz" --strip-components 1 --directory "$folder"
    ;;
  talosctl=*)
    fetch "siderolabs/talos/releases/download/$version" talosctl-linux-amd64 sha256sum.txt
    install -m 755 talosctl-linux-amd64 "$folder/talosctl"
    ;;
  *)
    echo "$tool: expected pulumi=VERSION or talosctl=VERSION" >&2
    exit 2
    ;;
  esac
done
