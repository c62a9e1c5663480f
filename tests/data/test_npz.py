import numpy as np
import pytest

from tidegate.data import open_source
from tidegate.errors import DataError

X = np.zeros((2, 3, 2))


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"ids": ["a", "a"]}, "'a' twice in ids of"),
        ({"X_test": X, "ids_test": [1, 1]}, "1 twice in ids_test of"),
        ({"channels": ["x", "x"]}, "'x' twice in channels of"),
        ({"ids": np.array(["a", "b"], dtype=object)}, r"an array of Python objects; .*astype\(str\)"),
        ({"X_test": np.array([X[0], X[0, :2]], dtype=object)}, "an array of Python objects; .*padded"),
    ],
)
def test_names_that_repeat_and_objects_are_refused(tmp_path, arrays, says):
    np.savez(tmp_path / "own.npz", **{"X": X, **arrays})
    with pytest.raises(DataError, match=says):
        open_source(str(tmp_path / "own.npz"))


def test_the_names_of_sequences_and_channels_are_kept(tmp_path):
    np.savez(tmp_path / "own.npz", X=X, ids=["a", "b"], channels=["x", "y"])
    train = open_source(str(tmp_path / "own.npz")).train
    assert (train.ids.tolist(), train.channels) == (["a", "b"], ("x", "y"))
