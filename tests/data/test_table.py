"""A table comes back as it was written, or is refused in a sentence."""

import bz2
import csv
import datetime
import gzip
import json
import lzma
import math
import sys
import zipfile

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pytest
from hypothesis import HealthCheck, given, settings

from tests.paths import REAL_DATA, needs
from tidegate.data import unpack
from tidegate.data.cells import MISSING
from tidegate.data.table import ENDINGS, TableFormat, is_table, open_table
from tidegate.errors import DataError, MissingExtraError


def opened(tmp_path, content, name="own.csv", **given):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return open_table(path, TableFormat(**given))


def column(tmp_path, cells, text=False, **given):
    """A column x of these cells, beside one that keeps empty lines apart."""
    lines = "".join(f"{cell};1\n" for cell in cells)
    return opened(tmp_path, f"x;k\n{lines}", separator=";", **given).read(text=["x"] if text else [])["x"]


def values(series):
    """A list in which None is what is missing."""
    return [None if pd.isna(value) else value for value in series.tolist()]


# What pandas and csv write


FLOATS = st.floats(allow_nan=False)
INTS = st.integers(-(2**63), 2**63 - 1)
# Letters keep a word from being a number or a missing one; whitespace is stripped; a line break is \n in every file.
WORDS = st.text(st.characters(exclude_categories=["C", "Z"]) | st.sampled_from(" \n"), max_size=9).map(
    lambda word: f"w{word}w"
)
COLUMNS = st.sampled_from([FLOATS, INTS, WORDS, st.booleans()])
FRAMES = (
    st.integers(1, 6)
    .flatmap(
        lambda rows: st.lists(
            COLUMNS.flatmap(lambda one: st.lists(one, min_size=rows, max_size=rows)), min_size=1, max_size=4
        )
    )
    .map(lambda columns: pd.DataFrame({f"c{i}": column for i, column in enumerate(columns)}))
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    frame=FRAMES,
    written=st.sampled_from([(",", "."), (";", "."), (";", ","), ("\t", "."), ("\t", ","), ("|", "."), (",", ",")]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    lineterminator=st.sampled_from(["\n", "\r\n"]),
)
def test_what_pandas_writes_comes_back(tmp_path, frame, written, quoting, encoding, lineterminator):
    separator, decimal = written
    path = tmp_path / "own.csv"
    how = {"sep": separator, "decimal": decimal, "quoting": quoting, "lineterminator": lineterminator}
    path.write_bytes(frame.to_csv(index=False, **how).encode(encoding))
    read = open_table(path, TableFormat(separator=separator, decimal=decimal)).read()
    assert list(read.columns) == list(frame.columns)
    for name in frame:
        assert read[name].dtype.kind == frame[name].dtype.kind or read[name].dtype == "category"
        assert read[name].tolist() == frame[name].tolist()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cell=st.from_regex(r"[+-]?([0-9]{1,25}(\.[0-9]{0,25})?|\.[0-9]{1,25})([eE][+-]?[0-9]{1,3})?", fullmatch=True))
def test_a_number_is_what_python_reads(tmp_path, cell):
    assert float(column(tmp_path, [cell, "0.5"], decimal=".")[0]) == float(cell)


