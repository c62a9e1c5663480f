"""What people pass in Python: understood the way they mean it, or refused before training."""

import datetime
import json

import numpy as np
import pandas as pd
import pytest
import torch

import tidegate
from tidegate.errors import ConfigError, DataError, DataWarning
from tidegate.tasks import SequenceClassifier, SequenceRegressor
from tidegate.tasks.run import predict

SMALL = {"hidden_size": 8, "steps": 60, "learning_rate": 2e-2}
BRIEF = {"hidden_size": 4, "steps": 2}


def two_classes(n=40, T=5, I=2):
    noise = np.random.default_rng(0)
    y = np.arange(n) % 2
    return noise.normal(size=(n, T, I)) + 2 * y[:, None, None] - 1, y


def same_weights(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.network_.parameters(), b.network_.parameters(), strict=True))


# Labels


@pytest.mark.parametrize(
    "given",
    [
        lambda y: y.astype(object),
        lambda y: pd.Series(y, dtype="Int64"),
        lambda y: pd.Series(y).astype(object),
        lambda y: y.tolist(),
        lambda y: y.astype(np.int8),
        lambda y: torch.tensor(y),
        lambda y: np.ma.masked_array(y, mask=False),
    ],
    ids=["object", "Int64", "Series of objects", "list", "int8", "tensor", "masked array"],
)
def test_whole_numbers_are_whole_numbers_whatever_holds_them(given):
    X, y = two_classes()
    model = SequenceClassifier(**SMALL).fit(X, given(y))
    assert model.classes_.dtype.kind == "i"
    assert (model.predict(X) == y).mean() > 0.9


@pytest.mark.parametrize("labels", [("a", "b"), (True, False)], ids=str)
@pytest.mark.parametrize(
    "given",
    [list, lambda y: np.array(y, dtype=object), pd.Series, pd.Categorical],
    ids=["list", "objects", "Series", "Categorical"],
)
def test_other_labels_keep_their_type(labels, given):
    X, y = two_classes()
    named = [labels[k] for k in y]
    predicted = SequenceClassifier(**SMALL).fit(X, given(named)).predict(X)
    assert predicted.dtype.kind == ("U" if labels == ("a", "b") else "b")
    assert (predicted == np.array(named)).mean() > 0.9


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda y: [None, *y[1:]], "None as the label of sequence 0"),
        (lambda y: ["a", *(["b"] * 18), None, *(["a"] * 20)], "None as the label of sequence 19"),
        (lambda y: [y[0], np.nan, *y[2:]], "sequence 1"),
        (lambda y: pd.Series([pd.NA, *y[1:]], dtype="Int64"), "<NA> as the label of sequence 0"),
        (lambda y: np.ma.masked_array(y, mask=np.arange(len(y)) == 3), "masked entry as the label of sequence 3"),
        (lambda y: np.array([b"a", b"b"])[y], "decode bytes"),
        (lambda y: [b"a", *([b"b"] * 39)], "decode bytes"),
        (lambda y: np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[D]")[y], r"y\.astype\(str\)"),
        (lambda y: [datetime.date(2020, 1, 1 + k) for k in y], "type date"),
        (lambda y: [1, *(["b"] * 39)], "several types"),
        (lambda y: [{"a": 1}] * 40, "type dict"),
        (lambda y: None, "y=None"),
        (lambda y: y + 1j, "complex"),
        (lambda y: [[k] * (k + 1) for k in y], "unequal length"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_labels_that_are_missing_or_cannot_be_saved_are_refused_before_training(spoil, says):
    X, y = two_classes()
    model = SequenceClassifier(**SMALL)
    with pytest.raises(DataError, match=says):
        model.fit(X, spoil(y))
    assert not hasattr(model, "network_")


def test_a_column_of_labels_is_taken_with_scikit_learns_warning():
    from sklearn.exceptions import DataConversionWarning

    X, y = two_classes()
    with pytest.warns(DataConversionWarning):
        model = SequenceClassifier(**BRIEF).fit(X, y[:, None])
    assert model.predict(X).shape == (40,)


@pytest.mark.parametrize("task", [None, "classification"])
def test_whole_numbers_of_a_table_are_labels_whether_or_not_the_task_is_named(task):
    X, y = two_classes()
    table = pd.concat([pd.DataFrame(x).assign(id=k, y=y[k]) for k, x in enumerate(X)])
    model = SequenceClassifier(**BRIEF).fit(tidegate.read_dataset(table, task).train)
    assert model.classes_.tolist() == [0, 1] and model.classes_.dtype.kind == "i"


# Scale


@pytest.mark.parametrize(
    "change", [lambda X: X + 1e8, lambda X: 1.6e9 + X, lambda X: X * 1e-12, lambda X: X * 1e30, lambda X: X - 1e12]
)
def test_the_scale_and_offset_of_the_input_do_not_matter(change):
    X, y = two_classes()
    plain = SequenceClassifier(**SMALL).fit(X, y)
    assert SequenceClassifier(**SMALL).fit(change(X), y).score(change(X), y) == pytest.approx(
        plain.score(X, y), abs=0.05
    )


@pytest.mark.parametrize(("scale", "offset"), [(1, 1e9), (1e-6, 0), (1e6, -1e12)])
def test_targets_far_from_zero_are_scored_in_their_own_precision(scale, offset):
    X = np.random.default_rng(0).normal(size=(20, 6, 1))
    y = np.cumsum(X, axis=1)[:, :, 0]
    plain = SequenceRegressor(**SMALL).fit(X, y)
    moved = SequenceRegressor(**SMALL).fit(X, scale * y + offset)
    truth = scale * y + offset
    residual = ((moved.predict(X) - truth) ** 2).sum() / ((truth - truth.mean()) ** 2).sum()
    assert moved.score(X, truth) == pytest.approx(1 - residual, abs=1e-9)
    assert moved.score(X, truth) == pytest.approx(plain.score(X, y), abs=1e-2)


def test_targets_of_8_bits_are_no_pixels():
    X, _ = two_classes()
    y = (np.arange(40) * 6).astype(np.uint8)
    assert SequenceRegressor(**BRIEF).fit(X, y).y_scaler_.mean == pytest.approx(y.mean())


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint64, np.float32])
def test_labels_are_the_same_after_saving(dtype, tmp_path):
    X, y = two_classes()
    model = SequenceClassifier(**BRIEF).fit(X, y.astype(dtype))
    model.save(tmp_path / "model")
    assert tidegate.load(tmp_path / "model").classes_.dtype == model.classes_.dtype
    with pytest.raises(DataError, match="64 bits"):
        SequenceClassifier(**BRIEF).fit(X, np.where(y, np.uint64(2**63 + 5), np.uint64(1)))


