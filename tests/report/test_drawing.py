"""The drawings of the cells: the lines say what the equations say, and nothing lies over anything else."""

import itertools
import re
from collections import Counter
from dataclasses import dataclass, replace
from xml.etree import ElementTree

import pytest

from tests.paths import REPOSITORY
from tidegate.cells.description import DESCRIPTIONS, Block
from tidegate.cli import run
from tidegate.errors import ConfigError
from tidegate.report.drawing import draw, draw_cell

IMAGES = REPOSITORY / "docs" / "images"
LSTM, GRU = DESCRIPTIONS["lstm"], DESCRIPTIONS["gru"]
COUPLED = replace(
    LSTM,
    blocks=tuple(block for block in LSTM.blocks if block.symbol != "i"),
    equations=(*LSTM.equations[1:4], "c' = f ⊙ c + (1 − f) ⊙ g", LSTM.equations[5]),
)
MINIMAL = replace(
    GRU,
    blocks=(Block("f", "σ", "forget gate", is_gate=True), Block("n", "tanh", "candidate", is_gate=False)),
    equations=(
        "f = σ(W_f x + U_f h + b_f)",
        "n = tanh(W_n x + b_n + f ⊙ (U_n h + b_hn))",
        "h' = (1 − f) ⊙ h + f ⊙ n",
    ),
)
DRAWN = {
    "rnn": DESCRIPTIONS["rnn"],
    "lstm": LSTM,
    "gru": GRU,
    "a coupled lstm": COUPLED,
    "a minimal gru": MINIMAL,
    "an rnn with relu": replace(DESCRIPTIONS["rnn"], equations=("h' = relu(W x + U h + b)",)),
}
EQUATIONS = {
    "rnn": ["ht = tanh(W xt + U ht−1 + b)"],
    "lstm": [
        "ft = σ(Wf xt + Uf ht−1 + bf)",
        "it = σ(Wi xt + Ui ht−1 + bi)",
        "gt = tanh(Wg xt + Ug ht−1 + bg)",
        "ot = σ(Wo xt + Uo ht−1 + bo)",
        "ct = ft ⊙ ct−1 + it ⊙ gt",
        "ht = ot ⊙ tanh(ct)",
    ],
    "gru": [
        "zt = σ(Wz xt + Uz ht−1 + bz)",
        "rt = σ(Wr xt + Ur ht−1 + br)",
        "nt = tanh(Wn xt + bn + rt ⊙ (Un ht−1 + bhn))",
        "ht = (1 − zt) ⊙ nt + zt ⊙ ht−1",
    ],
}
LSTM_BOXES = ("tanh candidate", "σ forget", "σ input", "σ output")
WIRES = {
    "rnn": [("ht−1", "tanh new state"), ("xt", "tanh new state"), ("tanh new state", "ht", "ht")],
    "lstm": [
        ("ht−1", *LSTM_BOXES), ("xt", *LSTM_BOXES), *((box, "×") for box in LSTM_BOXES),
        ("ct−1", "×"), ("×", "+"), ("×", "+"), ("+", "ct", "tanh"), ("tanh", "×"), ("×", "ht", "ht"),
    ],
    "gru": [
        ("ht−1", "Un ht−1 + bhn", "×", "σ reset", "σ update"), ("xt", "tanh candidate", "σ reset", "σ update"),
        ("σ reset", "×"), ("Un ht−1 + bhn", "×"), ("×", "tanh candidate"), ("σ update", "1−", "×"), ("1−", "×"),
        ("tanh candidate", "×"), ("×", "+"), ("×", "+"), ("+", "ht", "ht"),
    ],
    "a coupled lstm": [
        ("ht−1", "tanh candidate", "σ forget", "σ output"), ("xt", "tanh candidate", "σ forget", "σ output"),
        ("σ forget", "1−", "×"), ("1−", "×"), ("tanh candidate", "×"), ("σ output", "×"),
        ("ct−1", "×"), ("×", "+"), ("×", "+"), ("+", "ct", "tanh"), ("tanh", "×"), ("×", "ht", "ht"),
    ],
    "a minimal gru": [
        ("ht−1", "Un ht−1 + bhn", "×", "σ forget"), ("xt", "tanh candidate", "σ forget"),
        ("σ forget", "1−", "×", "×"), ("Un ht−1 + bhn", "×"), ("×", "tanh candidate"), ("1−", "×"),
        ("tanh candidate", "×"), ("×", "+"), ("×", "+"), ("+", "ht", "ht"),
    ],
    "an rnn with relu": [("ht−1", "relu new state"), ("xt", "relu new state"), ("relu new state", "ht", "ht")],
}  # fmt: skip


