"""How far forecasts are from what came: ours, and those of the methods that people would use instead.

FOLDER holds the data sets as `SETS` names them. Every method forecasts the same horizons from the same origins, and is
scored by the same code. What it learns from ends where the first of its test horizons begins; a statistical method is
fitted again at each origin, a network is not.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rows import REPOSITORY, RESULTS, Recorder, Row, beside_load, names, read_file, use_threads
from tidegate.preparation import Reading
from tidegate.preparation.panel import Panel, carried
from tidegate.preparation.series import PanelRead, read_panel
from tidegate.tasks.backtest import BASELINES, scores
from tidegate.tasks.forecasting import QUANTILES, Forecaster

PAGE, ROWS = REPOSITORY / "docs" / "measured" / "forecasting.md", RESULTS / "forecasting.jsonl"
MOST_FITTED = 1000
"""Steps before an origin that a statistical method is fitted on."""
OURS = ("lstm", "gru", "rnn")
STATISTICS = ("AutoETS", "AutoTheta")
TITLES = {"lstm": "our LSTM", "gru": "our GRU", "rnn": "our RNN", "NeuralForecast-LSTM": "NeuralForecast's LSTM"}


@dataclass(frozen=True)
class Set:
    """A data set: where it lies, what is forecast and from how many origins."""

    name: str
    path: str
    horizon: int
    windows: int = 1
    reading: dict[str, Any] = field(default_factory=dict)
    title: str = ""
    own_horizons: tuple[int, ...] = ()
    """Of series with horizons of their own, as the file says."""


SETS = {
    one.name: one
    for one in (
        Set("m4_weekly", "m4_weekly/Weekly-train.csv", 13, title="M4 weekly, 359 series"),
        Set("cif_2016", "monash_small/cif_2016_dataset.tsf", 12, title="CIF 2016, 72 monthly series"),
        Set("hospital", "monash_small/hospital_dataset.tsf", 12, title="Hospital, 767 monthly series"),
        Set("airline", "univariate_series/airline-passengers.csv", 24, title="airline passengers, months"),
        Set("sunspots", "univariate_series/monthly-sunspots.csv", 24, 10, title="sunspots, months"),
        Set("temperatures", "univariate_series/daily-min-temperatures.csv", 14, 20, title="minimum temperatures, days"),
        Set("etth1", "ett/ETTh1.csv", 24, 30, {"target": "OT"}, "ETTh1, oil temperature, hours"),
        Set("beijing", "beijing_pm25/pollution.csv", 24, 30, {"target": "pm2.5"}, "Beijing PM2.5, hours"),
    )
}


@dataclass(frozen=True)
class Task:
    """What is forecast, and what may be learned from."""

    train: Panel
    whole: Panel
    rows: np.ndarray
    ends: np.ndarray
    horizon: int
    season: int
    lengths: np.ndarray | None = None
    """Of each forecast how many steps count; none for all."""


def main(arguments: list[str] | None = None) -> None:
    options = argparse.ArgumentParser(prog="python -m benchmarks.forecasting", description=__doc__)
    options.add_argument("folder", type=Path, nargs="?", help="where the data sets lie; none to write the page alone")
    options.add_argument("--sets", type=names, default=list(SETS), help=f"of {','.join(SETS)} (default: all)")
    options.add_argument(
        "--methods",
        type=names,
        default=["lstm", "gru", *STATISTICS],
        help=f"of {','.join((*OURS, *STATISTICS, *PEERS))} (default: %(default)s)",
    )
    options.add_argument("--seeds", type=int, default=3, help="trainings of a network (default: %(default)s)")
    options.add_argument("--steps", type=int, help="of our networks (default: theirs)")
    options.add_argument("--minutes", type=float, default=1.0, help="that a peer's network may train (default: 1)")
    options.add_argument("--threads", type=int, help="of every method (default: one a core)")
    options.add_argument("--out", type=Path, default=ROWS, help="rows are added to this file")
    given = options.parse_args(arguments)
    if given.folder is not None:
        use_threads(given.threads)
        recorder = Recorder(given.out)
        for name in given.sets:
            task = task_of(SETS[name], given.folder)
            for method in given.methods:
                for seed in range(given.seeds if method in OURS or method in PEERS else 1):
                    row = measured(task, method, seed, given)
                    recorder.add(name, "forecasting", method, seed=seed, **row)
                    print(f"{name:<13}{method:<11}{seed:>2}  {said(row)}", flush=True)
    if given.out == ROWS:
        PAGE.write_text(page(read_file(given.out)))


def task_of(one: Set, folder: Path) -> Task:
    """The origins of a set, and what came before the first."""
    found = read_panel(folder / one.path, Reading(**one.reading))
    forecaster = Forecaster(one.horizon, windows=one.windows)
    if one.name == "cif_2016":
        return _with_own_horizons(found, one)
    train, whole, rows, ends = forecaster.parts(found)
    season = (train.seasons or (1,))[0] if one.name != "m4_weekly" else 1
    return Task(train, whole, rows, ends, one.horizon, season)


def _with_own_horizons(found: PanelRead, one: Set) -> Task:
    """CIF 2016: the last 12 months of most series, the last 6 of some."""
    from tidegate.data.tsf import read_tsf

    own = np.array(read_tsf(Path(found.train.source)).attributes["horizon"], dtype=np.int64)
    whole, ends = found.train, found.train.lengths - own
    return Task(whole.until(ends), whole, np.arange(len(whole)), ends, one.horizon, whole.seasons[0], own)


def measured(task: Task, method: str, seed: int, given: argparse.Namespace) -> Row:
    """The scores of a method."""
    began = time.perf_counter()
    if method in OURS:
        found = ours(task, method, seed, given.steps)
    elif method in STATISTICS:
        found = statistics(task, method)
    else:
        found = PEERS[method](task, seed, given.minutes)
    seconds = time.perf_counter() - began
    series = list(task.whole.y)
    if task.lengths is not None:
        # What is beyond a series' own horizon does not count; here it ends there.
        series = [y[: end + n] for y, end, n in zip(series, task.ends, task.lengths, strict=True)]
    scored = scores(series, task.rows, task.ends, found, QUANTILES, task.season)
    kept = {name: value for name, value in scored.items() if name not in ("worst", "by_horizon")}
    naive = scored["baselines"]["naive"]
    kept["owa"] = (scored["mase"] / naive["mase"] + scored["smape"] / naive["smape"]) / 2
    return {**kept, "seconds": round(seconds, 1)}


def ours(task: Task, cell: str, seed: int, steps: int | None) -> np.ndarray:
    """Quantiles [B, H, Q] of our network."""
    model = Forecaster(task.horizon, cell=cell, seed=seed, steps=steps)
    model.train(*model.set_up(task.train))
    return model.forecast(task.whole, task.rows, task.ends)


def statistics(task: Task, method: str) -> np.ndarray:
    """Quantiles of a method of statsforecast, fitted at each origin."""
    from statsforecast import models

    season = (task.whole.seasons or (1,))[0]
    found = np.empty((len(task.rows), task.horizon, len(QUANTILES)))
    levels = [50, 80, 95]
    for k, (n, end) in enumerate(zip(task.rows, task.ends, strict=True)):
        y = carried(task.whole.y[n][:end])[-MOST_FITTED:]
        model = getattr(models, method)(season_length=season if len(y) > 2 * season else 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                one = model.forecast(y=y, h=task.horizon, level=levels)
            except Exception:  # where it cannot be fitted, it says what naive says
                one = {"mean": np.full(task.horizon, y[-1])}
        middle = one["mean"]
        found[k] = np.stack(
            [
                *(one.get(f"lo-{level}", middle) for level in reversed(levels)),
                middle,
                *(one.get(f"hi-{level}", middle) for level in levels),
            ],
            axis=1,
        )
    return found


def neuralforecast_lstm(task: Task, seed: int, minutes: float) -> np.ndarray:
    """Quantiles of NeuralForecast's LSTM, trained for so many minutes on the same series."""
    import logging

    import pandas as pd
    from neuralforecast import NeuralForecast
    from neuralforecast.losses.pytorch import MQLoss
    from neuralforecast.models import LSTM

    for name in ("pytorch_lightning", "lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    H = task.horizon

    def frame(series: list[np.ndarray]) -> pd.DataFrame:
        return pd.concat(
            pd.DataFrame({"unique_id": n, "ds": np.arange(len(y)), "y": carried(y)}) for n, y in enumerate(series)
        )

    model = LSTM(
        h=H, input_size=-1 if max(task.train.lengths) < 500 else 168, loss=MQLoss(quantiles=list(QUANTILES)),
        scaler_type="robust", start_padding_enabled=True, random_seed=seed, max_steps=100_000,
        max_time={"minutes": minutes},
        enable_model_summary=False, enable_progress_bar=False, logger=False, enable_checkpointing=False,
    )  # fmt: skip
    peer = NeuralForecast([model], freq=1)
    peer.fit(frame(list(task.train.y)))
    parts = []
    for n, end in zip(task.rows, task.ends, strict=True):
        history = frame([task.whole.y[n][:end][-MOST_FITTED:]])
        parts.append(peer.predict(history).drop(columns=["unique_id", "ds"]).to_numpy()[:, : len(QUANTILES)])
    return np.sort(np.stack(parts), axis=2)


PEERS: dict[str, Callable[[Task, int, float], np.ndarray]] = {"NeuralForecast-LSTM": neuralforecast_lstm}


def said(row: Row) -> str:
    """A row in words."""
    return (
        f"MASE {row['mase']:.3f}  sMAPE {row['smape']:.2f}  RMSE {row['rmse']:.4g}  OWA {row['owa']:.3f}  80 %: "
        f"{100 * row['coverage_80']:.0f}  {row['seconds']:.0f} s"
    )


HEAD = """# Forecasts, measured

This page is written by `python -m benchmarks.forecasting FOLDER` from the rows in
`benchmarks/results/forecasting.jsonl`. Every method forecasts the same horizons from the same origins, with one recipe
for all sets, and is scored by the same code. Networks are means over seeds: {seeds}.
MASE and sMAPE are means over series; OWA is the mean of both over those of the naive forecast; coverage is the share
of what came in the 80 % interval. The best of each row is bold."""


def page(rows: list[Row]) -> str:
    """The page: a table a measure, a row a set, a column a method."""
    last: dict[tuple[str, str, int], Row] = {}
    for row in rows:
        last[row["what"], row["backend"], row["seed"]] = row
    methods = [m for m in (*OURS, *STATISTICS, *PEERS) if any(key[1] == m for key in last)]
    lines = [HEAD.format(seeds="; ".join(_seeds(method, last) for method in methods if method not in STATISTICS))]
    measures = {"mase": "MASE", "smape": "sMAPE, %", "owa": "OWA", "coverage_80": "80 % interval holds, %"}
    for measure, title in measures.items():
        lines += ["", f"## {title}", ""]
        head = [*methods, *(BASELINES if measure in ("mase", "smape") else ())]
        lines += [f"| set | {' | '.join(TITLES.get(one, one) for one in head)} |", f"| --- |{' --: |' * len(head)}"]
        for name, one in SETS.items():
            found: dict[str, float] = {}
            for method in methods:
                values = [row[measure] for key, row in last.items() if key[:2] == (name, method)]
                if values:
                    found[method] = float(np.mean(values))
            any_row = next((row for key, row in last.items() if key[0] == name), None)
            if any_row is None:
                continue
            if measure in ("mase", "smape"):
                found |= {base: any_row["baselines"][base][measure] for base in BASELINES}
            scale = 100 if measure == "coverage_80" else 1
            best = min(found.values()) if measure != "coverage_80" else None
            cells = [
                ""
                if m not in found
                else f"**{scale * found[m]:.3g}**"
                if found[m] == best
                else f"{scale * found[m]:.3g}"
                for m in head
            ]
            lines.append(f"| {one.title}, {one.horizon} ahead | {' | '.join(cells)} |")
    places = sorted({
        f"{row['when'][:10]}, commit {row['commit']}{' with changes' if row['dirty'] else ''}, {row['cpu']}, "
        f"{row['cores']} cores, {row['threads']} threads, torch {row['torch']}{beside_load(row)}"
        for row in last.values()
    })  # fmt: skip
    seconds = ", ".join(
        f"{m} {np.median([row['seconds'] for key, row in last.items() if key[1] == m]):.0f} s" for m in methods
    )
    lines += ["", f"Median time of a set, fit and forecasts: {seconds}.", "", "Measured", ""]
    return "\n".join([*lines, *(f"- {place}" for place in places)]) + "\n"


def _seeds(method: str, rows: dict[tuple[str, str, int], Row]) -> str:
    """How many trainings of a method there are, and of which sets there are fewer."""
    counts = {name: sum(key[:2] == (name, method) for key in rows) for name in SETS}
    most = max(counts.values())
    fewer = [f"{count} of {name}" for name, count in counts.items() if 0 < count < most]
    return f"{TITLES.get(method, method)} {most}" + (f" (but {', '.join(fewer)})" if fewer else "")


if __name__ == "__main__":
    main()
