"""The page of a classifier: scores of each class, the confusion matrix, and sequences that were right and wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tidegate.compare.baselines import read_baselines
from tidegate.data import Sequences
from tidegate.report import figures
from tidegate.report.inside import inside, name_of
from tidegate.report.measures import MEASURES, counted, scored_part
from tidegate.report.section import (
    Confusion,
    Panel,
    Panels,
    Pictures,
    Section,
    Table,
    Usage,
    changed,
    chosen_by,
    console,
    path_to,
    python,
    scores_of,
    section,
)
from tidegate.report.verdict import Verdict, verdict
from tidegate.tasks.run import Run

METRICS = ("accuracy", "balanced_accuracy", "macro_f1")
IMAGES, SEQUENCES = 24, 6
"""Examples of each kind that are shown."""
MOST_CLASSES = 60
"""Of a confusion matrix; of more classes, the most frequent errors alone are shown."""
ERRORS = 15
"""Pairs of a true and a predicted label that are listed."""


def classification_verdict(run: Run, metrics: dict[str, Any]) -> Verdict:
    """Whether the classifier is better than its baselines."""
    return verdict("accuracy", metrics, read_baselines(run))


def classification_details(metrics: dict[str, Any]) -> str:
    """The other scores, in a line."""
    part, name = scored_part(metrics)
    shown = [f"{name} macro F1 {metrics[part]['macro_f1']:.3f}"]
    if part == "test":
        n = counted(metrics["train"]["n"], "sequence")
        shown.append(f"training accuracy {100 * metrics['train']['accuracy']:.2f} % of {n}")
    return ", ".join(shown)


def classification_section(
    run: Run, title: str, metrics: dict[str, Any], history: Sequence[dict[str, float]]
) -> Section:
    """The section of a run."""
    model, dataset = run.model(), run.dataset
    part = model.labeled(dataset.train if dataset.test is None else dataset.test)
    model.check_targets(part)
    of = "training" if dataset.test is None else "test"
    where = f"{counted(len(part), 'sequence')} of the {of} set"
    monitor = "accuracy" if run.parameters.get("class_weight") is None else "balanced_accuracy"
    by, kept = chosen_by(metrics), metrics["kept"]
    shares = model.predict_proba(part)
    predicted = model.classes_[shares.argmax(axis=1)]
    assert part.y is not None
    scores = scores_of(metrics, METRICS)
    blocks: list[Any] = []
    if ranked := _baselines(run, metrics):
        blocks.append(ranked)
    blocks.append(
        Pictures(
            [
                figures.learning_curve("Loss", history, kept, by, "nats per sequence"),
                figures.score_curve(MEASURES[monitor].name.capitalize(), history, kept, monitor, by),
            ]
        )
    )
    if "classes" in metrics[scored_part(metrics)[0]]:
        blocks.append(_report(metrics))
    blocks += confusion(part.y, predicted, model.classes_, where)
    blocks += _examples(part, shares, predicted, dataset.image and not part.ragged, where)
    blocks.append(inside(model, part[:1], name_of(part, 0), where))
    return section(
        run,
        model,
        metrics,
        history,
        MEASURES[monitor].name,
        title=title,
        subtitle=f"Classification: one of {len(model.classes_)} labels per sequence. {_split(dataset)}.",
        verdict=classification_verdict(run, metrics),
        scores=scores,
        blocks=blocks,
        usage=sequence_usage(run),
        notes=changed(run, run.has_changed(dataset)),
    )


def _split(dataset: Any) -> str:
    train = counted(len(dataset.train), "training sequence")
    return train if dataset.test is None else f"{train}, {counted(len(dataset.test), 'test sequence')}"


def sequence_usage(run: Run) -> Usage:
    """Code that predicts for the first sequences of the run's own data."""
    reading = {name: value for name, value in run.reading.items() if name not in ("left_out", "steps")}
    source = path_to(run.data)
    options = "".join(f", {name}={value!r}" for name, value in reading.items())
    return Usage(
        python(
            run,
            f"data = tg.read_dataset({source!r}, {run.task!r}{options})",
            "# or an array (n, time, channels), or a list of arrays (time_i, channels)",
            "print(model.predict(data.train[:3]))",
        ),
        [console(run, "predict", source), console(run, "evaluate")],
    )


def _baselines(run: Run, metrics: dict[str, Any]) -> Table | None:
    found = read_baselines(run)
    if not found:
        return None
    own = f"{run.parameters['cell'].upper()} (this run)"
    rows = sorted([(own, metrics["test"]["accuracy"]), *found.items()], key=lambda row: (-row[1], row[0] == own))
    shown = [(name, f"{100 * score:.2f} %") for name, score in rows]
    n = counted(metrics["test"]["n"], "test sequence")
    return Table("Baselines", ["", "accuracy"], shown, f"On {n}.", own=[name for name, _ in rows].index(own))


