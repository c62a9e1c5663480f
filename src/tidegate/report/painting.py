"""A drawing as PDF or PNG, for papers and slides: the marks of our own SVG, painted one by one.

A sheet knows no styles and no transformations; groups, rectangles, circles, paths of straight lines and texts are all.
Every text is in the font that comes with matplotlib, so that a drawing looks the same on every machine.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import Circle, PathPatch
from matplotlib.path import Path

PIXELS = 1600
"""The width of a PNG."""
FONT = "DejaVu Sans"
STYLE: Any = {"pdf.fonttype": 42, "text.usetex": False, "path.snap": False, "path.sketch": None}
TITLES = {".pdf": ("Title", "Subject"), ".png": ("Title", "Description")}
"""Where a format keeps what the drawing is called and what it shows."""


def paint(svg: str, ending: str) -> bytes:
    """A drawing of `draw_cell` as PDF, of shapes and text, or as PNG, 1,600 pixels wide and on white."""
    root = ElementTree.fromstring(svg)
    width, height = map(float, root.attrib["viewBox"].split()[2:])
    names = [root.findtext("{*}title", ""), root.findtext("{*}desc", "")]
    metadata: dict[str, Any] = dict(zip(TITLES[ending], names, strict=True))
    if ending == ".pdf":
        metadata["CreationDate"] = None  # the same drawing is the same file
    with mpl.rc_context():
        mpl.rcParams.update({name: value for name, value in mpl.rcParamsDefault.items() if name != "backend"} | STYLE)
        # One unit of the drawing is one point.
        figure = Figure(figsize=(width / 72, height / 72), facecolor="white")
        axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
        axes.set_axis_off()
        for order, (mark, style) in enumerate(_marks(root, {})):
            _paint(axes, mark, style, order)
        file = io.BytesIO()
        figure.savefig(file, format=ending[1:], dpi=72 * PIXELS / width, metadata=metadata)
    return file.getvalue()


def _marks(
    element: ElementTree.Element, style: Mapping[str, str]
) -> Iterator[tuple[ElementTree.Element, dict[str, str]]]:
    """The marks, in the order in which they are painted, each with the attributes that it has or inherits."""
    for child in element:
        own = {**style, **child.attrib}
        if _tag(child) == "g":
            yield from _marks(child, own)
        elif _tag(child) not in ("title", "desc"):
            yield child, own


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _paint(axes: Axes, mark: ElementTree.Element, style: dict[str, str], order: int) -> None:
    look: dict[str, Any] = {
        "facecolor": style.get("fill", "black"),
        "edgecolor": style.get("stroke", "none"),
        "linewidth": float(style.get("stroke-width", 1)),
        "capstyle": style.get("stroke-linecap", "butt"),
        "joinstyle": style.get("stroke-linejoin", "miter"),
        "clip_on": False,
        "zorder": order,
    }

    def number(name: str) -> float:
        return float(style.get(name, 0))

    match _tag(mark):
        case "rect":
            w, h = number("width"), number("height")
            corners = _corners(number("x"), number("y"), w, h, min(number("rx"), w / 2, h / 2))
            axes.add_patch(PathPatch(corners, **look))
        case "circle":
            axes.add_patch(Circle((number("cx"), number("cy")), number("r"), **look))
        case "path":
            axes.add_patch(PathPatch(_path(style["d"]), **look))
        case "text":
            _write(axes, mark, style, order)
        case tag:
            raise ValueError(f"no paint for {tag}")


def _corners(x: float, y: float, w: float, h: float, radius: float) -> Path:
    """A rectangle whose corners are quarters of a circle."""
    if radius == 0:
        return Path([(x, y), (x + w, y), (x + w, y + h), (x, y + h), (x, y)], closed=True)
    quarter = np.asarray(Path.arc(0, 90).vertices)
    turned = [quarter @ [[c, s], [-s, c]] for c, s in ((1, 0), (0, 1), (-1, 0), (0, -1))]
    centers = [(x + w - radius, y + h - radius), (x + radius, y + h - radius), (x + radius, y + radius)]
    centers.append((x + w - radius, y + radius))
    points = [center + radius * corner for center, corner in zip(centers, turned, strict=True)]
    codes = [Path.LINETO, *[Path.CURVE4] * (len(quarter) - 1)] * 4
    return Path([*np.concatenate(points), points[0][0]], [Path.MOVETO, *codes[1:], Path.CLOSEPOLY])


def _path(d: str) -> Path:
    points = [tuple(map(float, point.split())) for point in re.split("[ML]", d.rstrip("Z")) if point]
    if d.endswith("Z"):
        return Path([*points, points[0]], closed=True)
    return Path(points)


@dataclass(frozen=True)
class Run:
    """Letters in one font, on one line or below it."""

    letters: str
    size: float
    font: FontProperties
    drop: float

    @property
    def width(self) -> float:
        font = get_font(findfont(self.font))
        font.set_size(100, 72)
        advances = (font.load_char(ord(letter)).linearHoriAdvance for letter in self.letters)
        return sum(advances) / 65536 * self.size / 100


def _write(axes: Axes, text: ElementTree.Element, style: dict[str, str], order: int) -> None:
    runs = list(_runs(text, style))
    width = sum(run.width for run in runs)
    x, y = float(style["x"]), float(style["y"])
    x -= {"start": 0, "middle": width / 2, "end": width}[style["text-anchor"]]
    for run in runs:
        axes.text(
            x,
            y + run.drop,
            run.letters,
            fontproperties=run.font,
            fontsize=run.size,
            color=style["fill"],
            parse_math=False,
            zorder=order,
        )
        x += run.width


def _runs(text: ElementTree.Element, style: dict[str, str]) -> Iterator[Run]:
    drop = 0.0
    pieces = [(text.text, style)]
    for span in text:
        pieces += [(span.text, {**style, **span.attrib}), (span.tail, style)]
    for letters, own in pieces:
        drop += float(own.get("dy", 0))
        letters = (letters or "").replace("\u200b", "")
        if letters:
            slant: Literal["italic", "normal"] = "italic" if own.get("font-style") == "italic" else "normal"
            font = FontProperties(family=FONT, weight=own.get("font-weight", "normal"), style=slant)
            yield Run(letters, float(own["font-size"]), font, drop)
