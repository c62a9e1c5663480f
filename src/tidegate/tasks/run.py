"""A run folder: a training that can be stopped, resumed, evaluated and used.

run.json       the task, the data and the parameters
checkpoints/   last.ckpt, from which --resume goes on
history.csv    a row for every check
model/         the bundle of the kept model
metrics.json   what it scores on the training and the test data
tensorboard/   the events of a run with the logger tensorboard
"""

from __future__ import annotations

import inspect
import json
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tidegate.data import Dataset, is_built_in
from tidegate.errors import ConfigError, DataError, DataWarning, RunError, TrainingError
from tidegate.files import write_whole
from tidegate.preparation import Reading, read_source, with_test
from tidegate.tasks.base import Estimator, Say, Tell
from tidegate.tasks.load import TASKS, load
from tidegate.tasks.sequences import PLAIN
from tidegate.training import TENSORBOARD, is_first_process

FORMAT = 3
SETTINGS, METRICS = "run.json", "metrics.json"


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

    def model(self) -> Any:
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
        self.check_data()
        return with_test(read_source(self.data, self.task, Reading(**self.reading)).dataset)

    def check_data(self) -> None:
        """Raise DataError where the data is no longer in its place."""
        if not is_built_in(self.data) and not Path(self.data).exists():
            raise DataError(
                got=f"the run's data {self.data}, a path where nothing is now",
                wanted="the data that it was trained on",
                do=f"name its new place: tidegate evaluate {self.folder} PATH",
            )

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
        task: one of `tidegate.tasks.TASKS`.
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
    reading = estimator_class.material.as_said(data, reading)
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
        material = estimator.material(estimator, data, reading, tell if is_first_process() else None, given)
        train, validation = material.set_up(estimator)
        notes = material.notes(estimator, validation)
    notes += warned

    fingerprint = material.fingerprint
    source = data if is_built_in(data) else str(Path(data).expanduser().resolve())
    if started is None:
        kept = estimator.parameters_as_json()
        if estimator.logger is not None:
            kept["logger"] = estimator.logger
        run = Run(folder, task, source, kept, fingerprint, material.reading.to_config(), notes)
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
        fitted = estimator.train(train, validation, folder=folder, resume=resume, progress=progress)
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
    metrics["kept_by"] = "training data" if validation is None else material.held_out(validation)
    metrics["seconds"] = round(fitted.seconds, 1)
    metrics["parameters"] = sum(p.numel() for p in estimator.network_.parameters())
    write_json(folder / METRICS, metrics)
    return run


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


def _take_back(folder: Path, made: bool) -> None:
    """Remove what a refused run began to write."""
    for name in ("checkpoints", TENSORBOARD):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in (SETTINGS, "history.csv"):
        (folder / name).unlink(missing_ok=True)
    if made and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def evaluate(
    folder: Path,
    data: str | None = None,
    reading: Reading | None = None,
    say: Say = lambda line: None,
    decoding: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Score a run's or a bundle's model on its own test set, or on other data (its test part, or all of it)."""
    model = _decoding_by(load(folder), decoding)
    with _said(say):
        run = open_run(folder) if data is None or (folder / SETTINGS).exists() else None
        if data is None and run is not None:
            run.check_data()
        return model.material.evaluate(model, data, reading, run, say)


def forecast(
    folder: Path, source: str | None = None, *, reading: Reading | None = None, say: Say = lambda line: None
) -> Any:
    """What comes after the end of the data that a model was trained on, or of another table, as a DataFrame."""
    model = load(folder)
    with _said(say):
        return model.material.forecast(model, source, reading, say)


def predict(
    folder: Path,
    source: str,
    *,
    reading: Reading | None = None,
    probabilities: bool = False,
    say: Say = lambda line: None,
    decoding: dict[str, Any] | None = None,
) -> tuple[list[str], list[list[Any]]]:
    """Return the header and the rows of the predictions for every sequence of a file, folder or built-in name.

    `decoding` is how texts are found: the beam of speech and translation, and of speech the folder of a language_model.
    """
    model = _decoding_by(load(folder), decoding)
    lines: list[str] = []
    with _said(lines.append):
        header, rows, notes = model.material.predict(model, source, reading, probabilities)
    for line in (*notes, *lines):
        say(line)
    return header, rows


def stream(folder: Path, source: str, *, decoding: dict[str, Any] | None = None) -> Iterator[str]:
    """The words of a recording as they are sure; - is a WAV stream on standard input."""
    model = _decoding_by(load(folder), decoding)
    return model.material.stream(model, source)


def _decoding_by(model: Any, decoding: dict[str, Any] | None) -> Any:
    """The model, which finds texts as is said."""
    if not decoding:
        return model
    known = inspect.signature(model.decode_by).parameters if hasattr(model, "decode_by") else ()
    for name in decoding:
        if name not in known:
            raise ConfigError(
                got=f"--{name.replace('_', '-')} for a model for {model.task}",
                wanted="an option of how it predicts",
                do="leave it out",
            )
    scorer = decoding.get("language_model")
    return model.decode_by(**{**decoding, **({} if scorer is None else {"language_model": load(scorer)})})


def task_of(name: str) -> type[Estimator]:
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
    given = {"task": task, "data": data if is_built_in(data) else str(Path(data).expanduser().resolve()), **parameters}
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
