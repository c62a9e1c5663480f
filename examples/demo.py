"""The whole in one page or two: an LSTM on `digits`, a GRU on `curve`, and which cell suits `digits`."""

import shutil
from pathlib import Path

from tidegate.cli.progress import progress
from tidegate.compare import compare
from tidegate.report.comparison import write_comparison
from tidegate.report.run import summary, write_report
from tidegate.tasks.run import fit_run


def main(
    folder: Path = Path("runs/demo"), digits_epochs: int | None = None, curve_steps: int = 5000, budget: str = "normal"
) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    digits = {"cell": "lstm", "hidden_size": 128, "num_layers": 2, "epochs": digits_epochs}
    curve = {"cell": "gru", "hidden_size": 128, "steps": curve_steps, "learning_rate": 5e-4}
    runs = [
        fit_run("classification", "digits", digits, folder / "digits"),
        fit_run("regression", "curve", curve, folder / "curve"),
    ]
    page = write_report(runs, folder / "report.html")
    print(*map(summary, runs), sep="\n", flush=True)

    with progress("comparing", "parts") as tell:
        found = compare("classification", "digits", folder=folder / "comparison", budget=budget, jobs=-1, tell=tell)
    print(found["verdict"]["sentence"], page, write_comparison(found, folder / "comparison"), sep="\n")
    return page


if __name__ == "__main__":
    main()
