"""The page of a run: whole, offline, and drawn from what was measured."""

import dataclasses
import inspect
import re
import shlex
from html import unescape

import numpy as np
import pytest
import soundfile
from sklearn.metrics import classification_report

from tests.cli.test_forecasting import sales
from tests.cli.test_tables import recordings
from tests.sounds import RATE, sentences, spoken
from tidegate.cli import run as cli
from tidegate.compare.baselines import read_baselines, write_baselines
from tidegate.errors import RunError
from tidegate.preparation import Reading
from tidegate.report.regression import continued
from tidegate.report.run import summary, write_report
from tidegate.report.settings import ABOUT, HIDDEN
from tidegate.tasks.load import TASKS
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
    figures = re.findall(r'<figure[^>]* role="img" aria-label="([^"]{10,})">(.*?)</figure>', page, re.DOTALL)
    assert len(figures) == page.count("<figure") > 20
    assert all("<svg" in drawing or "<img" in drawing for _, drawing in figures)


def test_nothing_is_loaded_from_elsewhere(page):
    markup = re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL)
    assert all(link.startswith("data:") for link in re.findall(r'(?:src|href)="([^"]*)"', markup))
    assert all(link.startswith(("#", "data:")) for link in re.findall(r'xlink:href="([^"]*)"', page))
    assert "url(http" not in page


def test_ids_of_the_drawings_do_not_meet(page):
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_the_scores_are_those_of_the_run(page, runs):
    assert f"{100 * runs[0].metrics['test']['accuracy']:.2f} %" in page
    assert f"{runs[1].metrics['train']['mse']:.4g}" in summary(runs[1])


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
        assert re.search(rf'<th scope="row">{name}</th><td class="number">{100 * score:.2f} %</td>', html)
    assert "GRU (this run)" in html
    captions = re.findall(r"<figcaption>(#\d+: .*?) \(\d+\N{NO-BREAK SPACE}%\)</figcaption>", html)
    assert any(" → " in caption for caption in captions) and any(" → " not in caption for caption in captions)


def test_the_verdict_is_first_and_names_the_best_baseline(tmp_path):
    run, baselines, html = scored(tmp_path, {"X": NOISE, "y": LABELS})
    best = max(baselines, key=baselines.get)
    behind = run.metrics["test"]["accuracy"] <= baselines[best]
    first = summary(run).splitlines()[0]
    assert ("not better than" in first) == behind
    assert f"“{best}”" in first and "of 8 sequences" in first
    assert ('class="verdict worse"' in html) == behind


@pytest.mark.parametrize("y", [NOISE[:, :, 0], NOISE[:, 0, 0]], ids=["steps", "sequences"])
def test_the_page_of_numbers_shows_baselines_and_the_worst_and_best(tmp_path, y):
    _, baselines, html = scored(tmp_path, {"X": NOISE, "y": y})
    assert {"mean", "linear model"} <= baselines.keys()
    assert "Largest errors" in html and "Smallest errors" in html and "Residuals" in html


def test_a_run_without_a_test_part_has_no_baselines(tmp_path):
    run, baselines, html = scored(tmp_path, {"X": NOISE[:8], "y": LABELS[:8]})
    assert baselines == {}
    assert "<h2>Baselines" not in html
    assert "no baselines, since there is no test set" in summary(run)


def test_baselines_that_were_damaged_are_refused(tmp_path):
    run, _, _ = scored(tmp_path, {"X": NOISE, "y": LABELS})
    (run.folder / "baselines.json").write_text("{")
    write_baselines(run)  # as --resume does on a finished run
    with pytest.raises(RunError, match=r"baselines\.json that cannot be read"):
        summary(run)


def test_the_class_table_is_that_of_scikit_learn(tmp_path):
    run, _, html = scored(tmp_path, {"X": NOISE, "y": LABELS})
    test = run.dataset.test
    report = classification_report(test.y, run.model().predict(test), output_dict=True, zero_division=0)
    for name, row in {
        "down": "down",
        "up": "up",
        "macro avg": "macro average",
        "weighted avg": "weighted average",
    }.items():
        shown = [f"{report[name][key]:.3f}" for key in ("precision", "recall", "f1-score")]
        cells = "".join(f'<td class="number">{value}</td>' for value in [*shown, f"{report[name]['support']:.0f}"])
        assert f'<th scope="row">{row}</th>{cells}' in html


def test_every_setting_is_explained():
    fields = {field.name for field in dataclasses.fields(Reading)}
    names = {name for task in TASKS.values() for name in inspect.signature(task).parameters}
    assert names | fields <= set(ABOUT) | set(HIDDEN)


def test_the_curve_is_drawn_until_the_fit_fails(runs):
    model, dataset = runs[1].model(), runs[1].dataset
    train, test = model.labeled(dataset.train), model.labeled(dataset.test)
    found = continued(model, train, test[:1], known=True)
    off = np.abs(found.predicted - found.actual) > found.tolerance
    assert found.trained_to == pytest.approx(3) and found.x[-1] > 3.5
    assert found.fails_at == found.x[(found.x > 3) & off][0]


def test_training_data_is_not_called_validation(tmp_path):
    _, _, html = scored(tmp_path, {"X": NOISE, "y": LABELS})
    words = re.sub(r"<svg.*?</svg>|<table.*?</table>", "", html, flags=re.DOTALL)
    assert "no validation data was held out" in words
    assert "validation loss" not in words


def typed(page, capsys):
    """Run the code to copy of a page."""
    code, commands = (
        unescape(re.search(rf'<pre class="{kind}">(.*?)</pre>', page.read_text(), re.DOTALL)[1])
        for kind in ("python", "console")
    )
    exec(compile(code, "page", "exec"), {"__name__": "page"})
    assert capsys.readouterr().out
    for line in commands.splitlines():
        assert cli(shlex.split(line)[1:]) == 0, line


SMALLEST = ["--hidden-size", "4", "--steps", "2"]


@pytest.mark.parametrize(
    "command",
    [
        "classification digits",
        "classification own.csv --id recording --time timestamp --target activity --missing interpolate",
        "regression curve",
        "regression own.npz",
        "forecasting sales.csv --id shop --target sold --horizon 5",
        "language book.txt --chunk 16",
        "translation pairs.tsv --unit char --embedding-size 4",
        "speech talks --num-layers 1",
    ],
)
def test_the_code_to_copy_runs_where_fit_was_typed(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    recordings().to_csv("own.csv")
    np.savez("own.npz", X=NOISE, y=NOISE[:, 0, 0])
    sales().to_csv("sales.csv", index=False)
    (tmp_path / "book.txt").write_text("The tide comes and goes. " * 200)
    (tmp_path / "pairs.tsv").write_text("".join(f"boat {n}\tBoot {n}\n" for n in range(200)))
    texts = sentences(24)
    (tmp_path / "talks").mkdir()
    for n, text in enumerate(texts):
        soundfile.write(tmp_path / "talks" / f"{n}.wav", spoken(text, seed=n), RATE)
    rows = "".join(f"{n}.wav,{text}\n" for n, text in enumerate(texts))
    (tmp_path / "talks" / "manifest.csv").write_text(f"path,text\n{rows}")
    assert cli(["fit", *command.split(), *SMALLEST, "--out", "runs/own"]) == 0
    capsys.readouterr()
    typed(tmp_path / "runs" / "own" / "report.html", capsys)


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