@dataclass(frozen=True)
class Area:
    left: float
    top: float
    right: float
    bottom: float
    kind: str = ""
    words: str = ""

    def meets(self, other, by=0.0):
        """Whether the inner parts overlap by more than `by`."""
        return (
            min(self.right, other.right) - max(self.left, other.left) > by
            and min(self.bottom, other.bottom) - max(self.top, other.top) > by
        )

    def holds(self, x, y, slack=0.1):
        return self.left - slack <= x <= self.right + slack and self.top - slack <= y <= self.bottom + slack

    def distance(self, x, y):
        return max(self.left - x, x - self.right, 0) + max(self.top - y, y - self.bottom, 0)


class Picture:
    """What is in an SVG."""

    def __init__(self, svg):
        self.root = ElementTree.fromstring(svg)
        self.paper = Area(0, 0, *map(float, self.root.get("viewBox").split()[2:]))
        self.texts = [area_of_text(text) for text in self.all("text")]
        shapes = [area_of_rectangle(shape) for shape in self.all("rect")]
        self.frames = [shape for shape in shapes if shape.kind == "frame"]
        self.nodes = [
            replace(
                shape, words=" ".join(text.words for text in self.texts if text.kind != "value" and inside(text, shape))
            )
            for shape in shapes
            if shape.kind in ("box", "operator")
        ]
        paths = [(path.get("class"), points_of(path.get("d"))) for path in self.all("path")]
        self.tips = [points[0] for kind, points in paths if kind == "arrow"]
        self.gaps = [points for kind, points in paths if kind == "gap"]
        self.lines = [points for kind, points in paths if kind == "line"]
        dots = [(dot.get("class"), (float(dot.get("cx")), float(dot.get("cy")))) for dot in self.all("circle")]
        self.joints = [at for kind, at in dots if kind == "joint"]
        key_lines = [points for kind, points in paths if kind == "key"]
        arrowheads = [points for kind, points in paths if kind == "arrow"]
        self.marks = [
            *[around(points) for points in (*arrowheads, *key_lines)],
            *[Area(x - 4.5, y - 4.5, x + 4.5, y + 4.5, "dot") for _, (x, y) in dots],
            *[shape for shape in shapes if shape.kind == "key"],
        ]
        """Arrowheads, dots and the marks of the legend."""

    def all(self, tag):
        return self.root.iter("{http://www.w3.org/2000/svg}" + tag)

    def segments(self):
        return [between(a, b) for line in self.lines for a, b in itertools.pairwise(line)]


def points_of(path):
    return [tuple(map(float, point.split())) for point in re.split("[MLZ]", path) if point]


def around(points):
    (xs, ys) = zip(*points, strict=True)
    return Area(min(xs), min(ys), max(xs), max(ys))


def area_of_rectangle(shape):
    x, y, width, height = (float(shape.get(name, 0)) for name in ("x", "y", "width", "height"))
    return Area(x, y, x + width, y + height, shape.get("class"))


