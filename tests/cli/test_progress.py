"""Progress says in words what was done and how long the rest takes."""

import re

import pytest

from tidegate.cli.progress import Clock, in_words, progress


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


def test_away_from_a_terminal_a_line_tells_every_tenth(capsys):
    with progress("reading", "MB") as tell:
        for done in range(1, 101):
            tell(done, 100, "a.csv")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert re.fullmatch(r"a\.csv: 10 of 100 MB(, about .* left)?", lines[0])
