# Everything a developer types. `make` alone lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: help setup lab tui test check e2e equal bench catalog schemas down clean

help: ## list the targets
	@sed -n 's/^\([a-z0-9]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

setup: $(READY) ## make the virtual environment .venv (quick the second time)
	@:

$(READY): pyproject.toml lab/__init__.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "Python 3.11 or later is needed; $(PYTHON) is $$($(PYTHON) --version 2>/dev/null || echo missing or broken). Install one, then: make setup PYTHON=python3.12" >&2; exit 3; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is missing. On Debian and Ubuntu: sudo apt-get install python3-venv" >&2; exit 3; }
	@echo "setting up .venv (about a minute the first time)"
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

lab: setup ## bring up the centralized lab, simulated without Docker, and show it (ARGS: options of `lab up`)
	@$(BIN)/lab up centralized $(ARGS)
	@$(BIN)/lab status

tui: setup ## the same on one screen
	@$(BIN)/lab tui $(ARGS)

test: setup ## all tests that need no Docker (ARGS: options of pytest)
	@$(BIN)/pytest -n 2 --ignore tests/e2e -m 'not e2e' $(ARGS)

check: setup ## lint, types, import contracts, generated files
	$(BIN)/ruff check lab tests
	$(BIN)/ruff format --check lab tests
	$(BIN)/mypy lab
	$(BIN)/lint-imports --no-logo
	for page in schema completion troubleshooting; do $(BIN)/python -m lab.$$page --check; done

e2e: setup ## a real lab on Docker, driven as a person drives it (ARGS: options of pytest)
	@$(BIN)/pytest tests/e2e -m e2e $(ARGS)

equal: setup ## the same story on kind and on the simulator, compared (SCENARIO=centralized; default: all)
	@$(BIN)/python -m tests.equality --both $(or $(SCENARIO),centralized distributed hybrid) $(ARGS)

bench: setup ## measure start, engine and, with ARGS=--rig, real labs; JSON, also in bench.json
	@$(BIN)/python -m tests.bench $(ARGS)

catalog: setup ## make the generated files again
	for page in schema completion troubleshooting; do $(BIN)/python -m lab.$$page; done

schemas: setup ## make the simulator's schemas again from their pinned package (ARGS=--check: only compare)
	@$(BIN)/python -m lab.sim.schemas.build $(ARGS)

down: ## remove the lab (ARGS: options of `lab down`, e.g. --yes)
	@[ -x $(BIN)/lab ] || { echo "there is no .venv, so no lab was made from here" >&2; exit 0; }; $(BIN)/lab down $(ARGS)

clean: ## remove what was built; labs stay (use `make down` first)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist *.egg-info bench.json snapshot_report.html
	find lab tests -name __pycache__ -type d -prune -exec rm -rf {} +
