# Every target sets itself up from a fresh clone: Python and make are all it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Small matrices: one thread a process is faster than a team that waits for itself.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: help demo test check test-long test-slow bench bench-gpu docs screenshots clean

help:
	@echo "make demo       train a ladder, forecast a larger run, train it, score the forecast (6 minutes)"
	@echo "make test       the tests (a few minutes)"
	@echo "make check      format, lint, types and walls"
	@echo "make test-long  tests of more than some seconds each (minutes); they run before a change lands"
	@echo "make test-slow  studies of minutes to hours"
	@echo "make bench      speed and accuracy beside the field's usual tools"
	@echo "make bench-gpu  what wants a GPU: MFU, several small runs on one device, an isoFLOP study; says why where there is none"
	@echo "make docs       regenerate what is generated in docs/"
	@echo "make screenshots  photograph every page into docs/figures (needs chromium)"

# An installed set is stamped by the pyproject it was made from, so a second call costs nothing.
$(VENV)/.demo: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[train]'
	@touch $@

$(VENV)/.dev: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[train,dev]'
	@touch $@ $(VENV)/.demo

$(VENV)/.bench: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[train,dev,bench]'
	@touch $@

demo: $(VENV)/.demo
	$(BIN)/isoflop demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest $(TESTS)

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

test-long: $(VENV)/.dev
	$(BIN)/python -m pytest -m "long and not slow" $(TESTS)

test-slow: $(VENV)/.dev
	$(BIN)/python -m pytest -m slow --timeout 0 $(TESTS)

bench: $(VENV)/.bench
	$(BIN)/python benchmarks/run.py

bench-gpu: $(VENV)/.dev
	$(BIN)/python benchmarks/gpu/run.py

docs: $(VENV)/.dev
	$(BIN)/python docs/make_cli_reference.py

screenshots: $(VENV)/.dev
	$(BIN)/python docs/make_screenshots.py

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
