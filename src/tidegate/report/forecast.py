"""The page of a forecaster: forecasts of the test part beside the actual values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tidegate.report import figures
from tidegate.report.figures import Picture
from tidegate.report.measures import MEASURES, counted
from tidegate.report.section import (
    Pictures,
    Section,
    Table,
    Usage,
    chosen_by,
    console,
    opened,
    python,
    scores_of,
    section,
)
from tidegate.report.verdict import Verdict, verdict
from tidegate.tasks.backtest import BASELINES, MODEL
from tidegate.tasks.forecasting import QUANTILES, Forecaster
from tidegate.tasks.run import Run

METRICS = ("mase", "smape", "rmse", "weighted_quantile_loss", "coverage_80", "coverage_95")
DRAWN = 4
"""Series that are drawn: the first ones, and as many of those with the largest errors."""
BOUNDS = [QUANTILES.index(level) for level in (0.025, 0.1, 0.5, 0.9, 0.975)]


def forecast_verdict(run: Run, metrics: dict[str, Any]) -> Verdict:
    """Whether the forecaster is better than its baselines."""
    scored = metrics["test"]
    baselines = {name: one["mase"] for name, one in scored["baselines"].items() if one["mase"] is not None}
    if scored["mase"] is None:
        return Verdict(None, "no MASE, since the series are constant: no comparison with the baselines")
    return verdict("mase", metrics, baselines)


def forecast_details(metrics: dict[str, Any]) -> str:
    """The other scores, in a line."""
    scored = metrics["test"]
    return f"sMAPE {scored['smape']:.3g} %, {100 * scored['coverage_80']:.0f} % of the values in the 80 % interval"


def forecast_section(run: Run, title: str, metrics: dict[str, Any], history: Sequence[dict[str, float]]) -> Section:
    """The section of a run."""
    scored = metrics["test"]
    model, material, notes = opened(run)
    n = f"{counted(scored['forecasts'], 'forecast')} of {scored['n']:,} series"
    own = f"{run.parameters['cell'].upper()} (this run)"
    methods = [
        (name, *(_shown(metric, one[metric]) for metric in ("mase", "smape", "rmse")))
        for name, one in sorted(
            [(own, scored), *scored["baselines"].items()],
            key=lambda row: np.inf if row[1]["mase"] is None else row[1]["mase"],
        )
    ]
    blocks: list[Any] = [
        Table(
            "Baselines",
            ["", "MASE", "sMAPE", f"RMSE (units of {material.whole.target})"],
            methods,
            f"On {n}; smaller is better. A MASE below 1 is better than the seasonal naive method on the training data.",
            own=[name for name, *_ in methods].index(own),
        ),
        Pictures(_forecasts(model, material, scored)),
        Pictures(
            [
                _by_horizon(scored),
                figures.learning_curve("Loss", history, metrics["kept"], chosen_by(metrics), "scaled quantile loss"),
            ]
        ),
    ]
    if scored["n"] > 1:
        worst = [(name, f"{value:.3g}") for name, value in scored["worst"]]
        blocks.append(Table("Series with the largest errors", ["series", "MASE"], worst))
    return section(
        run,
        model,
        metrics,
        history,
        "loss",
        title=title,
        subtitle=f"Forecasting: {counted(run.parameters['horizon'], 'step')} ahead, with quantiles.",
        verdict=forecast_verdict(run, metrics),
        scores=scores_of(metrics, METRICS, {"rmse": material.whole.target}),
        blocks=blocks,
        usage=Usage(
            python(run, "print(model.predict())  # the steps after the end of the training data"),
            [console(run, "predict"), console(run, "evaluate")],
        ),
        notes=notes,
    )


def _shown(metric: str, value: float | None) -> str:
    return "none" if value is None else MEASURES[metric].shown(value)


def _forecasts(model: Forecaster, material: Any, scored: dict[str, Any]) -> list[Picture]:
    """The last forecasts of some series, and of those with the largest errors."""
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
        title = f"{name}: forecasts and actual values" + (" (among the largest errors)" if n in worst else "")
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
    return figures.error_by_horizon("Error by horizon", curves, "mean absolute scaled error")
