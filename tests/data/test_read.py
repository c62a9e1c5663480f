"""Files by name, ending and content: what is read right, and what is refused how."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tidegate.data import read_dataset, read_sequences
from tidegate.errors import DataError


def test_npz_with_lengths_and_a_test_part(tmp_path):
    path = tmp_path / "own.npz"
    X, y = np.random.default_rng(0).normal(size=(4, 3, 2)), np.array(["a", "b", "a", "b"])
    np.savez(path, X=X, y=y, lengths=[3, 2, 1, 3], X_test=X[:2], y_test=y[:2])
    dataset = read_dataset(str(path))
    assert dataset.train.lengths.tolist() == [3, 2, 1, 3]
    assert dataset.train.y.tolist() == ["a", "b", "a", "b"]
    assert len(dataset.test) == 2


def test_npy_of_one_sequence(tmp_path):
    np.save(tmp_path / "one.npy", np.zeros((5, 2)))
    assert read_sequences(str(tmp_path / "one.npy")).train.x.shape == (1, 5, 2)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_long_table_is_sequences(tmp_path, ending):
    table = pd.DataFrame(
        {
            "id": ["b", "b", "a", "b", "a"],
            "time": [3, 1, 1, 2, 2],
            "speed": [0.3, 0.1, 1.0, 0.2, 2.0],
            "y": ["up", "up", "down", "up", "down"],
        }
    )
    path = tmp_path / f"own.{ending}"
    table.to_csv(path, index=False) if ending == "csv" else table.to_parquet(path)
    part = read_dataset(str(path)).train
    assert part.lengths.tolist() == [3, 2]
    assert part.x[0, :, 0] == pytest.approx([0.1, 0.2, 0.3])
    assert part.y.tolist() == ["up", "down"]


def test_a_table_with_a_target_a_step(tmp_path):
    pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": [2.0, 4.0, 6.0]}).to_csv(tmp_path / "own.csv", index=False)
    part = read_dataset(str(tmp_path / "own.csv"), per_step=True).train
    assert part.y[0, :, 0].tolist() == [2.0, 4.0, 6.0]


@pytest.mark.parametrize("mode", ["L", "RGB", "1", "P", "RGBA", "I;16"])
def test_an_image_is_a_sequence_of_rows(tmp_path, mode):
    image = Image.new("L", (4, 5), 255)
    (Image.new("I;16", (4, 5), 65535) if mode == "I;16" else image.convert(mode)).save(tmp_path / "one.png")
    x = read_sequences(str(tmp_path / "one.png")).train.x
    assert x.shape == (1, 5, 4)
    assert x == pytest.approx(1)


def test_a_folder_of_images_is_read_in_order_of_name(tmp_path):
    for n in (2, 1):
        Image.new("L", (2, 2), n).save(tmp_path / f"{n}.png")
    assert (read_sequences(str(tmp_path)).train.x[:, 0, 0] * 255).tolist() == pytest.approx([1, 2])


def table(rows):
    return lambda path: path.write_text("\n".join(rows))


@pytest.mark.parametrize(
    ("name", "write", "says"),
    [
        ("a.csv", table(["id,x,y", "1,0.5,a", "1,oops,a"]), r"'oops' in .*a.csv, row 3, column 'x'"),
        ("a.csv", table(["id,x,y", "1,0.5,a", "1,,a"]), "an empty cell in .*row 3, column 'x'"),
        ("a.csv", table(["id,x,y", "1,0.5,a", "1,1,b"]), "a second label .*row 3"),
        ("a.csv", table(["id,x,y", "1,0.5,a", "1,1,"]), "an empty cell in .*row 3, column 'y'"),
        ("a.csv", table(["id,x,y", ",0.5,a"]), "empty cells in the column id"),
        ("a.csv", table(["id,y", "1,a"]), "at least one column besides"),
        ("a.csv", table(["id,x,y"]), "0 rows"),
        ("a.csv", table(["x,y", "1,a"]), "without a column id"),
        ("a.csv", table(["id,x", "1,2"]), "without y"),
        ("a.csv", table(["id,x", '1,"2']), "cannot be read"),
        ("a.csv", lambda path: path.write_bytes(b"\xff\xfe\0\1"), "cannot be read|at least one column"),
        ("a.parquet", lambda path: path.write_bytes(b"nonsense"), "cannot be read"),
        ("a.npz", lambda path: path.write_bytes(b"nonsense"), "cannot be read as a NumPy file"),
        ("a.npz", lambda path: np.savez(path, X=np.array([{}], dtype=object)), "Python objects"),
        ("a.npz", lambda path: np.savez(path, x=np.zeros(3)), "wanted X"),
        ("a.npz", lambda path: np.savez(path, X=np.zeros((3, 2, 1)), y=np.zeros(2)), "3 sequences and 2 entries of y"),
        ("a.npz", lambda path: np.savez(path, X=np.zeros((3, 2, 1))), "without y"),
        ("a.npz", lambda path: np.savez(path, X=np.zeros((3, 2, 1)), y=np.zeros((3, 2))), "wanted one label a seq"),
        ("a.png", lambda path: path.write_bytes(b"nonsense"), "cannot be read as an image"),
        ("a.txt", lambda path: path.write_text("x"), "unknown kind"),
        ("a.npz", lambda path: path.write_bytes(b""), "an empty file"),
        ("train-images-idx3-ubyte", lambda path: path.write_bytes(b"x"), "one IDX file; wanted the folder"),
        ("folder", lambda path: path.mkdir(), "without train-images"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(tmp_path, name, write, says):
    write(tmp_path / name)
    with pytest.raises(DataError, match=says):
        read_dataset(str(tmp_path / name))


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(DataError, match="'mnsit'.*try 'mnist'"):
        read_dataset("mnsit")
