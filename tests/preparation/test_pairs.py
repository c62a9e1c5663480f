"""Pairs of texts by part: what is held out, and what a text to translate is."""

import io

import pytest

from tidegate.data.pairs import Pairs
from tidegate.errors import ConfigError, DataError
from tidegate.preparation import Reading
from tidegate.preparation.pairs import fingerprint_of, held_out, lines_of, read_pairs, texts_in


def numbered(n):
    return Pairs(tuple(f"text {k // 2}" for k in range(n)), tuple(f"Text {k}" for k in range(n)))


def test_what_is_held_out_is_a_share_and_the_rest_is_the_rest():
    rest, held = held_out(numbered(100), 0.2, 1000, seed=0)
    assert len(held) == 20
    assert sorted([*rest.target, *held.target]) == sorted(numbered(100).target)


def test_the_same_text_stays_in_one_part():
    rest, held = held_out(numbered(100), 0.2, 1000, seed=0)
    assert not set(rest.source) & set(held.source)


def test_no_more_than_the_most_is_held_out():
    assert len(held_out(numbered(100), 0.5, 6, seed=0)[1]) == 6


def test_another_seed_holds_out_others():
    assert held_out(numbered(100), 0.2, 1000, 0)[1] != held_out(numbered(100), 0.2, 1000, 1)[1]


@pytest.mark.parametrize("pairs", [numbered(1), numbered(2), Pairs(("a",) * 9, tuple("bcdefghij"))])
def test_where_one_part_would_be_empty_nothing_is_held_out(pairs):
    assert held_out(pairs, 0.5, 1000, 0) == (pairs, None)


def test_a_folder_is_read_by_the_endings(tmp_path):
    for side in ("en", "de"):
        (tmp_path / f"train.{side}").write_text("".join(f"{side} {k}\n" for k in range(40)))
    read = read_pairs(str(tmp_path), Reading(source="de", target="en"))
    assert (len(read.train), len(read.test)) == (38, 2)
    assert read.train.source[0].startswith("de")


@pytest.mark.parametrize("row", ["{}\tx\n", "x\t{}\n"])
def test_the_fingerprint_changes_with_a_word_of_a_side(tmp_path, row):
    found = []
    for word in ("a", "a", "b"):
        (tmp_path / "p.tsv").write_text(row.format(word) + "".join(f"s{k}\tt{k}\n" for k in range(40)))
        found.append(fingerprint_of(read_pairs(str(tmp_path / "p.tsv"), Reading())))
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(
    ("name", "reading", "says"),
    [
        ("p.en", Reading(), "texts alone"),
        ("p.en", Reading(target="none.de"), "'none.de', which does not exist"),
        ("p.en", Reading(target="q.en", id="x"), "--id for texts"),
        ("p.en", Reading(target="q.en", encoding="klingon"), "--encoding klingon"),
        ("none.en", Reading(), "which does not exist"),
        ("digits", Reading(), "built-in"),
        (".", Reading(), "not both languages"),
        (".", Reading(source="en", target="de"), "without train.en"),
        ("few.tsv", Reading(), "1 pairs of 1 different source;"),
        ("p.en", Reading(target="p.en"), "as both sides"),
    ],
)
def test_what_is_not_both_sides_is_refused(tmp_path, monkeypatch, name, reading, says):
    monkeypatch.chdir(tmp_path)
    for file in ("p.en", "q.en"):
        (tmp_path / file).write_text(f"a {file}\nb\n")
    (tmp_path / "few.tsv").write_text("a\tb\n")
    with pytest.raises((DataError, ConfigError)) as refused:
        read_pairs(name, reading)
    assert says in str(refused.value)


def test_a_text_to_translate_is_a_file_or_itself_or_standard_input(tmp_path, monkeypatch):
    (tmp_path / "texts.txt").write_text("one\n\ntwo\n")
    assert texts_in(str(tmp_path / "texts.txt"), Reading())[0] == ("one", "", "two")
    assert texts_in("A man rides a bike.", Reading())[0] == ("A man rides a bike.",)
    for content, lines in ((b"\xef\xbb\xbfone\r\ntwo\r\n", ("one", "two")), (b"", ()), (b"\n\n", ("", ""))):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
        assert texts_in("-", Reading())[0] == lines


@pytest.mark.parametrize(
    ("source", "reading"),
    [
        ("", Reading()), ("  ", Reading()), (".", Reading()), ("nwe.txt", Reading()), ("/no/such/file", Reading()),
        ("table.tsv", Reading()), ("texts.txt", Reading(encoding="klingon")), ("a text", Reading(encoding="utf-8")),
        ("texts.txt", Reading(separator=";")),
    ],
)  # fmt: skip
def test_what_is_no_text_to_translate_is_refused(tmp_path, monkeypatch, source, reading):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table.tsv").write_text("a\tb\n")
    (tmp_path / "texts.txt").write_text("a\n")
    with pytest.raises((DataError, ConfigError)):
        texts_in(source, reading)


@pytest.mark.parametrize("texts", ["one", 3, [3], [None], ["\ud800"]])
def test_what_is_no_list_of_texts_is_refused(texts):
    with pytest.raises(DataError):
        lines_of(texts, "X")
