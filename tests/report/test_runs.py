"""The page of several runs: what differs, their scores, and what is refused."""

import re

import pytest

from tidegate.cli import run as cli
from tidegate.errors import RunError
from tidegate.report.runs import PAGE, write_runs
from tidegate.tasks.run import fit_run


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    settings = ({"steps": 4}, {"steps": 2, "cell": "lstm"})
    return [
        fit_run("classification", "digits", {"hidden_size": 4, **one}, folder / f"run{n}", progress=False)
        for n, one in enumerate(settings)
    ]


def test_it_shows_what_differs_scores_and_curves(runs):
    page = write_runs(runs)
    html = page.read_text()
    assert page == runs[0].folder.resolve().parent / PAGE
    settings = html.split("Settings that differ")[1].split("</table>")[0]
    assert re.findall(r'<td class="text" dir="auto">(.*?)</td>', settings) == ["cell", "gru", "lstm", "steps", "4", "2"]
    for run in runs:
        assert f"{100 * run.metrics['test']['accuracy']:.2f} %" in html
        assert f"{run.metrics['parameters']:,}" in html
    assert "359 sequences" in html and "wall time" in html
    assert "Validation loss" in html and html.count("<svg") == 1
    assert "different data" not in html


def test_the_best_run_is_named_first(runs):
    best = max(range(2), key=lambda n: runs[n].metrics["test"]["accuracy"])
    assert f'<p class="verdict better">run{best} has the best test accuracy' in write_runs(runs).read_text()


def test_other_data_is_said(runs, tmp_path):
    other = fit_run("classification", "recall:20", {"hidden_size": 4, "steps": 2}, tmp_path / "other", progress=False)
    html = write_runs([runs[0], other], tmp_path / "page.html").read_text()
    assert "trained on different data" in html
    assert 'class="verdict' not in html


def test_what_cannot_be_compared_is_refused_in_a_line(runs, tmp_path, capsys):
    other = fit_run("regression", "curve", {"hidden_size": 4, "steps": 2}, tmp_path / "curve", progress=False)
    assert cli(["report", str(runs[0].folder), str(other.folder)]) == 2
    assert re.fullmatch(r"error: got .* for regression; wanted runs of one task; do .*\n", capsys.readouterr().err)
    with pytest.raises(RunError, match="twice"):
        write_runs([runs[0], runs[0]])


def test_the_command_writes_where_it_is_told(runs, tmp_path, capsys):
    page = tmp_path / "new" / "page.html"
    assert cli(["report", *(str(run.folder) for run in runs), "--out", str(page)]) == 0
    assert capsys.readouterr().out.strip() == str(page)
    assert page.exists()
