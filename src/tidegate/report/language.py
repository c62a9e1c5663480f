"""The page of a language model: what it expected of a text, what it makes itself, and what its units follow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tidegate.report import figures
from tidegate.report.page import facts
from tidegate.report.section import chosen_by, opened, section
from tidegate.tasks.language import NATS_PER_BIT, LanguageModel
from tidegate.tasks.run import Run

PASSAGE, LOOKED_AT = 700, 6000
"""Units of the test part that are shown, and in which features are looked for."""
SAMPLE, TEMPERATURES = 400, (0.5, 0.8, 1.0)
MOST_BITS = 8.0
"""Of the darkest color."""
LEAST_CORRELATION, FOLLOWED = 0.4, 3
OPENING, CLOSING = '"“«„', '"”»“'


class Sign(NamedTuple):
    """A piece of a passage and its color."""

    text: str
    color: str
    about: str
    """What a pointer over it is told."""


def language_verdict(scored: dict[str, Any]) -> str:
    """Whether the network is worth it, in a sentence."""
    name, bits = _best_baseline(scored)
    own = scored["bits_per_character"]
    if own >= bits:
        return f"{name} needs fewer bits: {bits:.3g} a character against {own:.3g}"
    return f"fewer bits than the simple methods, of which {name} needs {bits:.3g} a character"


def _best_baseline(scored: dict[str, Any]) -> tuple[str, float]:
    bits = {name: one["bits_per_character"] for name, one in scored["baselines"].items()}
    name = min(bits, key=lambda one: bits[one])
    return name, bits[name]


def language_summary(title: str, metrics: dict[str, Any]) -> str:
    """The scores of a finished run in a line, which begins with the method that is better, where one is."""
    scored = metrics["test"]
    says = language_verdict(scored)
    line = (
        f"{title}: test {scored['nats_per_character']:.4g} nats ({scored['bits_per_character']:.4g} bits) a character "
        f"of {scored['n']:,} ({metrics['seconds']:.0f} s, {metrics['parameters']:,} parameters)"
    )
    if _best_baseline(scored)[1] <= scored["bits_per_character"]:
        return f"{says}\n{line}"
    return f"{line}; {says}"


def language_section(
    run: Run, title: str, metrics: dict[str, Any], history: Sequence[dict[str, float]]
) -> dict[str, Any]:
    """What the page says of a run."""
    scored = metrics["test"]
    model, material, changed = opened(run)
    own = (run.parameters["cell"].upper(), scored["bits_per_character"], True)
    others = [(name, one["bits_per_character"], False) for name, one in scored["baselines"].items()]
    rows = sorted([own, *others], key=lambda row: row[1])
    shown = [
        (f"{where} {name}", f"{metrics[part][key]:.4g}", f"{metrics[part]['n']:,} characters")
        for part, where in (("test", "test"), ("train", "training"))
        for key, name in (("nats_per_character", "nats a character"), ("bits_per_character", "bits a character"))
    ]
    shown.append(("test perplexity", f"{scored['perplexity']:.4g}", f"{scored['units']:,} units"))
    return section(
        run,
        title,
        metrics,
        history,
        "language: what comes next in a text",
        scores=shown,
        baselines=[(name, f"{bits:.3f} bits a character", is_own) for name, bits, is_own in rows],
        notes=[language_verdict(scored), *run.notes, *changed],
        pictures=[figures.learning_curve("Loss, nats a unit", history, metrics["kept"], chosen_by(metrics))],
        samples=[(heat, _shown(model.generate(length=SAMPLE, temperature=heat))) for heat in TEMPERATURES],
        passages=passages(model, material.test[0]),
        parameters={**run.parameters, **model.design_},
        language=True,
        facts={"vocabulary": f"{model.units_.size:,} {model.unit}", **facts(metrics, history)},
    )


def passages(model: LanguageModel, text: str) -> list[tuple[str, str, list[Sign]]]:
    """Passages of a text, colored: by what each unit costs, and by units of the state that follow something."""
    text = text[: LOOKED_AT if model.unit == "char" else 4 * LOOKED_AT]
    nats, states = model.surprise(text)
    numbers = model.units_.encode(text)
    pieces = [_shown(piece) for piece in model.units_.pieces(numbers[:LOOKED_AT])]
    nats, states = nats[: len(pieces)] / NATS_PER_BIT, states[: len(pieces)]
    surprise = [
        Sign(piece, f"rgba(213, 94, 0, {min(bits / MOST_BITS, 1) * 0.75:.2f})", f"{bits:.1f} bits")
        for piece, bits in zip(pieces[:PASSAGE], nats[:PASSAGE], strict=False)
    ]
    about = f"The darker, the less it was expected: white for 0 bits, the darkest for {MOST_BITS:.0f} or more."
    found = [("What the model did not expect in the test part", about, surprise)]
    # The state before a unit is the one after that before it.
    after = np.concatenate([states[1:], states[-1:]])
    for name, unit, correlation in followers(pieces, after):
        values = after[:PASSAGE, unit]
        signs = [
            Sign(piece, _diverging(value), f"{value:+.2f}")
            for piece, value in zip(pieces[:PASSAGE], values, strict=False)
        ]
        title = f"Unit {unit + 1} of the state follows {name}"
        about = f"Blue below zero, orange above (correlation {correlation:+.2f} over {len(pieces):,} units)."
        found.append((title, about, signs))
    return found


def _shown(text: str) -> str:
    """A text for a page, with U+FFFD for control characters."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "\ufffd" for sign in text)


def _diverging(value: float) -> str:
    red, green, blue = (213, 94, 0) if value > 0 else (0, 114, 178)
    return f"rgba({red}, {green}, {blue}, {min(abs(value), 1) * 0.75:.2f})"


def followers(pieces: Sequence[str], states: np.ndarray) -> list[tuple[str, int, float]]:
    """Units of the state [N, H] that follow a feature of the text (Karpathy et al. 2015), the closest first.

    Returns:
        The name of the feature, the unit, and their correlation.
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
