"""A run folder: a training that can be stopped, resumed, evaluated and used.

run.json       the task, the data and the parameters
checkpoints/   last.ckpt, from which --resume goes on
history.csv    a row for every check
model/         the bundle of the kept model
metrics.json   what it scores on the training and the test data
"""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tidegate.data import Dataset, Sequences, is_built_in
from tidegate.errors import ConfigError, DataError, DataWarning, RunError, TrainingError
from tidegate.files import write_whole
from tidegate.preparation import Reading, Source, constant_channels, read_source, refuse_incomplete, with_test
from tidegate.preparation.describe import describe, short, short_panel
from tidegate.preparation.series import read_panel
from tidegate.tasks.base import PLAIN, SequenceEstimator, in_part
from tidegate.tasks.forecasting import Forecaster
from tidegate.tasks.load import TASKS, load
from tidegate.training import is_first_process

FORMAT = 3
SETTINGS, METRICS = "run.json", "metrics.json"

Say = Callable[[str], None]
Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class Run:
    """A run folder and what its `run.json` says."""

    folder: Path
    task: str
    data: str
    parameters: dict[str, Any]
    data_fingerprint: str
    reading: dict[str, Any] = field(default_factory=dict)
    """What was said of the table, and what was found."""
    notes: list[str] = field(default_factory=list)
    """What a reader of the scores should know of the data."""

    @property
    def metrics(self) -> dict[str, Any]:
        """What `metrics.json` says; empty while the run is not finished."""
        return _read_json(self.folder / METRICS) if (self.folder / METRICS).exists() else {}

    def model(self) -> SequenceEstimator:
        """The kept model."""
        if not (self.folder / "model").exists():
            raise RunError(
                got=f"{self.folder} without model, a run that is not finished",
                wanted="a finished one",
                do="finish it with --resume",
            )
        return load(self.folder)

    @cached_property
    def dataset(self) -> Dataset:
        """The data of the run, read once, split as it was."""
        try:
            return with_test(read_source(self.data, self.task, Reading(**self.reading)).dataset)
        except DataError as error:
            if is_built_in(self.data) or Path(self.data).exists():
                raise
            raise DataError(
                got=f"the run's data {self.data}, a path where nothing is now",
                wanted="the data that it was trained on",
                do=f"name its new place: tidegate evaluate {self.folder} PATH",
            ) from error

    def has_changed(self, dataset: Dataset) -> bool:
        """Whether the data is not what the run was trained on."""
        return dataset.train.fingerprint() != self.data_fingerprint


def open_run(folder: Path) -> Run:
    """Return the run of a folder; RunError where there is none."""
    path = folder / SETTINGS
    if not path.exists():
        parts = [name for name in ("model", METRICS, "history.csv", "checkpoints") if (folder / name).exists()]
        rest = f", although it holds {' and '.join(parts)}" if parts else ""
        remedy = "restore that file, or train again with another --out; the model alone can predict" if parts else None
        raise RunError(got=f"{folder} without {SETTINGS}{rest}", wanted="a run folder", do=remedy or "check the path")
    settings = _read_json(path)
    try:
        if (written := settings.pop("format")) not in (2, FORMAT):
            raise ValueError("another format")
        if written == 2:
            settings["parameters"] = {**PLAIN, **settings["parameters"]}
        weights = settings["parameters"].get("class_weight")
        if isinstance(weights, dict):
            settings["parameters"]["class_weight"] = dict(weights["pairs"])
        return Run(folder, **settings)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RunError(
            got=f"{path} that cannot be read ({error})", wanted="a run of this version", do="run it again"
        ) from None


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(
            got=f"{path} that cannot be read ({error})", wanted="the file as it was written", do="run it again"
        ) from None


