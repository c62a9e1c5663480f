"""Drawings of the cells, made from their equations.

A cell is laid out on a grid with a column for each box and a level for each row of operators. The state runs along the
top, boxes stand at the bottom, an operator stands a level above its operands, and two lines below the boxes bring h
and x. The new h leaves to the right, to the next step, and upward, to the layer above.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from tidegate.cells.description import DESCRIPTIONS, Description
from tidegate.errors import ConfigError
from tidegate.files import write_whole
from tidegate.report.sheet import BODY, PAPER, Point, Sheet
from tidegate.report.wiring import Node, wire

WIDTH, MARGIN = 600, 24
COLUMN, ROW, LANE = 108, 84, 34
BOX, SIGN, FUNCTION = (46, 30), (18, 18), (34, 18)
LEG = 18
OUTSIDE = 50
RAISED = 15
"""From a line to the text above it, so that a subscript touches neither the line nor an arrow."""
UPWARD = 40
"""Length of the arrow by which h leaves upward, outside the frame."""
LEGEND, SWATCH, LINE = 16, (13, 10), 30
"""Size of the legend's text, half the size of its boxes, and the height of one of its rows."""
GATE, CANDIDATE = "#fde9b8", "#d5e8f7"
STEPS = ("t−2", "t−1", "t", "t+1")


def draw_cell(cell: str, unrolled: bool = False, *, equations: bool = True, title: bool = True) -> str:
    """The drawing of a cell, or of the cell over three steps, with a legend, as SVG.

    Args:
        cell: rnn, lstm or gru.
        unrolled: draw three steps instead of one.
        equations: write the equations below the drawing.
        title: write the cell's name above the drawing.

    >>> draw_cell("gru").startswith("<svg")
    True
    """
    if cell not in DESCRIPTIONS:
        near = difflib.get_close_matches(cell.lower(), DESCRIPTIONS, n=1, cutoff=0.4)
        raise ConfigError(
            got=f"the cell {cell!r}",
            wanted=f"one of {', '.join(DESCRIPTIONS)}",
            do=f"try {near[0]!r}" if near else "correct the name",
        )
    return draw(DESCRIPTIONS[cell], unrolled, equations=equations, title=title)


def write_drawing(svg: str, path: Path) -> None:
    """Write a drawing whole or not at all, in the format of the path's ending: .svg, .pdf or .png.

    Raises ConfigError for another ending, and RunError where the file cannot be written.
    """
    ending = ending_of(path)
    if ending == ".svg":
        write_whole(path, svg)
    else:
        from tidegate.report.painting import paint

        write_whole(path, paint(svg, ending))


def ending_of(path: Path) -> str:
    """The ending of a file to draw to; ConfigError unless it is .svg, .pdf or .png."""
    ending = path.suffix.lower()
    if ending not in (".svg", ".pdf", ".png"):
        raise ConfigError(
            got=f"the file {path} to draw to", wanted="one that ends in .svg, .pdf or .png", do="correct --out"
        )
    return ending


def draw(description: Description, unrolled: bool = False, *, equations: bool = True, title: bool = True) -> str:
    """The drawing of a description; see `draw_cell`."""
    sheet = Sheet(WIDTH)
    name = f"{description.title} ({description.cell.upper()})"
    top = MARGIN
    if title:
        sheet.words((WIDTH / 2, 42), name, size=24, kind="title")
        top = 60
    bottom = _draw_steps(sheet, description, top) if unrolled else _draw_cell(sheet, description, top + UPWARD)
    bottom = _draw_legend(sheet, description, bottom + 24, unrolled)
    if equations:
        bottom += 10
        for equation in in_order(description):
            bottom += 36
            sheet.text((MARGIN, bottom), timed(equation, description), anchor="start", kind="equation")
    over = f" over the steps {', '.join(STEPS[1:])}" if unrolled else ""
    blocks = ", ".join(f"{block.name} {block.symbol}" for block in description.blocks)
    return sheet.svg(
        height=bottom + MARGIN,
        title=f"{name}{over}",
        about=f"{description.core_operation}. Boxes with weights: {blocks}. {'; '.join(description.equations)}.",
    )


