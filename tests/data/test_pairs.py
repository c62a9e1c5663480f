"""Pairs of texts: which line belongs to which, and what is refused."""

import gzip
import json

import pytest

from tidegate.data.pairs import Pairs, read_pair_files, read_pair_table
from tidegate.errors import DataError
from tidegate.preparation import Reading
from tidegate.preparation.pairs import read_parts

ONE, TWO = ("a boat", "two boats"), ("ein Boot", "zwei Boote")


def write(folder, **files):
    for name, lines in files.items():
        (folder / name.replace("_", ".", 1)).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def test_line_n_stands_beside_line_n(tmp_path):
    write(tmp_path, train_en=ONE, train_de=TWO)
    read = read_pair_files(tmp_path / "train.en", tmp_path / "train.de")
    assert read.train == Pairs(ONE, TWO)
    assert read.test is None and read.validation is None


def test_a_line_ends_at_a_line_break_alone(tmp_path):
    odd = ("a\u2028b\x0cc\x85d", "e")
    write(tmp_path, train_en=odd, train_de=TWO)
    assert read_pair_files(tmp_path / "train.en", tmp_path / "train.de").train.source == odd


def test_packed_files_with_other_line_ends_are_the_same(tmp_path):
    (tmp_path / "a.en.gz").write_bytes(gzip.compress("\r\n".join(ONE).encode("utf-8-sig")))
    (tmp_path / "a.de").write_bytes("\n".join(TWO).encode("cp1252"))
    assert read_pair_files(tmp_path / "a.en.gz", tmp_path / "a.de").train == Pairs(ONE, TWO)


@pytest.mark.parametrize("test_name", ["test", "test_2016_flickr"])
def test_files_of_other_parts_are_found_beside(tmp_path, test_name):
    for part, lines in {"train": (ONE, TWO), "val": (ONE[:1], TWO[:1]), test_name: (ONE[1:], TWO[1:])}.items():
        for side, some in zip(("en", "de"), lines, strict=True):
            (tmp_path / f"{part}.{side}").write_text("\n".join(some))
    read = read_pair_files(tmp_path / "train.en", tmp_path / "train.de")
    assert (len(read.train), len(read.validation), len(read.test)) == (2, 1, 1)
    assert f"{test_name}.en and {test_name}.de are the test part" in read.notes


def test_a_text_file_of_tabs_is_a_table(tmp_path):
    (tmp_path / "deu.txt").write_text("Go.\tGeh.\tCC-BY 2.0\nHi.\tHallo!\tCC-BY 2.0\n")
    assert read_parts(str(tmp_path / "deu.txt"), Reading()).train == Pairs(("Go.", "Hi."), ("Geh.", "Hallo!"))


@pytest.mark.parametrize("names", ["{}.de-en.{}", "{}.{}", "corpus.{}.{}", "{}.{}.gz"])
def test_parts_are_found_under_the_usual_names(tmp_path, names):
    for part in ("train", "dev", "test"):
        for side in ("en", "de"):
            path = tmp_path / names.format(part, side)
            text = b"a\nb\n"
            path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    read = read_pair_files(tmp_path / names.format("train", "en"), tmp_path / names.format("train", "de"))
    assert (len(read.validation), len(read.test)) == (2, 2)


def test_other_parts_may_be_packed(tmp_path):
    for side in ("en", "de"):
        (tmp_path / f"train.{side}").write_bytes(b"a\n")
        (tmp_path / f"test.{side}.gz").write_bytes(gzip.compress(b"a\nb\n"))
    assert len(read_pair_files(tmp_path / "train.en", tmp_path / "train.de").test) == 2


def test_several_test_files_are_told_and_left_out(tmp_path):
    for part in ("train", "test_2016", "test_2017"):
        for side, lines in (("en", ONE), ("de", TWO)):
            (tmp_path / f"{part}.{side}").write_text("\n".join(lines))
    read = read_pair_files(tmp_path / "train.en", tmp_path / "train.de")
    assert read.test is None
    assert "left out, as several could be the test part: test_2016.en, test_2017.en" in read.notes


