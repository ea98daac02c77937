# Needs Python 3.11 or later, make and a package index; `.venv` is made from the lock files on the way.

PYTHON ?= python3
PYTHONS := $(PYTHON) python3.14 python3.13 python3.12 python3.11
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header pyproject.toml
UPGRADE ?=

.PHONY: help run test lint format openapi lock clean
.DEFAULT_GOAL := help

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/runtime ## Everything on this machine, with demo data: http://127.0.0.1:8000
	@$(BIN)/crm up --demo

test: .venv/dev ## Run the tests
	$(BIN)/pytest -n 2 tests

lint: .venv/dev ## Check format, style, types and who imports whom
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy --strict app
	$(BIN)/lint-imports

format: .venv/dev ## Put the code into shape
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

openapi: .venv/runtime ## Write openapi/v1.json
	$(BIN)/crm openapi

lock: .venv/dev ## Write the lock files; UPGRADE=--upgrade takes the newest of everything
	$(COMPILE) $(UPGRADE) --extra build --output-file requirements.lock
	$(COMPILE) $(UPGRADE) --extra build --extra dev --constraints requirements.lock --output-file requirements-dev.lock

clean: ## Remove what was made here, apart from .data
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info build dist
	find . -name __pycache__ -prune -exec rm -rf {} +

.venv/runtime: requirements.lock pyproject.toml | .venv/bin/python
	@echo "Installing what requirements.lock names into .venv (once)"
	@$(PIP) install --no-deps --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --no-index --editable .
	@touch $@

.venv/dev: requirements-dev.lock .venv/runtime
	@echo "Installing what requirements-dev.lock names into .venv (once)"
	@$(PIP) install --no-deps --require-hashes -r requirements-dev.lock
	@touch $@

.venv/bin/python:
	@for python in $(PYTHONS); do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			$$python -m venv .venv && exit; rm -rf .venv; exit 1; \
		fi; \
	done; \
	echo "Courier CRM needs Python 3.11 or later; none of these is one: $(PYTHONS)."; \
	echo "Say where it is: make PYTHON=/path/to/python3.11"; \
	exit 1
