"""The page of a translator: translations beside their references, and attention weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tidegate.report import figures
from tidegate.report.language import NAMES
from tidegate.report.measures import counted
from tidegate.report.section import (
    Panel,
    Panels,
    Pictures,
    Score,
    Section,
    Table,
    Usage,
    chosen_by,
    console,
    opened,
    python,
    scores_of,
    section,
)
from tidegate.report.verdict import Verdict, verdict
from tidegate.tasks.run import Run

EXAMPLES = 12
"""Test pairs that are shown."""
DRAWN, LONGEST_DRAWN = 3, 24
"""Pairs whose attention is drawn, and their tokens at most."""


def translation_verdict(run: Run, metrics: dict[str, Any]) -> Verdict:
    """Whether the translator is better than its baselines."""
    return verdict("bleu", metrics, {name: one["bleu"] for name, one in metrics["test"]["baselines"].items()})


def translation_details(metrics: dict[str, Any]) -> str:
    """The other scores, in a line."""
    train = metrics["train"]
    return (
        f"test chrF {metrics['test']['chrf']:.1f}, training BLEU {train['bleu']:.1f} of {counted(train['n'], 'pair')}"
    )


def translation_section(run: Run, title: str, metrics: dict[str, Any], history: Sequence[dict[str, float]]) -> Section:
    """The section of a run."""
    scored = metrics["test"]
    model, material, notes = opened(run)
    test = material.test
    rows = np.linspace(0, len(test) - 1, min(EXAMPLES, len(test))).astype(int).tolist()
    some = test[rows]
    translations = model.predict(some.source)
    by = chosen_by(metrics)
    own = (f"{run.parameters['cell'].upper()} (this run)", scored["bleu"], scored["chrf"])
    others = [(name, one["bleu"], one["chrf"]) for name, one in scored["baselines"].items()]
    ranked = sorted([own, *others], key=lambda row: -row[1])
    shown = list(zip(some.source, some.target, translations, strict=True))
    n = counted(scored["n"], "test pair")
    first, reference = some.source[0], some.target[0]
    return section(
        run,
        model,
        metrics,
        history,
        "accuracy of the next token",
        title=title,
        subtitle="Translation: a text in another language.",
        verdict=translation_verdict(run, metrics),
        scores=scores_of(metrics, ("bleu", "chrf")),
        blocks=[
            Table(
                "Baselines",
                ["", "BLEU", "chrF"],
                [(name, f"{bleu:.1f}", f"{chrf:.1f}") for name, bleu, chrf in ranked],
                f"On {n}, of 100; more is better. sacrebleu's signatures: BLEU {scored['bleu_signature']}; "
                f"chrF {scored['chrf_signature']}.",
                own=ranked.index(own),
            ),
            Pictures(
                [
                    figures.learning_curve("Loss", history, metrics["kept"], by, "nats per token"),
                    figures.score_curve(
                        "Accuracy of the next token of the target", history, metrics["kept"], "accuracy", by
                    ),
                ]
            ),
            Table("Translations", ["source", "reference", "translation"], shown, f"{len(shown)} of {n}.", texts=3),
            *_attention(model, some.source, translations),
        ],
        usage=Usage(
            python(
                run, f"print(model.predict([{first!r}]))", f"print(model.score([{first!r}], [{reference!r}]))  # BLEU"
            ),
            [console(run, "predict", first), console(run, "evaluate")],
        ),
        notes=notes,
        more_facts=[Score("vocabulary", f"{model.units_.size:,}", NAMES[model.unit])],
    )


def _attention(model: Any, sources: Sequence[str], translations: Sequence[str]) -> list[Panels]:
    """The attention weights of the decoder over some of the sources."""
    written = [pair for pair in zip(sources, translations, strict=True) if pair[1]]
    panels, cut, widest = [], slice(LONGEST_DRAWN), 0.0
    for source, translation in written[:DRAWN]:
        columns, rows, weights = model.attention(source, translation)
        drawing = figures.attention(columns[cut], rows[cut], weights[cut, cut])
        widest = max(widest, figures.attention_size(len(columns[cut]), len(rows[cut]))[0])
        panels.append(Panel(f"{source} → {translation}", drawing))
    if not panels:
        return []
    about = (
        "Each row is a token of the translation; the darker a cell, the more the decoder attended to that token of the "
        f"source. The first {LONGEST_DRAWN} tokens at most."
    )
    # At less, letters beside the axes would be smaller than 9 pixels.
    least = f"{0.8 * 72 / 16 * widest:.1f}rem"
    return [Panels("Attention weights", about, panels, width=least, min_width=least)]
