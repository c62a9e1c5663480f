PYTHON ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/installed

.PHONY: install test lint demo clean

install: $(STAMP)

# A torch that the interpreter already has is kept; else the pinned one is installed.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 10))" || { echo "error: got $$($(PYTHON) -V); wanted Python 3.10 or later; do set PYTHON=python3.11 or another" >&2; exit 2; }
	test -x $(PY) || $(PYTHON) -m venv $$($(PYTHON) -c "import torch" 2>/dev/null && echo --system-site-packages) $(VENV)
	$(PY) -c "import torch" 2>/dev/null || $(PY) -m pip install --quiet --constraint constraints.txt torch
	$(PY) -m pip install --quiet --editable ".[dev]"
	touch $(STAMP)

test: lint
	$(PY) -m pytest

lint: install
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

demo: install
	$(PY) -m examples.demo

clean:
	rm -rf $(VENV) build .mypy_cache .pytest_cache .ruff_cache
