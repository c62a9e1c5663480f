"""What the fused kernels hold, call after call."""

import pytest
import torch

import tidegate
from tidegate.kernels.cpu import layer as kernels

pytestmark = pytest.mark.skipif(kernels.MISSING is not None, reason=str(kernels.MISSING))


def test_memory_stays_flat_over_random_lengths():
    layer = tidegate.GRU(4, 32)

    def train(calls: int) -> int:
        for _ in range(calls):
            T, B = (int(n) for n in torch.randint(1, 60, (2,)))
            x = torch.randn(T, B, 4, requires_grad=True)
            layer(x, lengths=torch.randint(0, T + 1, (B,)))[0].sum().backward()
        return kernels.engine.pooled_bytes()

    kernels.engine.release_pool()
    largest = torch.randn(60, 60, 4, requires_grad=True)
    layer(largest)[0].sum().backward()
    most = kernels.engine.pooled_bytes()
    assert train(300) <= most + (most >> 1)


def test_memory_that_is_not_used_again_goes():
    kernels.engine.release_pool()
    large, small, x = tidegate.GRU(4, 64), tidegate.GRU(4, 8), torch.randn(50, 64, 4)
    kept = [large(x)[0].detach() for _ in range(10)]
    del kept
    before = kernels.engine.pooled_bytes()
    for _ in range(600):
        small(x[:5])[0].sum().backward()
    assert kernels.engine.pooled_bytes() < before / 4


def test_the_pool_gives_its_memory_back():
    layer, x = tidegate.LSTM(8, 64), torch.randn(200, 32, 8)
    layer(x)[0].sum().backward()
    assert kernels.engine.pooled_bytes() > 0
    kernels.engine.release_pool()
    assert kernels.engine.pooled_bytes() == 0
