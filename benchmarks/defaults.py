"""What each default of the classifier is worth, by cross-validation on training parts alone.

    python -m benchmarks.defaults FOLDER --sets GunPoint,ArrowHead

Every line is the recipe with one thing changed. No test part is used, so that defaults can be chosen by this table.
Rows are added to results/defaults.jsonl, and docs/measured/classification.md shows them (see
`benchmarks.classification`).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.classification import PAGE, name_of, write_page
from benchmarks.rows import RESULTS, Recorder, names, use_threads
from tidegate.data.ts import read_ts
from tidegate.preparation import Preparation
from tidegate.tasks import SequenceClassifier

CHANGES: dict[str, dict[str, Any]] = {
    "all defaults": {},
    "the last state alone": {"readout": "last"},
    "attention alone": {"readout": "attention"},
    "one direction": {"bidirectional": False},
    "no patches": {"patch": 1},
    "no dropout": {"dropout": 0.0},
    "no noise": {"noise": 0.0},
    "64 features": {"hidden_size": 64},
    "LSTM": {"cell": "lstm"},
    "RNN": {"cell": "rnn"},
    "batches of 64": {"batch_size": 64},
    "a tenth held out": {"validation_share": 0.1},
    "chrono first weights": {"initialization": "chrono"},
    "one direction, last state, no patches, dropout or noise": {
        "bidirectional": False, "readout": "last", "patch": 1, "dropout": 0.0, "noise": 0.0,
    },
}  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    options = argparse.ArgumentParser(prog="python -m benchmarks.defaults", description=__doc__)
    options.add_argument("folder", type=Path, help="of files NAME_TRAIN.ts")
    options.add_argument("--sets", type=names, help="names of the sets (default: all)")
    options.add_argument("--changes", type=names, default=list(CHANGES), help="by commas (default: all)")
    options.add_argument("--folds", type=int, default=4, help="of the cross-validation (default: %(default)s)")
    options.add_argument("--steps", type=int, help="of each training (default: the classifier's)")
    options.add_argument("--threads", type=int, help="default: one a core")
    options.add_argument("--out", type=Path, default=RESULTS / "defaults.jsonl", help="rows are added to it")
    options.add_argument("--page", type=Path, default=PAGE, help="is written from the rows (default: %(default)s)")
    given = options.parse_args(arguments)
    if unknown := set(given.changes) - set(CHANGES):
        raise SystemExit(f"got --changes {', '.join(sorted(unknown))}; wanted some of: {', '.join(CHANGES)}")
    use_threads(given.threads)
    recorder = Recorder(given.out)
    paths = sorted(given.folder.rglob("*_TRAIN.ts"))
    for change in given.changes:
        for path in paths:
            if given.sets is None or name_of(path) in given.sets:
                begun = time.perf_counter()
                right, count = cross_validated(path, given.folds, given.steps, CHANGES[change])
                recorder.add(
                    name_of(path), "default", "tidegate", change=change, right=right, count=count, folds=given.folds,
                    steps=given.steps, seconds=round(time.perf_counter() - begun, 1),
                )  # fmt: skip
                print(f"{change:<56}{name_of(path):<24}{right / count:.3f}", flush=True)
    write_page(given.page)


def cross_validated(path: Path, folds: int, steps: int | None, options: dict[str, Any]) -> tuple[int, int]:
    """How many of the training sequences get their label from a model of the other folds, and of how many."""
    from sklearn.model_selection import StratifiedKFold

    train = read_ts(path).train
    assert train.y is not None
    data = Preparation.fit(train, missing="interpolate", standardize=False).encode(train)
    right = 0
    for learned, asked in StratifiedKFold(folds, shuffle=True, random_state=0).split(np.zeros(len(data)), data.y):
        model = SequenceClassifier(steps=steps, **options).fit(data[learned])
        right += int((model.predict(data[asked]) == train.y[asked]).sum())
    return right, len(data)


if __name__ == "__main__":
    main()
