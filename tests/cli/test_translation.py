"""Translation from the command line: fit, evaluate, predict, describe, report; refused in a line; resumed exactly."""

import json
import re

import pytest

from tests.stopped import check_resumed, check_two_processes
from tidegate.cli import run

LINE = re.compile(r"error: got .+; wanted .+; do .+\n")
SMALL = ["--hidden-size", "16", "--embedding-size", "8", "--batch-size", "8", "--unit", "char"]
NUMBERS = {"one": "eins", "two": "zwei", "three": "drei", "four": "vier", "five": "fünf", "six": "sechs"}
SOURCES = [f"{a} {b}" for a in NUMBERS for b in NUMBERS] * 3
TARGETS = [" ".join(NUMBERS[word] for word in text.split()) for text in SOURCES]


def write(folder):
    (folder / "train.en").write_text("\n".join(SOURCES) + "\n", encoding="utf-8")
    (folder / "train.de").write_text("\n".join(TARGETS) + "\n", encoding="utf-8")
    return ["--source", str(folder / "train.en"), "--target", str(folder / "train.de")]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    command = ["fit", "translation", *write(folder), *SMALL, "--steps", "150", "--out", str(folder / "run")]
    assert run(command) == 0
    return folder


def test_a_run_is_scored_beside_simple_methods(finished, capsys):
    assert run(["evaluate", str(finished / "run"), "--json"]) == 0
    scored = json.loads(capsys.readouterr().out)["test"]
    assert scored == json.loads((finished / "run" / "metrics.json").read_text())["test"]
    assert set(scored["baselines"]) == {"the translation of the most similar training text", "the source itself"}
    assert scored["bleu_signature"].startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")


def test_the_run_knows_both_files_from_anywhere(finished, monkeypatch, tmp_path, capsys):
    command = ["fit", "translation", "--source", "train.en", "--target", "train.de", *SMALL, "--steps", "2"]
    monkeypatch.chdir(finished)
    assert run([*command, "--out", str(tmp_path / "run")]) == 0
    monkeypatch.chdir(tmp_path)
    assert run(["evaluate", "run"]) == 0
    assert run(["report", "run"]) == 0


