import gzip

import numpy as np
import pytest

from tests.paths import REAL_DATA, needs
from tidegate.data.idx import read_idx
from tidegate.errors import DataError
from tidegate.preparation import read_dataset

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx_bytes(array: np.ndarray) -> bytes:
    header = bytes([0, 0, CODES[array.dtype.str[1:]], array.ndim])
    return header + np.array(array.shape, ">u4").tobytes() + array.astype(array.dtype.newbyteorder(">")).tobytes()


def write_folder(folder, zipped=False, images=None, labels=None, prefix=""):
    folder.mkdir(exist_ok=True)
    noise = np.random.default_rng(0)
    images = noise.integers(0, 256, (60, 5, 4), dtype=np.uint8) if images is None else images
    labels = (np.arange(60) % 3).astype(np.uint8) if labels is None else labels
    for part in ("train", "t10k"):
        for name, array in (("images-idx3-ubyte", images), ("labels-idx1-ubyte", labels)):
            content = idx_bytes(array)
            path = folder / f"{prefix}{part}-{name}{'.gz' if zipped else ''}"
            path.write_bytes(gzip.compress(content) if zipped else content)
    return folder


@pytest.mark.parametrize("dtype", list(CODES))
def test_every_type_comes_back_as_written(tmp_path, dtype):
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    (tmp_path / "a").write_bytes(idx_bytes(array))
    back = read_idx(tmp_path / "a")
    assert back.dtype == np.dtype(dtype)
    assert np.array_equal(back, array)


@pytest.mark.parametrize("prefix", ["", "emnist-letters-"])
@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gz"])
def test_a_folder_is_a_dataset(tmp_path, zipped, prefix):
    dataset = read_dataset(str(write_folder(tmp_path / "own", zipped, prefix=prefix)))
    assert dataset.name == "own"
    assert dataset.train.x.shape == (60, 5, 4)
    assert dataset.train.x.max() <= 1
    assert dataset.test is not None


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda content: b"", "0 bytes"),
        (lambda content: b"\0\0\x07\x03" + content[4:], "0x00000703.*magic number"),
        (lambda content: content[:9], "cut off in its header"),
        (lambda content: content[:-1], "wanted 1216"),
        (lambda content: content + b"\0", "wanted 1216"),
        (lambda content: gzip.compress(content)[:-20], "cannot be unpacked"),
        (lambda content: b"\x1f\x8bnonsense", "cannot be unpacked"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, damage, says):
    folder = write_folder(tmp_path / "own")
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=says):
        read_dataset(str(folder))


def test_images_and_labels_of_different_number_are_refused(tmp_path):
    folder = write_folder(tmp_path / "own", labels=np.zeros(59, np.uint8))
    with pytest.raises(DataError, match="60 images in .* and 59 labels"):
        read_dataset(str(folder))


def test_images_without_labels_are_refused(tmp_path):
    folder = write_folder(tmp_path / "own")
    (folder / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="without its labels"):
        read_dataset(str(folder))


@needs("mnist")
def test_mnist_is_what_it_is_known_to_be(monkeypatch):
    monkeypatch.setenv("TIDEGATE_DATA", str(REAL_DATA))
    dataset = read_dataset("mnist")
    assert dataset.train.x.shape == (60000, 28, 28)
    assert dataset.test is not None
    assert np.bincount(dataset.train.y)[:3].tolist() == [5923, 6742, 5958]
