"""A unit of work says in words what it did."""

import pytest

from tidegate.compare.units import Remembering, TaskTraining, Training

TRAINING = {"hidden_size": 64, "learning_rate": 5e-3, "steps": 600}


@pytest.mark.parametrize(
    ("unit", "words"),
    [
        (
            Training("classification", "gru", **TRAINING, batch_size=128, seed=1, purpose="score"),
            "trained GRU with 64 hidden features, learning rate 0.005, seed 1",
        ),
        (
            Training("regression", "rnn", **TRAINING, batch_size=128, seed=1001, purpose="search"),
            "tried learning rate 0.005 for RNN with 64 hidden features, seed 1001",
        ),
        (
            Training("regression", "rnn", **TRAINING, batch_size=8, seed=0, purpose="share", share=0.3),
            "trained RNN with 64 hidden features on 30 % of the data, learning rate 0.005, seed 0",
        ),
        (
            TaskTraining(
                "language", "lstm", 64, 1e-5, 600, 2, purpose="score", data="book.txt", reading={}, parameters={}
            ),
            "trained LSTM with 64 hidden features, learning rate 1e-05, seed 2",
        ),
        (
            Remembering("lstm", "chrono", 1000, 0, 600, (1e-2,)),
            "LSTM with chrono weights, recall over 1,000 steps, seed 0",
        ),
        (
            Remembering("gru", "torch", 10, 0, 600, (1e-2,)),
            "GRU with default weights, recall over 10 steps, seed 0",
        ),
    ],
    ids=lambda one: getattr(one, "key", ""),
)
def test_a_unit_is_said_in_words(unit, words):
    assert unit.title == words
