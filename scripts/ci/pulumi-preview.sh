#!/usr/bin/env bash
# `pulumi preview` of a stack, in the log and in the summary of the run. Changes nothing.
# Usage: pulumi-preview.sh STACK [further arguments of pulumi preview]
set -euo pipefail

stack=$1
shift
report=$(mktemp)
trap 'rm -f "$report"' EXIT

code=0
pulumi preview --stack "$stack" --diff --non-interactive --color never --suppress-outputs "$@" 2>&1 | tee "$report" || code=$?

# A step's summary may hold 1 MiB.
{
  echo "### pulumi preview of $stack"
  echo '````'
  head -c 900000 "$report"
  echo
  echo '````'
} >>"${GITHUB_STEP_SUMMARY:-/dev/null}"
exit "$code"
