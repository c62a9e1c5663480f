"""Tables as people bring them: each is understood the way its owner means it, or refused with the remedy."""

import itertools
import json
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.paths import REAL_DATA, needs
from tidegate.data import Dataset
from tidegate.errors import ConfigError, DataError
from tidegate.preparation import Preparation, Reading, read_dataset, read_source
from tidegate.preparation.describe import describe, short


@pytest.fixture
def write(tmp_path):
    numbers = itertools.count()

    def written(text, name=None):
        path = tmp_path / (name or f"own{next(numbers)}.csv")
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return written


def lines(*rows):
    return "\n".join(rows) + "\n"


def first_channel(dataset):
    return [part[:, 0].tolist() for part in dataset.train.x]


# Order of the steps


@pytest.mark.parametrize(
    ("times", "order"),
    [
        (["8:00", "9:00", "10:00"], [0, 1, 2]),
        (["9/29/2020", "9/30/2020", "10/1/2020", "10/2/2020"], [0, 1, 2, 3]),
        (["31.01.2020", "01.02.2020"], [0, 1]),
        (["01.02.2020", "31.01.2020"], [1, 0]),
        (["1", "2", "10"], [0, 1, 2]),
        (["0.5", "1e1", "2"], [0, 2, 1]),
        (["2020-01-31T08:00:00Z", "2020-01-31T08:30:00+01:00"], [1, 0]),
        (["1609459200", "1609459201.5", "999999999"], [2, 0, 1]),
        (["9:00 AM", "1:00 PM", "11:00 PM"], [0, 1, 2]),
        (["Feb 1, 2020", "Jan 31, 2020"], [1, 0]),
    ],
    ids=lambda value: " ".join(map(str, value)),
)
def test_steps_are_in_order_of_time(write, times, order):
    rows = [f"{time},{n},{n}" if "," not in time else f'"{time}",{n},{n}' for n, time in enumerate(times)]
    part = read_dataset(write(lines("time,x,y", *rows)), "regression").train
    assert part.values[:, 0].tolist() == order


@pytest.mark.parametrize(
    ("times", "says"),
    [
        (["t1", "t2", "t10"], "'t1' in .*row 2"),
        (["1", "2", "three"], "'three' in .*row 4"),
        (["1/2/2020", "2/2/2020"], "1/2/2020.*row 2.*--time-format"),
        (["2020-01-01", "2020-01-02", "later"], "'later' in .*row 4"),
        (["1", "", "3"], "an empty cell in .*row 3, column 'time'"),
        (["22:00", "23:00", "0:00", "1:00"], "0:00, earlier than the row before, .*row 4.*add the date"),
        (["08:00", "12:00", "08:05", "12:05"], "08:05, earlier than the row before, .*row 4"),
    ],
    ids=str,
)
def test_times_that_cannot_be_ordered_are_refused_with_the_cell(write, times, says):
    rows = [f"{time},{n},{n}" for n, time in enumerate(times)]
    with pytest.raises(DataError, match=says):
        read_dataset(write(lines("time,x,y", *rows)), "regression")


def test_an_ambiguous_date_is_read_as_it_is_said(write):
    path = write(lines("time,x,y", "3/1/2020,3,0", "1/2/2020,1,0"))
    for time_format, order in (("%d/%m/%Y", [3, 1]), ("%m/%d/%Y", [1, 3])):
        part = read_dataset(path, "regression", time_format=time_format).train
        assert part.values[:, 0].tolist() == order


# Repeated steps and mixed series


def test_a_repeated_step_is_refused_with_both_rows(write):
    path = write(lines("id,time,x,y", "a,1,0,u", "a,2,1,u", "a,1,2,u", "b,1,3,v"))
    with pytest.raises(DataError, match="time 1 twice in id a .*row 2 and row 4"):
        read_dataset(path, "classification")


def test_series_without_an_id_are_refused_with_the_column_that_tells_them_apart(write):
    rows = [f"{series},{t},{t},{t}" for t in range(5) for series in ("north", "south")]
    for columns in ("series,time,x,y", "place,time,x,y"):
        with pytest.raises(DataError, match=f"--id {columns.split(',')[0]}"):
            read_dataset(write(lines(columns, *rows)), "regression")


def test_two_columns_that_name_a_series_together_are_named(write):
    rows = [f"{i},{place},{t},{t},{t}" for t in range(5) for i in "ab" for place in ("north", "south")]
    with pytest.raises(DataError, match="join 'id' and 'place'"):
        read_dataset(write(lines("id,place,time,x,y", *rows)), "regression")


@pytest.mark.parametrize(
    ("column", "option"),
    [("recording", "--id recording"), ("run_id", "--id run_id"), ("timestamp", "--time timestamp")],
)
def test_a_column_that_looks_like_an_id_or_a_time_is_not_learned_from(write, column, option):
    path = write(lines(f"{column},x,y", *(f"{n},{n},{n}" for n in range(5))))
    with pytest.raises(DataError, match=option):
        read_dataset(path, "regression")
    assert read_dataset(path, "regression", channels=f"x,{column}").train.channels == ("x", column)


# Columns that are no channels


def frame(n=4, T=5):
    noise = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": np.repeat(np.arange(n), T),
            "time": np.tile(np.arange(T), n),
            "x": noise.normal(size=n * T),
            "y": np.repeat(np.array(["no", "yes"])[np.arange(n) % 2], T),
        }
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table,
        lambda table: table.sample(frac=1, random_state=0),
        lambda table: table.rename_axis("index"),
        lambda table: table.assign(**{"Unnamed: 0.1": range(len(table))}),
        lambda table: pd.concat([group.reset_index(drop=True) for _, group in table.groupby("id")]),
        lambda table: table.assign(No=range(1, len(table) + 1)),
        lambda table: table.assign(No=range(1000, len(table) + 1000)),
        lambda table: table.assign(No=np.arange(len(table)) + 1.0),
    ],
    ids=[
        "index",
        "shuffled index",
        "named index",
        "two indexes",
        "index of each group",
        "numbered rows",
        "numbered from 1000",
        "numbered as floats",
    ],
)
def test_row_numbers_are_left_out_and_said(write, change):
    found = read_source(write(change(frame()).to_csv()), "classification")
    assert found.dataset.train.channels == ("x",)
    assert any("is left out" in note for note in found.dataset.notes)


