# `make quickstart` and `make test` are all that a fresh machine needs; both set up what is missing.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The first Python on the path that can be used; where there is none, set_up.py says so.
PYTHON ?= $(shell for p in python3 python python3.14 python3.13 python3.12 python3.11 none; do \
	"$$p" tools/set_up.py 2>/dev/null && echo "$$p" && break; done; [ "$$p" != none ] || echo python3)
BIN := .venv/bin
POETRY := .venv-tools/bin/poetry
UV := .venv-tools/bin/uv
BUILDER ?= $(firstword $(foreach tool,docker podman buildah,$(shell command -v $(tool))))

.PHONY: help setup quickstart test test-slow test-package test-lowest test-gpu docs check format lock \
	image bench experiments gallery release-check clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: .venv/.installed ## make .venv with exactly the locked packages

.venv/.installed: requirements.txt requirements-dev.txt pyproject.toml
	@$(PYTHON) tools/set_up.py .venv requirements.txt requirements-dev.txt --gigabytes 7 --editable

quickstart: setup ## train, test and sum up the main job on embedded data
	$(BIN)/mlp-lab fit --config configs/quickstart.yaml

test: setup ## run the tests, two at a time
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-slow: setup ## run the tests that take long too
	$(BIN)/python -m pytest -m "not network"

test-package: setup ## build the wheel and run its tests in environments of their own
	$(BIN)/python -m pytest -m package

test-gpu: setup ## run what needs a CUDA device
	$(BIN)/python -m pytest -m gpu

docs: setup ## build the documentation site into build/docs, and run what its pages print
	$(BIN)/sphinx-build --fail-on-warning --keep-going --fresh-env --quiet docs build/docs
	$(BIN)/python -m pytest -n 2 -m docs

# The lower bounds of pyproject.toml, resolved by uv, in an environment of their own. What old packages
# find deprecated in newer ones is not ours to mend.
test-lowest: .venv-tools/.installed ## run the quick tests with the oldest packages that are allowed
	$(UV) venv --quiet --clear --seed --python $(PYTHON) .venv-lowest
	$(UV) pip install --quiet --compile-bytecode --python .venv-lowest --resolution lowest-direct --group dev --editable .
	.venv-lowest/bin/python -m pytest -n 2 --dist worksteal -W default::DeprecationWarning
	.venv-lowest/bin/python -m pytest -m package tests/end_to_end/test_package.py -W default::DeprecationWarning

check: setup .venv-tools/.installed ## what CI checks: the pre-commit hooks, and the lock in step
	$(BIN)/pre-commit run --all-files
	$(POETRY) check --lock
	@for group in "" dev bench build tools; do \
		$(POETRY) export $$(test "$$group" && echo --only $$group || echo --extras search --extras serve) | diff "requirements$${group:+-$$group}.txt" -; done

format: setup ## format the code and mend what ruff can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Poetry keeps the lock and uv resolves lower bounds; nothing else needs them.
.venv-tools/.installed: requirements-tools.txt
	@$(PYTHON) tools/set_up.py .venv-tools requirements-tools.txt

lock: .venv-tools/.installed ## pin the packages anew after a change in pyproject.toml
	$(POETRY) lock
	@for group in "" dev bench build tools; do \
		$(POETRY) export $$(test "$$group" && echo --only $$group || echo --extras search --extras serve) --output "requirements$${group:+-$$group}.txt"; done

image: ## build the image mlp-lab with docker, podman or buildah, whichever is there
	@if [ -z "$(BUILDER)" ]; then \
		echo "make image needs docker, podman or buildah on the path." >&2; exit 1; fi
	$(BUILDER) build --tag mlp-lab .

bench: setup ## time the baseline against what one would write instead (40 minutes)
	$(BIN)/pip install --quiet --requirement requirements-bench.txt
	$(BIN)/python benchmarks/bench.py
	$(BIN)/python benchmarks/data_bench.py
	$(BIN)/python benchmarks/growth.py
	$(BIN)/python benchmarks/sklearn_bench.py

experiments: setup ## run every recipe over three seeds and write docs/experiments.md (it says how long)
	$(BIN)/python benchmarks/experiments.py

gallery: setup ## train what the README shows, and draw it anew in light and dark (needs Chromium)
	$(BIN)/python benchmarks/gallery.py

# The wheel gets the newest packages that its bounds allow, as a reader's `pip install` does.
release-check: setup .venv-tools/.installed ## build sdist and wheel, check both, and use them as a reader would
	rm -rf build/release
	mkdir -p build/release
	$(POETRY) build --quiet --output build/release/dist
	.venv-tools/bin/twine check --strict build/release/dist/*
	tar -xzf build/release/dist/*.tar.gz -C build/release
	PYTHONPATH=$$(echo $$PWD/build/release/mlp_lab-*) $(BIN)/sphinx-build --fail-on-warning --quiet \
		-D nb_execution_mode=off build/release/mlp_lab-*/docs build/release/site
	$(PYTHON) -m venv build/release/venv
	build/release/venv/bin/pip install --quiet build/release/dist/*.whl
	cd build/release && venv/bin/mlp-lab fit --config configs/quickstart.yaml

clean: ## remove what make has made, but no data and no runs
	rm -rf .venv .venv-tools .venv-lowest .venv*.log .mypy_cache .pytest_cache .ruff_cache