@pytest.mark.parametrize("quoting", [csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_quoted_cells_hold_separators_quotes_and_line_breaks(tmp_path, separator, quoting):
    cells = [f"a{separator}b", 'say "so"', "two\nlines", "ü", '5" pipe', "NA"]
    with (tmp_path / "own.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=separator, quoting=quoting)
        writer.writerows([["note", "x"], *([cell, 1] for cell in cells)])
    read = open_table(tmp_path / "own.csv").read()
    assert read["note"].tolist() == cells
    assert read["x"].tolist() == [1] * 6


# Cells


@pytest.mark.parametrize(
    ("cells", "kind", "expected"),
    [
        (["1", "-2", "+3", "007"], "i", [1, -2, 3, 7]),
        ([str(2**53 + 1), "-9223372036854775808"], "i", [2**53 + 1, -(2**63)]),
        (["9223372036854775808", "1"], "f", [2.0**63, 1.0]),
        (["1", "2."], "f", [1.0, 2.0]),
        (["1", "2e3", ".5", " 7 "], "f", [1.0, 2000.0, 0.5, 7.0]),
        (["1", ""], "f", [1.0, None]),
        (["inf", "-Infinity", "+inf", "1e400", "1e-400"], "f", [math.inf, -math.inf, math.inf, math.inf, 0.0]),
        (["0.5", *MISSING], "f", [0.5] + [None] * len(MISSING)),
        (["5", " NA "], "f", [5.0, None]),
        (["", " "], "f", [None, None]),
        (["True", "false", "TRUE"], "b", [True, False, True]),
        (["True", ""], "text", ["True", None]),
        (["True", "yes"], "text", ["True", "yes"]),
        (["1_000", "1"], "text", ["1_000", "1"]),
        (["0x10", "1"], "text", ["0x10", "1"]),
        (["0x10", "0x11"], "text", ["0x10", "0x11"]),
        (["1", "2.5", "up"], "text", ["1", "2.5", "up"]),
        ([" a ", "", "NA", "b c"], "text", ["a", None, "NA", "b c"]),
        (["1.234,56", "2"], "text", ["1.234,56", "2"]),
        (["٣", "1"], "text", ["٣", "1"]),
    ],
)
def test_a_column_is_of_numbers_if_all_its_cells_are(tmp_path, cells, kind, expected):
    read = column(tmp_path, cells)
    assert ("text" if read.dtype.kind == "O" or isinstance(read.dtype, pd.StringDtype) else read.dtype.kind) == kind
    assert values(read) == expected


def test_a_column_of_text_stays_as_it_is_written(tmp_path):
    cells = ["007", "NA", "None", "null", "1.50", "", "1e5"]
    assert values(column(tmp_path, cells, text=True)) == [cell or None for cell in cells]


def test_text_that_repeats_is_a_category_of_the_same_words(tmp_path):
    read = column(tmp_path, ["b", "b", "a", "", "a"], text=True)
    assert read.dtype == "category"
    assert values(read) == ["b", "b", "a", None, "a"]


@pytest.mark.parametrize("early", ["007", "0.50", "", "NA", "True"])
@pytest.mark.parametrize("late", ["x", "1_0"])
def test_a_column_that_is_text_only_further_down_is_text_from_the_start(tmp_path, monkeypatch, early, late):
    monkeypatch.setattr(unpack, "BLOCK", 64)
    read = column(tmp_path, [early] * 1000 + [late])
    assert values(read) == [early or None] * 1000 + [late]


@pytest.mark.parametrize(("late", "expected"), [("0.5", 0.5), ("", None), ("NA", None), ("8", 8)])
def test_whole_numbers_further_up_join_what_follows(tmp_path, monkeypatch, late, expected):
    monkeypatch.setattr(unpack, "BLOCK", 64)
    read = column(tmp_path, ["7"] * 1000 + [late])
    assert values(read) == [7] * 1000 + [expected]
    assert read.dtype == (np.int64 if late == "8" else np.float64)


def test_only_the_columns_asked_for_are_read_in_their_order(tmp_path):
    own = opened(tmp_path, "a,b,c\n1,2,3\n4,5,6\n")
    read = own.read(columns=["c", "a"])
    assert read.columns.tolist() == ["c", "a"]
    assert read.to_numpy().tolist() == [[3, 1], [6, 4]]
    with pytest.raises(DataError, match="unknown column 'aa'.*try 'a'"):
        own.read(columns=["aa"])


# How the table is written


NUMBERS = [("t", "x", "y"), ("1", "0{d}5", "-1{d}25"), ("2", "1{d}75", "3")]


def written(separator, decimal=".", header=True):
    lines = [separator.join(cells).format(d=decimal) for cells in NUMBERS]
    return "\n".join(lines if header else lines[1:]) + "\n"


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize(
    ("separator", "decimal", "says"),
    [
        (",", ".", []),
        (";", ".", ["separated by semicolons"]),
        (";", ",", ["separated by semicolons", "decimal comma"]),
        ("\t", ".", ["separated by tabs"]),
        ("\t", ",", ["separated by tabs", "decimal comma"]),
        ("|", ",", ["separated by vertical bars", "decimal comma"]),
        ("   ", ".", ["separated by spaces"]),
        (" \t ", ",", ["separated by"]),
    ],
)
def test_separator_and_decimal_sign_are_found(tmp_path, separator, decimal, says, header):
    own = opened(tmp_path, written(separator, decimal, header), "own.txt")
    read = own.read()
    assert read.to_numpy().tolist() == [[1, 0.5, -1.25], [2, 1.75, 3]]
    assert own.header is header
    assert own.columns == (["t", "x", "y"] if header else ["0", "1", "2"])
    assert all(part in own.found for part in says)
    assert own.found or (header and not says)


@pytest.mark.parametrize("name", ["own.tsv", "own.tab", "own.TSV.gz"])
def test_the_ending_tsv_prefers_tabs_and_takes_what_is_there(tmp_path, name):
    pack = gzip.compress if name.endswith("gz") else bytes
    assert opened(tmp_path, pack(b"a,b\tc,d\nx,y\tz,w\n"), name).columns == ["a,b", "c,d"]
    assert opened(tmp_path, pack(b"a,b\n1,2\n"), name).columns == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "columns", "rows"),
    [
        ("x\n1\n2\n", ["x"], [[1], [2]]),
        ("x\n1,5\n2,25\n", ["x"], [[1.5], [2.25]]),
        ("1\n2\n", ["0"], [[1], [2]]),
        ("two words\n1\n2\n", ["two words"], [[1], [2]]),
        ("note\na b, c\nd; e\n", ["note"], [["a b, c"], ["d; e"]]),
        ('a,b\n"1,5","2"\n"0,25","3"\n', ["a", "b"], [[1.5, 2], [0.25, 3]]),
        ("sep=;\na;b,c\n1;2\n", ["a", "b,c"], [[1, 2]]),
        ("# made by hand\n#\n\na,b\n1,2\n", ["a", "b"], [[1, 2]]),
        ("a,b,\n1,2,\n3,4,\n", ["a", "b"], [[1, 2], [3, 4]]),
        (",b\n0,2\n", ["", "b"], [[0, 2]]),
        ("1,2,\n3,4,\n", ["0", "1"], [[1, 2], [3, 4]]),
        (" a , b\n 1 , 2\n", ["a", "b"], [[1, 2]]),
        ('"a\nb",c\n1,2\n', ["a\nb", "c"], [[1, 2]]),
        ("a b\n'x' \"y z\"\n", ["a", "b"], [["'x'", "y z"]]),
        ("a,b\r1,2\r3,4\r", ["a", "b"], [[1, 2], [3, 4]]),
        ("a,b\n1,2\n\n3,4", ["a", "b"], [[1, 2], [3, 4]]),
        ('a,b\n1,"2"\n3,"4"', ["a", "b"], [[1, 2], [3, 4]]),
    ],
)  # fmt: skip
def test_the_forms_of_text_tables(tmp_path, content, columns, rows):
    own = opened(tmp_path, content)
    assert own.columns == columns
    assert own.read().to_numpy().tolist() == rows


def test_a_header_alone_is_a_table_without_rows(tmp_path):
    for content in ("a,b\n", "a,b", "a,b\n\n\n", '"a","b"\n'):
        read = opened(tmp_path, content).read(text=["a"])
        assert read.shape == (0, 2)
        assert read.columns.tolist() == ["a", "b"]


@pytest.mark.parametrize("separator", [" ", ",", ";", "\t"])
def test_the_row_names_that_r_writes_are_a_column_without_a_name(tmp_path, separator):
    lines = ['"x" "word"', '"1" 0.5 "a b"', '"2" 1.5 NA']
    own = opened(tmp_path, "".join(line.replace(" ", separator) + "\n" for line in lines), "own.txt")
    assert own.columns == ["", "x", "word"]
    assert own.read()[["", "x"]].to_numpy().tolist() == [[1, 0.5], [2, 1.5]]
    assert "row names in a first column that the header leaves out" in own.found


def test_short_lines_of_a_table_without_header_are_filled(tmp_path):
    own = opened(tmp_path, "1\t0,5\t0,25\n2\t1,5\n1\tNaN\tNaN\n", "own_TRAIN.tsv")
    assert [values(row) for _, row in own.read().iterrows()] == [[1, 0.5, 0.25], [2, 1.5, None], [1, None, None]]
    assert "1 short lines filled" in own.found


@pytest.mark.parametrize(
    ("encoding", "says"),
    [("utf-8", ""), ("utf-8-sig", ""), ("utf-16", "utf-16"), ("utf-32", "utf-32"), ("cp1252", "cp1252")],
)
def test_the_encoding_is_found(tmp_path, encoding, says):
    own = opened(tmp_path, "é€,b\nü,1\n".encode(encoding))
    assert own.columns == ["é€", "b"]
    assert own.read()["é€"].tolist() == ["ü"]
    assert own.found == says


def test_bytes_that_are_not_utf8_far_down_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(unpack, "BLOCK", 7)
    own = opened(tmp_path, "a,b\n" + "ü,1\n" * 99 + "ß,1\n", encoding=None)
    assert own.read()["a"].tolist() == ["ü"] * 99 + ["ß"]
    own = opened(tmp_path, ("a,b\n" + "u,1\n" * 99 + "ß,1\n").encode("cp1252"))
    assert own.read()["a"].tolist() == ["u"] * 99 + ["ß"]


@pytest.mark.parametrize("block", [5, 4 << 20])
@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("a,b\nü,1\n".encode() + b"\xfc,2\n", "0xfc in line 3 at offset 9"),
        (b"a,b\r\n\xfc,2\r\n" + "ü,1\n".encode(), "0xfc in line 2 at offset 5"),
        ("a,b\n€".encode() + b"\x80,1\n", "0x80 in line 2 at offset 7"),
        ("a,b\nu,1\nu,ü".encode()[:-1], "0xc3 in line 3 at offset 10"),
        (b"\xef\xbb\xbfa,b\n\xfc,1\n", "0xfc in line 2 at offset 7"),
    ],
    ids=["after", "before", "inside", "cut off", "marked"],
)
def test_a_file_in_utf8_but_for_a_byte_is_refused_with_its_place(tmp_path, monkeypatch, content, place, block):
    monkeypatch.setattr(unpack, "BLOCK", block)
    with pytest.raises(DataError, match=f"{place}, .*--encoding cp1252"):
        opened(tmp_path, content)
    assert opened(tmp_path, content, encoding="cp1252").read().shape[1] == 2


