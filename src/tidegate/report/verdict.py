"""Whether a model is better than its baselines, and by how much, in one sentence."""

from __future__ import annotations

from typing import Any, NamedTuple

from tidegate.compare.verdict import REPEAT
from tidegate.report.measures import MEASURES, scored_part


class Verdict(NamedTuple):
    """Whether a model is better than its baselines (none where there are none), and the sentence."""

    better: bool | None
    sentence: str


def verdict(metric: str, metrics: dict[str, Any], baselines: dict[str, float]) -> Verdict:
    """Compare a score with those of the baselines.

    A baseline that is given the target of the step before, which the network is not, does not count.

    >>> verdict("mase", {"test": {"mase": 1.2, "n": 3}}, {"naive": 1.0}).sentence
    'not better than the baseline “naive”: test MASE 1.2 of 3 series, 20 % above its 1'
    """
    part, called = scored_part(metrics)
    measure, own = MEASURES[metric], metrics[part][metric]
    says = f"{called} {measure.name} {measure.shown(own)} of {measure.counted(metrics[part])}"
    rivals = {name: score for name, score in baselines.items() if name != REPEAT}
    if not rivals:
        return Verdict(None, f"{says}; no baselines" + ("" if part == "test" else ", since there is no test set"))
    sign = -1 if measure.is_error else 1
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
