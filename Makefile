# Every target makes what it needs: the virtual environment comes from the committed lock files.
# `make` alone lists the targets.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
BENCH  := .venv-bench
UV     := $(shell command -v uv 2>/dev/null || echo $(BIN)/uv)
ARGS   ?=

.DEFAULT_GOAL := help
.PHONY: help demo test slow lint format messages screenshots migrations audit bench docs lock clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Pricewright needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.uv: | $(BIN)/python
	@command -v uv >/dev/null 2>&1 || $(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.8'
	@touch $@

# The run-time environment is all that the demo needs.
$(VENV)/.run: requirements.lock pyproject.toml $(VENV)/.uv
	VIRTUAL_ENV=$(abspath $(VENV)) $(UV) pip install --quiet --compile-bytecode --require-hashes -r requirements.lock
	VIRTUAL_ENV=$(abspath $(VENV)) $(UV) pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

# Development adds the checkers; its lock is a superset of the run-time lock, with the same versions.
$(VENV)/.dev: requirements-dev.lock pyproject.toml $(VENV)/.uv
	VIRTUAL_ENV=$(abspath $(VENV)) $(UV) pip install --quiet --compile-bytecode --require-hashes -r requirements-dev.lock
	VIRTUAL_ENV=$(abspath $(VENV)) $(UV) pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.run

demo: $(VENV)/.run ## the main job end to end, then a live service; ARGS=--once stops by itself
	$(BIN)/pricewright demo $(ARGS)

test: $(VENV)/.dev ## the default test suite, in CI with coverage; ARGS goes to pytest
	$(BIN)/python -m pytest $(if $(CI),--cov) $(ARGS)

slow: $(VENV)/.dev ## the tests marked slow
	$(BIN)/python -m pytest -m slow $(ARGS)

migrations: $(VENV)/.dev ## check that the migrations make the tables of storage/tables.py
	rm -f var/migrations.db
	DATABASE_URL=sqlite:///var/migrations.db $(BIN)/pricewright migrate
	DATABASE_URL=sqlite:///var/migrations.db $(BIN)/alembic check
	rm -f var/migrations.db

lint: $(VENV)/.dev ## format check, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Strict: a dependency that could not be audited is a failure, and no silent success.
audit: $(VENV)/.dev ## look for known vulnerabilities of all locked dependencies; asks pypi.org
	@for lock in requirements.lock requirements-dev.lock; do \
	  $(BIN)/pip-audit --strict --disable-pip --require-hashes --progress-spinner off -r $$lock || { \
	    echo "make audit: $$lock has a dependency that is vulnerable or could not be audited; the lines above name it."; \
	    echo "The advisories come from https://pypi.org/pypi/NAME/VERSION/json: a mirror of the package index has none."; \
	    exit 1; }; \
	done

format: $(VENV)/.dev ## rewrite the sources in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

screenshots: $(VENV)/.dev ## the pictures of the manual and of README, from a demo shop
	PICTURES=docs/pictures $(BIN)/python -m pytest -n 0 -m slow tests/api/console/test_pictures.py

messages: $(VENV)/.dev ## bring the console's catalogues of messages in step with its sources
	$(BIN)/python -m tests.api.console.messages

# Peers that only the benchmarks need would disturb the tests, so they have an environment of their own.
$(BENCH)/.done: requirements-bench.lock pyproject.toml $(VENV)/.uv
	$(BIN)/python -m venv $(BENCH)
	VIRTUAL_ENV=$(abspath $(BENCH)) $(UV) pip install --quiet --compile-bytecode --require-hashes -r requirements-bench.lock
	VIRTUAL_ENV=$(abspath $(BENCH)) $(UV) pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

bench: $(BENCH)/.done ## measure speed; one JSON line a figure; ARGS picks benchmarks by name
	$(BENCH)/bin/python -m tests.benchmarks $(ARGS)

docs: $(VENV)/.dev ## build the manual into site/
	$(BIN)/mkdocs build --strict --quiet

lock: $(VENV)/.uv ## resolve the lock files anew from pyproject.toml
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command 'make lock' --upgrade pyproject.toml --group build -o requirements.lock
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command 'make lock' --upgrade -c requirements.lock pyproject.toml --group dev -o requirements-dev.lock
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command 'make lock' --upgrade -c requirements-dev.lock pyproject.toml --group dev --group bench -o requirements-bench.lock

clean: ## delete the environment, caches and everything generated
	rm -rf $(VENV) $(BENCH) var site build dist .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
