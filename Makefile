# Needs Python 3.11 or 3.12 with pip, and make. Everything else goes into .venv, once: later runs start at once.

PYTHON ?= $(shell for name in python3.11 python3.12 python3 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$name; break; }; done)
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c

BIN := .venv/bin
READY := .venv/ready
DEMO := runs/demo
PIP := $(BIN)/python -m pip --disable-pip-version-check install --progress-bar off
PIP_LINES := grep --line-buffered -oE '^(Collecting [^ ]+|Installing collected packages|Successfully (built|installed)|( *error|ERROR).*)'

# Waiting OpenMP threads must sleep, not spin: two processes that share the cores otherwise slow each other many times.
export GOMP_SPINCOUNT ?= 0
export OMP_NUM_THREADS ?= $(shell nproc 2>/dev/null || echo 2)

.DEFAULT_GOAL := help
.PHONY: help demo test lint types bench clean

help:
	@echo "make demo   install, then make ten seconds of driving video from a library scenario"
	@echo "make test   install, then check the style and run all tests"
	@echo "make lint   ruff: style and format"
	@echo "make types  mypy --strict on the installed package"
	@echo "make bench  frames per second and memory on this machine"
	@echo "make clean  remove the environment and all that was built"

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or newer found. Install one, or: make PYTHON=/path/to/python"; exit 1; }
	@echo "[1/2] environment .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear .venv 2>/dev/null || { \
		$(PYTHON) -m venv --clear --without-pip .venv; $(PYTHON) -m pip --python $(BIN)/python install -q pip; }
	@echo "[2/2] packages: 1 to 2 GB on disk, a few minutes the first time"
	@$(PIP) -c constraints.txt -e ".[dev]" 2>&1 | $(PIP_LINES)
	@touch $(READY)

demo: $(READY)
	@rm -rf $(DEMO)
	@$(BIN)/drivesim rollout highway-cut-in --seconds 10 --out $(DEMO)
	@ls -l $(DEMO)/*.mp4

# One worker a core, one thread a worker; a file's tests stay together, as they share what their fixtures made, and the files
# that take longest are drawn first (tests/conftest.py), not those with most tests. What was compiled is kept, whatever the
# shell says: else every run rewrites all tests, and every process that one starts compiles the package.
test: lint
	@OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n logical --dist loadfile --no-loadscope-reorder

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY)
	@rm -rf build/installed
	@$(PIP) --no-deps --target build/installed . 2>&1 | $(PIP_LINES)
	@cd build && MYPYPATH=installed ../$(BIN)/mypy --config-file ../pyproject.toml --python-executable ../$(BIN)/python -p drivesim

bench: $(READY)
	@$(BIN)/python benchmarks/rollout.py

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache
