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


def all_texts(log_probs):
    """The probability of each text: the sum over all alignments."""
    T, V = log_probs.shape
    found = defaultdict(float)
    for path in itertools.product(range(V), repeat=T):
        found[collapsed(path)] += math.exp(sum(log_probs[t, sign] for t, sign in enumerate(path)))
    return found


def decoded(decoder, log_probs, cuts=()):
    for piece in np.split(log_probs, list(cuts)):
        decoder(piece)
    return tuple(decoder.numbers)


@pytest.mark.parametrize("seed", range(5))
def test_greedy_follows_the_best_path(seed):
    log_probs = shares(20, 4, seed)
    assert decoded(Greedy(), log_probs) == collapsed(log_probs.argmax(axis=1).tolist())
    assert decoded(Greedy(), log_probs, [3, 4, 11]) == decoded(Greedy(), log_probs)


@pytest.mark.parametrize("seed", range(8))
def test_a_wide_beam_finds_the_most_probable_text(seed):
    log_probs = shares(6, 3, seed)
    texts = all_texts(log_probs)
    search = BeamSearch(width=500)
    assert decoded(search, log_probs) == max(texts, key=texts.get)
    total = {tuple(node.numbers()): sum(p) for node, p in search.beam.items()}
    best = max(texts.values())
    for text, share in texts.items():
        assert total[text] == pytest.approx(share / best, rel=1e-6)


def test_a_beam_finds_what_greedy_does_not():
    log_probs = np.log(np.array([[0.4, 0.35, 0.25], [0.4, 0.35, 0.25]]))
    assert decoded(Greedy(), log_probs) == ()
    assert decoded(BeamSearch(8), log_probs) == (1,)


@pytest.fixture(scope="module")
def language():
    return LanguageModel(hidden_size=16, steps=60, chunk=16, batch_size=4).fit("ab ab ab ab " * 50)


def test_what_is_sure_stays():
    log_probs = shares(60, 4, 3, sharp=8.0)
    for whole, search in ((Greedy(), Greedy()), (BeamSearch(3), BeamSearch(3))):
        known = []
        for frame in log_probs:
            search(frame[None])
            known += search.take()
        whole(log_probs)
        assert len(known) > 10 and [*known, *search.numbers] == whole.numbers


def reachable(node):
    return 1 + sum(map(reachable, node.children.values()))


def test_a_place_in_doubt_is_decided_in_time():
    log_probs = np.log(np.tile([[0.98, 0.01, 0.01], [0.005, 0.99, 0.005]], (100, 1)))
    log_probs[1] = np.log([0.02, 0.49, 0.49])
    search = BeamSearch(2)
    search(log_probs[:40])
    assert search.take() == []
    search(log_probs[40:])
    assert len(search.take()) > 50


@pytest.mark.parametrize("scored", [False, True])
def test_a_long_search_holds_no_more_than_a_short_one(language, scored):
    log_probs = shares(4000, 4, 3, sharp=8.0)
    search = BeamSearch(4, Scorer(language, "ab ") if scored else None)
    for piece in np.split(log_probs, 80):
        search(piece)
        root = next(iter(search.beam))
        while root.parent is not None:
            root = root.parent
        assert reachable(root) < 300
    assert len(search.numbers) > 500


def test_a_language_model_chooses_between_what_sounds_alike(language):
    log_probs = np.log(np.array([[0.02, 0.96, 0.01, 0.01], [0.96, 0.02, 0.01, 0.01], [0.02, 0.01, 0.48, 0.49]]))
    signs = "abx"
    assert decoded(BeamSearch(8), log_probs) == (1, 3)
    assert decoded(BeamSearch(8, Scorer(language, signs), 1.0, 0.0), log_probs) == (1, 2)


def test_scores_are_those_of_the_language_model(language):
    scorer = Scorer(language, "ab ")
    search = BeamSearch(50, scorer, weight=1.0, bonus=0.0)
    search(np.log(np.full((6, 4), 0.25)))
    node = next(node for node in search.beam if node.numbers() == [1, 2, 3])
    factor = 1.0
    while node.parent is not None:
        factor, node = factor * node.factor, node.parent
    assert -math.log(factor) == pytest.approx(language.surprise("ab ")[0].sum(), rel=1e-4)


def test_a_text_begins_a_line_where_the_model_knows_lines():
    model = LanguageModel(hidden_size=16, steps=60, chunk=16, batch_size=4).fit("ab\nab ab\n" * 50)
    scorer = Scorer(model, "ab ")
    assert -scorer.log_prob(scorer.begin(), 2) == pytest.approx(model.surprise("\nb")[0][1], rel=1e-4)


def test_letters_are_scored_in_the_case_that_is_known(language):
    assert Scorer(language, "AB ").units[1:] == Scorer(language, "ab ").units[1:]


@pytest.mark.parametrize("model", [None, LanguageModel()])
def test_what_is_no_language_model_of_characters_is_refused(model):
    with pytest.raises(ConfigError, match=r"^got .*; wanted .*; do "):
        Scorer(model, "ab")
