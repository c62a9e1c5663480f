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
    for name in ("b.txt", "a.md", "deep/c.txt.gz", ".git/x.txt", ".hidden.txt", "picture.png"):
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


def test_what_is_no_part_is_left_out_beside_parts(tmp_path):
    for name in ("README.md", "train.txt", "test.txt"):
        (tmp_path / name).write_text(name)
    found = read_documents(tmp_path)
    assert (found.train, found.test) == (("train.txt",), ("test.txt",))
    assert "left out, as its name says no part: README.md" in found.notes


def test_folders_tell_the_parts_too(tmp_path):
    for name in ("train/a.txt", "train/b.txt", "test/c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    found = read_documents(tmp_path)
    assert (found.train, found.test) == (("train/a.txt", "train/b.txt"), ("test/c.txt",))


def test_a_lone_test_among_others_is_a_document(tmp_path):
    for name in ("exam.txt", "test.txt"):
        (tmp_path / name).write_text(name)
    assert read_documents(tmp_path).train == ("exam.txt", "test.txt")


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


def _cut_off(folder):
    (folder / "a.txt.gz").write_bytes(gzip.compress(b"text " * 1000)[:30])
    return folder / "a.txt.gz"


def _no_zip(folder):
    (folder / "a.txt.zip").write_bytes(b"text")
    return folder / "a.txt.zip"


def _parts_without_training(folder):
    for name in ("valid.txt", "test.txt"):
        (folder / name).write_text("text")
    return folder


NO_TEXTS = [
    _empty, _blank, _binary, _no_texts, _cut_off, _no_zip, _parts_without_training,
    lambda folder: folder / "nowhere.txt", lambda folder: "", lambda folder: "~nobody-there/a.txt",
    lambda folder: "a" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("make", NO_TEXTS)
def test_what_is_no_text_is_refused(tmp_path, make):
    with pytest.raises(DataError, match=r"^got .*; wanted .*; do "):
        read_documents(make(tmp_path))


def test_an_encoding_can_be_given(tmp_path):
    (tmp_path / "a.txt").write_bytes("Gr\xf6\xdfe".encode("cp437"))
    assert read_documents(tmp_path / "a.txt", "cp437").train == ("Größe",)
    with pytest.raises(DataError, match="--encoding nothing"):
        read_documents(tmp_path / "a.txt", "nothing")