@pytest.mark.parametrize(
    "given",
    [{"separator": "tab"}, {"separator": "\t"}, {"separator": "TAB", "decimal": "."}],
)
def test_a_given_separator_is_used(tmp_path, given):
    own = opened(tmp_path, "a;b\tc\nx;y\t1\n", **given)
    assert own.columns == ["a;b", "c"]
    assert own.found == ""


def test_a_given_encoding_is_used(tmp_path):
    own = opened(tmp_path, "\u0431,b\n1,2\n".encode("koi8-r"), encoding="koi8-r")
    assert own.columns == ["\u0431", "b"]
    assert own.found == ""


def test_a_given_decimal_sign_is_the_only_one(tmp_path):
    assert values(column(tmp_path, ["1,234", "5"], decimal=",")) == [1.234, 5]
    assert values(column(tmp_path, ["1,234", "5"], decimal=".")) == ["1,234", "5"]
    assert values(column(tmp_path, ["1.5", "5"], decimal=",")) == ["1.5", "5"]


def test_commas_before_three_digits_are_decimals_where_another_cell_shows_it(tmp_path):
    own = opened(tmp_path, "a;b\n1,234;0,5\n2,345;7\n")
    assert own.read()["a"].tolist() == [1.234, 2.345]
    assert column(tmp_path, ["1,234", "0,345"]).tolist() == [1.234, 0.345]


