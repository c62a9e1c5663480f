"""Whether a model is better than its baselines, and by how much, in one sentence."""

from __future__ import annotations

from typing import NamedTuple

from tidegate.compare.verdict import REPEAT

MOST = 10
"""Times another error, up to which a difference is told in percent."""


class Measure(NamedTuple):
    """A metric as a sentence names it."""

    name: str
    """With its unit: "test accuracy", "test bits per character"."""
    kind: str
    """share, of 1; points, of which more is better; or error, or error rate (of 1), of which less is better."""

    def shown(self, value: float) -> str:
        """A value with its unit."""
        if self.kind in ("share", "error rate"):
            return f"{100 * value:.2f} %"
        return f"{value:.1f}" if self.kind == "points" else f"{value:.4g}"

    def distance(self, own: float, other: float) -> str:
        """How far apart two values are.

        >>> Measure("accuracy", "share").distance(0.975, 0.95), Measure("MASE", "error").distance(0.75, 1.0)
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


class Verdict(NamedTuple):
    """Whether a model is better than all of its baselines (none where there are none), and the sentence."""

    better: bool | None
    sentence: str


def verdict(measure: Measure, own: float, counted: str, baselines: dict[str, float]) -> Verdict:
    """Compare a score with those of the baselines.

    A baseline that is given the target of the step before, which the network is not, does not count.

    >>> verdict(Measure("test MASE", "error"), 1.2, "3 series", {"naive": 1.0}).sentence
    'not better than the baseline “naive”: test MASE 1.2 of 3 series, 20 % above its 1'
    """
    says = f"{measure.name} {measure.shown(own)} of {counted}"
    rivals = {name: score for name, score in baselines.items() if name != REPEAT}
    if not rivals:
        return Verdict(None, f"{says}; no baselines")
    sign = -1 if measure.kind.startswith("error") else 1
    name = max(rivals, key=lambda one: sign * rivals[one])
    best = rivals[name]
    if own == best:
        return Verdict(False, f"not better than the baseline “{name}”: {says}, the same as the baseline")
    distance = measure.distance(own, best)
    if sign * own < sign * best:
        sentence = f"not better than the baseline “{name}”: {says}, {distance} its {measure.shown(best)}"
        return Verdict(False, sentence)
    others = "baselines" if len(rivals) > 1 else "baseline"
    which = "the best of them, " if len(rivals) > 1 else ""
    return Verdict(True, f"better than the {others}: {says}, {distance} {which}“{name}” ({measure.shown(best)})")