def in_order(description: Description) -> list[str]:
    """The equations, those of the boxes first, in the order of the boxes from left to right.

    >>> [equation.split(" = ")[0] for equation in in_order(DESCRIPTIONS["lstm"])]
    ['f', 'i', 'g', 'o', "c'", "h'"]
    """
    symbols = _symbols(description)

    def place(equation: str) -> int:
        target = equation.split(" = ")[0]
        return symbols.index(target) if target in symbols else len(symbols)

    return sorted(description.equations, key=place)


def _symbols(description: Description) -> list[str]:
    """The symbols of the boxes with an activation, from left to right."""
    place = Grid(description).place
    return [node.block.symbol for node in sorted(place, key=place.__getitem__) if node.block]


def timed(formula: str, description: Description) -> str:
    """The formula with a time at every value: c' is c_t and c is c_{t−1}."""
    values = {"x", *(block.symbol for block in description.blocks)}

    def stamp(match: re.Match[str]) -> str:
        name, prime = match.groups()
        if name in description.states:
            return f"{name}_t" if prime else f"{name}_{{t−1}}"
        return f"{name}_t" if name in values else match[0]

    return re.sub(r"(?<!\w)([^\W\d_]+)(?![\w])('?)", stamp, formula)


class Grid:
    """Where each node stands: its column and its level."""

    def __init__(self, description: Description):
        values = wire(description)
        self.new = {values[state]: values[f"{state}'"] for state in description.states}
        self.carried = values[description.states[-1]]
        self.result = self.new[self.carried]
        self.along = _way(self.carried, self.result)[1:]
        """The operators that the carried state passes on its way through the cell."""
        self.columns = 0
        self.place: dict[Node, tuple[float, float]] = {}
        for node in [*self.along, *self.new.values()]:
            self._stand(node)
        below = [node for node in self.place if node not in self.along]
        self.top = 1 + max(self.place[node][1] + self._needs_room_above(node) for node in below)
        for node in self.along:
            self.place[node] = (self.place[node][0], self.top)
        for node in list(self.place):
            self._settle(node)

    def _stand(self, node: Node) -> float:
        """Place a node above all that it reads; return its level."""
        if node.kind == "state":
            return -1
        if node not in self.place:
            under = [self._stand(operand) for operand in node.inputs]
            columns = [self.place[operand][0] for operand in node.inputs if operand in self.place]
            if node.kind == "box":
                columns, self.columns = [self.columns], self.columns + 1
            # A box stands beside the operator that it reads, not above.
            level = -1 if node in self.along else max([-1, *under]) + (node.kind == "operator" or not under)
            self.place[node] = (max(columns), level)
        return self.place[node][1]

    def _needs_room_above(self, node: Node) -> bool:
        """Whether a function has to stand between the node and the state's line."""
        from_above = any(operand.inputs == (self.result,) for operand in node.inputs)
        to_above = [source for step in self.along for function in step.functions for source in function.inputs]
        return from_above or any(source in to_above for source in node.inputs)

    def _settle(self, node: Node) -> None:
        """Move the functions that a node reads onto the way from their input to the node."""
        column, level = self.place[node]
        for function in node.functions:
            (source,) = function.inputs
            if source is self.result:
                self.place[function] = (column, (level + self.top) / 2)
            elif self.place[source][0] != column:
                self.place[function] = ((column + self.place[source][0]) / 2, level)
            elif node in self.along:
                self.place[function] = (column, self.top - 1)


def _way(start: Node, end: Node) -> list[Node]:
    """The nodes from start to end through operators only; none where weights lie between."""
    if start is end:
        return [end]
    if end.kind == "operator":
        for operand in end.inputs:
            if way := _way(start, operand):
                return [*way, end]
    return []


