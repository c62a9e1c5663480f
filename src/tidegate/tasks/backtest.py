"""What forecasts are worth: errors and coverage beside those of the simplest methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tidegate.preparation.panel import carried

if TYPE_CHECKING:
    import pandas

BASELINES = ("naive", "seasonal naive", "drift")
INTERVALS = {80: (0.1, 0.9), 95: (0.025, 0.975)}
MODEL = "model"


def baselines(history: np.ndarray, horizon: int, season: int) -> dict[str, np.ndarray]:
    """The forecasts of the simplest methods, each [H], from what was known.

    naive goes on with the last value, seasonal naive with those of a season ago, drift on the line from the first to
    the last value (Hyndman & Athanasopoulos 2021, chapter 5.2).

    >>> {name: found.tolist() for name, found in baselines(np.array([1.0, 5.0, 3.0]), 2, 2).items()}
    {'naive': [3.0, 3.0], 'seasonal naive': [5.0, 3.0], 'drift': [4.0, 5.0]}
    """
    n, steps = len(history), np.arange(1, horizon + 1)
    season = season if n >= season else 1
    slope = (history[-1] - history[0]) / max(1, n - 1)
    return {
        "naive": np.full(horizon, history[-1]),
        "seasonal naive": history[n - season + (steps - 1) % season],
        "drift": history[-1] + slope * steps,
    }


def scores(
    series: Sequence[np.ndarray],
    rows: np.ndarray,
    ends: np.ndarray,
    forecasts: np.ndarray,
    levels: Sequence[float],
    season: int,
) -> dict[str, Any]:
    """The scores of forecasts and of the simplest methods from the same origins.

    Args:
        series: of each its values, NaN where missing.
        rows, ends: of each forecast its series, and how many of its steps were known [B].
        forecasts: quantiles [B, H, Q].
        levels: of the quantiles; 0.5 is one of them.
        season: of the seasonal naive method, and of MASE (Hyndman & Koehler 2006).

    MASE, sMAPE (in percent, 200 at most) and RMSE are means over series; the weighted
    quantile loss is twice the sum of all over the sum of all values; coverage is the share of values in an interval.
    """
    from utilsforecast import losses

    frame, mase = scaled_errors(series, rows, ends, forecasts, levels, season)
    methods = [MODEL, *BASELINES]
    smape = 200 * losses.smape(frame, methods).set_index("unique_id")[methods]
    rmse = losses.rmse(frame, methods).set_index("unique_id")[methods]
    found: dict[str, Any] = {
        name: {
            "mase": _mean(mase[name]),
            "smape": _mean(smape[name]),
            "rmse": _mean(rmse[name]),
        }
        for name in methods
    }
    # Means over series weigh each the same; the loss of all together does not.
    counts = frame.groupby("unique_id").size()
    lost = 0.0
    for level in levels:
        of_series = losses.quantile_loss(frame, models={MODEL: f"q{level:g}"}, q=level).set_index("unique_id")[MODEL]
        lost += float((of_series * counts).sum())
    total = float(frame["y"].abs().sum())
    result: dict[str, Any] = {
        **found[MODEL],
        "weighted_quantile_loss": 2 * lost / len(levels) / total if total else None,
    }
    for percent, (low, high) in INTERVALS.items():
        inside = (frame["y"] >= frame[f"q{low:g}"]) & (frame["y"] <= frame[f"q{high:g}"])
        result[f"coverage_{percent}"] = float(inside.mean())
    result["baselines"] = {name: found[name] for name in BASELINES}
    # In units of each series' seasonal naive error in training, as MASE.
    unit = (losses.mae(frame, [MODEL]).set_index("unique_id")[MODEL] / mase[MODEL]).replace([np.inf, 0], np.nan)
    units = frame["unique_id"].map(unit)
    result["by_horizon"] = {
        name: [_mean(one) for _, one in ((frame["y"] - frame[name]).abs() / units).groupby(frame["ahead"])]
        for name in methods
    }
    worst = mase[MODEL].dropna().sort_values(ascending=False)
    result["worst"] = [[int(n), float(value)] for n, value in worst.head(6).items()]
    return result


def scaled_errors(
    series: Sequence[np.ndarray],
    rows: np.ndarray,
    ends: np.ndarray,
    forecasts: np.ndarray,
    levels: Sequence[float],
    season: int,
) -> tuple[pandas.DataFrame, pandas.DataFrame]:
    """Each value that was forecast, with its forecasts; and the MASE of every series by every method; see `scores`."""
    import pandas as pd
    from utilsforecast import losses

    H = forecasts.shape[1]
    index = np.repeat(rows, H)
    ahead = np.tile(np.arange(H), len(rows))
    at = np.repeat(ends, H) + ahead
    y = np.array([series[n][t] if t < len(series[n]) else np.nan for n, t in zip(index, at, strict=True)])
    frame = pd.DataFrame({"unique_id": index, "ds": at, "y": y, "ahead": ahead})
    for k, level in enumerate(levels):
        frame[f"q{level:g}"] = forecasts[:, :, k].reshape(-1)
    frame[MODEL] = frame["q0.5"]
    simple = [baselines(carried(series[n][:end]), H, season) for n, end in zip(rows, ends, strict=True)]
    for name in BASELINES:
        frame[name] = np.concatenate([one[name] for one in simple]) if simple else np.empty(0)
    frame = frame[frame["y"].notna()]
    methods = [MODEL, *BASELINES]
    first = {int(n): int(ends[rows == n].min()) for n in np.unique(rows)}
    train = pd.DataFrame(
        {
            "unique_id": np.repeat(list(first), list(first.values())),
            "ds": np.concatenate([np.arange(end) for end in first.values()]),
            "y": np.concatenate([carried(series[n][:end]) for n, end in first.items()]),
        }
    )
    # The season of a series that is shorter is a step.
    short = {n for n, end in first.items() if end <= season}
    parts = []
    for m, among in ((season, set(first) - short), (1, short)):
        if among:
            some, known = (one[one["unique_id"].isin(among)] for one in (frame, train))
            parts.append(losses.mase(some, methods, seasonality=m, train_df=known))
    mase = pd.concat(parts).set_index("unique_id")[methods].replace([np.inf, -np.inf], np.nan)
    return frame, mase


def best_baseline(found: dict[str, Any]) -> tuple[str, float] | None:
    """The simplest method that has a lower MASE than the model, with its MASE; none where the model is ahead."""
    known = {name: scored for name, scored in found["baselines"].items() if scored["mase"] is not None}
    if not known:
        return None
    name, scored = min(known.items(), key=lambda one: one[1]["mase"])
    if found["mase"] is None or scored["mase"] >= found["mase"]:
        return None
    return name, scored["mase"]


def _mean(values: Any) -> float | None:
    found = float(values.mean())
    return found if np.isfinite(found) else None
