"""The page of a run: whole, offline, and drawn from what was measured."""

import re

import numpy as np
import pytest

from tidegate.errors import RunError
from tidegate.report.run import summary, write_report
from tidegate.tasks.run import fit_run, open_run

SMALL = {"hidden_size": 4, "steps": 2}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return [
        fit_run("classification", "digits", SMALL, folder / "digits", progress=False),
        fit_run("regression", "curve", SMALL | {"cell": "rnn"}, folder / "curve", progress=False),
    ]


@pytest.fixture(scope="module")
def page(runs, tmp_path_factory):
    return write_report(runs, tmp_path_factory.mktemp("page") / "new" / "report.html").read_text()


def test_every_figure_has_a_picture_and_words_for_it(page):
    figures = re.findall(r'<figure role="img" aria-label="([^"]{20,})">(.*?)</figure>', page, re.DOTALL)
    assert len(figures) == page.count("<figure") == 8
    assert all("<svg" in drawing for _, drawing in figures)


def test_nothing_is_loaded_from_elsewhere(page):
    markup = re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL)
    assert re.findall(r'(?:src|href)="([^"]*)"', markup) == ["data:,"]
    assert all(link.startswith(("#", "data:")) for link in re.findall(r'xlink:href="([^"]*)"', page))
    assert "url(http" not in page


def test_ids_of_the_drawings_do_not_meet(page):
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_the_scores_are_those_of_the_run(page, runs):
    assert f"{100 * runs[0].metrics['test']['accuracy']:.2f} %" in page
    assert f"{runs[1].metrics['train']['mse']:.3g}" in summary(runs[1])


def test_a_name_is_not_markup(tmp_path):
    folder = tmp_path / "<b>"
    np.savez(tmp_path / "a&b.npz", X=np.zeros((20, 2, 1)) + np.arange(20)[:, None, None], y=np.arange(20) % 2)
    run = fit_run("classification", str(tmp_path / "a&b.npz"), SMALL, folder, progress=False)
    html = write_report([run], folder / "report.html").read_text()
    assert "a&amp;b" in html
    assert "<b></b>" not in html


def test_a_run_that_is_not_finished_has_no_page(runs, tmp_path):
    (tmp_path / "run.json").write_text((runs[0].folder / "run.json").read_text())
    with pytest.raises(RunError, match="not finished"):
        write_report([open_run(tmp_path)], tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()
