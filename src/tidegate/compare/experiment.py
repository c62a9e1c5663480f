"""A comparison: search, score, remember, time; then the table and the verdict."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tidegate import __version__
from tidegate.cells.description import DESCRIPTIONS
from tidegate.compare.budget import FAR_LAGS, budget_of
from tidegate.compare.subject import PROBED, Shape, Subject, subject_of
from tidegate.compare.table import ROWS, Measured, judged
from tidegate.compare.units import Remembering, Unit, gates_of, half_life, residual
from tidegate.compare.verdict import Contestant, decide, interval, is_share
from tidegate.compare.work import Work
from tidegate.data import is_built_in
from tidegate.errors import ConfigError, RunError
from tidegate.layers import INITIALIZATIONS, layer_of
from tidegate.preparation import Reading
from tidegate.probes import cost, gradient_flow, machine, speed
from tidegate.tasks.run import check_free, start_folder, task_of, write_json

FORMAT = 1
COMPARISON, SETTINGS = "comparison.json", "compare.json"
CELLS = ("rnn", "lstm", "gru")
SEARCH_SEEDS = (1000, 1001)
"""No result comes from them."""
RECALL_RATES = (1e-2, 3e-3)


@dataclass(frozen=True)
class Question:
    """What is compared."""

    task: str | None
    data: str | None
    cells: tuple[str, ...]
    seeds: int
    budget: str
    first_seed: int = 0

    def __post_init__(self) -> None:
        if (self.task is None) != (self.data is None):
            raise ConfigError(
                got=f"the task {self.task!r} without data", wanted="a task and data, or neither", do="name the data"
            )
        if self.task is not None:
            task_of(self.task)
        for cell in self.cells:
            layer_of(cell)
        if not self.cells or len(set(self.cells)) < len(self.cells):
            raise ConfigError(
                got=f"the cells {','.join(self.cells) or '(none)'}", wanted="each cell once", do="correct --cells"
            )
        if self.seeds < 1:
            raise ConfigError(got=f"{self.seeds} seeds", wanted="at least 1, better 3", do="correct --seeds")
        budget_of(self.budget)


def compare(
    task: str | None = None,
    data: str | None = None,
    *,
    folder: str | Path,
    reading: Reading | None = None,
    missing: str = "refuse",
    parameters: dict[str, Any] | None = None,
    cells: Sequence[str] = CELLS,
    seeds: int = 3,
    first_seed: int = 0,
    budget: str = "normal",
    jobs: int | None = None,
    resume: bool = False,
    tell: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> dict[str, Any]:
    """Measure the cells beside each other, on data or by the probes alone, and return what `comparison.json` holds.

    Every cell gets the same splits, batches, steps and number of learning rates to choose from, at equal hidden size
    and at an equal number of parameters.

    Args:
        task: one of `tidegate.tasks.TASKS`; with none, the probes run alone.
        data: a built-in name or a path; see `tidegate.read_dataset`.
        folder: where to; it must not exist, except with `resume`. Every finished unit of work is kept in it.
        reading: what is said of a table.
        missing: what to do with missing values: refuse, interpolate or mask.
        parameters: of a task's estimator that are the same for every cell, such as the horizon of forecasts.
        cells: of rnn, lstm, gru.
        seeds: trainings that a score is the mean of.
        first_seed: the first of them.
        budget: quick, normal or thorough; see `BUDGETS`.
        jobs: units of work at once, as joblib's `n_jobs`; a backend set by `joblib.parallel_config` takes them.
        resume: go on where an interrupted comparison stopped.
        tell: called with the units done, the units known of, and the name of the last one.

    Raises:
        ConfigError, DataError, RunError: the question, the data or the folder cannot be used.

    A cell whose loss ceases to be finite is reported as failed, and the others go on.
    """
    if jobs == 0:
        raise ConfigError(got="jobs=0", wanted="a number of jobs, or -1 for one a core", do="correct jobs")
    folder = Path(folder)
    question = Question(task, data, tuple(cells), seeds, budget, first_seed)
    subject = (
        subject_of(task, data, reading, missing, parameters or {}) if task is not None and data is not None else None
    )
    _begin(question, subject, folder, resume)
    experiment = Experiment(question, subject, folder, jobs, tell)
    comparison = experiment.comparison()
    write_json(folder / COMPARISON, comparison)
    return comparison


def _begin(question: Question, subject: Subject | None, folder: Path, resume: bool) -> None:
    asked = asdict(question) | {"cells": list(question.cells), "format": FORMAT}
    if question.data is not None and not is_built_in(question.data):
        asked["data"] = str(Path(question.data).resolve())
    asked["data_fingerprint"] = subject.fingerprint if subject else None
    path = folder / SETTINGS
    if not (resume and path.exists()):
        check_free(folder)
        start_folder(folder, SETTINGS, asked)
        start_folder(folder / "trials", "about.json", {"tidegate": __version__})
        return
    try:
        began = json.loads(path.read_text())
    except (OSError, ValueError):
        raise RunError(got=f"{path} that cannot be read", wanted="a comparison's", do="pass another --out") from None
    for name, value in asked.items():
        if began.get(name) != value:
            raise RunError(
                got=f"{name}={value!r} for a comparison that began with {began.get(name)!r}",
                wanted="the command and the data that it began with",
                do="leave that out, or pass another --out",
            )


class Experiment:
    """The stages of a comparison."""

    def __init__(
        self,
        question: Question,
        subject: Subject | None,
        folder: Path,
        jobs: int | None,
        tell: Callable[[int, int, str], None],
    ) -> None:
        self.question, self.subject = question, subject
        self.cells, self.budget = question.cells, budget_of(question.budget)
        self.shares = subject.shares(self.budget.shares) if subject is not None else ()
        self.seeds = range(question.first_seed, question.first_seed + question.seeds)
        self.done, self.total = 0, 0
        self._tell = tell
        self.work = Work(folder / "trials", subject.dataset if subject else None, jobs, self._count)
        self.failed: dict[str, str] = {}

    def _count(self, key: str) -> None:
        self.done += 1
        self._tell(self.done, max(self.done, self.total), key)

    def comparison(self) -> dict[str, Any]:
        """Run every stage."""
        sizes = self._sizes()
        initializations, lags = self._climb()
        chains = sum(map(len, initializations.values())) * self.question.seeds
        if self.subject is not None:
            trainings = len(self._settings(sizes)) * (
                len(self.budget.learning_rates) * len(SEARCH_SEEDS) + self.question.seeds
            )
            self.total += trainings + len(self.cells) * self.question.seeds * len(self.shares)
        # An upper bound: chains end where a lag is not solved.
        self.total += chains * len(lags) + len(self.cells) * self.question.seeds

        trained = self._train(sizes) if self.subject is not None else None
        horizons = self._remember(initializations, lags)
        inside = self._inside(trained)
        timed = self._time()
        measured = self._measured(trained, horizons, inside, timed)
        rows = []
        for row in ROWS:
            found: Measured = {
                cell: entry if entry and entry["value"] is not None else None
                for cell, entry in measured[row.name].items()
            }
            agreement, remark = judged(row, found)
            rows.append(
                {
                    "name": row.name,
                    "title": row.title,
                    "unit": self._unit(row.name, row.unit),
                    "claim": {cell: row.claim[cell] for cell in self.cells},
                    "measured": measured[row.name],
                    "agreement": agreement,
                    "remark": remark,
                    "how": row.how,
                }
            )
        return {
            "format": FORMAT,
            "task": self.question.task,
            "data": Path(self.question.data).stem if self.question.data else None,
            "machine": machine(),
            "settings": self._described(sizes, trained),
            "cells": list(self.cells),
            "rows": rows,
            "baselines": trained["baselines"] if trained else {},
            "verdict": trained["verdict"] if trained else self._verdict_of_probes(horizons),
            "failed": self.failed,
            "details": {
                "scores": trained["scores"] if trained else {},
                "curves": trained["curves"] if trained else {},
                "curve_metric": self.subject.monitor if self.subject else None,
                "gaps": trained["gaps"] if trained else {},
                "horizons": horizons,
                "inside": inside,
            },
        }

    # Training

    def _sizes(self) -> dict[str, dict[str, int]]:
        """The hidden size of each cell in each setting."""
        H = self.budget.hidden_size
        sizes = {"equal hidden size": dict.fromkeys(self.cells, H)}
        if self.subject is not None:
            sizes["equal parameters"] = {cell: self.subject.equal_parameters(cell, H) for cell in self.cells}
        return sizes

    def _settings(self, sizes: dict[str, dict[str, int]]) -> list[tuple[str, int]]:
        """Each cell and hidden size once: the LSTM is the same in both settings."""
        return list(dict.fromkeys((cell, H) for by_cell in sizes.values() for cell, H in by_cell.items()))

    def _training(self, cell: str, hidden_size: int, learning_rate: float, seed: int, **options: Any) -> Unit:
        assert self.subject is not None
        return self.subject.training(
            cell,
            hidden_size,
            learning_rate,
            steps=self.budget.steps,
            batch_size=self.budget.batch_size,
            seed=seed,
            **options,
        )

    def _train(self, sizes: dict[str, dict[str, int]]) -> dict[str, Any]:
        """Search, then score, both settings and every share at once."""
        assert self.subject is not None
        settings = self._settings(sizes)
        searched = {
            (setting, rate, seed): self._training(*setting, rate, seed, purpose="search")
            for setting in settings
            for rate in self.budget.learning_rates
            for seed in SEARCH_SEEDS
        }
        found = dict(zip(searched, self.work.do(list(searched.values())), strict=True))
        rates = {setting: self._best_rate(setting, found) for setting in settings}

        H = self.budget.hidden_size
        units: dict[tuple[str, int, int, float], Unit] = {}
        for cell, size in settings:
            rate = rates[cell, size]
            if rate is None:
                self.failed.setdefault(cell, "every learning rate ended in a loss that is not finite")
                continue
            for seed in self.seeds:
                units[cell, size, seed, 1.0] = self._training(
                    cell, size, rate, seed, purpose="score", look_inside=size == H and self.subject.looks_inside
                )
                if size == H:
                    for share in self.shares:
                        units[cell, size, seed, share] = self._training(
                            cell, size, rate, seed, purpose="share", share=share
                        )
        results = dict(zip(units, self.work.do(list(units.values())), strict=True))
        for (cell, *_), result in results.items():
            if "failed" in result:
                self.failed.setdefault(cell, result["failed"])
        return self._summary(sizes, rates, results)

    def _best_rate(self, setting: tuple[str, int], found: dict[Any, dict[str, Any]]) -> float | None:
        """The learning rate with the least validation loss, which tells more than the score of few sequences does.

        One that failed on any seed does not count; none where all did.
        """
        losses: dict[float, float] = {}
        for rate in self.budget.learning_rates:
            results = [found[setting, rate, seed] for seed in SEARCH_SEEDS]
            if not any("failed" in result for result in results):
                losses[rate] = sum(result["validation"]["loss"] for result in results)
        return min(losses, key=lambda rate: losses[rate]) if losses else None

    @property
    def metric(self) -> str:
        return self.subject.metric if self.subject is not None else ""

    def _summary(
        self,
        sizes: dict[str, dict[str, int]],
        rates: dict[tuple[str, int], float | None],
        results: dict[tuple[str, int, int, float], dict[str, Any]],
    ) -> dict[str, Any]:
        assert self.subject is not None
        H = self.budget.hidden_size
        standing = [cell for cell in self.cells if cell not in self.failed]
        contestants = {
            setting: {
                cell: Contestant(
                    cell,
                    [np.array(results[cell, by_cell[cell], seed, 1.0]["errors"]) for seed in self.seeds],
                    self.metric,
                )
                for cell in standing
            }
            for setting, by_cell in sizes.items()
        }
        baselines = self.subject.baselines()
        return {
            "verdict": decide(contestants["equal hidden size"], contestants["equal parameters"], baselines),
            "baselines": {name: float(c.scores.mean()) for name, c in baselines.items()},
            "scores": {
                setting: {
                    cell: {
                        "hidden_size": by_cell[cell],
                        "parameters": results[cell, by_cell[cell], self.seeds[0], 1.0]["parameters"],
                        "learning_rate": rates[cell, by_cell[cell]],
                        "scores": [results[cell, by_cell[cell], seed, 1.0]["test"] for seed in self.seeds],
                    }
                    for cell in standing
                }
                for setting, by_cell in sizes.items()
            },
            "curves": {cell: [results[cell, H, seed, 1.0]["curve"] for seed in self.seeds] for cell in standing},
            "gaps": self._gaps(standing, results) if self.subject.looks_inside else {},
            "inside": {cell: [results[cell, H, seed, 1.0]["inside"] for seed in self.seeds] for cell in standing}
            if self.subject.looks_inside
            else {},
        }

    def _gaps(
        self, cells: Sequence[str], results: dict[tuple[str, int, int, float], dict[str, Any]]
    ) -> dict[str, dict[str, Any]]:
        """By cell and share of the training data, the scores on what was trained on and on the test part."""
        H = self.budget.hidden_size
        return {
            cell: {
                f"{share:g}": {
                    "trained_on": results[cell, H, self.seeds[0], share]["trained_on"],
                    "train": [results[cell, H, seed, share]["train"] for seed in self.seeds],
                    "test": [results[cell, H, seed, share]["test"] for seed in self.seeds],
                }
                for share in (*self.shares, 1.0)
            }
            for cell in cells
        }

    # Memory

    def _climb(self) -> tuple[dict[str, list[str]], tuple[int, ...]]:
        """The initializations of each cell, and the lags: few beside data, all and farther alone."""
        if self.subject is None:
            names = {cell: [name for name, cells in INITIALIZATIONS.items() if cell in cells] for cell in self.cells}
            return names, (*self.budget.lags, *FAR_LAGS) if max(self.budget.lags) >= 1000 else self.budget.lags
        best = {"rnn": "orthogonal", "lstm": "chrono", "gru": "chrono"}
        return {cell: ["torch", best[cell]] for cell in self.cells}, self.budget.lags

    def _remember(self, initializations: dict[str, list[str]], lags: tuple[int, ...]) -> dict[str, Any]:
        """All cells climb together, lag by lag; who fails stays behind."""
        climbing = [
            (cell, name, seed) for cell, names in initializations.items() for name in names for seed in self.seeds
        ]
        attempts: dict[tuple[str, str, int], list[dict[str, Any]]] = {chain: [] for chain in climbing}
        for lag in lags:
            rates = RECALL_RATES[:1] if lag in FAR_LAGS else RECALL_RATES
            units = [Remembering(cell, name, lag, seed, self.budget.updates, rates) for cell, name, seed in climbing]
            for chain, result in zip(climbing, self.work.do(units), strict=True):
                attempts[chain].append({"lag": lag, **result})
            self.total -= len(attempts) - len(climbing)
            climbing = [chain for chain in climbing if attempts[chain][-1]["solved"]]
            if not climbing:
                self.total -= len(attempts) * (len(lags) - lags.index(lag) - 1)
                break
        return {
            cell: {name: [attempts[cell, name, seed] for seed in self.seeds] for name in names}
            for cell, names in initializations.items()
        }

    # What is inside, and how fast

    def _inside(self, trained: dict[str, Any] | None) -> dict[str, list[dict[str, Any]]]:
        """By cell, what each seed's network showed; without data, of fresh layers on noise."""
        if trained is not None and trained["inside"]:
            return trained["inside"]
        inside: dict[str, list[dict[str, Any]]] = {}
        for cell in self.cells:
            inside[cell] = []
            for seed in self.seeds:
                with torch.random.fork_rng(devices=[]):
                    torch.manual_seed(seed)
                    layer = layer_of(cell)(PROBED.input_size, PROBED.hidden_size)
                    x = torch.randn(PROBED.seq_len, PROBED.input_size)
                flow = gradient_flow(layer, x, PROBED.seq_len)
                inside[cell].append(
                    {
                        "gradients": {"untrained": [float(f"{norm:.4g}") for norm in flow.norms]},
                        "half_life": {"untrained": half_life(flow)},
                        "residual": residual(layer, x),
                    }
                )
        return inside

    @property
    def shape(self) -> Shape:
        """Of the layer that costs and times are of."""
        if self.subject is None:
            return PROBED
        return self.subject.shape(self.budget.hidden_size, self.budget.batch_size)

    def _layer(self, cell: str) -> torch.nn.RNNBase:
        return layer_of(cell)(self.shape.input_size, self.shape.hidden_size)

    def _time(self) -> dict[str, dict[str, Any]]:
        """How fast each cell trains and streams: alone on the machine, after all else, the cells in turns."""
        seq_len, batch_size = self.shape.seq_len, self.shape.batch_size
        medians: dict[str, dict[str, list[float]]] = {cell: {"training": [], "streaming": []} for cell in self.cells}
        for seed in self.seeds:
            for cell in self.cells:
                key = f"speed-{cell}-seed{seed}"
                result = self.work.kept(key)
                if result is None:
                    measured = speed(self._layer(cell), seq_len, batch_size)
                    result = {
                        "training": measured.sequences_per_second[1],
                        "streaming": measured.microseconds_per_step[1],
                    }
                    self.work.keep(key, result)
                for name, value in result.items():
                    medians[cell][name].append(value)
                self._count(key)
        return {
            cell: {
                name: {"value": float(np.median(v)), "low": min(v), "high": max(v), "seeds": len(v)}
                for name, v in by_name.items()
            }
            for cell, by_name in medians.items()
        }

    # The table

    def _measured(
        self,
        trained: dict[str, Any] | None,
        horizons: dict[str, Any],
        inside: dict[str, list[dict[str, Any]]],
        timed: dict[str, dict[str, Any]],
    ) -> dict[str, dict[str, dict[str, Any] | None]]:
        """What each row of the table shows, by cell."""
        measured: dict[str, dict[str, dict[str, Any] | None]] = {row.name: {} for row in ROWS}
        n = self.question.seeds
        for cell in self.cells:
            layer = self._layer(cell)
            measured["gates"][cell] = _exactly(gates_of(layer), n)
            states = layer(torch.zeros(1, 1, layer.input_size))[1]
            measured["memory"][cell] = _exactly(len(states) if isinstance(states, tuple) else 1, n) | {
                "words": DESCRIPTIONS[cell].memory
            }
            measured["macs_per_step"][cell] = _exactly(cost(layer).macs_per_step, n)
            measured["parameters"][cell] = _exactly(cost(layer).parameters, n)
            measured["memory_horizon"][cell] = _horizon(horizons[cell])
            measured["training_speed"][cell] = timed[cell]["training"]
            measured["streaming_latency"][cell] = timed[cell]["streaming"]
            measured["typical_use"][cell] = None
            if trained is not None and cell in self.failed:
                for name in ("core_operation", "gradient_half_life", "generalization_gap", "score"):
                    measured[name][cell] = _of_seeds([]) | {"failed": self.failed[cell]}
                continue
            looks = inside[cell]
            measured["core_operation"][cell] = _exactly(max(look["residual"] for look in looks), n) | {
                "words": DESCRIPTIONS[cell].core_operation
            }
            last = "trained" if trained is not None and trained["inside"] else "untrained"
            measured["gradient_half_life"][cell] = _of_lives([look["half_life"][last] for look in looks])
            measured["score"][cell] = measured["generalization_gap"][cell] = None
            if trained is not None:
                scores = trained["scores"]["equal hidden size"][cell]["scores"]
                measured["score"][cell] = _within(_of_seeds(scores), 1.0 if is_share(self.metric) else math.inf)
                if not trained["gaps"]:
                    continue
                smallest = trained["gaps"][cell][f"{min((*self.shares, 1.0)):g}"]
                measured["generalization_gap"][cell] = _of_seeds(
                    [self._gap(*pair) for pair in zip(smallest["train"], smallest["test"], strict=True)]
                )
        return measured

    def _gap(self, train: float, test: float) -> float:
        if is_share(self.metric):
            return train - test
        return math.log10(max(test, 1e-30) / max(train, 1e-30))

    def _unit(self, row: str, unit: str) -> str:
        if row == "score":
            return self.metric
        if row == "generalization_gap":
            return "accuracy" if is_share(self.metric) else "log10 of the ratio"
        return unit

    def _described(self, sizes: dict[str, dict[str, int]], trained: dict[str, Any] | None) -> dict[str, Any]:
        """All that it takes to do this again."""
        described: dict[str, Any] = {
            "budget": self.question.budget,
            "seeds": list(self.seeds),
            "updates": self.budget.updates,
            "tidegate": __version__,
        }
        if self.subject is None:
            return described | {"layer": asdict(PROBED)}
        return described | {
            **{name: value for name, value in asdict(self.budget).items() if name != "updates"},
            "sizes": sizes,
            **self.subject.described(),
        }

    def _verdict_of_probes(self, horizons: dict[str, Any]) -> dict[str, Any]:
        """How far each cell remembers, best and as torch.nn makes it."""
        parts = []
        for cell in self.cells:
            best, torchs = _horizon(horizons[cell]), _horizon({"torch": horizons[cell]["torch"]})
            says = f"{cell.upper()} recalls over {best['value']:,} steps{' or more' if best['at_least'] else ''} with "
            if best["initialization"] == "torch":
                parts.append(f"{says}torch.nn's own initialization")
            else:
                parts.append(f"{says}{best['initialization']} initialization, {torchs['value']:,} with torch.nn's own")
        return {"cell": None, "sentence": "; ".join(parts) + ". Which one suits is a question to your data."}


