# Everything from a fresh clone: each target makes the virtual environment it needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := callchart/*.py engine states adapters proto
SOURCES := $(PACKAGES) tests

# flake8-async's rules that ruff lacks; without those on the place of a `return` (121), on scopes and
# loops that may do without a checkpoint (912, 913), which cry wolf at code that means it, and on
# functions without an `await` (124). It reads the packages alone: a file of tests costs it as much,
# and a mistake there shows when the test runs.
ASYNC_RULES := ASYNC101,ASYNC102,ASYNC103,ASYNC104,ASYNC106,ASYNC111,ASYNC112,ASYNC113,ASYNC118,$\
	ASYNC120,ASYNC122,ASYNC123,ASYNC125,ASYNC126,ASYNC127,ASYNC128,ASYNC211,ASYNC231,$\
	ASYNC232,ASYNC300,ASYNC400

.DEFAULT_GOAL := help
.PHONY: help demo demo-ru test test-quick compiled tests computing-checks check lint lint-async types types-again \
	imports messages prose format flakes explore mutants soak bench bench-asterisk bench-voices draw schema proto lock \
	clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/ready ## a call on this machine, from audio to audio; writes the folder demo-call/
	$(BIN)/callchart demo --out demo-call

demo-ru: $(VENV)/ready ## the same in Russian, heard by Whisper with the weights that the tests have
	test -d whisper-base || $(BIN)/python -m tests.whisper_model whisper-base
	$(BIN)/callchart demo --language ru --out demo-call

test: $(VENV)/ready ## all checks, all tests with their coverage, the diagrams compared with the code
	$(BIN)/coverage erase
	$(MAKE) compiled
	$(MAKE) --jobs 2 --output-sync=recurse tests computing-checks
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	$(BIN)/coverage report --include='engine/chart/*,states/*' --fail-under=100

# Tests start a hundred processes: none of them is to compile what all of them import.
compiled: $(VENV)/ready
	$(BIN)/python -m compileall -q -j 0 $(SOURCES)

tests: $(VENV)/ready
	$(BIN)/python -m tests.runs.whole

test-quick: compiled ## tests without Asterisk, Whisper, wheels, coverage: 90 s on 2 cores
	$(BIN)/python -m tests.runs.quick

# What only computes gives way to tests on the real clock.
computing-checks: $(VENV)/ready
	nice -n 19 $(MAKE) check
	nice -n 19 $(BIN)/callchart draw --check

check: $(VENV)/ready ## lint, format, types, imports, plain English, messages compared with .proto
	$(MAKE) --jobs 2 --output-sync lint types imports messages prose

lint: $(VENV)/ready
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)

lint-async: $(VENV)/ready ## flake8-async's rules that ruff lacks
	$(BIN)/flake8-async --enable $(ASYNC_RULES) \
		$$(grep -rlE --include='*.py' 'async |trio|httpx' $(PACKAGES))

types: $(VENV)/ready
	$(BIN)/mypy

types-again: $(VENV)/ready ## pyright's second opinion on the types
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright

prose: $(VENV)/ready
	$(BIN)/python -m tests.prose

imports: $(VENV)/ready
	$(BIN)/lint-imports

format: $(VENV)/ready ## lay out the code, and mend what ruff can mend
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

# make flakes HOG=2 keeps two cores busy: a test that depends on the machine's speed then fails.
HOG ?= 0
flakes: compiled ## virtual-clock tests under 50 seeds, others 5 times; HOG=2: on a busy machine
	$(BIN)/python -m tests.runs.flakes --hog $(HOG)

soak: $(VENV)/ready ## each race under 200 schedules, 100,000 random calls, and longer calls explored
	$(BIN)/python -m pytest -q tests/races --callchart-schedules 200
	$(BIN)/python -m tests.soak
	$(BIN)/callchart explore --turns 3 --faults 2 --every-answer

bench: $(VENV)/ready ## the engine alone: CPU, memory, latency; tables of docs/performance.md
	$(BIN)/python -m tests.benchmarks

bench-asterisk: $(VENV)/ready ## calls at a real Asterisk: what they cost, how soon they are answered
	$(BIN)/python -m tests.benchmarks.asterisk

bench-voices: $(VENV)/ready ## how soon the real voices are heard, at servers that take their time
	$(BIN)/python -m tests.benchmarks.voices

# Messages alone: clients and servers of betterproto2 run on asyncio. The compiler lays out what it
# writes with the ruff that it finds on the way of commands.
MESSAGES := PATH="$(CURDIR)/$(BIN):$$PATH" python -m grpc_tools.protoc --proto_path=proto $\
	--python_betterproto2_opt=client_generation=none,server_generation=none $\
	$(wildcard proto/speechkit/*/*/*.proto)

proto: $(VENV)/ready ## write proto/messages/ from the .proto files
	rm -rf proto/messages
	mkdir proto/messages
	$(MESSAGES) --python_betterproto2_out=proto/messages

messages: $(VENV)/ready
	@set -eu; fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	said=$$($(MESSAGES) --python_betterproto2_out="$$fresh" 2>&1) || { echo "$$said" >&2; exit 1; }; \
	diff --recursive --exclude=__pycache__ proto/messages "$$fresh" || { \
		echo "proto/messages/ is not what the .proto files make: run make proto" >&2; exit 1; }

explore: $(VENV)/ready ## every call of two turns that the chart can come to, and what holds of it
	$(BIN)/callchart explore --every-answer

mutants: $(VENV)/ready ## mistakes put into the chart, one at a time: does explore find them?
	nice -n 19 $(BIN)/python -m tests.mutants

draw: $(VENV)/ready ## write docs/statecharts/ from the code
	$(BIN)/callchart draw

schema: $(VENV)/ready ## write docs/callchart.schema.json from the code
	$(BIN)/callchart settings --schema > docs/callchart.schema.json

# Resolved with the oldest Python that is supported, so that every later one can install it; pip adds
# what a package needs on a later one alone.
lock: ## write requirements.lock anew, with the newest versions that pyproject.toml allows
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
		echo "make lock resolves with Python 3.11, the oldest supported; $(PYTHON) is not that:" \
			"make lock PYTHON=python3.11" >&2; exit 2; }
	set -eu; venv=$$(mktemp -d); trap 'rm -rf "$$venv"' EXIT; \
	$(PYTHON) -m venv "$$venv"; \
	"$$venv/bin/pip" install --quiet --upgrade pip; \
	"$$venv/bin/pip" install --quiet --editable . --group dev; \
	"$$venv/bin/pip" freeze --exclude-editable > "$$venv/frozen"; \
	{ echo "# Exact versions of all that make installs: run time, demo, tests, checks."; \
	  echo "# Written by make lock."; cat "$$venv/frozen"; } > requirements.lock

clean: ## remove what the other targets made
	rm -rf $(VENV) demo-call whisper-base .coverage .hypothesis .import_linter_cache .mypy_cache \
		.pytest_cache .ruff_cache
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

# A new lock begins from an empty environment: a package that left the lock is gone from it as well.
$(VENV)/locked: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "callchart needs Python 3.11 or later, and $(PYTHON) is not that;" \
			"name one that is: make PYTHON=python3.11" >&2; exit 2; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.lock
	@touch $@

$(VENV)/ready: $(VENV)/locked pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
