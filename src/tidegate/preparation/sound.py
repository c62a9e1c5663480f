"""Audio files as sequences of log-mel features, labeled by folder, by name or by a manifest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tidegate.data import Dataset, Sequences, SoundFiles, parts_of
from tidegate.data.audio import is_sound, sample_rate_of
from tidegate.data.folder import label_of
from tidegate.data.labels import labels_from_text
from tidegate.data.recordings import (
    LISTS,
    PATHS,
    labels_of_names,
    parts_of_lists,
    read_recordings,
    without_noise,
)
from tidegate.data.table import Table
from tidegate.errors import ConfigError, DataError
from tidegate.preparation.acoustics import BINS, LogMel, resampled, usual_rate
from tidegate.preparation.columns import folded
from tidegate.preparation.reading import SOUND, Reading

Tell = Callable[[int, int], None]
LABELS = ("label", "y", "class", "target", "category", "word", "command", "emotion", "speaker", "text")
"""Names of a manifest's column of labels."""


def read_sound_files(
    found: SoundFiles, reading: Reading, task: str | None, predicting: bool, tell: Tell | None
) -> tuple[Dataset, Reading]:
    """A sequence a file; its label is its folder's name, or what all names have in one place, as `reading.target` says.

    Returns:
        The sequences, and the reading with the sample rate and the mel bins of their features.
    """
    _refuse_others(reading, found.path, predicting)
    files = found.files
    root = found.path
    while len(inside := {file.relative_to(root).parts[0] for file in files}) == 1 and len(files) > 1:
        root = root / inside.pop()
    notes, labels = [], None
    if not predicting and task != "regression":
        kept, left = without_noise(root, files)
        files = tuple(kept)
        labels, told = _labels(root, files, reading)
        notes += [f"labels are {told}", *([left] if left else [])]
    lists = {} if predicting else parts_of_lists(root, files)
    others = [file for file in found.others if not (lists and file.name in LISTS)]
    if others:
        names = ", ".join(file.name for file in others[:3]) + (", …" if len(others) > 3 else "")
        notes.append(f"left out, as no audio: {names}")
    if labels is None and not predicting:
        raise DataError(
            got=f"audio in {found.path} without targets",
            wanted="labels, for classification",
            do="pass classification as the task",
        )
    ids = [str(file.relative_to(root)) if len(files) > 1 else file.name for file in files]
    sequences, reading, said = _heard(files, ids, reading, tell, str(found.path))
    notes += said
    if labels is not None:
        sequences = sequences.with_targets(labels)
    test = None
    if lists:
        of_test = np.isin(np.array(ids), [str(file.relative_to(root)) for file in lists["test"]])
        sequences, test = sequences[~of_test], sequences[of_test]
        notes.append(f"the test part ({len(test):,} files) is that of testing_list.txt")
        if lists["validation"]:
            notes.append("files of validation_list.txt are trained on, of which a part chooses the kept model")
    elif not predicting:
        sequences, test = parts_of(sequences)
        if test is not None:
            notes.append(f"the folder train is trained on, the folder test ({len(test):,} files) is the test part")
    return Dataset(found.path.name, sequences, test, notes=tuple(notes)), reading


def is_sound_manifest(table: Table) -> bool:
    """Whether a table names audio files, in a column of that name."""
    name = next((name for name in table.columns if folded(name) in PATHS), None)
    if not table.header or name is None:
        return False
    first = table.read(columns=[name], text=[name])[name].head(1)
    return any(isinstance(one, str) and is_sound(Path(one)) for one in first)


def read_sound_manifest(
    table: Table, reading: Reading, task: str | None, predicting: bool, tell: Tell | None
) -> tuple[Dataset, Reading]:
    """A sequence a row of a table of files and labels; files named train and test are parts."""
    _refuse_others(reading, table.path, predicting)
    if task == "regression":
        raise DataError(got=f"audio in {table.path}", wanted="labels, for classification", do="choose another task")
    read = read_recordings(table.path, transcribed=not predicting, columns=reading.target or LABELS)
    if read.validation:
        raise DataError(
            got=f"a manifest for validation beside {table.path}",
            wanted="train and test, and no other beside them",
            do="rename it; a part of train chooses the best checkpoint by itself",
        )
    some = (*read.train, *read.test)
    ids = [str(one.path) for one in some]
    sequences, found, notes = _heard([one.path for one in some], ids, reading, tell, str(table.path))
    if not predicting:
        sequences = sequences.with_targets(labels_from_text(np.array([one.text for one in some])))
    count = len(read.train)
    test = sequences[count:] if read.test else None
    return Dataset(read.name, sequences[:count], test, notes=(*read.notes, *notes)), replace(
        found, target=reading.target
    )


def _heard(
    files: Sequence[Path], ids: Sequence[str], reading: Reading, tell: Tell | None, source: str
) -> tuple[Sequences, Reading, list[str]]:
    rates = [sample_rate_of(file) for file in files]
    mel = LogMel(reading.sample_rate or usual_rate(rates), reading.mel_bins or BINS)
    notes = [
        f"a step is {mel.shift_ms:g} ms of sound: the logarithm of {mel.bins} mel bands, at {mel.sample_rate:,} Hz"
    ]
    notes += resampled(rates, mel.sample_rate)
    features = []
    for n, file in enumerate(files):
        features.append(mel.read(file))
        if tell is not None:
            tell(n + 1, len(files))
    lengths = np.array([len(one) for one in features], dtype=np.int64)
    sequences = Sequences(np.concatenate(features), lengths, ids=np.array(ids), source=source)
    return sequences, replace(reading, sample_rate=mel.sample_rate, mel_bins=mel.bins), notes


def _labels(root: Path, files: Sequence[Path], reading: Reading) -> tuple[np.ndarray, str]:
    """The label of each file, and where it is from."""
    place = None
    if reading.target is not None:
        given = ",".join(reading.target)
        if not given.isdecimal():
            raise ConfigError(
                got=f"--target {given} for audio in a folder",
                wanted="the place of the label in the names, counted from 1",
                do="correct --target, or leave it out",
            )
        place = int(given)
    folders = [label_of(root, file) for file in files] if place is None else []
    if place is None and all(folders):
        shown = sorted(set(map(str, folders)))
        names = ", ".join(shown[:10]) + (", …" if len(shown) > 10 else "")
        return labels_from_text(np.array(folders)), f"the names of the folders ({names})"
    if any(folders):
        bare = files[folders.index(None)]
        raise DataError(
            got=f"{bare.relative_to(root)} in {root}, in no folder named by a label, beside others in one",
            wanted="all in folders named by label or none",
            do=f"move {bare.name} away, or into the folder of its label",
        )
    return labels_of_names(root, files, place)


def _refuse_others(reading: Reading, path: Path, predicting: bool) -> None:
    allowed = (*SOUND, "target")
    for name in reading.to_config():
        if name not in allowed:
            raise ConfigError(
                got=f"--{name.replace('_', '-')} for audio in {path}", wanted="no option of tables", do="leave it out"
            )
