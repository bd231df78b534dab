#!/usr/bin/env bash
# Renders every stack of a project: OUT/<stack>/... , or OUT/<stack>.failed with the messages of `render`.
# Usage: render-stacks.sh PROJECT OUT. Exit code 1 if a stack could not be rendered; the others are rendered.
set -euo pipefail

project=$1
mkdir -p "$2"
out=$(cd "$2" && pwd)
failed=0

cd "$project"
for file in Pulumi.*.yaml; do
  [ -e "$file" ] || continue
  stack=${file#Pulumi.}
  stack=${stack%.yaml}
  echo "render $stack"
  if ! npm run --silent render -- --stack "$stack" --out "$out/$stack" >"$out/$stack.failed" 2>&1; then
    failed=1
    cat "$out/$stack.failed" >&2
    rm -rf "${out:?}/$stack"
  else
    cat "$out/$stack.failed"
    rm "$out/$stack.failed"
  fi
done
exit "$failed"
