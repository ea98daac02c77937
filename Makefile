# Needs Python 3.11 or later, make and a package index; `.venv` is made from the lock files on the way.

PYTHON ?= python3
PYTHONS := $(PYTHON) python3.14 python3.13 python3.12 python3.11
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header pyproject.toml
CODE := app bench contract examples faults migrations tests
UPGRADE ?=
KILLS ?= 200
SIZE ?= small
MINUTES ?= 10
NPM := PATH="$(CURDIR)/contract/.venv/bin:$$PATH" npm

# Set elsewhere, it would have every process that is started compile the whole house anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help run test sweep lint contract fuzz bench faults format openapi lock clean
.DEFAULT_GOAL := help

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/runtime ## Everything on this machine, with demo data: http://127.0.0.1:8000
	@$(BIN)/crm up --demo

test: .venv/dev ## Run the tests; COVERAGE=yes measures the branches as well, which takes nearly twice as long
	$(BIN)/pytest -n 2 --dist worksteal -m "not sweep" $(if $(COVERAGE),--cov --cov-report=term) tests

sweep: .venv/dev ## Run the tests that call every operation many times over: roles, refusals, rows, statements
	$(BIN)/pytest -n 2 --dist worksteal -m sweep tests

lint: .venv/dev ## Check style, types, imports, dependencies, dead code, spelling and migrations
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	@! grep -rnE '# noqa: [A-Z0-9, ]+$$' --include='*.py' --exclude-dir=node_modules --exclude-dir=.venv --exclude-dir=build $(CODE) || { echo "Say why, behind each noqa."; exit 1; }
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry app migrations
	$(BIN)/deptry bench examples faults tests --exclude node_modules --exclude bench/.packages --ignore DEP002,DEP004
	$(BIN)/vulture
	$(BIN)/codespell
	@rm -rf build/migrations
	$(BIN)/python -W error migrations/sql.py build/migrations
	$(BIN)/squawk build/migrations/*.sql

bench: .venv/dev bench/.packages/sets ## Measure beside a bare server: SIZE=tiny, small or full; results in bench/results
	$(BIN)/python -m bench.duplicates
	$(BIN)/python -m bench --size $(SIZE)
	$(BIN)/python -m bench.complaints $(if $(filter tiny,$(SIZE)),--complaints 10000)
	$(BIN)/python -m bench.archive $(if $(filter tiny,$(SIZE)),--customers 10000)

faults: .venv/dev ## Kill, cut and fill up a real system; KILLS=20 is the short form, SEED=... repeats one
	$(BIN)/python -m faults --kills $(KILLS) $(if $(RECOVERY),--recovery $(RECOVERY)) $(if $(SEED),--seed $(SEED))

contract: .venv/dev contract/.venv/tools contract/node_modules/tools ## Lint the API, compare it, make clients of it and fuzz it (FUZZ_SECONDS=60)
	@$(BIN)/python contract/check.py

fuzz: .venv/dev contract/.venv/tools ## Schemathesis alone, for longer: MINUTES=10 SEED=1
	@$(BIN)/python contract/fuzz.py --minutes $(MINUTES) --seed $(or $(SEED),1)

format: .venv/dev ## Put the code into shape
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

openapi: .venv/runtime ## Write openapi/v1.json
	$(BIN)/crm openapi

lock: .venv/dev ## Write the lock files; UPGRADE=--upgrade takes the newest of everything
	$(COMPILE) $(UPGRADE) --extra build --output-file requirements.lock
	$(COMPILE) $(UPGRADE) --extra build --extra dev --constraints requirements.lock --output-file requirements-dev.lock
	$(subst pyproject.toml,contract/requirements.in,$(COMPILE)) $(UPGRADE) --output-file contract/requirements.lock

clean: ## Remove what was made here, apart from .data
	rm -rf bench/.packages contract/.venv contract/node_modules contract/build
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

bench/.packages/sets: bench/requirements.txt | .venv/bin/python
	@echo "Fetching the sets that duplicates are judged on into bench/.packages (once)"
	@$(PIP) install --no-deps --no-compile --require-hashes --target bench/.packages --upgrade -r $<
	@touch $@

contract/.venv/tools: contract/requirements.lock | .venv/bin/python
	@echo "Installing what contract/requirements.lock names into contract/.venv (once)"
	@$(BIN)/python -m venv --clear --without-pip contract/.venv
	@$(PIP) --python contract/.venv install --no-deps --no-compile --require-hashes -r contract/requirements.lock
	@touch $@

contract/node_modules/tools: contract/package-lock.json contract/.venv/tools
	@echo "Installing what contract/package-lock.json names into contract/node_modules (once)"
	@cd contract && $(NPM) ci --silent
	@touch $@
