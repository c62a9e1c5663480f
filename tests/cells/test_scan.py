"""What a scan promises of lengths, direction and state."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tidegate.cells import gru_step, scan

H = 4


@pytest.fixture(scope="module")
def w_hh():
    return torch.randn(3 * H, H, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def run(w_hh, x_gates, h0, **options):
    states, final = scan(lambda s, g: (gru_step(s[0], g, w_hh),), x_gates, (h0,), **options)
    return states[0], final[0]


def sequence(T, B):
    noise = torch.Generator().manual_seed(2)
    return (
        torch.randn(T, B, 3 * H, dtype=torch.float64, generator=noise),
        torch.randn(B, H, dtype=torch.float64, generator=noise),
    )


@given(cut=st.integers(0, 12))
def test_two_halves_make_the_whole(w_hh, cut):
    x, h0 = sequence(12, 3)
    whole, final = run(w_hh, x, h0)
    first, between = run(w_hh, x[:cut], h0)
    second, end = run(w_hh, x[cut:], between)
    assert torch.equal(torch.cat([first, second]), whole)
    assert torch.equal(end, final)


@given(lengths=st.lists(st.integers(0, 6), min_size=1, max_size=4), reverse=st.booleans())
def test_each_sequence_runs_as_if_alone(w_hh, lengths, reverse):
    x, h0 = sequence(6, len(lengths))
    states, final = run(w_hh, x, h0, lengths=torch.tensor(lengths), reverse=reverse)
    for b, length in enumerate(lengths):
        alone, end = run(w_hh, x[:length, b : b + 1], h0[b : b + 1], reverse=reverse)
        torch.testing.assert_close(states[:length, b], alone[:, 0], rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(final[b], end[0], rtol=1e-12, atol=1e-12)
        assert (states[length:, b] == 0).all()


def test_reverse_is_the_flipped_sequence(w_hh):
    x, h0 = sequence(5, 2)
    backward, final = run(w_hh, x, h0, reverse=True)
    flipped, end = run(w_hh, x.flip(0), h0)
    assert torch.equal(backward, flipped.flip(0))
    assert torch.equal(final, end)


def test_full_lengths_are_no_lengths(w_hh):
    x, h0 = sequence(5, 2)
    for a, b in zip(run(w_hh, x, h0), run(w_hh, x, h0, lengths=torch.tensor([5, 5])), strict=True):
        assert torch.equal(a, b)
