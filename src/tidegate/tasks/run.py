"""A run folder: a training that can be stopped, resumed, evaluated and used.

run.json       the task, the data and the parameters
checkpoints/   last.ckpt, from which --resume goes on
history.csv    a row for every check
model/         the bundle of the kept model
metrics.json   what it scores on the training and the test data
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tidegate.data import BUILT_IN, Dataset, read_dataset, read_sequences, with_test
from tidegate.errors import ConfigError, RunError
from tidegate.tasks.base import SequenceEstimator
from tidegate.tasks.load import TASKS, load

FORMAT = 1
SETTINGS, METRICS = "run.json", "metrics.json"


@dataclass(frozen=True)
class Run:
    """A run folder and what its `run.json` says."""

    folder: Path
    task: str
    data: str
    parameters: dict[str, Any]
    data_fingerprint: str

    @property
    def per_step(self) -> bool:
        return self.task == "regression"

    @property
    def metrics(self) -> dict[str, Any]:
        """What `metrics.json` says; empty while the run is not finished."""
        path = self.folder / METRICS
        return json.loads(path.read_text()) if path.exists() else {}

    def model(self) -> SequenceEstimator:
        """The kept model."""
        if not (self.folder / "model").exists():
            raise RunError(
                got=f"{self.folder}, a run that is not finished", wanted="a finished one", do="finish it with --resume"
            )
        return load(self.folder)

    def dataset(self) -> Dataset:
        """The data of the run, split as it was."""
        return with_test(read_dataset(self.data, self.per_step))


def open_run(folder: Path) -> Run:
    """Return the run of a folder; RunError where there is none."""
    try:
        settings = json.loads((folder / SETTINGS).read_text())
        settings.pop("format")
        return Run(folder, **settings)
    except FileNotFoundError:
        raise RunError(got=f"{folder} without {SETTINGS}", wanted="a run folder", do="check the path") from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RunError(
            got=f"{folder / SETTINGS} that cannot be read ({error})", wanted="a run of this version", do="run it again"
        ) from None


def fit_run(
    task: str,
    data: str,
    parameters: dict[str, Any],
    folder: Path,
    *,
    resume: bool = False,
    progress: bool = True,
) -> Run | None:
    """Train, keep the model and score it, all in a run folder.

    Args:
        task: classification or regression.
        data: a built-in name or a path; see `tidegate.data.read_dataset`.
        parameters: of the task's estimator; the others have their defaults, or with `resume` the run's own.
        folder: where to; it must not exist, except with `resume`.
        resume: go on from the last checkpoint. A resumed run ends with the same bits as one that was never stopped.
        progress: speak on standard error.

    Returns:
        The run, or none in a process that torchrun started and that does not speak for all.
    """
    estimator_class = task_of(task)
    started = open_run(folder) if resume and (folder / SETTINGS).exists() else None
    if started is not None:
        _check_same(started, task, data, parameters)
        parameters = started.parameters
    estimator = estimator_class(**parameters)
    estimator.settings()
    if started is None and is_first_process():
        check_free(folder)

    source = data if data in BUILT_IN else str(Path(data).resolve())
    dataset = with_test(read_dataset(source if data in BUILT_IN else data, task == "regression"))
    fingerprint = dataset.train.fingerprint()
    if started is None:
        estimator.set_params(shift=parameters.get("shift", dataset.shift if task == "classification" else 0))
        run = Run(folder, task, source, estimator.get_params(), fingerprint)
        if is_first_process():
            begun = {name: getattr(run, name) for name in ("task", "data", "parameters", "data_fingerprint")}
            start_folder(folder, SETTINGS, {"format": FORMAT, **begun})
    else:
        run = started
        if run.data_fingerprint != fingerprint:
            raise RunError(
                got=f"data in {data} that has changed since the run began",
                wanted="the same data",
                do="start again with another --out",
            )
    if started is not None and run.metrics:
        return run if is_first_process() else None

    fitted = estimator._train(dataset.train, folder=folder, resume=resume, progress=progress)
    if not fitted.is_first:
        return None
    estimator.save(folder / "model")
    metrics: dict[str, Any] = {"train": estimator.metrics(dataset.train)}
    if dataset.test is not None:
        metrics["test"] = estimator.metrics(dataset.test)
    metrics["kept"] = fitted.best
    metrics["seconds"] = round(fitted.seconds, 1)
    metrics["parameters"] = sum(p.numel() for p in estimator.network_.parameters())
    write_json(folder / METRICS, metrics)
    return run


def evaluate(folder: Path, data: str | None = None) -> dict[str, Any]:
    """Score a run's or a bundle's model on its own test set, or on other data (its test part, or all of it)."""
    model = load(folder)
    per_step = model.task == "regression"
    dataset = read_dataset(data, per_step) if data else open_run(folder).dataset()
    return {"test": model.metrics(dataset.test if dataset.test is not None else dataset.train)}


def predict(folder: Path, source: str) -> tuple[list[str], list[list[Any]]]:
    """Return the header and the rows of the predictions for every sequence of a file, folder or built-in name.

    One row a sequence with its label and probability, or one row a step with its targets.
    """
    model = load(folder)
    dataset = read_sequences(source, model.task == "regression")
    sequences = dataset.test if source in BUILT_IN and dataset.test is not None else dataset.train
    rows: list[list[Any]] = []
    if model.task == "classification":
        if sequences.y is not None:
            model._check_known(sequences.y)
        probabilities = model.predict_proba(sequences)
        for n, row in enumerate(probabilities):
            best = int(row.argmax())
            rows.append([n, model.classes_[best].item(), round(float(row[best]), 6)])
        return ["sequence", "label", "probability"], rows
    values = model._values(sequences)[0]
    outputs = values.shape[2]
    for n, (sequence, steps) in enumerate(zip(values, sequences.lengths, strict=True)):
        rows += [[n, t, *map(float, sequence[t])] for t in range(steps)]
    return ["sequence", "step", *(["y"] if outputs == 1 else [f"y{k}" for k in range(outputs)])], rows


def task_of(name: str) -> type[SequenceEstimator]:
    """The estimator of a task's name."""
    if name not in TASKS:
        raise ConfigError(got=f"the task {name!r}", wanted=f"one of {', '.join(TASKS)}", do="correct the name")
    return TASKS[name]


def is_first_process() -> bool:
    """Whether this process writes and speaks for all that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


def write_json(path: Path, content: Any) -> None:
    """Write JSON, whole or not at all."""
    writing = path.with_name(f".{path.name}.writing")
    writing.write_text(json.dumps(content, indent=2, default=_plain) + "\n")
    writing.replace(path)


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


def _check_same(run: Run, task: str, data: str, parameters: dict[str, Any]) -> None:
    given = {"task": task, "data": data if data in BUILT_IN else str(Path(data).resolve()), **parameters}
    began = {"task": run.task, "data": run.data, **run.parameters}
    for name, value in given.items():
        if value != began.get(name):
            raise RunError(
                got=f"{name}={value!r} for a run that began with {began.get(name)!r}",
                wanted="the command that it began with",
                do="leave that out, or start another run with another --out",
            )
