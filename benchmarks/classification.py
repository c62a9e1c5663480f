"""Sequence classification with all defaults beside 1-NN DTW and MiniRocket, on every set in a folder.

    python -m benchmarks.classification FOLDER

A set is a file NAME_TRAIN.ts with NAME_TEST.ts beside it, as in the UCR/UEA archive, whose split is kept. Rows are
added to results/classification.jsonl, and the page docs/measured/classification.md is written from all that it holds;
of a method that was measured more than once with a seed, the last row counts. DTW and MiniRocket are aeon's, which
pip install ".[bench]" brings.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.rows import REPOSITORY, RESULTS, Recorder, Row, beside_load, names, read_file, use_threads
from tidegate.compare.baselines import channels_first, own_threads, rocket
from tidegate.data import Sequences, as_sequences
from tidegate.errors import DataError
from tidegate.preparation import Preparation, read_dataset
from tidegate.tasks import SequenceClassifier

PAGE = REPOSITORY / "docs" / "measured" / "classification.md"
CELLS = ("rnn", "lstm", "gru")
PEERS = ("dtw", "minirocket")
TITLES = {"rnn": "RNN", "lstm": "LSTM", "gru": "GRU", "dtw": "1-NN DTW", "minirocket": "MiniRocket"}
WINDOW = 0.1
"""Of the length, by which DTW may shift steps."""


def main(arguments: list[str] | None = None) -> None:
    options = argparse.ArgumentParser(prog="python -m benchmarks.classification", description=__doc__)
    options.add_argument("folder", type=Path, nargs="?", help="of the sets (default: none, to write the page alone)")
    options.add_argument("--methods", type=names, default=list(TITLES), help=f"of {','.join(TITLES)} (default: all)")
    options.add_argument("--sets", type=names, help="names of the sets (default: all)")
    options.add_argument("--seeds", type=int, default=3, help="trainings of each cell (default: %(default)s)")
    options.add_argument("--threads", type=int, help="of every method (default: one a core)")
    options.add_argument(
        "--out", type=Path, default=RESULTS / "classification.jsonl", help="rows are added to this file"
    )
    options.add_argument("--page", type=Path, default=PAGE, help="is written from the rows (default: %(default)s)")
    given = options.parse_args(arguments)
    if unknown := set(given.methods) - set(TITLES):
        raise SystemExit(f"got --methods {', '.join(sorted(unknown))}; wanted some of {', '.join(TITLES)}")
    if given.folder is not None:
        paths = sorted(given.folder.rglob("*_TRAIN.ts"))
        paths = [path for path in paths if given.sets is None or name_of(path) in given.sets]
        if not paths:
            raise SystemExit(f"got {given.folder} without such sets; wanted NAME_TRAIN.ts files; do check the path")
        threads = use_threads(given.threads)
        if not set(PEERS).isdisjoint(given.methods):
            warm_up(threads)
        recorder = Recorder(given.out)
        for path in paths:
            measure(path, given.methods, given.seeds, threads, recorder)
    write_page(given.page, given.out)


def write_page(path: Path, measured: Path = RESULTS / "classification.jsonl") -> None:
    """Write the page from the rows of a file, and those of `benchmarks.defaults`."""
    path.write_text(page(read_file(measured), read_file(RESULTS / "defaults.jsonl")))


def name_of(path: Path) -> str:
    return path.stem.removesuffix("_TRAIN")


def warm_up(threads: int) -> None:
    """aeon compiles as it is first called; a person waits for it once, and no set should be charged for it."""
    x = as_sequences(np.random.default_rng(0).normal(size=(8, 20, 1))).with_targets(np.arange(8) % 2)
    for labels in (nearest(x, x, threads), rocket(x, x)):
        if labels is None:
            raise SystemExit('got no aeon; wanted DTW and MiniRocket; do pip install ".[bench]", or leave them out')


def measure(path: Path, methods: list[str], seeds: int, threads: int, recorder: Recorder) -> None:
    """One set by all methods, a row and a line each."""
    name = name_of(path)
    try:
        dataset = read_dataset(str(path), "classification")
        preparation = Preparation.fit(dataset.train, missing="interpolate", standardize=False)
        train = preparation.encode(dataset.train)
        test = None if dataset.test is None else preparation.encode(dataset.test)
    except DataError as error:
        print(f"{name:<24}left out: {error}", flush=True)
        return
    if test is None or test.y is None or train.y is None:
        print(f"{name:<24}left out: no test part", flush=True)
        return
    sizes = {
        "train": len(train), "test": len(test), "channels": train.n_channels, "longest": train.longest,
        "shortest": int(train.lengths.min()), "classes": len(np.unique(train.y)),
    }  # fmt: skip
    for method in methods:
        for seed in range(seeds if method in CELLS else 1):
            begun = time.perf_counter()
            labels, seconds = labels_of(method, seed, train, test, threads, begun)
            accuracy = float((labels == test.y).mean())
            backend = "tidegate" if method in CELLS else "aeon"
            recorder.add(
                name, "classification", backend, method=method, seed=seed, accuracy=round(accuracy, 5),
                seconds=round(seconds, 2), **sizes,
            )  # fmt: skip
            print(f"{name:<24}{TITLES[method]:<12}seed {seed}  {accuracy:.4f}  {seconds:.1f} s", flush=True)


def labels_of(
    method: str, seed: int, train: Sequences, test: Sequences, threads: int, begun: float
) -> tuple[np.ndarray, float]:
    """The labels of the test part, and the seconds of the fit; with DTW and MiniRocket, of predicting too."""
    if method in CELLS:
        model = SequenceClassifier(method, seed=seed).fit(train)
        seconds = time.perf_counter() - begun
        return model.predict(test), seconds
    peer: Callable[..., np.ndarray | None] = rocket
    labels = nearest(train, test, threads) if method == "dtw" else peer(train, test)
    assert labels is not None
    return labels, time.perf_counter() - begun


def nearest(train: Sequences, test: Sequences, threads: int) -> np.ndarray | None:
    """The label of the nearest training sequence by dynamic time warping (Sakoe & Chiba 1978); none without aeon."""
    try:
        from aeon.classification.distance_based import KNeighborsTimeSeriesClassifier
    except ImportError:
        return None
    with warnings.catch_warnings(), own_threads():
        warnings.simplefilter("ignore")
        model = KNeighborsTimeSeriesClassifier(distance="dtw", distance_params={"window": WINDOW}, n_jobs=threads)
        return model.fit(by_sequence(train), train.y).predict(by_sequence(test))


def by_sequence(sequences: Sequences) -> np.ndarray | list[np.ndarray]:
    """Sequences as aeon takes them, each [channels, T]."""
    if not sequences.ragged:
        return channels_first(sequences, sequences.longest)
    return [np.ascontiguousarray(one.T, dtype=float) for one in np.split(sequences.values, sequences.starts[1:])]


def page(rows: list[Row], changes: Sequence[Row] = ()) -> str:
    """The page of these rows, and of those of changed defaults."""
    last = {(row["what"], row["method"], row["seed"]): row for row in sorted(rows, key=lambda row: row["when"])}
    found: dict[str, dict[str, list[Row]]] = {}
    for (name, method, _), row in sorted(last.items()):
        found.setdefault(name, {}).setdefault(method, []).append(row)
    methods = [method for method in TITLES if any(method in by_method for by_method in found.values())]
    whole = {name: by_method for name, by_method in found.items() if set(methods) <= set(by_method)}
    sections = [HEAD, birthplaces(list(last.values())), accuracies(found, methods)]
    if whole:
        sections.append(summary(whole, methods))
    sections.append(seconds(found, methods))
    if changes:
        sections.append(defaults(changes))
    return "\n\n".join(sections) + "\n"


HEAD = f"""# Classification, measured