@pytest.mark.parametrize("clock", [np.arange(20) ** 2, np.tile([0, 1, 2, 4, 5], 4), np.arange(20) / 4], ids=str)
def test_a_channel_that_rises_in_every_sequence_stays_and_is_told(write, clock):
    found = read_source(write(frame().assign(clock=clock).to_csv(index=False)), "classification")
    assert found.dataset.train.channels == ("x", "clock")
    assert any("'clock' rises" in note for note in found.dataset.notes)


@pytest.mark.parametrize("start", [0, 1, 7])
def test_a_count_that_begins_again_in_each_sequence_is_left_out_and_said(write, start):
    table = frame().assign(n=np.tile(np.arange(5), 4) + start).drop(columns="time")
    found = read_source(write(table.to_csv(index=False)), "classification")
    assert found.dataset.train.channels == ("x",)
    assert any("'n' is left out: it counts the rows of each sequence" in note for note in found.dataset.notes)
    assert found.reading.left_out == ("n",)


@pytest.mark.parametrize("n", [1, 4])
def test_a_count_in_order_of_time_is_left_out_of_shuffled_rows(n):
    table = frame(n=n).assign(n=np.tile(np.arange(5), n)).sample(frac=1, random_state=0)
    assert read_dataset(table, "classification").train.channels == ("x",)


@pytest.mark.parametrize(
    "values", [np.tile(np.arange(5) + 0.5, 4), np.tile([0, 1, 0, 1, 2], 4), np.repeat(np.arange(4), 5)], ids=str
)
def test_numbers_that_count_no_rows_are_a_channel(values):
    assert read_dataset(frame().assign(n=values), "classification").train.channels == ("x", "n")


def test_a_count_in_a_small_table_of_one_sequence_is_left_out(write):
    path = write(lines("n,x,y", *(f"{n},{n % 3},{n * n}" for n in range(1, 6))))
    assert read_dataset(path, "regression").train.channels == ("x",)


def test_a_count_that_is_named_as_a_channel_stays(write):
    path = write(lines("n,x,y", *(f"{n},{n % 3},{n * n}" for n in range(6))))
    assert read_dataset(path, "regression", channels="n,x").train.channels == ("n", "x")


def test_a_count_as_the_only_channel_is_refused_with_the_option_that_keeps_it(write):
    path = write(lines("n,y", *(f"{n},{n * n}" for n in range(6))))
    with pytest.raises(
        DataError,
        match="the only column that could be a channel, 'n', counts the rows.*--channels n if it is a reading",
    ):
        read_dataset(path, "regression")
    assert read_dataset(path, "regression", channels="n").train.channels == ("n",)


@pytest.mark.parametrize(("head", "says"), [("No,y", "'No', counts the rows.*--channels No"), ("id,y", "besides id")])
def test_a_wide_table_without_steps_is_refused(write, head, says):
    path = write(lines(head, *(f"{n},{'uv'[n % 2]}" for n in range(6))))
    with pytest.raises(DataError, match=says):
        read_dataset(path, "classification", layout="wide")


def test_a_count_in_every_file_of_a_folder_is_left_out(tmp_path):
    for k in range(4):
        (tmp_path / "uv"[k % 2]).mkdir(exist_ok=True)
        rows = [f"{n},{(n * 7 + k) % 5}" for n in range(4 + k)]
        (tmp_path / "uv"[k % 2] / f"{k}.csv").write_text(lines("n,x", *rows))
    found = read_source(str(tmp_path), "classification")
    assert found.dataset.train.channels == ("x",)
    (tmp_path / "u" / "0.csv").write_text(lines("N,X", "5,1", "6,2"))
    new = read_source(str(tmp_path / "u"), "classification", found.reading, predicting=True)
    assert new.dataset.train.n_channels == 1


@pytest.mark.parametrize(("steps", "layout"), [("t1,t2,t3", None), ("t1,t2,t3", "wide"), ("low,mean,high", "wide")])
def test_a_count_beside_the_steps_of_a_wide_table_is_left_out(write, steps, layout):
    path = write(lines(f"No,{steps},y", *(f"{n},{n % 3},{n * n},3,{'uv'[n % 2]}" for n in range(6))))
    found = read_source(path, "classification", Reading(layout=layout))
    assert first_channel(found.dataset)[2] == [2, 4, 3]
    assert any("'No' is left out" in note for note in found.dataset.notes)


def test_what_was_a_channel_in_training_stays_one_in_data_to_score(write):
    reading = read_source(frame().assign(n=np.arange(20) % 3), "classification").reading
    scored = read_dataset(frame().assign(n=np.tile(np.arange(5), 4)), "classification")
    assert scored.train.channels == ("x",)
    again = read_source(frame().assign(n=np.tile(np.arange(5), 4)), "classification", reading)
    assert again.dataset.train.channels == ("x", "n")


def test_empty_rows_at_the_end_are_no_rows(write):
    train = read_dataset(write(lines("id,x,y", "a,1,u", "b,2,v", ",,", ",,")), "classification", layout="long").train
    assert train.lengths.tolist() == [1, 1]


def test_a_column_without_a_name_that_holds_data_is_refused(write):
    with pytest.raises(DataError, match=r"column without a name that holds 0\.5"):
        read_dataset(write(lines("id,x,,y", "a,1,0.5,u", "b,1,0.7,v")), "classification")


# A row a sequence


