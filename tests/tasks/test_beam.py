"""Beam search, beside all sequences there are."""

import itertools

import pytest
import torch

from tidegate.tasks.beam import beam_search

V, END, BEGIN = 4, 3, 3


def decoder(N, seed=0):
    """Log-probabilities that depend on the row and on all tokens so far."""
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(N, 7, V, generator=generator, dtype=torch.float64)

    def shares(row, tokens):
        at = sum((k + 1) * (token + 1) for k, token in enumerate(tokens)) % 7
        return weights[row, at].log_softmax(0)

    def step(tokens, state, rows):
        # The state holds what was written: [1, N * K, places]
        written = torch.cat([state, tokens.view(1, -1, 1).double()], dim=2)
        K = len(tokens) // len(rows)
        found = [shares(int(rows[n // K]), [int(token) for token in written[0, n, 1:]]) for n in range(len(tokens))]
        return torch.stack(found), written

    return step, shares


def start(N):
    return torch.empty(1, N, 0, dtype=torch.float64)


def best_of_all(shares, row, limit, penalty):
    """The best sequence, by asking for every one that ends by itself or is as long as it may be."""
    best = (-float("inf"), None)
    for size in range(limit + 1):
        for tokens in itertools.product(range(V - 1), repeat=size):
            score = sum(float(shares(row, tokens[:k])[token]) for k, token in enumerate(tokens))
            last = float(shares(row, tokens)[END])
            best = max(best, ((score + last) / (size + 1) ** penalty, tokens))
    return list(best[1])


@pytest.mark.parametrize("penalty", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_a_beam_that_holds_all_finds_the_best(seed, penalty):
    step, shares = decoder(2, seed)
    limit = 3
    # As many as there are ever, so that none is lost and the count of ended ones stops nothing.
    found = beam_search(step, start(2), BEGIN, END, torch.tensor([limit, limit]), beam=200, length_penalty=penalty)
    assert found == [best_of_all(shares, row, limit, penalty) for row in range(2)]


def test_a_beam_of_one_takes_the_most_probable_token():
    step, shares = decoder(3, seed=5)
    found = beam_search(step, start(3), BEGIN, END, torch.tensor([6, 6, 6]), beam=1)
    for row in range(3):
        tokens = []
        while len(tokens) < 6 and (token := int(shares(row, tokens).argmax())) != END:
            tokens.append(token)
        assert found[row] == tokens


@pytest.mark.parametrize("beam", [1, 3])
def test_rows_do_not_depend_on_each_other(beam):
    step, _ = decoder(5, seed=1)
    limits = torch.tensor([4, 1, 6, 2, 5])
    together = beam_search(step, start(5), BEGIN, END, limits, beam)
    for row in range(5):
        alone = beam_search(
            lambda tokens, state, rows, row=row: step(tokens, state, rows + row),
            start(1), BEGIN, END, limits[row : row + 1], beam,
        )  # fmt: skip
        assert alone == [together[row]]


def test_no_sequence_is_longer_than_its_limit():
    step, _ = decoder(4, seed=2)
    limits = torch.tensor([0, 1, 2, 3])
    found = beam_search(step, start(4), BEGIN, END, limits, beam=2)
    assert all(len(one) <= limit for one, limit in zip(found, limits.tolist(), strict=True))


def test_of_no_rows_there_is_nothing():
    step, _ = decoder(1)
    assert beam_search(step, start(0), BEGIN, END, torch.empty(0, dtype=torch.int64)) == []
