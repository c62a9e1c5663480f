"""A demonstration in a few minutes: an LSTM classifies digits, a GRU fits a curve, and the three cells are compared."""

import shutil
from pathlib import Path

from tidegate.cli.progress import progress
from tidegate.compare import compare
from tidegate.compare.baselines import write_baselines
from tidegate.report.comparison import write_comparison
from tidegate.report.run import summary, write_report
from tidegate.tasks.run import fit_run

COMPARED = (
    ("regression", "adding", "the target is the sum of the marked numbers in a sequence of 100 steps"),
    ("classification", "digits", "images of 8×8 pixels, read row by row"),
)
"""What the cells are compared on: a task, its data, and what it holds."""


def main(
    folder: Path = Path("runs/demo"), digits_epochs: int | None = None, curve_steps: int = 5000, budget: str = "quick"
) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    digits = {"cell": "lstm", "hidden_size": 128, "num_layers": 2, "epochs": digits_epochs}
    curve = {"cell": "gru", "hidden_size": 128, "steps": curve_steps, "learning_rate": 5e-4}
    runs = [
        fit_run("classification", "digits", digits, folder / "digits"),
        fit_run("regression", "curve", curve, folder / "curve"),
    ]
    for run in runs:
        write_baselines(run)
    page = write_report(runs, folder / "report.html")
    print(*map(summary, runs), sep="\n", flush=True)

    pages = [page]
    for task, data, about in COMPARED:
        print(f"\nWhich cell for {data}? ({about})", flush=True)
        out = folder / f"compare-{data}"
        with progress("comparing", "units") as tell:
            found = compare(task, data, folder=out, budget=budget, jobs=-1, tell=tell)
        print(found["verdict"]["sentence"], flush=True)
        pages.append(write_comparison(found, out))
    print("\nOpen in a browser:", *pages, sep="\n")
    return page


if __name__ == "__main__":
    main()
