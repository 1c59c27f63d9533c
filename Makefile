# Bare `make` prints the targets. Nothing but Go and make is needed; CGO stays off.
export CGO_ENABLED = 0

GO       ?= go
BIN      := bin/copylab
TARGETS  := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 freebsd/amd64 freebsd/arm64 windows/amd64 windows/arm64
LINT     := $(GO) tool -modfile=tools/go.mod golangci-lint
FUZZTIME ?= 10s
# A package whose tests hang is ended after this long, with every goroutine's stack. The slowest takes a third of it on two CPUs.
TIMEOUT  ?= 420s

.PHONY: help run build test race race-command test-kernel lint cross bench golden fuzz clean
.DEFAULT_GOAL := help

help: ## print this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/copylab, one static binary
	$(GO) build -trimpath -buildvcs=auto -o $(BIN) ./cmd/copylab

run: build ## build, then measure this machine: the tour, some two and a half minutes
	$(BIN) run

test: ## every test; what this machine can't do is skipped with its reason
	$(GO) test -timeout $(TIMEOUT) ./...

# Only packages that do several things at once have something to find, and of the command's tests those in which something happens meanwhile.
race: ## the tests of the packages that do several things at once under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -timeout $(TIMEOUT) ./diskwrite ./internal/kernel ./scenarios/sink ./scenarios/worker

race-command: ## those of the command, likewise
	CGO_ENABLED=1 $(GO) test -race -timeout $(TIMEOUT) -run '^(TestKilled|TestInterrupted.*|TestTerminal|TestLivingRun|TestStandardOutputClosed|TestRunToSink)$$' ./cmd/copylab

test-kernel: ## every path on another kernel, emulated: docs/other-kernels.md (KERNEL_PACKAGE, KERNEL_DEB, RUN, TESTS)
	$(GO) run ./internal/kerneltest/boot $(if $(KERNEL_PACKAGE),-package '$(KERNEL_PACKAGE)') $(if $(KERNEL_DEB),-deb '$(KERNEL_DEB)') \
		$(if $(RUN),-run '$(RUN)') $(if $(TESTS),-tests '$(TESTS)')

lint: ## formatting, vet, staticcheck, errcheck, the import rules (the first time, the linter is compiled)
	@test -z "$$(gofmt -l .)" || { echo "not gofmt-ed:"; gofmt -l .; exit 1; }
	$(LINT) run ./...

cross: ## build and vet for every supported system
	@for t in $(TARGETS); do \
		echo "$$t"; \
		GOOS=$${t%/*} GOARCH=$${t#*/} $(GO) vet ./... && \
		GOOS=$${t%/*} GOARCH=$${t#*/} $(GO) build -o /dev/null ./cmd/copylab || exit 1; \
	done

bench: ## the tool's own speed, against its targets and against plain C (where there is a C compiler)
	$(GO) test -run '^$$' -bench . -benchtime 1s ./copypaths/... ./diskwrite/... ./results/... ./scenarios/...

golden: ## rewrite the golden files from what the tests get now
	$(GO) test ./report ./results ./scenarios ./scenarios/sink ./diskwrite/hdd ./cmd/copylab -update

fuzz: ## every fuzz target for FUZZTIME (10s) each
	@for p in $$($(GO) list ./...); do \
		for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
			echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$p || exit 1; \
		done; \
	done

clean: ## remove what was built, and what killed runs left here
	@test ! -x $(BIN) || $(BIN) clean
	rm -rf bin
