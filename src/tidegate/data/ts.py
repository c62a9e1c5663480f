"""`.ts` files of the UCR/UEA archive: a header, then a case a line, channels apart by `:` and the label last."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from tidegate.data.header import as_numbers, bad_line, settings_of, split_at_data
from tidegate.data.labels import labels_from_text
from tidegate.data.sequences import Dataset, Sequences, as_sequences
from tidegate.errors import DataError

MISSING = ("?", "", "NaN", "nan")


def read_ts(path: Path) -> Dataset:
    """Read a `.ts` file; of NAME_TRAIN.ts, the NAME_TEST.ts beside it is the test set.

    Channels and unequal lengths are read as they are, `?` as missing. Raises DataError with the line of what cannot be
    read.
    """
    train = _read(path)
    test_path = path.with_name(path.name.replace("_TRAIN", "_TEST"))
    test = _read(test_path) if test_path != path and test_path.exists() else None
    if test is not None and test.n_channels != train.n_channels:
        raise DataError(
            got=f"{test_path} with {test.n_channels} channels",
            wanted=f"{train.n_channels} as in {path.name}",
            do="check that the two belong together",
        )
    return Dataset(path.stem.removesuffix("_TRAIN"), train, test)


def _read(path: Path) -> Sequences:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise DataError(got=f"{path} that is not UTF-8 text", wanted="a .ts file", do="check the file") from None
    settings, data = split_at_data(path, lines)
    header = settings_of(settings)
    found = [_case(line, path, number, header) for number, line in data]
    if not found:
        raise DataError(got=f"{path} without cases", wanted="a line for each after @data", do="check the file")
    cases, labels = zip(*found, strict=True)
    widths = {case.shape[1] for case in cases}
    if len(widths) > 1:
        raise DataError(got=f"{path} with {sorted(widths)} channels", wanted="one number of channels", do="correct it")
    if header.get("equallength", "").lower() == "true" and len({len(case) for case in cases}) > 1:
        raise DataError(
            got=f"{path} with cases of unequal length", wanted="equal ones, as @equalLength says", do="correct one"
        )
    sequences = as_sequences(cases, what=str(path))
    known = (header.get("classlabel") or "true").split()[0].lower() != "false"
    rows = np.repeat(np.array([number for number, _ in data]), sequences.lengths)
    return replace(sequences, y=labels_from_text(np.array(labels)) if known else None, rows=rows)


def _case(line: str, path: Path, number: int, header: dict[str, str]) -> tuple[np.ndarray, str]:
    *channels, label = line.split(":")
    if header.get("timestamps", "").lower() == "true":
        raise bad_line(path, number, "values with time stamps", "values alone (@timeStamps false)")
    if not channels:
        raise bad_line(path, number, "a case without a label", "the label as the last field after ':'")
    known = header.get("classlabel", "").split()[1:]
    if known and label.strip() not in known:
        raise bad_line(path, number, f"the label {label.strip()!r}", f"one of {', '.join(known)}, as @classLabel says")
    rows = []
    for c, channel in enumerate(channels):
        try:
            rows.append(as_numbers([value.strip() for value in channel.split(",")], MISSING))
        except ValueError as error:
            raise bad_line(path, number, f"{error.args[0]!r} in channel {c}", "a number") from None
    if len({len(row) for row in rows}) > 1:
        raise bad_line(path, number, "channels of unequal length", "as many steps in each")
    return np.stack(rows, axis=1), label.strip()
