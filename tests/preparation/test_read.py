"""Files by name, ending and content: what is read right, and what is refused how."""

import numpy as np
import pytest
from PIL import Image

from tidegate.errors import ConfigError, DataError
from tidegate.preparation import read_dataset, read_source


def unlabeled(path):
    return read_source(str(path), predicting=True).dataset.train


def test_npz_with_lengths_names_and_a_test_part(tmp_path):
    path = tmp_path / "own.npz"
    X, y = np.random.default_rng(0).normal(size=(4, 3, 2)), np.array(["a", "b", "a", "b"])
    np.savez(path, X=X, y=y, lengths=[3, 2, 1, 3], X_test=X[:2], y_test=y[:2], channels=["u", "v"])
    dataset = read_dataset(str(path))
    assert dataset.train.lengths.tolist() == [3, 2, 1, 3]
    assert dataset.train.y.tolist() == ["a", "b", "a", "b"]
    assert dataset.train.channels == dataset.test.channels == ("u", "v")
    assert len(dataset.test) == 2


def test_npy_of_one_sequence(tmp_path):
    np.save(tmp_path / "one.npy", np.zeros((5, 2)))
    assert unlabeled(tmp_path / "one.npy").x.shape == (1, 5, 2)


@pytest.mark.parametrize("mode", ["L", "RGB", "1", "P", "RGBA", "I;16"])
def test_an_image_is_a_sequence_of_rows(tmp_path, mode):
    image = Image.new("L", (4, 5), 255)
    (Image.new("I;16", (4, 5), 65535) if mode == "I;16" else image.convert(mode)).save(tmp_path / "one.png")
    x = unlabeled(tmp_path / "one.png").x
    assert x.shape == (1, 5, 4)
    assert x == pytest.approx(1)


def test_a_folder_of_images_is_read_in_order_of_name(tmp_path):
    for n in (2, 1):
        Image.new("L", (2, 2), n).save(tmp_path / f"{n}.png")
    images = unlabeled(tmp_path)
    assert (images.x[:, 0, 0] * 255).tolist() == pytest.approx([1, 2])
    assert images.ids.tolist() == ["1.png", "2.png"]


def test_folders_of_images_are_labels(tmp_path):
    for label, shade in (("dark", 0), ("light", 255)):
        (tmp_path / label).mkdir()
        Image.new("L", (2, 3), shade).save(tmp_path / label / "1.png")
    train = read_dataset(str(tmp_path), "classification").train
    assert train.y.tolist() == ["dark", "light"]
    assert train.x[:, 0, 0].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("name", "write", "says"),
    [
        ("a.npz", lambda path: path.write_bytes(b"nonsense"), "cannot be read as a NumPy file"),
        ("a.npz", lambda path: np.savez(path, X=np.array([{}], dtype=object)), "Python objects"),
        ("a.npz", lambda path: np.savez(path, x=np.zeros(3)), "wanted X"),
        ("a.npz", lambda path: np.savez(path, X=np.zeros((3, 2, 1)), y=np.zeros(2)), "3 sequences and 2 entries of y"),
        ("a.npz", lambda path: np.savez(path, X=np.zeros((3, 2, 1))), "without y"),
        ("a.npz", lambda path: np.savez(path, X=np.zeros((3, 2, 1)), y=np.zeros((3, 2))), "wanted one label a seq"),
        ("a.npz", lambda path: np.savez(path, X=np.zeros((3, 2, 1)), y=np.zeros(3, "S1")), "decode bytes"),
        ("a.npz", lambda path: np.savez(path, X=np.zeros((3, 2, 1)), y=[0, 1, 1], channels=["a", "b"]), "channels of"),
        ("a.png", lambda path: path.write_bytes(b"nonsense"), "cannot be read as an image"),
        ("a.pdf", lambda path: path.write_text("x"), "unknown kind"),
        ("a.npz", lambda path: path.write_bytes(b""), "an empty file"),
        ("train-images-idx3-ubyte", lambda path: path.write_bytes(b"x"), "one IDX file; wanted the folder"),
        ("folder", lambda path: path.mkdir(), "without tables, audio, images or IDX files"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(tmp_path, name, write, says):
    write(tmp_path / name)
    with pytest.raises(DataError, match=says):
        read_dataset(str(tmp_path / name), "classification")


def test_options_of_tables_are_refused_for_arrays():
    with pytest.raises(ConfigError, match="--id for digits, which is no table"):
        read_dataset("digits", id="x")


def test_an_unknown_argument_is_refused_by_name():
    with pytest.raises(ConfigError, match="'ids'"):
        read_dataset("digits", ids="x")


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(DataError, match="'mnsit'.*try 'mnist'"):
        read_dataset("mnsit")
