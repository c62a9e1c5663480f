"""A sheet to draw boxes, lines and formulas on; it becomes one SVG without styles, ids or external resources."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

INK, PAPER, BODY = "#1f2933", "#ffffff", "#f1f5f4"
FONT = "Helvetica, Arial, 'Liberation Sans', sans-serif"
Point = tuple[float, float]
# A name with a subscript as in h_{t−1} or b_hn, or any other sign.
SIGN = re.compile(r"([^\W\d_]+)(?:_(?:\{(.*?)\}|(\w+)))?|(.)")


@dataclass
class Sheet:
    """A drawing in the making: lines lie under shapes, and shapes under text."""

    width: float
    frames: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    shapes: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def rectangle(self, center: Point, half: Point, kind: str, fill: str, radius: float = 0) -> None:
        (x, y), (w, h) = center, half
        (self.frames if kind == "frame" else self.shapes).append(
            f'<rect class="{kind}" x="{x - w:g}" y="{y - h:g}" width="{2 * w:g}" height="{2 * h:g}" rx="{radius:g}" '
            f'fill="{fill}"/>'
        )

    def line(self, *points: Point, arrow: bool = False, kind: str = "line") -> None:
        """A line through the points, with an arrowhead at the last one."""
        points = tuple(point for k, point in enumerate(points) if k == 0 or point != points[k - 1])
        if arrow:
            (x0, y0), (x, y) = points[-2:]
            dx, dy = (x > x0) - (x < x0), (y > y0) - (y < y0)
            corners = [
                (x, y),
                (x - 10 * dx - 5 * dy, y - 10 * dy - 5 * dx),
                (x - 10 * dx + 5 * dy, y - 10 * dy + 5 * dx),
            ]
            self.shapes.append(f'<path class="arrow" d="{_path(corners)}Z" fill="{INK}" stroke="none"/>')
            points = (*points[:-1], (x - 8 * dx, y - 8 * dy))
        self.lines.append(f'<path class="{kind}" d="{_path(points)}"/>')

    def gap(self, x: float, y: float) -> None:
        """Interrupt the lines drawn so far, for a vertical line that crosses them."""
        path = _path([(x, y - 6), (x, y + 6)])
        self.lines.append(f'<path class="gap" d="{path}" stroke="{BODY}" stroke-width="11" stroke-linecap="butt"/>')

    def joint(self, x: float, y: float, kind: str = "joint") -> None:
        """A dot where a line branches."""
        self.shapes.append(f'<circle class="{kind}" cx="{x:g}" cy="{y:g}" r="4.5" fill="{INK}" stroke="none"/>')

    def text(self, at: Point, formula: str, size: float = 22, anchor: str = "middle", kind: str = "value") -> None:
        """Text where f_t and h_{t−1} have subscripts and single letters are italic."""
        drop, small = round(0.24 * size, 1), round(0.72 * size, 1)
        parts = []
        for name, group, below, other in SIGN.findall(formula):
            italic = len(name) == 1 and name.isascii()
            parts.append(f'<tspan font-style="italic">{name}</tspan>' if italic else escape(name or other))
            if group or below:
                parts.append(f'<tspan dy="{drop}" font-size="{small}">{group or below}</tspan>')
                # A character without width brings the next sign back up to the line.
                parts.append(f'<tspan dy="-{drop}">\u200b</tspan>')
        self._text(at, "".join(parts), size, anchor, kind)

    def words(self, at: Point, words: str, size: float, anchor: str = "middle", kind: str = "name") -> None:
        """Text as it is."""
        self._text(at, escape(words), size, anchor, kind)

    def _text(self, at: Point, markup: str, size: float, anchor: str, kind: str) -> None:
        weight = ' font-weight="bold"' if kind == "title" else ""
        self.texts.append(
            f'<text class="{kind}" x="{at[0]:g}" y="{at[1]:g}" font-size="{size:g}" text-anchor="{anchor}"{weight}>'
            f"{markup}</text>"
        )

    def svg(self, height: float, title: str, about: str) -> str:
        """The drawing; a screen reader reads `title` and `about`."""
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width:g} {height:g}" role="img" '
            f'font-family="{FONT}">',
            f"<title>{escape(title)}</title>",
            f"<desc>{escape(about)}</desc>",
            f'<rect class="paper" width="{self.width:g}" height="{height:g}" rx="12" fill="{PAPER}"/>',
            f'<g stroke="{INK}" stroke-width="2">{"".join(self.frames)}</g>',
            f'<g fill="none" stroke="{INK}" stroke-width="2.5" stroke-linejoin="round" stroke-linecap="round">',
            *self.lines,
            "</g>",
            f'<g stroke="{INK}" stroke-width="2">',
            *self.shapes,
            "</g>",
            f'<g fill="{INK}">',
            *self.texts,
            "</g>",
            "</svg>",
        ]
        return "\n".join(parts) + "\n"


def _path(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