def fit_run(
    task: str,
    data: str,
    parameters: dict[str, Any],
    folder: Path,
    *,
    reading: Reading | None = None,
    resume: bool = False,
    progress: bool = True,
    say: Say = lambda line: None,
    tell: Tell | None = None,
) -> Run | None:
    """Train, keep the model and score it, all in a run folder.

    Args:
        task: classification, regression or forecasting.
        data: a built-in name or a path; see `tidegate.read_dataset`.
        parameters: of the task's estimator; the others have their defaults, or with `resume` the run's own.
        folder: where to; it must not exist, except with `resume`. A run that is refused leaves nothing behind.
        reading: what is said of a table.
        resume: go on from the last checkpoint. A resumed run ends with the same bits as one that was never stopped.
        progress: speak on standard error.
        say: is told in a line each how the data was understood, and what the scores do not show.
        tell: is told the bytes of a table that are read, and all of them.

    Returns:
        The run, or none in a process that torchrun started and that does not speak for all.
    """
    estimator_class = task_of(task)
    started = open_run(folder) if resume and (folder / SETTINGS).exists() else None
    if started is not None:
        _check_same(started, task, data, parameters, reading)
        parameters, reading = started.parameters, Reading(**started.reading)
    for name in parameters:
        if name not in estimator_class._get_param_names():
            raise ConfigError(
                got=f"--{name.replace('_', '-')} for {task}", wanted="options of that task", do="leave it out"
            )
    estimator = estimator_class(**parameters)
    estimator.settings()
    if started is None and is_first_process():
        check_free(folder)

    warned: list[str] = []
    with _said(warned.append):
        given = parameters if started is None else None
        material = material_of(estimator, data, reading, tell if is_first_process() else None, given)
        train, validation = material.set_up(estimator)
        notes = material.notes(estimator, validation)
    notes += warned

    fingerprint = material.fingerprint
    source = data if is_built_in(data) else str(Path(data).resolve())
    if started is None:
        run = Run(folder, task, source, estimator._parameters(), fingerprint, material.reading.to_config(), notes)
        made = not folder.exists()
        if is_first_process():
            begun = {name: value for name, value in asdict(run).items() if name != "folder"}
            start_folder(folder, SETTINGS, {"format": FORMAT, **begun})
    else:
        run, made = started, False
        if run.data_fingerprint != fingerprint:
            raise RunError(
                got=f"data in {data} that has changed since the run began",
                wanted="the same data",
                do="start again with another --out",
            )
    if started is not None and run.metrics:
        return run if is_first_process() else None
    if is_first_process():
        for line in (material.description, *notes):
            say(line)

    try:
        fitted = estimator._train(train, validation, folder=folder, resume=resume, progress=progress)
    except TrainingError:
        # Going on from its checkpoint, the run would end the same way: nothing is lost.
        if started is None and is_first_process():
            _take_back(folder, made)
        raise
    if not fitted.is_first:
        return None
    with _said(lambda line: None):  # what is warned of, was said before training
        metrics = material.metrics(estimator)
    estimator.save(folder / "model")
    metrics["kept"] = fitted.best
    metrics["kept_by"] = (
        "training data"
        if validation is None
        else f"{len(validation)} validation {material.unit}{'s'[: len(validation) != 1]}"
    )
    metrics["seconds"] = round(fitted.seconds, 1)
    metrics["parameters"] = sum(p.numel() for p in estimator.network_.parameters())
    write_json(folder / METRICS, metrics)
    return run