class Plan:
    """The grid in the units of the drawing."""

    def __init__(self, grid: Grid, top: float):
        self.grid = grid
        wide = COLUMN * (grid.columns - 1) + 2 * BOX[0] + 2 * LANE
        self.left, self.right = (WIDTH - wide) / 2, (WIDTH + wide) / 2
        self.roof = top + LANE
        self.h_line = self.roof + ROW * grid.top + BOX[1] + LANE
        self.x_line = self.h_line + LANE
        self.bottom = self.x_line + LANE
        self.inlet, self.outlet = self.left + LANE / 2, self.right - LANE / 2

    def at(self, node: Node) -> Point:
        column, level = self.grid.place[node]
        return self.left + LANE + BOX[0] + COLUMN * column, self.roof + ROW * (self.grid.top - level)

    def side(self, node: Node, dx: int, dy: int) -> Point:
        """The middle of the node's left (-1, 0), right (1, 0), upper (0, -1) or lower (0, 1) side."""
        (x, y), (w, h) = self.at(node), half(node)
        return x + dx * w, y + dy * h


def half(node: Node) -> Point:
    """Half the width and half the height of a node."""
    return BOX if node.kind == "box" else FUNCTION if len(node.label) > 2 else SIGN


def _draw_cell(sheet: Sheet, description: Description, top: float) -> float:
    """Draw one step of the cell from `top` on; return where it ends."""
    grid = Grid(description)
    plan = Plan(grid, top)
    center = (WIDTH / 2, (top + plan.bottom) / 2)
    sheet.rectangle(center, ((plan.right - plan.left) / 2, (plan.bottom - top) / 2), "frame", BODY, radius=18)
    _draw_ground(sheet, plan)
    for node in grid.place:
        for source in node.inputs:
            _connect(sheet, plan, source, node)
        _draw_node(sheet, plan, node, description)
    for old, new in grid.new.items():
        _lead_out(sheet, plan, old, new)
    _lead_up(sheet, plan, top)
    return plan.bottom + LANE


def _draw_ground(sheet: Sheet, plan: Plan) -> None:
    """Bring h and x to the boxes whose weights multiply them."""
    boxes = sorted((node for node in plan.grid.place if node.kind == "box"), key=plan.at)
    taps = {
        name: [(plan.at(box)[0] + shift * (len(box.reads) > 1), box) for box in boxes if name in box.reads]
        for name, shift in (("h", -LEG), ("x", LEG))
    }
    way_in = {"h": [(plan.left - OUTSIDE, plan.h_line)], "x": [(taps["x"][0][0], plan.bottom + LANE)]}
    if plan.grid.carried.label == "h":
        way_in["h"] = [(plan.left - OUTSIDE, plan.roof), (plan.inlet, plan.roof), (plan.inlet, plan.h_line)]
        if plan.grid.along:
            del way_in["h"][0]
            sheet.joint(plan.inlet, plan.roof)
    else:
        sheet.text((plan.left - OUTSIDE, plan.h_line - RAISED), "h_{t−1}", anchor="start")
    sheet.text((taps["x"][0][0] + 12, plan.bottom + LANE - 4), "x_t", anchor="start")
    for name, y in (("h", plan.h_line), ("x", plan.x_line)):
        *others, (last, box) = taps[name]
        first = taps[name][0][0]
        sheet.line(*way_in[name], (first, y), (last, y), (last, plan.side(box, 0, 1)[1]), arrow=True)
        for x, box in others:
            if name == "x":
                sheet.gap(x, plan.h_line)
            sheet.line((x, y), (x, plan.side(box, 0, 1)[1]), arrow=True)
            sheet.joint(x, y)


