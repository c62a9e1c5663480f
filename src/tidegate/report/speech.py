"""The page of a speech recognizer: where characters were heard, the worst sentences, and confused words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from tidegate.report import figures
from tidegate.report.page import facts
from tidegate.report.section import chosen_by, opened, section
from tidegate.tasks.ctc import Greedy
from tidegate.tasks.run import Run
from tidegate.tasks.speech import SpeechRecognizer
from tidegate.tasks.speech_material import features_of

DRAWN, LONGEST = 3, 600
"""Recordings that are drawn with their characters, and the frames that fit."""
WORST, CONFUSIONS = 15, 20


def speech_summary(title: str, metrics: dict[str, Any]) -> str:
    """The scores of a finished run in a line."""
    part = "test" if "test" in metrics else "train"
    scored = metrics[part]
    return (
        f"{title}: {part} WER {100 * scored['wer']:.2f} % of {scored['words']:,} words, "
        f"CER {100 * scored['cer']:.2f} % "
        f"({scored['n']:,} recordings; {metrics['seconds']:.0f} s, {metrics['parameters']:,} parameters)"
    )


def speech_section(
    run: Run, title: str, metrics: dict[str, Any], history: Sequence[dict[str, float]]
) -> dict[str, Any]:
    """What the page says of a run."""
    model, material, changed = opened(run)
    part = material.test or material.train
    where = "test" if material.test else "training"
    features = features_of(model, part)
    said = model.normalized([one.text or "" for one in part])
    heard = model.texts_of(features)
    rates, confused = compared(said, heard)
    order = sorted(range(len(part)), key=lambda n: (-rates[n], -len(said[n])))
    fitting = [n for n in order if len(features[n]) <= LONGEST] or order
    drawn = dict.fromkeys([fitting[len(fitting) // 2], fitting[-1], fitting[0]][:DRAWN])
    pictures = [
        figures.learning_curve("Loss, nats a recording", history, metrics["kept"], chosen_by(metrics)),
        figures.score_curve("Word error rate", history, metrics["kept"], "wer", chosen_by(metrics)),
        figures.spectrograms(
            "Where characters were heard",
            [_heard(model, features[n], said[n], part[n].path.name) for n in drawn],
            None if model.preparation_.mel is None else model.preparation_.mel.shift_ms / 1000,
        ),
    ]
    shown = [
        (f"{PARTS[name]} {label}", f"{100 * metrics[name][key]:.2f} %", counted(metrics[name]))
        for name in ("test", "train")
        if name in metrics
        for key, label, counted in SCORES
    ]
    return section(
        run,
        title,
        metrics,
        history,
        "speech: what is said in a recording",
        scores=shown,
        notes=[*run.notes, *changed],
        pictures=pictures,
        sentences=[(part[n].path.name, said[n], heard[n], f"{rates[n]:.2f}") for n in order[:WORST] if rates[n]],
        sentences_of=where,
        confusions=confused[:CONFUSIONS],
        speech=True,
        facts={"alphabet": f"{len(model.transcripts_.signs)} characters", **facts(metrics, history)},
    )


PARTS = {"test": "test", "train": "training"}
SCORES = (
    ("wer", "word error rate", lambda one: f"{one['words']:,} words"),
    ("cer", "character error rate", lambda one: f"{one['n']:,} recordings"),
)


def compared(said: Sequence[str], heard: Sequence[str]) -> tuple[list[float], list[tuple[str, str, int]]]:
    """The word error rate of each text, and which words were taken for others, the most frequent first.

    >>> compared(["one two", "two"], ["one too", "too two"])
    ([0.5, 1.0], [('two', 'too', 1), ('', 'too', 1)])
    """
    import jiwer

    found: Counter[tuple[str, str]] = Counter()
    rates = []
    for one, other in zip(said, heard, strict=True):
        words = jiwer.process_words(one, other)
        rates.append(float(words.wer))
        (reference,), (hypothesis,) = words.references, words.hypotheses
        for chunk in words.alignments[0]:
            there = reference[chunk.ref_start_idx : chunk.ref_end_idx]
            here = hypothesis[chunk.hyp_start_idx : chunk.hyp_end_idx]
            if chunk.type == "substitute":
                found.update(zip(there, here, strict=True))
            elif chunk.type == "delete":
                found.update((word, "") for word in there)
            elif chunk.type == "insert":
                found.update(("", word) for word in here)
    return rates, [(*pair, count) for pair, count in found.most_common()]


def _heard(model: SpeechRecognizer, features: np.ndarray, said: str, name: str) -> figures.Heard:
    """The features of a recording with the characters where they were heard."""
    greedy = Greedy()
    greedy(model.log_probs([features])[0])
    patch = model.network_.patch
    signs = [model.transcripts_.signs[number - 1] for number in greedy.numbers]
    places = [(frame + 0.5) * patch for frame in greedy.frames]
    heard = model.transcripts_.decode(greedy.numbers)
    return figures.Heard(
        f"{_cut(name)}: “{_cut(said)}”, heard as “{_cut(heard)}”", model.preparation_(features), signs, places
    )


def _cut(text: str) -> str:
    """A text that fits above a figure."""
    text = text.replace("$", "\\$")
    return text if len(text) <= 60 else f"{text[:59]}…"