def area_of_text(text):
    """Where a text lies at most: no common sans-serif is wider than 0.58 of its size on average."""
    size, x, y = (float(text.get(name)) for name in ("font-size", "x", "y"))
    parts = [(text.text or "", size)]
    for span in text:
        parts += [(span.text or "", float(span.get("font-size", size))), (span.tail or "", size)]
    parts = [(words.replace("\u200b", ""), size) for words, size in parts]
    width = sum(0.58 * size * len(words) for words, size in parts)
    left = x - {"start": 0, "middle": width / 2, "end": width}[text.get("text-anchor")]
    words = "".join(words for words, _ in parts)
    return Area(left, y - 0.75 * size, left + width, y + 0.25 * size, text.get("class"), words)


def inside(inner, outer):
    return outer.holds(inner.left, inner.top, 2) and outer.holds(inner.right, inner.bottom, 2)


def between(a, b):
    return Area(min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1]))


def on(point, line):
    return any(between(a, b).holds(*point) for a, b in itertools.pairwise(line))


def traced(picture):
    """What a finger finds that follows each line from where it starts to its arrows."""
    lines = list(picture.lines)
    for k, line in enumerate(lines):
        tip = next((tip for tip in picture.tips if abs(tip[0] - line[-1][0]) + abs(tip[1] - line[-1][1]) < 9), None)
        lines[k] = [*line[:-1], tip or line[-1]]
    nets = []
    for line in lines:
        joined = [net for net in nets if any(on(line[0], other) or on(other[0], line) for other in net)]
        nets = [net for net in nets if net not in joined] + [[line, *itertools.chain(*joined)]]
    wires = []
    for net in nets:
        starts = [line[0] for line in net if not any(on(line[0], other) for other in net if other is not line)]
        starts = starts or [net[0][0]]
        sinks = [line[-1] for line in net if line[-1] in picture.tips]
        assert len({name_at(picture, start) for start in starts}) == 1
        wires.append((name_at(picture, starts[0]), *sorted(name_at(picture, sink) for sink in sinks)))
    return Counter(wires)


def name_at(picture, point):
    node = next((node for node in picture.nodes if node.holds(*point)), None)
    values = [text for text in picture.texts if text.kind == "value"]
    return (node or min(values, key=lambda text: text.distance(*point))).words


@pytest.fixture(params=DRAWN)
def name(request):
    return request.param


@pytest.fixture(params=[False, True], ids=["one step", "unrolled"])
def picture(name, request):
    return Picture(draw(DRAWN[name], unrolled=request.param))


def test_the_lines_say_what_the_equations_say(name):
    assert traced(Picture(draw(DRAWN[name]))) == Counter(tuple(wire) for wire in WIRES[name])


def test_nothing_lies_over_anything_else(picture):
    texts = [text for text in picture.texts if text.kind not in ("name", "sign")]
    assert all(sum(inside(text, node) for node in picture.nodes) == 1 for text in named(picture))
    solid = [*texts, *picture.nodes]
    for one, other in itertools.combinations(solid, 2):
        assert not one.meets(other), (one, other)
    for segment, area in itertools.product(picture.segments(), solid):
        assert not thick(segment).meets(area, by=1.5), (segment, area)
    for one, other in itertools.combinations(named(picture), 2):
        assert not one.meets(other), (one, other)


def test_no_text_touches_an_arrowhead_a_dot_or_the_border_of_a_frame(picture):
    texts = [text for text in picture.texts if text not in named(picture)]
    for text, mark in itertools.product(texts, picture.marks):
        assert not text.meets(mark), (text, mark)
    for text, frame in itertools.product(texts, picture.frames):
        assert inside(text, frame) or not text.meets(frame), (text, frame)


def test_a_text_inside_a_box_leaves_a_margin(picture):
    for text in named(picture):
        box = next(node for node in picture.nodes if inside(text, node))
        # The estimate of a text's width is generous by a tenth.
        margin = 0.05 * (text.right - text.left)
        assert box.left <= text.left + margin, (text, box)
        assert text.right - margin <= box.right, (text, box)


