# Every command that a developer needs is one word here; `make help` lists them.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Builds the web console when npm is there and console/ was changed; NO_CONSOLE=1 leaves it out.
BUNDLE := $(BIN)/python tools/console_bundle.py
# One more than two cores have: a third of the tests' time is waiting.
WORKERS ?= 3
PYTEST := $(BIN)/pytest
# Files in the order of tests/conftest.py, one after the other in one of the workers.
SPREAD = -n $(WORKERS) --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup run console bundle check format test test-full services bench bench-quick lock clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) bundle ## Make the environment in .venv and the console (quick when up to date)

$(READY): requirements.lock pyproject.toml tools/setup.sh
	@echo "Making the environment in $(VENV); the first time takes about a minute."
	@sh tools/setup.sh $(VENV)
	@touch $@

bundle: $(READY)
	@$(BUNDLE) --soft

console: $(READY) ## Build the web console (needs npm; quick when it is up to date)
	@$(BUNDLE)

run: $(READY) bundle ## Start the server on 127.0.0.1:8000
	@exec $(BIN)/tailrace serve

check: $(READY) ## Format, lint, types, import contracts, tidy rules, docs, OpenAPI drift, console/
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BUNDLE) check
	$(PYTEST) -p no:cacheprovider tests/tidy tests/controlplane/test_openapi.py

format: $(READY) ## Format the code and sort its imports
	$(BIN)/ruff check --fix --exit-zero --quiet .
	$(BIN)/ruff format .

services: ## Find the servers that tests need, or install them, or say how
	@sh tools/services.sh

# The rules of the code are tests too: those of `make check`, which need not run twice.
test: $(READY) bundle services ## Run the test suite
	$(PYTEST) $(SPREAD) --ignore=tests/tidy tests

test-full: $(READY) bundle services ## Run the suite with the long forms (50 kills, every byte, more examples)
	$(PYTEST) $(SPREAD) --full tests

bench: $(READY) ## Measure every claim of benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks.run

bench-quick: $(READY) ## The same on small data, under 3 minutes
	$(BIN)/python -m benchmarks.run --quick

lock: $(READY) ## Lock the newest allowed versions anew (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv: install it with your package manager, or run 'pipx install uv'." >&2; exit 1; }
	uv pip compile pyproject.toml --group dev --extra all --universal --python-version 3.11 --upgrade \
	  --generate-hashes --no-header --no-annotate --quiet -o requirements.lock

clean: ## Remove the environment and caches; never data
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
	rm -rf console/node_modules controlplane/static/console
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