class Material:
    """What a task is trained and scored on: sequences with a target, of a source."""

    unit = "sequence"

    def __init__(
        self, estimator: SequenceEstimator, data: str, reading: Reading | None, tell: Tell | None, given: Any
    ) -> None:
        self.found = read_source(data, estimator.task, reading, tell=tell)
        if estimator.missing == "refuse":
            refuse_incomplete(self.found.dataset.train)
        self.dataset = with_test(self.found.dataset)
        self.fingerprint = self.dataset.train.fingerprint()
        self.reading = self.found.reading
        estimator.reading_ = self.reading if self.reading.layout is not None else None
        if estimator.task == "classification" and given is not None and "shift" not in given:
            estimator.set_params(shift=self.dataset.shift)

    def set_up(self, estimator: SequenceEstimator) -> tuple[Sequences, Sequences | None]:
        """What is trained on, and what chooses the kept weights."""
        train, validation = estimator._set_up(estimator._labeled(self.dataset.train))
        _check_test(estimator, self.dataset.test)
        return train, validation

    def notes(self, estimator: SequenceEstimator, validation: Sequences | None) -> list[str]:
        """What a reader of the scores should know."""
        return [*self.dataset.notes, *_cautions(estimator, self.dataset, validation)]

    @property
    def description(self) -> str:
        """What was understood, in a line."""
        return short(describe(self.found))

    def metrics(self, estimator: SequenceEstimator) -> dict[str, Any]:
        """The scores on each part."""
        found: dict[str, Any] = {"train": estimator.metrics(estimator._labeled(self.dataset.train))}
        if self.dataset.test is not None:
            found["test"] = estimator.metrics(estimator._labeled(self.dataset.test))
        return found


class SeriesMaterial:
    """What a forecaster is trained and scored on: series, whose last horizons are the test part."""

    unit = "window"

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

    def set_up(self, estimator: Forecaster) -> tuple[Sequences, Sequences | None]:
        return estimator._set_up(self.train)

    def notes(self, estimator: Forecaster, validation: Sequences | None) -> list[str]:
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
        estimator._keep_context(self.whole)
        return found


def material_of(
    estimator: Any, data: str, reading: Reading | None = None, tell: Tell | None = None, given: Any = None
) -> Any:
    """What the estimator's task makes of a source; `given` are the parameters that a person has set in a new run."""
    kind: Any = SeriesMaterial if estimator.task == "forecasting" else Material
    return kind(estimator, data, reading, tell, given)


@contextmanager
def _said(say: Say) -> Iterator[None]:
    """What is warned of data meanwhile is said in a line."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DataWarning)
        yield
    for line in dict.fromkeys(str(one.message) for one in caught if issubclass(one.category, DataWarning)):
        say(line)
    for one in caught:
        if not issubclass(one.category, DataWarning):
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)


def _check_test(estimator: SequenceEstimator, test: Sequences | None) -> None:
    """Find out before training whether the test part can be scored."""
    if test is None:
        return
    with in_part("the test part"):
        estimator.check_targets(estimator._labeled(test))
        estimator.preparation_.encode(test)


def _cautions(estimator: SequenceEstimator, dataset: Dataset, validation: Sequences | None) -> list[str]:
    """What the scores do not show, each a line."""
    lines = []
    constant = constant_channels(dataset.train)
    if constant and len(constant) == dataset.train.n_channels:
        lines.append("all channels are constant: there is nothing to learn from")
    elif constant and not dataset.image:
        shown = ", ".join(constant[:10]) + (f" and {len(constant) - 10} more" if len(constant) > 10 else "")
        lines.append(f"constant in training: {shown}")
    if validation is None:
        lines.append(
            f"{len(dataset.train)} training sequence{'s'[: len(dataset.train) != 1]}, too few to hold some out: "
            "the training data chooses the kept model"
        )
    if estimator.task == "classification" and dataset.test is not None:
        there = set(np.asarray(dataset.test.y).tolist())
        absent = [str(label) for label in estimator.classes_.tolist() if label not in there]
        if absent:
            lines.append(f"without an example in the test part: {', '.join(absent[:10])}")
    return lines


def _take_back(folder: Path, made: bool) -> None:
    """Remove what a refused run began to write."""
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    for name in (SETTINGS, "history.csv"):
        (folder / name).unlink(missing_ok=True)
    if made and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def evaluate(
    folder: Path, data: str | None = None, reading: Reading | None = None, say: Say = lambda line: None
) -> dict[str, Any]:
    """Score a run's or a bundle's model on its own test set, or on other data (its test part, or all of it).

    The run's own data under another path is known by its checksum, and its test part alone is scored.
    """
    model = load(folder)
    with _said(say):
        if isinstance(model, Forecaster):
            return _evaluate_series(model, folder, data, reading, say)
        if data is None:
            run = open_run(folder)
            dataset = run.dataset
            if run.has_changed(dataset):
                say(f"{run.data} has changed since the model was trained on it: its test part may hold training data")
            return _scored(model, dataset, say)
        said = (reading or Reading()).or_else(_trained_reading(model))
        dataset = read_source(data, model.task, said).dataset
        for line in dataset.notes:
            say(line)
        if (folder / SETTINGS).exists():
            own = with_test(dataset)
            if not open_run(folder).has_changed(own):
                say("this is the data that the model was trained on: its test part is scored")
                return _scored(model, own, say)
        return _scored(model, dataset, say, all_of_it="all sequences are scored")


def _evaluate_series(
    model: Forecaster, folder: Path, data: str | None, reading: Reading | None, say: Say
) -> dict[str, Any]:
    """Scores of the last horizons of each series, of the run's own data or of other."""
    run = open_run(folder) if data is None or (folder / SETTINGS).exists() else None
    said = (reading or Reading()).or_else(_trained_reading(model))
    read = read_panel(data if data is not None or run is None else run.data, said)
    _, whole, rows, ends = model.parts(read)
    if data is None and run is not None and whole.fingerprint() != run.data_fingerprint:
        say(f"{run.data} has changed since the model was trained on it: its last steps may be training data")
    if data is not None:
        for line in read.notes:
            say(line)
    return {"test": model.evaluate(whole, rows, ends)}


