binary := .build/release/socketio-gateway
release := -c release --static-swift-stdlib --product socketio-gateway

.DEFAULT_GOAL := help
.PHONY: help setup build install deb tarball release demo compose-env test build-unit-tests build-meanwhile tests-meanwhile unit companions e2e slow torture lint bench screenshots clean

help: ## This list
	@grep -hE '^[a-z0-9-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z0-9-]+):.*## /\1\t/' | expand -t 14

setup: ## Install what building, testing and the demo need
	@scripts/setup.sh build run browser node proxies shells clients emitters packaging container kubernetes lint

build: ## Build the gateway
	@[ -e $(binary) ] || echo "The first build takes some minutes."
	@scripts/setup.sh build
	@swift build $(release)

# For `make install`; DESTDIR comes before all paths while a package is made.
PREFIX ?= /usr/local

install: ## Install what `make build` has built below PREFIX (/usr/local), with manual, completions and systemd unit
	@[ -e $(binary) ] || { echo "install: first run make build" >&2; exit 1; }
	@scripts/setup.sh packaging
	@scripts/install.sh $(binary) '$(PREFIX)' '$(DESTDIR)'

deb: build ## Make the Debian package, in dist
	@scripts/setup.sh packaging
	@scripts/deb.sh $(binary) dist

tarball: build ## Make an archive for /usr/local, a list of what the program is made of (CycloneDX), and checksums, in dist
	@scripts/setup.sh packaging
	@scripts/tarball.sh $(binary) dist

# What is checked first takes no time.
release: ## Build and check all that is shipped, in dist: it needs a clean tree, and the version's section in CHANGELOG.md
	@scripts/version.py --release
	@$(MAKE) --no-print-directory build
	@scripts/setup.sh run emitters packaging container
	@scripts/release.sh $(binary) dist

demo: build ## Run everything on this machine and send an event through it
	@scripts/setup.sh run
	@exec .venv/bin/python demo/run.py $(binary)

compose-env: ## Make the key that compose.yaml needs in .env, once
	@[ -e .env ] || (umask 077; printf 'GATEWAY_API_KEY=%s\n' "$$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')" >.env)
	@grep -q '^GATEWAY_API_KEY=.' .env || { echo "compose-env: .env has no GATEWAY_API_KEY and is left as it is: add that line" >&2; exit 1; }

# The gateway is built with what the tests beside it leave of the cores.
test: build-unit-tests ## Run all tests but the slow ones
	@$(MAKE) --no-print-directory -j2 -Otarget build-meanwhile tests-meanwhile
	@$(MAKE) --no-print-directory e2e

build-meanwhile:
	@nice -n 19 swift build --ignore-lock $(release)

tests-meanwhile:
	@scripts/unit.sh
	@$(MAKE) --no-print-directory companions

unit: build-unit-tests ## Run the unit tests
	@scripts/unit.sh

build-unit-tests:
	@scripts/setup.sh build
	@swift build --build-tests

companions: ## Test what runs on the Socket.IO servers: adapters/python and adapters/node
	@scripts/setup.sh run node
	@scripts/companions.sh

# Of the end-to-end tests: what has this in its path or name, such as ONLY=hooks.
ONLY ?=

e2e: build ## Run the built gateway against real brokers, servers, clients and a browser (ONLY=hooks: those alone)
	@scripts/setup.sh run browser node proxies shells packaging kubernetes
	@scripts/e2e.sh 'not slow' '$(ONLY)'

slow: build ## Run the end-to-end tests that take long, and count the files that an addition needs
	@scripts/setup.sh run browser node proxies clients emitters packaging container
	@scripts/e2e.sh slow '$(ONLY)'
	@[ -n '$(ONLY)' ] || timeout 1200 scripts/count-files.py

# Of faults; with all that stands around them it takes two minutes more.
TORTURE_SECONDS ?= 450

torture: build ## Emit in all forms while everything breaks, and compare what was said with what has arrived
	@scripts/setup.sh run
	@timeout 900 .venv/bin/python Tests/EndToEnd/torture/torture.py --seconds $(TORTURE_SECONDS)

lint: ## Check the sources of all languages, and the Dockerfiles
	@scripts/setup.sh lint node
	@.cache/hadolint/bin/hadolint --failure-threshold style Dockerfile demo/Dockerfile
	@swift format lint --strict --recursive Sources Tests Package.swift examples
	@.venv/bin/ruff check --quiet
	@.venv/bin/mypy --no-error-summary scripts/rabbitmq.py bench
	@.venv/bin/mypy --no-error-summary demo
	@MYPYPATH=Tests/EndToEnd .venv/bin/mypy --no-error-summary --explicit-package-bases Tests/EndToEnd
	@.venv/bin/mypy --no-error-summary adapters/python/tests
	@cd adapters/python && ../../.venv/bin/mypy --no-error-summary
	@cd emitters/python && ../../.venv/bin/mypy --no-error-summary
	@find adapters/node demo emitters -name node_modules -prune -o -name '*.js' -print0 | xargs -0 -n1 node --check
	@find console -name '*.js' -print0 | xargs -0 -n1 node --experimental-default-type=module --check

bench: build ## Measure the built gateway beside its ceiling, FastAPI and RabbitMQ's management API
	@scripts/setup.sh run
	@bench/run.py --gateway $(binary)
	@bench/question.py --gateway $(binary)
	@bench/idle.py --gateway $(binary)

screenshots: build ## Make the pictures of the console in docs/images, from the demo
	@scripts/setup.sh run browser
	@.venv/bin/python scripts/screenshots.py $(binary)

clean: ## Remove what was built (not what setup installed)
	@rm -rf .build .build-example dist