def test_the_legend_names_what_occurs_and_nothing_else(picture, name):
    unrolled = len(picture.frames) > 1
    words = [text.words for text in picture.texts if text.kind == "key"]
    fills = {shape.get("fill") for shape in picture.all("rect") if shape.get("class") in ("box", "operator")}
    keys = {shape.get("fill") for shape in picture.all("rect") if shape.get("class") == "key"}
    assert keys == fills
    assert ("gate" in words) == bool(DRAWN[name].gates)
    assert ("linear map" in words) == (name in ("gru", "a minimal gru") and not unrolled)
    assert ("elementwise operation" in words) == (len(DRAWN[name].blocks) > 1 and not unrolled)
    assert ("copy" in words) == bool(picture.joints)


@pytest.mark.parametrize("unrolled", [False, True], ids=["one step", "unrolled"])
def test_equations_and_title_may_be_left_out(name, unrolled):
    pictures = {
        (equations, title): Picture(draw(DRAWN[name], unrolled, equations=equations, title=title))
        for equations in (False, True)
        for title in (False, True)
    }
    for (equations, title), picture in pictures.items():
        kinds = Counter(text.kind for text in picture.texts)
        assert kinds["equation"] == (len(DRAWN[name].equations) if equations else 0)
        assert any(text.words.startswith(DRAWN[name].title) for text in picture.texts) == title
        assert picture.paper.bottom < pictures[True, True].paper.bottom or (equations and title)
        assert all(inside(area, picture.paper) for area in (*picture.texts, *picture.nodes, *picture.segments()))
        assert DRAWN[name].title in next(picture.all("title")).text


def test_equations_follow_the_boxes_from_left_to_right(name):
    picture = Picture(draw(DRAWN[name]))
    boxes = sorted((node for node in picture.nodes if node.kind == "box"), key=lambda node: node.left)
    shown = [word for node in boxes for word in node.words.split()]
    equations = [text.words for text in picture.texts if text.kind == "equation"]
    names = {f"{block.symbol}t": block.name.removesuffix(" gate") for block in DRAWN[name].blocks}
    places = [shown.index(names[target].split()[0]) for eq in equations if (target := eq.split(" = ")[0]) in names]
    assert places == sorted(places)


def named(picture):
    return [text for text in picture.texts if text.kind in ("name", "sign")]


def thick(line):
    return Area(line.left - 1, line.top - 1, line.right + 1, line.bottom + 1)


def test_all_lies_on_the_paper_and_all_boxes_in_a_frame(picture):
    for area in (*picture.texts, *picture.nodes, *picture.frames, *picture.segments()):
        assert inside(area, picture.paper), area
    assert all(any(inside(node, frame) for frame in picture.frames) for node in picture.nodes)


def test_every_arrow_ends_at_something(picture):
    for tip in picture.tips:
        touched = [area for area in (*picture.nodes, *picture.frames) if on_edge(tip, area)]
        assert touched or min(text.distance(*tip) for text in picture.texts) < 25, tip


def on_edge(point, area):
    inner = Area(area.left + 0.2, area.top + 0.2, area.right - 0.2, area.bottom - 0.2)
    return area.holds(*point) and not inner.holds(*point, slack=0)


def test_lines_that_cross_without_a_joint_pass_over_each_other(picture):
    for one, other in itertools.product(picture.segments(), repeat=2):
        if one.left == one.right and other.top == other.bottom:
            x, y = one.left, other.top
            if one.top < y < one.bottom and other.left < x < other.right:
                meets = (x, y) in picture.joints
                passes = any(abs(gap[0][0] - x) < 0.1 and gap[0][1] < y < gap[1][1] for gap in picture.gaps)
                assert meets != passes, (x, y)


def test_lines_have_a_joint_where_they_branch_and_only_there(picture):
    ends = {end for line in picture.lines for end in line}
    branching = {end for end in ends if len(ways_from(end, picture.segments())) > 2}
    assert branching == set(picture.joints)


def ways_from(point, segments):
    """The directions in which ink leaves a point."""
    x, y = point
    touching = [segment for segment in segments if segment.holds(x, y)]
    ways = [("left", s.left < x - 1) for s in touching] + [("right", s.right > x + 1) for s in touching]
    ways += [("up", s.top < y - 1) for s in touching] + [("down", s.bottom > y + 1) for s in touching]
    return {way for way, taken in ways if taken}


