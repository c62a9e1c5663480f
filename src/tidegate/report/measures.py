"""Metrics as people read them: their names, their units, and how much they were measured on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

MOST = 10
"""Times another error, up to which a difference is given in percent."""


class Measure(NamedTuple):
    """A metric as a sentence names it."""

    name: str
    """With its unit: accuracy, bits per character."""
    kind: str
    """share, of 1; fraction, the same without percent; points, of which more is better; or error, error rate (of 1) or
    percent, of which less is better."""
    counts: str = "n"
    """The key of how much it was measured on, and what that is."""
    noun: str = "sequence"

    @property
    def is_error(self) -> bool:
        """Whether less is better."""
        return self.kind in ("error", "error rate", "percent")

    def shown(self, value: float) -> str:
        """A value with its unit."""
        if self.kind in ("share", "error rate"):
            return f"{100 * value:.2f} %"
        if self.kind == "percent":
            return f"{value:.3g} %"
        if self.kind == "fraction":
            return f"{value:.4f}"
        return f"{value:.1f}" if self.kind == "points" else f"{value:.4g}"

    def counted(self, scored: dict[str, Any]) -> str:
        """On how much it was measured."""
        n = int(scored.get(self.counts, scored.get("n", 0)))
        if self.counts == "targets" and n != scored.get("n", n):
            return f"{counted(n, 'step')} in {counted(scored['n'], 'sequence')}"
        noun = "sequence" if self.noun == "target" and n == scored.get("n") else self.noun
        return f"{n:,} series" if noun == "series" else counted(n, noun)

    def distance(self, own: float, other: float) -> str:
        """How far apart two values are.

        >>> MEASURES["accuracy"].distance(0.975, 0.95), MEASURES["mase"].distance(0.75, 1.0)
        ('2.50 percentage points above', '25 % below')
        """
        if self.kind in ("share", "error rate"):
            apart = f"{100 * abs(own - other):.2f} percentage points"
        elif self.kind == "points":
            apart = f"{abs(own - other):.1f} points"
        elif other and own / other < MOST:
            apart = f"{100 * abs(own - other) / abs(other):.3g} %"
        else:
            apart = f"{abs(own - other):.3g}"
        return f"{apart} {'above' if own > other else 'below'}"


MEASURES = {
    "accuracy": Measure("accuracy", "share"),
    "balanced_accuracy": Measure("balanced accuracy", "share"),
    "macro_f1": Measure("macro F1", "fraction"),
    "mse": Measure("mean squared error", "error", "targets", "target"),
    "mae": Measure("mean absolute error", "error", "targets", "target"),
    "r2": Measure("R²", "fraction", "targets", "target"),
    "mase": Measure("MASE", "error", "n", "series"),
    "smape": Measure("sMAPE", "percent", "n", "series"),
    "rmse": Measure("RMSE", "error", "n", "series"),
    "weighted_quantile_loss": Measure("weighted quantile loss", "error", "n", "series"),
    "coverage_80": Measure("coverage of the 80 % interval", "share", "n", "series"),
    "coverage_95": Measure("coverage of the 95 % interval", "share", "n", "series"),
    "bits_per_character": Measure("bits per character", "error", "n", "character"),
    "nats_per_character": Measure("nats per character", "error", "n", "character"),
    "perplexity": Measure("perplexity per token", "error", "units", "token"),
    "bleu": Measure("BLEU", "points", "n", "pair"),
    "chrf": Measure("chrF", "points", "n", "pair"),
    "wer": Measure("word error rate", "error rate", "words", "word"),
    "cer": Measure("character error rate", "error rate", "n", "recording"),
}
"""Of each key in `metrics.json`."""
PARTS = {"test": "test", "train": "training"}
"""What each part of `metrics.json` is called."""


def counted(n: int, noun: str) -> str:
    """A number of things.

    >>> counted(1, "sequence"), counted(1200, "sequence")
    ('1 sequence', '1,200 sequences')
    """
    return f"{n:,} {noun}{'s'[: n != 1]}"


def scored_part(metrics: dict[str, Any]) -> tuple[str, str]:
    """The part whose scores count: its key, and what it is called."""
    return ("test", "test") if "test" in metrics else ("train", "training")


def lines(metrics: dict[str, Any]) -> list[str]:
    """Every score of every part in a line, with its unit and how much it was measured on.

    >>> lines({"test": {"accuracy": 0.75, "n": 8, "baselines": {"mean": {"accuracy": 0.5}}}})
    ['test accuracy: 75.00 % of 8 sequences', '  baseline “mean”: accuracy 50.00 %']
    """
    found = []
    for part, scored in metrics.items():
        called = PARTS.get(part, part)
        for key, measure in MEASURES.items():
            if scored.get(key) is not None:
                found.append(f"{called} {measure.name}: {measure.shown(scored[key])} of {measure.counted(scored)}")
        for name, one in scored.get("baselines", {}).items():
            found.append(f"  baseline “{name}”: {', '.join(_named(one))}")
        if scored.get("classes"):
            found += _classes(scored["classes"])
    return found


def _named(scored: dict[str, Any]) -> Sequence[str]:
    return [f"{MEASURES[key].name} {MEASURES[key].shown(value)}" for key, value in scored.items() if value is not None]


def _classes(classes: dict[str, Any]) -> list[str]:
    """Precision, recall, F1 and support of every class, in columns."""
    width = max(map(len, classes))
    lines = [f"  {'class':{width}}  precision  recall  F1     support"]
    for label, one in classes.items():
        scores = f"{one['precision']:<9.3f}  {one['recall']:<6.3f}  {one['f1']:.3f}  {one['n']:,}"
        lines.append(f"  {label:{width}}  {scores}")
    return lines
