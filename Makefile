# make study   the main job: studies a function, prints it, writes its report
# make test    the whole suite, without PyTorch (comparisons use recorded values)
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check
EXPR ?= 3*x**2 - 2*x + 5
AT ?= x=3
PROGRAMS ?= 10000

.PHONY: study test oracle record check bench fuzz compatibility stats lock clean

study: $(VENV)/see
	$(BIN)/glassgrad study "$(EXPR)" --at $(AT)

test: $(VENV)/dev
	$(BIN)/python -m pytest -n 2

oracle: $(VENV)/torch
	GLASSGRAD_ORACLE=live $(BIN)/python -m pytest -n 2

record: $(VENV)/torch
	GLASSGRAD_ORACLE=record $(BIN)/python -m pytest -p no:xdist

check: $(VENV)/dev
	$(BIN)/ruff check src tests benchmarks examples
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 src --doctest-modules --ignore=src/glassgrad/__main__.py
	$(MAKE) test

bench: $(VENV)/bench
	$(BIN)/python -m compileall -q src
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/run.py

fuzz: $(VENV)/torch
	GLASSGRAD_ORACLE=live GLASSGRAD_PROGRAMS=$(PROGRAMS) $(BIN)/python -m pytest tests/test_properties.py
	$(BIN)/python tests/fuzz.py $(PROGRAMS); first=$$?; $(BIN)/python tests/fuzz_hooks.py $(PROGRAMS) && exit $$first

compatibility: $(VENV)/torch
	$(BIN)/python tests/compatibility.py

stats: $(VENV)/dev
	$(BIN)/python -m compileall -q src
	$(BIN)/python tests/stats.py

lock: $(VENV)/dev
	$(PIP) uv
	$(BIN)/uv pip compile pyproject.toml --all-extras --generate-hashes --no-header -o requirements.lock

# Each stamp is an installation that contains the ones before it.
$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "glassgrad needs Python 3.11 or newer; this is " + sys.version.split()[0] + ": make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/see: pyproject.toml | $(VENV)/bin/python
	$(PIP) -e ".[see]"
	$(BIN)/python -m compileall -q src
	touch $@

$(VENV)/dev: pyproject.toml | $(VENV)/bin/python
	$(PIP) -e ".[dev]"
	$(BIN)/python -m compileall -q src
	touch $@ $(VENV)/see

$(VENV)/torch: $(VENV)/dev
	$(PIP) torch==2.13.0
	touch $@

$(VENV)/bench: $(VENV)/torch
	$(PIP) mygrad autograd
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache glassgrad-study.html