def _report(metrics: dict[str, Any]) -> Table:
    """The numbers of scikit-learn's `classification_report`."""
    part, called = scored_part(metrics)
    found = metrics[part]["classes"]
    support = np.array([one["n"] for one in found.values()])
    # As in scikit-learn, a class that is neither a true nor a predicted label is in no average.
    there = (support > 0) | (np.sum(metrics[part]["confusion_matrix"], axis=0) > 0)
    values = np.array([[one["precision"], one["recall"], one["f1"]] for one in found.values()])
    rows = [_report_row(label, row, n) for label, row, n in zip(found, values, support.tolist(), strict=True)]
    total = int(support.sum())
    rows.append(_report_row("macro average", values[there].mean(axis=0), total))
    rows.append(_report_row("weighted average", (values * support[:, None]).sum(axis=0) / max(1, total), total))
    columns = ["class", "precision", "recall", "F1", "support"]
    about = f"On the {called} set. Support is the number of sequences whose true label is the class."
    return Table("Precision, recall and F1 per class", columns, rows, about, footer=2)


def _report_row(label: str, scores: Iterable[float], n: int) -> tuple[str, ...]:
    return label, *(f"{score:.3f}" for score in scores), f"{n:,}"


def confusion(actual: np.ndarray, predicted: np.ndarray, classes: np.ndarray, where: str) -> list[Any]:
    """The confusion matrix, and where there are many classes, its largest errors as a list."""
    from sklearn.metrics import confusion_matrix

    counts = confusion_matrix(actual, predicted, labels=classes)
    total, wrong = int(counts.sum()), int(counts.sum() - np.trace(counts))
    labels = [str(label) for label in classes]
    says = f"{wrong:,} of {where} {'is' if wrong == 1 else 'are'} misclassified."
    blocks: list[Any] = []
    if len(classes) <= MOST_CLASSES:
        shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
        about = f"{says} Each cell counts sequences; the darker, the larger the share of its true label."
        blocks.append(Confusion("Confusion matrix", about, labels, counts.tolist(), shares.tolist()))
    if wrong and len(classes) > 2:
        off = counts - np.diag(np.diag(counts))
        order = np.argsort(-off, axis=None, kind="stable")[:ERRORS]
        rows = []
        for true, guess in zip(*np.unravel_index(order, off.shape), strict=True):
            if off[true, guess]:
                share = f"{100 * off[true, guess] / counts[true].sum():.1f} % of {counts[true].sum():,}"
                rows.append((labels[true], labels[guess], f"{off[true, guess]:,}", share))
        columns = ["true label", "predicted label", "sequences", "of the true label"]
        more = "" if len(classes) <= MOST_CLASSES else " metrics.json holds the whole confusion matrix."
        blocks.append(Table("Most frequent errors", columns, rows, f"{wrong:,} errors in {total:,}.{more}", texts=2))
    return blocks


def _examples(part: Sequences, shares: np.ndarray, predicted: np.ndarray, image: bool, where: str) -> list[Panels]:
    """Sequences that were wrong, the most confident first, and right, the least confident first."""
    assert part.y is not None
    surest = np.argsort(-shares.max(axis=1), kind="stable")
    right = (predicted == part.y)[surest]
    most = IMAGES if image else SEQUENCES
    named = f"; #n is the position in the {where.split(' of the ')[1]}" if part.ids is None else ""
    found = []
    for title, rows, order in (
        ("Misclassified sequences", surest[~right], "most confident first"),
        ("Correctly classified sequences", surest[right][::-1], "least confident first"),
    ):
        if not len(rows):
            continue
        shown = rows[:most]
        captions = [
            f"{name_of(part, n)}: {part.y[n]}" + (f" → {predicted[n]}" if predicted[n] != part.y[n] else "")
            + f" ({100 * shares[n].max():.0f}\N{NO-BREAK SPACE}%)"
            for n in shown
        ]  # fmt: skip
        labels = "Id: true label → predicted label" if title.startswith("Mis") else "Id: label"
        about = f"{len(shown)} of {len(rows):,}, {order}. {labels} (predicted probability){named}."
        if image:
            panels = [Panel(caption, figures.pixels(one)) for caption, one in zip(captions, part[shown].x, strict=True)]
            found.append(Panels(title, about, panels, width="6rem"))
        else:
            found.append(sequence_panels(title, about, part[shown], captions))
    return found


def sequence_panels(title: str, about: str, some: Sequences, captions: Sequence[str]) -> Panels:
    """Sequences as lines over their steps; of many channels, the first few."""
    names = list(some.channels) if some.channels is not None else [f"channel {k}" for k in range(some.n_channels)]
    shown = len(figures.LINES)
    if some.n_channels > shown:
        about += f" The first {shown} of {some.n_channels} channels are drawn."
    drawings = [figures.lines(values) for values in np.split(some.values, some.starts[1:])]
    panels = [Panel(caption, drawing) for caption, drawing in zip(captions, drawings, strict=True)]
    return Panels(title, about, panels, legend=figures.legend(names[:shown]) if some.n_channels > 1 else ())