def test_a_fit_that_is_refused_leaves_the_model_as_it_was():
    X, y = two_classes()
    model = SequenceClassifier(**SMALL).fit(X, y)
    before = model.predict(X)
    with pytest.raises(DataError):
        model.fit(np.full_like(X, np.nan), np.array(["u", "v"])[y])
    assert np.array_equal(model.predict(X), before)
    fresh = SequenceRegressor(**{**BRIEF, "steps": 30}, learning_rate=1e30, schedule="constant")
    with pytest.raises(tidegate.TidegateError):
        fresh.fit(X, X)
    assert not hasattr(fresh, "network_")


def test_the_form_of_predictions_is_that_of_the_training_targets():
    X, _ = two_classes()
    y = X.mean(axis=(1, 2))
    model = SequenceRegressor(**BRIEF).fit(X, y, validation_data=(X, y[:, None]))
    model.score(X, y[:, None])
    assert model.predict(X).shape == (40,)


def test_steps_of_8_bits_are_no_pixels():
    X, _ = two_classes()
    y = (np.arange(200).reshape(40, 5)).astype(np.uint8)
    assert SequenceRegressor(**BRIEF).fit(X, y).y_scaler_.mean == pytest.approx(y.mean())


def test_text_labels_of_a_dataframe_stay_text():
    X, y = two_classes()
    table = pd.concat([pd.DataFrame(x).assign(id=k, y=str(y[k])) for k, x in enumerate(X)])
    assert SequenceClassifier(**BRIEF).fit(tidegate.read_dataset(table).train).classes_.tolist() == ["0", "1"]


def test_sequences_go_through_scikit_learns_cross_validation():
    from sklearn.model_selection import cross_val_score

    X, y = frames()
    assert cross_val_score(SequenceClassifier(**SMALL), tidegate.data.as_sequences(X), y, cv=2).mean() > 0.8


def test_labels_of_one_sequence_each_are_all_trained_on():
    X = np.random.default_rng(0).normal(size=(60, 3, 1))
    assert len(SequenceClassifier(**BRIEF).fit(X, np.arange(60)).classes_) == 60


def test_a_series_of_other_names_is_refused():
    X, y = frames(n=3)
    together = pd.concat(X, keys=["a", "b", "c"])
    with pytest.raises(DataError, match="'d' is in one alone|'c' is in one alone"):
        SequenceClassifier(**BRIEF).fit(together, pd.Series(y, index=["a", "b", "d"]))


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"x": [1.0]}, index=pd.MultiIndex.from_tuples([("a", 1)], names=["id", None])),
        pd.DataFrame([[1.0, 2.0]], columns=pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")])),
        pd.DataFrame({"id": [1], "x": [1.0]}).set_index("id", drop=False),
        np.zeros((3, 2)),
        None,
    ],
    ids=["level without a name", "columns of two levels", "a name twice", "an array", "nothing"],
)
def test_frames_that_cannot_be_tables_are_refused(table):
    with pytest.raises(DataError):
        tidegate.read_dataset(table)


