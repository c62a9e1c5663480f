"""Figures as SVG, inline in a page: colors apart without color vision, and a second sign beside each color."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

# Okabe & Ito 2008, told apart in every form of color vision.
BLUE, ORANGE, GREEN, GRAY = "#0072B2", "#D55E00", "#009E73", "#666666"
LINES = ((BLUE, "-"), (ORANGE, "--"), (GREEN, ":"), (GRAY, "-."))
"""Color and stroke of each channel that is drawn."""
WIDE = 5
"""Times the smallest loss, from which an axis is logarithmic."""
LABELS_FIT, LONGEST_LABEL = 28, 24
"""Characters of labels that fit side by side below a confusion matrix; of one label, at most."""
STYLE: Any = {
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "svg.fonttype": "path",
    "svg.hashsalt": "tidegate",
}


@dataclass(frozen=True)
class Picture:
    """A drawn figure for a page."""

    title: str
    alt: str
    """What it shows, for someone who does not see it."""
    svg: str


def learning_curve(
    title: str, rows: Sequence[dict[str, float]], kept: dict[str, float], chosen_by: str = "validation"
) -> Picture:
    """Loss by epoch during training and on the data that chooses the checkpoint, with the best checkpoint marked."""
    epochs = [row["epoch"] for row in rows]
    train, validation = ([row[name] for row in rows] for name in ("train_loss", "validation_loss"))
    with _figure() as (figure, axes):
        axes.plot(epochs, train, color=BLUE, label="training, running mean")
        axes.plot(epochs, validation, color=ORANGE, linestyle="--", label=chosen_by)
        if min(train + validation) > 0 and max(train + validation) > WIDE * min(train + validation):
            axes.set_yscale("log")
        _mark_kept(axes, rows, kept)
        axes.set(xlabel="epoch", ylabel="loss")
        axes.legend(frameon=False)
        svg = _svg(figure)
    ends = f"{chosen_by} loss ends at {validation[-1]:.3g}"
    alt = f"Training loss goes from {train[0]:.3g} to {train[-1]:.3g}, {ends}."
    return Picture(title, alt, svg)


def score_curve(
    title: str,
    rows: Sequence[dict[str, float]],
    kept: dict[str, float],
    metric: str,
    chosen_by: str = "validation",
) -> Picture:
    """The metric by epoch on the data that chooses the checkpoint, with the best checkpoint marked."""
    values = [row[f"validation_{metric}"] for row in rows]
    percent = metric in ("accuracy", "balanced_accuracy", "wer")
    name = "word error rate" if metric == "wer" else metric.replace("_", " ")
    with _figure() as (figure, axes):
        axes.plot(
            [row["epoch"] for row in rows],
            [100 * v for v in values] if percent else values,
            color=ORANGE,
            linestyle="--",
            marker="o" if len(rows) < 30 else None,
            markersize=3,
            label=chosen_by,
        )
        if not percent and min(values) > 0:
            axes.set_yscale("log")
        _mark_kept(axes, rows, kept)
        axes.set(xlabel="epoch", ylabel=f"{name} (%)" if percent else name)
        axes.legend(frameon=False)
        svg = _svg(figure)
    return Picture(
        title, f"{name} on {chosen_by} from {values[0]:.4g} to {kept[metric]:.4g} at the best checkpoint.", svg
    )


def confusion_matrix(title: str, actual: np.ndarray, predicted: np.ndarray, classes: Sequence[Any]) -> Picture:
    """Counts of true and predicted labels, dark where many."""
    from sklearn.metrics import confusion_matrix as count

    counts = count(actual, predicted, labels=classes)
    n = len(classes)
    with _figure(size=max(4.2, 0.5 * n + 1), square=True) as (figure, axes):
        share = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
        axes.imshow(np.sqrt(share), cmap="Blues", vmin=0, vmax=1.15)
        axes.grid(False)
        ticks = range(n) if n <= 40 else range(0, n, n // 20)
        labels = [_short(str(classes[k])) for k in ticks]
        upright = n > 12 or max(map(len, labels)) * n > LABELS_FIT
        axes.set_xticks(ticks, labels, rotation=90 if upright else 0)
        axes.set_yticks(ticks, labels)
        if n <= 30:
            for row in range(n):
                for column in range(n):
                    if counts[row, column]:
                        axes.text(
                            column, row, counts[row, column], ha="center", va="center", fontsize=9 if n <= 12 else 6,
                            color="white" if share[row, column] > 0.4 else "black",
                        )  # fmt: skip
        axes.set(xlabel="predicted label", ylabel="true label")
        svg = _svg(figure)
    wrong = int(counts.sum() - np.trace(counts))
    return Picture(title, f"{wrong} of {int(counts.sum())} sequences are misclassified.", svg)


def _short(label: str) -> str:
    return label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1]}…"


def labeled_images(
    title: str, images: np.ndarray, actual: Sequence[Any], predicted: Sequence[Any], most: int = 36
) -> Picture:
    """Images with their true and predicted labels."""
    shown = images[:most]
    columns = 6
    lines = -(-len(shown) // columns)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.2, 1.05 * lines + 0.1))
        for k, image in enumerate(shown):
            axes = figure.add_subplot(lines, columns, k + 1)
            axes.imshow(image, cmap="gray_r", interpolation="nearest")
            axes.set_axis_off()
            axes.set_title(f"{actual[k]} → {predicted[k]}", fontsize=10)
        figure.tight_layout(pad=0.4)
        svg = _svg(figure)
    more = f" The first {most} of {len(images)}." if len(images) > most else ""
    pairs = ", ".join(f"{actual[k]} predicted as {predicted[k]}" for k in range(len(shown)))
    return Picture(title + more, pairs, svg)


def labeled_sequences(title: str, sequences: Sequence[np.ndarray], labels: Sequence[str], names: list[str]) -> Picture:
    """Sequences [T, channels] beside each other, each under its label; of many channels, the first few."""
    channels = min(sequences[0].shape[1], len(LINES))
    with _panels(len(sequences)) as (figure, panels):
        for axes, values, label in zip(panels, sequences, labels, strict=True):
            for k in range(channels):
                axes.plot(values[:, k], linewidth=1, color=LINES[k][0], linestyle=LINES[k][1], label=names[k])
            axes.set_title(label, fontsize=10)
        if channels > 1:
            panels[0].legend(frameon=False, fontsize=7)
        svg = _svg(figure)
    left_out = sequences[0].shape[1] - channels
    more = f" The first {channels} of {channels + left_out} channels." if left_out else ""
    return Picture(title + more, "; ".join(labels), svg)


def fits(title: str, actual: Sequence[np.ndarray], predicted: Sequence[np.ndarray], labels: Sequence[str]) -> Picture:
    """Targets of every step and the fit to them, of several sequences beside each other."""
    with _panels(len(actual)) as (figure, panels):
        for axes, true, fit, label in zip(panels, actual, predicted, labels, strict=True):
            axes.plot(true, color=GRAY, linewidth=3, alpha=0.5, label="data")
            axes.plot(fit, color=ORANGE, linestyle="--", linewidth=1.2, label="fit")
            axes.set_title(label, fontsize=10)
        panels[0].legend(frameon=False, fontsize=8)
        svg = _svg(figure)
    return Picture(title, "; ".join(labels), svg)


def fitted_curve(
    title: str, x: np.ndarray, actual: np.ndarray, predicted: np.ndarray, x_label: str, trained_to: float | None
) -> Picture:
    """A sequence and the fit over it; what lies beyond the training range is shaded."""
    with _figure(size=8) as (figure, axes):
        axes.plot(x, actual, color=GRAY, linewidth=4, alpha=0.5, label="data")
        axes.plot(x, predicted, color=ORANGE, linestyle="--", linewidth=1.6, label="fit")
        if trained_to is not None and x[-1] > trained_to:
            axes.axvspan(trained_to, x[-1], color=BLUE, alpha=0.15, label="extrapolation")
        axes.set(xlabel=x_label, ylabel="y")
        axes.legend(frameon=False)
        svg = _svg(figure)
    error = float(np.abs(actual - predicted).max())
    return Picture(title, f"The fit over {len(x)} steps; the largest distance from the data is {error:.3g}.", svg)


def true_and_predicted(title: str, actual: np.ndarray, predicted: np.ndarray) -> Picture:
    """A point a sequence: what was predicted against what is true, with the line where both are equal."""
    low, high = float(min(actual.min(), predicted.min())), float(max(actual.max(), predicted.max()))
    with _figure(size=4.6, square=True) as (figure, axes):
        axes.plot([low, high], [low, high], color=GRAY, linewidth=0.8, label="equal")
        axes.scatter(actual, predicted, s=16, color=BLUE, alpha=0.7, edgecolors="none")
        axes.set(xlabel="true target", ylabel="predicted target")
        axes.legend(frameon=False)
        svg = _svg(figure)
    error = float(np.sqrt(np.mean((actual - predicted) ** 2)))
    return Picture(title, f"{len(actual)} sequences; the root mean squared error is {error:.3g}.", svg)


def residuals(title: str, x: np.ndarray, actual: np.ndarray, predicted: np.ndarray, x_label: str) -> Picture:
    """Residuals, fit minus data, at every step."""
    with _figure(size=8, height=2.2) as (figure, axes):
        axes.axhline(0, color=GRAY, linewidth=0.8)
        axes.plot(x, predicted - actual, color=BLUE, linewidth=1.2)
        axes.set(xlabel=x_label, ylabel="residual (fit − data)")
        svg = _svg(figure)
    return Picture(title, f"Mean squared distance {float(np.mean((predicted - actual) ** 2)):.3g}.", svg)


def forecasts(
    title: str,
    x: np.ndarray,
    actual: np.ndarray,
    ahead: Sequence[np.ndarray],
    quantiles: Sequence[np.ndarray],
    labels: tuple[str, str],
    dates: bool,
) -> Picture:
    """A series and forecasts over it: of each its times [H] and the bounds 95 %, 80 %, median, 80 %, 95 % [H, 5]."""
    with _figure(size=8) as (figure, axes):
        axes.plot(x, actual, color=GRAY, linewidth=1.4, label="what came")
        for k, (times, bounds) in enumerate(zip(ahead, quantiles, strict=True)):
            # What a legend leaves out begins with an underscore.
            hidden = "_" if k else ""
            for low, shade, name in ((0, 0.15, "95 % interval"), (1, 0.3, "80 % interval")):
                between = bounds[:, low], bounds[:, 4 - low]
                axes.fill_between(times, *between, color=ORANGE, alpha=shade, linewidth=0, label=hidden + name)
            axes.plot(times, bounds[:, 2], color=ORANGE, linestyle="--", linewidth=1.6, label=f"{hidden}median")
            axes.axvline(times[0], color=GREEN, linestyle=":", linewidth=1)
        axes.set(xlabel=labels[0], ylabel=labels[1])
        axes.legend(frameon=False)
        if dates:
            figure.autofmt_xdate()
        svg = _svg(figure)
    n, H = len(ahead), len(ahead[0])
    return Picture(title, f"{n} forecast{'s'[: n != 1]} of {H} steps, with intervals, over the series.", svg)


LOOKS = ((ORANGE, "-", "o"), (GRAY, ":", "s"), (BLUE, "--", "^"), (GREEN, "-.", "v"))
"""Color, stroke and mark of each method."""


def error_by_horizon(title: str, curves: dict[str, list[float | None]], label: str) -> Picture:
    """The mean error of each method against how far ahead it is."""
    H = len(next(iter(curves.values())))
    with _figure() as (figure, axes):
        for (name, curve), (color, dash, mark) in zip(curves.items(), LOOKS, strict=False):
            values = [np.nan if value is None else value for value in curve]
            look = {"color": color, "linestyle": dash, "marker": mark if H <= 30 else None, "markersize": 3}
            axes.plot(np.arange(1, H + 1), values, label=name, **look)
        axes.set(xlabel="steps ahead", ylabel=label)
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False)
        svg = _svg(figure)
    ends = [(name, curve[0], curve[-1]) for name, curve in curves.items()]
    says = [f"{name} from {a:.3g} to {b:.3g}" for name, a, b in ends if a is not None and b is not None]
    return Picture(title, f"One to {H} steps ahead: {'; '.join(says) or 'nothing to compare'}.", svg)


def attention(title: str, columns: Sequence[str], rows: Sequence[str], shares: np.ndarray) -> Picture:
    """The attention weights of each unit that was written [T] over those that were read [S], dark where large."""
    with _figure(size=max(3.6, 0.34 * len(columns) + 1.2), height=max(2.4, 0.28 * len(rows) + 1.2)) as (figure, axes):
        image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        axes.grid(False)
        axes.set_xticks(range(len(columns)), [_short(one.strip() or "␣") for one in columns], rotation=60, ha="right")
        axes.set_yticks(range(len(rows)), [_short(one.strip() or "␣") for one in rows])
        axes.set(xlabel="source", ylabel="translation")
        figure.colorbar(image, ax=axes, label="attention weight", fraction=0.04)
        svg = _svg(figure)
    strongest = [f"{rows[t].strip()}: {columns[int(shares[t].argmax())].strip()}" for t in range(len(rows))]
    return Picture(title, f"Each unit with the source unit that it looked at most: {'; '.join(strongest)}.", svg)


class Heard(NamedTuple):
    """A recording and the characters that were heard in it."""

    title: str
    features: np.ndarray
    """[T, C]"""
    signs: Sequence[str]
    places: Sequence[float]
    """The frame of each character."""


def spectrograms(title: str, recordings: Sequence[Heard], shift: float | None) -> Picture:
    """Features over time, with characters above the frames in which they were heard, a dot for a space.

    Args:
        shift: seconds between two frames; none to count frames.
    """
    unit = 1.0 if shift is None else shift
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10.5, 2.0 * len(recordings)), layout="tight")
        for n, one in enumerate(recordings):
            T, C = one.features.shape
            axes = figure.add_subplot(len(recordings), 1, n + 1)
            axes.imshow(
                one.features.T, aspect="auto", origin="lower", cmap="cividis", interpolation="nearest",
                extent=(0, T * unit, 0, C), vmin=-2.5, vmax=2.5, rasterized=True,
            )  # fmt: skip
            for sign, place in zip(one.signs, one.places, strict=True):
                axes.axvline(place * unit, color="white", linewidth=0.5, alpha=0.6)
                axes.annotate(
                    "·" if sign == " " else sign, (place * unit, 1.02), xycoords=("data", "axes fraction"),
                    ha="center", fontsize=10,
                )  # fmt: skip
            axes.grid(False)
            axes.set_title(one.title, loc="left", pad=20, fontsize=11)
            axes.set(xlabel="frame" if shift is None else "seconds", ylabel="mel band" if shift else "feature")
        svg = _svg(figure)
    return Picture(title, "; ".join(f"{one.title}: {len(one.features)} frames" for one in recordings) + ".", svg)


def _mark_kept(axes: Any, rows: Sequence[dict[str, float]], kept: dict[str, float]) -> None:
    epoch = next((row["epoch"] for row in rows if row["step"] == kept["step"]), None)
    if epoch is not None:
        axes.axvline(epoch, color=GREEN, linestyle=":", linewidth=1.8, label="best checkpoint")


@contextmanager
def _panels(n: int, columns: int = 3) -> Iterator[tuple[Figure, list[Any]]]:
    """A figure with n pairs of axes, in rows."""
    lines = -(-n // columns)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8, 1.9 * lines + 0.1), layout="tight")
        yield figure, [figure.add_subplot(lines, columns, k + 1) for k in range(n)]


@contextmanager
def _figure(size: float = 5.2, height: float = 3.4, square: bool = False) -> Iterator[tuple[Figure, Any]]:
    """A figure with one pair of axes in our style."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(size, size if square else height), layout="tight")
        yield figure, figure.add_subplot()


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None}, bbox_inches="tight")
    svg = text.getvalue()
    # Several drawings share a page: their ids must not meet, and the outer <svg> scales with the page.
    svg = svg[svg.index("<svg") :]
    prefix = f"f{hashlib.md5(svg.encode()).hexdigest()[:10]}-"
    svg = re.sub(r'id="', f'id="{prefix}', svg)
    svg = re.sub(r'(xlink:href="|url\()#', rf"\1#{prefix}", svg)
    return re.sub(r'<svg ([^>]*?)width="[^"]*" ([^>]*?)height="[^"]*"', r"<svg \1\2", svg, count=1)
