"""The page of a translator: translations beside their references, and what attention looked at."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

import numpy as np

from tidegate.report import figures
from tidegate.report.page import facts
from tidegate.report.section import chosen_by, opened, section
from tidegate.tasks.run import Run

EXAMPLES = 12
"""Test pairs that are shown."""
DRAWN, LONGEST_DRAWN = 3, 40
"""Pairs whose attention is drawn, and units of them that are."""


def translation_verdict(scored: dict[str, Any]) -> str:
    """Whether the network is worth it, in a sentence."""
    name, bleu = _best_baseline(scored)
    if bleu > scored["bleu"]:
        return f"{name} has a higher BLEU: {bleu:.1f} against {scored['bleu']:.1f}"
    return f"{name} has {bleu:.1f}"


def _best_baseline(scored: dict[str, Any]) -> tuple[str, float]:
    bleu = {name: one["bleu"] for name, one in scored["baselines"].items()}
    name = max(bleu, key=lambda one: bleu[one])
    return name, bleu[name]


def translation_summary(title: str, metrics: dict[str, Any]) -> str:
    """The scores of a finished run in a line, which begins with the method that is better, where one is."""
    scored = metrics["test"]
    says = translation_verdict(scored)
    line = (
        f"{title}: test BLEU {scored['bleu']:.1f}, chrF {scored['chrf']:.1f} of {scored['n']:,} pairs "
        f"({metrics['seconds']:.0f} s, {metrics['parameters']:,} parameters)"
    )
    if _best_baseline(scored)[1] > scored["bleu"]:
        return f"{says}\n{line}"
    return f"{line}; {says}"


def translation_section(
    run: Run, title: str, metrics: dict[str, Any], history: Sequence[dict[str, float]]
) -> dict[str, Any]:
    """What the page says of a run."""
    scored = metrics["test"]
    model, material, changed = opened(run)
    test = material.test
    rows = np.linspace(0, len(test) - 1, min(EXAMPLES, len(test))).astype(int).tolist()
    some = test[rows]
    translations = model.predict(some.source)
    notes = [*run.notes, *changed]
    if _best_baseline(scored)[1] > scored["bleu"]:
        notes.insert(0, translation_verdict(scored))
    chosen = chosen_by(metrics)
    own = (run.parameters["cell"].upper(), scored["bleu"], scored["chrf"], True)
    others = [(name, one["bleu"], one["chrf"], False) for name, one in scored["baselines"].items()]
    ranked = sorted([own, *others], key=lambda row: -row[1])
    pictures = [
        figures.learning_curve("Loss, nats a unit", history, metrics["kept"], chosen),
        figures.score_curve("Next unit of the target", history, metrics["kept"], "accuracy", chosen),
        *_attention(model, some.source, translations),
    ]
    shown = [
        (f"{where} {name}", f"{metrics[part][key]:.1f}", f"{metrics[part]['n']:,} pairs")
        for part, where in (("test", "test"), ("train", "training"))
        for key, name in (("bleu", "BLEU"), ("chrf", "chrF"))
    ]
    return section(
        run,
        title,
        metrics,
        history,
        "translation",
        scores=shown,
        baselines=[(name, f"BLEU {bleu:.1f}, chrF {chrf:.1f}", is_own) for name, bleu, chrf, is_own in ranked],
        notes=notes,
        pictures=pictures,
        translations=list(zip(some.source, some.target, translations, strict=True)),
        translates=some.source[0],
        translates_in_a_shell=shlex.quote(some.source[0]),
        parameters={**run.parameters, "BLEU": scored["bleu_signature"], "chrF": scored["chrf_signature"]},
        facts={"vocabulary": f"{model.units_.size:,} {model.unit}", **facts(metrics, history)},
    )


def _attention(model: Any, sources: Sequence[str], translations: Sequence[str]) -> list[figures.Picture]:
    """Where the decoder looked while it wrote some of the translations."""
    pictures = []
    written = [pair for pair in zip(sources, translations, strict=True) if pair[1]]
    for source, translation in written[:DRAWN]:
        columns, rows, shares = model.attention(source, translation)
        cut = slice(LONGEST_DRAWN)
        pictures.append(figures.attention("Attention while translating", columns[cut], rows[cut], shares[cut, cut]))
    return pictures
