"""A source as sequences with their targets: files of arrays as they are, tables by what is said of their columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tidegate.data import Dataset, Sequences, SoundFiles, TableFolder, is_built_in, open_source, parts_of
from tidegate.data.labels import as_labels, labels_from_text
from tidegate.data.table import Table, open_table
from tidegate.errors import ConfigError, DataError
from tidegate.preparation.columns import folded, refuse_twins
from tidegate.preparation.reading import OPTIONS, SOUND, Reading
from tidegate.preparation.sound import is_sound_manifest, read_sound_files, read_sound_manifest
from tidegate.preparation.split import with_test
from tidegate.preparation.table import Frame, NamedColumns, TableRead, TimeColumn, read_table, without_trailing_holes

Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class Source:
    """What a source holds, and how it was understood."""

    dataset: Dataset
    reading: Reading
    """What was said and found: the next source of the kind is read with it."""
    times: TimeColumn | None = None
    """How a table's time was read, where it has one."""


def read_dataset(source: Any, task: str | None = None, *, tell: Tell | None = None, **reading: Any) -> Dataset:
    """Read a built-in data set, a file, a folder or a DataFrame as sequences with their targets.

    Args:
        source: digits, mnist, curve, recall or adding; the path of a table (CSV, Parquet and others), of a folder of
            tables, of `.npz`, `.ts`, audio, IDX files or images; or a DataFrame with one row per step.
        task: classification or regression. None: by the target.
        tell: called with the number of bytes read and the total.
        reading: of a table: id, time, target, channels, categorical, time_format, layout, target_per, separator,
            decimal, encoding; see `tidegate.preparation.Reading`.

    Returns:
        A `Dataset`: sequences to train on and, if the source has a test part or is built in, to test on.

    Raises:
        DataError: the source does not exist, or its meaning is ambiguous; the message names the option that resolves
            it.
        ConfigError: an argument has a value that cannot work.

    >>> import pandas as pd, tidegate
    >>> table = pd.DataFrame({"run": [1, 1, 2], "x": [0.5, 1.5, 2.5], "y": ["up", "up", "down"]})
    >>> train = tidegate.read_dataset(table, "classification", id="run").train
    >>> train.lengths.tolist(), train.y.tolist(), train.channels
    ([2, 1], ['up', 'down'], ('x',))
    """
    for name in reading:
        if name not in OPTIONS:
            raise ConfigError(got=f"the argument {name!r}", wanted=f"one of {', '.join(OPTIONS)}", do="correct it")
    found = read_source(source, task, Reading(**reading), tell=tell)
    if isinstance(source, str) and is_built_in(source):
        return with_test(found.dataset)
    return found.dataset


def read_source(
    source: Any,
    task: str | None = None,
    reading: Reading | None = None,
    *,
    predicting: bool = False,
    tell: Tell | None = None,
) -> Source:
    """Return what a source holds and how it was understood; see `read_dataset`.

    With `predicting`, it is data to predict for: targets are not looked at.
    """
    if task not in (None, "classification", "regression"):
        raise ConfigError(got=f"the task {task!r}", wanted="classification, regression, or none", do="correct the name")
    reading = reading or Reading()
    if hasattr(source, "columns") and hasattr(source, "iloc"):
        read = read_table(Frame(source), reading, "the DataFrame", task=task, predicting=predicting)
        return _of_table(read, "DataFrame")
    if not isinstance(source, (str, Path)):
        raise DataError(
            got=f"a source of type {type(source).__name__}",
            wanted="a name, a path or a DataFrame",
            do="pass arrays to fit as they are, and write other tables as a DataFrame",
        )
    source = str(source)
    opened = open_source(source, reading.format)
    if isinstance(opened, SoundFiles):
        return Source(*read_sound_files(opened, reading, task, predicting, tell))
    if isinstance(opened, Table) and is_sound_manifest(opened):
        return Source(*read_sound_manifest(opened, reading, task, predicting, tell))
    _refuse_sound_options(reading, source)
    if isinstance(opened, TableFolder):
        return _read_folder(opened, reading, task, predicting, tell)
    if isinstance(opened, Table):
        return _read_file(opened, reading, task, predicting, tell)
    _refuse_options(reading, source)
    return Source(opened if predicting else _with_targets(opened, source, task), reading)


def _of_table(read: TableRead, name: str, test: Sequences | None = None, *notes: str) -> Source:
    dataset = Dataset(
        name,
        replace(read.sequences, reading=read.reading),
        test,
        notes=(*(note for note in notes if note), *read.notes),
    )
    return Source(dataset, read.reading, read.times)


def _read_file(table: Table, reading: Reading, task: str | None, predicting: bool, tell: Tell | None) -> Source:
    path = table.path
    if not table.header:
        return _read_ucr(table, reading, task, predicting)
    read = read_table(table, reading, str(path), task=task, predicting=predicting, tell=tell)
    return _of_table(read, _stem(path), _test_of(path, read, task, predicting), _format_note(table))


def _format_note(table: Table) -> str:
    return f"format of {table.path.name}: {table.found}" if table.found else ""


