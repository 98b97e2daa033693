#!/usr/bin/env bash
# Checks everything: form, analysis, builds for every platform, tests. With CI set, a test that was skipped is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; "$@"; }

formatted() {
  local files
  files=$(gofmt -l .)
  [ -z "$files" ] || { echo "not formatted: $files" >&2; return 1; }
}

build_for() {
  local os
  for os in "$@"; do GOOS=$os go build -o /dev/null ./... || { echo "no build for $os" >&2; return 1; }; done
}

run_tests() {
  local flags=(-shuffle=on -timeout "${TIMEOUT:-20m}")
  if command -v "$(go env CC)" >/dev/null; then
    flags+=(-race)
    export CGO_ENABLED=1
  else
    echo "LEFT OUT: the race detector, without a C compiler."
  fi
  if [ -z "${CI:-}" ]; then
    go test "${flags[@]}" ./...
    return
  fi
  mkdir -p .cache
  go test -v "${flags[@]}" ./... | tee .cache/test.log
  if grep -E -A1 '^ *--- SKIP' .cache/test.log; then
    echo "skipped tests, with CI set, are failures" >&2
    return 1
  fi
}

step formatted
step go vet ./...
step go tool -modfile=tools/go.mod staticcheck ./...
step build_for linux darwin windows
step run_tests
