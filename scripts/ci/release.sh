#!/usr/bin/env bash
# Writes what a release consists of: the package, its SBOM, their checksums, and notes.md, the changelog of the version.
# Usage: release.sh TAG OUT. Refuses a tag that is not the version of package.json, and a version without a changelog.
set -euo pipefail

tag=$1
version=$(node --print 'require("./package.json").version')
if [ "$tag" != "v$version" ]; then
  echo "the tag is $tag, and package.json has version $version; correct one of them" >&2
  exit 1
fi
mkdir -p "$2"
out=$(cd "$2" && pwd)

# From the heading of the version to the next heading.
awk -v heading="## [$version]" '/^## /{ inside = index($0, heading) == 1; next } inside' CHANGELOG.md >"$out/notes.md"
if ! grep -q '[^[:space:]]' "$out/notes.md"; then
  echo "CHANGELOG.md has no text below \"## [$version]\"; add it" >&2
  exit 1
fi

npm pack --silent --ignore-scripts --pack-destination "$out"
npm sbom --sbom-format cyclonedx --omit dev >"$out/sbom.cdx.json"
cd "$out"
sha256sum ./*.tgz sbom.cdx.json >checksums.txt
