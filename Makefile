# Whatsit. `make demo` shows the main job, `make test` proves it; both set everything up first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
PHOTOS ?=
PROFILE ?= identify
WORKERS ?= $(shell n=$$(nproc 2>/dev/null || echo 2); [ $$n -gt 4 ] && echo 4 || echo $$n)

.DEFAULT_GOAL := help
.PHONY: help browser web-detector demo test test-fast coverage wheel lint types format docs perf load bench bench-stages clean

help: ## Show what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.serve ## Index a rendered shop, start Triton, identify things in pictures (PHOTOS=dir: your own)
	$(BIN)/whatsit demo $(if $(PHOTOS),--photos "$(PHOTOS)")

test: $(VENV)/.test ## Run all tests (WORKERS=1: one after another)
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile $(PYTEST_ARGS)

test-fast: $(VENV)/.test ## Run the tests that need no server and no minute (under two minutes)
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile -m "not triton and not slow" $(PYTEST_ARGS)

coverage: $(VENV)/.test ## Run all tests and print the covered lines and branches of each package
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --cov --cov-report= $(PYTEST_ARGS)
	$(BIN)/python tests/coverage_table.py

web-detector: ## Fetch onnxruntime-web (npm), so that the page finds things in the browser while the camera moves
	client/web/scan/install-detector.sh

browser: ## Install Debian's Chromium, without which the tests of the page are skipped (as root)
	.ci/browser

wheel: ## Build both distributions, install them in a fresh environment and use them there
	.ci/wheel $(PYTHON)

lint: $(VENV)/.test ## Check style and layout
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.test ## Check types
	$(BIN)/mypy

format: $(VENV)/.test ## Put style and layout right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.test ## Build the documentation site into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

perf: $(VENV)/.serve ## Load a profile of perf/identify/profiles with perf_analyzer (PROFILE=name,… or all; PHOTOS=dir: your own pictures)
	$(BIN)/python -m perf.identify.perf_analyzer --profile $(PROFILE) $(if $(PHOTOS),--photos "$(PHOTOS)")

bench: $(VENV)/.perf ## Speed, CPU time and memory of `identify` beside its ceiling and FastAPI; appended to the history (10 minutes)
	$(BIN)/python -m perf.bench.ledger

bench-stages: $(VENV)/.perf ## Compare `identify` with its ceiling and with what one would write instead, stage by stage (20 minutes)
	$(BIN)/python -m perf.identify.benchmark $(if $(PHOTOS),--photos "$(PHOTOS)")

load: $(VENV)/.perf ## Put ten minutes of mixed load on a server with Locust (PHOTOS=dir: your own pictures)
	$(BIN)/python -m perf.load.locust_run $(if $(PHOTOS),--photos "$(PHOTOS)")

clean: ## Remove the environment, the demo and what tools left behind
	rm -rf $(VENV) demo .mypy_cache .ruff_cache .pytest_cache .hypothesis perf/tools

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "Whatsit needs Python 3.10 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "The module venv is missing: on Debian or Ubuntu, apt-get install python3-venv"; exit 1; }

$(VENV)/.serve: pyproject.toml client/pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing Whatsit and Triton into $(VENV) (about 250 MB, once) …"
	@$(PIP) --editable client --editable '.[serve]'
	@touch $@

$(VENV)/.perf: pyproject.toml client/pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing what Whatsit is compared with into $(VENV) (once) …"
	@$(PIP) --editable client --editable '.[perf]'
	@touch $@ $(VENV)/.serve

$(VENV)/.test: pyproject.toml client/pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing Whatsit, Triton, torch and the test tools into $(VENV) (once) …"
	@$(PIP) --no-compile --editable client --editable '.[test]'
	@touch $@ $(VENV)/.serve $(VENV)/.perf
