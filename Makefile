PYTHON ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/installed

.PHONY: install test lint demo docs docs-links sanitize clean

install: $(STAMP)

# A torch that the interpreter already has is kept; else the pinned one is installed.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 10))" || { echo "error: got $$($(PYTHON) -V); wanted Python 3.10 or later; do set PYTHON=python3.11 or another" >&2; exit 2; }
	test -x $(PY) || $(PYTHON) -m venv $$($(PYTHON) -c "import torch" 2>/dev/null && echo --system-site-packages) $(VENV)
	$(PY) -c "import torch" 2>/dev/null || $(PY) -m pip install --quiet --constraint constraints.txt torch
	$(PY) -m pip install --quiet --editable ".[dev]"
	touch $(STAMP)

test: lint
	$(PY) -m pytest --numprocesses auto --dist loadfile

lint: install
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

demo: install
	$(PY) -m examples.demo

# The documentation in build/docs; a warning or a dead link inside it is an error.
docs: install
	$(PY) -m sphinx -W --keep-going -q -b html docs build/docs
	$(PY) docs/check_links.py build/docs

# The links to other sites, which needs a network.
docs-links: install
	$(PY) -m sphinx -b linkcheck docs build/docs-links

# The kernels of each instruction set that this processor has over random shapes, under AddressSanitizer and UndefinedBehaviorSanitizer.
PROCESSOR := $(shell grep -m1 '^flags' /proc/cpuinfo 2>/dev/null)
SANITIZED := generic $(if $(filter avx2,$(PROCESSOR)),avx2) $(if $(filter avx512vl,$(PROCESSOR)),avx512)
FLAGS_generic := -Wno-unknown-pragmas  # without OpenMP, as some compilers have none
FLAGS_avx2 := -fopenmp -mavx2 -mfma
FLAGS_avx512 := $(FLAGS_avx2) -mavx512f -mavx512bw -mavx512dq -mavx512vl

sanitize: $(SANITIZED:%=build/random_shapes_%)
	for run in $^; do $$run 200 || exit 1; done

build/random_shapes_%: tests/kernels/random_shapes.cpp $(wildcard src/tidegate/kernels/cpu/*pp)
	mkdir -p build
	$(CXX) -std=c++17 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -Wall -Wextra -Wno-psabi \
		-Wno-maybe-uninitialized -Wno-uninitialized -DTIDEGATE_ISA=$* $(FLAGS_$*) $< $(addprefix src/tidegate/kernels/cpu/,pool.cpp threads.cpp) -o $@

clean:
	rm -rf $(VENV) build .mypy_cache .pytest_cache .ruff_cache
