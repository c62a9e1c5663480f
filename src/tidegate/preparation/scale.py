"""Scaling: every channel to mean 0 and standard deviation 1, as measured on the training data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

FAR = 10.0
"""Standard deviations at which values are cut: a channel that is almost always constant would otherwise shout."""


@dataclass(frozen=True)
class Scaler:
    """Brings values to the network's scale, and answers back.

    The difference to the mean is taken in the precision of the data, before anything is rounded to float32: what
    varies little far from 0, as UNIX seconds do, keeps its digits.

    >>> scaler = Scaler.fit(np.array([[1e9], [1e9 + 2]]))
    >>> scaler(torch.tensor([[1e9], [1e9 + 2]], dtype=torch.float64)).flatten().tolist()
    [-1.0, 1.0]
    """

    mean: np.ndarray
    """[C] float64."""
    scale: np.ndarray
    """[C] float64; 1 where a channel is constant."""
    limit: float | None = FAR
    """In standard deviations; none to cut nothing."""

    @classmethod
    def fit(cls, values: np.ndarray, limit: float | None = FAR) -> Scaler:
        """Measure `values` [S, C]."""
        mean, scale = np.empty(values.shape[1]), np.empty(values.shape[1])
        rounding = np.finfo(values.dtype).eps
        for channel in range(values.shape[1]):
            column = values[:, channel]
            mean[channel] = column.mean(dtype=np.float64)
            centered = column.astype(np.float64) - mean[channel]
            scale[channel] = np.sqrt(np.square(centered).mean())
            if column.min() == column.max() or scale[channel] <= rounding * abs(mean[channel]):
                scale[channel] = 1
        return cls(mean, scale, limit)

    @classmethod
    def none(cls, channels: int) -> Scaler:
        """Leaves values as they are."""
        return cls(np.zeros(channels), np.ones(channels), None)

    def __call__(self, values: Tensor) -> Tensor:
        """Values [..., C] as float32 around 0."""
        mean, scale = (torch.from_numpy(each).to(values.dtype) for each in (self.mean, self.scale))
        scaled = ((values - mean) / scale).float()
        return scaled if self.limit is None else scaled.clamp_(-self.limit, self.limit)

    def back(self, scaled: np.ndarray) -> np.ndarray:
        """Scaled values [..., C] in the unit of the data, in float64."""
        return scaled * self.scale + self.mean

    def to_config(self) -> dict[str, Any]:
        """As JSON; numbers come back with the same bits."""
        return {"mean": self.mean.tolist(), "scale": self.scale.tolist(), "limit": self.limit}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Scaler:
        mean, scale = (np.array(config[name], dtype=np.float64) for name in ("mean", "scale"))
        if mean.ndim != 1 or mean.shape != scale.shape:
            raise ValueError("mean and scale of different length")
        return cls(mean, scale, config["limit"])
