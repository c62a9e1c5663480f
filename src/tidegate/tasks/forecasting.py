"""Forecasting: what comes next in one series or many, with how sure that is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from tidegate.data import Sequences
from tidegate.errors import ConfigError, DataError
from tidegate.layers import initialize, layer_of
from tidegate.preparation import Reading
from tidegate.preparation.describe import short_panel
from tidegate.preparation.panel import Panel, as_panel, carried
from tidegate.preparation.series import PanelRead, read_panel
from tidegate.preparation.windows import (
    LEVEL,
    OWN,
    SEEN,
    TARGET,
    Cut,
    Windows,
    as_sequences,
)
from tidegate.tasks.backtest import BASELINES, MODEL, scaled_errors, scores
from tidegate.tasks.base import Estimator, Material, Say, Tell, Training
from tidegate.tasks.examples import Part, SequenceExamples
from tidegate.training import Examples, Learner
from tidegate.training.settings import check_at_least, shown

if TYPE_CHECKING:
    import pandas
    from typing_extensions import Unpack

    from tidegate.tasks.run import Run

QUANTILES = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
MIDDLE = QUANTILES.index(0.5)
LEAST_SEEN = 4
"""Steps that must have been observed before a forecast from a step counts in training."""
LEAST_SCALE = 0.05
"""Of a window's mean step; what moved less so far is scaled by this."""
MOST_VALIDATION, FEW_VALIDATION, MOST_HORIZONS = 2000, 256, 50
"""Windows that choose the kept weights: at most; of fewer, several begin within a horizon; horizons of a series."""
DEFAULT_STEPS = 1000
VALIDATION_SHARE = 0.1
CONTEXT = "context."
"""What the names of the arrays begin with from which forecasts go on, in a bundle."""
PATHS = 48
"""Steps ahead for which the network is told what came a season ago; of a longer horizon, as many spread over it."""


class Forecast(NamedTuple):
    """What the network says of the horizon, from each step that it read or from the last."""

    quantiles: Tensor
    """[M, B, L, H, Q] of the change from the last value, in units of `scale`; M networks."""
    value: Tensor
    """[B, L] the last value."""
    scale: Tensor
    """[B, L] the mean step from one value to the next, up to there."""


