"""What a run of classification or regression makes of a source: to train on, to score, and to predict for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tidegate.data import Dataset, Sequences, is_built_in
from tidegate.preparation import Reading, Source, constant_channels, read_source, refuse_incomplete, with_test
from tidegate.preparation.describe import describe, short
from tidegate.tasks.base import Material, Say, Tell
from tidegate.tasks.sequences import SequenceEstimator, in_part
from tidegate.training import Examples

if TYPE_CHECKING:
    from tidegate.tasks.run import Run


class SequenceMaterial(Material):
    """Sequences with a target, of a source."""

    def __init__(
        self, estimator: SequenceEstimator, data: str, reading: Reading | None, tell: Tell | None, given: Any
    ) -> None:
        self.found = read_source(data, estimator.task, reading, tell=tell)
        if estimator.missing == "refuse":
            refuse_incomplete(self.found.dataset.train)
        self.dataset = with_test(self.found.dataset)
        self.fingerprint = self.dataset.train.fingerprint()
        self.reading = self.found.reading
        estimator.reading_ = self.reading if self.reading.layout or self.reading.sample_rate else None
        if estimator.task == "classification" and given is not None and "shift" not in given:
            estimator.set_params(shift=self.dataset.shift)

    def set_up(self, estimator: SequenceEstimator) -> tuple[Examples, Examples | None]:
        """What is trained on, and what chooses the kept weights."""
        train, validation = estimator.set_up(estimator.labeled(self.dataset.train))
        _check_test(estimator, self.dataset.test)
        return train, validation

    def notes(self, estimator: SequenceEstimator, validation: Examples | None) -> list[str]:
        """What a reader of the scores should know."""
        return [*self.dataset.notes, *_cautions(estimator, self.dataset, validation)]

    @property
    def description(self) -> str:
        """What was understood, in a line."""
        return short(describe(self.found))

    def metrics(self, estimator: SequenceEstimator) -> dict[str, Any]:
        """The scores on each part."""
        found: dict[str, Any] = {"train": estimator.metrics(estimator.labeled(self.dataset.train))}
        if self.dataset.test is not None:
            found["test"] = estimator.metrics(estimator.labeled(self.dataset.test))
        return found

    @staticmethod
    def evaluate(
        model: SequenceEstimator, data: str | None, reading: Reading | None, run: Run | None, say: Say
    ) -> dict[str, Any]:
        """Score a model on the test part of its run, or on other data.

        The run's own data under another path is known by its checksum, and its test part alone is scored.
        """
        if data is None:
            assert run is not None
            dataset = run.dataset
            if run.has_changed(dataset):
                say(f"{run.data} has changed since the model was trained on it: its test part may hold training data")
            return _scored(model, dataset, say)
        said = _said(model, reading)
        dataset = read_source(data, model.task, said).dataset
        for line in dataset.notes:
            say(line)
        if run is not None:
            own = with_test(dataset)
            if not run.has_changed(own):
                say("this is the data that the model was trained on: its test part is scored")
                return _scored(model, own, say)
        return _scored(model, dataset, say, all_of_it="all sequences are scored")

    @staticmethod
    def predict(
        model: SequenceEstimator, source: str, reading: Reading | None, probabilities: bool
    ) -> tuple[list[str], list[list[Any]], list[str]]:
        """The header and the rows of the predictions for a source, and what a reader should know of it.

        One row a sequence with its label and its probability, or with those of all classes; or one row a step, or a
        sequence, with its targets. Sequences and steps are named by the ids and times of the source, where it has some.
        """
        said = _said(model, reading)
        found = read_source(source, model.task, said if _is_table(source) else reading, predicting=True)
        dataset = found.dataset
        sequences = dataset.train
        if is_built_in(source) and (test := with_test(dataset).test) is not None:
            sequences = test
        names = [_id_name(found, sequences)]
        ids = range(len(sequences)) if sequences.ids is None else sequences.ids
        if model.task == "classification":
            header, rows = _label_rows(model, sequences, names, ids, probabilities)
        else:
            header, rows = _number_rows(model, sequences, found, names, ids)
        return header, rows, list(dataset.notes)


def _check_test(estimator: SequenceEstimator, test: Sequences | None) -> None:
    """Find out before training whether the test part can be scored."""
    if test is None:
        return
    with in_part("the test part"):
        estimator.check_targets(estimator.labeled(test))
        estimator.preparation_.encode(test)


def _cautions(estimator: SequenceEstimator, dataset: Dataset, validation: Examples | None) -> list[str]:
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


def _scored(model: SequenceEstimator, dataset: Dataset, say: Say, all_of_it: str = "") -> dict[str, Any]:
    part = dataset.test
    if part is None:
        part = dataset.train
        if not all_of_it:
            say("there is no test part: these scores are of the training data")
            return {"train": model.metrics(model.labeled(part))}
    return {"test": model.metrics(model.labeled(part))}


def _said(model: SequenceEstimator, reading: Reading | None) -> Reading:
    """What is said of a source, and for the rest how the training data was read."""
    trained, reading = trained_reading(model), reading or Reading()
    reading.refuse_other_sound(trained.sample_rate, trained.mel_bins)
    return reading.or_else(trained)


def trained_reading(model: SequenceEstimator) -> Reading:
    """How tables are read for a model: as the one that it was trained on, but for how this file is written."""
    trained = model.reading_ or Reading(categorical=tuple(model.preparation_.categories) or None)
    return trained.of_another_file()


def _is_table(source: str) -> bool:
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