def test_an_empty_side_leaves_the_pair_out_and_is_told(tmp_path):
    write(tmp_path, train_en=("a", "", "b"), train_de=("x", "y", "  "))
    read = read_pair_files(tmp_path / "train.en", tmp_path / "train.de")
    assert read.train == Pairs(("a",), ("x",))
    assert "2 pairs are left out of train.en, as a side is empty" in read.notes


def test_other_numbers_of_lines_are_refused_with_both(tmp_path):
    write(tmp_path, train_en=ONE, train_de=(*TWO, "drei"))
    with pytest.raises(DataError, match=r"2 lines in train.en and 3 in train.de"):
        read_pair_files(tmp_path / "train.en", tmp_path / "train.de")


QUOTED = ('He said "no', 'Er sagte "nein"')
TABLES = {
    "header.tsv": ("source\ttarget\n" + "\t".join(QUOTED), {}),
    "swapped.tsv": ("target\tsource\n" + "\t".join(reversed(QUOTED)), {}),
    "languages.tsv": ("en\tde\n" + "\t".join(QUOTED), {}),
    "named.tsv": (
        "id\tDeutsch\tEnglish\n1\t" + "\t".join(reversed(QUOTED)),
        {"source": "english", "target": "Deutsch"},
    ),
    "blank.tsv": ("\n" + "\t".join(QUOTED) + "\n\n", {}),
    "commas.csv": (f'"Well, then";"Nun, ja"\n"{QUOTED[0].replace(chr(34), chr(34) * 2)}";"Er sagte ""nein"""', None),
    "bare.tsv": ("\t".join(QUOTED) + "\tCC-BY 2.0", {}),
    "header.csv": ('source,target\n"He said ""no","Er sagte ""nein"""', {}),
    "semicolon.csv": ('source;target\n"He said ""no";"Er sagte ""nein"""', {}),
    "lines.jsonl": (json.dumps({"source": QUOTED[0], "target": QUOTED[1]}), {}),
    "languages.jsonl": (json.dumps({"translation": {"en": QUOTED[0], "de": QUOTED[1]}}), {}),
    "asked.jsonl": (
        json.dumps({"translation": {"de": QUOTED[1], "en": QUOTED[0]}}),
        {"source": "en", "target": "de"},
    ),
    "list.json": (json.dumps([{"id": 3, "en": QUOTED[0], "de": QUOTED[1]}]), {}),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_understood(tmp_path, name):
    content, sides = TABLES[name]
    (tmp_path / name).write_text(content + "\n", encoding="utf-8")
    read = read_pair_table(tmp_path / name, **(sides or {})).train
    assert read[[len(read) - 1]] == Pairs(*((text,) for text in QUOTED))


REFUSED = {
    "one.tsv": ("a boat\nein Boot", {}, "1 column"),
    "short.tsv": ("a\tb\nc", {}, "1 cells in row 2"),
    "long.csv": ("source,target\none, yes,eins, ja", {}, "4 cells in row 2"),
    "half.jsonl": ('{"source": "\\ud800", "target": "b"}', {}, "pair 1 has 'source'"),
    "unknown.csv": ("a,b\nc,d", {"source": "en", "target": "de"}, "columns 'a', 'b', asked for 'en' and 'de'"),
    "same.csv": ("en,de\nc,d", {"source": "en", "target": "en"}, "asked for 'en' and 'en'"),
    "open.csv": ('source,target\n"a,b', {}, "not valid CSV"),
    "broken.jsonl": ('{"source": "a"', {}, "line 1 is not valid JSON"),
    "number.jsonl": ('{"source": "a", "target": "b"}\n{"source": "c", "target": 3}', {}, "pair 2 has 'target': 3"),
    "many.jsonl": ('{"a": "x", "b": "y", "c": "z"}', {}, "columns 'a', 'b', 'c'"),
    "list.jsonl": ("3", {}, "no object"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_table_of_pairs_is_refused(tmp_path, name):
    content, sides, says = REFUSED[name]
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError) as refused:
        read_pair_table(tmp_path / name, **sides)
    assert says in str(refused.value)
