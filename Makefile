# `make quickstart` and `make test` are all that a fresh machine needs; both set up what is missing.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The first Python on the PATH that torch has wheels for.
PYTHON ?= $(shell for p in python3 python python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo "$$p" && break; done)
BIN := .venv/bin
POETRY := .venv-poetry/bin/poetry

.PHONY: help setup quickstart test test-slow check format lock bench experiments clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: .venv/.installed ## make .venv from the locked requirements

.venv/.installed: requirements.txt requirements-dev.txt pyproject.toml
	@if [ -z "$(PYTHON)" ]; then \
		echo "No Python 3.11 to 3.13 found; install one, or name it: make $(MAKECMDGOALS) PYTHON=..." >&2; \
		exit 1; fi
	$(PYTHON) -m venv .venv
	@echo "Installing the locked packages: 6 GB with torch, a few minutes."
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.txt -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

quickstart: setup ## train, test and sum up the main job on embedded data
	$(BIN)/mlp-lab fit --config configs/quickstart.yaml

test: setup ## run the tests, two at a time
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-slow: setup ## run the tests that take long too
	$(BIN)/python -m pytest -m "not network"

check: setup .venv-poetry/.installed ## format, lint, types, and the lock in step
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(POETRY) check --lock
	$(POETRY) export | diff requirements.txt -
	$(POETRY) export --only dev | diff requirements-dev.txt -

format: setup ## format the code and mend what ruff can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Poetry pins the packages; nothing but the lock needs it, so it stays out of .venv.
.venv-poetry/.installed:
	$(PYTHON) -m venv .venv-poetry
	.venv-poetry/bin/python -m pip install --quiet "poetry==2.5.1" "poetry-plugin-export>=1.10,<2"
	@touch $@

lock: .venv-poetry/.installed ## pin the packages anew after a change in pyproject.toml
	$(POETRY) lock
	$(POETRY) export --output requirements.txt
	$(POETRY) export --only dev --output requirements-dev.txt

bench: setup ## time the baseline against what one would write instead (15 minutes)
	$(BIN)/python benchmarks/bench.py
	$(BIN)/python benchmarks/data_bench.py

experiments: setup ## run every recipe over three seeds and write docs/experiments.md (it says how long)
	$(BIN)/python benchmarks/experiments.py

clean: ## remove what make has made, but no data and no runs
	rm -rf .venv .venv-poetry .mypy_cache .pytest_cache .ruff_cache
