"""What cells are compared on beside sequences: series, texts, pairs of texts, and speech."""

import json

import numpy as np
import pytest
import sacrebleu

from tests.cli.test_forecasting import sales
from tests.cli.test_speech import corpus
from tidegate.cli import run
from tidegate.compare import compare
from tidegate.compare.subject import subject_of
from tidegate.report.comparison import markdown
from tidegate.tasks.load import TASKS

pytestmark = pytest.mark.usefixtures("tiny")
SETTINGS = {
    "language": {"chunk": 16, "batch_size": 4},
    "translation": {"batch_size": 8, "unit": "char"},
    "forecasting": {},
    "speech": {"batch_size": 8},
}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    noise = np.random.default_rng(0)
    words = list(noise.choice(["the", "tide", "comes", "and", "goes"], 1500))
    (folder / "tide.txt").write_text(" ".join(words))
    pairs = zip(words[::2], words[1::2], strict=True)
    (folder / "pairs.tsv").write_text("".join(f"{a} {b} {n}\t{n} {b} {a}\n" for n, (a, b) in enumerate(pairs)))
    sales().rename(columns={"shop": "id", "sold": "y"}).to_csv(folder / "sales.csv", index=False)
    return {
        "language": (str(folder / "tide.txt"), {}),
        "translation": (str(folder / "pairs.tsv"), {}),
        "forecasting": (str(folder / "sales.csv"), {"horizon": 4}),
        "speech": (str(corpus(folder / "talks")), {"num_layers": 1}),
    }


def fitted(task, source, parameters):
    model = TASKS[task](hidden_size=8, steps=3, **SETTINGS[task], **parameters)
    material = model.material(model, source, None, None, parameters)
    model.train(*material.set_up(model))
    return model, material


def test_errors_of_a_text_add_up_to_its_score(sources):
    model, material = fitted("language", *sources["language"])
    errors = material.errors(model)
    assert len(errors) == 50
    assert errors.mean() == pytest.approx(model.score(material.test)["nats_per_character"])


def test_errors_of_single_characters_are_those_beside_the_score(sources):
    model, material = fitted("language", *sources["language"])
    nats = material.metrics(model)["test"]["baselines"]["single characters"]["bits_per_character"] * np.log(2)
    assert material.baseline_errors(model)["single characters"].mean() == pytest.approx(nats)


def test_errors_of_translations_are_by_chrf(sources):
    model, material = fitted("translation", *sources["translation"])
    texts = model.predict(material.test.source)
    chrf = [sacrebleu.sentence_chrf(a, [b]).score for a, b in zip(texts, material.test.target, strict=True)]
    np.testing.assert_allclose(100 * (1 - material.errors(model)), chrf)


def test_errors_of_series_add_up_to_the_mase(sources):
    model, material = fitted("forecasting", *sources["forecasting"])
    scored = material.metrics(model)["test"]
    assert material.errors(model).mean() == pytest.approx(scored["mase"])
    for name, errors in material.baseline_errors(model).items():
        assert errors.mean() == pytest.approx(scored["baselines"][name]["mase"])


def test_errors_of_recordings_are_their_word_error_rates(sources):
    model, material = fitted("speech", *sources["speech"])
    said = [one.text for one in material.test]
    rates = [model.metrics([one.path], [one.text])["wer"] for one in material.test]
    np.testing.assert_allclose(material.errors(model), rates)
    assert len(material.baseline_errors(model)["most frequent transcript"]) == len(said)


@pytest.mark.parametrize("task", ["language", "translation", "forecasting", "speech"])
def test_equal_parameters_are_near_those_of_the_lstm(sources, task):
    source, parameters = sources[task]
    subject = subject_of(task, source, None, "refuse", parameters)
    target = subject.parameters("lstm", 32)
    for cell in ("rnn", "gru"):
        size = subject.equal_parameters(cell, 32)
        assert size > 32
        assert abs(subject.parameters(cell, size) / target - 1) < 0.06


@pytest.mark.parametrize("task", ["language", "translation", "forecasting", "speech"])
def test_cells_are_compared_on_any_task(sources, task, tmp_path):
    source, parameters = sources[task]
    options = {"parameters": parameters, "cells": ("rnn", "gru"), "seeds": 2, "budget": "tiny"}
    found = compare(task, source, folder=tmp_path / "whole", **options)
    rows = {row["name"]: row for row in found["rows"]}
    metrics = {
        "language": "nats a character",
        "translation": "chrF",
        "forecasting": "MASE",
        "speech": "word error rate",
    }
    metric = metrics[task]
    assert rows["score"]["unit"] == metric
    for entry in rows["score"]["measured"].values():
        assert 0 <= entry["low"] <= entry["value"] <= entry["high"]
    assert all(entry is None for entry in rows["generalization_gap"]["measured"].values())
    assert found["verdict"]["sentence"] and found["baselines"]
    assert set(found["details"]["scores"]) == {"equal hidden size", "equal parameters"}
    assert metric in markdown(found)

    def stop(done, total, what):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(task, source, folder=tmp_path / "part", tell=stop, **options)
    again = compare(task, source, folder=tmp_path / "part", resume=True, **options)
    assert json.dumps(again["details"]["scores"]) == json.dumps(found["details"]["scores"])


def test_the_page_of_a_comparison_of_texts(sources, tmp_path, tiny, capsys):
    command = ["compare", "language", sources["language"][0], "--cells", "gru", "--seeds", "1", "--budget", tiny]
    assert run([*command, "--jobs", "1", "--out", str(tmp_path / "run")]) == 0
    page = next((tmp_path / "run").glob("*.html")).read_text()
    assert "nats a character" in page and "tested on the end" in page


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["language", "TEXT", "--missing", "mask"], "--missing mask for language"),
        (["language", "TEXT", "--horizon", "3"], "--horizon for language"),
        (["forecasting", "SERIES"], "no horizon"),
        (["language", "digits"], "built-in dataset digits"),
        (["chess", "TEXT"], "the task 'chess'"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_line(sources, tmp_path, capsys, given, says):
    names = {"TEXT": sources["language"][0], "SERIES": sources["forecasting"][0]}
    assert run(["compare", *(names.get(word, word) for word in given), "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and says in said, said
    assert not (tmp_path / "run").exists()
