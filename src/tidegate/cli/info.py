"""tidegate info"""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer


def info(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Show versions, and which backend runs each cell and why the others do not."""
    facts = gather()
    if as_json:
        typer.echo(json.dumps(facts))
        return
    for name in ("tidegate", "python", "torch", "device", "threads", "kernels"):
        typer.echo(f"{name:<10}{facts[name]}")
    for cell, backends in facts["cells"].items():
        typer.echo(f"\n{cell}")
        for backend in backends:
            state = "runs" if backend["runs"] else backend["why_not"] or "could run, asked after those above"
            typer.echo(f"  {backend['name']:<11}{backend['what']}: {state}")


def gather() -> dict[str, Any]:
    """Versions, the machine, and for each cell the backends in the order in which they are asked."""
    import platform

    import torch

    from tidegate import __version__
    from tidegate.kernels import BACKENDS, Request, choose
    from tidegate.kernels.cpu.layer import instruction_set

    device = "cuda" if torch.cuda.is_available() else "cpu"
    cells = {}
    for mode in ("RNN_TANH", "LSTM", "GRU"):
        request = Request(mode=mode, device=device, dtype=torch.get_default_dtype())
        chosen = choose(request)
        cells[mode.split("_")[0].lower()] = [
            {
                "name": backend.name,
                "what": backend.what,
                "runs": backend is chosen,
                "why_not": backend.why_not(request),
            }
            for backend in BACKENDS.values()
        ]
    return {
        "tidegate": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "device": device,
        "threads": torch.get_num_threads(),
        "kernels": instruction_set() or "not compiled",
        "cells": cells,
    }
