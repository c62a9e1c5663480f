"""The page of a run: whole, offline, and drawn from what was measured."""

import re

import numpy as np
import pytest

from tidegate.compare.baselines import read_baselines, write_baselines
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
    assert len(figures) == page.count("<figure") == 9
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


def scored(folder, values, name="run"):
    """A finished run on sequences of two channels, with its baselines."""
    np.savez(folder / f"{name}.npz", **values)
    task = "classification" if values["y"].dtype.kind == "U" else "regression"
    run = fit_run(task, str(folder / f"{name}.npz"), SMALL, folder / name, progress=False)
    write_baselines(run)
    return run, read_baselines(run), write_report([run], folder / name / "report.html").read_text()


NOISE = np.random.default_rng(0).normal(size=(40, 6, 2))
LABELS = np.where(NOISE[:, :, 0].mean(axis=1) > 0, "up", "down")


def test_the_page_of_labels_shows_baselines_and_sequences_that_were_right_and_wrong(tmp_path):
    _, baselines, html = scored(tmp_path, {"X": NOISE, "y": LABELS})
    assert {"most frequent class", "linear model"} <= baselines.keys()
    for name, score in baselines.items():
        assert re.search(rf'<th scope="row">{name}</th><td>{100 * score:.2f} %</td>', html)
    assert "<b>GRU, this run</b>" in html
    assert len(re.findall(r'aria-label="(?:Misclassified|Right), [^"]*(?:up|down) → (?:up|down) \(', html)) >= 1


def test_the_best_baseline_is_said_where_the_model_does_not_beat_it(tmp_path):
    run, baselines, html = scored(tmp_path, {"X": NOISE, "y": LABELS})
    best = max(baselines, key=baselines.get)
    behind = run.metrics["test"]["accuracy"] <= baselines[best]
    assert (f"the baseline “{best}” does as well or better" in html) == behind
    assert f"{best} {100 * baselines[best]:.2f} %" in summary(run)


@pytest.mark.parametrize("y", [NOISE[:, :, 0], NOISE[:, 0, 0]], ids=["steps", "sequences"])
def test_the_page_of_numbers_shows_baselines_and_the_worst_and_best(tmp_path, y):
    _, baselines, html = scored(tmp_path, {"X": NOISE, "y": y})
    assert {"mean", "linear model"} <= baselines.keys()
    assert "Predicted worst" in html and "Predicted best" in html


def test_a_run_without_a_test_part_has_no_baselines(tmp_path):
    run, baselines, html = scored(tmp_path, {"X": NOISE[:8], "y": LABELS[:8]})
    assert baselines == {}
    assert "Beside simple methods" not in html
    assert "beside" not in summary(run)


def test_baselines_that_were_damaged_are_refused(tmp_path):
    run, _, _ = scored(tmp_path, {"X": NOISE, "y": LABELS})
    (run.folder / "baselines.json").write_text("{")
    write_baselines(run)  # as --resume does on a finished run
    with pytest.raises(RunError, match=r"baselines\.json that cannot be read"):
        summary(run)


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
