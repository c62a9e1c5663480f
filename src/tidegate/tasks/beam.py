"""Beam search: the most probable sequences of a decoder that is asked step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

Step = Callable[[Tensor, Any, Tensor], tuple[Tensor, Any]]
"""Tokens [N * K], the state after those before and the rows [N] that are still searched, to the log-probabilities of
the next token [N * K, V] and the state."""


def beam_search(
    step: Step, state: Any, begin: int, end: int, limits: Tensor, beam: int = 5, length_penalty: float = 1.0
) -> list[list[int]]:
    """The best sequence of tokens for each row, without `begin` and `end`.

    Of the K best hypotheses of a row each is continued by every token, and the K best of those go on. What ends is
    scored by its log-probability over its length to the power of `length_penalty` (Wu et al. 2016, section 7, without
    the constant); a row is done when K have ended, when nothing that goes on could still score higher, or at its limit.

    Args:
        step: the decoder.
        state: a tree of tensors [layers, N, ...], one for each row.
        begin: the token before the first one.
        end: the token after the last one.
        limits: [N] the most tokens of each row.
        beam: K; 1 takes the most probable token of each step (greedy search).
        length_penalty: 0 adds up log-probabilities, 1 takes their mean.
    """
    N, K = len(limits), beam
    device = limits.device
    rows = torch.arange(N, device=device)
    best: list[list[int]] = [[] for _ in range(N)]
    best_score = torch.full((N,), -torch.inf, device=device)
    count = torch.zeros(N, dtype=torch.int64, device=device)
    state = tree_map(lambda s: s.repeat_interleave(K, dim=1), state)
    scores = torch.full((N, K), -torch.inf, device=device)
    scores[:, 0] = 0.0
    prefix = torch.empty((N, K, 0), dtype=torch.int64, device=device)
    tokens = torch.full((N * K,), begin, dtype=torch.int64, device=device)
    for t in range(1, int(limits.max()) + 2 if N else 0):
        shares, state = step(tokens, state, rows)
        V = shares.shape[-1]
        n = len(rows)
        full = limits[rows] < t
        total = scores.unsqueeze(2) + shares.view(n, K, V)
        # At its limit a row can only end.
        total[full, :, :end] = total[full, :, end + 1 :] = -torch.inf
        total = total.view(n, K * V)
        # Of twice as many at least K do not end, as each hypothesis ends in one way only.
        found, flat = total.topk(min(2 * K, K * V), dim=1)
        parents, tokens = flat.div(V, rounding_mode="floor"), flat % V
        ends = tokens == end
        normed = found / t**length_penalty
        stops = ends & found.isfinite() & (torch.arange(found.shape[1], device=device) < K)
        ended = normed.masked_fill(~stops, -torch.inf)
        top, where = ended.max(dim=1)
        for r in torch.nonzero(top > best_score[rows]).flatten().tolist():
            best_score[rows[r]] = top[r]
            best[int(rows[r])] = prefix[r, parents[r, where[r]]].tolist()
        count[rows] += stops.sum(dim=1)
        going = found.masked_fill(ends, -torch.inf)
        scores, order = going.topk(min(K, going.shape[1]), dim=1)
        parents, tokens = parents.gather(1, order), tokens.gather(1, order)
        bound = scores[:, 0] / (limits[rows] + 1) ** length_penalty
        alive = torch.nonzero((best_score[rows] < bound) & (count[rows] < K) & ~full).flatten()
        if not len(alive):
            break
        beams = (alive.unsqueeze(1) * K + parents[alive]).flatten()
        before = prefix.flatten(0, 1)[beams].view(len(alive), K, t - 1)
        tokens = tokens[alive]
        prefix = torch.cat([before, tokens.unsqueeze(2)], dim=2)
        state = tree_map(lambda s, beams=beams: s.index_select(1, beams), state)
        scores, rows, tokens = scores[alive], rows[alive], tokens.flatten()
    return best
