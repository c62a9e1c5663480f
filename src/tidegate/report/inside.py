"""The gates and states of a trained layer over one sequence of its data, as heat maps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tidegate.cells.description import DESCRIPTIONS
from tidegate.data import Sequences
from tidegate.probes import saturation, trace_gates
from tidegate.report import figures
from tidegate.report.section import Panel, Panels
from tidegate.tasks.examples import SequenceExamples
from tidegate.tasks.network import patches

MOST_STEPS = 300
"""Of a sequence that are drawn."""
SATURATED = 0.95
"""Of the absolute value of a state, from which its tanh hardly has a gradient."""
NAMES = {"x": "prepared input", "h": "hidden state", "c": "cell state"}
MEMORY = {"LSTM": ("f", "forget gate", "c"), "GRU": ("z", "update gate", "h")}
"""The gate that keeps the old state, and the state that it keeps."""


def inside(model: Any, one: Sequences, name: str, where: str) -> Panels:
    """Heat maps of the first recurrent layer over one sequence of a classifier or regressor, and what they show."""
    network = model.network_
    x = prepared(model, one)
    traces = {symbol: trace[:MOST_STEPS] for symbol, trace in trace_gates(network.rnn, x).items()}
    sorted_by = MEMORY.get(network.rnn.mode, ("h",))[0]
    order = traces[sorted_by].mean(dim=0).argsort(descending=True)
    names = {block.symbol: block.name for block in DESCRIPTIONS[model.design_["cell"]].blocks} | NAMES
    panels = [
        Panel(f"{symbol}: {names[symbol]}", figures.heat_map(trace.T.numpy(), symbol))
        for symbol, trace in {"x": x[:MOST_STEPS], **{name: one[:, order] for name, one in traces.items()}}.items()
    ]
    layer = "layer" if network.rnn.num_layers == 1 else "first layer"
    which = f"{layer}, forward direction" if network.rnn.bidirectional else layer
    step = "step" if network.patch == 1 else f"step of the recurrence ({network.patch} input steps each)"
    cut = f" The first {MOST_STEPS} of {len(x):,} steps are drawn." if len(x) > MOST_STEPS else ""
    about = (
        f"The recurrent {which}, over sequence {name} of {where}: a row per feature, sorted by the mean of "
        f"{sorted_by}; a column per {step}.{cut} "
        f"{seen(network.rnn.mode, traces)}"
    )
    return Panels("Gates and states", about, panels, width="20rem")


def name_of(part: Sequences, n: int) -> str:
    """The name of a sequence: its id, or its position in its part."""
    return f"#{n}" if part.ids is None else str(part.ids[n])


def prepared(model: Any, one: Sequences) -> Tensor:
    """One sequence as the recurrent layer takes it [T, I]."""
    source = SequenceExamples(model.preparation_.encode(one).with_targets(None), model.preparation_.scaler, late=True)
    x = source.part(torch.tensor([0])).x
    if model.network_.patch > 1:
        x, _ = patches(x, None, model.network_.patch)
    return x[0]


def seen(mode: str, traces: dict[str, Tensor]) -> str:
    """What the traces of a layer show, in a sentence.

    >>> seen("RNN_TANH", {"h": torch.zeros(4, 2)})
    '0 % of the values of h are beyond ±0.95, where the gradient of tanh is small.'
    """
    if mode not in MEMORY:
        share = float((traces["h"].abs() > SATURATED).float().mean())
        return f"{100 * share:.0f} % of the values of h are beyond ±{SATURATED}, where the gradient of tanh is small."
    symbol, gate, state = MEMORY[mode]
    kept = traces[symbol].double().clamp(min=1e-6, max=1 - 1e-6)
    # The product of a feature's gate values is what is left of its old state.
    steps = math.log(2) / -kept.log().mean(dim=0)
    closed = np.mean(list(saturation(traces).values()))
    mean = float(traces[symbol].mean())
    half, near = float(steps.median()), 100 * closed
    return (
        f"The {gate} {symbol} is {mean:.2f} on average: without new input, half of the features of {state} lose half "
        f"of their value within {half:.1f} steps. {near:.0f} % of the gate values are within 0.05 of 0 or 1."
    )
