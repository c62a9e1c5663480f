"""Resets inside a sequence: where episodes or documents follow each other in one row of a batch."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from tidegate.errors import ShapeError
from tidegate.kernels.stack import pieces_of

State = tuple[Tensor, ...]


class Pieces(NamedTuple):
    """A batch cut before every step that is reset; see tidegate.kernels.stack."""

    pieces: Tensor
    """[3, N]: the row, the first step and the number of steps of each piece."""
    fresh: Tensor
    """[N]: whether the piece begins with a reset."""
    last: Tensor
    """[B]: the last piece of each row."""

    @classmethod
    def of(cls, resets: Any, lengths: Tensor | None, T: int, B: int) -> Pieces | None:
        """Out of resets [T, B]; none where nothing is reset."""
        if B == 0 or not resets.any():
            return None
        return cls(*pieces_of(resets, lengths))

    def before(self, state: State, to: State | None) -> State:
        """The state before each piece: that of its row, or `to`, zero if none, after a reset."""
        row, fresh = self.pieces[0].to(state[0].device), self.fresh.to(state[0].device).view(1, -1, 1)
        begins = (s.new_zeros(1, 1, 1) for s in state) if to is None else (s.index_select(1, row) for s in to)
        return tuple(torch.where(fresh, new, s.index_select(1, row)) for s, new in zip(state, begins, strict=True))

    def after(self, final: State) -> State:
        """The state after the last step of each row."""
        return tuple(s.index_select(1, self.last.to(s.device)) for s in final)


def check_resets(resets: Any, T: int, B: int, batch_first: bool) -> Tensor:
    """Resets as truth values [T, B] on the CPU."""
    try:
        found = torch.as_tensor(resets)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ShapeError(
            got=f"resets that are no tensor: {error}", wanted="truth values", do="pass one for each step"
        ) from None
    wanted = (B, T) if batch_first else (T, B)
    if found.dtype != torch.bool or found.shape != wanted:
        raise ShapeError(
            got=f"resets of shape {tuple(found.shape)} and {found.dtype}",
            wanted=f"truth values (torch.bool) of shape {wanted}, as the steps of the input",
            do="pass True for each step before which the state begins anew",
        )
    return (found.T if batch_first else found).cpu()