def forecast(
    folder: Path, source: str | None = None, *, reading: Reading | None = None, say: Say = lambda line: None
) -> Any:
    """What comes after the end of the data that a model was trained on, or of another table, as a DataFrame.

    Other data is read as that of training; with new rows at its end, forecasts begin after them.
    """
    model = load(folder)
    if not isinstance(model, Forecaster):
        raise ConfigError(
            got=f"a model for {model.task} and no input",
            wanted="what to predict for",
            do="name a table or another source",
        )
    if source is None:
        return model.table(model.context_, model.forecast(model.context_))
    with _said(say):
        read = read_panel(source, (reading or Reading()).or_else(_trained_reading(model)))
        for line in read.notes:
            say(line)
        return model.table(read.train, model.forecast(read.train))


def _scored(model: SequenceEstimator, dataset: Dataset, say: Say, all_of_it: str = "") -> dict[str, Any]:
    part = dataset.test
    if part is None:
        part = dataset.train
        if not all_of_it:
            say("there is no test part: these scores are of the training data")
            return {"train": model.metrics(model._labeled(part))}
    return {"test": model.metrics(model._labeled(part))}


def _trained_reading(model: SequenceEstimator) -> Reading:
    """How tables are read for a model: as the one that it was trained on, but for how this file is written."""
    trained = model.reading_ or Reading(categorical=tuple(model.preparation_.categories) or None)
    return replace(trained, separator=None, decimal=None, encoding=None)


def predict(
    folder: Path,
    source: str,
    *,
    reading: Reading | None = None,
    probabilities: bool = False,
    say: Say = lambda line: None,
) -> tuple[list[str], list[list[Any]]]:
    """Return the header and the rows of the predictions for every sequence of a file, folder or built-in name.

    One row a sequence with its label and its probability, or with those of all classes; or one row a step, or a
    sequence, with its targets. Sequences and steps are named by the ids and times of the source, where it has some.
    """
    model = load(folder)
    lines: list[str] = []
    with _said(lines.append):
        said = (reading or Reading()).or_else(_trained_reading(model))
        found = read_source(source, model.task, said if _is_table(source, model) else reading, predicting=True)
        dataset = found.dataset
        sequences = dataset.train
        if is_built_in(source) and (test := with_test(dataset).test) is not None:
            sequences = test
        names = [_id_name(found, sequences)]
        ids = range(len(sequences)) if sequences.ids is None else sequences.ids
        if model.task == "classification":
            table = _label_rows(model, sequences, names, ids, probabilities)
        else:
            table = _number_rows(model, sequences, found, names, ids)
    for line in (*dataset.notes, *lines):
        say(line)
    return table