This page is written by `python -m benchmarks.classification FOLDER` from the rows in
`benchmarks/results/classification.jsonl`. RNN, LSTM and GRU are `SequenceClassifier(cell)` with all defaults, one
recipe for all sets; their accuracy is a mean over seeds, with the least and the most behind it. 1-NN DTW (a window of
{100 * WINDOW:.0f} % of the length) and MiniRocket (Dempster, Schmidt & Webb 2021) are aeon's. Training and test part
are the archive's. [The guide](../tutorials/classification.md) says why each default is what it is."""


def birthplaces(rows: list[Row]) -> str:
    places = {
        f"{row['cpu']}, {row['cores']} cores, {row['threads']} threads, torch {row['torch']}, commit {row['commit']}"
        f"{', changed' if row['dirty'] else ''}{beside_load(row)}"
        for row in rows
    }
    return "Measured on " + "; ".join(sorted(places)) + "."


def table(head: list[str], lines: list[list[str]]) -> str:
    """A table of Markdown, all but the first column to the right."""
    marks = ["---", *["--:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, marks, *lines))


def mean(rows: list[Row], what: str = "accuracy") -> float:
    return statistics.mean(row[what] for row in rows)


def shape(row: Row) -> str:
    steps = f"{row['longest']}" if row["longest"] == row["shortest"] else f"{row['shortest']} to {row['longest']}"
    return f"{row['train']} × {steps} × {row['channels']}, {row['classes']} classes"


def accuracies(found: dict[str, dict[str, list[Row]]], methods: list[str]) -> str:
    """A line a set; the best method of each in bold."""
    lines = []
    for name, by_method in found.items():
        best = max(round(mean(rows), 4) for rows in by_method.values())
        cells = []
        for method in methods:
            rows = by_method.get(method)
            if not rows:
                cells.append("")
                continue
            text = f"{mean(rows):.3f}"
            text = f"**{text}**" if round(mean(rows), 4) == best else text
            spread = [row["accuracy"] for row in rows]
            cells.append(f"{text} ({min(spread):.3f} to {max(spread):.3f})" if len(rows) > 1 else text)
        lines.append([name, shape(next(iter(by_method.values()))[0]), *cells])
    head = ["set", "training sequences × steps × channels", *(TITLES[method] for method in methods)]
    return "## Test accuracy\n\n" + table(head, lines)


def summary(found: dict[str, dict[str, list[Row]]], methods: list[str]) -> str:
    """Means, ranks, and wins over the peers, on the sets that all methods were measured on."""
    scores = {method: [round(mean(by_method[method]), 4) for by_method in found.values()] for method in methods}
    lines = [["mean accuracy", *(f"{statistics.mean(scores[method]):.4f}" for method in methods)]]
    ranks = {method: [rank(method, scores, k) for k in range(len(found))] for method in methods}
    lines.append(["mean rank", *(f"{statistics.mean(ranks[method]):.2f}" for method in methods)])
    for peer in (method for method in PEERS if method in methods):
        lines.append([f"wins, ties, losses against {TITLES[peer]}"])
        for method in methods:
            pairs = list(zip(scores[method], scores[peer], strict=True))
            counts = (sum(a > b for a, b in pairs), sum(a == b for a, b in pairs), sum(a < b for a, b in pairs))
            lines[-1].append("" if method == peer else ", ".join(map(str, counts)))
    title = f"## Over {len(found)} set{'s'[: len(found) != 1]}"
    return f"{title}\n\nA rank is 1 for the best of a set; equal accuracies share the mean of their ranks.\n\n" + table(
        ["", *(TITLES[method] for method in methods)], lines
    )


def rank(method: str, scores: dict[str, list[float]], k: int) -> float:
    own, all_of_them = scores[method][k], [one[k] for one in scores.values()]
    return 1 + sum(one > own for one in all_of_them) + (sum(one == own for one in all_of_them) - 1) / 2


def seconds(found: dict[str, dict[str, list[Row]]], methods: list[str]) -> str:
    """The mean seconds of a fit."""
    lines = [
        [name, *(f"{mean(by_method[method], 'seconds'):.1f}" if method in by_method else "" for method in methods)]
        for name, by_method in found.items()
    ]
    about = "Seconds of one fit; those of 1-NN DTW and MiniRocket predict the test part as well."
    return f"## Time\n\n{about}\n\n" + table(["set", *(TITLES[method] for method in methods)], lines)


def defaults(rows: Sequence[Row]) -> str:
    """What each default is worth: a line a change, a column a set."""
    last = {(row["change"], row["what"]): row for row in sorted(rows, key=lambda row: row["when"])}
    sets = sorted({name for _, name in last})
    whole = [change for change in dict.fromkeys(change for change, _ in last) if all((change, s) in last for s in sets)]
    shares = {change: [last[change, s]["right"] / last[change, s]["count"] for s in sets] for change in whole}
    lines = [[change, f"{statistics.mean(of):.3f}", *(f"{one:.3f}" for one in of)] for change, of in shares.items()]
    some = next(iter(last.values()))
    steps = f"{some['steps']} steps" if some["steps"] else "the default steps"
    counts = {name: last[change, name]["count"] for change, name in last}
    title = (
        f"The GRU with one thing changed, in cross-validation on the training parts alone: {some['folds']} folds, one "
        f"seed, {steps} of training, {sum(counts.values())} sequences in all. A difference of less than about 3 points "
        "in the mean shows nothing. By `python -m benchmarks.defaults`."
    )
    head = ["changed", "mean", *(f"{name} ({counts[name]})" for name in sets)]
    return f"## What each default is worth\n\n{title}\n\n" + table(head, lines)


if __name__ == "__main__":
    main()
