"""`.ts` files of the UCR/UEA archive: a header, then a case a line, channels apart by `:` and the label last."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

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
    header: dict[str, str] = {}
    cases: list[np.ndarray] = []
    labels: list[str] = []
    numbers: list[int] = []
    in_data = False
    for number, raw in enumerate(lines, start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if in_data:
            case, label = _case(line, path, number, header)
            cases.append(case)
            labels.append(label)
            numbers.append(number)
        elif line.lower() == "@data":
            in_data = True
        elif line.startswith("@"):
            key, _, value = line[1:].partition(" ")
            header[key.lower()] = value.strip()
        else:
            raise _bad(path, number, f"{line[:40]!r} before @data", "a line that begins with @ or #")
    if not cases:
        raise DataError(got=f"{path} without cases", wanted="a line for each after @data", do="check the file")
    widths = {case.shape[1] for case in cases}
    if len(widths) > 1:
        raise DataError(got=f"{path} with {sorted(widths)} channels", wanted="one number of channels", do="correct it")
    if header.get("equallength", "").lower() == "true" and len({len(case) for case in cases}) > 1:
        raise DataError(
            got=f"{path} with cases of unequal length", wanted="equal ones, as @equalLength says", do="correct one"
        )
    sequences = as_sequences(cases, what=str(path))
    known = header.get("classlabel", "true").split()[0].lower() != "false"
    rows = np.repeat(np.array(numbers), sequences.lengths)
    return replace(sequences, y=labels_from_text(np.array(labels)) if known else None, rows=rows)


def _case(line: str, path: Path, number: int, header: dict[str, str]) -> tuple[np.ndarray, str]:
    *channels, label = line.split(":")
    if header.get("timestamps", "").lower() == "true":
        raise _bad(path, number, "values with time stamps", "values alone (@timeStamps false)")
    if not channels:
        raise _bad(path, number, "a case without a label", "the label as the last field after ':'")
    known = header.get("classlabel", "").split()[1:]
    if known and label.strip() not in known:
        raise _bad(path, number, f"the label {label.strip()!r}", f"one of {', '.join(known)}, as @classLabel says")
    rows = []
    for c, channel in enumerate(channels):
        values = [value.strip() for value in channel.split(",")]
        try:
            rows.append(np.array([np.nan if value in MISSING else float(value) for value in values]))
        except ValueError:
            wrong = next(value for value in values if value not in MISSING and not _is_number(value))
            raise _bad(path, number, f"{wrong!r} in channel {c}", "a number") from None
    if len({len(row) for row in rows}) > 1:
        raise _bad(path, number, "channels of unequal length", "as many steps in each")
    return np.stack(rows, axis=1), label.strip()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _bad(path: Path, number: int, got: str, wanted: str) -> DataError:
    return DataError(got=f"{got} in {path}, line {number}", wanted=wanted, do="correct or fill that line")
