FUZZTIME ?= 10m
export FUZZTIME

.PHONY: help test test-all race soak fuzz build demo bench bench-docs bench-profile clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 15

test: ## vet, staticcheck, builds and every test; on Debian as root it installs what is missing
	@test/install.sh
	@test/check.sh

test-all: ## test, and the proofs that take long
	@test/install.sh
	@USHER_LONG=1 TIMEOUT=3h test/check.sh

race: ## the tests alone, with the race detector, and nothing installed
	go test -race -shuffle=on ./...

DURATION ?= 1h
soak: ## every kind of client at once, for DURATION (1h); afterwards nothing must be left of it
	USHER_SOAK=$(DURATION) go test -count=1 -timeout=0 -v -run '^TestAMixedLoad' ./test

fuzz: ## every fuzz test, for FUZZTIME each (10m)
	@test/fuzz.sh

build: ## the binary, ./usher
	CGO_ENABLED=0 go build -trimpath -o usher ./cmd/usher

demo: build ## try it: toy backends with the proxy in front
	./usher demo

bench: ## what a request costs beside HAProxy, nginx and Caddy: CASES=plain,tls PEERS=nginx ROUNDS=5 DURATION=3s
	@bench/install.sh
	@.cache/bench/bin/bench run

bench-docs: ## put what make bench has measured into docs/performance.md
	@.cache/bench/bin/bench docs

bench-profile: ## where Usher spends its time in the first of CASES
	@PEERS=none bench/install.sh
	@.cache/bench/bin/bench profile

clean: ## remove what was built and installed here
	rm -rf usher dist .cache test/apps/node_modules
