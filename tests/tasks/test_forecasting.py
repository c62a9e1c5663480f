"""Forecasts: what the network sees, what it says, and what a user may do with it."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone

import tidegate as tg
from tidegate.errors import ConfigError, DataError, DataWarning
from tidegate.preparation.panel import as_panel
from tidegate.preparation.series import read_panel
from tidegate.tasks.backtest import baselines, best_baseline, scores
from tidegate.tasks.forecasting import QUANTILES, Forecaster

SMALL = {"hidden_size": 8, "steps": 3, "members": 1, "window": 16}


def waves(n=100, m=6, noise=0.0, count=1):
    t = np.arange(n)
    random = np.random.default_rng(0)
    found = [
        (k + 1) * (10 + 0.1 * t + 3 * np.sin(2 * np.pi * t / m)) + noise * random.normal(size=n) for k in range(count)
    ]
    return np.stack(found) if count > 1 else found[0]


def frame(n=60, count=2, **columns):
    days = pd.date_range("2020-01-01", periods=n)
    parts = [pd.DataFrame({"shop": f"s{k}", "date": days, "y": waves(n, 7) * (k + 1)}) for k in range(count)]
    return pd.concat(parts).assign(**columns)


@pytest.fixture(scope="module")
def fitted():
    return Forecaster(horizon=6, season=6, **SMALL).fit(waves(count=3))


def test_seasons_and_trends_are_learned():
    y = waves(160, 6, noise=0.2)
    model = Forecaster(horizon=6, season=6, hidden_size=16, steps=150, window=24, members=1).fit(y[:-6])
    error = np.abs(model.predict() - y[-6:]).mean()
    simple = baselines(y[:-6], 6, 6)
    assert error < min(np.abs(one - y[-6:]).mean() for one in simple.values())


def test_quantiles_do_not_cross(fitted):
    assert (np.diff(fitted.predict_quantiles(), axis=2) > 0).all()
    noise = np.random.default_rng(0).normal(size=(3, 80)).cumsum(axis=1)
    assert (np.diff(fitted.predict_quantiles(noise), axis=2) > 0).all()


def test_the_unit_of_a_series_does_not_matter(fitted):
    y = waves(count=3) + np.random.default_rng(0).normal(size=(3, 100))
    found = fitted.predict_quantiles(y)
    np.testing.assert_allclose(fitted.predict_quantiles(1e6 * y), 1e6 * found, rtol=1e-5)


def test_a_series_is_forecast_alike_in_any_company(fitted):
    y = waves(count=3)
    alone = np.concatenate([fitted.predict_quantiles(one[None]) for one in y])
    np.testing.assert_allclose(fitted.predict_quantiles(y), alone, rtol=1e-5)


def test_no_forecast_sees_what_comes_after_it(fitted):
    """In training every step forecasts; what is changed after a step changes nothing of what it says."""
    network = fitted.network_.train()
    store = fitted.windows_.store(as_panel(waves(count=3)))
    x = torch.from_numpy(store.cut(np.array([0, 1]), np.array([60, 60])).x)
    changed = x.clone()
    cut = fitted.windows_.history + 8
    changed[:, cut:, 0] += torch.randn_like(changed[:, cut:, 0])
    changed[:, cut:, 1] = 0
    network.eval()  # no dropout, but from every step
    network.training = True
    with torch.no_grad():
        before, after = network(x), network(changed)
    network.eval()
    assert torch.equal(before.quantiles[:, :, :8], after.quantiles[:, :, :8])
    assert not torch.equal(before.quantiles[:, :, 8:], after.quantiles[:, :, 8:])


@pytest.mark.parametrize(("season", "horizon"), [(4, 10), (7, 7), (12, 5), (30, 48)])
def test_the_network_is_shown_what_came_a_season_ago(season, horizon):
    model = Forecaster(horizon=horizon, season=season, **SMALL)
    model.set_up(as_panel(waves(300)))
    t, h = model.windows_.history, np.arange(1, horizon + 1)
    paths = model.network_.paths[0].numpy()
    for back, path in enumerate(paths):
        # The last known step at the same point of the season, or one season earlier.
        np.testing.assert_array_equal(path, t + h - season * (-(-h // season) + back))
    assert (paths >= 0).all() and (paths <= t).all()


def test_what_is_filled_in_is_no_target(fitted):
    y = waves()
    holes = y.copy()
    holes[50:53] = np.nan
    store = fitted.windows_.store(as_panel(holes))
    x = torch.from_numpy(store.cut(np.array([0]), np.array([60])).x)
    with torch.no_grad():
        forecast = fitted.network_.eval()(x)
    _, counts = fitted.network_.truth(x, forecast)
    assert counts[0, 0].tolist() == [1] * 6
    x = torch.from_numpy(store.cut(np.array([0]), np.array([48])).x)
    _, counts = fitted.network_.truth(x, forecast)
    assert counts[0, 0].tolist() == [1, 1, 0, 0, 0, 1]


def test_the_last_steps_are_validation_and_then_test():
    model = Forecaster(horizon=5, windows=3, **SMALL)
    train, whole, rows, ends = model.parts(read_panel(waves()))
    assert ends.tolist() == [85, 90, 95] and rows.tolist() == [0, 0, 0]
    assert train.lengths.tolist() == [85] and whole.lengths.tolist() == [100]
    windows, validation = model.set_up(train)
    seen = windows.values[:, 1]
    assert len(validation) == 5
    longest = model.windows_.store(train.until(np.array([80]))).training()
    assert len(longest) == len(windows) and seen.sum() == longest.values[:, 1].sum()


def test_tables_come_back_with_dates_and_quantiles():
    model = Forecaster(horizon=4, **SMALL).fit(frame(), id="shop")
    found = model.predict()
    assert found.columns.tolist() == ["shop", "date", "y", *(f"q{level:g}" for level in QUANTILES)]
    assert found["date"].tolist() == 2 * pd.date_range("2020-03-01", periods=4).tolist()
    assert (found["y"] == found["q0.5"]).all()
    # New rows are taken up without training.
    later = model.predict(frame(n=70))
    assert later["date"].iloc[0] == pd.Timestamp("2020-03-11")
    assert model.predict(frame(n=60)).equals(found)


def test_gaps_where_the_kept_steps_begin_change_nothing():
    steps = Forecaster(horizon=4, **SMALL).fit(waves()).windows_
    for gap in range(3):
        y = waves()
        begin = len(y) - steps.history - steps.length
        y[begin - gap : begin + 2] = np.nan
        X = np.where(np.isnan(y), np.nan, np.arange(100.0))[:, None]
        model = Forecaster(horizon=4, **SMALL).fit(X, y)
        assert np.isfinite(model.predict()).all()
        np.testing.assert_array_equal(model.predict(), model.predict(X, y))


def test_what_is_known_ahead_has_to_reach_as_far():
    data = frame(price=0.0)
    data["price"] = np.arange(len(data)) % 5
    data.loc[data["date"] > "2020-02-20", "y"] = np.nan
    model = Forecaster(horizon=4, **SMALL).fit(data, id="shop", future="price")
    first = model.predict(data)
    moved = data.copy()
    moved.loc[moved["date"] > "2020-02-20", "price"] = 4
    assert not np.allclose(model.predict(moved)["y"], first["y"])
    with pytest.raises(DataError, match="price of the series s0 known for 2 steps"):
        model.predict(data[data["date"] < "2020-02-23"])


def test_columns_may_be_in_any_order_and_stay_the_same_in_new_data():
    data = frame(price=1.0, place="north")
    data["price"] = np.arange(len(data)) % 5
    data.loc[data["shop"] == "s1", "place"] = "south"
    model = Forecaster(horizon=4, **SMALL).fit(data, id="shop")
    assert model.windows_.names == ("place", "price")
    expected = model.predict(data)
    swapped = data[["place", "y", "price", "date", "shop"]]
    assert np.allclose(model.predict(swapped[swapped["shop"] == "s1"])["y"], expected["y"][4:])
    model.predict(data.assign(price=2.0))
    with pytest.warns(DataWarning, match="'east', which training has not seen"):
        model.predict(data.assign(place="east"))
    with pytest.raises(DataError, match="'price' is in one alone"):
        model.predict(data.drop(columns="price"))


def test_what_was_never_below_zero_is_not_forecast_there():
    y = np.random.default_rng(0).poisson(0.3, size=(3, 80)).astype(float)
    model = Forecaster(horizon=6, **SMALL).fit(y)
    assert (model.predict_quantiles() >= 0).all()
    assert (model.predict_quantiles(y - 5) < -5).any()


def test_saved_and_loaded_it_says_the_same_bits(tmp_path):
    data = frame(price=1.0, place="north")
    data.loc[data["shop"] == "s1", "place"] = "south"
    model = Forecaster(horizon=4, cell="gru", **SMALL).fit(data, id="shop", channels="price,place")
    model.save(tmp_path / "model")
    loaded = tg.load(tmp_path / "model")
    assert loaded.predict().equals(model.predict())
    assert loaded.predict(data).equals(model.predict(data))
    assert loaded.get_params() == model.get_params()


def test_the_contract_of_scikit_learn(fitted):
    assert clone(fitted).get_params() == fitted.get_params()
    again = Forecaster(horizon=6, season=6, **SMALL).fit(waves(count=3))
    np.testing.assert_array_equal(again.predict(), fitted.predict())
    assert fitted.score(waves(count=3)) <= 1
    with pytest.raises(tg.errors.NotFittedError):
        Forecaster().predict()


def test_covariates_go_before_the_series_as_scikit_learn_has_it():
    y = waves(count=3)
    X = np.random.default_rng(0).normal(size=(3, 100, 2))
    model = Forecaster(horizon=6, **SMALL).fit(X, y)
    assert model.predict(X, y).shape == (3, 6)
    with pytest.raises(DataError, match="as many steps"):
        model.fit(X[:, :90], y)


@pytest.mark.parametrize("y", [np.full(60, 5.0), np.full(60, 0.0), np.r_[np.full(50, 1e9), np.full(10, 1e9)]])
def test_a_constant_goes_on(y):
    found = Forecaster(horizon=6, **SMALL).fit(y).predict()
    np.testing.assert_allclose(found, y[-6:], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("parameters", "y", "error", "says"),
    [
        ({"horizon": 0}, waves(), ConfigError, "horizon=0"),
        ({"horizon": 300}, waves(), DataError, "100 steps at most"),
        ({}, [1.0, 2.0, 3.0], DataError, "3 steps at most"),
        ({"log": True}, waves() - 12, DataError, "logarithm"),
        ({"missing": "refuse"}, np.r_[waves()[:50], np.nan, waves()[50:]], DataError, "1 missing"),
        ({"missing": "mask"}, waves(), ConfigError, "missing='mask'"),
        ({"season": 0}, waves(), ConfigError, "season=0"),
        ({}, np.r_[waves(), np.inf], DataError, "infinity"),
        ({}, np.zeros((2, 3, 4)), DataError, "shape"),
    ],
)
def test_what_cannot_be_forecast_is_refused(parameters, y, error, says):
    with pytest.raises(error, match=says):
        Forecaster(**{"horizon": 6, **SMALL, **parameters}).fit(y)


def test_logarithms_are_taken_back():
    y = np.exp(waves() / 20)
    found = Forecaster(horizon=6, season=6, log=True, **SMALL).fit(y).predict_quantiles()
    assert (found > 0).all() and (np.diff(found, axis=2) > 0).all()


def test_scores_are_those_of_their_definitions():
    y = np.array([1.0, 2, 4, 3, 5, 4, 7, 6])
    forecast = np.tile(np.array([4.0, 4.5, 5, 5.5, 6, 6.5, 7]), (1, 2, 1))
    found = scores([y], np.array([0]), np.array([6]), forecast, QUANTILES, 1)
    scale = np.abs(np.diff(y[:6])).mean()
    assert found["mase"] == pytest.approx(np.mean([1.5, 0.5]) / scale)
    assert found["smape"] == pytest.approx(200 * np.mean([1.5 / 12.5, 0.5 / 11.5]))
    assert found["rmse"] == pytest.approx(np.sqrt(np.mean([1.5**2, 0.5**2])))
    assert (found["coverage_80"], found["coverage_95"]) == (0.5, 1)
    off = np.array([7.0, 6])[:, None] - forecast[0]
    levels = np.array(QUANTILES)
    assert found["weighted_quantile_loss"] == pytest.approx(
        2 * np.maximum(levels * off, (levels - 1) * off).mean(axis=1).sum() / 13
    )
    assert found["baselines"]["naive"]["mase"] == pytest.approx(2.5 / scale)
    assert best_baseline(found) is None
    assert best_baseline({**found, "mase": 9.0})[0] == "drift"