def _connect(sheet: Sheet, plan: Plan, source: Node, target: Node) -> None:
    """Draw the line from a node to one that reads it."""
    x, y = plan.at(target)
    if source is plan.grid.result:
        sheet.joint(x, plan.roof)
        sheet.line((x, plan.roof), plan.side(target, 0, -1), arrow=True)
        return
    if source.kind == "state":
        sheet.line((plan.left - OUTSIDE, plan.roof), plan.side(target, -1, 0), arrow=True)
        return
    x0, y0 = plan.at(source)
    if x0 == x:
        down = 1 if y0 < y else -1
        sheet.line(plan.side(source, 0, down), plan.side(target, 0, -down), arrow=True)
    elif y0 == y:
        sheet.line(plan.side(source, 1, 0), plan.side(target, -1, 0), arrow=True)
    else:
        branch = any(source in node.inputs and plan.at(node)[1] < y for node in plan.grid.place)
        sheet.line(*([] if branch else [plan.side(source, 0, -1)]), (x0, y), plan.side(target, -1, 0), arrow=True)
        if branch:
            sheet.joint(x0, y)


def _draw_node(sheet: Sheet, plan: Plan, node: Node, description: Description) -> None:
    x, y = plan.at(node)
    if node.kind == "operator":
        sheet.rectangle((x, y), half(node), "operator", PAPER, radius=SIGN[1])
        sheet.words((x, y + 7), node.label, size=20, kind="sign")
    elif node.block is None:
        sheet.rectangle((x, y), BOX, "box", PAPER)
        first, *more = timed(node.terms, description).split(" + ")
        for line, term in enumerate([first, *(f"+ {term}" for term in more)]):
            sheet.text((x, y - 4 + 22 * line), term, size=19, kind="name")
    else:
        gate = node.block.is_gate
        sheet.rectangle((x, y), BOX, "box", GATE if gate else CANDIDATE, radius=12 if gate else 0)
        sheet.words((x, y - 3), node.label, size=22, kind="sign")
        sheet.words((x, y + 19), node.block.name.removesuffix(" gate"), size=16)
        if node not in plan.grid.new.values():
            sheet.text((x + 8, y - BOX[1] - 13), f"{node.block.symbol}_t", anchor="start")


def _lead_out(sheet: Sheet, plan: Plan, old: Node, new: Node) -> None:
    """Lead a new state out of the cell at the height at which the old one came in."""
    end = plan.right + OUTSIDE
    if old is plan.grid.carried:
        start = plan.side(new, 1, 0) if new in plan.grid.along else plan.side(new, 0, -1)
        corner = [] if new in plan.grid.along else [(start[0], plan.roof)]
        sheet.line(start, *corner, (end, plan.roof), arrow=True)
        sheet.text((plan.left - OUTSIDE, plan.roof - RAISED), f"{old.label}_{{t−1}}", anchor="start")
        sheet.text((end, plan.roof - RAISED), f"{old.label}_t", anchor="end")
    else:
        start = plan.side(new, 1, 0)
        sheet.line(start, (plan.outlet, start[1]), (plan.outlet, plan.h_line), (end, plan.h_line), arrow=True)
        sheet.text((end, plan.h_line - RAISED), f"{old.label}_t", anchor="end")


def _lead_up(sheet: Sheet, plan: Plan, top: float) -> None:
    """Lead the new h out of the top of the frame too."""
    new = next(new for old, new in plan.grid.new.items() if old.label == "h")
    start = plan.roof if new is plan.grid.result else plan.at(new)[1]
    sheet.joint(plan.outlet, start)
    if start > plan.roof:
        sheet.gap(plan.outlet, plan.roof)
    sheet.line((plan.outlet, start), (plan.outlet, top - UPWARD), arrow=True)
    sheet.text((plan.outlet + 12, top - 14), "h_t", anchor="start")