@pytest.mark.parametrize("head", ["id,t0,t1,t2,y", "t0,t1,t2,y", "t2,t1,t0,y"])
def test_a_wide_table_is_one_channel_of_steps(write, head):
    columns = head.split(",")
    values = {"t0": [1, 5], "t1": [2, 6], "t2": [3, 7], "y": ["u", "v"], "id": ["a", "b"]}
    found = read_source(
        write(pd.DataFrame({name: values[name] for name in columns}).to_csv(index=False)), "classification"
    )
    assert first_channel(found.dataset) == [[1, 2, 3], [5, 6, 7]]
    assert found.dataset.train.y.tolist() == ["u", "v"]
    assert any("wide" in note for note in found.dataset.notes)


def test_a_row_of_unlike_columns_is_refused_with_the_options(write):
    path = write(lines("width,height,depth,y", "1,2,3,u", "3,4,5,v"))
    with pytest.raises(DataError, match="--id .*--layout wide"):
        read_dataset(path, "classification")
    assert first_channel(read_dataset(path, "classification", layout="wide")) == [[1, 2, 3], [3, 4, 5]]


def test_a_wide_table_takes_numbered_columns_as_steps_and_no_others(write):
    path = write(lines("id,age,t2,t10,t1,y", "a,40,2,3,1,u", "b,50,5,6,4,v"))
    with pytest.raises(DataError, match="--channels t1,t2,t10"):
        read_dataset(path, "classification", layout="wide")
    assert first_channel(read_dataset(path, "classification", layout="wide", channels="t2,t1,t10"))[0] == [2, 1, 3]
    found = read_source(path, "classification", Reading(layout="wide", channels="t1,t2,t10"))
    assert first_channel(found.dataset) == [[1, 2, 3], [4, 5, 6]]
    assert any("'t1', 't2', 't10'" in note for note in found.dataset.notes)
    new = read_source(write(lines("age,t10,t1,t2", "40,3,1,2")), "classification", found.reading, predicting=True)
    assert first_channel(new.dataset) == [[1, 2, 3]]
    with pytest.raises(DataError, match="without the column 't1'"):
        read_source(write(lines("a,b,c", "40,3,1")), "classification", found.reading, predicting=True)


@pytest.mark.parametrize(("task", "y"), [("classification", "uvw"), ("regression", [0.5, 0.25, 0.75])])
def test_the_rows_of_a_wide_table_keep_their_targets_in_order_of_id(write, task, y):
    table = pd.DataFrame({"id": [10, 9, 8], "t0": [1, 2, 3], "t1": [1, 2, 3], "t2": [1, 2, 3], "y": list(y)})
    train = read_dataset(write(table.to_csv(index=False)), task, layout="wide").train
    assert (train.ids.tolist(), first_channel(Dataset("", train))) == (["8", "9", "10"], [[3] * 3, [2] * 3, [1] * 3])
    assert train.y.ravel().tolist() == list(y)[::-1]


def wide(write, head="id,t1,t2,t3,y", **said):
    """How a wide table was read that a model was trained on, as it is saved with the model."""
    values = {"id": "ab", "age": [40, 50], "t1": [1, 4], "t2": [2, 5], "t3": [4, 6], "t4": [9, 9], "y": "uv"}
    table = pd.DataFrame({name: list(values[name]) for name in head.split(",")})
    found = read_source(write(table.to_csv(index=False)), "classification", Reading(**said))
    return Reading(**json.loads(json.dumps(found.reading.to_config())))


@pytest.mark.parametrize(
    ("head", "cells", "steps", "says"),
    [
        ("id,t1,t2,t3", "a,1,2,3", [1, 2, 3], ""),
        ("id,t1,t2,t3,t4", "a,1,2,3,4", [1, 2, 3, 4], "4 steps, 't1' to 't4', where training had 3"),
        ("t5,t3,T1,t2,t4", "5,3,1,2,4", [1, 2, 3, 4, 5], "5 steps, 'T1' to 't5', where training had 3"),
        ("id,t1,t2,other", "a,1,2,9", [1, 2], "2 steps, 't1' to 't2', where training had 3"),
        ("id,t1", "a,1", [1], "one step, 't1', where training had 3"),
    ],
)
def test_a_wide_table_to_predict_for_may_have_more_steps_or_fewer(write, head, cells, steps, says):
    new = read_source(write(lines(head, cells)), "classification", wide(write), predicting=True)
    assert first_channel(new.dataset) == [steps]
    assert any(note.startswith(says) for note in new.dataset.notes) if says else not new.dataset.notes


def test_a_wide_table_to_score_may_have_more_steps(write):
    path = write(lines("id,t1,t2,t3,t4,y", "a,1,2,3,4,u", "b,5,6,7,8,v"))
    assert first_channel(read_source(path, "classification", wide(write)).dataset) == [[1, 2, 3, 4], [5, 6, 7, 8]]


@pytest.mark.parametrize(
    ("head", "says"),
    [
        ("id,t1,t3", "without the column 't2'.*of which the last alone may be missing"),
        ("id,t2,t3", "without the column 't1'"),
        ("id,t0,t1,t2,t3", "the column 't0', no step of training.*--channels"),
        ("id,t1,t2,t3,t5", "further steps, 't5', that skip or repeat a number"),
        ("id,t1,t2,t4", "without the column 't3'"),
        ("id,t1,t2,t3,T3", "'T3' .*beside 't3', which differs in case alone"),
    ],
)
def test_a_wide_table_whose_steps_are_not_those_of_training_and_further_ones_is_refused(write, head, says):
    cells = ",".join("12345"[: head.count(",") + 1])
    with pytest.raises(DataError, match=says):
        read_source(write(lines(head, cells)), "classification", wide(write), predicting=True)


