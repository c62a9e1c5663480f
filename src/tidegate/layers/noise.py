"""Recurrent dropout and zoneout: noise on the state of a layer, against overfitting."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tidegate.errors import ConfigError
from tidegate.kernels.stack import Noise


def check_rate(name: str, rate: Any) -> float:
    """A probability below 1 as a float, or a ConfigError that names it."""
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate < 1:
        raise ConfigError(got=f"{name}={rate!r}", wanted="a number from 0 to below 1", do=f"correct {name}")
    return float(rate)


def check_zoneout(mode: str, zoneout: Any) -> tuple[float, float]:
    """The rates of h and c out of one rate for both, or a pair."""
    if isinstance(zoneout, (tuple, list)):
        if mode != "LSTM" or len(zoneout) != 2:
            raise ConfigError(
                got=f"zoneout={zoneout!r}",
                wanted="one rate, or for an LSTM the pair of h and c",
                do="correct zoneout",
            )
        return check_rate("zoneout", zoneout[0]), check_rate("zoneout", zoneout[1])
    rate = check_rate("zoneout", zoneout)
    return rate, rate if mode == "LSTM" else 0.0


def is_noisy(layer: nn.RNNBase) -> bool:
    """Whether the layer disturbs its state in training."""
    return "zoneout" in vars(layer) or "recurrent_dropout" in vars(layer)


def noise_of(layer: nn.RNNBase, x: Tensor) -> tuple[Noise, ...]:
    """Draw the noise of each layer and direction for a call with x [T, B, I], from torch's generator of its device.

    In training: masks. In evaluation: what zoneout does on average. Empty where the layer has neither.
    """
    options: dict[str, Any] = vars(layer)  # a layer of torch.nn's has none of them
    dropout, rates = options.get("recurrent_dropout", 0.0), options.get("zoneout", (0.0, 0.0))
    dropout = dropout if layer.training else 0.0
    if not dropout and not any(rates):
        return ()
    T, B, _ = x.shape
    H = layer.hidden_size

    def held(rate: float) -> Tensor | None:
        if not rate:
            return None
        if layer.training:
            return torch.bernoulli(x.new_full((T, B, H), rate))
        return x.new_full((1, 1, H), rate).expand(T, B, H)

    def drop() -> Tensor | None:
        if not dropout:
            return None
        return torch.bernoulli(x.new_full((B, layer.proj_size or H), 1 - dropout)) / (1 - dropout)

    directions = layer.num_layers * (2 if layer.bidirectional else 1)
    return tuple(Noise(drop(), held(rates[0]), held(rates[1])) for _ in range(directions))
