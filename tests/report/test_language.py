"""What a page says of a language model: which units of the state follow what, and colors."""

import numpy as np
import pytest

from tidegate.report.language import FEATURES, _shown, followers

TEXT = 'He said "go home" and LEFT.\n\nThe next line is longer, and "so is this" one.\nThe last is here.\n' * 20


@pytest.mark.parametrize("name", FEATURES)
def test_a_unit_that_follows_is_found(name):
    pieces = list(TEXT)
    values = FEATURES[name](pieces)
    states = np.random.default_rng(0).normal(size=(len(pieces), 6))
    states[:, 4] = -values / values.max() + 0.1 * states[:, 4]
    found = {one: (unit, correlation) for one, unit, correlation in followers(pieces, states)}
    assert found[name][0] == 4 and found[name][1] < -0.7


def test_noise_follows_nothing():
    states = np.random.default_rng(0).normal(size=(len(TEXT), 50))
    assert followers(list(TEXT), states) == []


def test_features_are_what_they_say():
    assert FEATURES["the position in the line"](list("ab\ncd")).tolist() == [1, 2, 0, 1, 2]
    assert FEATURES["quotation marks: inside or outside"](list('a"b"c')).tolist() == [0, 1, 1, 0, 0]
    assert FEATURES["quotation marks: inside or outside"](list("a“b”c")).tolist() == [0, 1, 1, 0, 0]
    assert FEATURES["the position in the word"](list("ab c")).tolist() == [1, 2, 0, 1]
    assert FEATURES["the first line of a paragraph"](list("a\n\nb\nc")).tolist() == [0, 0, 1, 1, 0, 0]


def test_control_characters_are_no_html():
    assert _shown("a\x00\n\tb\x1f") == "a\ufffd\n\tb\ufffd"
