"""Long tables, CSV or Parquet: one row a step.

`id` names the sequence (without it the table is one sequence), `time` orders the steps (without it the rows' order
counts), `y` is the label of a sequence or the target of a step, and every other column is a channel.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tidegate.data.sequences import Dataset, as_sequences, as_targets
from tidegate.errors import DataError

if TYPE_CHECKING:
    import pandas

RESERVED = ("id", "time", "y")


def read_table(path: Path, per_step: bool) -> Dataset:
    """Read a long table; y is a target for every step, or else one label a sequence.

    Raises DataError that names the row and the column of what cannot be read.
    """
    table = _load(path)
    channels = [column for column in table.columns if column not in RESERVED]
    if not channels or table.empty:
        raise DataError(
            got=f"{path} with {len(table)} rows and the columns {', '.join(map(str, table.columns))}",
            wanted="rows, and at least one column besides id, time and y",
            do="add the columns of the channels",
        )
    first_row = 2 if path.suffix == ".csv" else 0
    values = np.stack([_numbers(table[column], path, first_row) for column in channels], axis=1)
    groups = _rows_of(table, path)
    sequences = as_sequences([values[rows] for rows in groups], what=str(path))
    if "y" not in table:
        return Dataset(path.stem, sequences)
    if per_step:
        y = _numbers(table["y"], path, first_row)
        return Dataset(path.stem, sequences.with_targets(as_targets([y[rows] for rows in groups], sequences)))
    if "id" not in table:
        raise DataError(
            got=f"{path} without a column id", wanted="one, since each sequence has a label", do="add the column id"
        )
    return Dataset(path.stem, sequences.with_targets(_labels(table["y"], groups, path, first_row)))


def _load(path: Path) -> pandas.DataFrame:
    import pandas as pd

    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path, keep_default_na=True, low_memory=False)
    except (ValueError, OSError, pd.errors.ParserError) as error:
        raise DataError(
            got=f"{path} that cannot be read ({' '.join(str(error).split())})",
            wanted="a CSV file with a header, or Parquet",
            do="check the file",
        ) from None


def _numbers(column: pandas.Series, path: Path, first_row: int) -> np.ndarray:
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    bad = np.flatnonzero(~np.isfinite(numbers))
    if len(bad):
        value = column.iloc[int(bad[0])]
        raise DataError(
            got=f"{'an empty cell' if pd.isna(value) else repr(value)} in {path}, "
            f"row {int(bad[0]) + first_row}, column {column.name!r}",
            wanted="a number",
            do="correct or fill the cell, or leave the column out",
        )
    return numbers


def _rows_of(table: pandas.DataFrame, path: Path) -> list[np.ndarray]:
    """The rows of each sequence, in order of time; the sequences in order of first appearance."""
    if "time" in table:
        if table["time"].isna().any():
            raise DataError(got=f"{path} with empty cells in the column time", wanted="a time a row", do="fill them")
        order = np.argsort(table["time"].to_numpy(), kind="stable")
    else:
        order = np.arange(len(table))
    if "id" not in table:
        return [order]
    if table["id"].isna().any():
        raise DataError(got=f"{path} with empty cells in the column id", wanted="an id a row", do="fill them")
    codes = table["id"].factorize()[0]
    by_sequence = order[np.argsort(codes[order], kind="stable")]
    return np.split(by_sequence, np.cumsum(np.bincount(codes))[:-1])


def _labels(column: pandas.Series, groups: list[np.ndarray], path: Path, first_row: int) -> np.ndarray:
    labels = column.to_numpy()
    for rows in groups:
        given = column.iloc[rows]
        if given.isna().any():
            row = int(rows[int(given.isna().to_numpy().argmax())])
            raise DataError(
                got=f"an empty cell in {path}, row {row + first_row}, column 'y'", wanted="a label", do="fill it"
            )
        if given.nunique() != 1:
            row = int(rows[int((given != given.iloc[0]).to_numpy().argmax())])
            raise DataError(
                got=f"a second label of one sequence in {path}, row {row + first_row}, column 'y'",
                wanted="one label a sequence",
                do="correct the column, or fit a regression for a target every step",
            )
    firsts = [int(rows[0]) for rows in groups]
    labels = labels[firsts]
    return labels.astype(str) if labels.dtype == object else labels
