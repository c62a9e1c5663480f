"""Speech from the command line: fit, evaluate, predict, stream; refused in one line; resumed to the bit."""

import io
import json
import re
import shutil
import sys

import numpy as np
import pytest

from tests.sounds import RATE, sentences, spoken
from tests.stopped import check_resumed, check_two_processes
from tidegate.cli import run

soundfile = pytest.importorskip("soundfile")
for name in ("soxr", "kaldi_native_fbank", "jiwer"):
    pytest.importorskip(name)
LINE = re.compile(r"error: got .+; wanted .+; do .+\n")
SMALL = ["--hidden-size", "16", "--num-layers", "1", "--batch-size", "8", "--mel-bins", "20"]
STREAMS = ["--no-bidirectional", "--steps", "120", "--learning-rate", "1e-2", "--dropout", "0"]


def corpus(folder, count=24, test=4):
    """A folder with train.csv and test.csv."""
    folder.mkdir(parents=True)
    for part, n, seed in (("train", count, 0), ("test", test, 1)):
        rows = ["path,text"]
        for k, text in enumerate(sentences(n, seed)):
            soundfile.write(folder / f"{part}{k}.wav", spoken(text, seed=100 * seed + k), RATE)
            rows.append(f"{part}{k}.wav,{text}")
        (folder / f"{part}.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("speech")
    corpus(folder / "data")
    assert run(["fit", "speech", str(folder / "data"), *SMALL, *STREAMS, "--out", str(folder / "run")]) == 0
    return folder


def test_a_run_scores_its_test_part(finished, capsys):
    assert run(["evaluate", str(finished / "run"), "--json"]) == 0
    scored = json.loads(capsys.readouterr().out)["test"]
    assert scored == json.loads((finished / "run" / "metrics.json").read_text())["test"]
    assert scored["n"] == 4 and 0 <= scored["cer"] < 0.5
    assert run(["evaluate", str(finished / "run"), str(finished / "data"), "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["test"] == scored and "its test part is scored" in said.err


def test_other_recordings_are_all_scored(finished, tmp_path, capsys):
    shutil.copytree(finished / "data", tmp_path / "other")
    (tmp_path / "other" / "test.csv").unlink()
    (tmp_path / "other" / "train.csv").write_text("path,text\ntrain0.wav,xyz ab\n")
    assert run(["evaluate", str(finished / "run"), str(tmp_path / "other" / "train.csv"), "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["test"]["words"] == 2
    assert "never seen, each an error: x y z" in said.err


def test_a_file_is_written_down_alone_and_a_folder_as_a_table(finished, capsys):
    assert run(["predict", str(finished / "run"), str(finished / "data" / "test0.wav")]) == 0
    text = capsys.readouterr().out
    assert run(["predict", str(finished / "run"), str(finished / "data")]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[0] == "file,text" and len(rows) == 29 and f"test0.wav,{text.strip()}" in rows


def test_a_stream_says_what_the_file_does(finished, capsys, monkeypatch):
    file = finished / "data" / "test1.wav"
    said = []
    for beam in ([], ["--beam", "4"]):
        assert run(["predict", str(finished / "run"), str(file), *beam]) == 0
        whole = capsys.readouterr().out
        assert run(["predict", str(finished / "run"), str(file), "--stream", *beam]) == 0
        said.append(capsys.readouterr().out)
        assert said[-1] == whole
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(file.read_bytes())))
    assert run(["predict", str(finished / "run"), "-", "--stream"]) == 0
    assert capsys.readouterr().out == said[0]


def test_a_stream_that_is_cut_or_too_short_is_refused(finished, tmp_path, capsys, monkeypatch):
    whole = (finished / "data" / "test1.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[: len(whole) // 2])
    soundfile.write(tmp_path / "short.wav", np.zeros(1), RATE)
    for name, says in (("cut.wav", "ends early"), ("short.wav", "at least 5 ms")):
        for source in (str(tmp_path / name), "-"):
            monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((tmp_path / name).read_bytes())))
            assert run(["predict", str(finished / "run"), source, "--stream"]) == 2
            assert says in capsys.readouterr().err


def test_what_predict_does_not_know_is_refused(finished, capsys):
    for options, says in ((["some.wav", "--probabilities"], "--probabilities for speech"), (["-"], "add --stream")):
        assert run(["predict", str(finished / "run"), *options]) == 2
        said = capsys.readouterr().err
        assert LINE.fullmatch(said) and says in said


def test_rows_of_a_manifest_keep_their_names(finished, tmp_path, capsys):
    (tmp_path / "m.jsonl").write_text(json.dumps({"path": f"{finished}/data/./test0.wav"}))
    assert run(["predict", str(finished / "run"), str(tmp_path / "m.jsonl")]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith(f"{finished}/data/./test0.wav,")


def test_ready_features_take_no_option_of_sound(tmp_path, capsys):
    for n in range(4):
        np.save(tmp_path / f"{n}.npy", np.random.default_rng(n).normal(size=(60, 13)))
        (tmp_path / f"{n}.txt").write_text("ab")
    for option in (["--sample-rate", "8000"], ["--mel-bins", "20"]):
        command = ["fit", "speech", str(tmp_path), "--steps", "2", *option, "--out", str(tmp_path / "run")]
        assert run(command) == 2
        assert option[0][2:].replace("-", "_") in capsys.readouterr().err


def test_a_language_model_is_asked(finished, tmp_path, capsys):
    (tmp_path / "texts.txt").write_text("\n".join(sentences(300, seed=3)))
    small = ["--hidden-size", "16", "--chunk", "16", "--batch-size", "4", "--steps", "20"]
    assert run(["fit", "language", str(tmp_path / "texts.txt"), *small, "--out", str(tmp_path / "lm")]) == 0
    capsys.readouterr()
    scorer = ["--language-model", str(tmp_path / "lm"), "--beam", "4"]
    assert run(["evaluate", str(finished / "run"), *scorer, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["test"]["n"] == 4
    assert run(["predict", str(finished / "run"), str(finished / "data" / "test1.wav"), *scorer]) == 0
    assert run(["predict", str(tmp_path / "lm"), "x", "--beam", "4"]) == 2
    assert "--beam for a model for language" in capsys.readouterr().err


def test_the_page_shows_what_was_heard(finished):
    page = (finished / "run" / "report.html").read_text()
    for words in ("word error rate", "recognized as", "Spectrograms", "most frequent transcript", "predict"):
        assert words in page
    assert run(["report", str(finished / "run")]) == 0
    assert (finished / "run" / "report.html").read_text() == page


def test_describe_tells_of_recordings(finished, capsys):
    assert run(["describe", str(finished / "data"), "--task", "speech"]) == 0
    assert "8,000 Hz (28)" in capsys.readouterr().out
    assert run(["describe", str(finished / "data"), "--task", "speech", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["recordings"], told["split"]["test"], told["signs"]) == (28, 4, " abcd")


def edited(folder, manifest=None, **files):
    corpus(folder)
    if manifest is not None:
        (folder / "train.csv").write_text(manifest)
    for name, content in files.items():
        (folder / f"{name}.wav").write_bytes(content)
    return folder


WHOLE = io.BytesIO()
soundfile.write(WHOLE, spoken("ab"), RATE, format="WAV")
BAD = {
    "missing files": ({"manifest": "path,text\nnowhere.wav,a\nno.wav,b\n"}, [], r"2 of 2 files that are missing"),
    "no text": ({"manifest": "path,name\ntrain0.wav,a\n"}, [], "without a column of transcripts"),
    "two texts": ({"manifest": "path,text\ntrain0.wav,a\ntrain0.wav,b\n"}, [], "two transcripts"),
    "too long": ({"manifest": f"path,text\ntrain0.wav,{'ab' * 90}\n"}, [], "180 characters"),
    "nothing said": ({"manifest": "path,text\ntrain0.wav,...\n"}, [], "without a letter"),
    "cut": ({"train3": WHOLE.getvalue()[:700]}, [], "train3.wav, which ends early"),
    "empty": ({"train3": b""}, [], "an empty file"),
    "text": ({"train3": b"this is no sound"}, [], "cannot be read as audio"),
    "test cut": ({"test1": WHOLE.getvalue()[:700]}, [], "test1.wav, which ends early"),
    "tables": ({}, ["--id", "x"], "--id for speech"),
    "another task": ({}, ["--horizon", "3"], "--horizon for speech"),
    "rate": ({}, ["--sample-rate", "many"], "sample_rate='many'"),
    "bins": ({}, ["--mel-bins", "0"], "mel_bins=0"),
}


@pytest.mark.parametrize(("changes", "options", "says"), BAD.values(), ids=BAD)
def test_what_cannot_be_learned_is_refused_in_a_line(tmp_path, capsys, changes, options, says):
    data = edited(tmp_path / "data", **changes)
    assert run(["fit", "speech", str(data), *SMALL, *options, "--steps", "2", "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert LINE.fullmatch(said.split("\r")[-1]) and re.search(says, said), said
    assert not (tmp_path / "run").exists()


def test_odd_sounds_are_read_and_told(tmp_path, capsys):
    data = corpus(tmp_path / "data")
    stereo, other, silent = (spoken(text, rate) for text, rate in zip(sentences(3), (RATE, 16000, RATE), strict=True))
    soundfile.write(data / "train0.wav", np.stack([stereo, stereo], axis=1), RATE, subtype="PCM_24")
    soundfile.write(data / "train1.wav", other, 16000)
    soundfile.write(data / "train2.wav", 0 * silent, RATE)
    (data / "train.csv").write_text((data / "train.csv").read_text() + "train3.wav," + sentences(24)[3] + "\n")
    assert run(["fit", "speech", str(data), *SMALL, "--steps", "2", "--out", str(tmp_path / "run")]) == 0
    said = capsys.readouterr().err
    for words in ("1 file of 16,000 Hz is resampled to 8,000 Hz", "1 recording is silent", "1 row repeated"):
        assert words in said
    page = (tmp_path / "run" / "report.html").read_text()
    for words in ("Recordings with the most errors", "Confused words", "(nothing)"):
        assert words in page


@pytest.mark.parametrize("package", ["soundfile", "kaldi_native_fbank", "jiwer"])
def test_a_missing_package_is_told_before_training(tmp_path, capsys, monkeypatch, package):
    data = corpus(tmp_path / "data")
    monkeypatch.setitem(sys.modules, package, None)
    assert run(["fit", "speech", str(data), *SMALL, "--steps", "2", "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err.split("\r")[-1]
    assert LINE.fullmatch(said) and package in said and 'pip install "tidegate[audio]"' in said
    assert not (tmp_path / "run").exists()


def test_a_bundle_of_another_task_is_refused(finished, tmp_path, capsys):
    np.savez(tmp_path / "x.npz", X=np.zeros((4, 5, 2)), y=[0, 1, 0, 1])
    tiny = ["--hidden-size", "4", "--steps", "1", "--out", str(tmp_path / "clf")]
    assert run(["fit", "classification", str(tmp_path / "x.npz"), *tiny]) == 0
    capsys.readouterr()
    wave = str(finished / "data" / "test0.wav")
    for command in (
        ["predict", str(tmp_path / "clf"), wave],
        ["predict", str(tmp_path / "clf"), wave, "--stream"],
        ["predict", str(finished / "run"), str(tmp_path / "x.npz")],
        ["generate", str(finished / "run")],
        ["predict", str(finished / "run")],
    ):
        assert run(command) == 2
        assert LINE.fullmatch(capsys.readouterr().err)


def test_features_of_a_model_are_not_chosen_anew(finished, capsys):
    wave = str(finished / "data" / "test0.wav")
    assert run(["predict", str(finished / "run"), wave, "--mel-bins", "20"]) == 0
    capsys.readouterr()
    for command in (["predict", str(finished / "run"), wave], ["evaluate", str(finished / "run")]):
        assert run([*command, "--mel-bins", "40"]) == 2
        assert "wanted 20, as in training" in capsys.readouterr().err


def test_audio_is_classified(tmp_path, capsys):
    for part, count in (("train", 6), ("test", 2)):
        for sign in "abc":
            (tmp_path / "tones" / part / sign).mkdir(parents=True)
            for n in range(count):
                soundfile.write(tmp_path / "tones" / part / sign / f"{n}.wav", spoken(sign, seed=n), RATE)
    steps = ["--steps", "40", "--hidden-size", "8", "--out", str(tmp_path / "run")]
    assert run(["fit", "classification", str(tmp_path / "tones"), *steps]) == 0
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["test"]["accuracy"] == 1
    capsys.readouterr()
    soundfile.write(tmp_path / "new.flac", spoken("b", 16000, seed=9), 16000)
    assert run(["predict", str(tmp_path / "run"), str(tmp_path / "new.flac")]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("new.flac,b,")
    assert run(["predict", str(tmp_path / "run"), str(tmp_path / "new.flac"), "--sample-rate", "16000"]) == 2
    assert "wanted 8000, as in training" in capsys.readouterr().err


def test_stopped_within_an_epoch_and_resumed_it_has_the_same_bits(tmp_path, monkeypatch):
    data = corpus(tmp_path / "data")
    command = ["fit", "speech", str(data), *SMALL, "--steps", "12"]
    check_resumed(command, tmp_path, monkeypatch, step=5)


def test_two_processes_learn_what_one_does(tmp_path):
    data = corpus(tmp_path / "data", count=18)
    command = ["fit", "speech", str(data), *SMALL, "--steps", "9", "--dropout", "0"]
    check_two_processes(command, tmp_path)
