# SPDX-License-Identifier: LGPL-3.0-or-later
#
#   make run     build, and run a parallel job in an instance of four brokers
#   make check   build, vet, static checks, known vulnerabilities, all tests
#   make bench   measure; a line of JSON a figure
#   make soak    kill and stop brokers for a quarter of an hour (docs/soak.md),
#                simulated ones for another
#   make install PREFIX=/usr DESTDIR=…

GO     ?= go
PREFIX ?= /usr/local
# A prefix that belongs to the distribution keeps its configuration in /etc.
SYSCONF ?= $(if $(filter /usr,$(PREFIX)),/etc,$(PREFIX)/etc)
UNITS   ?= $(PREFIX)/lib/systemd/system

STATICCHECK_VERSION := v0.8.2
GOVULNCHECK_VERSION := v1.9.0
STATICCHECK := .tools/staticcheck@$(STATICCHECK_VERSION)/staticcheck
GOVULNCHECK := .tools/govulncheck@$(GOVULNCHECK_VERSION)/govulncheck

# No C, but in the race detector's run time. A clone owned by another user must
# build too, so nothing asks git for the revision.
export CGO_ENABLED := 0
export GOFLAGS := -buildvcs=false $(filter-out -buildvcs=%,$(GOFLAGS))

# Where each program of cmd/ belongs; programs find one another by these places
# (package internal/install).
where = $(if $(filter flux,$(1)),bin,$(if $(filter flux-shell flux-imp,$(1)),libexec/flux,libexec/flux/cmd))/$(1)
PROGRAMS := $(foreach p,$(notdir $(wildcard cmd/*)),$(call where,$(p)))

.NOTPARALLEL:
.PHONY: all build run check vet static vulncheck race test bench soak soak-sim soak-real soak-crash conformance install clean FORCE

all: build

build: $(addprefix build/,$(PROGRAMS))

build/%: FORCE
	@mkdir -p $(@D)
	$(GO) build -trimpath -ldflags '-s -w' -o $@ ./cmd/$(@F)

run: build
	build/bin/flux start --test-size=4 test/first-run.sh build/bin/flux

check: build vet static vulncheck race test

vet:
	@unformatted=$$(gofmt -l $$(find . -name '*.go' -not -path './.tools/*')); \
	  test -z "$$unformatted" || { echo "not as gofmt writes them:"; echo "$$unformatted"; exit 1; }
	$(GO) vet ./...

static: $(STATICCHECK)
	$(STATICCHECK) ./...

vulncheck: $(GOVULNCHECK)
	.ci/vulncheck $(GOVULNCHECK)

# Packages with goroutines, locks or work off their loop, in code or tests, go
# under the race detector; test/ drives built programs and bench/ measures.
race:
	CGO_ENABLED=1 $(GO) test -race -timeout 6m $$(grep -rlE --include='*.go' \
	  '^[[:space:]]*go [a-zA-Z_.]+\(|\.Go\(|"sync(/atomic)?"' ./*/ | grep -vE '^\./(build|test|bench)/' | xargs dirname | sort -u)

# Programs are built and run by some tests, which go test's cache cannot know.
test:
	$(GO) test -count=1 -timeout 8m ./...

bench: build
	@$(GO) run ./bench $(BENCH)

# make soak SOAK='-kills 20 -seed 7': a line of JSON with the verdict.
soak: soak-sim soak-real soak-crash

# make soak-sim SIM='-seed 7 -brokers 1000 -jobs 10000': whole instances under
# fake time, of seeds that nobody has seen (docs/found-by-simulation.md).
SIM ?= -seed 0 -brokers 0 -jobs 0 -for 15m
soak-sim:
	$(GO) run ./internal/testkit/sim/run $(SIM)

soak-real: build
	@$(GO) run ./test/soak $(SOAK)

# The store killed, or without power, at every write and sync of a trace; its
# files damaged in thousands of places.
soak-crash:
	$(GO) test -count=1 -timeout 60m -run "EveryWrite|NeverSilent" -v ./internal/store -args -all-points

# make conformance RESULT=result.json: rewrite the table in docs/conformance.md
# from a run of flux-core's scripts.
conformance:
	$(GO) run ./test/conformance -result $(RESULT) docs/conformance.md

$(STATICCHECK):
	GOBIN=$(CURDIR)/$(@D) $(GO) install honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK_VERSION)

$(GOVULNCHECK):
	GOBIN=$(CURDIR)/$(@D) $(GO) install golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION)

COMPLETIONS := $(addprefix $(DESTDIR)$(PREFIX)/share/,bash-completion/completions/flux \
  zsh/site-functions/_flux fish/vendor_completions.d/flux.fish)

install: build
	for p in $(PROGRAMS); do install -D -m 755 build/$$p $(DESTDIR)$(PREFIX)/$$p || exit 1; done
	install -d -m 755 $(addprefix $(DESTDIR)$(SYSCONF)/flux/,system/conf.d security/conf.d imp/conf.d shell)
	install -d -m 755 $(addprefix $(DESTDIR)$(PREFIX)/libexec/flux/,prolog.d epilog.d housekeeping.d)
	install -D -m 644 etc/system.toml $(DESTDIR)$(PREFIX)/share/doc/flux/examples/system.toml
	install -D -m 644 COPYING $(DESTDIR)$(PREFIX)/share/doc/flux/COPYING
	install -d -m 755 $(DESTDIR)$(UNITS)
	sed 's,@PREFIX@,$(PREFIX),g; s,@SYSCONF@,$(SYSCONF),g' etc/flux.service.in >$(DESTDIR)$(UNITS)/flux.service
	install -d -m 755 $(dir $(COMPLETIONS))
	for c in $(COMPLETIONS); do build/bin/flux completion $$(case $$c in *.fish) echo fish;; */_flux) echo zsh;; *) echo bash;; esac) >$$c || exit 1; done

clean:
	rm -rf build .tools
