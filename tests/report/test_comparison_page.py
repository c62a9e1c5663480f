"""The page of a comparison in a browser: nothing missing, nothing fetched, nothing complains."""

import json
import re
import shutil

import pytest

from tidegate.cli import run
from tidegate.compare import COMPARISON, compare
from tidegate.errors import TidegateError
from tidegate.report.comparison import markdown, read_comparison, write_comparison

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
    lines = (folder / "comparison.md").read_text().splitlines()
    assert {line.count("|") for line in lines} == {6}
    assert len(lines) == 2 + 12


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


@pytest.mark.parametrize("width", [360, 1100], ids=["phone", "desk"])
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
    assert markdown(json.loads((folder / COMPARISON).read_text())) == (folder / "comparison.md").read_text()


def test_a_folder_without_a_comparison(tmp_path):
    with pytest.raises(TidegateError):
        read_comparison(tmp_path)