def test_tensors_are_taken_with_their_gradients_and_in_half_precision():
    X, y = two_classes()
    tensor = torch.tensor(X, requires_grad=True)
    model = SequenceClassifier(**BRIEF).fit(tensor, y)
    assert np.array_equal(model.predict_proba(X), model.predict_proba(tensor))
    assert SequenceClassifier(**BRIEF).fit(torch.tensor(X).bfloat16(), y).predict(X).shape == (40,)


@pytest.mark.parametrize("weights", [[1.0] * 39, ["much"] * 40, [0.0] * 40], ids=str)
@pytest.mark.parametrize("estimator", [SequenceClassifier, SequenceRegressor])
def test_weights_of_a_score_are_checked(estimator, weights):
    X, y = two_classes()
    model = estimator(**BRIEF).fit(X, y)
    with pytest.raises(DataError, match="sample_weight"):
        model.score(X, y, sample_weight=weights)


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        (["1"] * 40, "sample_weight of type <U1"),
        (np.array(["2020-01-01"] * 40, dtype="datetime64[D]"), "sample_weight of type datetime64"),
        ([1j] * 40, "sample_weight with complex numbers"),
        ([1.0] * 39 + [None], "nan as the sample_weight of sequence 39"),
        ([1.0, -2.0] * 20, "-2.0 as the sample_weight of sequence 1"),
        (np.ma.masked_array(np.ones(40), mask=np.arange(40) == 3), "nan as the sample_weight of sequence 3"),
        (0.0, "a sample_weight of 0 for all"),
        (np.ones((40, 1)), r"sample_weight of shape \(40, 1\)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_weights_that_are_refused_are_shown(weights, says):
    X, y = two_classes()
    with pytest.raises(DataError, match=says):
        SequenceClassifier(**BRIEF).fit(X, y, sample_weight=weights)


@pytest.mark.parametrize(
    "form", [lambda w: w, torch.tensor, lambda w: torch.tensor(w, requires_grad=True), pd.Series, lambda w: w * 1e307]
)
def test_weights_count_the_same_whatever_holds_them(form):
    X, y = two_classes()
    weights = np.linspace(1.0, 2.0, 40)
    plain = SequenceClassifier(**BRIEF).fit(X, y, sample_weight=weights)
    other = SequenceClassifier(**BRIEF).fit(X, y, sample_weight=form(weights))
    for a, b in zip(plain.network_.parameters(), other.network_.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_a_dataset_is_refused_with_the_name_of_its_part():
    for act in (SequenceClassifier(**BRIEF).fit, SequenceClassifier(**BRIEF).fit(*two_classes()).predict):
        with pytest.raises(DataError, match=r"a Dataset.*dataset\.train"):
            act(tidegate.read_dataset("digits"))


@pytest.mark.parametrize("y", [iter([1.0] * 40), dict.fromkeys(range(40), 1.0), {1.0}], ids=["iterator", "dict", "set"])
def test_targets_that_are_no_array_or_list_are_refused(y):
    with pytest.raises(DataError, match="y of type"):
        SequenceRegressor(**BRIEF).fit(two_classes()[0], y)


def test_a_setting_changed_after_fit_does_not_spoil_what_is_saved(tmp_path):
    X, y = two_classes()
    model = SequenceClassifier(**BRIEF).fit(X, y)
    model.set_params(hidden_size=9).save(tmp_path / "model")
    assert np.array_equal(tidegate.load(tmp_path / "model").predict_proba(X), model.predict_proba(X))


# Parameters


def test_whole_numbers_of_numpy_are_taken_for_every_setting(tmp_path):
    X, y = two_classes()
    whole = {"hidden_size": 4, "num_layers": 1, "steps": 3, "batch_size": 16, "seed": 1, "checks": 2, "patience": 2}
    model = SequenceClassifier(**{name: np.int64(value) for name, value in whole.items()}).fit(X, y)
    assert same_weights(model, SequenceClassifier(**whole).fit(X, y))
    model.save(tmp_path / "model")
    assert np.array_equal(tidegate.load(tmp_path / "model").predict_proba(X), model.predict_proba(X))


def test_a_grid_of_numpy_values_is_searched():
    from sklearn.model_selection import GridSearchCV

    X, y = two_classes()
    grid = {"hidden_size": np.arange(3, 5), "bidirectional": np.array([False, True]), "learning_rate": np.array([1e-2])}
    search = GridSearchCV(SequenceClassifier(steps=2), grid, cv=2, error_score="raise").fit(X, y)
    assert search.best_params_["hidden_size"] in (3, 4)


@pytest.mark.parametrize(
    "parameters",
    [
        {"missing": "skip"},
        {"class_weight": "even"},
        {"class_weight": {7: 1.0}},
        {"patience": 0},
        {"clip": np.zeros(2)},
        {"seed": 2**32},
        {"bidirectional": "no"},
        {"standardize": "False"},
        {"class_weight": {0: 0.0, 1: 0.0}},
        {"class_weight": {0: True, 1: 1.0}},
        {"class_weight": {0: np.nan}},
        {"class_weight": {0: np.complex128(1)}},
        {"class_weight": np.array([1.0, 2.0])},
        {"class_weight": pd.Series([1.0, 2.0])},
        {"cell": ["lstm"]},
        {"schedule": np.array(["auto", "constant"])},
        {"dropout": np.array(0.1)},
        {"dropout": np.False_},
        {"hidden_size": np.array([1, 2])},
        {"hidden_size": 10**30},
        {"num_layers": True},
        {"shift": 2},
        {"verbose": np.array([True, False])},
    ],
    ids=str,
)
def test_a_setting_that_cannot_work_or_be_saved_is_refused_before_training(parameters):
    model = SequenceClassifier(**(BRIEF | parameters))
    with pytest.raises(ConfigError, match=next(iter(parameters))):
        model.fit(*two_classes())
    assert not hasattr(model, "network_")


# Names of channels


def frames(n=30, columns=("a", "b")):
    X, y = two_classes(n)
    return [pd.DataFrame(x, columns=list(columns)) for x in X], y


def test_dataframes_are_matched_by_name():
    X, y = frames()
    turned = [x[["b", "a"]] if k % 2 else x for k, x in enumerate(X)]
    model = SequenceClassifier(**SMALL).fit(X, y)
    assert model.feature_names_in_.tolist() == ["a", "b"]
    assert same_weights(model, SequenceClassifier(**SMALL).fit(turned, y))
    assert np.array_equal(model.predict_proba(X), model.predict_proba(turned))
    assert np.array_equal(model.predict_proba(X), model.predict_proba([x[["b", "a"]] for x in X]))


def test_names_stay_with_the_saved_model(tmp_path):
    X, y = frames()
    model = SequenceClassifier(**BRIEF).fit(X, y)
    model.save(tmp_path / "model")
    loaded = tidegate.load(tmp_path / "model")
    assert loaded.feature_names_in_.tolist() == ["a", "b"]
    assert np.array_equal(loaded.predict_proba([x[["b", "a"]] for x in X]), model.predict_proba(X))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda x: x.rename(columns={"b": "c"}), "without the channel 'b'"),
        (lambda x: x.assign(c=1.0), "the unknown channel 'c'"),
        (lambda x: x[["a"]], "without the channel 'b'"),
        (lambda x: x.assign(a="high"), "text in the channel 'a'"),
    ],
)
def test_a_missing_or_unknown_channel_is_refused_by_name(change, says):
    X, y = frames()
    model = SequenceClassifier(**BRIEF).fit(X, y)
    with pytest.raises(DataError, match=says):
        model.predict([change(x) for x in X])