def _draw_steps(sheet: Sheet, description: Description, top: float) -> float:
    """Draw the cell at three steps, side by side, above an arrow of time; return where that ends."""
    steps = len(STEPS) - 1
    wide, tall, gap = 116, 120, 63
    top += 44
    bottom = top + tall
    lines = dict(zip(reversed(description.states), (top + 30, bottom - 30), strict=False))
    symbols = _symbols(description)
    for n in range(steps + 1):
        left = n * (wide + gap)
        for state, y in lines.items():
            sheet.line((max(4, left), y), (min(WIDTH - 4, left + gap), y), arrow=True)
            sheet.text((left + gap / 2, y - RAISED), f"{state}_{{{STEPS[n]}}}")
        if n == steps:
            break
        x = left + gap + wide / 2
        sheet.rectangle((x, top + tall / 2), (wide / 2, tall / 2), "frame", BODY, radius=18)
        sheet.words((x, top + 40), description.cell.upper(), size=22, kind="title")
        for k, symbol in enumerate(symbols):
            at = x + (k - (len(symbols) - 1) / 2) * 26, top + 80
            gate = any(block.symbol == symbol for block in description.gates)
            sheet.rectangle(at, (11, 14), "box", GATE if gate else CANDIDATE, radius=5 if gate else 0)
            sheet.text((at[0], at[1] + 6), symbol, size=20, kind="sign")
        sheet.line((x, bottom + 36), (x, bottom), arrow=True)
        sheet.text((x + 10, bottom + 32), f"x_{{{STEPS[n + 1]}}}", anchor="start")
        sheet.line((x, top), (x, top - 36), arrow=True)
        sheet.text((x + 10, top - 18), f"h_{{{STEPS[n + 1]}}}", anchor="start")
        sheet.text((x, bottom + 98), STEPS[n + 1], size=20)
    sheet.line((MARGIN, bottom + 72), (WIDTH - MARGIN - 52, bottom + 72), arrow=True)
    sheet.words((WIDTH - MARGIN - 44, bottom + 78), "time", size=20, anchor="start", kind="value")
    return bottom + 104


@dataclass(frozen=True)
class Entry:
    """A line of the legend: what stands in the drawing, and what it means."""

    mark: str
    """gate, candidate, linear, operator or copy."""
    words: str

    @property
    def width(self) -> float:
        return 2 * SWATCH[0] + 8 + 0.58 * LEGEND * len(self.words)


def _legend_of(description: Description, unrolled: bool) -> list[Entry]:
    """What occurs in the drawing."""
    entries = [Entry("gate", "gate")] if description.gates else []
    other = next(block.name for block in description.blocks if not block.is_gate)
    entries.append(Entry("candidate", other))
    if unrolled:
        return entries
    nodes = Grid(description).place
    if any(node.kind == "box" and node.block is None for node in nodes):
        entries.append(Entry("linear", "linear map"))
    if any(node.kind == "operator" for node in nodes):
        entries.append(Entry("operator", "elementwise operation"))
    return [*entries, Entry("copy", "copy")]


def _draw_legend(sheet: Sheet, description: Description, top: float, unrolled: bool) -> float:
    """Draw what the marks mean, in as many rows as needed; return where that ends."""
    x, y = float(MARGIN), top + SWATCH[1]
    for entry in _legend_of(description, unrolled):
        if x + entry.width > WIDTH - MARGIN:
            x, y = float(MARGIN), y + LINE
        center = (x + SWATCH[0], y)
        match entry.mark:
            case "copy":
                sheet.line((x, y), (x + 2 * SWATCH[0], y), kind="key")
                sheet.line(center, (center[0], y - SWATCH[1]), kind="key")
                sheet.joint(*center, kind="key")
            case "operator":
                sheet.rectangle(center, (SWATCH[1], SWATCH[1]), "key", PAPER, radius=SWATCH[1])
            case mark:
                fill = {"gate": GATE, "candidate": CANDIDATE}.get(mark, PAPER)
                sheet.rectangle(center, SWATCH, "key", fill, radius=6 if mark == "gate" else 0)
        sheet.words((x + 2 * SWATCH[0] + 8, y + 6), entry.words, size=LEGEND, anchor="start", kind="key")
        x += entry.width + 20
    return y + SWATCH[1]
