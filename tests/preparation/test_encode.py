"""What is learned of the training data's channels, and what becomes of them."""

import numpy as np
import pytest

from tidegate.data import Sequences, as_sequences
from tidegate.errors import DataError
from tidegate.preparation import Preparation, Scaler


def named(values, channels, **more):
    return Sequences(np.array(values, dtype=float), np.array([len(values)]), channels=channels, **more)


def test_means_and_scale_are_learned_of_the_part_that_is_trained_on():
    whole = as_sequences(np.array([[[1.0], [np.nan]], [[3.0], [3.0]], [[100.0], [np.nan]]]))
    fitted = Preparation.fit(whole, missing="mask", scale_on=whole[:2])
    assert fitted.fill.tolist() == [pytest.approx(7 / 3)]
    assert fitted.scaler.mean[0] == pytest.approx(7 / 3)


def test_a_channel_without_a_value_in_the_part_that_is_trained_on_has_the_mean_of_all():
    whole = as_sequences(np.array([[[np.nan], [np.nan]], [[3.0], [5.0]]]))
    assert Preparation.fit(whole, missing="mask", scale_on=whole[:1]).fill.tolist() == [4]


def test_the_scale_is_that_of_the_columns():
    text = {"categories": {"kind": ("a", "b")}}
    sequences = named([[0, 1.5], [1, np.nan], [1, 4.5]], ("kind", "x"), **text)
    fitted = Preparation.fit(sequences, missing="mask")
    expected = Scaler.fit(fitted.encode(sequences).values)
    assert fitted.n_columns == 4
    assert (fitted.scaler.mean.tolist(), fitted.scaler.scale.tolist()) == (
        expected.mean.tolist(),
        expected.scale.tolist(),
    )


def test_without_standardizing_columns_keep_their_values():
    sequences = named([[0, 1.5], [1, 4.5]], ("kind", "x"), categories={"kind": ("a", "b")})
    fitted = Preparation.fit(sequences, standardize=False)
    assert (fitted.scaler.mean.tolist(), fitted.scaler.scale.tolist()) == ([0] * 3, [1] * 3)


@pytest.mark.parametrize("name", ["GRÖSSE", "gro\u0308ße"])
def test_channels_are_matched_without_case_in_one_form_of_unicode(name):
    fitted = Preparation.fit(named([[1, 2], [3, 4]], ("größe", "x")), standardize=False)
    assert fitted.encode(named([[5, 6]], ("X", name))).values.tolist() == [[6, 5]]


def test_categories_are_matched_in_one_form_of_unicode():
    fitted = Preparation.fit(named([[0], [1]], ("kind",), categories={"kind": ("b", "é")}), standardize=False)
    new = named([[0]], ("kind",), categories={"kind": ("e\u0301",)})
    assert fitted.encode(new).values.tolist() == [[0, 1]]


def test_one_channel_is_one_in_a_message():
    fitted = Preparation.fit(as_sequences(np.zeros((1, 2, 2))))
    with pytest.raises(DataError, match="sequences of 1 channel; "):
        fitted.encode(as_sequences(np.zeros((1, 2, 1))))
