"""Cells of text as columns of numbers, truth values or text, block after block.

Every number is the double nearest to what is written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import pandas
    import pyarrow as pa

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "?", "-", "#N/A")
"""Cells that stand for no number, in a column whose other cells are numbers."""

_EXPONENT = r"(?:[eE][+-]?[0-9]+)?"
NUMBER = rf"^[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+){_EXPONENT}|[iI][nN][fF](?:[iI][nN][iI][tT][yY])?|[nN][aA][nN])$"
COMMA_NUMBER = rf"^[+-]?(?:[0-9]+,[0-9]*|,[0-9]+){_EXPONENT}$"
THOUSANDS = r"^[+-]?[1-9][0-9]{0,2},[0-9]{3}$"
POINT_THOUSANDS = r"^[+-]?[1-9][0-9]{0,2}\.[0-9]{3}$"
GROUPED = r"^[+-]?[1-9][0-9]{0,2}(?:\.[0-9]{3})+(?:,[0-9]*)?$"
"""Beside decimal commas."""


def is_number(cell: str) -> bool:
    return bool(re.match(NUMBER, cell.strip()) or re.match(COMMA_NUMBER, cell.strip()))


def only_numbers(cells: Sequence[str]) -> bool:
    cells = [cell.strip() for cell in cells]
    numbers = [is_number(cell) and cell not in MISSING for cell in cells]
    return any(numbers) and all(number or cell in MISSING for number, cell in zip(numbers, cells, strict=True))


class Evidence(NamedTuple):
    """A cell that shows how decimals are written."""

    cell: str
    row: int
    column: str


class Column:
    """The cells of one column of a text table, block after block."""

    def __init__(self, name: str, text: bool, decimal: str | None) -> None:
        self.name = name
        self.kind = "text" if text else ""
        """number, bool or text; none while all cells are missing."""
        self.again = False
        """Whether it is text whose first blocks were taken for something else."""
        self.evidence: dict[str, Evidence] = {}
        """The first cells with a decimal sign: point and comma, or grouped and thousands where these are unclear."""
        self.pieces: list[Any] = []
        self._decimal = decimal
        self._text = _Text()
        self._whole = True

    def add(self, cells: pa.Array, row: int) -> None:
        """Take the cells of a block that begins at `row`."""
        if self.again:
            return
        if self.kind in ("", "number") and (numbers := self._numbers(cells, row)) is not None:
            self._whole = self._whole and numbers.dtype == np.int64
            if self.kind == "" and not np.isnan(numbers).all():
                self.kind = "number"
            self.pieces.append(numbers)
        elif (self.kind == "bool" or not (self.kind or self.pieces)) and (bools := _bools(cells)) is not None:
            self.kind = "bool"
            self.pieces.append(bools)
        elif self.pieces:
            self.kind, self.again = "text", True
            self.pieces.clear()
        else:
            self.kind = "text"
            self._text.add(cells)

    def finish(self) -> Any:
        if self.kind == "text":
            return self._text.finish()
        values = np.concatenate(self.pieces) if self.pieces else np.empty(0)
        self.pieces.clear()
        return values

    def _numbers(self, cells: pa.Array, row: int) -> np.ndarray | None:
        import pyarrow as pa
        import pyarrow.compute as pc

        if not len(cells):
            return np.empty(0, np.int64 if self._whole else np.float64)
        if self._whole and (whole := _ints(cells)) is not None:
            return whole
        # A block of whole numbers, some of them with a plus, takes the long way.
        signed = self._whole and pc.any(pc.match_substring(cells, "+")).as_py()
        if self._decimal != "," and not signed and (numbers := _floats(cells)) is not None:
            self._find_point(cells, row)
            return numbers
        cells = pc.utf8_trim_whitespace(cells)
        missing = pc.is_in(cells, value_set=pa.array(MISSING))
        cells = pc.if_else(missing, pa.scalar(None, pa.string()), cells)
        cells = pc.replace_substring_regex(cells, r"^\+([^+-])", r"\1")
        if self._whole and not cells.null_count and (whole := _ints(cells)) is not None:
            return whole
        commas = pc.match_substring_regex(cells, COMMA_NUMBER)
        if self._decimal == ",":
            points = pc.match_substring(cells, ".")
            if pc.any(pc.and_not(points, pc.match_substring_regex(cells, GROUPED))).as_py():
                return None
            return _floats(pc.replace_substring(pc.replace_substring(cells, ".", ""), ",", "."))
        if self._decimal == "." or not pc.any(commas).as_py():
            numbers = _floats(cells)
        else:
            numbers = _floats(pc.if_else(commas, pc.replace_substring(cells, ",", "."), cells))
            if numbers is not None:
                thousands = pc.match_substring_regex(cells, THOUSANDS)
                self._note("thousands", cells, thousands, row)
                self._note("comma", cells, pc.and_not(commas, thousands), row)
        if numbers is not None:
            self._find_point(cells, row)
        return numbers

    def _find_point(self, cells: pa.Array, row: int) -> None:
        import pyarrow.compute as pc

        if self._decimal is None and "point" not in self.evidence:
            cells = pc.utf8_trim_whitespace(cells)
            grouped = pc.match_substring_regex(cells, POINT_THOUSANDS)
            self._note("grouped", cells, grouped, row)
            self._note("point", cells, pc.and_not(pc.match_substring(cells, "."), grouped), row)

    def _note(self, way: str, cells: pa.Array, which: pa.Array, row: int) -> None:
        import pyarrow.compute as pc

        at = pc.index(which, True).as_py()
        if at >= 0:
            self.evidence.setdefault(way, Evidence(cells[at].as_py(), row + at, self.name))


def _ints(cells: pa.Array) -> np.ndarray | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        numbers = pc.cast(cells, pa.int64())
    except pa.ArrowInvalid:
        return None
    # pyarrow reads 0x10 as 16.
    hexadecimal = pc.or_(pc.match_substring(cells, "x"), pc.match_substring(cells, "X"))
    return None if pc.any(hexadecimal).as_py() else numbers.to_numpy()


def _floats(cells: pa.Array) -> np.ndarray | None:
    """Cells with decimal points as numbers, None as NaN; none where a cell is no number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return pc.cast(cells, pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        if not pc.all(pc.match_substring_regex(cells, NUMBER)).as_py():
            return None
        # Some versions of pyarrow refuse numbers beyond the range of doubles.
        return np.array([np.nan if cell is None else float(cell) for cell in cells.to_pylist()])


def _bools(cells: pa.Array) -> np.ndarray | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    cells = pc.utf8_trim_whitespace(cells)
    true = pc.is_in(cells, value_set=pa.array(["True", "true", "TRUE"]))
    false = pc.is_in(cells, value_set=pa.array(["False", "false", "FALSE"]))
    return true.to_numpy(zero_copy_only=False) if pc.all(pc.or_(true, false)).as_py() else None


class _Text:
    """The cells of a column of text; where values repeat in the first block, each value is kept once."""

    def __init__(self) -> None:
        self.pieces: list[pa.Array] = []
        self.repeats: bool | None = None

    def add(self, cells: pa.Array) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        cells = pc.utf8_trim_whitespace(cells)
        cells = pc.if_else(pc.equal(cells, ""), pa.scalar(None, pa.string()), cells)
        if self.repeats is not False and len(cells):
            encoded = cells.dictionary_encode()
            if self.repeats is None:
                self.repeats = 2 * len(encoded.dictionary) <= len(cells)
            cells = encoded if self.repeats else cells
        self.pieces.append(cells)

    def finish(self) -> pandas.Series:
        import pandas as pd
        import pyarrow as pa

        kept = [piece for piece in self.pieces if len(piece)]
        self.pieces.clear()
        if not kept:
            return pd.Series([], dtype="str")
        column = pa.chunked_array(kept)
        return (column.unify_dictionaries() if self.repeats else column).to_pandas()
