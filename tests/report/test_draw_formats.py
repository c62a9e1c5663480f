"""A drawing as a picture: the same marks as the SVG, in the format of the file's ending."""

import itertools
import re
import zlib
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from tidegate.cli import run
from tidegate.report.drawing import draw_cell
from tidegate.report.painting import PIXELS, paint

CELLS = [(cell, unrolled) for cell in ("rnn", "lstm", "gru") for unrolled in (False, True)]
BEGINS = {".svg": b"<svg", ".pdf": b"%PDF", ".png": b"\x89PNG\r\n"}


def color(text):
    return tuple(int(text[k : k + 2], 16) for k in (1, 3, 5))


@pytest.mark.parametrize("name", ["x.svg", "x.pdf", "x.png", "x.SVG", "x.Pdf", "x.PNG", "a.b.png"])
def test_the_ending_chooses_the_format(tmp_path, name, capsys):
    path = tmp_path / name
    path.write_text("an older drawing")
    assert run(["draw", "gru", "--out", str(path)]) == 0
    assert path.read_bytes().startswith(BEGINS[path.suffix.lower()])
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["x.jpg", "x", "x.svgz", "png", ".png"])
def test_another_ending_is_refused_with_the_three(tmp_path, name, capsys):
    assert run(["draw", "gru", "--out", str(tmp_path / name)]) == 2
    assert capsys.readouterr().err == (
        f"error: got the file {tmp_path / name} to draw to; wanted one that ends in .svg, .pdf or .png; "
        "do correct --out\n"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", BEGINS)
def test_a_folder_that_is_missing_is_one_sentence(tmp_path, ending, capsys):
    assert run(["draw", "gru", "--out", str(tmp_path / "nowhere" / f"x{ending}")]) == 2
    assert re.fullmatch(r"error: got .*x\.\w+, which cannot be written \(No such file.*\n", capsys.readouterr().err)


@pytest.fixture(params=CELLS, ids=lambda pair: f"{pair[0]}{'-unrolled' * pair[1]}")
def svg(request):
    return draw_cell(*request.param)


@pytest.fixture
def pixels(svg, tmp_path):
    """The picture with red, green and blue, and the number of pixels of a unit of the drawing."""
    (tmp_path / "x.png").write_bytes(paint(svg, ".png"))
    with Image.open(tmp_path / "x.png") as image:
        return np.asarray(image.convert("RGBA")), image.size[0] / width_and_height(svg)[0]


def width_and_height(svg):
    return [float(value) for value in ElementTree.fromstring(svg).get("viewBox").split()[2:]]


def test_a_png_is_for_slides(svg, pixels):
    picture, scale = pixels
    _width, height = width_and_height(svg)
    assert picture.shape[1] == PIXELS == 1600
    assert picture.shape[0] == pytest.approx(scale * height, abs=1)
    assert (picture[..., 3] == 255).all()
    corners = [picture[y, x, :3].tolist() for y, x in itertools.product((0, -1), (0, -1))]
    assert corners == [[255, 255, 255]] * 4


def test_every_box_has_its_color_and_every_arrow_its_tip(svg, pixels):
    picture, scale = pixels
    root = ElementTree.fromstring(svg)
    boxes = [shape for shape in root.findall(".//{*}rect") if shape.get("class") in ("box", "operator")]
    assert boxes
    for box in boxes:
        x, y, height = (float(box.get(name)) for name in ("x", "y", "height"))
        # Inside the left edge, where no text is.
        assert tuple(picture[int(scale * (y + height / 2)), int(scale * (x + 2.5)), :3]) == color(box.get("fill"))
    for tip in root.findall(".//{*}path"):
        if tip.get("class") == "arrow":
            corners = np.array([point.split() for point in re.split("[MLZ]", tip.get("d")) if point], float)
            x, y = scale * corners.mean(axis=0)
            assert tuple(picture[int(y), int(x), :3]) == color(tip.get("fill"))


def ink(picture, left, top, right, bottom):
    """How dark a part is, from 0 to 1."""
    return 1 - picture[int(top) : int(bottom), int(left) : int(right), :3].mean() / 255


def test_equations_begin_at_the_margin_and_end_before_the_edge(svg, pixels):
    picture, scale = pixels
    equations = [text for text in ElementTree.fromstring(svg).findall(".//{*}text") if text.get("class") == "equation"]
    assert equations
    for text in equations:
        x, y = scale * float(text.get("x")), scale * float(text.get("y"))
        top, bottom = y - 20 * scale, y + 8 * scale
        assert ink(picture, 0, top, x - 3, bottom) == 0
        assert ink(picture, x, top, x + 15 * scale, bottom) > 0.05
        assert ink(picture, PIXELS - 10 * scale, top, PIXELS, bottom) == 0


def test_subscripts_hang_below_the_line(tmp_path):
    """x alone has no ink below its line; x_t has."""
    marks = '<text x="10" y="30" font-size="22" text-anchor="start" fill="#000000">{}</text>'
    frame = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 60 50">{}</svg>'
    below = {}
    for name, text in {"x": "x", "x_t": '<tspan>x</tspan><tspan dy="5.3" font-size="15.8">t</tspan>'}.items():
        (tmp_path / "x.png").write_bytes(paint(frame.format(marks.format(text)), ".png"))
        with Image.open(tmp_path / "x.png") as image:
            picture = np.asarray(image.convert("RGB"))
        scale = picture.shape[1] / 60
        below[name] = ink(picture, 0, 31 * scale, 60 * scale, 50 * scale)
    assert below["x"] == 0
    assert below["x_t"] > 0


def test_letters_that_name_values_are_italic(monkeypatch):
    drawn = []
    write = mpl.axes.Axes.text

    def remember(self, x, y, letters, *, fontproperties, **options):
        drawn.append((letters, fontproperties.get_style(), options["fontsize"]))
        return write(self, x, y, letters, fontproperties=fontproperties, **options)

    monkeypatch.setattr(mpl.axes.Axes, "text", remember)
    paint(draw_cell("lstm"), ".png")
    styles = {(letters, style) for letters, style, _ in drawn}
    assert {("c", "italic"), ("W", "italic"), ("t−1", "normal"), ("σ", "normal"), ("tanh", "normal")} <= styles
    assert not any("\u200b" in letters for letters, *_ in drawn)
    sizes = {letters: size for letters, _, size in drawn}
    assert sizes["t−1"] < sizes["c"]


def test_a_pdf_is_of_lines_and_embedded_letters(svg):
    pdf = paint(svg, ".pdf")
    width, height = width_and_height(svg)
    assert b"/MediaBox [ 0 0 %d %d ]" % (width, height) in pdf
    assert b"/FontFile2" in pdf
    assert b"/Subtype /Image" not in pdf
    streams = [zlib.decompress(part) for part in re.findall(rb"stream\r?\n(x.*?)\r?\nendstream", pdf, re.DOTALL)]
    assert sum(stream.count(b" Tj") + stream.count(b"] TJ") for stream in streams) > 10


@pytest.mark.parametrize("ending", [".pdf", ".png"])
def test_the_same_drawing_is_the_same_file_whatever_the_settings_of_matplotlib(ending):
    svg = draw_cell("gru")
    plain = paint(svg, ending)
    with mpl.rc_context({"font.family": "serif", "savefig.facecolor": "black", "savefig.dpi": 30, "axes.grid": True}):
        assert paint(svg, ending) == plain


def test_the_picture_says_what_it_shows(tmp_path):
    (tmp_path / "x.png").write_bytes(paint(draw_cell("lstm"), ".png"))
    with Image.open(tmp_path / "x.png") as image:
        assert image.text["Title"] == "Long short-term memory (LSTM)"
        assert "forget gate" in image.text["Description"]


def test_a_mark_that_nobody_paints_is_not_left_out():
    with pytest.raises(ValueError, match="no paint for ellipse"):
        paint('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><ellipse/></svg>', ".png")
