"""The page of a comparison in a browser: nothing missing, nothing fetched, nothing complains."""

import html
import json
import re
import shutil

import pytest

from tidegate.cli import run
from tidegate.compare import COMPARISON, compare
from tidegate.compare.table import REFERENCES, ROWS
from tidegate.errors import TidegateError
from tidegate.report.comparison import markdown, notes, read_comparison, shown, write_comparison

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

QUIET = ("background-networking", "component-update", "sync")
SIZES = """all => all.map(f => (f.querySelector('svg') || f).getBoundingClientRect()).map(r => [r.width, r.height])"""


@pytest.fixture(scope="module")
def folder(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared") / "digits"
    write_comparison(compare("classification", "digits", folder=folder, budget=tiny, seeds=2), folder)
    return folder


def test_every_figure_has_words(folder):
    page = (folder / "report.html").read_text()
    labels = re.findall(r'<figure class="[^"]*" role="img" aria-label="([^"]{30,})">', page)
    assert len(labels) == len(re.findall("<figure", page)) >= 11


def test_every_row_tells_how_it_was_measured(folder):
    page = (folder / "report.html").read_text()
    links, places = re.findall(r'href="#(how-\w+)"', page), re.findall(r'id="(how-\w+)"', page)
    assert links == places
    assert len(places) == 12


def test_the_table_to_paste_is_a_table(folder):
    *lines, empty, note = (folder / "comparison.md").read_text().splitlines()
    assert {line.count("|") for line in lines} == {7}
    assert len(lines) == 2 + 12
    assert empty == ""
    assert "Student's t" in note


def entry(value, low, high, **more):
    return {"value": value, "low": low, "high": high, "seeds": 3, **more}


@pytest.mark.parametrize(
    ("name", "unit", "measured", "says"),
    [
        ("gates", "gates", entry(3, 3, 3), "3 gates"),
        ("macs_per_step", "multiply-adds", entry(18432, 18432, 18432), "18,432 multiply-adds"),
        ("gradient_half_life", "steps", entry(3.55, 2.331, 5.41), "3.55 steps (2.33–5.41)"),
        ("gradient_half_life", "steps", entry(1050, 0.833, 13200), "1,050 steps (0.833–2,000)"),
        ("parameters", "numbers", entry(4736, 4736, 4736), "4,736 parameters"),
        ("training_speed", "sequences/s", entry(55812, 47123, 63011), "55,800 sequences/s (47,100–63,000)"),
        ("streaming_latency", "µs/step", entry(20.41, 12.9, 22.2), "20.4 µs (12.9–22.2)"),
        ("generalization_gap", "accuracy", entry(0.9, 0.7, 1.1), "90.0 points (70.0–100.0)"),
        ("generalization_gap", "log10 of the ratio", entry(0.301, 0, 0.602), "2× (1–4)"),
        ("score", "accuracy", entry(0.98, 0.9, 1.079), "98.0 % (90.0–100.0)"),
        ("score", "accuracy", entry(0.02, -0.1, 0.14), "2.0 % (0.0–14.0)"),
        ("score", "mse", entry(0.01, -0.02, 0.04), "0.01 (0–0.04)"),
        (
            "memory_horizon", "steps", entry(100, 30, 100, initialization="torch", at_least=False),
            "100 steps with default weights (30–100)",
        ),
        (
            "memory_horizon", "steps", entry(1000, 1000, 1000, initialization="chrono", at_least=True),
            "1,000 steps or more with chrono weights",
        ),
        ("score", "accuracy", entry(None, None, None), "–"),
    ],
)  # fmt: skip
def test_a_value_has_its_unit_and_an_interval_that_ends_where_the_measure_does(name, unit, measured, says):
    assert shown({"name": name, "unit": unit, "measured": {"gru": measured}}, "gru") == says


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_claim_has_its_sources_and_every_source_its_reference(row):
    named = re.findall(r"((?:[A-Z][a-z]+)(?: & [A-Z][a-z]+| et al\.)?) (\d{4})", f"{row.sources} {row.how}")
    for authors, year in named:
        first = authors.split()[0]
        assert any(one.startswith(first) and f" {year}. " in one for one in REFERENCES), (authors, year)
    assert row.sources or not any(row.claim.values())


def test_the_page_explains_default_and_chrono_weights_beside_the_gradients(folder):
    page = (folder / "report.html").read_text()
    assert page.count("chrono weights (Tallec &amp; Ollivier 2018)") == 1
    assert all(html.escape(one, quote=False) in page for one in REFERENCES)


def test_a_name_is_not_markup(folder, tmp_path):
    comparison = json.loads((folder / COMPARISON).read_text())
    comparison["data"] = "<script>alert(1)</script>"
    comparison["details"]["horizons"]["rnn"]["</script><b>"] = comparison["details"]["horizons"]["rnn"].pop("torch")
    page = write_comparison(comparison, tmp_path).read_text()
    assert "<script>alert" not in page
    assert "</script><b>" not in page


def test_report_draws_it_again(folder, capsys):
    (folder / "report.html").unlink()
    assert run(["report", str(folder)]) == 0
    assert capsys.readouterr().out.strip() == str(folder / "report.html")
    assert (folder / "report.html").exists()


def test_a_damaged_comparison_is_refused(tmp_path):
    (tmp_path / COMPARISON).write_text('{"format": 1, "rows": [')
    assert run(["report", str(tmp_path)]) == 2


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no chromium or google-chrome is installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[f"--{name}" for name in ("no-sandbox", "disable-gpu", *(f"disable-{what}" for what in QUIET))],
        )
        yield browser
        browser.close()


@pytest.mark.parametrize("width", [390, 1200], ids=["phone", "desk"])
def test_in_a_browser(folder, browser, width):
    run(["report", str(folder)])
    page = browser.new_page(viewport={"width": width, "height": 900})
    complaints, requests = [], []
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto((folder / "report.html").as_uri())
    page.wait_for_selector("#scores .main-svg")
    sizes = page.eval_on_selector_all(
        "figure",
        "all => all.map(f => (f.querySelector('svg') || f).getBoundingClientRect()).map(r => [r.width, r.height])",
    )
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    page.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []
    assert all(w > 100 and h > 60 for w, h in sizes)
    assert overflow <= 0


def test_hovering_shows_the_value(folder, browser):
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    page.goto((folder / "report.html").as_uri())
    page.wait_for_selector("#training_speed .main-svg")
    bar = page.locator("#training_speed .point path").first
    bar.scroll_into_view_if_needed()
    bar.hover(force=True)  # plotly lays a sheet over its marks and finds them itself
    page.wait_for_selector("#training_speed .hoverlayer .hovertext")
    page.close()


def test_markdown_needs_no_page(folder):
    found = json.loads((folder / COMPARISON).read_text())
    assert f"{markdown(found)}\n{notes(found)}\n" == (folder / "comparison.md").read_text()


def test_a_folder_without_a_comparison(tmp_path):
    with pytest.raises(TidegateError):
        read_comparison(tmp_path)