def test_steps_that_were_chosen_among_others_in_training_are_all_there_are(write):
    reading = wide(write, "id,age,t1,t2,t3,t4,y", layout="wide", channels="t1,t2,t3")
    new = read_source(write(lines("id,t1,t2,t3,t4,t5", "a,1,2,3,4,5")), "classification", reading, predicting=True)
    assert first_channel(new.dataset) == [[1, 2, 3]]


def test_further_steps_are_read_where_steps_were_chosen_beside_other_columns(write):
    reading = wide(write, "id,age,t1,t2,t3,y", layout="wide", channels="t1,t2,t3")
    new = read_source(write(lines("id,age,t1,t2,t3,t4", "a,40,1,2,3,4")), "classification", reading, predicting=True)
    assert first_channel(new.dataset) == [[1, 2, 3, 4]]


def test_steps_that_are_named_for_data_to_predict_for_are_all_there_are(write):
    reading = Reading(channels="t1,t2").or_else(wide(write))
    new = read_source(write(lines("id,t1,t2,t3,t4", "a,1,2,3,4")), "classification", reading, predicting=True)
    assert first_channel(new.dataset) == [[1, 2]]


def test_steps_that_count_back_are_those_of_training(write):
    path = write(lines("id,t-3,t-2,t-1,y", "a,1,2,4,u", "b,4,5,6,v"))
    reading = read_source(path, "classification", Reading(layout="wide")).reading
    with pytest.raises(DataError, match="'t-4', no step of training"):
        read_source(write(lines("id,t-4,t-3,t-2,t-1", "a,1,2,3,4")), "classification", reading, predicting=True)


def test_rows_without_an_id_are_told_as_they_are_read(write):
    new = read_source(write(lines("t1,t2,t3", "1,2,3", "1,2,3")), "classification", wide(write), predicting=True)
    assert new.dataset.notes == ("no column 'id': each row is a sequence",)


def test_steps_missing_at_the_end_of_a_wide_row_make_it_shorter(write):
    path = write(lines("t0,t1,t2,y", "1,2,,u", "3,4,5,v"))
    assert read_dataset(path, "classification").train.lengths.tolist() == [2, 3]


def test_a_number_for_every_wide_row_is_a_target_of_sequences(write):
    path = write(lines("t0,t1,t2,y", "1,2,3,0.5", "3,4,5,0.7"))
    with pytest.raises(DataError, match="--layout wide"):
        read_dataset(path, "regression")
    train = read_dataset(path, "regression", layout="wide").train
    assert (train.y.tolist(), train.per_step) == ([[0.5], [0.7]], False)


@pytest.mark.parametrize("separator", ["\t", ",", "  "])
def test_the_archives_text_files_are_read(write, separator):
    rows = [["1", "0.5", "1.5", "2.5"], ["-1", "3.5", "4.5", "NaN"]]
    name = "Own_TRAIN.tsv" if separator == "\t" else "Own_TRAIN.txt"
    write(separator.join(rows[1]) + "\n", name.replace("TRAIN", "TEST"))
    dataset = read_dataset(write(lines(*map(separator.join, rows)), name), "classification")
    assert first_channel(dataset) == [[0.5, 1.5, 2.5], [3.5, 4.5]]
    assert dataset.train.y.tolist() == [1, -1]
    assert len(dataset.test) == 1


def test_another_table_without_a_header_is_refused(write):
    with pytest.raises(DataError, match="without a header"):
        read_dataset(write(lines("1,0.5,1.5", "2,3.5,4.5")), "classification")


# Labels and ids


@pytest.mark.parametrize(
    ("written", "labels"),
    [
        (["NA", "None", "null"], ["NA", "None", "null"]),
        (["001", "01", "1"], ["001", "01", "1"]),
        (["1", "2", "10"], [1, 2, 10]),
        (["-1", "0", "1"], [-1, 0, 1]),
        (["1.0", "2.0", "3.0"], [1.0, 2.0, 3.0]),
        (["True", "False", "True"], [True, False, True]),
        (["nan", "inf", "1"], ["nan", "inf", "1"]),
        (["1e3", "2", "3"], ["1e3", "2", "3"]),
    ],
    ids=str,
)
def test_labels_are_what_is_written(write, written, labels):
    rows = [f"{n},{n},{label}" for n, label in enumerate(written) for _ in range(2)]
    train = read_dataset(write(lines("id,x,y", *rows)), "classification", layout="long").train
    assert train.y.tolist() == labels


@pytest.mark.parametrize("labels", [["1", "1.0"], ["1e0", "1"], ["0", "true"], ["False", "0.5"]], ids=str)
def test_labels_in_two_spellings_are_refused_with_both(write, labels):
    path = write(lines("id,x,y", *(f"{n},{n},{label}" for n, label in enumerate(labels))))
    with pytest.raises(DataError, match=f"the labels '{labels[0]}' and '{labels[1]}' in .*row 3, column 'y'"):
        read_dataset(path, "classification", layout="long")


