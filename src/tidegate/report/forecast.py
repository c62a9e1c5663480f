"""The page of a forecaster: what it says of the steps that it has not seen, beside what came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tidegate.report import figures
from tidegate.report.figures import Picture
from tidegate.report.section import chosen_by, opened, section
from tidegate.tasks.backtest import BASELINES, MODEL, best_baseline
from tidegate.tasks.forecasting import QUANTILES, Forecaster
from tidegate.tasks.run import Run

NAMES = {
    "mase": "MASE",
    "smape": "sMAPE",
    "rmse": "RMSE",
    "weighted_quantile_loss": "weighted quantile loss",
    "coverage_80": "in the 80 % interval",
    "coverage_95": "in the 95 % interval",
}
DRAWN = 4
"""Series that are drawn: the first ones, and as many that went worst."""
BOUNDS = [QUANTILES.index(level) for level in (0.025, 0.1, 0.5, 0.9, 0.975)]


def verdict(scored: dict[str, Any]) -> str:
    """Whether the network is worth it, in a sentence; empty where nothing can be compared."""
    if scored["mase"] is None:
        return ""
    ahead = best_baseline(scored)
    if ahead is not None:
        return f"the {ahead[0]} forecast is better: MASE {ahead[1]:.3g} against {scored['mase']:.3g}"
    known = {name: one["mase"] for name, one in scored["baselines"].items() if one["mase"] is not None}
    name = min(known, key=lambda one: known[one])
    return f"better than the simplest methods, of which {name} has a MASE of {known[name]:.3g}"


def forecast_summary(title: str, metrics: dict[str, Any]) -> str:
    """The scores of a finished run in a line, which begins with the method that is better, where one is."""
    scored = metrics["test"]
    says = verdict(scored)
    beaten = best_baseline(scored) is not None
    mase = "none" if scored["mase"] is None else f"{scored['mase']:.3g}"
    line = (
        f"{title}: test MASE {mase}, sMAPE {scored['smape']:.3g} % of {scored['n']:,} series; "
        f"80 % interval holds {100 * scored['coverage_80']:.0f} % "
        f"({metrics['seconds']:.0f} s, {metrics['parameters']:,} parameters)"
    )
    if not says:
        return line
    return f"{says[0].upper()}{says[1:]}\n{line}" if beaten else f"{line}; {says}"


def forecast_section(
    run: Run, title: str, metrics: dict[str, Any], history: Sequence[dict[str, float]]
) -> dict[str, Any]:
    """What the page says of a run."""
    scored = metrics["test"]
    model, material, changed = opened(run)
    pictures = [
        *_forecasts(model, material, scored),
        _by_horizon(scored),
        figures.learning_curve("Loss", history, metrics["kept"], chosen_by(metrics)),
    ]
    counted = f"{scored['forecasts']:,} forecast{'s'[: scored['forecasts'] != 1]} of {scored['n']:,} series"
    shown = [(NAMES[name], _shown(name, scored[name]), counted) for name in NAMES]
    return section(
        run,
        title,
        metrics,
        history,
        f"forecasting {run.parameters['horizon']} steps ahead",
        scores=shown,
        methods=[
            (name, *(_shown(metric, one[metric]) for metric in ("mase", "smape", "rmse")))
            for name, one in [("this model", scored), *scored["baselines"].items()]
        ],
        worst=[(name, f"{value:.3g}") for name, value in scored["worst"]] if scored["n"] > 1 else [],
        notes=[note for note in (verdict(scored), *run.notes, *changed) if note],
        pictures=pictures,
        forecasts=True,
    )


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "none"
    if name.startswith("coverage"):
        return f"{100 * value:.0f} %"
    return f"{value:.3g} %" if name == "smape" else f"{value:.4g}"


def _forecasts(model: Forecaster, material: Any, scored: dict[str, Any]) -> list[Picture]:
    """The last forecasts of some series, and of those that went worst."""
    panel = material.whole
    by_name = {str(name): n for n, name in enumerate(panel.ids)}
    worst = [by_name[name] for name, _ in scored["worst"] if name in by_name][:DRAWN]
    first = [int(n) for n in dict.fromkeys(material.rows.tolist()) if n not in worst][:DRAWN]
    if len(panel) == 1:
        worst, first = [], [0]
    pictures = []
    for n in [*first, *worst]:
        which = np.flatnonzero(material.rows == n)[-6:]
        found = model.forecast(panel, material.rows[which], material.ends[which])
        name = f"Series {panel.ids[n]}" if panel.named else panel.target
        title = f"{name}: forecasts and what came" + (", among the worst" if n in worst else "")
        pictures.append(_forecast(title, panel, n, material.ends[which], found))
    return pictures


def _forecast(title: str, panel: Any, n: int, ends: np.ndarray, found: np.ndarray) -> Picture:
    H = found.shape[1]
    begin = max(0, int(ends[0]) - max(3 * H, 40))
    steps = np.arange(begin, len(panel.y[n]))
    dates = panel.frequency is not None and panel.frequency.kind != "number"
    ahead = [panel.times(n, int(end) + np.arange(H)) for end in ends]
    labels = panel.time_name, panel.target
    return figures.forecasts(
        title, panel.times(n, steps), panel.y[n][begin:], ahead, list(found[:, :, BOUNDS]), labels, dates
    )


def _by_horizon(scored: dict[str, Any]) -> Picture:
    curves = {"this model" if name == MODEL else name: scored["by_horizon"][name] for name in (MODEL, *BASELINES)}
    return figures.error_by_horizon("Error by horizon", curves, "absolute error, scaled as MASE")
