#!/usr/bin/env bash
# Installs what make bench needs beside Go, and only what is missing: with apt-get on Debian as root; Caddy is built from its module. It
# builds Usher and the bench itself as well.
set -euo pipefail
cd "$(dirname "$0")/.."

caddy=v2.11.9
bin=$PWD/.cache/bench/bin
mkdir -p "$bin"

wants() { [[ ,${PEERS:-haproxy,nginx,caddy}, == *,$1,* ]]; }

packages=()
for program in wrk haproxy nginx taskset; do
  case $program in
    haproxy | nginx) wants "$program" || continue ;;
  esac
  command -v "$program" >/dev/null || packages+=("${program/taskset/util-linux}")
done
install() { DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${packages[@]}"; }
if [ ${#packages[@]} -eq 0 ]; then
  :
elif [ -f /etc/debian_version ] && [ "$(id -u)" = 0 ]; then
  install || { apt-get update && install; }
else
  echo "make bench needs ${packages[*]}. On Debian, it installs them when it runs as root." >&2
  exit 1
fi

if wants caddy && ! go version -m "$bin/caddy" 2>/dev/null | grep "caddy/v2[[:space:]]$caddy[[:space:]]" >/dev/null; then
  (cd / && GOFLAGS='' GOBIN=$bin go install "github.com/caddyserver/caddy/v2/cmd/caddy@$caddy")
fi

CGO_ENABLED=0 go build -trimpath -o "$bin/usher" ./cmd/usher
go build -o "$bin/bench" ./bench