def test_points_before_three_digits_beside_semicolons_are_refused_unless_the_decimal_sign_is_said(tmp_path):
    content = "id;a;b\nx;1.234;7\ny;-12.345;8\n"
    with pytest.raises(DataError, match=r"'1.234' in .*row 2, column 'a'.*--decimal \. .*--decimal ,"):
        opened(tmp_path, content).read()
    assert opened(tmp_path, content, decimal=".").read()["a"].tolist() == [1.234, -12.345]
    assert opened(tmp_path, content, decimal=",").read()["a"].tolist() == [1234, -12345]


@pytest.mark.parametrize("other", ["0.5", "0.125", "1234.567", "1.2345"])
def test_points_before_three_digits_are_decimals_where_another_cell_shows_it(tmp_path, other):
    own = opened(tmp_path, f"a;b\n1.234;{other}\n2.345;7\n")
    assert own.read(columns=["a"])["a"].tolist() == [1.234, 2.345]


@pytest.mark.parametrize("separator", [",", "\t", " "])
def test_points_before_three_digits_are_decimals_beside_other_separators(tmp_path, separator):
    own = opened(tmp_path, f"a{separator}b\n1.234{separator}1\n2.345{separator}2\n")
    assert own.read()["a"].tolist() == [1.234, 2.345]