class ForecastNetwork(nn.Module):
    """A recurrent network that forecasts the whole horizon from every step (forking sequences, Wen et al. 2017).

    What it reads and what it tells is in units of the mean step from one value to the next so far, so that nothing
    depends on the unit of a series. Forecasts are the last value, and of what came a season ago as much
    as gates let pass, and the network's own correction. Quantiles are the median and steps of softplus from it, which
    cannot cross.
    """

    paths: Tensor
    told: Tensor

    def __init__(
        self, windows: Windows, *, cell: str, hidden_size: int, num_layers: int, dropout: float, members: int
    ) -> None:
        super().__init__()
        w = self.windows = windows
        H = w.horizon
        self.lags = [k for k in (2, 4, 8, 16, 32, 64) if k <= w.history]
        ahead = np.arange(1, H + 1)
        seasonal = [m * -(-ahead // m) - ahead for m in w.seasons]  # [H] steps back from the one that is read
        if w.seasons and w.cycles > 1:
            seasonal.append(seasonal[-1] + w.seasons[-1])
        places = np.arange(w.history, w.history + w.length)
        back = np.stack(seasonal) if seasonal else np.empty((0, H), dtype=np.int64)
        self.n_paths = len(back)
        self.register_buffer("paths", torch.from_numpy(places[:, None, None] - back), persistent=False)  # [L, S, H]
        told = np.unique(np.linspace(0, H - 1, min(H, PATHS)).round().astype(int))
        self.register_buffer("told", torch.from_numpy(told), persistent=False)
        inputs = 4 + len(self.lags) + len(w.seasons) + self.n_paths * len(told) + w.n_columns - OWN
        self.members = nn.ModuleList(
            Member(inputs, H, w.ahead, self.n_paths, len(w.seasons), cell, hidden_size, num_layers, dropout)
            for _ in range(members)
        )

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Forecast:
        """x [B, T, C] to forecasts from all steps in training, and else from the last."""
        w = self.windows
        first, end = w.history, w.history + w.length
        y, seen = x[..., TARGET], x[..., SEEN]
        step = y[:, 1:] - y[:, :-1]
        paired = seen[:, 1:] * seen[:, :-1]
        moved = (step.abs() * paired).cumsum(1)[:, first - 1 : end - 1]
        scale = (moved / paired.cumsum(1)[:, first - 1 : end - 1].clamp(min=1)).clamp(min=LEAST_SCALE)  # [B, L]
        value = y[:, first:end]
        inside = seen.cummax(1).values
        read = inside[:, first:end]

        def since(k: int) -> Tensor:
            return (value - y[:, first - k : end - k]) / scale * inside[:, first - k : end - k]

        seasons = [since(m) for m in w.seasons]
        paths = y[:, self.paths] - value[:, :, None, None]  # [B, L, S, H]
        paths = paths / scale[:, :, None, None] * inside[:, self.paths]
        recent = nn.functional.avg_pool1d(step.abs()[:, None], 8, 1)[:, 0, first - 8 : end - 8]
        features = [
            since(1),
            (value + x[:, first:end, LEVEL]) / scale,
            torch.log(recent / scale + 0.01),
            torch.log1p(seen.cumsum(1)[:, first:end]) - 4,
            *(since(k) for k in self.lags),
            *seasons,
        ]
        told = paths[..., self.told].flatten(2)
        moves = torch.cat([torch.stack(features, dim=2), told], dim=2) * read.unsqueeze(2)
        inputs = torch.cat([moves.sign() * torch.log1p(moves.abs()), x[:, first:end, OWN:]], dim=2)
        known = None
        if w.ahead:
            known = x[..., x.shape[2] - w.ahead :].unfold(1, w.horizon, 1)[:, first + 1 : end + 1].flatten(2)
        drifts = torch.stack(seasons, dim=2) if seasons else None
        found = torch.stack([member(inputs, known, paths, drifts, self.training) for member in self.members])
        if not self.training:
            value, scale = value[:, -1:], scale[:, -1:]
        return Forecast(found, value, scale)

    def truth(self, x: Tensor, forecast: Forecast) -> tuple[Tensor, Tensor]:
        """What came, in the forecast's units, and which of it counts, both [B, L, H]."""
        w = self.windows
        L = forecast.value.shape[1]
        first, end = w.history + w.length - L, w.history + w.length
        came = x[..., TARGET].unfold(1, w.horizon, 1)[:, first + 1 : end + 1]
        counts = x[..., SEEN].unfold(1, w.horizon, 1)[:, first + 1 : end + 1]
        known = x[..., SEEN].cumsum(1)[:, first:end] >= min(LEAST_SEEN, w.length)
        z = (came - forecast.value.unsqueeze(2)) / forecast.scale.unsqueeze(2)
        return z, counts * known.unsqueeze(2)


class Member(nn.Module):
    """One of the networks whose forecasts are put together."""

    spread: Tensor

    def __init__(
        self, inputs: int, H: int, ahead: int, n_paths: int, n_seasons: int, cell: str, hidden_size: int,
        num_layers: int, dropout: float,
    ) -> None:  # fmt: skip
        super().__init__()
        self.H, self.n_paths = H, n_paths
        self.embed = nn.Linear(inputs, hidden_size)
        self.rnn: nn.RNNBase = layer_of(cell)(
            hidden_size, hidden_size, num_layers, batch_first=True, dropout=dropout if num_layers > 1 else 0.0
        )
        initialize(self.rnn, "open" if cell == "lstm" else "torch")
        self.dropout = nn.Dropout(dropout)
        self.mix = nn.Linear(2 * hidden_size + ahead * H, hidden_size)
        self.read = nn.Linear(hidden_size, H * len(QUANTILES))
        self.gates = nn.Linear(hidden_size, n_paths * H + n_seasons) if n_paths else None
        nn.init.zeros_(self.read.weight)
        nn.init.zeros_(self.read.bias)
        if self.gates is not None:
            nn.init.zeros_(self.gates.weight)
            nn.init.constant_(self.gates.bias, -1.0)
        self.register_buffer("spread", torch.arange(1, H + 1).sqrt(), persistent=False)

    def forward(
        self, inputs: Tensor, known: Tensor | None, paths: Tensor, drifts: Tensor | None, every: bool
    ) -> Tensor:
        """Quantiles [B, L, H, Q], or of the last step alone [B, 1, H, Q]."""
        e = torch.tanh(self.embed(inputs))
        h = self.rnn(e)[0]
        parts = [h, e] if known is None else [h, e, known]
        if not every:
            parts = [part[:, -1:] for part in parts]
            paths, drifts = paths[:, -1:], None if drifts is None else drifts[:, -1:]
        mixed = self.dropout(torch.relu(self.mix(torch.cat(parts, dim=2))))
        raw = self.read(mixed).unflatten(2, (self.H, len(QUANTILES)))
        middle = raw[..., MIDDLE]
        if self.gates is not None and drifts is not None:
            gates = torch.sigmoid(self.gates(mixed))
            split = self.n_paths * self.H
            middle = middle + (gates[..., :split].unflatten(2, (self.n_paths, self.H)) * paths).sum(2)
            middle = middle + (gates[..., split:] * drifts).sum(2, keepdim=True)
        steps = nn.functional.softplus(raw) * self.spread.unsqueeze(1)
        above = steps[..., MIDDLE + 1 :].cumsum(3)
        below = steps[..., :MIDDLE].cumsum(3).flip(3)
        middle = middle.unsqueeze(3)
        return torch.cat([middle - below, middle, middle + above], dim=3)


class Forecasting(Learner):
    """Quantile loss over the whole horizon, in units of the mean step of each series."""

    network: ForecastNetwork

    def losses(self, output: Any, part: Part) -> Tensor:
        z, counts = self.network.truth(part.x, output)
        levels = torch.tensor(QUANTILES, device=z.device)
        off = z.unsqueeze(3) - output.quantiles
        loss = (levels * off + torch.relu(-off)).mean(dim=(0, 4))
        return ((loss * counts).sum(dim=(1, 2)) / counts.sum(dim=(1, 2)).clamp(min=1)).sum()


class Forecaster(Estimator):
    """Forecast one or many series, as quantiles, with one network for all of them.

    Args:
        horizon: number of steps to forecast.
        cell: rnn, lstm or gru.
        hidden_size: number of hidden units.
        num_layers: number of stacked recurrent layers.
        dropout: share of features set to 0 in training.
        window: number of steps that the network reads before each forecast. None: two seasons, 48 to 168.
        season: length of the season in steps, 1 for none. None: by the dates.
        log: whether to forecast logarithms, for positive series whose variation grows with their level.
        members: number of networks trained side by side; the forecast is their median.
        windows: number of horizons at the end of each series that form the test part, forecast one after the other.
        missing: `before`, which fills gaps with the value before, or `refuse`.
        parameters: all others are those of `tidegate.tasks.base.Estimator`.

    The last steps of every series choose the best checkpoint: one horizon, or a tenth of the series if that is more.
    Missing values are never learned as targets and count in no score.

    Attributes:
        windows_: how windows are cut from the series.
        network_: the trained torch module.
        history_: one row for every check during training.

    >>> import numpy as np, tidegate
    >>> months = np.arange(120)
    >>> model = tidegate.Forecaster(horizon=12, season=12, hidden_size=16, steps=60)
    >>> model.fit(100 + months + 10 * np.sin(months * np.pi / 6)).predict().shape
    (12,)
    """

    task = "forecasting"
    material: ClassVar[type[Material]]
    prepared_by = Windows
    design_: ClassVar[dict[str, Any]] = {}
    """Nothing follows from the data but how windows are cut."""

    def __init__(
        self,
        horizon: int = 12,
        *,
        cell: str = "lstm",
        hidden_size: int = 64,
        num_layers: int = 1,
        dropout: float = 0.1,
        window: int | None = None,
        season: int | None = None,
        log: bool = False,
        members: int = 2,
        windows: int = 1,
        missing: str = "before",
        steps: int | None = None,
        learning_rate: float = 3e-3,
        batch_size: int = 64,
        weight_decay: float = 1e-2,
        **parameters: Unpack[Training],
    ) -> None:
        super().__init__(
            cell, hidden_size, num_layers, dropout, steps=steps, learning_rate=learning_rate, batch_size=batch_size,
            weight_decay=weight_decay, **parameters,
        )  # fmt: skip
        self.missing = missing
        self.horizon = horizon
        self.window = window
        self.season = season
        self.log = log
        self.members = members
        self.windows = windows

    def settings(self) -> Any:
        settings = super().settings()
        for name in ("horizon", "members", "windows"):
            check_at_least(name, getattr(self, name), 1)
        check_at_least("window", self.window, 4, optional=True)
        check_at_least("season", self.season, 1, optional=True)
        if not isinstance(self.log, (bool, np.bool_)):
            raise ConfigError(got=f"log={shown(self.log)}", wanted="True or False", do="correct log")
        if self.missing not in ("before", "refuse"):
            raise ConfigError(
                got=f"missing={shown(self.missing)}",
                wanted="before, which fills in the value before, or refuse",
                do="correct missing",
            )
        return settings if settings.steps or settings.epochs else replace(settings, steps=DEFAULT_STEPS)

    def fit(self, X: Any, y: Any = None, **reading: Any) -> Forecaster:
        """Train on one or many series, and keep the best checkpoint.

        Args:
            X: a DataFrame with one row per step, a Series, one array (time,), several (n, time), a list of arrays, or,
                with `y`, the covariates known in the past, (n, time, columns).
            y: the series, if X holds the covariates.
            reading: of a DataFrame: id, time, target, channels, future, categorical; see
                `tidegate.preparation.Reading`.

        Returns:
            The fitted estimator itself.

        Raises:
            DataError: the series cannot be used, or are too short for the horizon.
            ConfigError: a parameter has a value that cannot work.
            TrainingError: the loss is not finite.
        """
        return self._whole_or_not(lambda: self._fit(X, y, Reading(**reading)))

    def _fit(self, X: Any, y: Any, reading: Reading) -> None:
        read = self.read(X, y, reading)
        self.reading_ = read.reading
        self.train(*self.set_up(read.train), progress=self.verbose)

    def read(self, X: Any, y: Any = None, reading: Reading | None = None) -> PanelRead:
        """What a source holds, as series."""
        if y is not None:
            return PanelRead(as_panel(y, X, "y"), reading or Reading())
        return read_panel(X, reading)

    def parts(self, read: PanelRead) -> tuple[Panel, Panel, np.ndarray, np.ndarray]:
        """What is trained on, all with its test part, and the series and ends from which the test part is forecast."""
        panel, H = read.train, int(self.horizon)
        if read.test is not None:
            if min(map(len, read.test)) < H:
                raise DataError(
                    got=f"a test part of {min(map(len, read.test))} steps for a horizon of {H}",
                    wanted="as many as are forecast",
                    do="pass a shorter --horizon",
                )
            whole = replace(panel, y=[np.concatenate([a, b]) for a, b in zip(panel.y, read.test, strict=True)])
            return panel, whole, np.arange(len(panel)), panel.lengths
        count = int(self.windows)
        lengths = panel.lengths
        rows, ends = [], []
        for n, length in enumerate(lengths):
            if length - H * count > max(LEAST_SEEN, H // 2):
                rows.append(np.full(count, n))
                ends.append(length - H * np.arange(count, 0, -1))
        if not rows:
            raise DataError(
                got=f"series of {int(lengths.max())} steps at most in {panel.source} for a horizon of {H}"
                + (f" and {count} windows" if count > 1 else ""),
                wanted=f"at least {H * count + max(LEAST_SEEN, H // 2) + 1}",
                do="pass a shorter --horizon or longer series",
            )
        row, end = np.concatenate(rows), np.concatenate(ends)
        until = lengths.copy()
        for n in np.unique(row):
            until[n] = end[row == n].min()
        return panel.until(until), panel, row, end

    def set_up(self, data: Panel) -> tuple[SequenceExamples, SequenceExamples | None]:
        settings = self.settings()
        self.fitted_parameters_ = self.parameters_as_json()
        H = int(self.horizon)
        self._check_missing(data)
        lengths = data.lengths
        if lengths.max() < max(LEAST_SEEN, H // 2) + 2:
            raise DataError(
                got=f"series of {int(lengths.max())} steps at most in {data.source} for a horizon of {H}",
                wanted=f"at least {max(LEAST_SEEN, H // 2) + 2} to learn from",
                do="pass a shorter horizon or longer series",
            )
        window = None if self.window is None else int(self.window)
        season = None if self.season is None else int(self.season)
        self.windows_: Windows = Windows.fit(data, H, window, season, bool(self.log))
        self.preparation_: Any = self.windows_
        self.n_features_in_ = self.windows_.n_channels
        store = self.windows_.store(data)
        # Of a short series all is needed to learn from.
        least = max(2 * H, 2 * LEAST_SEEN)
        share = VALIDATION_SHARE if settings.validation_share is None else settings.validation_share
        counts = np.minimum(np.maximum(1, (lengths * share).astype(np.int64) // H), MOST_HORIZONS)
        counts = np.clip(np.minimum(counts, (lengths - least) // H), 0, None) if share else np.zeros_like(lengths)
        until = lengths - counts * H
        step = H if counts.sum() >= FEW_VALIDATION else max(1, H // 6)
        ends = [np.arange(*between, step) for between in zip(until, lengths, strict=True)]
        rows = [np.full(len(some), n) for n, some in enumerate(ends)]
        self.network_ = self.untrained()
        self.keep_context(data)
        row, end = np.concatenate(rows), np.concatenate(ends)
        if not len(row):
            return self._examples(store.training()), None
        some = np.sort(np.random.default_rng(0).permutation(len(row))[:MOST_VALIDATION])
        validation = as_sequences(store.cut(row[some], end[some]).x)
        training = self.windows_.store(data.until(until)).training()
        return self._examples(training), self._examples(validation)

    def _examples(self, windows: Sequences) -> SequenceExamples:
        return SequenceExamples(windows, self.windows_.scaler)

    def keep_context(self, panel: Panel) -> None:
        """Keep the last steps of each series, from which `predict` goes on."""
        steps = self.windows_.history + self.windows_.length
        y, past, future, begins = [], [], [], []
        for n, one in enumerate(panel.y):
            seen = np.flatnonzero(~np.isnan(one[: max(len(one) - steps, 0) + 1]))
            begin = int(seen[-1])  # the first step of a series is there
            begins.append(begin)
            y.append(one[begin:].copy())
            # What is filled in may come from before.
            past += [carried(columns)[begin:].copy() for columns in panel.past[n : n + 1]]
            for columns in panel.future[n : n + 1]:
                known, ahead = columns[: len(one)], columns[len(one) :]
                future.append(np.concatenate([carried(known)[begin:], ahead]))
        starts = panel.starts + np.array(begins, dtype=np.int64)
        self.context_ = replace(panel, y=y, past=past, future=future, starts=starts)

    def _check_missing(self, panel: Panel) -> None:
        """Raise DataError where values are missing that are to be refused."""
        for n, y in enumerate(panel.y if self.missing == "refuse" else ()):
            if np.isnan(y).any():
                raise DataError(
                    got=f"{int(np.isnan(y).sum())} missing steps in {panel.name(n)}",
                    wanted="none, as missing=refuse says",
                    do="leave missing out, or fill them",
                )

    def predict(self, X: Any = None, y: Any = None, **reading: Any) -> Any:
        """Forecast the horizon after the end of each series: its median as an array, or with quantiles as a DataFrame.

        Args:
            X: the series after whose end to forecast, in one of the forms that `fit` takes: those of training with new
                rows, or others. None: those of training. Covariates that are known ahead continue for a horizon, in
                rows without a target.
            y: the series, if X holds the covariates.
            reading: as in `fit`; by default as in training.

        Returns:
            For a DataFrame, a DataFrame with the columns id, time, target (the median) and q0.025 to q0.975; for arrays
            the medians (horizon,) or (n, horizon).

        Raises:
            NotFittedError: the model has not been fitted.
            DataError: the series cannot be used, or covariates end before the horizon.
        """
        panel = self._panel(X, y, reading)
        found = self.forecast(panel)
        if panel.source in ("X", "y"):
            middle = found[:, :, MIDDLE]
            single = (X is None and len(panel) == 1) or (X is not None and np.ndim(X if y is None else y) == 1)
            return middle[0] if single and not isinstance(X, (list, tuple)) else middle
        return self.table(panel, found)

    def predict_quantiles(self, X: Any = None, y: Any = None, **reading: Any) -> np.ndarray:
        """The quantiles 0.025, 0.1, 0.25, 0.5, 0.75, 0.9 and 0.975 of each series and step (n, horizon, 7).

        The arguments and errors are those of `predict`.
        """
        return self.forecast(self._panel(X, y, reading))

    def _panel(self, X: Any, y: Any, reading: dict[str, Any]) -> Panel:
        """The series after whose end `predict` forecasts."""
        self._check_fitted()
        if X is None:
            return self.context_
        return self.read(X, y, Reading(**reading).or_else(self.reading_ or Reading())).train

    def forecast(self, panel: Panel, rows: np.ndarray | None = None, ends: np.ndarray | None = None) -> np.ndarray:
        """Quantiles [B, H, Q] of the horizons after so many steps of these series; after the end of each where none."""
        H = self.windows_.horizon
        self._check_missing(panel)
        store = self.windows_.store(panel)
        if rows is None or ends is None:
            rows, ends = np.arange(len(panel)), panel.lengths
            self._check_future(panel, H)
        device = next(self.network_.parameters()).device
        found = np.empty((len(rows), H, len(QUANTILES)))
        size = max(16, 2_000_000 // (self.windows_.steps * self.windows_.n_columns))
        with torch.inference_mode():
            for begin in range(0, len(rows), size):
                some = slice(begin, begin + size)
                cut = store.cut(rows[some], ends[some])
                found[some] = self._in_units(self.network_(torch.from_numpy(cut.x).to(device)), cut)
        # What was never below zero, such as a count, is not forecast there.
        lows = [np.nanmin(panel.y[n][:end]) for n, end in zip(rows, ends, strict=True)]
        return np.where(np.array(lows)[:, None, None] >= 0, np.maximum(found, 0), found)

    def _in_units(self, output: Forecast, cut: Cut) -> np.ndarray:
        """Forecasts [B, H, Q] in the unit of the data, the median over all networks."""
        # Of an even number, the mean of the two in the middle; each network's quantiles rise, and so do theirs.
        change = np.median(output.quantiles[:, :, 0].double().cpu().numpy(), axis=0)
        value, scale = (one[:, 0].double().cpu().numpy()[:, None, None] for one in (output.value, output.scale))
        found = cut.center[:, None, None] + cut.scale[:, None, None] * (value + scale * change)
        return np.exp(np.minimum(found, 700)) if self.windows_.log else found

    def _check_future(self, panel: Panel, H: int) -> None:
        """Raise DataError where what is known ahead ends before the horizon."""
        for n, future in enumerate(panel.future):
            ahead = future[len(panel.y[n]) :][:H]
            full = ~np.isnan(ahead).any(axis=1)
            steps = int(np.argmin(full)) if not full.all() else len(full)
            if steps < H:
                of = f" of the series {panel.ids[n]}" if panel.named else ""
                raise DataError(
                    got=f"{', '.join(panel.future_names)}{of} known for {steps} steps after the end of "
                    f"{panel.target!r} in {panel.source}",
                    wanted=f"{H}, as many as are forecast",
                    do="add rows in which the target is empty",
                )

    def table(self, panel: Panel, quantiles: np.ndarray) -> pandas.DataFrame:
        """Forecasts [N, H, Q] after the end of each series, with the times that they are for."""
        import pandas as pd

        N, H = quantiles.shape[:2]
        ahead = np.arange(H)
        columns: dict[str, Any] = {}
        if panel.named:
            columns[panel.id_name] = np.repeat(panel.ids, H)
        columns[panel.time_name] = np.concatenate([panel.times(n, len(panel.y[n]) + ahead) for n in range(N)])
        columns[panel.target] = quantiles[:, :, MIDDLE].reshape(-1)
        for k, level in enumerate(QUANTILES):
            columns[f"q{level:g}"] = quantiles[:, :, k].reshape(-1)
        return pd.DataFrame(columns)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """1 − MASE of the forecasts of the last `windows` horizons; 1 at best, 0 for the seasonal naive method.

        Args:
            X: the series, in one of the forms that `fit` takes.
            y: the series, if X holds the covariates.

        Raises:
            NotFittedError: the model has not been fitted.
            DataError: the series cannot be used, or are too short for the horizon.
        """
        self._check_fitted()
        _, whole, rows, ends = self.parts(self.read(X, y, self.reading_))
        return 1 - self.evaluate(whole, rows, ends)["mase"]

    def evaluate(self, panel: Panel, rows: np.ndarray, ends: np.ndarray) -> dict[str, Any]:
        """The scores of forecasts of these series from these ends, beside those of the simplest methods, as JSON."""
        season = self.windows_.season
        found = scores(panel.y, rows, ends, self.forecast(panel, rows, ends), QUANTILES, season)
        found["worst"] = [[str(panel.ids[n]), mase] for n, mase in found["worst"]]
        return {**found, "season": season, "n": len(np.unique(rows)), "forecasts": len(rows)}

    def build(self) -> ForecastNetwork:
        return ForecastNetwork(
            self.windows_,
            cell=self.cell,
            hidden_size=int(self.hidden_size),
            num_layers=int(self.num_layers),
            dropout=float(self.dropout or 0.0),
            members=int(self.members),
        )

    def learner(self) -> Forecasting:
        return Forecasting(self.network_)

    def _fitted_config(self) -> dict[str, Any]:
        return {"context": self.context_.to_config()}

    def _tensors(self) -> dict[str, Tensor]:
        kept = {CONTEXT + name: torch.from_numpy(array) for name, array in self.context_.arrays().items()}
        return {**super()._tensors(), **kept}

    def _load_tensors(self, tensors: dict[str, Tensor]) -> None:
        kept = {name: tensor for name, tensor in tensors.items() if name.startswith(CONTEXT)}
        super()._load_tensors({name: tensor for name, tensor in tensors.items() if name not in kept})
        arrays = {name.removeprefix(CONTEXT): tensor.numpy() for name, tensor in kept.items()}
        self.context_ = Panel.from_config(self._context, arrays)
        del self._context

    def _restore(self, fitted: dict[str, Any]) -> None:
        self.windows_ = self.preparation_
        self.n_features_in_ = self.windows_.n_channels
        self._context = fitted["context"]


class SeriesMaterial(Material):
    """Series, whose last horizons are the test part."""

    compared = "MASE"

    def __init__(
        self, estimator: Forecaster, data: str, reading: Reading | None, tell: Tell | None, given: Any
    ) -> None:
        self.read = read_panel(data, reading, tell=tell)
        if given is not None and "horizon" not in given:
            if self.read.horizon is None:
                raise ConfigError(
                    got=f"no horizon for {data}", wanted="how many steps ahead to forecast", do="pass --horizon"
                )
            estimator.set_params(horizon=self.read.horizon)
        self.train, self.whole, self.rows, self.ends = estimator.parts(self.read)
        self.fingerprint = self.whole.fingerprint()
        self.reading = estimator.reading_ = self.read.reading
        H, count = int(estimator.horizon), 1 if self.read.test is not None else int(estimator.windows)
        self.horizons = f"{H} steps" if count == 1 else f"{count} times {H} steps"

    def set_up(self, estimator: Forecaster) -> tuple[Examples, Examples | None]:
        return estimator.set_up(self.train)

    def held_out(self, validation: Examples) -> str:
        return f"{len(validation):,} validation window{'s'[: len(validation) != 1]}"

    def notes(self, estimator: Forecaster, validation: Examples | None) -> list[str]:
        lines = [*self.read.notes]
        panel, seasons = self.train, estimator.windows_.seasons
        constant = [str(name) for name, y in zip(panel.ids, panel.y, strict=True) if np.nanmin(y) == np.nanmax(y)]
        if constant:
            some = "the series is constant" if len(panel) == 1 else f"{len(constant)} constant series"
            lines.append(f"{some}: the forecast is that value")
        left_out = len(panel) - len(np.unique(self.rows))
        if left_out:
            lines.append(f"{left_out:,} series too short for a test part are in no score")
        if not seasons:
            lines.append("no season is looked for: pass --season where there is one")
        if validation is None:
            lines.append("too few steps to hold some out: the training data chooses the kept model")
        return lines

    @property
    def description(self) -> str:
        return f"{short_panel(self.read, self.whole)}; tested on the last {self.horizons}"

    def metrics(self, estimator: Forecaster) -> dict[str, Any]:
        found = {"test": estimator.evaluate(self.whole, self.rows, self.ends)}
        # From now on forecasts go on from the end of all that is known.
        estimator.keep_context(self.whole)
        return found

    def errors(self, estimator: Forecaster) -> np.ndarray:
        """The MASE of each series."""
        return self._of_series(estimator)[MODEL].to_numpy()

    def baseline_errors(self, estimator: Forecaster) -> dict[str, np.ndarray]:
        found = self._of_series(estimator)
        return {name: found[name].to_numpy() for name in BASELINES}

    def _of_series(self, estimator: Forecaster) -> pandas.DataFrame:
        """By every method, the MASE of each series that has one."""
        forecasts = estimator.forecast(self.whole, self.rows, self.ends)
        season = estimator.windows_.season
        return scaled_errors(self.whole.y, self.rows, self.ends, forecasts, QUANTILES, season)[1].dropna()

    @staticmethod
    def evaluate(
        model: Forecaster, data: str | None, reading: Reading | None, run: Run | None, say: Say
    ) -> dict[str, Any]:
        """The scores of the last horizons of each series, of the run's own data or of other."""
        known = model.reading_ or Reading()
        if data is None and run is not None:
            read = read_panel(run.data, (reading or Reading()).or_else(known))
        else:
            read = read_panel(data, (reading or Reading()).or_else(known.of_another_file()))
        _, whole, rows, ends = model.parts(read)
        if data is None and run is not None and whole.fingerprint() != run.data_fingerprint:
            say(f"{run.data} has changed since the model was trained on it: its last steps may be training data")
        if data is not None:
            for line in read.notes:
                say(line)
        return {"test": model.evaluate(whole, rows, ends)}

    @staticmethod
    def forecast(model: Forecaster, source: str | None, reading: Reading | None, say: Say) -> pandas.DataFrame:
        """What comes after the end of the data that the model was trained on, or of another table.

        Other data is read as that of training; with new rows at its end, forecasts begin after them.
        """
        if source is None:
            return model.table(model.context_, model.forecast(model.context_))
        read = read_panel(source, (reading or Reading()).or_else((model.reading_ or Reading()).of_another_file()))
        for line in read.notes:
            say(line)
        return model.table(read.train, model.forecast(read.train))


Forecaster.material = SeriesMaterial