def test_an_array_for_a_model_with_names_is_taken_in_order_with_a_warning():
    X, y = frames()
    model = SequenceClassifier(**BRIEF).fit(X, y)
    with pytest.warns(DataWarning, match="taken as a, b, in this order"):
        by_position = model.predict_proba(np.stack([x.to_numpy() for x in X]))
    assert np.array_equal(by_position, model.predict_proba(X))


def test_a_dataframe_indexed_by_sequence_and_time_is_sequences():
    X, y = frames()
    together = pd.concat(X, keys=[f"s{k}" for k in range(len(X))])
    shuffled = together.sample(frac=1, random_state=0)
    named = pd.Series(y, index=[f"s{k}" for k in range(len(X))])
    model = SequenceClassifier(**SMALL).fit(X, y)
    assert same_weights(model, SequenceClassifier(**SMALL).fit(together, y))
    labels = pd.Series(model.predict(shuffled), index=shuffled.index.get_level_values(0).unique())
    assert (labels[named.index] == model.predict(X)).all()
    assert SequenceClassifier(**SMALL).fit(shuffled, named.sample(frac=1, random_state=1)).score(shuffled, named) > 0.9


@pytest.mark.parametrize(
    ("X", "says"),
    [
        (pd.DataFrame({"a": [1.0]}), "index has 1 level; wanted two"),
        ([pd.DataFrame({"a": [1.0]}), pd.DataFrame({"b": [1.0]})], r"X\[1\] without a column 'a'"),
        ([pd.DataFrame({"a": [1.0]}), pd.DataFrame({"a": []})], r"X\[1\] with no steps"),
        ([pd.DataFrame([[1.0, 2.0]], columns=["a", "a"])], "two columns 'a'"),
        ([pd.DataFrame({"a": pd.to_datetime(["2020-01-01"])})], "column 'a' of X of type datetime64"),
        (
            pd.DataFrame({"a": [1.0, 2.0]}, index=pd.MultiIndex.from_tuples([("s", "9"), ("s", "10")])),
            "wanted numbers or dates",
        ),
        ([pd.DataFrame({"a": [1j]})], "complex"),
        (
            pd.DataFrame({"a": [1.0, 2.0]}, index=pd.MultiIndex.from_tuples([("s", 1), ("s", 1)])),
            "step 1 twice in sequence 's'",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_dataframes_that_are_no_sequences_are_refused(X, says):
    with pytest.raises(DataError, match=says):
        SequenceClassifier(**BRIEF).fit(X, [0, 1][: len(X)])


# Text and missing values


def with_text(n=40):
    X, y = two_classes(n)
    return [pd.DataFrame(x, columns=["a", "b"]).assign(phone=["old", "new"][k % 2]) for k, x in enumerate(X)], y


def test_text_channels_are_columns_of_their_categories(tmp_path):
    X, y = with_text()
    model = SequenceClassifier(**SMALL).fit(X, y)
    assert model.network_.rnn.input_size == 4
    assert model.n_features_in_ == 3
    model.save(tmp_path / "model")
    assert np.array_equal(tidegate.load(tmp_path / "model").predict_proba(X[:1]), model.predict_proba(X[:1]))


def test_a_category_that_was_never_seen_is_read_as_none_and_told():
    X, y = with_text()
    model = SequenceClassifier(**BRIEF).fit(X, y)
    with pytest.warns(DataWarning, match="'phone' holds 'newest'.*never seen in training"):
        model.predict([X[0].assign(phone="newest")])


def test_categories_of_the_test_part_alone_are_not_learned():
    X, y = with_text()
    sequences = tidegate.data.as_sequences([*X[:-1], X[-1].assign(phone="rare")])
    model = SequenceClassifier(**BRIEF).fit(sequences[:39], y[:39])
    assert model.preparation_.categories == {"phone": ("new", "old")}
    with pytest.warns(DataWarning, match="'rare'"):
        model.predict(sequences)


def test_a_category_that_is_a_number_is_the_same_however_it_is_written():
    X, y = two_classes()
    first = pd.concat([pd.DataFrame(x).assign(id=k, d=k % 3) for k, x in enumerate(X)]).rename(columns=str)
    read = {
        name: tidegate.read_dataset(first.assign(d=first["d"].astype(name)), categorical="d").train
        for name in ("int64", "float64")
    }
    model = SequenceClassifier(**BRIEF).fit(read["int64"], y)
    assert np.array_equal(model.predict_proba(read["int64"]), model.predict_proba(read["float64"]))


def test_categories_that_look_like_numbers_are_read_as_in_training(tmp_path):
    X, y = two_classes()
    table = pd.concat([pd.DataFrame(x, columns=["a", "b"]).assign(id=n, code=n % 3, y=y[n]) for n, x in enumerate(X)])
    part = tidegate.read_dataset(table, categorical="code").train
    model = SequenceClassifier(**BRIEF).fit(part)
    model.save(tmp_path / "model")
    table.drop(columns="y").to_csv(tmp_path / "new.csv", index=False)
    rows = predict(tmp_path / "model", str(tmp_path / "new.csv"))[1]
    assert [row[1] for row in rows] == model.predict(part).tolist()


def test_text_is_carried_forward_and_at_the_start_backward():
    frame = pd.DataFrame({"a": [None, "u", None, "v", None], "x": 0.0})
    model = SequenceClassifier(**BRIEF, missing="interpolate").fit([frame] * 4, [0, 1, 0, 1])
    columns = model.preparation_.encode(tidegate.data.as_sequences([frame])).values
    assert columns[:, 0].tolist() == [1, 1, 1, 0, 0]


def holes(X):
    spoiled = X.copy()
    spoiled[::3, 1, 0] = np.nan
    return spoiled


@pytest.mark.parametrize("form", [lambda X: X, lambda X: np.ma.masked_invalid(X), list], ids=["NaN", "masked", "list"])
def test_missing_values_are_refused_with_their_place_and_the_remedy(form):
    X, y = two_classes()
    with pytest.raises(DataError, match="NaN in X at sequence 0, step 1, channel 0.*missing="):
        SequenceClassifier(**BRIEF).fit(form(holes(X)), y)


def test_interpolation_fills_along_the_sequence():
    X = np.arange(20, dtype=float).reshape(2, 10, 1)
    spoiled = X.copy()
    spoiled[0, 4:6], spoiled[1, 0], spoiled[1, 9] = np.nan, np.nan, np.nan
    model = SequenceRegressor(**BRIEF, missing="interpolate").fit(spoiled, X[:, :, 0])
    filled = model.preparation_.encode(tidegate.data.as_sequences(spoiled)).x
    X[1, 0], X[1, 9] = X[1, 1], X[1, 8]
    assert filled == pytest.approx(X)


def test_a_mask_is_a_column_for_each_channel_with_holes():
    X, y = two_classes()
    model = SequenceClassifier(**SMALL, missing="mask").fit(holes(X), y)
    columns = model.preparation_.encode(tidegate.data.as_sequences(holes(X))).x
    assert columns.shape == (40, 5, 3)
    assert columns[::3, 1, 2].all() and columns[:, :, 2].sum() == len(X[::3])
    with pytest.raises(DataError, match="channel 1"):
        model.predict(np.full((1, 5, 2), np.nan))


@pytest.mark.parametrize("missing", ["interpolate", "mask"])
def test_how_holes_are_filled_stays_with_the_saved_model(tmp_path, missing):
    X, y = two_classes()
    model = SequenceClassifier(**BRIEF, missing=missing).fit(holes(X), y)
    model.save(tmp_path / "model")
    assert np.array_equal(tidegate.load(tmp_path / "model").predict_proba(holes(X)), model.predict_proba(holes(X)))


def test_a_channel_without_a_value_in_a_sequence_is_told():
    X, y = two_classes()
    model = SequenceClassifier(**BRIEF, missing="interpolate").fit(X, y)
    X[0, :, 1] = np.nan
    with pytest.warns(DataWarning, match="channel 1 has no value in 1 of 40 sequences"):
        model.predict(X)


def test_a_channel_without_a_value_is_refused():
    X, y = two_classes()
    X[:, :, 1] = np.nan
    with pytest.raises(DataError, match="channel 1 without a single value"):
        SequenceClassifier(**BRIEF, missing="interpolate").fit(X, y)


# What a sequence counts


def overlapping(n=100, rare=0.1):
    noise = np.random.default_rng(0)
    y = (np.arange(n) < rare * n).astype(int)
    return noise.normal(size=(n, 5, 1)) + y[:, None, None], y


def test_balanced_classes_find_the_rare_one_more_often():
    X, y = overlapping()
    plain, balanced = (SequenceClassifier(**SMALL, class_weight=w).fit(X, y) for w in (None, "balanced"))
    assert (balanced.predict(X)[y == 1] == 1).sum() > (plain.predict(X)[y == 1] == 1).sum()
    assert "validation_balanced_accuracy" in balanced.history_[0]


def test_a_weight_for_each_class_is_a_weight_for_each_of_its_sequences(tmp_path):
    X, y = overlapping()
    by_class = SequenceClassifier(**SMALL, checks=1, class_weight={0: 1.0, 1: 3.0}).fit(X, y)
    by_sequence = SequenceClassifier(**SMALL, checks=1).fit(X, y, sample_weight=np.where(y, 3.0, 1.0))
    for a, b in zip(by_class.network_.parameters(), by_sequence.network_.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-2, atol=1e-2)
    by_class.save(tmp_path / "model")
    assert tidegate.load(tmp_path / "model").class_weight == {0: 1.0, 1: 3.0}


def test_weights_are_matched_by_name_as_targets_are():
    X, y = frames()
    names = [f"s{k}" for k in range(30)][::-1]
    together = pd.concat(X, keys=names)
    weights = np.linspace(0.5, 2, 30)
    plain = SequenceClassifier(**BRIEF).fit(together, y, sample_weight=weights)
    named = pd.Series(weights, index=names).sort_index()
    assert same_weights(plain, SequenceClassifier(**BRIEF).fit(together, y, sample_weight=named))


@pytest.mark.parametrize("estimator", [SequenceClassifier, SequenceRegressor])
def test_sequences_of_weight_zero_do_not_matter(estimator):
    X, y = two_classes(60)
    weights = np.where(np.arange(60) < 40, 1.0, 0.0)
    spoiled = np.where(weights > 0, y, 1 - y)
    settings = {**SMALL, "validation_share": 0.0, "batch_size": 60}
    kept, without = (estimator(**settings).fit(X, labels, sample_weight=weights) for labels in (y, spoiled))
    truth = kept.predict(X[:40]), without.predict(X[:40])
    assert np.mean(np.abs(truth[0] - truth[1])) < 0.05


@pytest.mark.parametrize("weights", [[-1.0] * 40, [0.0] * 40, [1.0] * 39, [np.nan] * 40, ["much"] * 40], ids=str)
def test_weights_that_cannot_be_are_refused(weights):
    with pytest.raises(DataError, match="sample_weight"):
        SequenceClassifier(**BRIEF).fit(*two_classes(), sample_weight=weights)


def still(**parameters):
    """What is trained so little that its first weights are its last."""
    return SequenceClassifier(hidden_size=4, steps=1, learning_rate=1e-30, **parameters)


def test_the_loss_of_validation_data_has_the_weights_of_classes_alone():
    from sklearn.metrics import log_loss

    X, y = two_classes()
    part = X[:20], np.where(y[:20], y[:20], np.arange(20) % 4 // 2)
    weighted = still(class_weight={0: 1.0, 1: 5.0}).fit(X, y, sample_weight=np.arange(40) + 1, validation_data=part)
    expected = log_loss(part[1], weighted.predict_proba(part[0]), sample_weight=np.where(part[1], 5.0, 1.0))
    assert weighted.history_[-1]["validation_loss"] == pytest.approx(expected, rel=1e-5)
    plain = still().fit(X, y, sample_weight=np.arange(40) + 1, validation_data=part)
    assert plain.history_[-1]["validation_loss"] == pytest.approx(
        log_loss(part[1], plain.predict_proba(part[0])), rel=1e-5
    )


@pytest.mark.parametrize("estimator", [SequenceClassifier, SequenceRegressor])
def test_the_losses_of_both_parts_are_weighted_means(estimator):
    X, y = two_classes(60)
    ragged = [x[: 2 + k % 4] for k, x in enumerate(X)]
    targets = y if estimator is SequenceClassifier else [x[:, 0] for x in ragged]
    model = estimator(**BRIEF, validation_share=0.1)
    parts = model.set_up(model._with_weights(model.labeled(ragged, targets), np.arange(60) + 1))
    for part in parts:
        per = part.lengths if part.per_step else None
        assert np.average(part.weights, weights=per) == pytest.approx(1)


# Validation and early stopping


def test_validation_data_chooses_the_kept_weights_and_nothing_is_held_out():
    X, y = two_classes(60)
    model = SequenceClassifier(**SMALL).fit(X[:40], y[:40], validation_data=(X[40:], y[40:]))
    held_out = SequenceClassifier(**SMALL, validation_share=0.0).fit(X[:40], y[:40])
    assert [row["train_loss"] for row in model.history_] == [row["train_loss"] for row in held_out.history_]
    assert model.history_[0]["validation_loss"] != held_out.history_[0]["validation_loss"]
    with pytest.raises(DataError, match="class 5"):
        SequenceClassifier(**SMALL).fit(X, y, validation_data=(X, np.full(60, 5)))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda X, y: (X * np.nan, y),
        lambda X, y: (X, y[:5]),
        lambda X, y: (X, y + 0.5),
        lambda X, y: (X, np.array(["a", "b"])[y]),
        lambda X, y: (X[:, :, :1], y),
        lambda X, y: (X[:0], y[:0]),
        lambda X, y: (X, None),
        lambda X, y: (X, y, y),
        lambda X, y: X,
        lambda X, y: {"X": X, "y": y},
        lambda X, y: zip(X, y, strict=True),
        lambda X, y: [],
    ],
    ids=["NaN", "too few", "numbers", "text", "a channel", "empty", "no y", "three", "X", "dict", "zip", "nothing"],
)
def test_what_is_wrong_with_validation_data_is_said_of_it(wrong):
    X, y = two_classes()
    with pytest.raises(DataError, match="validation_data"):
        SequenceClassifier(**BRIEF).fit(X, y, validation_data=wrong(X, y))


def test_validation_data_has_targets_of_the_kind_of_training():
    X, _ = two_classes(T=7)
    ragged = [x[: 4 + k % 4] for k, x in enumerate(X)]
    y = X[:, :5, 0]
    model = SequenceRegressor(**BRIEF).fit(ragged, y, validation_data=(X[:, :5], y))
    assert (model.target_per_, model.n_outputs_) == ("sequence", 5)


def test_training_stops_after_checks_without_improvement():
    X, y = two_classes(100)
    noise = np.random.default_rng(1).permutation(y)
    model = SequenceClassifier(**{**SMALL, "steps": 400}, schedule="constant", patience=3).fit(X, noise)
    assert model.history_[-1]["step"] < 400
    assert len([row for row in model.history_ if row["step"] > model.best_["step"]]) == 3


def test_a_check_that_is_no_better_to_the_bit_counts_as_none():
    X, y = two_classes()
    model = SequenceClassifier(**{**SMALL, "steps": 200, "learning_rate": 1e-30}, patience=2).fit(X, y)
    assert len(model.history_) == 3


# One target a sequence


@pytest.mark.parametrize("shape", [(40,), (40, 1), (40, 3)], ids=str)
@pytest.mark.parametrize("form", [np.asarray, np.ndarray.tolist], ids=["array", "list"])
@pytest.mark.parametrize("ragged", [False, True])
def test_a_regressor_learns_a_target_a_sequence(shape, form, ragged, tmp_path):
    X, _ = two_classes()
    y = X.mean(axis=(1, 2)).reshape(-1, *[1] * (len(shape) - 1)) * np.ones(shape)
    given = [x[: 3 + k % 3] for k, x in enumerate(X)] if ragged else X
    model = SequenceRegressor(**{**SMALL, "steps": 150}).fit(given, form(y))
    assert model.predict(given).shape == shape
    assert model.score(given, y) > 0.6
    model.save(tmp_path / "model")
    assert np.array_equal(tidegate.load(tmp_path / "model").predict(given), model.predict(given))


def test_targets_of_as_many_outputs_as_steps_are_read_as_it_is_said():
    X, _ = two_classes()
    y = np.ones((40, 5)) * np.arange(40)[:, None]
    by_step = SequenceRegressor(**BRIEF).fit(X, y)
    by_sequence = SequenceRegressor(**BRIEF, target_per="sequence").fit(X, y)
    assert (by_step.target_per_, by_step.n_outputs_) == ("step", 1)
    assert (by_sequence.target_per_, by_sequence.n_outputs_) == ("sequence", 5)


@pytest.mark.parametrize("k", [4, 6])
@pytest.mark.parametrize("form", [np.asarray, list], ids=["array", "list"])
def test_a_target_too_few_or_too_many_for_the_steps_is_refused_unless_it_is_said(k, form):
    X, _ = two_classes()
    y = form(np.ones((40, k)) * np.arange(40)[:, None])
    with pytest.raises(DataError, match=rf"y of shape \(40, {k}\) for sequences of 5 steps.*target_per='sequence'"):
        SequenceRegressor(**BRIEF).fit(X, y)
    assert SequenceRegressor(**BRIEF, target_per="sequence").fit(X, y).predict(X).shape == (40, k)


@pytest.mark.parametrize("k", [1, 2, 3, 7])
def test_other_numbers_of_targets_are_of_sequences(k):
    X, _ = two_classes()
    assert SequenceRegressor(**BRIEF).fit(X, np.ones((40, k))).target_per_ == "sequence"


def test_padded_targets_of_sequences_of_unequal_length_are_refused_unless_it_is_said():
    X, _ = two_classes()
    ragged = [x[: 3 + k % 3] for k, x in enumerate(X)]
    with pytest.raises(DataError, match="up to 5 steps.*a list of arrays"):
        SequenceRegressor(**BRIEF).fit(ragged, X[:, :, 0])
    assert SequenceRegressor(**BRIEF, target_per="sequence").fit(ragged, X[:, :, 0]).n_outputs_ == 5


def test_a_model_of_several_targets_a_sequence_is_scored_on_as_many_steps():
    X, _ = two_classes(T=8)
    y = X[:, :5, 0]
    model = SequenceRegressor(**BRIEF).fit(X, y)
    assert [np.isfinite(model.score(X[:, :T], y)) for T in (4, 5, 6)] == [True] * 3


# Memory


def test_a_long_sequence_among_short_ones_is_not_padded_as_a_whole():
    X = [np.ones((10, 1)) * (k % 2) for k in range(299)] + [np.ones((5_000, 1))]
    y = np.arange(300) % 2
    sequences = tidegate.data.as_sequences(X)
    assert sequences.values.nbytes < 8 * 10_000
    model = SequenceClassifier(cell="gru", hidden_size=4, steps=3, batch_size=300, validation_share=0.0).fit(X, y)
    assert model.predict(X).shape == (300,)


def test_batches_of_parts_learn_what_whole_ones_do(monkeypatch):
    from tidegate.tasks import examples

    X = [np.random.default_rng(k).normal(size=(400 if k == 0 else 3, 2)) for k in range(60)]
    y = np.arange(60) % 2
    # Dropout and noise are drawn for each part.
    drawn = {"dropout": 0.0, "noise": 0.0}
    settings = {"hidden_size": 4, "steps": 5, "validation_share": 0.0, "batch_size": 60, **drawn}
    whole = SequenceClassifier(**settings).fit(X, y)
    monkeypatch.setattr(examples, "SMALL", 0)
    parts = SequenceClassifier(**settings).fit(X, y)
    for a, b in zip(whole.network_.parameters(), parts.network_.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


# Metrics


def test_metrics_are_scikit_learns():
    from sklearn.metrics import balanced_accuracy_score, confusion_matrix, f1_score

    X, y = overlapping()
    model = SequenceClassifier(**SMALL).fit(X, y)
    found = json.loads(json.dumps(model.metrics(model.labeled(X, y))))
    predicted = model.predict(X)
    assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(y, predicted))
    assert found["macro_f1"] == pytest.approx(f1_score(y, predicted, average="macro"))
    assert found["confusion_matrix"] == confusion_matrix(y, predicted).tolist()
    assert found["classes"]["1"]["f1"] == pytest.approx(f1_score(y, predicted))
    assert found["n"] == 100


def test_a_missing_extra_is_one_sentence_with_the_command():
    import subprocess
    import sys

    code = "import sys; sys.modules['lightning'] = None; import tidegate; tidegate.SequenceClassifier"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stderr
    assert said.splitlines()[-1].endswith('do run: pip install "tidegate[tasks]"')


def test_the_learning_rate_follows_from_the_number_of_sequences(monkeypatch):
    from tidegate.tasks import sequences

    X, y = overlapping()
    peaks = []
    for many in (20_000, 50):
        monkeypatch.setattr(sequences, "MANY", many)
        for given in ({}, {"learning_rate": 1e-2}):
            model = SequenceClassifier(hidden_size=4, steps=10, checks=10, **given).fit(X, y)
            peaks.append(max(row["learning_rate"] for row in model.history_))
    assert peaks == pytest.approx([6e-3, 1e-2, 2e-3, 1e-2], rel=0.2)
