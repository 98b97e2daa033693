FUZZTIME ?= 10m
export FUZZTIME

.PHONY: help test test-all race fuzz build demo clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

test: ## vet, staticcheck, builds and every test; on Debian as root it installs what is missing
	@test/install.sh
	@test/check.sh

test-all: ## test, and the proofs that take long
	@test/install.sh
	@USHER_LONG=1 TIMEOUT=3h test/check.sh

race: ## the tests alone, with the race detector, and nothing installed
	go test -race -shuffle=on ./...

fuzz: ## every fuzz test, for FUZZTIME each (10m)
	@test/fuzz.sh

build: ## the binary, ./usher
	CGO_ENABLED=0 go build -trimpath -o usher ./cmd/usher

demo: build ## try it: toy backends with the proxy in front
	./usher demo

clean: ## remove what was built and installed here
	rm -rf usher dist .cache test/apps/node_modules