def _exactly(value: float, seeds: int) -> dict[str, Any]:
    """What is the same for every seed."""
    return {"value": value, "low": value, "high": value, "seeds": seeds}


def _of_seeds(values: Sequence[float]) -> dict[str, Any]:
    """Mean and 95 % interval over seeds."""
    finite = [value for value in values if math.isfinite(value)]
    if len(finite) < max(1, len(values)):
        return {"value": None, "low": None, "high": None, "seeds": len(values)}
    low, high = interval(finite)
    return {"value": float(np.mean(finite)), "low": low, "high": high, "seeds": len(finite)}


def _within(entry: dict[str, Any], most: float) -> dict[str, Any]:
    """An interval that ends where its measure does, at 0 and at the most."""
    if entry["value"] is None:
        return entry
    return entry | {"low": max(0.0, entry["low"]), "high": min(most, entry["high"])}


def _of_lives(lives: Sequence[float]) -> dict[str, Any]:
    """The geometric mean of half-lives, and its 95 % interval over seeds: they differ by factors."""
    found = _of_seeds([math.log(max(life, 1e-2)) for life in lives])
    if found["value"] is None:
        return found
    return found | {name: math.exp(found[name]) for name in ("value", "low", "high")}


def _horizon(by_initialization: dict[str, list[list[dict[str, Any]]]]) -> dict[str, Any]:
    """The median horizon over seeds of the initialization that reaches farthest, with the nearest and the farthest."""
    best: dict[str, Any] | None = None
    for name, chains in by_initialization.items():
        reached = [max((a["lag"] for a in chain if a["solved"]), default=0) for chain in chains]
        middle = sorted(reached)[(len(reached) - 1) // 2]
        chain = chains[reached.index(middle)]
        entry = {
            "value": middle,
            "low": min(reached),
            "high": max(reached),
            "seeds": len(chains),
            "initialization": name,
            "at_least": chain[-1]["solved"],
        }
        if best is None or middle > best["value"]:
            best = entry
    assert best is not None
    return best
