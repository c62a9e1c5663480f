"""The page of a speech recognizer: spectrograms with recognized characters, and confused words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from tidegate.compare.baselines import read_baselines
from tidegate.report import figures
from tidegate.report.measures import counted, scored_part
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
    path_to,
    python,
    scores_of,
    section,
)
from tidegate.report.verdict import Verdict, verdict
from tidegate.tasks.ctc import Greedy
from tidegate.tasks.run import Run
from tidegate.tasks.speech import SpeechRecognizer
from tidegate.tasks.speech_material import features_of

DRAWN, LONGEST = 3, 600
"""Recordings whose spectrogram is drawn, and their frames at most."""
WORST, CONFUSIONS = 15, 20
"""Recordings and pairs of words that are listed."""


def speech_verdict(run: Run, metrics: dict[str, Any]) -> Verdict:
    """Whether the recognizer is better than its baselines."""
    return verdict("wer", metrics, read_baselines(run))


def speech_details(metrics: dict[str, Any]) -> str:
    """The other scores, in a line."""
    part, name = scored_part(metrics)
    scored = metrics[part]
    shown = f"{name} character error rate {100 * scored['cer']:.2f} % of {counted(scored['n'], 'recording')}"
    if part == "test":
        train = metrics["train"]
        shown += f", training word error rate {100 * train['wer']:.2f} % of {counted(train['words'], 'word')}"
    return shown


def speech_section(run: Run, title: str, metrics: dict[str, Any], history: Sequence[dict[str, float]]) -> Section:
    """The section of a run."""
    model, material, notes = opened(run)
    part = material.test or material.train
    where = "test" if material.test else "training"
    features = features_of(model, part)
    said = model.normalized([one.text or "" for one in part])
    heard = model.texts_of(features)
    rates, confused = compared(said, heard)
    order = sorted(range(len(part)), key=lambda n: (-rates[n], -len(said[n])))
    fitting = [n for n in order if len(features[n]) <= LONGEST] or order
    drawn = list(dict.fromkeys([fitting[len(fitting) // 2], fitting[-1], fitting[0]]))[:DRAWN]
    shift = None if model.preparation_.mel is None else model.preparation_.mel.shift_ms / 1000
    by = chosen_by(metrics)
    blocks: list[Any] = []
    if baselines := read_baselines(run):
        own = f"{run.parameters['cell'].upper()} (this run)"
        ranked = sorted([(own, metrics["test"]["wer"]), *baselines.items()], key=lambda row: row[1])
        shown = [(name, f"{100 * rate:.2f} %") for name, rate in ranked]
        about = f"On {counted(metrics['test']['words'], 'word')} of the test set; smaller is better."
        own_row = [name for name, _ in ranked].index(own)
        blocks.append(Table("Baselines", ["", "word error rate"], shown, about, own=own_row))
    blocks += [
        Pictures(
            [
                figures.learning_curve("Loss", history, metrics["kept"], by, "CTC, nats per recording"),
                figures.score_curve("Word error rate", history, metrics["kept"], "wer", by),
            ]
        ),
        Panels(
            "Spectrograms",
            "Characters stand above the frames in which they were recognized; a dot is a space.",
            [
                Panel(_caption(model, features[n], said[n], part[n].path.name), _drawn(model, features[n], shift))
                for n in drawn
            ],
            width="100%",
            min_width="48rem",
        ),
    ]
    wrong = [n for n in order if rates[n]]
    if wrong:
        rows = [(part[n].path.name, said[n], heard[n], f"{100 * rates[n]:.0f} %") for n in wrong[:WORST]]
        about = (
            f"{len(rows)} of {len(wrong):,} with errors, among {counted(len(part), 'recording')} of the {where} set."
        )
        columns = ["file", "reference", "recognized", "word error rate"]
        blocks.append(Table("Recordings with the most errors", columns, rows, about, texts=3))
    if confused:
        pairs = [(a or NOTHING, b or NOTHING, f"{count:,}") for a, b, count in confused[:CONFUSIONS]]
        about = f"In the {where} set; {NOTHING} stands for an inserted or a deleted word."
        blocks.append(Table("Confused words", ["reference", "recognized", "times"], pairs, about, texts=2))
    some = path_to(part[0].path)
    return section(
        run,
        model,
        metrics,
        history,
        "word error rate",
        title=title,
        subtitle="Speech recognition: the text of a recording.",
        verdict=speech_verdict(run, metrics),
        scores=scores_of(metrics, ("wer", "cer")),
        blocks=blocks,
        usage=Usage(
            python(run, f"print(model.predict([{some!r}]))  # or waveforms, or matrices of features"),
            [console(run, "predict", some), console(run, "evaluate")],
        ),
        notes=notes,
        more_facts=[Score("alphabet", f"{len(model.transcripts_.signs)}", "characters")],
    )


NOTHING = "(nothing)"


def compared(said: Sequence[str], heard: Sequence[str]) -> tuple[list[float], list[tuple[str, str, int]]]:
    """The word error rate of each text, and pairs of confused words, the most frequent first.

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


def _caption(model: SpeechRecognizer, features: np.ndarray, said: str, name: str) -> str:
    """The file, its transcript and the recognized text."""
    return f"{name}: “{said}”, recognized as “{model.transcripts_.decode(_greedy(model, features).numbers)}”"


def _drawn(model: SpeechRecognizer, features: np.ndarray, shift: float | None) -> str:
    """The features of a recording with the characters where they were recognized."""
    greedy = _greedy(model, features)
    signs = [model.transcripts_.signs[number - 1] for number in greedy.numbers]
    places = [(frame + 0.5) * model.network_.patch for frame in greedy.frames]
    return figures.spectrogram(figures.Heard(model.preparation_(features), signs, places), shift)


def _greedy(model: SpeechRecognizer, features: np.ndarray) -> Greedy:
    greedy = Greedy()
    greedy(model.log_probs([features])[0])
    return greedy
