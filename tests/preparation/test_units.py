"""Texts as numbers and back."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.errors import ConfigError
from tidegate.preparation import units as module
from tidegate.preparation.units import Units, check_units

TEXT = "The quick brown fox – jumps över the lazy dog.\n\n  It's 12:30,\tsays the dog.\nNo.\n" * 20


@pytest.fixture(scope="module")
def bpe():
    return Units.fit([TEXT], "bpe", 320)


@given(st.text())
def test_bytes_write_everything(text):
    text = text.encode("utf-8", "replace").decode()
    units = Units.fit([], "byte")
    assert units.decode(units.encode(text)) == text


@given(st.text())
def test_subwords_write_everything(bpe, text):
    text = text.encode("utf-8", "replace").decode()
    assert bpe.decode(bpe.encode(text)) == text


@given(st.text(alphabet="abcä\n "))
def test_characters_write_what_they_know(text):
    units = Units.fit(["abcä\n "], "char")
    assert units.decode(units.encode(text)) == text
    assert units.encode(text).max(initial=0) < units.unknown


def test_an_unknown_character_is_one_sign():
    units = Units.fit(["abc"], "char")
    assert units.encode("aXb\U0001f600").tolist() == [0, 3, 1, 3]
    assert (units.unknown, units.border, units.size) == (3, 4, 5)
    assert units.decode([0, 3, 4, 1]) == "a\ufffdb"


def test_the_rarest_characters_are_left_out():
    assert Units.fit(["aaabbc"], "char", 2).signs == "ab"


def test_subwords_are_those_of_the_tokenizer(bpe, monkeypatch):
    tokenizers = pytest.importorskip("tokenizers")
    whole = tokenizers.Tokenizer.from_str(bpe.tokenizer).encode(TEXT).ids
    monkeypatch.setattr(module, "PIECE", 30)
    assert bpe.encode(TEXT).tolist() == whole
    assert len(whole) < len(TEXT) / 2


@pytest.mark.parametrize("kind", ["char", "byte", "bpe"])
def test_they_come_back_from_json(kind):
    units = Units.fit([TEXT], kind, 300 if kind == "bpe" else None)
    again = Units.from_config(json.loads(json.dumps(units.to_config())))
    assert np.array_equal(again.encode(TEXT), units.encode(TEXT)) and again.size == units.size


def test_text_comes_as_soon_as_its_bytes_make_characters():
    units = Units.fit([], "byte")
    assert list(units.stream("aä€".encode())) == ["a", "ä", "€"]
    assert list(units.stream("€".encode()[:2])) == ["\ufffd"]


@pytest.mark.parametrize(("kind", "size"), [("word", None), ("byte", 100), ("bpe", 10), (None, None)])
def test_units_that_there_are_not(kind, size):
    with pytest.raises(ConfigError, match=r"^got .*; wanted .*; do "):
        check_units(kind, size)