@pytest.mark.parametrize("ids", [["007", "7"], ["1", "1.0"], ["NA", "null"], ["a", "A"]], ids=str)
def test_ids_are_what_is_written(write, ids):
    rows = [f"{name},{t},u{k}" for k, name in enumerate(ids) for t in range(2)]
    train = read_dataset(write(lines("id,x,y", *rows)), "classification").train
    assert sorted(train.ids.tolist()) == sorted(ids)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (["id,x,y", "1,0.5,a", "1,oops,a", "1,2,a"], r"'oops' in .*row 3, column 'x'"),
        (["id,x,y", "1,one,a", "1,two,a", "1,3,a"], r"'3' in .*row 4, column 'x'"),
        (["id,x,y", "1,0.5,a", "1,1,b"], "a second label .*row 3"),
        (["id,x,y", "1,0.5,a", "1,1,"], "an empty cell in .*row 3, column 'y'"),
        (["id,x,y", ",0.5,a"], "an empty cell in .*row 2, column 'id'"),
        (["id,y", "1,a", "1,a"], "at least one column besides"),
        (["id,x,y"], "0 rows"),
        (["x,y", "1,a"], "without a column id"),
        (["recording,x,label", "1,2,a"], r"--id recording --target label"),
        (["id,x,y", '1,"2,a'], "quote"),
        (["id,x,x,y", "1,2,3,a"], "columns named 'x'"),
        (["id,x,y", "1,2,3,4"], "row 2|line 2"),
        (["id,x,label", "1,2,a"], r"without y; .*--target label"),
        (["id,ID,x,y", "1,2,3,a"], "'ID' .*differs in case alone"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_understood_is_refused_with_its_cell(write, rows, says):
    with pytest.raises(DataError, match=says):
        read_dataset(write(lines(*rows)), "classification")


# Names of columns


def test_columns_are_named_without_case(write):
    rows = ["a,1,0.5,u", "a,0,0.25,u", "b,0,1,v"]
    plain = read_dataset(write(lines("ID,Time,Speed,Y", *rows)), "classification").train
    said = read_dataset(
        write(lines("recording,timestamp,Speed,label", *rows)),
        "classification", id="Recording", time="TIMESTAMP", target="label",
    ).train  # fmt: skip
    assert plain.fingerprint() == said.fingerprint()
    assert plain.values[:, 0].tolist() == [0.25, 0.5, 1]


def test_two_columns_that_differ_in_case_alone_are_refused(write):
    with pytest.raises(DataError, match="'Y' and 'y'|one for"):
        read_dataset(write(lines("ID,Id,x,y", "1,1,2,a")), "classification")


@pytest.mark.parametrize(("names", "what"), [("x,X", "case"), ("é,e\u0301", "the form of Unicode")])
def test_two_channels_that_are_one_name_are_refused(write, names, what):
    path = write(lines(f"id,{names},y", "1,1,2,a", "1,2,2,a"))
    with pytest.raises(DataError, match=f"differs in {what} alone"):
        read_dataset(path, "classification")
    assert read_dataset(path, "classification", channels=names).train.n_channels == 2


@pytest.mark.parametrize("name", ["DEVICE", "device"])
def test_categorical_columns_of_training_are_found_without_case(write, name):
    reading = Reading(categorical="Device")
    trained = read_source(write(lines("id,Device,y", "a,10,u", "a,9,u", "b,10,v")), "classification", reading)
    path = write(lines(f"id,{name}", "a,10", "a,9"))
    new = read_source(path, "classification", trained.reading, predicting=True).dataset.train
    fitted = Preparation.fit(trained.dataset.train, standardize=False)
    assert fitted.encode(new).values.tolist() == [[1, 0], [0, 1]]


def test_columns_and_labels_are_compared_in_one_form_of_unicode(write):
    path = write(lines("id,größe,y", "a,1,é", "a,2,e\u0301", "b,1,v"))
    train = read_dataset(path, "classification", channels="gro\u0308ße").train
    assert train.y.tolist() == ["é", "v"]
    assert train.channels == ("größe",)


def test_categories_are_compared_in_one_form_of_unicode(write):
    train = read_dataset(write(lines("id,x,y", "a,é,u", "a,e\u0301,u", "b,v,w")), "classification").train
    assert train.categories == {"x": ("v", "é")}


@pytest.mark.parametrize("option", ["id", "time", "target", "channels"])
def test_a_column_that_is_not_there_is_named_with_its_option(write, option):
    path = write(lines("recording,when,x,label", "1,1,2,a"))
    with pytest.raises(DataError, match=f"'nothing'.*--{option}"):
        read_dataset(path, "classification", **{option: "nothing"})


def test_one_column_has_one_role(write):
    with pytest.raises(DataError, match="two roles"):
        read_dataset(write(lines("a,x,y", "1,2,u")), "classification", id="a", time="a")


@pytest.mark.parametrize("said", [{"layout": "tall"}, {"target_per": "row"}])
def test_a_value_that_is_none_of_the_choices_is_refused(said):
    with pytest.raises(ConfigError, match=next(iter(said))):
        Reading(**said)


def test_a_channel_that_tells_the_label_is_told(write):
    rows = [f"{k},{k % 2},{k},{'uv'[k % 2]}" for k in range(6) for _ in range(2)]
    found = read_source(write(lines("id,code,x,y", *rows)), "classification")
    assert [note for note in found.dataset.notes if "tells the label" in note and "'code'" in note]
    assert not [note for note in found.dataset.notes if "'x'" in note]


@pytest.mark.parametrize("label", ["NA", "null", "?"])
def test_a_label_that_may_mean_a_missing_one_is_told(write, label):
    found = read_source(write(lines("id,x,y", "a,1,u", "a,2,u", f"b,3,{label}", f"b,4,{label}")), "classification")
    assert [note for note in found.dataset.notes if repr(label) in note]


def test_names_in_a_comment_are_refused(write):
    with pytest.raises(DataError, match="remove the #"):
        read_dataset(write(lines("# id,x,y", "a,1,u", "b,2,v")), "classification")


@pytest.mark.parametrize("names", ["t-3,t-2,t-1", "lag3,lag2,lag1", "y-2,y-1,y-0"])
def test_steps_that_count_back_stay_in_the_order_of_the_file(write, names):
    path = write(lines(f"id,{names},y", "a,1,2,3,u", "b,4,5,6,v"))
    assert first_channel(read_dataset(path, "classification", layout="wide")) == [[1, 2, 3], [4, 5, 6]]


def test_one_row_of_numbered_columns_is_wide(write):
    assert first_channel(read_dataset(write(lines("id,t0,t1,t2,y", "a,1,2,3,u")), "classification")) == [[1, 2, 3]]


@pytest.mark.parametrize("column", ["x", "y", "id"])
def test_containers_in_cells_are_refused(column):
    table = pd.DataFrame({"id": ["a", "b"], "x": [1.0, 2.0], "y": ["u", "v"]}).astype({column: object})
    table[column] = [[1], [2]]
    with pytest.raises(DataError, match=f"containers in the column '{column}'"):
        read_dataset(table, "classification")


def test_a_folder_train_beside_another_than_test_is_refused(tmp_path):
    for part in ("train", "test", "val"):
        (tmp_path / part / "u").mkdir(parents=True)
        (tmp_path / part / "u" / "0.csv").write_text("x\n1\n")
    with pytest.raises(DataError, match="wanted train and test"):
        read_dataset(str(tmp_path), "classification")


@pytest.mark.parametrize("name", ["t", "step", "frame", "time_ms", "seconds", "t_s", "Time (s)"])
def test_a_column_named_as_steps_are_is_asked_for(write, name):
    with pytest.raises(DataError, match=f"--time '?{re.escape(name)}"):
        read_dataset(write(lines(f"id,{name},x,y", "a,2,1,u", "a,1,2,u", "b,1,1,v")), "classification")


def test_an_index_that_counts_no_rows_is_a_channel(write):
    train = read_dataset(write(lines("id,index,x,y", "a,100,1,u", "a,103,2,u", "b,99,1,v")), "classification").train
    assert train.channels == ("index", "x")


def test_an_unknown_task_is_refused(write):
    with pytest.raises(ConfigError, match="'classify'"):
        read_dataset("digits", "classify")


# Text channels


def test_text_channels_are_categories(write):
    path = write(lines("id,phone,x,y", "a,nokia,1,u", "a,pixel,2,u", "b,NA,3,v"))
    train = read_dataset(path, "classification").train
    assert train.categories == {"phone": ("NA", "nokia", "pixel")}
    assert train.values[:, 0].tolist() == [1, 2, 0]


def test_numbers_are_categories_where_it_is_said(write):
    path = write(lines("id,device,y", "a,10,u", "a,9,u", "b,10,v"))
    assert read_dataset(path, "classification", categorical="device").train.categories == {"device": ("10", "9")}


def test_text_that_differs_in_every_row_is_refused_with_the_options(write):
    rows = [f"a,word{n},{n},u" for n in range(30)]
    with pytest.raises(DataError, match="'note' .*30 different values.*--channels"):
        read_dataset(write(lines("id,note,x,y", *rows)), "classification")


@pytest.mark.parametrize(
    "cells", [["1.234,5", "2.345,6"], ["5%", "7%"], ["$5", "$7"], ["5 km", "7 km"], ["8:00", "9:00"]]
)
def test_numbers_with_something_beside_them_are_no_categories(write, cells):
    path = write("id;x;y\n" + "".join(f"a;{cell};u\n" for cell in cells))
    with pytest.raises(DataError, match="and every other cell like it.*--categorical x"):
        read_dataset(path, "classification")
    assert read_dataset(path, "classification", categorical="x").train.categories == {"x": tuple(cells)}


@pytest.mark.parametrize("cells", [["s1", "s2"], ["1st", "2nd"], ["A-1", "B-2"], ["v1.2", "v1.3"]], ids=str)
def test_names_with_numbers_in_them_are_categories(write, cells):
    path = write(lines("id,x,y", *(f"a,{cell},u" for cell in cells)))
    assert read_dataset(path, "classification").train.categories == {"x": tuple(cells)}


@pytest.mark.parametrize("cells", [["True", "False", ""], ["TRUE", "false", "TRUE"]], ids=str)
def test_truth_values_are_numbers(write, cells):
    train = read_dataset(write(lines("id,x,z,y", *(f"a,{cell},1,u" for cell in cells))), "classification").train
    expected = [{"true": 1.0, "false": 0.0, "": np.nan}[cell.casefold()] for cell in cells]
    assert np.array_equal(train.values[:, 0], expected, equal_nan=True)
    assert not train.categories


@pytest.mark.parametrize("column", ["x", "y"])
@pytest.mark.parametrize("form", ["csv", "jsonl", "DataFrame"])
def test_truth_values_among_numbers_are_refused_with_the_cell(write, column, form):
    table = pd.DataFrame({"x": [5, 7, 2], "y": [1, 2, 3]}).astype({column: object})
    table.loc[1, column] = True
    as_lines = table.to_json(orient="records", lines=True)
    source = {"csv": lambda: write(table.to_csv(index=False)), "jsonl": lambda: write(as_lines, "own.jsonl")}
    with pytest.raises(DataError, match=f"(?i)true.*column '{column}'"):
        read_dataset(source[form]() if form in source else table, "regression")


@pytest.mark.parametrize("cell", ["inf", "1e300"])
def test_a_number_beyond_float32_is_refused_with_its_cell(write, cell):
    with pytest.raises(DataError, match="row 3, column 'x'"):
        read_dataset(write(lines("id,x,y", "a,1,u", f"a,{cell},u")), "classification")


def test_a_name_with_a_comma_stands_in_quotes(write):
    path = write(lines('id,"a,b",x,y', "1,2,3,u", "1,3,4,u"))
    assert read_dataset(path, "classification", channels='"a,b",x').train.channels == ("a,b", "x")
    with pytest.raises(DataError, match="'x' .*twice"):
        read_dataset(path, "classification", channels="x,x")


def test_a_column_without_a_name_is_named_by_nothing(write):
    path = write(lines(",x,y", "2020-01-02,2,0", "2020-01-01,1,0"))
    assert read_dataset(path, "regression", time="").train.values[:, 0].tolist() == [1, 2]


# Targets of regression


def test_a_target_that_is_the_same_in_all_steps_is_one_a_sequence(write):
    path = write(lines("id,x,y", "a,1,5", "a,2,5", "b,3,7", "b,4,7"))
    found = read_source(path, "regression")
    assert (found.dataset.train.y.tolist(), found.dataset.train.per_step) == ([[5], [7]], False)
    assert any("--target-per step" in note for note in found.dataset.notes)
    assert read_dataset(path, "regression", target_per="step").train.per_step


def test_several_targets_a_step(write):
    path = write(lines("x,u,v", "1,2,3", "4,5,6"))
    assert read_dataset(path, "regression", target="u,v").train.y.tolist() == [[2, 3], [5, 6]]


@pytest.mark.parametrize("cell", ["high", "1,5,2", ""])
def test_a_target_that_is_no_number_is_refused_with_its_cell(write, cell):
    with pytest.raises(DataError, match="row 3, column 'y'"):
        read_dataset(write(lines("x,y", "1,2", f'2,"{cell}"')), "regression")


@pytest.mark.parametrize("decimal", [None, ","], ids=["found", "given"])
def test_decimal_commas_reach_times_and_targets(write, decimal):
    path = write(lines("time;x;y", "0,5;5;7,5", "10,0;5;8,25", "1,5;7;9"))
    found = read_source(path, "regression", Reading(decimal=decimal))
    assert found.dataset.train.y[:, 0].tolist() == [7.5, 9, 8.25]
    assert [note for note in found.dataset.notes if "'time' are decimal signs" in note]
    assert [note for note in found.dataset.notes if "'y' are decimal signs" in note]


def test_a_decimal_comma_that_channels_show_holds_for_times_and_targets(write):
    path = write(lines("time;x;y", "1,500;0,5;1,000", "10,250;1,5;2,000", "2,000;2,5;3,000"))
    assert read_dataset(path, "regression").train.y[:, 0].tolist() == [1, 3, 2]


@pytest.mark.parametrize(
    ("rows", "decimal", "says"),
    [
        (["1,000;5;1", "2,000;6;2"], None, "'1,000' in .*row 2, column 'time'.*--decimal ,"),
        (["1;5;1,000", "2;6;2,000"], None, "'1,000' in .*row 2, column 'y'.*--decimal ,"),
        (["900;5;1", "1.000;5;2"], ",", "'1.000' in .*row 3, column 'time'.*--decimal , says"),
        (["1;5;900", "2;6;1.000"], ",", "'1.000' in .*row 3, column 'y'.*--decimal , says"),
        (["900;0,5;1", "1.000;1,5;2"], None, "'1.000' in .*row 3, column 'time'.*in other columns"),
        (["0,5;5;1", "1.5;6;2"], None, "'1.5' in .*row 3, column 'time'|'0,5' in .*row 2, column 'time'"),
        (["0,5;5;1", "1,5;6;2"], ".", "'0,5' in .*row 2, column 'time'"),
        (["1;5;0,5", "2;6;1,5"], ".", "'0,5' in .*row 2, column 'y'"),
    ],
)
def test_commas_and_points_that_could_part_thousands_are_refused_in_times_and_targets(write, rows, decimal, says):
    with pytest.raises(DataError, match=says):
        read_dataset(write(lines("time;x;y", *rows)), "regression", decimal=decimal)


def test_labels_keep_their_commas(write):
    path = write(lines("id;x;y", "a;1;0,5", "b;2;1,5"))
    assert read_dataset(path, "classification", layout="long").train.y.tolist() == ["0,5", "1,5"]


# The same data in every form


def forms(table, tmp_path):
    """The table as files and DataFrames of many kinds, by name."""
    paths = {}
    for name, options in {
        "plain.csv": {},
        "semicolon.csv": {"sep": ";", "decimal": ","},
        "tab.tsv": {"sep": "\t"},
        "latin.csv": {"encoding": "cp1252"},
        "utf16.csv": {"encoding": "utf-16"},
        "packed.csv.gz": {},
        "UPPER.CSV": {},
    }.items():
        paths[name] = str(tmp_path / name)
        table.to_csv(paths[name], index=False, **options)
    paths["a.PARQUET"] = str(tmp_path / "a.PARQUET")
    table.to_parquet(paths["a.PARQUET"])
    paths["a.feather"] = str(tmp_path / "a.feather")
    table.to_feather(paths["a.feather"])
    paths["a.jsonl"] = str(tmp_path / "a.jsonl")
    table.to_json(paths["a.jsonl"], orient="records", lines=True, double_precision=15)
    paths["text.parquet"] = str(tmp_path / "text.parquet")
    table.astype(str).to_parquet(paths["text.parquet"])
    return {
        **paths,
        "DataFrame": table,
        "shuffled": table.sample(frac=1, random_state=1),
        "turned": table[table.columns[::-1]],
    }


def test_every_form_of_a_table_is_the_same_data(tmp_path):
    noise = np.random.default_rng(0)
    table = frame().assign(
        größe=noise.integers(0, 9, 20), x=noise.normal(size=20).round(6), phone=np.array(["é", "b"])[np.arange(20) % 2]
    )
    found = {
        name: read_dataset(source, "classification", channels="größe,x,phone").train.fingerprint()
        for name, source in forms(table, tmp_path).items()
    }
    assert set(found.values()) == {found["plain.csv"]}, found


@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_shuffled_rows_are_the_same_data(data):
    table = frame(n=3, T=4)
    order = data.draw(st.permutations(range(len(table))))
    shuffled = read_dataset(table.iloc[list(order)], "classification").train
    assert shuffled.fingerprint() == read_dataset(table, "classification").train.fingerprint()


@pytest.mark.parametrize(
    "notation",
    [
        lambda times: times.dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        lambda times: times.dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin").map(lambda t: t.isoformat()),
        lambda times: times.dt.strftime("%d.%m.%Y %H:%M:%S"),
        lambda times: times,
        lambda times: times.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"),
        lambda times: times.astype("int64"),
    ],
    ids=["UTC", "offset", "day first", "datetimes", "zone", "number"],
)
def test_the_notation_of_time_does_not_matter(notation):
    times = pd.Series(pd.date_range("2020-10-24 20:00", periods=20, freq="6h"))
    table = frame(n=1, T=20).assign(time=notation(times))
    plain = read_dataset(frame(n=1, T=20).assign(time=times), "classification")
    assert read_dataset(table.sample(frac=1, random_state=0), "classification").train.fingerprint() == (
        plain.train.fingerprint()
    )


def test_a_dataframe_with_a_named_index_is_a_table():
    table = frame()
    indexed = read_dataset(table.set_index(["id", "time"]), "classification").train
    assert indexed.fingerprint() == read_dataset(table, "classification").train.fingerprint()


# Folders


def test_a_folder_of_tables_is_a_sequence_a_file_and_its_folder_the_label(tmp_path):
    for label in ("run", "walk"):
        (tmp_path / label).mkdir()
        for n in range(2):
            pd.DataFrame({"time": [1, 0], "x": [n + 0.5, n]}).to_csv(tmp_path / label / f"{n}.csv", index=False)
    found = read_source(str(tmp_path), "classification")
    train = found.dataset.train
    assert train.ids.tolist() == ["run/0", "run/1", "walk/0", "walk/1"]
    assert train.y.tolist() == ["run", "run", "walk", "walk"]
    assert train.values[:, 0].tolist() == [0, 0.5, 1, 1.5] * 2
    assert any("run, walk" in note for note in found.dataset.notes)


def test_folders_train_and_test_are_the_parts(tmp_path):
    for part, n in (("train", 3), ("test", 2)):
        for label in ("run", "walk"):
            (tmp_path / part / label).mkdir(parents=True)
            for k in range(n):
                (tmp_path / part / label / f"{k}.csv").write_text("x\n1\n4\n")
    dataset = read_dataset(str(tmp_path), "classification")
    assert (len(dataset.train), len(dataset.test)) == (6, 4)
    assert dataset.test.y.tolist() == ["run", "run", "walk", "walk"]


def test_files_of_one_folder_may_differ_in_the_case_of_names(tmp_path):
    (tmp_path / "a.csv").write_text(lines("Speed,größe,y", "1,2,3", "4,5,6"))
    (tmp_path / "b.csv").write_text(lines("Y,gro\u0308ße,speed", "3,2,1", "6,5,4"))
    train = read_dataset(str(tmp_path), "regression").train
    assert train.channels == ("Speed", "größe")
    assert train.values.tolist() == [[1, 2], [4, 5]] * 2
    assert train.y.tolist() == [[3], [6]] * 2


def test_two_columns_of_a_file_in_a_folder_that_differ_in_case_alone_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text(lines("x,z,y", "1,2,3"))
    (tmp_path / "b.csv").write_text(lines("x,X,y", "1,2,3"))
    with pytest.raises(DataError, match="b.csv beside 'x', which differs in case alone"):
        read_dataset(str(tmp_path), "regression")


def test_one_of_a_kind_is_one_in_a_description(write):
    found = read_source(write(lines("id,x,z,y", "a,on,1,u", "a,on,3,u", "b,on,2,u")), "classification")
    assert "x (text, 1 category), z; " in short(describe(found, "classification"))
    assert "1 class: u (2)" in short(describe(found, "classification"))


def test_a_folder_of_one_file_is_said_to_be_one(tmp_path):
    (tmp_path / "a.csv").write_text(lines("x,y", "1,2", "4,5"))
    assert read_source(str(tmp_path), "regression").dataset.notes[0] == "the file is a sequence"


def test_files_of_one_folder_have_the_same_columns(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "b.csv").write_text("x,z\n1,2\n")
    with pytest.raises(DataError, match="other columns"):
        read_dataset(str(tmp_path), "regression")


def test_a_folder_is_one_table_in_parts_where_an_id_says_so(tmp_path):
    table = frame()
    table.iloc[:7].to_csv(tmp_path / "a.csv", index=False)
    table.iloc[7:].to_csv(tmp_path / "b.csv", index=False)
    whole = read_dataset(table, "classification").train
    assert read_dataset(str(tmp_path), "classification", id="id").train.fingerprint() == whole.fingerprint()


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"a.csv": "x,y\n1,2\n", "b.csv": "x,y\n"}, "b.csv with 0 rows"),
        ({"a.csv": "x,y\n1,2\n", "a.CSV": "x,y\n1,2\n"}, "two files named a"),
        ({"a.csv": "id,x,y\nu,1,2\n", "b.csv": "id,x,y\nv,1,2\n"}, "--id id"),
    ],
)
def test_files_that_are_no_sequences_are_refused(tmp_path, files, says):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=says):
        read_dataset(str(tmp_path), "regression")


def test_a_cell_of_a_folder_is_named_with_its_file(tmp_path):
    (tmp_path / "a.csv").write_text("time,x,y\n1,2,3\n2,2,3\n")
    (tmp_path / "b.csv").write_text("time,x,y\n1,2,3\noops,2,3\n")
    with pytest.raises(DataError, match="'oops' in .*b, row 3"):
        read_dataset(str(tmp_path), "regression")


# Real data


@needs("beijing_pm25")
def test_a_table_with_numbered_rows_text_and_holes_is_described():
    path = str(REAL_DATA / "beijing_pm25" / "pollution.csv")
    train = read_dataset(path, "regression", target="TEMP").train
    assert "cbwd" in train.categories
    assert np.isnan(train.values[:, train.channels.index("pm2.5")]).sum() == 2067


@needs("ett")
def test_a_column_date_is_asked_for():
    path = str(REAL_DATA / "ett" / "ETTh1.csv")
    with pytest.raises(DataError, match="--time date"):
        read_dataset(path, "regression", target="OT")
    found = read_source(path, "regression", Reading(time="date", target="OT"))
    assert (found.times.step, found.times.regular) == ("1 h", True)
    assert found.dataset.train.lengths.tolist() == [17420]