def test_points_before_three_digits_beside_a_decimal_comma_part_thousands_if_it_is_given(tmp_path):
    content = "a;b\n1.234;0,5\n1.234.567,25;7\n"
    assert opened(tmp_path, content, decimal=",").read().to_numpy().tolist() == [[1234, 0.5], [1234567.25, 7]]
    with pytest.raises(DataError, match=r"'0,5' .*'1.234' .*--decimal ,"):
        opened(tmp_path, content.replace("1.234.567,25", "2.345")).read()


def test_commas_in_text_say_nothing_of_decimals(tmp_path):
    own = opened(tmp_path, "id;note;x\n1,5;a;0.5\n1,6;2,5;1.5\n")
    assert own.read(text=["id"])["x"].tolist() == [0.5, 1.5]


@pytest.mark.parametrize("block", [64, 4 << 20])
@pytest.mark.parametrize(("above", "below"), [("1,5", "2.5"), ("2.5", "1,5"), ("7", "1,5")])
def test_a_decimal_sign_may_be_known_only_further_down(tmp_path, monkeypatch, above, below, block):
    monkeypatch.setattr(unpack, "BLOCK", block)
    own = opened(tmp_path, "x;k\n" + f"{above};1\n" * 1000 + f"{below};1\n")
    if above == "7":
        assert own.read()["x"].tolist() == [7] * 1000 + [1.5]
        assert "decimal comma" in own.found
    else:
        with pytest.raises(DataError, match=r"'1,5' \(row .*'2.5' \(row .*--decimal"):
            own.read()


# Packed, and typed


@pytest.mark.parametrize("pack", [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)])
def test_a_packed_table_is_read(tmp_path, pack):
    ending, compress = pack
    assert opened(tmp_path, compress(b"a,b\n1,2\n"), f"own.csv{ending}").read().to_numpy().tolist() == [[1, 2]]


@pytest.mark.parametrize("name", ["own.csv.zip", "own.csv.zst"])
def test_what_pandas_packs_is_read(tmp_path, name):
    path = tmp_path / name
    if name.endswith("zst"):
        with pa.CompressedOutputStream(str(path), "zstd") as file:
            file.write(b"a,b\n1,2\n")
    else:
        pd.DataFrame({"a": [1], "b": [2]}).to_csv(path, index=False)
    assert open_table(path).read().to_numpy().tolist() == [[1, 2]]


TYPED = pd.DataFrame(
    {
        "id": ["007", "NA", "x"],
        "n": [2**53 + 1, 2, 3],
        "x": [0.1, math.inf, 5e-324],
        "b": [True, False, True],
    }
)


@pytest.mark.parametrize("name", ["own.parquet", "own.PQ", "own.feather", "own.arrow", "own.jsonl", "own.ndjson.gz"])
def test_typed_files_keep_their_types(tmp_path, name):
    path = tmp_path / name
    if ".p" in name.lower():
        TYPED.to_parquet(path)
    elif "json" in name:
        text = "".join(json.dumps(row) + "\n" for row in TYPED.to_dict("records"))
        path.write_bytes(gzip.compress(text.encode(), mtime=0) if name.endswith("gz") else text.encode())
    elif name.endswith("feather"):
        TYPED.to_feather(path)
    else:
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, pa.Schema.from_pandas(TYPED)) as writer:
            writer.write_table(pa.Table.from_pandas(TYPED))
    own = open_table(path)
    assert own.columns == list(TYPED)
    assert own.header and own.index == [] and own.found == ""
    pd.testing.assert_frame_equal(own.read(), TYPED)
    pd.testing.assert_frame_equal(own.read(columns=["x", "id"]), TYPED[["x", "id"]])


@pytest.mark.parametrize("write", ["to_parquet", "to_feather"])
@pytest.mark.parametrize(
    ("frame", "columns", "index"),
    [
        (pd.DataFrame({"x": [1.0, 2.0]}), ["x"], []),
        (pd.DataFrame({"x": [1.0, 2.0]}, index=pd.Index(["a", "b"], name="id")), ["x", "id"], ["id"]),
        (pd.DataFrame({"x": [1.0, 2.0]}, index=["a", "b"]), ["x", ""], [""]),
    ],
)
def test_an_index_of_pandas_is_a_column_again(tmp_path, frame, columns, index, write):
    if write == "to_feather" and index:
        pyarrow.feather.write_feather(pa.Table.from_pandas(frame), str(tmp_path / "own.feather"))
    else:
        getattr(frame, write)(tmp_path / f"own.{write[3:]}")
    own = open_table(next(tmp_path.iterdir()))
    assert (own.columns, own.index) == (columns, index)
    assert own.read()[columns[-1]].tolist() == (["a", "b"] if index else [1.0, 2.0])


