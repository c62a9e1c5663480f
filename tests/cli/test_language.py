"""Texts from the command line: fit, evaluate, generate, report; refused in one line; resumed to the bit."""

import json
import re

import numpy as np
import pytest

from tests.stopped import check_resumed, check_two_processes
from tidegate.cli import run

LINE = re.compile(r"error: got .+; wanted .+; do .+\n")
SMALL = ["--hidden-size", "16", "--chunk", "16", "--batch-size", "4"]


def text(words=3000):
    noise = np.random.default_rng(0)
    return " ".join(noise.choice(["the", "tide", "comes", "and", "goes."], words)) + "\n"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    (folder / "tide.txt").write_text(text())
    command = ["fit", "language", str(folder / "tide.txt"), *SMALL, "--steps", "40", "--out", str(folder / "run")]
    assert run(command) == 0
    return folder


def test_a_run_says_what_simpler_methods_need(finished, capsys):
    assert run(["evaluate", str(finished / "run"), "--json"]) == 0
    scored = json.loads(capsys.readouterr().out)["test"]
    assert scored == json.loads((finished / "run" / "metrics.json").read_text())["test"]
    assert set(scored["baselines"]) == {"xz", "bzip2", "single characters"}
    assert scored["n"] == round(0.1 * len(text()))


def test_the_summary_begins_with_the_verdict(tmp_path, capsys):
    (tmp_path / "tide.txt").write_text(text())
    command = ["fit", "language", str(tmp_path / "tide.txt"), *SMALL, "--steps", "2", "--out", str(tmp_path / "run")]
    assert run(command) == 0
    said = capsys.readouterr()
    assert said.out.startswith("LSTM on tide: not better than the baseline “")
    assert "test bits per character" in said.out.splitlines()[0]
    assert "different; tested on the end" in said.err


def test_generate_writes_the_same_for_the_same_seed(finished, capsys):
    command = ["generate", str(finished / "run"), "--prompt", "the ", "--length", "50", "--seed"]
    found = []
    for seed in ("3", "3", "4"):
        assert run([*command, seed]) == 0
        found.append(capsys.readouterr().out)
    assert found[0] == found[1] != found[2]
    assert found[0].startswith("the ") and len(found[0].removesuffix("\n")) == 54


def test_the_page_shows_what_was_expected(finished):
    page = (finished / "run" / "report.html").read_text()
    for words in ("Generated text", "temperature 0.8", "Surprise of the model", "Baselines", "bits per character"):
        assert words in page
    assert run(["report", str(finished / "run")]) == 0
    assert (finished / "run" / "report.html").read_text() == page


def test_another_text_is_scored_whole(finished, tmp_path, capsys):
    (tmp_path / "other.txt").write_text("the tide Ω comes. " * 10)
    assert run(["evaluate", str(finished / "run"), str(tmp_path / "other.txt"), "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["test"]["n"] == 180
    assert "10 characters are not in the vocabulary" in said.err


def test_an_encoding_is_that_of_its_own_file(tmp_path, capsys):
    (tmp_path / "old.txt").write_bytes(("Größe und Maß. " * 60).encode("cp1252"))
    (tmp_path / "new.txt").write_text("Größe und Maß. " * 20, encoding="utf-8")
    command = ["fit", "language", str(tmp_path / "old.txt"), *SMALL, "--steps", "2", "--encoding", "cp1252"]
    assert run([*command, "--out", str(tmp_path / "run")]) == 0
    for other, n in (([], 90), ([str(tmp_path / "new.txt")], 300)):
        capsys.readouterr()
        assert run(["evaluate", str(tmp_path / "run"), *other, "--json"]) == 0
        scored = json.loads(capsys.readouterr().out)["test"]
        assert (scored["n"], scored["unknown"]) == (n, 0)


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        ("", [], "empty file"),
        ("short", [], "to learn from"),
        ("ab", [], "to learn from"),
        (text(), ["--vocab-size", "1000000000000", "--unit", "bpe"], "300 to 1,000,000"),
        (text(), ["--hidden-size", "1099511627776"], "no memory holds"),
        (text(), ["--horizon", "3"], "--horizon for language"),
        (text(), ["--unit", "words"], "unit='words'"),
        (text(), ["--id", "x"], "--id for a text"),
        (text(), ["--encoding", "klingon"], "--encoding klingon"),
        (text(), ["--vocab-size", "12", "--unit", "byte"], "for bytes"),
    ],
)
def test_what_cannot_be_learned_is_refused_in_a_line(tmp_path, capsys, content, options, says):
    (tmp_path / "a.txt").write_text(content)
    command = ["fit", "language", str(tmp_path / "a.txt"), *SMALL, *options, "--out", str(tmp_path / "run")]
    assert run(command) == 2
    said = capsys.readouterr().err
    assert LINE.fullmatch(said) and says in said, said
    assert not (tmp_path / "run").exists()


def test_describe_tells_of_a_text(finished, capsys):
    assert run(["describe", str(finished / "tide.txt"), "--task", "language"]) == 0
    assert f"{len(text()):,} characters, 15 different" in capsys.readouterr().out
    assert run(["describe", str(finished / "tide.txt"), "--task", "language", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["split"]["training"] + told["split"]["test"] == told["characters"] == len(text())


def test_generate_and_predict_know_their_models(finished, tmp_path, capsys):
    for input in ([str(finished / "tide.txt")], []):
        assert run(["predict", str(finished / "run"), *input]) == 2
        assert "use tidegate generate" in capsys.readouterr().err
    assert run(["fit", "classification", "digits", "--steps", "2", "--out", str(tmp_path / "digits")]) == 0
    capsys.readouterr()
    assert run(["generate", str(tmp_path / "digits")]) == 2
    assert "a model for classification" in capsys.readouterr().err


def test_stopped_within_an_epoch_and_resumed_it_has_the_same_bits(tmp_path, monkeypatch):
    """The state of the text goes on from the checkpoint."""
    (tmp_path / "tide.txt").write_text(text(600))
    command = ["fit", "language", str(tmp_path / "tide.txt"), *SMALL, "--steps", "60", "--unit", "byte"]
    last = check_resumed(command, tmp_path, monkeypatch, step=19)
    assert last["RecurrentData"]["step"] == 19 and last["learner"][0]["state"][0].abs().sum() > 0


def test_two_processes_learn_what_one_does(tmp_path):
    (tmp_path / "tide.txt").write_text(text(600))
    command = ["fit", "language", str(tmp_path / "tide.txt"), *SMALL, "--steps", "30", "--dropout", "0"]
    check_two_processes(command, tmp_path)
