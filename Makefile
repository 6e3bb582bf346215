# Belfry: everything a person or a machine does with this tree.
#
#   make demo    build, start, deploy an example, watch it run
#   make test    install what the tests need, then run everything
#
# Run "make help" for the rest.

.DEFAULT_GOAL := help
SHELL := /bin/bash

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)

# Packages that share memory between goroutines; the rest is pure or is driven
# from outside as a process, where the race detector sees nothing.
RACE_PKGS ?= ./auth/... ./engine/... ./function/... ./queue/... ./table/... ./lock/... ./monitor/... ./store/... ./target/... ./api/... ./app/...

# One fuzz target a time is go's own limit; FUZZTIME is per target.
FUZZTIME ?= 30s

LINT := bin/golangci-lint

.PHONY: help build demo test setup vet test-go test-race test-e2e certify compatibility lint fmt generate generate-check bench torture soak fuzz clean

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/belfry, without cgo
	@mkdir -p bin
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/belfry ./cmd/belfry

demo: build ## deploy examples/daily-report to a fresh server and watch it run (DEMO_ONCE=1: stop after two runs)
	@python3 scripts/demo.py

test: setup vet test-race test-go test-e2e certify ## install what is missing, then vet, race, all tests and foreign clients

setup: ## install the tools that the tests drive Belfry with
	@scripts/setup

vet:
	$(GO) vet ./...

test-go: ## the everyday tests, no race detector
	$(GO) test -timeout 20m ./...

test-race: ## the packages where goroutines meet, under the race detector; the longest tests in their short form
	@mkdir -p bin
	CGO_ENABLED=0 $(GO) build -o bin/trial ./function/sandbox/testdata/trial
	BELFRY_TEST_TRIAL=$(CURDIR)/bin/trial CGO_ENABLED=1 $(GO) test -race -short -timeout 20m $(RACE_PKGS)

test-e2e: ## drive the built binary with the AWS CLI, boto3, curl and Powertools
	$(GO) -C e2e vet ./...
	$(GO) -C e2e test -count=1 -timeout 20m ./...

certify: ## hold a server against the AWS CLI, boto3, the SDKs for Go and JavaScript, and Terraform's calls
	$(GO) -C e2e/certify vet ./...
	$(GO) -C e2e/certify test -count=1 -timeout 20m ./...

compatibility: ## write docs/compatibility.md from what these clients see
	$(GO) -C e2e/certify test -count=1 -timeout 20m -run '^TestCertify$$' . -update

$(LINT): tools/go.mod tools/go.sum
	@mkdir -p bin
	@echo "building golangci-lint; the first time takes about two minutes"
	CGO_ENABLED=0 $(GO) build -C tools -o ../$(LINT) github.com/golangci/golangci-lint/v2/cmd/golangci-lint

lint: $(LINT) ## golangci-lint with the list in .golangci.yml
	$(LINT) run ./...
	cd e2e && ../$(LINT) run ./...
	cd e2e/certify && ../../$(LINT) run ./...

fmt: $(LINT) ## gofumpt and goimports over everything
	$(LINT) fmt ./...

generate: ## write the generated files again
	$(GO) generate ./...

generate-check: ## fail when a generated file is not what its generator writes
	@scripts/generate-check

bench: build ## measure (at most 15 minutes; wants an idle machine); BENCHFLAGS='-only steady' for a part
	$(GO) run ./bench $(BENCHFLAGS)
ifeq ($(BENCHFLAGS),)
	$(GO) -C bench/expr run .
endif

torture: ## attack servers for up to an hour: kills, stops, full disks, clock steps (TORTUREFLAGS='-minutes 10 -seed 7')
	$(GO) run ./torture $(TORTUREFLAGS)

soak: build ## load a server for an hour and say whether what it uses levels off (SOAKFLAGS='-minutes 15')
	$(GO) run ./soak $(SOAKFLAGS)

fuzz: ## every fuzz target for FUZZTIME
	@scripts/fuzz $(FUZZTIME)

clean: ## remove what was built
	rm -rf bin .tmp
