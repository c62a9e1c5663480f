"""Audio as sequences to classify: labels from folders, names and manifests; the features of training at predict."""

import numpy as np
import pytest

from tests.sounds import spoken
from tidegate.errors import TidegateError
from tidegate.preparation import Reading, read_dataset, read_source

soundfile = pytest.importorskip("soundfile")
pytest.importorskip("kaldi_native_fbank")


def write(path, text="ab", rate=8000, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, spoken(text, rate, seed), rate)


@pytest.fixture
def named(tmp_path):
    for n, sign in enumerate("abab"):
        for who in ("ann", "bob"):
            write(tmp_path / "all" / f"{sign}_{who}_{n}.wav", sign, seed=n)
    return tmp_path / "all"


def test_folders_are_labels(tmp_path):
    for part in ("train", "test"):
        for sign in "ab":
            write(tmp_path / part / sign / "1.wav", sign)
    data = read_dataset(str(tmp_path), "classification")
    assert data.train.y.tolist() == ["a", "b"] and data.test.y.tolist() == ["a", "b"]
    assert data.train.values.shape == (24, 40) and data.train.lengths.tolist() == [12, 12]


def test_names_are_labels(named):
    data = read_dataset(str(named), "classification")
    assert sorted(data.train.y.tolist()) == ["a"] * 4 + ["b"] * 4
    assert "labels are the first part of the names (a_ann_0.wav: a)" in data.notes
    by_speaker = read_dataset(str(named), "classification", target="2")
    assert sorted(set(by_speaker.train.y.tolist())) == ["ann", "bob"]


def test_speech_commands_has_a_list_of_its_test_part_and_noise(tmp_path):
    for word, n in (("yes", 1), ("yes", 2), ("no", 1), ("no", 2), ("_background_noise_", 1)):
        write(tmp_path / word / f"{n}.wav")
    (tmp_path / "testing_list.txt").write_text("yes/2.wav\n")
    (tmp_path / "validation_list.txt").write_text("no/2.wav\n")
    data = read_dataset(str(tmp_path), "classification")
    assert sorted(data.train.y.tolist()) == ["no", "no", "yes"] and data.test.ids.tolist() == ["yes/2.wav"]
    told = " ".join(data.notes)
    assert "_background_noise_ (1 file)" in told and "validation_list.txt are trained on" in told
    assert "no audio" not in told


def test_a_manifest_has_labels(named, tmp_path):
    for part, rows in (("train", ["a_ann_0.wav,1", "b_bob_1.wav,2"]), ("test", ["a_bob_0.wav,1"])):
        (tmp_path / f"{part}.csv").write_text("file,label\n" + "".join(f"all/{row}\n" for row in rows))
    data = read_dataset(str(tmp_path / "train.csv"), "classification")
    assert data.train.y.tolist() == [1, 2] and data.test.y.tolist() == [1]


def test_files_of_several_rates_come_to_one(tmp_path):
    for n in range(3):
        write(tmp_path / "a" / f"{n}.wav", "a")
        write(tmp_path / "b" / f"{n}.wav", "b", rate=22050 if n == 0 else 8000)
    found = read_source(str(tmp_path), "classification")
    assert (found.reading.sample_rate, found.reading.mel_bins) == (8000, 40)
    assert any("1 file of 22,050 Hz is resampled to 8,000 Hz" in note for note in found.dataset.notes)
    again = read_source(str(tmp_path / "b" / "0.wav"), "classification", found.reading, predicting=True)
    np.testing.assert_array_equal(again.dataset.train.values, found.dataset.train[3:4].values)


def test_features_are_as_many_as_is_said(named):
    found = read_source(str(named), "classification", Reading(sample_rate="16000", mel_bins="23"))
    assert found.dataset.train.n_channels == 23
    assert found.reading.sample_rate == 16000


@pytest.mark.parametrize(
    ("source", "options"),
    [
        ("all", {"target": "9"}),
        ("all", {"target": "speaker"}),
        ("all", {"id": "x"}),
        ("all", {"mel_bins": "many"}),
        ("all", {"sample_rate": "1"}),
        ("mixed", {}),
        ("bare", {}),
        ("table.csv", {"sample_rate": "8000"}),
    ],
)
def test_what_cannot_be_labeled_is_refused(named, tmp_path, source, options):
    write(tmp_path / "mixed" / "a" / "1.wav")
    write(tmp_path / "mixed" / "2.wav")
    write(tmp_path / "bare" / "long.wav")
    write(tmp_path / "bare" / "names_here.wav")
    (tmp_path / "table.csv").write_text("id,x,y\n1,2,3\n")
    with pytest.raises(TidegateError, match=r"^got .*; wanted .*; do "):
        read_source(str(tmp_path / source), "classification", Reading(**options))
