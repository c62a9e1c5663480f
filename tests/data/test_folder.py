"""Each file of a folder is read, with the label that it has, or the folder is refused in a sentence."""

import numpy as np
import pytest
from PIL import Image

from tidegate.data import open_source
from tidegate.errors import DataError


def folder(tmp_path, *names):
    for name in names:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".png":
            Image.fromarray(np.zeros((2, 2), np.uint8)).save(file)
        else:
            file.write_text("x\n1\n")
    return tmp_path


def labels(opened):
    return [opened.label_of(file) for file in opened.files]


def test_tables_have_the_labels_of_their_folders(tmp_path):
    opened = open_source(str(folder(tmp_path, "walk/a.csv", "run/a.csv", "run/b.tsv")))
    assert labels(opened) == ["run", "run", "walk"]
    assert [opened.name_of(file) for file in opened.files] == ["run/a", "run/b", "walk/a"]


def test_a_folder_in_a_hidden_one_is_read(tmp_path):
    opened = open_source(str(folder(tmp_path / ".cache" / "own", "a.csv", ".hidden/b.csv", ".c.csv")))
    assert [file.name for file in opened.files] == ["a.csv"]


def test_files_that_describe_the_others_are_no_data(tmp_path):
    opened = open_source(str(folder(tmp_path, "a.csv", "README.txt", "LICENSE", "about.md", "Thumbs.db")))
    assert [file.name for file in opened.files] == ["a.csv"]


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (("u/a.csv", "u/b.wav", "v/c.wav"), "2 files beside the tables .*u/b.wav, v/c.wav"),
        (("u/a.csv", "u/a.png"), "1 file beside the tables .*u/a.png"),
        (("a.png", "labels.csv"), "1 file beside the images .*labels.csv"),
        (("u/a.png", "u/b.npy", "v/a.png"), "1 file beside the images .*u/b.npy"),
        (("u/a.csv", *(f"{n}.bin" for n in range(5))), "5 files beside .*0.bin, 1.bin, 2.bin and 2 more"),
    ],
)
def test_files_of_another_kind_are_refused_by_name(tmp_path, names, says):
    with pytest.raises(DataError, match=says):
        open_source(str(folder(tmp_path, *names)))


@pytest.mark.parametrize(
    "names",
    [
        ("labels.csv", "u/a.csv", "v/a.csv"),
        ("labels.csv", "train/u/a.csv", "test/u/a.csv"),
        ("train/labels.csv", "train/u/a.csv", "test/u/a.csv"),
    ],
)
def test_a_table_beside_the_folders_named_by_labels_is_refused(tmp_path, names):
    with pytest.raises(DataError, match="labels.csv in .*, in no folder named by a label, .*move labels.csv away"):
        open_source(str(folder(tmp_path, *names)))


def test_folders_in_folders_are_refused_as_labels(tmp_path):
    opened = open_source(str(folder(tmp_path, "ann/walk/a.csv", "bob/run/a.csv")))
    with pytest.raises(DataError, match="ann/walk/a.csv in .*, in 2 folders, .*such as .*/ann$"):
        labels(opened)
    with pytest.raises(DataError, match="ann/walk/a.png in .*, in 2 folders"):
        open_source(str(folder(tmp_path / "images", "ann/walk/a.png", "bob/run/a.png")))


def test_folders_train_and_test_are_around_the_labels(tmp_path):
    assert labels(open_source(str(folder(tmp_path / "tables", "train/u/a.csv", "Test/v/a.csv")))) == ["v", "u"]
    images = open_source(str(folder(tmp_path / "images", "train/u/a.png", "test/v/a.png")))
    assert (images.train.y.tolist(), images.test.y.tolist()) == (["u"], ["v"])


def test_images_in_train_and_test_alone_have_no_labels(tmp_path):
    images = open_source(str(folder(tmp_path, "train/a.png", "test/a.png")))
    assert images.train.y is None and images.test.y is None
