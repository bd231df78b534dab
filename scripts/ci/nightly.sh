#!/usr/bin/env bash
# Compares a stack with the commit that is deployed to it, and sends the requests of its verification again, where it has one.
# Changes nothing: `--refresh` in a preview reads the live objects, and writes neither them nor the state.
# Usage: nightly.sh STACK OUT. Writes to OUT, for each of drift and verification, its exit code (.code) and output (.output).
# Exit code 1 if one of the two is not 0.
set -euo pipefail

scripts=$(cd "$(dirname "$0")" && pwd)
stack=$1
mkdir -p "$2"
out=$(cd "$2" && pwd)
failed=0

# record KIND COMMAND...
record() {
  local kind=$1 code=0
  shift
  "$@" 2>&1 | tee "$out/$kind.output" || code=$?
  echo "$code" >"$out/$kind.code"
  if ((code != 0)); then failed=1; fi
}

commit=$(node -r "$scripts/../../cli/bin/register.cjs" "$scripts/deployed-commit.ts" "$stack")
work=$(mktemp -d)
trap 'git worktree remove --force "$work/deployed"; rm -r "$work"' EXIT
git worktree add --detach "$work/deployed" "$commit"
# Packages get no credentials.
(cd "$work/deployed" && env -u PULUMI_ACCESS_TOKEN -u PULUMI_BACKEND_URL -u PULUMI_CONFIG_PASSPHRASE npm ci)

record drift "$scripts"/pulumi-preview.sh "$stack" --cwd "$work/deployed" --refresh --expect-no-changes
if grep -q '^  talos-mesh:verification:' "$work/deployed/Pulumi.$stack.yaml"; then
  cd "$work/deployed"
  record verification npm run --silent verify -- --stack "$stack"
  cd - >/dev/null
  cp -r "$work/deployed/.talos-mesh/$stack/verification" "$out/" 2>/dev/null || echo "there is no report of $stack"
fi
exit "$failed"
