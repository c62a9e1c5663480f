import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tidegate.data import as_sequences, as_targets
from tidegate.errors import DataError


@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=5))
def test_a_list_is_the_padded_array_with_its_lengths(lengths):
    arrays = [np.random.default_rng(n).normal(size=(length, 2)) for n, length in enumerate(lengths)]
    padded = np.full((len(arrays), max(lengths), 2), np.nan)
    for row, array in zip(padded, arrays, strict=True):
        row[: len(array)] = array
    from_list, from_array = as_sequences(arrays), as_sequences(padded, lengths=np.array(lengths))
    assert np.array_equal(from_list.values, from_array.values)
    assert np.array_equal(from_list.lengths, from_array.lengths)
    assert np.isfinite(from_array.values).all()


def test_pixels_of_8_bits_are_scaled():
    assert as_sequences(np.full((1, 2, 3), 255, np.uint8)).x.max() == 1


def test_masked_pixels_are_scaled_and_missing():
    pixels = np.ma.masked_array(np.full((1, 2, 1), 255, np.uint8), mask=[[[False], [True]]])
    for X in (pixels, list(pixels)):
        assert as_sequences(X).values.ravel().tolist() == pytest.approx([1, np.nan], nan_ok=True)


@pytest.mark.parametrize("pixels", [np.full((2, 1), 255, np.uint8), torch.full((2, 1), 255, dtype=torch.uint8)])
def test_a_list_of_pixels_and_other_numbers_is_refused(pixels):
    assert as_sequences([pixels, pixels]).values.max() == 1
    with pytest.raises(DataError, match=r"X\[1\] of uint8 and X\[0\] of another type.*astype"):
        as_sequences([np.ones((2, 1)), pixels])


def test_a_tensor_is_taken_as_an_array():
    assert as_sequences(torch.ones(2, 3, 1)).x.shape == (2, 3, 1)


@pytest.mark.parametrize(
    ("X", "lengths", "says"),
    [
        (np.zeros((4, 3)), None, r"shape \(4, 3\).*X\[:, :, None\]"),
        (np.zeros((0, 3, 1)), None, "at least one sequence"),
        (np.zeros((2, 0, 1)), None, "at least one sequence, step"),
        (np.array([[["a"]]]), None, "numbers"),
        (np.array([[[0.0], [np.inf]]]), None, "inf in X at sequence 0, step 1"),
        (np.array([[[1e300]]]), None, "1e.300 in X.*within float32"),
        ([np.zeros((2, 1)), np.zeros((0, 1))], None, r"X\[1\] with no steps"),
        ([np.zeros((2, 1)), np.zeros((2, 2))], None, r"X\[1\] with 2 channels"),
        ([np.zeros(2)], None, r"X\[0\] of shape \(2,\)"),
        ([[[1.0], [1.0, 2.0]]], None, "unequal length"),
        ([], None, "without sequences"),
        (np.zeros((2, 3, 1)), [1, 4], "length of 4 for sequence 1; wanted at most 3"),
        (np.zeros((2, 3, 1)), [0, 3], "length of 0 for sequence 0"),
        (np.zeros((2, 3, 1)), [3], "2 whole numbers"),
        (np.zeros((2, 3, 1)), [3.0, 3.0], "2 whole numbers"),
        ("text", None, "of type str"),
    ],
)
def test_what_cannot_be_sequences_is_refused_in_a_sentence(X, lengths, says):
    with pytest.raises(DataError, match=says):
        as_sequences(X, lengths)


@pytest.mark.parametrize(
    "y", [np.ones((2, 3)), np.ones((2, 3, 1)), [np.ones(3), np.ones(3)], [np.ones((3, 1)), np.ones((3, 1))]]
)
def test_targets_come_in_four_forms(y):
    assert as_targets(y, as_sequences(np.zeros((2, 3, 4)))).shape == (6, 1)


@pytest.mark.parametrize(
    ("y", "says"),
    [
        (np.ones((2, 4)), "not as long"),
        ([np.ones(3), np.ones(2)], "not as long"),
        (np.ones((3, 3)), "3 targets for 2|lengths"),
        (np.full((2, 3), np.nan), "NaN in y"),
    ],
)
def test_targets_that_do_not_fit_are_refused(y, says):
    with pytest.raises(DataError, match=says):
        as_targets(y, as_sequences(np.zeros((2, 3, 4))))
