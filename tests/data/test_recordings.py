"""Recordings: each layout that corpora have gives the files with what is said in them, and their parts."""

import json

import pytest

from tidegate.data.recordings import Recording, Recordings, read_recordings
from tidegate.errors import DataError


def files(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def found(part):
    return {one.path.name: one.text for one in part}


def test_a_manifest_names_files_and_texts(tmp_path):
    files(tmp_path, "x/a.wav", "b.flac")
    (tmp_path / "m.csv").write_text(f'path,text\nx/a.wav,"one, two"\n{tmp_path}/b.flac,three\n')
    read = read_recordings(tmp_path / "m.csv")
    assert found(read.train) == {"a.wav": "one, two", "b.flac": "three"} and not read.test


def test_nemo_and_common_voice_and_ljspeech_manifests(tmp_path):
    row = {"audio_filepath": "a.wav", "duration": 1.5, "text": "hey"}
    written = (json.dumps(row), json.dumps(row), json.dumps([row], indent=2))
    for name, content in zip(("nemo.jsonl", "nemo.json", "array.json"), written, strict=True):
        files(tmp_path / "nemo", "a.wav")
        (tmp_path / "nemo" / name).write_text(content)
        assert found(read_recordings(tmp_path / "nemo" / name).train) == {"a.wav": "hey"}
    files(tmp_path / "cv", "clips/a.mp3", "clips/b.mp3")
    for part, name in (("train", "a"), ("test", "b"), ("validated", "b")):
        (tmp_path / "cv" / f"{part}.tsv").write_text(f"client_id\tpath\tsentence\n1\t{name}.mp3\tHello {name}.\n")
    read = read_recordings(tmp_path / "cv")
    assert (found(read.train), found(read.test)) == ({"a.mp3": "Hello a."}, {"b.mp3": "Hello b."})
    assert any("validated.tsv" in note for note in read.notes)
    files(tmp_path / "lj", "wavs/LJ1.wav", "wavs/LJ2.wav")
    (tmp_path / "lj" / "metadata.csv").write_text('LJ1|Dr. "No"|Doctor "No"\nLJ2|It is 2|It is two\n')
    assert found(read_recordings(tmp_path / "lj").train) == {"LJ1.wav": 'Doctor "No"', "LJ2.wav": "It is two"}


def test_each_part_has_a_manifest_in_its_folder(tmp_path):
    for part in ("train", "test"):
        files(tmp_path, f"{part}/a.wav")
        (tmp_path / part / "metadata.csv").write_text(f"file_name,transcription\na.wav,in {part}\n")
    read = read_recordings(tmp_path)
    assert (read.train[0].text, read.test[0].text) == ("in train", "in test")


def test_a_manifest_for_train_has_its_test_beside_it(tmp_path):
    files(tmp_path, "a.wav", "b.wav")
    (tmp_path / "train.csv").write_text("path,text\na.wav,one\n")
    (tmp_path / "test.csv").write_text("path,text\nb.wav,two\n")
    for source in (tmp_path / "train.csv", tmp_path):
        read = read_recordings(source)
        assert (found(read.train), found(read.test)) == ({"a.wav": "one"}, {"b.wav": "two"})


def test_librispeech_has_a_book_in_each_folder(tmp_path):
    for part in ("train-clean-5", "dev-clean", "test-other"):
        folder = f"{part}/19/198"
        files(tmp_path, f"{folder}/19-198-0.flac")
        (tmp_path / folder / "19-198.trans.txt").write_text(f"19-198-0 SAID IN {part.upper()}\n")
    read = read_recordings(tmp_path)
    parts = (read.train, read.validation, read.test)
    assert [one[0].text for one in parts] == [
        "SAID IN TRAIN-CLEAN-5",
        "SAID IN DEV-CLEAN",
        "SAID IN TEST-OTHER",
    ]


def test_a_text_beside_each_file(tmp_path):
    files(tmp_path, "a.wav", "b.wav")
    (tmp_path / "a.txt").write_text("one\n")
    (tmp_path / "b.txt").write_text("two  words\n")
    assert found(read_recordings(tmp_path).train) == {"a.wav": "one", "b.wav": "two  words"}


def test_folders_and_names_tell_single_words(tmp_path):
    files(tmp_path / "commands", "yes/1.wav", "no/1.wav", "no/2.wav")
    assert [one.text for one in read_recordings(tmp_path / "commands").train] == ["no", "no", "yes"]
    files(tmp_path / "digits", *(f"recordings/{d}_{who}_{n}.wav" for d in "78" for who in "ab" for n in range(3)))
    assert found(read_recordings(tmp_path / "digits").train)["7_b_1.wav"] == "7"


def test_a_quote_in_a_table_with_tabs_is_a_sign(tmp_path):
    texts = ['"No', *map(str, range(1, 11)), 'he said "no"', '"She said ""yes""."']
    files(tmp_path, *(f"clips/{n}.mp3" for n in range(len(texts))))
    rows = "".join(f"{n}.mp3\t{text}\n" for n, text in enumerate(texts))
    (tmp_path / "train.tsv").write_text(f"path\tsentence\n{rows}")
    read = read_recordings(tmp_path / "train.tsv")
    assert [one.text for one in read.train] == [*texts[:-1], 'She said "yes".']


def test_counters_of_files_are_no_words(tmp_path):
    files(tmp_path / "speakers", *(f"{who}/{word}/{n}.wav" for who in ("ann", "bob") for word in "xy" for n in "012"))
    files(tmp_path / "parts", *(f"{part}/{n}.wav" for part in ("train", "test") for n in "0123"))
    files(tmp_path / "mixed", "yes/1.wav", "no/1.wav", "2.wav")
    for name in ("speakers", "parts", "mixed"):
        with pytest.raises(DataError, match=r"^got .*; wanted .*; do "):
            read_recordings(tmp_path / name)


def test_folders_beside_words_are_words(tmp_path):
    files(tmp_path, "train/1.wav", "bird/1.wav", "test_tone/1.wav", "valid/1.wav")
    read = read_recordings(tmp_path)
    assert sorted(str(one.text) for one in read.train) == ["bird", "test_tone", "train", "valid"] and not read.test


def test_words_lie_in_folders_of_parts(tmp_path):
    files(tmp_path / "folders", "train/yes/1.wav", "train/no/1.wav", "test/yes/1.wav")
    files(tmp_path / "names", *(f"{part}/{w}_{n}_a.wav" for part in ("train", "test") for w in "78" for n in "01"))
    for name, count in (("folders", 1), ("names", 4)):
        read = read_recordings(tmp_path / name)
        assert len(read.test) == count and {one.text for one in read.test} < {"yes", "7", "8"}


def test_speech_commands_has_lists_and_noise(tmp_path):
    files(tmp_path, "yes/1.wav", "yes/2.wav", "no/1.wav", "no/2.wav", "_background_noise_/tap.wav")
    (tmp_path / "testing_list.txt").write_text("yes/2.wav\n")
    (tmp_path / "validation_list.txt").write_text("no/2.wav\n")
    read = read_recordings(tmp_path)
    assert [one.text for one in (*read.train, *read.validation, *read.test)] == ["no", "yes", "no", "yes"]
    assert read.test[0].path.name == "2.wav" and any("_background_noise_ (1 file)" in note for note in read.notes)


def test_a_blank_transcript_is_refused(tmp_path):
    files(tmp_path, "a.wav", "b.wav", "c.wav")
    for name, text in (("a", "one"), ("b", ""), ("c", " \n")):
        (tmp_path / f"{name}.txt").write_text(text)
    with pytest.raises(DataError, match=r"2 blank transcripts, the first of .*b\.wav"):
        read_recordings(tmp_path)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_a_manifest_may_be_in_another_encoding(tmp_path, encoding):
    files(tmp_path, "a.wav")
    for text in ("path,text\na.wav,é\n", "path\ttext\na.wav\té\n"):
        (tmp_path / "m.csv").write_text(text, encoding=encoding)
        assert found(read_recordings(tmp_path / "m.csv").train) == {"a.wav": "é"}


@pytest.mark.parametrize("name", ["a.wav", "~a.wav", " lead.wav", "clips\\b.wav", "./a.wav"])
def test_a_file_is_found_as_it_is_written(tmp_path, name):
    files(tmp_path, "a.wav", "~a.wav", " lead.wav", "clips/b.wav")
    (tmp_path / "m.jsonl").write_text(json.dumps({"audio_file": name, "wrd": "one"}))
    (tmp_path / "m.csv").write_text(f"audio_file,wrd\n{name},one\n")
    for manifest in ("m.jsonl", "m.csv"):
        assert found(read_recordings(tmp_path / manifest).train) == {name.rsplit("\\")[-1].rsplit("/")[-1]: "one"}


def test_a_header_between_bars_is_none_of_ljspeech(tmp_path):
    files(tmp_path, "a.wav")
    (tmp_path / "m.csv").write_text("audio_file|text|speaker_name\na.wav|one|ann\n")
    assert found(read_recordings(tmp_path / "m.csv").train) == {"a.wav": "one"}


def test_ljspeech_lacks_a_file(tmp_path):
    files(tmp_path, "wavs/LJ2.wav")
    (tmp_path / "metadata.csv").write_text("LJ1|One|one\nLJ2|Two|two\n")
    with pytest.raises(DataError, match=r"1 of 2 files that are missing \(LJ1\)"):
        read_recordings(tmp_path)


def test_recordings_have_the_names_of_their_source(tmp_path):
    files(tmp_path / "x" / "y", "a.wav", "b.wav")
    (tmp_path / "m.csv").write_text("path\nx/./y/b.wav\n")
    for source, names in (("x", ["y/a.wav", "y/b.wav"]), ("x/y/a.wav", ["a.wav"]), ("m.csv", ["x/./y/b.wav"])):
        assert [one.name for one in read_recordings(tmp_path / source, transcribed=False).train] == names


def test_sphinx_lists_tell_the_parts(tmp_path):
    files(tmp_path, "an4/feat/x/u1.mfc", "an4/feat/x/u2.mfc")
    for part, name, text in (("train", "u1", "<s> GO ++NOISE++ ON </s>"), ("test", "u2", "STOP")):
        etc = tmp_path / "an4" / "etc"
        etc.mkdir(exist_ok=True)
        (etc / f"an4_{part}.fileids").write_text(f"x/{name}\n\n")
        (etc / f"an4_{part}.transcription").write_text(f"{text} ({name})\n")
    read = read_recordings(tmp_path)
    assert (found(read.train), found(read.test)) == ({"u1.mfc": "GO ON"}, {"u2.mfc": "STOP"})


def test_a_row_that_is_repeated_counts_once(tmp_path):
    files(tmp_path, "a.wav")
    (tmp_path / "m.csv").write_text("path,text\na.wav,one\n./a.wav,one\n")
    read = read_recordings(tmp_path / "m.csv")
    assert len(read.train) == 1 and any("1 row repeated" in note for note in read.notes)


def test_the_fingerprint_changes_with_sound_and_text(tmp_path):
    files(tmp_path, "a.wav")
    seen = set()
    for content, text in ((b"1", "one"), (b"2", "one"), (b"1", "two")):
        (tmp_path / "a.wav").write_bytes(content)
        (tmp_path / "m.csv").write_text(f"path,text\na.wav,{text}\n")
        seen.add(read_recordings(tmp_path / "m.csv").fingerprint())
    assert len(seen) == 3


def test_the_fingerprint_changes_with_the_part(tmp_path):
    one, other = Recording(tmp_path / "a.wav", "one"), Recording(tmp_path / "b.wav", "two")
    files(tmp_path, "a.wav", "b.wav")
    some = [Recordings((one, other)), Recordings((one,), (other,)), Recordings((one,), (), (other,))]
    assert len({read.fingerprint() for read in some}) == 3


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        ("path,text\na.wav,one\nb.wav,two\nc.wav,x\n", r"2 of 3 files that are missing \(b.wav, c.wav\)"),
        ("path,text,offset\na.wav,one,2.5\n", "offsets into longer files"),
        ("path,said\na.wav,one\n", "without a column of transcripts"),
        ("name,text\na.wav,one\n", "without a column of files"),
        ("path,text\na.wav,\n", "an empty cell"),
        ("path,text\n", "0 rows"),
        ("path\ttext\na.wav\tone\ttwo\n", "3 cells in .*line 2"),
        ("path\ttext\na.wav\t\n", "an empty cell in .*line 2"),
        ("path,text\na.wav,one\na.wav,two\n", "two transcripts"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_refused(tmp_path, manifest, says):
    files(tmp_path, "a.wav")
    (tmp_path / "m.csv").write_text(manifest)
    with pytest.raises(DataError, match=r"^got .*; wanted .*; do ") as error:
        read_recordings(tmp_path / "m.csv")
    assert error.match(says)


def test_an_array_that_is_no_json_is_refused(tmp_path):
    (tmp_path / "m.json").write_text('[{"path": "a.wav", "text": "one"},')
    with pytest.raises(DataError, match="no JSON"):
        read_recordings(tmp_path / "m.json")


def test_a_manifest_of_labels_is_refused_in_its_words(tmp_path):
    files(tmp_path, "a.wav")
    for manifest, says in (
        ("path,name\na.wav,one\n", "without a column of labels"),
        ("path,emotion\na.wav,\n", "a file and its label"),
        ("path,emotion\na.wav,one\na.wav,two\n", "two labels"),
    ):
        (tmp_path / "m.csv").write_text(manifest)
        with pytest.raises(DataError, match=says):
            read_recordings(tmp_path / "m.csv", columns=("emotion",))


def test_other_sources_that_cannot_be_used_are_refused(tmp_path):
    files(tmp_path / "bare", "long.wav", "names.wav")
    files(tmp_path / "twice", "a.wav")
    for part in ("train", "test"):
        (tmp_path / "twice" / f"{part}.csv").write_text("path,text\na.wav,one\n")
    (tmp_path / "empty").mkdir()
    for source, says in (
        ("bare", "without labels|without a transcript"),
        ("twice", "in train and in test"),
        ("empty", "without audio"),
        ("none", "does not exist"),
        ("bare/long.wav", "without a transcript"),
    ):
        with pytest.raises(DataError, match=r"^got .*; wanted .*; do ") as error:
            read_recordings(tmp_path / source)
        assert error.match(says)