def test_json_lines_may_lack_keys(tmp_path):
    own = opened(tmp_path, '{"a": 1, "t": "é"}\n\n{"b": 0.1, "a": 2}\n{"t": null, "b": NaN, "a": 3}\n', "own.jsonl")
    assert own.columns == ["a", "t", "b"]
    read = own.read()
    assert read["a"].tolist() == [1, 2, 3]
    assert values(read["t"]) == ["é", None, None]
    assert values(read["b"]) == [None, 0.1, None]


def test_a_key_that_an_object_has_twice_is_refused_with_its_line(tmp_path):
    with pytest.raises(DataError, match="the key 'x' twice in .*line 2"):
        opened(tmp_path, '{"x": 1, "y": 2}\n{"x": 1, "y": 2, "x": 3}\n', "own.jsonl")


@pytest.mark.parametrize("gap", [0, 50_000])
def test_truth_values_among_numbers_are_refused_with_their_row(tmp_path, gap):
    lines = '{"x": 1.5}\n' + '{"x": null}\n' * gap + '{"x": true}\n'
    own = opened(tmp_path, lines, "own.jsonl")
    with pytest.raises(DataError, match=f"true in .*row {gap + 2}, column 'x', and 1.5 in row 1"):
        own.read()
    assert own.read(text=["x"])["x"].dropna().tolist() == [1.5, True]


def workbook(tmp_path, **sheets):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, lines in sheets.items():
        sheet = book.create_sheet(title)
        for line in lines:
            sheet.append(line)
    book.save(tmp_path / "own.xlsx")
    return tmp_path / "own.xlsx"


TABLE = [["a", "b"], [1, 2], [3, 4]]


def test_a_sheet_of_notes_or_an_empty_one_before_the_table_is_not_read(tmp_path):
    own = open_table(workbook(tmp_path, empty=[], notes=[["made by hand"], ["in May"]], data=TABLE))
    assert own.found == "sheet 'data' of 3"
    assert own.read().to_numpy().tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("other", [TABLE, [["x"], [1]]])
def test_a_workbook_with_two_tables_is_refused(tmp_path, other):
    with pytest.raises(DataError, match="tables in 2 sheets .'one', 'two'.*save the sheet"):
        open_table(workbook(tmp_path, one=TABLE, two=other))


def test_an_error_in_a_cell_is_refused_with_the_cell_where_its_column_is_read(tmp_path):
    own = open_table(workbook(tmp_path, data=[[], *TABLE, [5, "#DIV/0!"]]))
    with pytest.raises(DataError, match="the error #DIV/0! in .*cell B5"):
        own.read()
    assert own.read(columns=["a"])["a"].tolist() == [1, 3, 5]


def test_the_sheet_with_a_table_is_read(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.title = "runs"
    day = datetime.datetime(2024, 2, 29, 12)
    for line in [[], ["id", "n", "x", "day"], ["007", 1, 0.1, day], ["NA", 2, None, day], [None, 3, "#N/A", day], []]:
        book.active.append(line)
    book.create_sheet("notes")
    book.save(tmp_path / "own.xlsx")
    own = open_table(tmp_path / "own.xlsx")
    assert own.found == "sheet 'runs' of 2"
    read = own.read()
    assert values(read["id"]) == ["007", "NA", None]
    assert read["n"].tolist() == [1, 2, 3] and read["n"].dtype == np.int64
    assert values(read["x"]) == [0.1, None, None] and read["x"].dtype == np.float64
    assert read["day"].tolist() == [pd.Timestamp(day)] * 3
    assert own.place(0) == "row 3"


def test_excel_files_that_cannot_be_read_are_refused(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    with pytest.raises(DataError, match="cannot be read"):
        opened(tmp_path, "a,b\n1,2\n", "own.xlsx")
    book = openpyxl.Workbook()
    book.active.append(["a"])
    book.active.append([1, 2])
    book.save(tmp_path / "wide.xlsx")
    with pytest.raises(DataError, match="2 in .*row 2, in a column without a name"):
        open_table(tmp_path / "wide.xlsx").read()


def test_excel_without_openpyxl_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(MissingExtraError, match="pip install openpyxl"):
        opened(tmp_path, b"PK", "own.xlsx")


# Places, names and progress


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("own.csv", "a,b\n1,2\n", "row 2"),
        ("own.csv", "1,2\n3,4\n", "row 1"),
        ("own.csv", "# c\n\na,b\n1,2\n", "row 4"),
        ("own.jsonl", '{"a": 1}\n', "row 1"),
    ],
)
def test_the_place_of_the_first_row(tmp_path, name, content, place):
    own = opened(tmp_path, content, name)
    assert own.place(0) == place
    assert own.place(9) == f"row {int(place[4:]) + 9}"


