PYTHON ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/installed

.PHONY: install test lint demo sanitize clean

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

# The pool keeps memory for the next call on purpose: leaks are not looked for.
SANITIZE := build/sanitize
KERNELS := src/tidegate/kernels/cpu
SANITIZERS := -std=c++17 -O1 -g -fopenmp -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all -I $(KERNELS)
AVX2 := -mavx2 -mfma
AVX512 := $(AVX2) -mavx512f -mavx512bw -mavx512dq -mavx512vl
ifeq ($(shell uname -m),x86_64)
ISAS := generic avx2 avx512
$(SANITIZE)/avx2.o: FLAGS := $(AVX2)
$(SANITIZE)/avx512.o: FLAGS := $(AVX512)
X86 := -DTIDEGATE_X86
else
ISAS := generic
endif

sanitize: $(SANITIZE)/run
	for isa in $(ISAS); do OMP_NUM_THREADS=3 ASAN_OPTIONS=detect_leaks=0 $< $$isa 400 || exit 1; done

$(SANITIZE)/run: tests/kernels/sanitize.cpp $(KERNELS)/pool.cpp $(ISAS:%=$(SANITIZE)/%.o)
	$(CXX) $(SANITIZERS) $(X86) $^ -o $@

$(SANITIZE)/%.o: $(wildcard $(KERNELS)/*.hpp) $(KERNELS)/engine.cpp
	mkdir -p $(SANITIZE)
	$(CXX) $(SANITIZERS) $(FLAGS) -DTIDEGATE_ISA=$* -c $(KERNELS)/engine.cpp -o $@

clean:
	rm -rf $(VENV) build .mypy_cache .pytest_cache .ruff_cache
