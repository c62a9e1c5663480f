"""What this project claims about speed, memory and accuracy, measured: each module is a command.

    python -m benchmarks.kernels --against torch,jax,onnxruntime
    python -m benchmarks.ragged
    python -m benchmarks.step
    python -m benchmarks.memory
    python -m benchmarks.accuracy
    python -m benchmarks.imports
    python -m benchmarks.examples
    python -m benchmarks.models
    python -m benchmarks.page

Each but the last adds rows to `results/`; the last writes docs/measured/layers.md from them.
"""