def test_a_text_is_translated(finished, capsys):
    assert run(["predict", str(finished / "run"), "two four"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_file_is_translated_line_by_line(finished, tmp_path, capsys):
    (tmp_path / "new.txt").write_text("one two\n\nfive\n")
    assert run(["predict", str(finished / "run"), str(tmp_path / "new.txt"), "--out", str(tmp_path / "out.txt")]) == 0
    lines = (tmp_path / "out.txt").read_text().split("\n")
    assert len(lines) == 4 and lines[1] == lines[3] == ""


def test_a_long_test_pair_is_cut_and_does_not_end_the_run(tmp_path, capsys):
    command = ["fit", "translation", *write(tmp_path), *SMALL, "--steps", "2", "--max-length", "9"]
    assert run([*command, "--out", str(tmp_path / "run")]) == 0
    assert (tmp_path / "run" / "report.html").exists()
    assert "training pairs are left out" in capsys.readouterr().err


def test_the_target_named_beside_the_data_is_known_from_anywhere(tmp_path, monkeypatch):
    write(tmp_path)
    monkeypatch.chdir(tmp_path)
    command = ["fit", "translation", "train.en", "--target", "train.de", *SMALL, "--steps", "2", "--out", "run"]
    assert run(command) == 0
    assert run([*command, "--resume"]) == 0
    (tmp_path / "else").mkdir()
    monkeypatch.chdir(tmp_path / "else")
    assert run(["evaluate", "../run"]) == 0


def test_a_file_whose_name_has_a_comma(tmp_path):
    (tmp_path / "a, b.en").write_text("\n".join(SOURCES))
    (tmp_path / "a, b.de").write_text("\n".join(TARGETS))
    (tmp_path / "a,b.de").write_text("another\n" * len(TARGETS))
    files = ["--source", str(tmp_path / "a, b.en"), "--target", str(tmp_path / "a, b.de")]
    assert run(["fit", "translation", *files, *SMALL, "--steps", "2", "--out", str(tmp_path / "run")]) == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["reading"]["target"] == [str(tmp_path / "a, b.de")]


def test_columns_need_not_be_named_again(tmp_path, capsys):
    rows = "".join(f"{b}\t{a}\n" for a, b in zip(SOURCES, TARGETS, strict=True))
    for name in ("train", "other"):
        (tmp_path / f"{name}.tsv").write_text("Deutsch\tEnglish\n" + rows, encoding="utf-8")
    command = ["fit", "translation", str(tmp_path / "train.tsv"), "--source", "English", "--target", "Deutsch", *SMALL]
    assert run([*command, "--steps", "2", "--out", str(tmp_path / "run")]) == 0
    (tmp_path / "other.tsv").write_text("Deutsch\tEnglish\neins\tone\n")
    capsys.readouterr()
    assert run(["evaluate", str(tmp_path / "run"), str(tmp_path / "other.tsv"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["test"]["n"] == 1


def test_a_long_text_is_no_path(finished, tmp_path):
    (tmp_path / "out.txt").write_text("")
    assert run(["predict", str(finished / "run"), "one two " * 1000, "--out", str(tmp_path / "out.txt")]) == 0
    assert len((tmp_path / "out.txt").read_text().splitlines()) == 1


def test_other_pairs_are_scored_whole(finished, tmp_path, capsys):
    (tmp_path / "test.en").write_text("one two\ntwo one\n")
    (tmp_path / "test.de").write_text("eins zwei\nzwei eins\n")
    (tmp_path / "test.tsv").write_text("one two\teins zwei\ntwo one\tzwei eins\n")
    files = ["--source", str(tmp_path / "test.en"), "--target", str(tmp_path / "test.de")]
    found = []
    for given in (files, [str(tmp_path / "test.tsv")]):
        capsys.readouterr()
        assert run(["evaluate", str(finished / "run"), *given, "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out)["test"])
    assert found[0] == found[1] and found[0]["n"] == 2


def test_its_own_pairs_are_known_under_another_path(finished, tmp_path, capsys):
    assert run(["evaluate", str(finished / "run"), *write(tmp_path), "--json"]) == 0
    said = capsys.readouterr()
    assert "their test part is scored" in said.err
    assert json.loads(said.out)["test"] == json.loads((finished / "run" / "metrics.json").read_text())["test"]


def test_the_page_shows_translations_and_attention(finished):
    page = (finished / "run" / "report.html").read_text()
    for words in ("Translations", "Attention weights", "BLEU", "nrefs:1", "reference"):
        assert words in page
    assert run(["report", str(finished / "run")]) == 0
    assert (finished / "run" / "report.html").read_text() == page


def test_describe_tells_of_both_sides(finished, capsys):
    command = ["describe", *write(finished), "--task", "translation"]
    assert run(command) == 0
    assert "216 words, 6 different; 2 a text in the median" in capsys.readouterr().out
    assert run([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["split"]["training"] + told["split"]["test"] == told["pairs"] == 108


@pytest.mark.parametrize("task", ["", "Translation", "translaton", "sequences"])
def test_describe_names_every_task(tmp_path, capsys, task):
    assert run(["describe", str(tmp_path), "--task", task]) == 2
    said = capsys.readouterr().err
    assert LINE.fullmatch(said) and "classification" in said and "translation, speech" in said


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--source", "train.en"], "--source without --target"),
        ([], "no data"),
        (["train.en"], "texts alone"),
        (["--source", "train.en", "--target", "short.de"], "108 lines in train.en and 1 in short.de"),
        (["--source", "train.en", "--target", "none.de"], "does not exist"),
        (["--source", "train.en", "--target", "empty.de"], "empty file"),
        (["train.en", "--target", "train.de", "--hidden-size", "15"], "hidden_size=15"),
        (["train.en", "--target", "train.de", "--id", "x"], "--id for texts"),
        (["train.en", "--target", "train.de", "--chunk", "3"], "--chunk for translation"),
        (["digits"], "built-in dataset digits"),
        (["broken.jsonl"], "line 1 is not valid JSON"),
    ],
)
def test_what_cannot_be_learned_is_refused_in_a_line(tmp_path, monkeypatch, capsys, given, says):
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    (tmp_path / "short.de").write_text("eins\n")
    (tmp_path / "empty.de").write_text("")
    (tmp_path / "broken.jsonl").write_text("{")
    assert run(["fit", "translation", *given, "--out", "run"]) == 2
    said = capsys.readouterr().err
    assert LINE.fullmatch(said) and says in said, said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["predict", "run", ""], "an empty text"),
        (["predict", "run"], "a text or a file"),
        (["predict", "run", "one", "--probabilities"], "--probabilities"),
        (["generate", "run"], "a model for translation"),
        (["evaluate", "run", "--source", "train.en"], "--source without --target"),
    ],
)
def test_what_a_translator_cannot_do_is_refused_in_a_line(finished, monkeypatch, capsys, command, says):
    monkeypatch.chdir(finished)
    assert run(command) == 2
    said = capsys.readouterr().err
    assert LINE.fullmatch(said) and says in said, said


def test_stopped_and_resumed_it_has_the_same_bits(tmp_path, monkeypatch):
    command = ["fit", "translation", *write(tmp_path), *SMALL, "--steps", "30", "--num-layers", "2"]
    check_resumed(command, tmp_path, monkeypatch, step=19)


def test_two_processes_learn_what_one_does(tmp_path):
    command = ["fit", "translation", *write(tmp_path), *SMALL, "--steps", "30", "--dropout", "0"]
    check_two_processes(command, tmp_path)
