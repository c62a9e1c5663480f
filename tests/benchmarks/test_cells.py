"""The page of the cells is what was found."""

import json

from benchmarks import cells
from benchmarks.cells import COMMONLY, PAGE, STUDIES, page


def test_the_page_is_what_was_found():
    assert PAGE.read_text() == page()


def test_every_use_has_a_study():
    assert {study.use for study in STUDIES.values() if study.use} == set(COMMONLY)


def test_an_interval_ends_where_its_measure_does(tmp_path, monkeypatch):
    found = json.loads((cells.RESULTS / "JapaneseVowels.json").read_text())
    score = next(row for row in found["rows"] if row["name"] == "score")
    for cell in found["cells"]:
        score["measured"][cell] |= {"value": 0.98, "low": 0.9, "high": 1.079}
    (tmp_path / "JapaneseVowels.json").write_text(json.dumps(found))
    monkeypatch.setattr(cells, "RESULTS", tmp_path)
    line = next(line for line in page().splitlines() if line.startswith("| simple sequence classification | RNN |"))
    assert line.count("98.0 % (90.0–100.0)") == 3
