"""Text files: their parts, their encodings, and what cannot be read."""

import gzip

import pytest

from tidegate.data.documents import read_documents
from tidegate.errors import DataError


def test_a_file_is_one_document(tmp_path):
    (tmp_path / "novel.txt").write_text("It was.\nIt is.\n")
    found = read_documents(tmp_path / "novel.txt")
    assert (found.train, found.validation, found.test, found.notes) == (("It was.\nIt is.\n",), (), (), ())
    assert found.name == "novel"


def test_a_folder_holds_documents_in_the_order_of_their_names(tmp_path):
    for name in ("b.txt", "a.md", "deep/c.txt.gz", ".hidden.txt", "picture.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        text = name.encode()
        path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    assert read_documents(tmp_path).train == ("a.md", "b.txt", "deep/c.txt.gz")


@pytest.mark.parametrize("frame", ["ptb.{}.txt", "{}.txt", "wiki.{}.tokens", "{}.txt.gz"])
def test_names_tell_the_parts(tmp_path, frame):
    for word in ("train", "valid", "test"):
        path = tmp_path / frame.format(word)
        path.write_bytes(gzip.compress(word.encode()) if path.suffix == ".gz" else word.encode())
    for source in (tmp_path, tmp_path / frame.format("train")):
        found = read_documents(source)
        assert (found.train, found.validation, found.test) == (("train",), ("valid",), ("test",))
        assert f"{frame.format('test')} is the test part" in found.notes


@pytest.mark.parametrize("name", ["contest.txt", "latest.txt", "training-day.txt"])
def test_a_word_inside_a_name_is_no_part(tmp_path, name):
    (tmp_path / name).write_text("text")
    (tmp_path / "other.txt").write_text("other")
    assert read_documents(tmp_path / name).train == ("text",)


@pytest.mark.parametrize(
    ("content", "text", "note"),
    [
        (b"one\r\ntwo\rthree\n", "one\ntwo\nthree\n", "line endings"),
        ("Größe".encode("cp1252"), "Größe", "cp1252"),
        ("Größe".encode("utf-16"), "Größe", "utf-16"),
        ("\ufeffGröße".encode(), "Größe", ""),
    ],
)
def test_line_endings_and_encodings_are_told(tmp_path, content, text, note):
    (tmp_path / "a.txt").write_bytes(content)
    found = read_documents(tmp_path / "a.txt")
    assert found.train == (text,)
    assert note in " ".join(found.notes)
    assert bool(found.notes) == bool(note)


def _empty(folder):
    (folder / "a.txt").write_text("")
    return folder / "a.txt"


def _blank(folder):
    (folder / "a.txt").write_text(" \n\n ")
    return folder / "a.txt"


def _binary(folder):
    (folder / "a.txt").write_bytes(bytes(range(256)))
    return folder / "a.txt"


def _no_texts(folder):
    (folder / "a.png").write_bytes(b"x")
    return folder


@pytest.mark.parametrize("make", [_empty, _blank, _binary, _no_texts, lambda folder: folder / "nowhere.txt"])
def test_what_is_no_text_is_refused(tmp_path, make):
    with pytest.raises(DataError, match=r"^got .*; wanted .*; do "):
        read_documents(make(tmp_path))


def test_an_encoding_can_be_given(tmp_path):
    (tmp_path / "a.txt").write_bytes("Gr\xf6\xdfe".encode("cp437"))
    assert read_documents(tmp_path / "a.txt", "cp437").train == ("Größe",)
    with pytest.raises(DataError, match="--encoding nothing"):
        read_documents(tmp_path / "a.txt", "nothing")