def test_a_table_is_known_by_its_name(tmp_path):
    assert all(is_table(tmp_path / f"a{ending}") and is_table(tmp_path / f"A{ending.upper()}") for ending in ENDINGS)
    assert not any(is_table(tmp_path / name) for name in ("a.npz", "csv", "a.gz", "a.ts", "a.parquet.gz"))


@pytest.mark.parametrize("name", ["own.csv", "own.jsonl", "own.csv.gz"])
def test_progress_ends_at_the_size_of_the_file(tmp_path, monkeypatch, name):
    monkeypatch.setattr(unpack, "BLOCK", 512)
    rows = ['{"a": 1}\n' if "json" in name else f"{n},{n}\n" for n in range(2000)]
    content = ("" if "json" in name else "a,b\n") + "".join(rows)
    own = opened(tmp_path, gzip.compress(content.encode(), mtime=0) if name.endswith("gz") else content, name)
    told = []
    own.read(tell=lambda done, total: told.append((done, total)))
    size = own.path.stat().st_size
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert {total for _, total in told} == {size} and told[-1][0] == size


def test_a_line_may_be_longer_than_a_block(tmp_path, monkeypatch):
    monkeypatch.setattr(unpack, "BLOCK", 16)
    word = "w" * 100_000
    assert opened(tmp_path, f'a,b\n1,"{word}"\n2,v\n').read()["b"].tolist() == [word, "v"]


# What is refused


GZ = gzip.compress(b"a,b\n" + b"1,2\n" * 50, mtime=0)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("own.csv", "", "an empty file"),
        ("own.csv", " \n\n", "an empty file"),
        ("own.jsonl", "\n", "an empty file"),
        ("own.parquet", "", "an empty file"),
        ("own.csv", "# only\n", "without a line of a table"),
        ("own.csv", "a,b,a\n1,2,3\n", "2 columns named 'a'"),
        ("own.csv", "a,,\n1,2,3\n", "2 columns without a name"),
        ("own.csv", b"a,b\n1,\x002\n", r"control byte 0x00 at 6; .*--encoding"),
        ("own.csv", b"\x89PNG\r\n\x1a\n\0", "control byte 0x1a at 6"),
        ("own.csv", "a,b\n1,2\n".encode("utf-16-le"), "control byte 0x00 .*--encoding.*utf-16-le"),
        ("own.csv", b"a,b\n\x81,2\n", "neither in utf-8 nor in cp1252.*--encoding"),
        ("own.csv", b"\xff\xfea,b\n1,2\n\n", "no utf-16"),
        ("own.csv", "a;b,c\n", "can be split at commas or at semicolons.*--separator"),
        ("own.csv", "1,5 2,5\n3,5 4,5\n", "can be split at commas or at spaces.*--separator"),
        ("own.csv", "a;b,c\nx;y,z\n", "can be split at commas or at semicolons.*--separator"),
        ("own.csv", 'a,"b\n1,2\n', "line 1, that is not closed"),
        ("own.csv.gz", GZ[:-12], "cannot be unpacked"),
        ("own.csv.gz", b"a,b\n1,2\n", "cannot be unpacked"),
        ("own.csv.bz2", b"a,b\n1,2\n", "cannot be unpacked"),
        ("own.csv.xz", b"a,b\n1,2\n", "cannot be unpacked"),
        ("own.csv.zst", b"a,b\n1,2\n", "cannot be unpacked"),
        ("own.csv.zip", b"a,b\n1,2\n", "cannot be unpacked"),
        ("own.parquet", b"a,b\n1,2\n", "cannot be read"),
        ("own.feather", b"a,b\n1,2\n", "cannot be read"),
        ("own.jsonl", "[1, 2]\n", r"'\[1, 2\]' in .*line 1.*a JSON object a line"),
        ("own.jsonl", '{"a": 1}\n{"a": \n', "line 2, that is no JSON"),
        ("own.jsonl", '{"a": [1]}\n', r"nested value \[1\] .*line 1, column 'a'"),
        ("own.jsonl", b'{"a": 1}\n{"a": "\xff"}\n', "no UTF-8, 0xff in line 2 at offset 16"),
    ],
)  # fmt: skip
def test_files_that_are_refused_when_opened(tmp_path, name, content, says):
    with pytest.raises(DataError, match=says):
        opened(tmp_path, content, name)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("a,b\n1,2\n3,4,5\n", "3 cells in .*line 3; wanted 2 as in the header"),
        ("a,b\n1,2\n3\n", "1 cell in .*line 3; wanted 2"),
        ("a,b\n1,2\n\n  \n", "1 cell in .*line 4"),
        ('# c\na,b\n"1\n1",2\n3,4,5\n', "3 cells in .*line 5"),
        ("a b\n1 2\n1 2 3\n", "3 cells in .*line 3"),
        ("a,b\n1,2,3\n2,4,5\n", "3 cells in .*line 2; .*col.names=NA"),
        ('a,b\n1,2\n3,"4\n5,6\n', "line 3, that is not closed"),
        ('a,b\n1,2\n3,"4', "line 3, that is not closed"),
        ("a,b,\n" + "1,2,\n" * 60 + "1,2,3\n", "'3' in .*row 62, in a last column without a name"),
        ("a;b\n1,234;x\n2,345;y\n", r"'1,234' in .*row 2, column 'a'.*--decimal"),
        ('a,b\n"1,234",2\n', r"'1,234' in .*row 2, column 'a'.*--decimal"),
        ("a;b\n1,5;2\n3;2.5\n", r"'1,5' \(row 2, column 'a'\) and '2.5' \(row 3, column 'b'\).*--decimal"),
    ],
)
def test_tables_that_are_refused_when_read(tmp_path, content, says):
    own = opened(tmp_path, content)
    with pytest.raises(DataError, match=says):
        own.read()


