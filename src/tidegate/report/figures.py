"""Figures as SVG, inline in a page: colors apart without color vision, and a second sign beside each color."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import matplotlib as mpl
import matplotlib.dates
import matplotlib.image
import matplotlib.ticker
import numpy as np
from matplotlib.figure import Figure

# Okabe & Ito 2008, told apart in every form of color vision.
BLUE, ORANGE, GREEN, GRAY = "#0072B2", "#D55E00", "#009E73", "#666666"
LINES = ((BLUE, "-"), (ORANGE, "--"), (GREEN, ":"), (GRAY, "-."))
"""Color and stroke of each channel that is drawn."""
BORDERS = {"-": "solid", "--": "dashed", ":": "dotted", "-.": "double"}
"""The CSS border that stands for a stroke."""
STATES = ("h", "c", "g", "n")
"""Symbols of states and candidates, which are from −1 to 1 but for c; the others are gates, from 0 to 1."""
SPECTROGRAM = 10.5
"""Width of a drawing in inches."""
SMALL, HEAT = (3.2, 1.7), (4.2, 2.6)
"""Width and height of small drawings, in inches."""
CURVES = {"wer": "word error rate", "mse": "mean squared error", "accuracy": "accuracy"}
"""What the metrics of a curve are called."""
WIDE = 5
"""Times the smallest loss, from which an axis is logarithmic."""
LONGEST_LABEL = 24
"""Characters of a label beside an axis, at most."""
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
    about: str = ""
    """A sentence below its title."""


def learning_curve(
    title: str, rows: Sequence[dict[str, float]], kept: dict[str, float], chosen_by: str = "validation", unit: str = ""
) -> Picture:
    """Loss by optimizer step in training and on the data that chooses the checkpoint, with the best one marked.

    Args:
        chosen_by: validation, or training where no data was held out.
        unit: of the loss.
    """
    steps = [row["step"] for row in rows]
    train, checked = ([row[name] for row in rows] for name in ("train_loss", "validation_loss"))
    name = f"{chosen_by} loss" if chosen_by == "validation" else "training loss at checks, without dropout"
    with _figure() as (figure, axes):
        axes.plot(steps, train, color=BLUE, label="training loss, mean between checks", **_dots(rows))
        axes.plot(steps, checked, color=ORANGE, linestyle="--", label=name, **_dots(rows))
        if min(train + checked) > 0 and max(train + checked) > WIDE * min(train + checked):
            _logarithmic(axes)
        _mark_kept(axes, kept)
        axes.set(xlabel="optimizer step", ylabel=f"loss ({unit})" if unit else "loss")
        _legend_above(axes)
        svg = _svg(figure)
    ends = f"{chosen_by} loss ends at {checked[-1]:.3g}"
    alt = f"Training loss goes from {train[0]:.3g} to {train[-1]:.3g}, {ends}."
    return Picture(title, alt, svg)


def score_curve(
    title: str,
    rows: Sequence[dict[str, float]],
    kept: dict[str, float],
    metric: str,
    chosen_by: str = "validation",
) -> Picture:
    """The metric by optimizer step on the data that chooses the checkpoint, with the best checkpoint marked."""
    values = [row[f"validation_{metric}"] for row in rows]
    percent = metric in ("accuracy", "balanced_accuracy", "wer")
    name = CURVES.get(metric, metric.replace("_", " "))
    with _figure() as (figure, axes):
        shown = [100 * v for v in values] if percent else values
        steps = [row["step"] for row in rows]
        label = f"{chosen_by} {name}"
        axes.plot(steps, shown, color=ORANGE, linestyle="--", label=label, **_dots(rows))
        if not percent and min(values) > 0 and max(values) > WIDE * min(values):
            _logarithmic(axes)
        _mark_kept(axes, kept)
        axes.set(xlabel="optimizer step", ylabel=f"{name} (%)" if percent else name)
        _legend_above(axes)
        svg = _svg(figure)
    return Picture(title, f"{label} from {values[0]:.4g} to {kept[metric]:.4g} at the best checkpoint.", svg)


def _short(label: str) -> str:
    return label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1]}…"


def pixels(image: np.ndarray) -> str:
    """An image [rows, columns] as an img element, dark where large, with square pixels that stay sharp."""
    content = io.BytesIO()
    mpl.image.imsave(content, image, cmap="gray_r", format="png")
    return f'<img class="pixels" alt="" src="data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}">'


def lines(values: np.ndarray) -> str:
    """A small drawing of a sequence [T, channels], a line for each of the first channels."""
    with _figure(*SMALL) as (figure, axes):
        for k, (color, dash) in enumerate(LINES[: values.shape[1]]):
            axes.plot(values[:, k], linewidth=1.2, color=color, linestyle=dash, marker="." if len(values) < 3 else None)
        axes.set_xlabel("step")
        axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5, integer=True))
        return _svg(figure)


def legend(names: Sequence[str]) -> list[tuple[str, str, str]]:
    """The legend of `lines`."""
    return [(name, color, BORDERS[dash]) for name, (color, dash) in zip(names, LINES, strict=False)]


def fit(actual: np.ndarray, predicted: np.ndarray) -> str:
    """A small drawing of the targets of every step and the fit to them."""
    with _figure(*SMALL) as (figure, axes):
        axes.plot(actual, color=GRAY, linewidth=3, alpha=0.5)
        axes.plot(predicted, color=ORANGE, linestyle="--", linewidth=1.2)
        axes.set_xlabel("step")
        axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5, integer=True))
        return _svg(figure)


def heat_map(values: np.ndarray, symbol: str) -> str:
    """A small drawing of a gate, a state or the input [features, T] over its steps."""
    is_state = symbol in STATES
    largest = max(1.0, float(np.quantile(np.abs(values), 0.99)))
    scale: dict[str, Any] = {"vmin": -largest, "vmax": largest} if is_state else {"vmin": 0, "vmax": 1}
    if symbol == "x":
        scale = {}
    with _figure(*HEAT) as (figure, axes):
        cmap = "PuOr" if is_state else "cividis_r"
        image = axes.imshow(values, aspect="auto", interpolation="nearest", cmap=cmap, rasterized=True, **scale)
        axes.grid(False)
        axes.set_yticks([])
        axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(6, integer=True))
        axes.set(xlabel="step", ylabel=f"{len(values)} features")
        figure.colorbar(image, ax=axes, fraction=0.05, pad=0.03)
        return _svg(figure)


def fitted_curve(
    title: str,
    x: np.ndarray,
    actual: np.ndarray,
    predicted: np.ndarray,
    labels: tuple[str, str],
    bounds: tuple[float, float | None, float] | None = None,
) -> Picture:
    """A sequence and the fit over it.

    Args:
        labels: of the axes.
        bounds: where the training data ends, where the fit fails beyond it (none where it does not), and how far off
            a fit is that has failed; none where there is no such axis.
    """
    with _figure(size=5.6) as (figure, axes):
        axes.plot(x, actual, color=GRAY, linewidth=4, alpha=0.5, label="data")
        axes.plot(x, predicted, color=ORANGE, linestyle="--", linewidth=1.6, label="fit")
        beyond = _shade(axes, x, bounds)
        axes.set(xlabel=labels[0], ylabel=labels[1])
        _legend_above(axes, columns=2)
        svg = _svg(figure)
    error = float(np.abs(actual - predicted).max())
    alt = f"The fit over {len(x):,} steps; the largest residual is {error:.3g}."
    return Picture(title, f"{alt} {beyond}".strip(), svg, beyond)


def _shade(axes: Any, x: np.ndarray, bounds: tuple[float, float | None, float] | None) -> str:
    """Shade what lies beyond the training data, and say in words where the fit fails."""
    if bounds is None or x[-1] <= bounds[0]:
        return ""
    trained_to, fails_at, tolerance = bounds
    axes.axvspan(trained_to, x[-1], color=BLUE, alpha=0.15, linewidth=0, label="extrapolation")
    begins = f"Extrapolation begins at {trained_to:.4g}, where the training data ends"
    off = f"{tolerance:.2g} (20\N{NO-BREAK SPACE}% of the standard deviation)"
    if fails_at is None:
        return f"{begins}; up to {x[-1]:.4g} the residuals stay below {off}."
    axes.axvline(fails_at, color=GREEN, linestyle=":", linewidth=1.8, label=f"fit fails at {fails_at:.4g}")
    return f"{begins}. The fit fails at {fails_at:.4g}, where the residual first exceeds {off}."


def loss_of_runs(curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], name: str, unit: str) -> Picture:
    """The loss of several runs by optimizer step, a line for each; `curves` holds steps and losses."""
    values = [value for _, losses in curves.values() for value in losses]
    with _figure(size=5.6) as (figure, axes):
        for k, (title, (steps, losses)) in enumerate(curves.items()):
            color, dash, mark = LOOKS[k % len(LOOKS)]
            # Beyond the first round, a mark on each line tells two of one color apart.
            look = _dots(steps) | ({"marker": mark, "markevery": 0.1, "markersize": 5} if k >= len(LOOKS) else {})
            axes.plot(steps, losses, color=color, linestyle=dash, label=title, **look)
        if min(values) > 0 and max(values) > WIDE * min(values):
            _logarithmic(axes)
        axes.set(xlabel="optimizer step", ylabel=f"{name} ({unit})")
        _legend_above(axes)
        svg = _svg(figure)
    ends = ", ".join(f"{title} ends at {losses[-1]:.3g}" for title, (_, losses) in curves.items())
    return Picture(name.capitalize(), f"{ends}.", svg)


def true_and_predicted(title: str, actual: np.ndarray, predicted: np.ndarray, name: str) -> Picture:
    """A point per sequence: the predicted against the true target, with the line where both are equal."""
    low, high = float(min(actual.min(), predicted.min())), float(max(actual.max(), predicted.max()))
    with _figure(size=4.6, square=True) as (figure, axes):
        axes.plot([low, high], [low, high], color=GRAY, linewidth=0.8, label="perfect prediction")
        axes.scatter(actual, predicted, s=16, color=BLUE, alpha=0.7, edgecolors="none")
        axes.set(xlabel=f"true {name}", ylabel=f"predicted {name}")
        _legend_above(axes)
        svg = _svg(figure)
    error = float(np.sqrt(np.mean((actual - predicted) ** 2)))
    return Picture(title, f"{len(actual)} sequences; the root mean squared error is {error:.3g}.", svg)


def residual_histogram(title: str, residuals: np.ndarray, name: str) -> Picture:
    """How often which residual occurs."""
    with _figure(size=4.6, height=3.4) as (figure, axes):
        axes.hist(residuals, bins="auto", color=BLUE, alpha=0.7)
        axes.axvline(0, color=GRAY, linewidth=0.8)
        axes.set(xlabel=f"residual: predicted − true {name}", ylabel="sequences")
        axes.yaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True))
        svg = _svg(figure)
    return Picture(title, f"Mean {residuals.mean():.3g}, standard deviation {residuals.std():.3g}.", svg)


def residuals(
    title: str,
    x: np.ndarray,
    actual: np.ndarray,
    predicted: np.ndarray,
    labels: tuple[str, str],
    bounds: tuple[float, float | None, float] | None = None,
) -> Picture:
    """Residuals, fit minus data, at every step; see `fitted_curve`."""
    inside = np.ones(len(x), dtype=bool) if bounds is None else x <= bounds[0]
    with _figure(size=5.6) as (figure, axes):
        axes.axhline(0, color=GRAY, linewidth=0.8)
        axes.plot(x, predicted - actual, color=BLUE, linewidth=1.2, label="fit − data")
        _shade(axes, x, bounds)
        axes.set(xlabel=labels[0], ylabel=f"residual (units of {labels[1]})")
        _legend_above(axes, columns=2)
        svg = _svg(figure)
    rmse = float(np.sqrt(np.mean((predicted - actual)[inside] ** 2)))
    where = " within the training range" if bounds is not None else ""
    about = f"The root mean squared residual{where} is {rmse:.3g}, in units of {labels[1]}."
    return Picture(title, about, svg, about)


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
    with _figure(size=5.6) as (figure, axes):
        axes.plot(x, actual, color=GRAY, linewidth=1.4, label="actual")
        for k, (times, bounds) in enumerate(zip(ahead, quantiles, strict=True)):
            # What a legend leaves out begins with an underscore.
            hidden = "_" if k else ""
            for low, shade, name in ((0, 0.15, "95 % interval"), (1, 0.3, "80 % interval")):
                between = bounds[:, low], bounds[:, 4 - low]
                axes.fill_between(times, *between, color=ORANGE, alpha=shade, linewidth=0, label=hidden + name)
            axes.plot(
                times, bounds[:, 2], color=ORANGE, linestyle="--", linewidth=1.6, label=f"{hidden}median forecast"
            )
            axes.axvline(times[0], color=GREEN, linestyle=":", linewidth=1)
        axes.set(xlabel=labels[0], ylabel=labels[1])
        _legend_above(axes, columns=2)
        if dates:
            places = mpl.dates.AutoDateLocator(maxticks=6)
            axes.xaxis.set_major_locator(places)
            axes.xaxis.set_major_formatter(mpl.dates.ConciseDateFormatter(places))
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
        axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True))
        axes.set_ylim(bottom=0)
        _legend_above(axes)
        svg = _svg(figure)
    ends = [(name, curve[0], curve[-1]) for name, curve in curves.items()]
    says = [f"{name} from {a:.3g} to {b:.3g}" for name, a, b in ends if a is not None and b is not None]
    return Picture(title, f"One to {H} steps ahead: {'; '.join(says) or 'nothing to compare'}.", svg)


def attention(columns: Sequence[str], rows: Sequence[str], weights: np.ndarray) -> str:
    """The attention weights of each token of the translation [T] over those of the source [S], dark where large."""
    with _figure(*attention_size(len(columns), len(rows))) as (figure, axes):
        image = axes.imshow(weights, cmap="Blues", vmin=0, vmax=weights.max(), aspect="auto")
        axes.grid(False)
        axes.set_xticks(range(len(columns)), [_short(one.strip() or "␣") for one in columns], rotation=90)
        axes.set_yticks(range(len(rows)), [_short(one.strip() or "␣") for one in rows])
        axes.set(xlabel="source", ylabel="translation")
        figure.colorbar(image, ax=axes, label="attention weight", fraction=0.05)
        return _svg(figure)


def attention_size(columns: int, rows: int) -> tuple[float, float]:
    """The width and height of a drawing of attention weights, in inches."""
    return max(3.6, 0.22 * columns + 1.8), max(2.4, 0.22 * rows + 1.2)


class Heard(NamedTuple):
    """A recording and the characters that were recognized in it."""

    features: np.ndarray
    """[T, C]"""
    signs: Sequence[str]
    places: Sequence[float]
    """The frame of each character."""


def spectrogram(one: Heard, shift: float | None) -> str:
    """Features over time, with characters above the frames in which they were recognized, a dot for a space.

    Args:
        shift: seconds between two frames; none to count frames.
    """
    unit = 1.0 if shift is None else shift
    T, C = one.features.shape
    with _figure(SPECTROGRAM, 2.2) as (figure, axes):
        axes.imshow(
            one.features.T, aspect="auto", origin="lower", cmap="cividis", interpolation="nearest",
            extent=(0, T * unit, 0, C), vmin=-2.5, vmax=2.5, rasterized=True,
        )  # fmt: skip
        for sign, place, row in zip(one.signs, one.places, _rows(one.places, T / 80), strict=True):
            axes.axvline(place * unit, color="white", linewidth=0.5, alpha=0.6)
            axes.annotate(
                "·" if sign == " " else sign, (place * unit, 1.02 + 0.1 * row), xycoords=("data", "axes fraction"),
                ha="center", fontsize=9,
            )  # fmt: skip
        axes.grid(False)
        axes.set(xlabel="frame" if shift is None else "time (s)", ylabel="mel band" if shift else "feature")
        return _svg(figure)


def _rows(places: Sequence[float], apart: float) -> list[int]:
    """The row of each label above an axis, so that those of a row are apart.

    >>> _rows([0, 1, 5, 6, 7], 3)
    [0, 1, 0, 1, 2]
    """
    ends: list[float] = []
    rows = []
    for place in places:
        row = next((n for n, end in enumerate(ends) if place - end >= apart), len(ends))
        ends[row : row + 1] = [place]
        rows.append(row)
    return rows


def _mark_kept(axes: Any, kept: dict[str, float]) -> None:
    axes.axvline(kept["step"], color=GREEN, linestyle=":", linewidth=1.8, label="best checkpoint")


def _legend_above(axes: Any, columns: int = 1) -> None:
    """A legend above the axes, where it covers nothing."""
    axes.legend(
        frameon=False, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=1.2, handlelength=2.4, ncols=columns
    )


def _logarithmic(axes: Any) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_minor_formatter(mpl.ticker.NullFormatter())


def _dots(rows: Sequence[Any]) -> dict[str, Any]:
    """Marks for few points."""
    return {"marker": "o" if len(rows) < 30 else None, "markersize": 3}


FIT_LEGEND = (("data", GRAY, "solid"), ("fit", ORANGE, "dashed"))
"""The legend of `fit`."""


@contextmanager
def _figure(size: float = 5.2, height: float = 3.6, square: bool = False) -> Iterator[tuple[Figure, Any]]:
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
