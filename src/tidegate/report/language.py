"""The page of a language model: the surprise at each token of a text, generated text, and what features follow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tidegate.report import figures
from tidegate.report.section import (
    Passage,
    Pictures,
    Score,
    Section,
    Table,
    Texts,
    Usage,
    chosen_by,
    console,
    opened,
    python,
    scores_of,
    section,
)
from tidegate.report.verdict import Verdict, verdict
from tidegate.tasks.language import NATS_PER_BIT, LanguageModel
from tidegate.tasks.run import Run

PASSAGE, LOOKED_AT = 700, 6000
"""Tokens of the test text that are shown, and in which the features of the text are looked for."""
PROMPT = 40
"""Characters of the prompt in the code to copy, at most."""
SAMPLE, TEMPERATURES = 400, (0.5, 0.8, 1.0)
NAMES = {"char": "characters", "byte": "bytes", "bpe": "subwords"}
"""What the tokens of each unit are called."""
MOST_BITS = 8.0
"""Of the darkest color."""
LEAST_CORRELATION, FOLLOWED = 0.4, 3
OPENING, CLOSING = '"“«„', '"”»“'


class Sign(NamedTuple):
    """A piece of a passage and its color."""

    text: str
    color: str
    about: str
    """Its tooltip."""


def language_verdict(run: Run, metrics: dict[str, Any]) -> Verdict:
    """Whether the language model is better than its baselines."""
    found = metrics["test"]["baselines"].items()
    return verdict("bits_per_character", metrics, {name: one["bits_per_character"] for name, one in found})


def language_details(metrics: dict[str, Any]) -> str:
    """The other scores, in a line."""
    train = metrics["train"]
    return (
        f"test {metrics['test']['nats_per_character']:.4g} nats per character, "
        f"training {train['bits_per_character']:.4g} bits per character of {train['n']:,}"
    )


def language_section(run: Run, title: str, metrics: dict[str, Any], history: Sequence[dict[str, float]]) -> Section:
    """The section of a run."""
    scored = metrics["test"]
    model, material, notes = opened(run)
    own = (f"{run.parameters['cell'].upper()} (this run)", scored["bits_per_character"])
    others = [(name, one["bits_per_character"]) for name, one in scored["baselines"].items()]
    rows = sorted([own, *others], key=lambda row: row[1])
    token = NAMES[model.unit]
    scores = scores_of(metrics, ("bits_per_character", "nats_per_character", "perplexity"))
    about = f"On the {scored['n']:,} characters of the test text; fewer bits are better."
    curve = figures.learning_curve("Loss", history, metrics["kept"], chosen_by(metrics), "nats per token")
    prompt = " ".join(material.test[0].split()[:2])[:PROMPT]
    return section(
        run,
        model,
        metrics,
        history,
        "loss",
        title=title,
        subtitle="Language modeling: the next token of a text.",
        verdict=language_verdict(run, metrics),
        scores=scores,
        blocks=[
            Table(
                "Baselines",
                ["", "bits per character"],
                [(name, f"{bits:.3f}") for name, bits in rows],
                about,
                own=rows.index(own),
            ),
            Pictures([curve]),
            Texts(
                "Generated text",
                f"{SAMPLE} characters at three temperatures: the lower, the more probable the text.",
                [
                    (f"temperature {heat}", _shown(model.generate(length=SAMPLE, temperature=heat)))
                    for heat in TEMPERATURES
                ],
            ),
            *passages(model, material.test[0]),
        ],
        usage=Usage(
            python(
                run,
                f"print(model.generate({prompt!r}, length=200))",
                f"print(model.score({prompt!r}))  # nats and bits per character",
            ),
            [console(run, "generate", "--prompt", prompt, "--length", "200"), console(run, "evaluate")],
        ),
        notes=notes,
        more_facts=[Score("vocabulary", f"{model.units_.size:,}", token)],
    )


def passages(model: LanguageModel, text: str) -> list[Passage]:
    """Passages of a text, colored by the bits of each token, and by features of the state that follow something."""
    text = text[: LOOKED_AT if model.unit == "char" else 4 * LOOKED_AT]
    nats, states = model.surprise(text)
    numbers = model.units_.encode(text)
    pieces = [_shown(piece) for piece in model.units_.pieces(numbers[:LOOKED_AT])]
    nats, states = nats[: len(pieces)] / NATS_PER_BIT, states[: len(pieces)]
    surprise = [
        Sign(piece, f"rgba(213, 94, 0, {min(bits / MOST_BITS, 1) * 0.75:.2f})", f"{bits:.1f} bits")
        for piece, bits in zip(pieces[:PASSAGE], nats[:PASSAGE], strict=False)
    ]
    about = (
        f"The beginning of the test text. The darker a token, the less probable it was to the model: white for 0 bits, "
        f"darkest for {MOST_BITS:.0f} bits or more."
    )
    found = [Passage("Surprise of the model", about, surprise)]
    # The state before a unit is the one after that before it.
    after = np.concatenate([states[1:], states[-1:]])
    for name, unit, correlation in followers(pieces, after):
        values = after[:PASSAGE, unit]
        signs = [
            Sign(piece, _diverging(value), f"{value:+.2f}")
            for piece, value in zip(pieces[:PASSAGE], values, strict=False)
        ]
        title = f"Feature {unit + 1} of the hidden state follows {name}"
        about = f"Blue below zero, orange above (correlation {correlation:+.2f} over {len(pieces):,} tokens)."
        found.append(Passage(title, about, signs))
    return found


def _shown(text: str) -> str:
    """A text for a page, with U+FFFD for control characters."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "\ufffd" for sign in text)


