import numpy as np
import pytest

from tests.paths import REAL_DATA, needs
from tidegate.errors import DataError
from tidegate.preparation import read_dataset

HEADER = "#about\n@problemName own\n@timeStamps false\n@equalLength false\n@classLabel true a b\n@data\n"


def read(tmp_path, text, name="own_TRAIN.ts"):
    (tmp_path / name).write_text(text)
    return read_dataset(str(tmp_path / name))


def test_channels_and_lengths_are_read_as_they_are(tmp_path):
    (tmp_path / "own_TEST.ts").write_text(HEADER + "9,9:8,8:b\n")
    dataset = read(tmp_path, HEADER + "1,2,3:4,5,6:a\n7,8:9,10:b\n")
    assert dataset.name == "own"
    assert dataset.train.lengths.tolist() == [3, 2]
    assert dataset.train.x[0].tolist() == [[1, 4], [2, 5], [3, 6]]
    assert dataset.train.y.tolist() == ["a", "b"]
    assert len(dataset.test) == 1


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("1,two:a\n", "'two' in channel 0 .*line 7"),
        ("1,2:c\n", "the label 'c' .*line 7"),
        ("1,2\n", "without a label .*line 7"),
        ("1,2:3:a\n", "channels of unequal length .*line 7"),
        ("1,2:a\n1,2:3,4:b\n", r"\[1, 2\] channels"),
        ("", "without cases"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(tmp_path, lines, says):
    with pytest.raises(DataError, match=says):
        read(tmp_path, HEADER + lines)


def test_lines_of_comment_begin_with_either_sign(tmp_path):
    head = "%# cut down\n% of ChinaTown\n# by hand\n@problemName x\n@classLabel true a b\n@data\n"
    found = read(tmp_path, head + "1,2,3:a\n% a comment\n4,5,6:b\n")
    assert found.train.y.tolist() == ["a", "b"]


def test_unequal_lengths_that_the_header_denies_are_refused(tmp_path):
    with pytest.raises(DataError, match="unequal length"):
        read(tmp_path, HEADER.replace("@equalLength false", "@equalLength true") + "1,2:a\n1:b\n")


@needs("ucr_uea")
@pytest.mark.parametrize(
    ("name", "n", "n_test", "channels", "steps", "classes"),
    [
        ("JapaneseVowels", 270, 370, 12, 29, 9),
        ("BasicMotions", 40, 40, 6, 100, 4),
        ("ArrowHead", 36, 175, 1, 251, 3),
        ("ECG200", 100, 100, 1, 96, 2),
    ],
)
def test_the_archive_is_what_it_is_known_to_be(name, n, n_test, channels, steps, classes):
    dataset = read_dataset(str(REAL_DATA / "ucr_uea" / name / f"{name}_TRAIN.ts"))
    assert (len(dataset.train), dataset.train.n_channels) == (n, channels)
    assert len(dataset.test) == n_test
    assert max(dataset.train.longest, dataset.test.longest) == steps
    assert len(np.unique(dataset.train.y)) == classes