def _is_table(source: str, model: SequenceEstimator) -> bool:
    """Whether what is known of the columns in training says something of this source."""
    path = Path(source)
    return not is_built_in(source) and (path.is_dir() or path.suffix.lower() not in (".npz", ".npy", ".ts"))


def _id_name(found: Source, sequences: Sequences) -> str:
    named = found.reading.id
    return named if named is not None and sequences.ids is not None else "sequence"


def _label_rows(
    model: Any, sequences: Sequences, header: list[str], ids: Any, probabilities: bool
) -> tuple[list[str], list[list[Any]]]:
    shares = model.predict_proba(sequences)
    best = shares.argmax(axis=1)
    rows: list[list[Any]] = []
    for n, (name, row) in enumerate(zip(ids, shares, strict=True)):
        shown = row if probabilities else row[best[n] : best[n] + 1]
        rows.append([name, model.classes_[best[n]].item(), *(round(float(share), 6) for share in shown)])
    columns = [f"probability_{label}" for label in model.classes_] if probabilities else ["probability"]
    return [*header, "label", *columns], rows


def _number_rows(
    model: Any, sequences: Sequences, found: Source, header: list[str], ids: Any
) -> tuple[list[str], list[list[Any]]]:
    values = model.values(sequences)[0]
    outputs = values.shape[1]
    targets = found.reading.target or (model.reading_.target if model.reading_ else None)
    names = list(targets) if targets and len(targets) == outputs else ["y"] if outputs == 1 else None
    names = names or [f"y{k}" for k in range(outputs)]
    if model.target_per_ == "sequence":
        return [*header, *names], [[name, *map(float, row)] for name, row in zip(ids, values, strict=True)]
    times = sequences.times
    rows = []
    for name, start, steps in zip(ids, sequences.starts, sequences.lengths, strict=True):
        for t in range(int(steps)):
            when = t if times is None else times[start + t]
            rows.append([name, when, *map(float, values[start + t])])
    when = found.reading.time if times is not None and found.reading.time else "step"
    return [*header, when, *names], rows


def task_of(name: str) -> type[SequenceEstimator]:
    """The estimator of a task's name."""
    if name not in TASKS:
        raise ConfigError(got=f"the task {name!r}", wanted=f"one of {', '.join(TASKS)}", do="correct the name")
    return TASKS[name]


def write_json(path: Path, content: Any) -> None:
    """Write JSON, whole or not at all."""
    write_whole(path, json.dumps(content, indent=2, default=_plain) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(type(value).__name__)


def check_free(folder: Path) -> None:
    """Raise RunError where a folder holds something already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError(
            got=f"the folder {folder}, which already exists",
            wanted="a new one",
            do="pass --resume to go on with that run, or another --out",
        )


def start_folder(folder: Path, name: str, settings: dict[str, Any]) -> None:
    """Make a folder with its settings; RunError where it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / name, settings)
    except OSError as error:
        raise RunError(
            got=f"the folder {folder}, which cannot be written ({error.strerror})",
            wanted="a folder with the right to write",
            do="pass another --out",
        ) from None


def _check_same(run: Run, task: str, data: str, parameters: dict[str, Any], reading: Reading | None) -> None:
    given = {"task": task, "data": data if is_built_in(data) else str(Path(data).resolve()), **parameters}
    began = {"task": run.task, "data": run.data, **run.parameters}
    if reading is not None:
        given |= reading.to_config()
        began |= run.reading
    for name, value in given.items():
        if value != began.get(name):
            raise RunError(
                got=f"{name}={value!r} for a run that began with {began.get(name)!r}",
                wanted="the command that it began with",
                do="leave that out, or start another run with another --out",
            )
