#!/usr/bin/env bash
# Installs what the tests need beside Go: with apt-get on Debian as root, and only what is missing. Elsewhere it says what is missing, and
# the tests that need it are left out.
set -euo pipefail
cd "$(dirname "$0")"

# program, or a file, and the packages that have it
wanted='
gcc gcc libc6-dev
git git
curl curl
openssl openssl
node nodejs
npm npm
chromium chromium
slowhttptest slowhttptest
h2load nghttp2-client
/etc/ssl/certs/ca-certificates.crt ca-certificates
'

missing=() packages=()
while read -r thing names; do
  if [ -n "$thing" ] && ! command -v "$thing" >/dev/null && ! [ -f "$thing" ]; then
    missing+=("$thing")
    read -ra names <<<"$names"
    packages+=("${names[@]}")
  fi
done <<<"$wanted"

install() { DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${packages[@]}"; }

if [ ${#missing[@]} -eq 0 ]; then
  :
elif [ -f /etc/debian_version ] && [ "$(id -u)" = 0 ]; then
  echo "Installing: ${packages[*]}"
  install || { apt-get update && install; }
else
  echo "LEFT OUT: tests that need ${missing[*]}. On Debian, make test installs what is missing when it runs as root."
fi

if ! command -v npm >/dev/null; then
  echo "LEFT OUT: the applications of test/apps, without npm."
elif ! [ apps/node_modules/.package-lock.json -nt apps/package-lock.json ]; then
  npm --prefix apps ci
  touch apps/node_modules/.package-lock.json
fi

# h2spec, in a module of its own: it has none, and x/net, which it reads frames with, is to be one that it works with.
h2spec=v2.2.1+incompatible xnet=v0.60.0 bin=$PWD/../.cache/bin
if ! go version -m "$bin/h2spec" 2>/dev/null | grep "summerwind/h2spec[[:space:]]$h2spec[[:space:]]" >/dev/null; then
  echo "Building h2spec"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  (cd "$work" && export GOFLAGS=-mod=mod && go mod init build && go get "github.com/summerwind/h2spec/cmd/h2spec@$h2spec" "golang.org/x/net@$xnet" &&
    go build -o "$bin/h2spec" github.com/summerwind/h2spec/cmd/h2spec) >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    echo "LEFT OUT: the tests that need h2spec, which could not be built."
  }
fi