def _test_of(path: Path, read: TableRead, task: str | None, predicting: bool) -> Sequences | None:
    """What the file NAME_TEST beside NAME_TRAIN holds."""
    beside = _beside(path)
    if beside is None or predicting:
        return None
    return read_table(open_table(beside), read.reading, str(beside), task=task).sequences


def _beside(path: Path) -> Path | None:
    beside = path.with_name(path.name.replace("_TRAIN", "_TEST"))
    return beside if beside != path and beside.exists() else None


def _stem(path: Path) -> str:
    return path.name.split(".")[0].removesuffix("_TRAIN")


def _read_ucr(table: Table, reading: Reading, task: str | None, predicting: bool) -> Source:
    """The UCR archive's text files: no header, a row a sequence, the label first, then the steps of one channel."""
    path = table.path
    archive = any(part in path.name for part in ("_TRAIN", "_TEST"))
    if not archive and path.name.split(".")[-1].lower() != "tsv":
        raise DataError(
            got=f"{path} without a header: its first line holds numbers alone",
            wanted="names of columns in the first line, or a file of the UCR archive (.tsv, or NAME_TRAIN.txt), "
            "whose first column is the label",
            do="add a line with the names, such as id,time,x,y",
        )
    reading = replace(reading, layout="wide")
    train = replace(_ucr_part(table), reading=reading)
    beside = _beside(path)
    test = _ucr_part(open_table(beside, reading.format)) if beside is not None and not predicting else None
    note = f"{path.name} has no header: read as the UCR archive's, the label first, then the steps of one channel"
    dataset = Dataset(_stem(path), train, test, notes=(note,))
    return Source(dataset if predicting else _with_targets(dataset, str(path), task), reading)


def _ucr_part(table: Table) -> Sequences:
    first, *steps = table.columns
    frame = table.read(text=[first])
    labels = frame[first].astype(object)
    if len(steps) == 0 or labels.isna().any():
        raise DataError(
            got=f"{table.path} with a row without a label or without steps",
            wanted="a label and the steps of one channel in each row",
            do="correct the file",
        )
    values, lengths = without_trailing_holes(
        frame[steps].to_numpy(dtype=np.float64, na_value=np.nan), lambda row: f"{table.path}, {table.place(row)}"
    )
    sequences = Sequences(values, lengths, y=_ucr_labels(labels.to_numpy()), source=str(table.path))
    return sequences


def _ucr_labels(text: np.ndarray) -> np.ndarray:
    """Labels as whole numbers where they are, however they are written (1, 1.0, 1.0000000e+00)."""
    labels = labels_from_text(np.asarray(text, dtype=str))
    if labels.dtype.kind == "i":
        return labels
    as_numbers = np.array([float(one) for one in text])
    return as_numbers.astype(np.int64) if (as_numbers == np.round(as_numbers)).all() else labels


def _read_folder(
    folder: TableFolder, reading: Reading, task: str | None, predicting: bool, tell: Tell | None
) -> Source:
    """A folder of tables: a sequence a file, labeled by its folder; or one long table in parts, where --id says so."""
    import pandas as pd

    frames, ids = [], []
    columns: list[str] | None = None
    written = True
    for n, file in enumerate(folder.files):
        table = open_table(file, reading.format)
        if not table.header:
            raise DataError(got=f"{file} without a header", wanted="names of columns in its first line", do="add them")
        if columns is None:
            columns = table.columns
        if reading.channels is None:
            refuse_twins(table.columns, str(file))
        spelled = _spelled_as(columns, table.columns)
        if set(columns) != set(spelled.values()):
            odd = sorted(set(columns) ^ set(spelled.values()))[0]
            raise DataError(
                got=f"{file} with other columns than {folder.files[0]}: {odd!r} is in one alone",
                wanted="the same columns in every file",
                do="correct the file, or choose those to learn from with --channels"
                if reading.channels
                else "correct it",
            )
        written = written and table.written
        frames.append(table.read(text=_kept_as_text(table, reading)).rename(columns=spelled))
        if len(frames[-1]) == 0:
            raise DataError(got=f"{file} with 0 rows", wanted="at least one", do="remove the file")
        ids.append(folder.name_of(file))
        if tell is not None:
            tell(n + 1, len(folder.files))
    together = pd.concat(frames, ignore_index=True)
    lengths = [len(frame) for frame in frames]
    notes = []
    if len(set(ids)) < len(ids):
        twice = next(name for name in ids if ids.count(name) > 1)
        raise DataError(got=f"two files named {twice} in {folder.path}", wanted="a name for each", do="rename one")
    named_id = [name for name in columns or () if folded(name) == folded(reading.id or "id")]
    # A model that was trained on one table is given a folder with a file for each sequence.
    by_file = reading.id is None or (predicting and not named_id)
    if by_file and named_id and reading.channels is None:
        raise DataError(
            got=f"a column {named_id[0]!r} in the files of {folder.path}",
            wanted="to know whether a file is a sequence, or a part of one table",
            do=f"pass --id {named_id[0]} for parts of one table, or name the channels with --channels",
        )
    id_name = _new("file", together.columns)
    has_target = False
    if by_file:
        together[id_name] = np.repeat(np.array(ids, dtype=object), lengths)
        reading = replace(reading, id=id_name)
        notes.append(f"{len(frames)} files, each a sequence" if len(frames) > 1 else "the file is a sequence")
        target = reading.target or ("y",)
        has_target = any(folded(name) == folded(one) for one in target for name in together.columns)
        in_folders = all(file.parent != folder.path for file in folder.files)
        if has_target and in_folders and not predicting and task == "classification":
            notes.append(f"labels are of the column {target[0]!r}, not of the folders")
        labels = [] if has_target or predicting or task == "regression" else list(map(folder.label_of, folder.files))
        if labels and all(labels):
            name = _new("label", together.columns)
            together[name] = np.repeat(np.array(labels, dtype=object), lengths)
            reading = replace(reading, target=(name,))
            notes.append(f"labels are the names of the folders ({', '.join(sorted(set(map(str, labels))))})")
        if reading.layout is None:
            reading = replace(reading, layout="long")
    read = read_table(
        _Joined(Frame(together), folder, lengths, written), reading, str(folder.path), task=task, predicting=predicting
    )
    if by_file:
        read.sequences = replace(read.sequences, rows=None)
        shown_id = id_name if predicting else None
        read.reading = replace(read.reading, id=shown_id, target=read.reading.target if has_target else None)
    test = None
    if by_file and not predicting:
        read.sequences, test = parts_of(read.sequences)
        if test is not None:
            files = f"{len(test)} file{'s'[: len(test) != 1]}"
            notes.append(f"the folder train is trained on, the folder test ({files}) is the test part")
    return _of_table(read, folder.path.name, test, *notes)


