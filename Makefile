# Each target works in a fresh clone: it makes the virtual environment first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := callchart/*.py engine states adapters proto
SOURCES := $(PACKAGES) tests

# flake8-async's rules that ruff lacks. Four are left out: the place of a `return` (121), functions
# without an `await` (124), and scopes and loops without a checkpoint (912, 913), which report correct
# code. It reads the packages only: the tests would take as long again, and a mistake in a test shows
# when the test runs.
ASYNC_RULES := ASYNC101,ASYNC102,ASYNC103,ASYNC104,ASYNC106,ASYNC111,ASYNC112,ASYNC113,ASYNC118,$\
	ASYNC120,ASYNC122,ASYNC123,ASYNC125,ASYNC126,ASYNC127,ASYNC128,ASYNC211,ASYNC231,$\
	ASYNC232,ASYNC300,ASYNC400

.DEFAULT_GOAL := help
.PHONY: help demo demo-ru test test-quick compiled tests computing-checks check lint lint-async types types-again \
	imports messages prose format flakes explore mutants soak bench bench-asterisk bench-voices draw schema proto lock \
	clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/ready ## make a call on this machine, with real audio; write the folder demo-call/
	$(BIN)/callchart demo --out demo-call

demo-ru: $(VENV)/ready ## the same in Russian, recognised by Whisper with the weights of the tests
	test -d whisper-base || $(BIN)/python -m tests.whisper_model whisper-base
	$(BIN)/callchart demo --language ru --out demo-call

test: $(VENV)/ready ## run all checks and all tests, measure coverage, compare the diagrams with the code
	$(BIN)/coverage erase
	$(MAKE) compiled
	$(MAKE) --jobs 2 --output-sync=recurse tests computing-checks
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	$(BIN)/coverage report --include='engine/chart/*,states/*' --fail-under=100

# Tests start a hundred processes: compile the modules once, not in each of them.
compiled: $(VENV)/ready
	$(BIN)/python -m compileall -q -j 0 $(SOURCES)

tests: $(VENV)/ready
	$(BIN)/python -m tests.runs.whole

test-quick: compiled ## run most tests, without Asterisk, Whisper, wheels and coverage
	$(BIN)/python -m tests.runs.quick

# These checks only compute. They have a low priority, so that tests on the real clock are not late.
computing-checks: $(VENV)/ready
	nice -n 19 $(MAKE) check
	nice -n 19 $(BIN)/callchart draw --check

check: $(VENV)/ready ## check lint, format, types, imports, plain English, and messages against .proto
	$(MAKE) --jobs 2 --output-sync lint types imports messages prose

lint: $(VENV)/ready
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)

lint-async: $(VENV)/ready ## run flake8-async's rules that ruff lacks
	$(BIN)/flake8-async --enable $(ASYNC_RULES) \
		$$(grep -rlE --include='*.py' 'async |trio|httpx' $(PACKAGES))

types: $(VENV)/ready
	$(BIN)/mypy

types-again: $(VENV)/ready ## check the types with pyright too
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright

prose: $(VENV)/ready
	$(BIN)/python -m tests.prose

imports: $(VENV)/ready
	$(BIN)/lint-imports

format: $(VENV)/ready ## format the code, and fix what ruff can fix
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

# `make flakes HOG=2` keeps two cores busy: then a test fails if it depends on the machine's speed.
HOG ?= 0
flakes: compiled ## look for flakes: virtual-clock tests under 50 seeds, others 5 times; HOG=2: busy cores
	$(BIN)/python -m tests.runs.flakes --hog $(HOG)

soak: $(VENV)/ready ## run each race under 200 schedules and 100,000 random calls; explore longer calls
	$(BIN)/python -m pytest -q tests/races --callchart-schedules 200
	$(BIN)/python -m tests.soak
	$(BIN)/callchart explore --turns 3 --faults 2 --every-answer

bench: $(VENV)/ready ## measure the engine alone: CPU, memory, latency
	$(BIN)/python -m tests.benchmarks

bench-asterisk: $(VENV)/ready ## measure calls at a real Asterisk: CPU, latency, lost frames
	$(BIN)/python -m tests.benchmarks.asterisk

bench-voices: $(VENV)/ready ## measure the real voices' latency, with servers that answer slowly
	$(BIN)/python -m tests.benchmarks.voices

# Only the messages: betterproto2's clients and servers run on asyncio. The compiler formats its output
# with the ruff that it finds in PATH.
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
		echo "proto/messages/ must match the .proto files: run make proto" >&2; exit 1; }

explore: $(VENV)/ready ## explore every call of two turns, and check the properties of each step
	$(BIN)/callchart explore --every-answer

mutants: $(VENV)/ready ## put mistakes into the chart, one at a time, and count those that explore finds
	nice -n 19 $(BIN)/python -m tests.mutants

draw: $(VENV)/ready ## write docs/statecharts/ from the code
	$(BIN)/callchart draw

schema: $(VENV)/ready ## write docs/callchart.schema.json from the code
	$(BIN)/callchart settings --schema > docs/callchart.schema.json

# Resolved with the oldest supported Python, so that every later one can install it. pip adds packages
# that only a later Python needs.
lock: ## write requirements.lock, with the newest versions that pyproject.toml allows
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
		echo "make lock needs Python 3.11, the oldest supported one, and $(PYTHON) is another version:" \
			"make lock PYTHON=python3.11" >&2; exit 2; }
	set -eu; venv=$$(mktemp -d); trap 'rm -rf "$$venv"' EXIT; \
	$(PYTHON) -m venv "$$venv"; \
	"$$venv/bin/pip" install --quiet --upgrade pip; \
	"$$venv/bin/pip" install --quiet --editable . --group dev; \
	"$$venv/bin/pip" freeze --exclude-editable > "$$venv/frozen"; \
	{ echo "# Exact versions of all that make installs: run time, demo, tests, checks."; \
	  echo "# Written by make lock."; cat "$$venv/frozen"; } > requirements.lock

clean: ## remove the files that other targets made
	rm -rf $(VENV) demo-call whisper-base .coverage .hypothesis .import_linter_cache .mypy_cache \
		.pytest_cache .ruff_cache
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

# After a change of the lock, make an empty environment: a package that left the lock must go.
$(VENV)/locked: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "callchart needs Python 3.11 or later, and $(PYTHON) is older;" \
			"name a newer one: make PYTHON=python3.11" >&2; exit 2; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.lock
	@touch $@

$(VENV)/ready: $(VENV)/locked pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
