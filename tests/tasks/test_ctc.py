"""Decoding: greedy and beam search beside the sum over all alignments, whole and in pieces, with a language model."""

import itertools
import math
from collections import defaultdict

import numpy as np
import pytest

from tidegate.errors import ConfigError
from tidegate.tasks.ctc import BeamSearch, Greedy, Scorer
from tidegate.tasks.language import LanguageModel


def shares(T, V, seed=0, sharp=1.0):
    logits = sharp * np.random.default_rng(seed).normal(size=(T, V))
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def collapsed(path):
    return tuple(sign for sign, _ in itertools.groupby(path) if sign)


def all_texts(log_shares):
    """The probability of each text: the sum over all alignments."""
    T, V = log_shares.shape
    found = defaultdict(float)
    for path in itertools.product(range(V), repeat=T):
        found[collapsed(path)] += math.exp(sum(log_shares[t, sign] for t, sign in enumerate(path)))
    return found


def decoded(decoder, log_shares, cuts=()):
    for piece in np.split(log_shares, list(cuts)):
        decoder(piece)
    return tuple(decoder.numbers)


@pytest.mark.parametrize("seed", range(5))
def test_greedy_follows_the_best_path(seed):
    log_shares = shares(20, 4, seed)
    assert decoded(Greedy(), log_shares) == collapsed(log_shares.argmax(axis=1).tolist())
    assert decoded(Greedy(), log_shares, [3, 4, 11]) == decoded(Greedy(), log_shares)


@pytest.mark.parametrize("seed", range(8))
def test_a_wide_beam_finds_the_most_probable_text(seed):
    log_shares = shares(6, 3, seed)
    texts = all_texts(log_shares)
    search = BeamSearch(width=500)
    assert decoded(search, log_shares) == max(texts, key=texts.get)
    total = {tuple(node.numbers()): sum(p) for node, p in search.beam.items()}
    best = max(texts.values())
    for text, share in texts.items():
        assert total[text] == pytest.approx(share / best, rel=1e-6)


def test_a_beam_finds_what_greedy_does_not():
    log_shares = np.log(np.array([[0.4, 0.35, 0.25], [0.4, 0.35, 0.25]]))
    assert decoded(Greedy(), log_shares) == ()
    assert decoded(BeamSearch(8), log_shares) == (1,)


def test_what_is_sure_stays():
    log_shares = shares(60, 4, 3, sharp=8.0)
    search, known = BeamSearch(3), []
    for frame in log_shares:
        search(frame[None])
        assert search.sure[: len(known)] == known
        known = search.sure
    assert len(known) > 10 and search.numbers[: len(known)] == known


@pytest.fixture(scope="module")
def language():
    return LanguageModel(hidden_size=16, steps=60, chunk=16, batch_size=4).fit("ab ab ab ab " * 50)


def test_a_language_model_chooses_between_what_sounds_alike(language):
    log_shares = np.log(np.array([[0.02, 0.96, 0.01, 0.01], [0.96, 0.02, 0.01, 0.01], [0.02, 0.01, 0.48, 0.49]]))
    signs = "abx"
    assert decoded(BeamSearch(8), log_shares) == (1, 3)
    assert decoded(BeamSearch(8, Scorer(language, signs), 1.0, 0.0), log_shares) == (1, 2)


def test_scores_are_those_of_the_language_model(language):
    scorer = Scorer(language, "ab ")
    search = BeamSearch(50, scorer, weight=1.0, bonus=0.0)
    search(np.log(np.full((6, 4), 0.25)))
    node = next(node for node in search.beam if node.numbers() == [1, 2, 3])
    factor = 1.0
    while node.parent is not None:
        factor, node = factor * node.factor, node.parent
    assert -math.log(factor) == pytest.approx(language.surprise("ab ")[0].sum(), rel=1e-4)


def test_letters_are_scored_in_the_case_that_is_known(language):
    assert Scorer(language, "AB ").units[1:] == Scorer(language, "ab ").units[1:]


@pytest.mark.parametrize("model", [None, LanguageModel()])
def test_what_is_no_language_model_of_characters_is_refused(model):
    with pytest.raises(ConfigError, match=r"^got .*; wanted .*; do "):
        Scorer(model, "ab")
