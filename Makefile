# Every command a person needs. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
PROJECTS ?= include/projects
VENV := .venv
BIN := $(VENV)/bin
export UV_PYTHON_DOWNLOADS := never
export UV_LINK_MODE := copy

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

STAMP := $(VENV)/.installed-$(shell cat requirements.txt pyproject.toml | sha256sum | cut -c1-16)

$(STAMP): requirements.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || (echo "there is no $(PYTHON) here: install python3 (3.11 to 3.13), or run make PYTHON=…" >&2; exit 1)
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info < (3, 14); sys.exit(None if ok else f"Labelcycle needs Python 3.11 to 3.13, and $(PYTHON) is {sys.version.split()[0]}: run make PYTHON=python3.12")'
	@$(PYTHON) -c 'import ensurepip' || (echo "Python cannot make virtual environments here: apt-get install python3-venv" >&2; exit 1)
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.8
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(STAMP)  ## make the virtual environment and install the lock

lock: $(STAMP)  ## compile requirements.in into requirements.txt again
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	  --custom-compile-command 'make lock' requirements.in -o requirements.txt

demo: $(STAMP)  ## three days of a small project, end to end
	@$(BIN)/python -m include.local demo

up: $(STAMP)  ## the stack with Airflow's and MLflow's UIs, until Ctrl-C
	@$(BIN)/python -m include.local up

day: $(STAMP)  ## the next day's photographs into the running stack, and an ingest run
	@$(BIN)/python -m include.local day

review: $(STAMP)  ## the reviewer works on what waits in the running stack
	@$(BIN)/python -m include.local review

screenshots: $(STAMP)  ## pictures of the running stack's graphs (needs chromium)
	@$(BIN)/python -m include.local screenshots

bucket: $(STAMP)  ## serve the bucket that the demo left, for dvc
	@$(BIN)/python -m include.local bucket

production-trial: $(STAMP)  ## the compose file's services without Docker, as root on Debian
	$(BIN)/python -m deploy.bare

check: $(STAMP)  ## lint, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy include plugins deploy benchmarks

check-projects: $(STAMP)  ## check project files: PROJECTS=folder; LIVE=1 also asks the live systems
	PYTHONPATH=.:plugins $(BIN)/python -m labelcycle.check $(PROJECTS) $(if $(LIVE),--live)

format: $(STAMP)  ## mend lint and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: $(STAMP)  ## all tests but those of test-slow, test-live and drill
	$(BIN)/python -m pytest -q --numprocesses 2 --dist loadfile -m "not slow"

test-slow: $(STAMP)  ## tests of many kills and many calls: minutes
	$(BIN)/python -m pytest -q --numprocesses 2 --dist loadfile -m slow

contract: $(STAMP)  ## what CVAT promises, on the emulator, or on a real server: CVAT_URL=… CVAT_TOKEN=…
	$(BIN)/python -m pytest -q tests/contract

test-live: $(STAMP)  ## Airflow's own scheduler and triggerer, through the REST API: minutes
	$(BIN)/python -m pytest -q -m live tests/live

drill: $(STAMP)  ## a server at its worst, killed processes, people at work meanwhile: a quarter of an hour
	DRILL=1 $(BIN)/python -m pytest -q tests/drill

drill-long: $(STAMP)  ## the same with ten times the faults: hours
	DRILL=long $(BIN)/python -m pytest -q tests/drill

BENCH ?= $(filter-out results page,$(basename $(notdir $(wildcard benchmarks/[a-z]*.py))))
bench: $(STAMP)  ## benchmarks against other ways, as ratios, and docs/benchmarks.md: minutes (BENCH=name runs one)
	@for name in $(BENCH); do $(BIN)/python -m benchmarks.$$name || exit 1; done
	@$(BIN)/python -m benchmarks.page

clean:  ## forget the demo's state
	rm -rf .labelcycle

.PHONY: help test-slow contract bench drill drill-long up day review screenshots test-live production-trial setup lock demo bucket check check-projects format test clean