def test_every_block_and_every_equation_is_drawn(picture, name):
    description = DRAWN[name]
    shown = Counter(text.words for text in picture.texts if text.kind != "key")
    unrolled = len(picture.frames) > 1
    for block in description.blocks:
        if unrolled:
            assert shown[block.symbol] == 3
        else:
            assert shown[block.name.removesuffix(" gate")] == 1
    equations = [text.words for text in picture.texts if text.kind == "equation"]
    assert len(equations) == len(description.equations)
    assert equations == EQUATIONS.get(name, equations)


def test_gates_look_unlike_candidates_without_color():
    rounded = [
        float(shape.get("rx")) > 0 for shape in Picture(draw_cell("lstm")).all("rect") if shape.get("class") == "box"
    ]
    assert sorted(rounded) == [False, True, True, True]


def test_unrolled_the_states_flow_through_three_steps():
    picture = Picture(draw_cell("lstm", unrolled=True))
    values = {text.words for text in picture.texts if text.kind == "value"}
    times = ("t−2", "t−1", "t", "t+1")
    states = {f"{state}{t}" for state in "hc" for t in times}
    assert values == states | {f"x{t}" for t in times[1:]} | {*times[1:], "time"}
    assert len(picture.frames) == 3
    assert len(picture.tips) == 2 * 4 + 2 * 3 + 1


def test_unrolled_time_runs_from_left_to_right_below_the_cells(name):
    picture = Picture(draw(DRAWN[name], unrolled=True))
    times = {text.words: text for text in picture.texts if text.words in ("t−1", "t", "t+1", "time")}
    assert [times[t].left for t in ("t−1", "t", "t+1", "time")] == sorted(text.left for text in times.values())
    for frame, t in zip(picture.frames, ("t−1", "t", "t+1"), strict=True):
        assert times[t].top > frame.bottom
        assert abs((times[t].left + times[t].right) - (frame.left + frame.right)) < 2


@pytest.mark.parametrize("name", DRAWN)
def test_h_leaves_to_the_right_and_upward(name):
    picture = Picture(draw(DRAWN[name]))
    (frame,) = picture.frames
    assert any(x > frame.right for x, _ in picture.tips)
    assert any(y < frame.top for _, y in picture.tips)


def test_a_reader_is_told_what_is_not_seen(picture, name):
    title, about = next(picture.all("title")).text, next(picture.all("desc")).text
    assert DRAWN[name].title in title
    assert all(equation in about for equation in DRAWN[name].equations)
    assert picture.root.get("role") == "img"


def test_the_svg_needs_nothing_from_elsewhere_and_shares_a_page(picture):
    names = {name for element in picture.root.iter() for name in element.attrib}
    assert not names & {"id", "style", "href"}
    assert {element.tag.split("}")[1] for element in picture.root.iter()} <= {
        "svg", "title", "desc", "g", "rect", "path", "circle", "text", "tspan",
    }  # fmt: skip


@pytest.mark.parametrize(
    "path",
    sorted(path for path in IMAGES.glob("*.svg") if path.stem.partition("-")[0] in DESCRIPTIONS),
    ids=lambda path: path.name,
)
def test_the_stored_drawings_are_those_of_the_command(path, capsys):
    cell, _, unrolled = path.stem.partition("-")
    assert run(["draw", cell, *(f"--{option}" for option in unrolled.split())]) == 0
    assert path.read_text(encoding="utf-8") == capsys.readouterr().out, f"write {path.name} again with tidegate draw"


@pytest.mark.parametrize(("cell", "remedy"), [("lstn", "try 'lstm'"), ("GRU", "try 'gru'"), ("transformer", "correct")])
def test_an_unknown_cell(cell, remedy):
    with pytest.raises(ConfigError, match=f"the cell '{cell}'; wanted one of rnn, lstm, gru; do {remedy}"):
        draw_cell(cell)