@dataclass(frozen=True)
class _Joined:
    """The tables of a folder one after the other; a row has its place in its own file."""

    frame: Frame
    folder: TableFolder
    lengths: list[int]
    written: bool

    @property
    def columns(self) -> list[str]:
        return self.frame.columns

    def read(self, **options: Any) -> Any:
        return self.frame.read(**options)

    def place(self, row: int) -> str:
        starts = np.cumsum([0, *self.lengths])
        n = int(np.searchsorted(starts, row, side="right")) - 1
        return f"{self.folder.name_of(self.folder.files[n])}, row {row - int(starts[n]) + 2}"


def _kept_as_text(table: NamedColumns, reading: Reading) -> list[str]:
    """Columns whose cells mean what is written: ids, times, targets and categories."""
    named = [reading.id or "id", reading.time or "time", *(reading.target or ("y",)), *(reading.categorical or ())]
    wanted = set(map(folded, named))
    return [name for name in table.columns if folded(name) in wanted]


def _spelled_as(first: list[str], others: list[str]) -> dict[str, str]:
    """For each of `others` the same name as it is spelled in `first`, or itself."""
    by_name = {folded(name): name for name in first}
    return {name: name if name in first else by_name.get(folded(name), name) for name in others}


def _new(name: str, taken: Any) -> str:
    while name in taken:
        name += "_"
    return name


def _with_targets(dataset: Dataset, source: str, task: str | None) -> Dataset:
    """The dataset, its targets checked against the task."""
    return replace(
        dataset,
        train=_checked(dataset.train, source, task),
        test=None if dataset.test is None else _checked(dataset.test, source, task),
    )


def _checked(part: Sequences, source: str, task: str | None) -> Sequences:
    if task is None:
        return part
    if part.y is None:
        raise DataError(got=f"{source} without y", wanted="a target to learn", do="add y, or choose another file")
    if task == "classification":
        if part.per_step or part.y.ndim != 1:
            has = "a target for every step" if part.per_step else "several targets a sequence"
            raise DataError(
                got=f"{source} with {has}", wanted="one label a sequence", do="choose another task or another y"
            )
        return part.with_targets(as_labels(part.y, f"y in {source}"))
    if part.y.dtype.kind not in "iuf" or (task == "regression" and is_built_in(source) and not part.per_step):
        raise DataError(
            got=f"{source} with one label a sequence",
            wanted="a target for every step, or a number for every sequence",
            do="choose another task or another y",
        )
    if part.y.ndim == 1:
        return part.with_targets(part.y.astype(np.float64)[:, None])
    return part


def _refuse_sound_options(reading: Reading, source: str) -> None:
    for name in SOUND:
        if getattr(reading, name) is not None:
            raise ConfigError(
                got=f"--{name.replace('_', '-')} for {source}, which is no sound",
                wanted="audio with that option",
                do="leave the option out",
            )


def _refuse_options(reading: Reading, source: str) -> None:
    """Options of tables say nothing of a file of arrays."""
    for name, value in reading.to_config().items():
        if value is not None:
            raise ConfigError(
                got=f"--{name.replace('_', '-')} for {source}, which is no table",
                wanted="a table (CSV and the like) with that option",
                do="leave the option out",
            )
