"""Transcripts: one spelling of what is said, and numbers and back."""

import json

import numpy as np
import pytest

from tidegate.errors import DataError
from tidegate.preparation.transcripts import Transcripts, aligned_frames


@pytest.mark.parametrize(
    ("texts", "options", "text", "becomes"),
    [
        (["GO ON"], {}, " GO   NOW ", "GO NOW"),
        (["Go on"], {}, "GO, now!", "go now"),
        (["Go on"], {"lower": False}, "Go", "Go"),
        (["go"], {"punctuation": True}, "go!", "go!"),
        (["it's"], {}, "'it's' well-known - so", "it's well-known so"),
        (["e\u0301"], {}, "e\u0301t\u00e9", "\u00e9t\u00e9"),
        (["Go on"], {}, "\u03aa\u0301", "\u0390"),
        (["नमस्ते"], {}, "नमस्ते।", "नमस्ते"),
    ],
)
def test_each_text_is_written_in_one_way(texts, options, text, becomes):
    assert Transcripts.fit(texts, **options).normalized(text) == becomes


def test_numbers_go_there_and_back():
    transcripts = Transcripts.fit(["ba b", "c"])
    assert transcripts.signs == " abc" and transcripts.size == 5
    assert transcripts.encode("cab b").tolist() == [4, 2, 3, 1, 3]
    assert transcripts.decode([4, 2, 3, 1, 1, 3, 1]) == "cab b"
    again = Transcripts.from_config(json.loads(json.dumps(transcripts.to_config())))
    assert again == transcripts


def test_signs_that_were_never_seen_are_told_and_left_out():
    transcripts = Transcripts.fit(["ab"])
    assert transcripts.unseen(["abx", "yb"]) == "xy"
    assert transcripts.encode("axb").tolist() == [1, 2]


def test_what_is_done_is_told():
    told = Transcripts.fit(["Go on."]).told(["Go on."])
    assert "lower case" in told and "punctuation" in told
    assert Transcripts.fit(["go on"]).told(["go on"]) == ""


def test_equal_neighbors_need_a_blank_between_them():
    assert aligned_frames(np.array([1, 2, 3])) == 3
    assert aligned_frames(np.array([1, 1, 1])) == 5
    assert aligned_frames(np.array([], dtype=int)) == 0


def test_texts_without_a_letter_are_refused():
    with pytest.raises(DataError, match=r"^got .*; wanted .*; do "):
        Transcripts.fit(["...", " "])
