"""Attention of one sequence's steps to those of another."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Attention(nn.Module):
    """What each query takes from a memory, by the general score of Luong et al. 2015: softmax(q W m) m.

    Args:
        hidden_size: features of a query and of a step of the memory.
    """

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.score = nn.Linear(hidden_size, hidden_size, bias=False)

    def forward(self, queries: Tensor, memory: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """Queries [B, Q, H], memory [B, S, H] and which steps of it are real [B, S], to contexts [B, Q, H] and
        attention weights [B, Q, S]."""
        scores = self.score(queries) @ memory.transpose(1, 2)
        weights = scores.masked_fill(~real.unsqueeze(1), -torch.inf).softmax(dim=-1)
        return weights @ memory, weights
