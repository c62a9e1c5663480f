"""The page of a run in a browser: it fits a phone and a desk, and no labels overlap."""

import shutil

import numpy as np
import pytest

from tidegate.report.run import write_report
from tidegate.tasks.run import fit_run

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
QUIET = ("no-sandbox", *(f"disable-{what}" for what in ("gpu", "background-networking", "component-update", "sync")))
LABELS = """() => {
  const found = (within, what) => [...within.querySelectorAll(what)];
  const box = one => { const b = one.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]; };
  return [
    ...found(document, 'figure svg').map(svg => found(svg, 'g[id*="text_"]')),
    found(document, '.confusion thead span'),
    found(document, '.confusion th[scope=row]'),
  ].map(all => all.map(box).filter(b => b[2] > b[0]));
}"""
"""The boxes of the labels of every figure, and of each side of the confusion matrix."""
LONGEST = "a class whose name has forty characters."
"""To which a number is put in front."""


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no chromium or google-chrome is installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[f"--{name}" for name in QUIET])
        yield browser
        browser.close()


@pytest.fixture(scope="module", params=[2, 10, 50])
def page_of_classes(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(f"classes{request.param}")
    y = np.array([f"{k:02d} {LONGEST}"[:40] for k in range(request.param)]).repeat(6)
    x = np.random.default_rng(0).normal(size=(len(y), 8, 2))
    np.savez(folder / "own.npz", X=x, y=y)
    run = fit_run(
        "classification", str(folder / "own.npz"), {"hidden_size": 4, "steps": 4}, folder / "run", progress=False
    )
    return write_report([run], folder / "report.html")


def overlapping(boxes):
    """Pairs of boxes [left, top, right, bottom] that share more than a pixel each way."""
    found = []
    for n, one in enumerate(boxes):
        for other in boxes[n + 1 :]:
            width = min(one[2], other[2]) - max(one[0], other[0])
            height = min(one[3], other[3]) - max(one[1], other[1])
            if min(width, height) > 1:
                found.append((one, other))
    return found


@pytest.mark.parametrize("width", [390, 1200], ids=["phone", "desk"])
def test_it_fits_and_no_labels_overlap(page_of_classes, browser, width):
    page = browser.new_page(viewport={"width": width, "height": 900})
    complaints, requests = [], []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(page_of_classes.as_uri())
    overflow = page.evaluate("document.documentElement.scrollWidth")
    groups = page.evaluate(LABELS)
    page.close()
    assert overflow <= width
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
    assert sum(map(len, groups)) > 50
    assert [pair for boxes in groups for pair in overlapping(boxes)] == []


def test_overlapping_boxes_are_found():
    assert len(overlapping([[0, 0, 10, 10], [5, 5, 15, 15], [12, 0, 20, 10]])) == 2
