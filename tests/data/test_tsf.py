"""Files of series: the Monash archive's .tsf, and those of the M4 competition."""

import numpy as np
import pytest

from tidegate.data.m4 import is_m4, read_m4
from tidegate.data.tsf import read_tsf
from tidegate.errors import DataError

HEAD = """# of some archive – with a dash
@relation T
@attribute series_name string
@attribute start_timestamp date
@frequency monthly
@horizon 3
@data
"""


def written(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "a.tsf"
    path.write_text(text, encoding=encoding)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_tsf_file_says_what_it_holds(tmp_path, encoding):
    path = written(tmp_path, HEAD + "A:2000-01-01 00-00-00:1,?,3\nB:2001-05-01 00-00-00:4.5\n", encoding)
    found = read_tsf(path)
    np.testing.assert_array_equal(found.series[0], [1, np.nan, 3])
    assert found.attributes["series_name"] == ["A", "B"]
    assert found.attributes["start_timestamp"][1] == np.datetime64("2001-05-01")
    assert (found.frequency, found.horizon) == ("monthly", 3)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("A:1,2", "1 attributes in .*line 8"),
        ("A:2000:1,2", "the date '2000'"),
        ("A:2000-01-01 00-00-00:1,two", "'two' among the values"),
        ("", "without series"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(tmp_path, line, says):
    with pytest.raises(DataError, match=says):
        read_tsf(written(tmp_path, HEAD + line + "\n"))


@pytest.mark.parametrize("read", [read_tsf, read_m4])
def test_a_broken_byte_is_refused_with_its_place(read, tmp_path):
    text = HEAD + "Zürich:2000-01-31 00-00-00:1,2\n" if read is read_tsf else "V1,V2,V3\nZürich,1,2\n"
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode() + b"# \xff\n")
    with pytest.raises(DataError, match=r"0xff in line \d+"):
        read(path)


def test_rows_of_the_m4_competition_end_where_they_end(tmp_path):
    path = tmp_path / "Weekly-train.csv"
    path.write_text('"V1","V2","V3","V4"\n"W1","1","2",""\n"W2","3","4","5.5"\n')
    assert is_m4(path)
    ids, series = read_m4(path)
    assert ids.tolist() == ["W1", "W2"]
    assert [one.tolist() for one in series] == [[1, 2], [3, 4, 5.5]]
    path.write_text('"V1","V2","V3"\n"W1","1","x"\n')
    with pytest.raises(DataError, match="'x' in .*line 2"):
        read_m4(path)
