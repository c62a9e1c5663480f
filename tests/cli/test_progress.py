"""Progress says in words what was done and how long the rest takes."""

import re

import pytest

from tidegate.cli.progress import Clock, comparison_progress, in_words, progress, unit_in_words
from tidegate.compare.units import Remembering, TaskTraining, Training

TRAINING = {"hidden_size": 64, "learning_rate": 5e-3, "steps": 600}


def ticking(*times):
    """A clock that shows these times, one after the other."""
    return Clock(iter(times).__next__)


def test_the_time_left_follows_from_the_time_of_a_unit():
    clock = ticking(0, 60, 120)
    assert clock.left(1, 11) == ", about 10 min left"
    assert clock.left(2, 11) == ", about 9 min left"


def test_units_of_an_earlier_run_do_not_count():
    clock = ticking(0, 0.01, 0.02, 60.02)
    assert [clock.left(done, 13) for done in (1, 2)] == ["", ""]
    assert clock.left(3, 13) == ", about 10 min left"


def test_after_the_last_unit_nothing_is_left():
    assert ticking(0, 60).left(5, 5) == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "10 s"), (54, "50 s"), (55, "1 min"), (89, "1 min"), (91, "2 min"), (3599, "1 h 0 min"), (7500, "2 h 5 min")],
)
def test_a_duration_is_said_as_a_person_would(seconds, words):
    assert in_words(seconds) == words


@pytest.mark.parametrize(
    ("unit", "words"),
    [
        (
            Training("classification", "gru", **TRAINING, batch_size=128, seed=1, purpose="score"),
            "trained GRU with 64 hidden features, seed 2 of 3, learning rate 0.005",
        ),
        (
            Training("regression", "rnn", **TRAINING, batch_size=128, seed=1001, purpose="search"),
            "tried learning rate 0.005 for RNN with 64 hidden features, run 2",
        ),
        (
            Training("regression", "rnn", **TRAINING, batch_size=8, seed=0, purpose="share", share=0.3),
            "trained RNN with 64 hidden features on 30 % of the data, seed 1 of 3, learning rate 0.005",
        ),
        (
            TaskTraining(
                "language", "lstm", 64, 1e-5, 600, 2, purpose="score", data="book.txt", reading={}, parameters={}
            ),
            "trained LSTM with 64 hidden features, seed 3 of 3, learning rate 1e-05",
        ),
        (
            Remembering("lstm", "chrono", 1000, 0, 600, (1e-2,)),
            "LSTM with chrono weights, recall over 1,000 steps, seed 1 of 3",
        ),
        (
            Remembering("gru", "torch", 10, 0, 600, (1e-2,)),
            "GRU with default weights, recall over 10 steps, seed 1 of 3",
        ),
    ],
    ids=lambda one: getattr(one, "key", ""),
)
def test_a_unit_is_said_in_words(unit, words):
    assert unit_in_words(unit.key, seeds=3) == words


def test_seeds_are_counted_from_the_first():
    assert unit_in_words("speed-gru-seed7", seeds=2, first_seed=6) == "timed GRU, round 2 of 2"


def test_away_from_a_terminal_a_line_tells_every_tenth(capsys):
    with progress("reading", "MB") as tell:
        for done in range(1, 101):
            tell(done, 100, "a.csv")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert re.fullmatch(r"a\.csv: 10 of 100 MB(, about .* left)?", lines[0])


def test_a_comparison_names_no_keys(capsys):
    with comparison_progress(seeds=3) as tell:
        tell(1, 2, "recall-lstm-torch-lag100-600-seed0")
    assert capsys.readouterr().err == "LSTM with default weights, recall over 100 steps, seed 1 of 3: 1 of 2 units\n"