def test_a_ragged_line_far_down_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(unpack, "BLOCK", 256)
    own = opened(tmp_path, "a,b\n" + "1,2\n" * 999 + "1,2,3\n" + "1,2\n" * 999)
    with pytest.raises(DataError, match="line 1001;"):
        own.read()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"separator": ";;"}, "--separator ';;'"),
        ({"separator": '"'}, "--separator"),
        ({"separator": "§"}, "--separator"),
        ({"separator": ""}, "--separator ''"),
        ({"decimal": "x"}, "--decimal 'x'"),
        ({"encoding": "klingon"}, "--encoding 'klingon'"),
        ({"encoding": "base64"}, "--encoding 'base64'"),
        ({"encoding": "utf-8"}, "cannot be decoded as --encoding utf-8"),
        ({"encoding": "ascii"}, "cannot be decoded as --encoding ascii"),
    ],
)
def test_wrong_options_are_named(tmp_path, given, says):
    with pytest.raises(DataError, match=says):
        opened(tmp_path, "é,b\n1,2\n".encode("latin-1"), **given)


def test_options_of_text_are_refused_for_typed_files(tmp_path):
    with pytest.raises(DataError, match="--separator for .*leave out --separator"):
        opened(tmp_path, '{"a": 1}\n', "own.jsonl", separator=",")


def test_a_zip_of_several_files_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "own.csv.zip", "w") as archive:
        archive.writestr("a.csv", "a,b\n1,2\n")
        archive.writestr("b.csv", "a,b\n1,2\n")
    with pytest.raises(DataError, match="2 files .'a.csv', 'b.csv'"):
        open_table(tmp_path / "own.csv.zip")


@pytest.mark.parametrize("name", ["none.csv", "none.parquet", "none.arrow", "none.jsonl"])
def test_a_file_that_is_not_there_is_refused(tmp_path, name):
    with pytest.raises(DataError, match="cannot be read"):
        open_table(tmp_path / name)


# Real files


@needs("ett")
@pytest.mark.parametrize(("name", "rows"), [("ETTh1.csv", 17420), ("ETTm1.csv.gz", 69680)])
def test_the_numbers_of_a_real_file_are_those_of_python(name, rows):
    path = REAL_DATA / "ett" / name
    own = open_table(path)
    assert own.columns == ["date", "HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"]
    read = own.read()
    assert len(read) == rows and own.found == ""
    with (gzip.open if name.endswith("gz") else open)(path, "rt") as file:
        first = next(row for number, row in enumerate(csv.reader(file)) if number == 1)
    assert [read["date"][0], *read.iloc[0, 1:]] == [first[0], *map(float, first[1:])]
