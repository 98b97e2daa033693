#!/usr/bin/env bash
# Runs every fuzz test of every package, one at a time, for FUZZTIME each.
set -euo pipefail
cd "$(dirname "$0")/.."

for package in $(go list ./...); do
  for name in $(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
    printf '\n== %s %s\n' "$package" "$name"
    go test -run '^$' -fuzz "^$name\$" -fuzztime "${FUZZTIME:-10m}" "$package"
  done
done