def _diverging(value: float) -> str:
    red, green, blue = (213, 94, 0) if value > 0 else (0, 114, 178)
    return f"rgba({red}, {green}, {blue}, {min(abs(value), 1) * 0.75:.2f})"


def followers(pieces: Sequence[str], states: np.ndarray) -> list[tuple[str, int, float]]:
    """Features of the state [N, H] that follow a property of the text (Karpathy et al. 2015), the closest first.

    Returns:
        The name of the property, the number of the feature, and their correlation.
    """
    centered = states - states.mean(axis=0)
    norms = np.sqrt((centered**2).sum(axis=0))
    found = []
    for name, measure in FEATURES.items():
        values = measure(pieces)
        values = values - values.mean()
        if not (norm := np.sqrt((values**2).sum())):
            continue
        correlations = centered.T @ values / np.maximum(norms * norm, 1e-12)
        unit = int(np.abs(correlations).argmax())
        found.append((name, unit, float(correlations[unit])))
    found.sort(key=lambda one: -abs(one[2]))
    return [one for one in found if abs(one[2]) >= LEAST_CORRELATION][:FOLLOWED]


def _line_position(pieces: Sequence[str]) -> np.ndarray:
    at, found = 0, []
    for piece in pieces:
        at = len(piece) - piece.rindex("\n") - 1 if "\n" in piece else at + len(piece)
        found.append(at)
    return np.array(found, dtype=float)


def _in_quotes(pieces: Sequence[str]) -> np.ndarray:
    inside, found = False, []
    for piece in pieces:
        for sign in piece:
            if sign == '"':
                inside = not inside
            elif sign in OPENING[1:] and not inside:
                inside = True
            elif sign in CLOSING[1:]:
                inside = False
        found.append(inside)
    return np.array(found, dtype=float)


def _in_capitals(pieces: Sequence[str]) -> np.ndarray:
    return np.array([piece.isupper() for piece in pieces], dtype=float)


def _in_word(pieces: Sequence[str]) -> np.ndarray:
    at, found = 0, []
    for piece in pieces:
        at = at + 1 if piece.isalpha() else 0
        found.append(at)
    return np.array(found, dtype=float)


def _after_a_blank_line(pieces: Sequence[str]) -> np.ndarray:
    """Whether a paragraph has just begun: its first line."""
    inside, last, found = False, "", []
    for sign in pieces:
        if sign.endswith("\n") and (last.endswith("\n") or "\n\n" in sign):
            inside = True
        elif sign.endswith("\n"):
            inside = False
        last = sign
        found.append(inside)
    return np.array(found, dtype=float)


FEATURES: dict[str, Callable[[Sequence[str]], np.ndarray]] = {
    "quotation marks: inside or outside": _in_quotes,
    "the position in the line": _line_position,
    "capital letters": _in_capitals,
    "the position in the word": _in_word,
    "the first line of a paragraph": _after_a_blank_line,
}
