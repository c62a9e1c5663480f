"""What a network over one sequence shows: gradients, gates, and whether they explain the output."""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tidegate.data import Dataset
from tidegate.probes import GradientFlow, gradient_flow, saturation, trace_gates
from tidegate.tasks.sequences import SequenceEstimator

MOST_LAGS, MOST_STEPS, MOST_FEATURES = 200, 200, 32
"""What is kept of gradients and traces."""


@dataclass(frozen=True)
class Inside:
    """What a network over one sequence showed. Gradients and half-lives are by "untrained" and "trained"."""

    gradients: dict[str, list[float]]
    """Norms of ∂h(T)/∂s(T−k) for k = 0, 1, …"""
    half_life: dict[str, float]
    """Of the gradient, in steps."""
    residual: float
    """The largest distance between the output and what the core operation makes of the gates."""
    saturated: dict[str, float] | None = None
    """The share of each gate's values that are near 0 or 1."""
    traces: dict[str, list[list[float]]] | None = None
    """Of gates and states, [features][steps]."""

    @property
    def last_half_life(self) -> float:
        """After training, where there was one."""
        return self.half_life.get("trained", self.half_life["untrained"])

    def to_json(self) -> dict[str, Any]:
        """As `comparison.json` holds it."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def inside_of_model(model: SequenceEstimator, dataset: Dataset) -> Inside:
    """Follow a trained model over the first test sequence, and its gradients before training too."""
    assert dataset.test is not None
    network, fresh = model.network_, model.untrained()
    preparation = model.preparation_
    x = preparation.scaler(torch.from_numpy(preparation.encode(dataset.test[:1]).values))
    traces = trace_gates(network.rnn, x)
    flows = {
        "untrained": gradient_flow(fresh.rnn, x, MOST_LAGS),
        "trained": gradient_flow(network.rnn, x, MOST_LAGS),
    }
    return Inside(
        gradients={name: _norms(flow) for name, flow in flows.items()},
        half_life={name: half_life(flow) for name, flow in flows.items()},
        saturated=saturation(traces),
        residual=residual(network.rnn, x),
        traces={
            name: np.round(trace[:MOST_STEPS, :MOST_FEATURES].numpy().T, 3).tolist()
            for name, trace in {"x": x, **traces}.items()
        },
    )


def inside_of_layer(layer: nn.RNNBase, x: Tensor) -> Inside:
    """Follow an untrained layer over x [T, I]."""
    flow = gradient_flow(layer, x, len(x))
    return Inside({"untrained": _norms(flow)}, {"untrained": half_life(flow)}, residual(layer, x))


def half_life(flow: GradientFlow) -> float:
    """The half-life, at most ten times as long as was looked: beyond that, the slope of the fit means nothing."""
    return min(flow.half_life, 10.0 * (len(flow.norms) - 1))


@torch.no_grad()
def residual(layer: nn.RNNBase, x: Tensor) -> float:
    """The largest distance between a layer's output over x [T, I] and what its core operation makes of its gates.

    In double precision: in single precision, a trained network may amplify rounding from step to step.
    """
    layer, x = copy.deepcopy(layer).double(), x.double()
    traces = trace_gates(layer, x)
    h = traces["h"]
    before = {name: torch.cat([h.new_zeros(1, h.shape[1]), traces[name][:-1]]) for name in ("h", "c") if name in traces}
    if layer.mode == "LSTM":
        h = traces["o"] * (traces["f"] * before["c"] + traces["i"] * traces["g"]).tanh()
    elif layer.mode == "GRU":
        h = (1 - traces["z"]) * traces["n"] + traces["z"] * before["h"]
    return float((layer(x)[0] - h).abs().max())


def gates_of(layer: nn.RNNBase) -> int:
    """How many gates the weights of a layer hold: its blocks of weights but the one that makes the new state."""
    return len(layer.get_parameter("weight_hh_l0")) // layer.hidden_size - 1


def _norms(flow: GradientFlow) -> list[float]:
    return [float(f"{norm:.4g}") for norm in flow.norms]
