"""The two first examples in one page: an LSTM on `digits`, a GRU on `curve`."""

import shutil
from pathlib import Path

from tidegate.report.run import summary, write_report
from tidegate.tasks.run import fit_run


def main(folder: Path = Path("runs/demo"), curve_steps: int = 1000) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    digits = {"cell": "lstm", "hidden_size": 128, "num_layers": 2}
    curve = {"cell": "gru", "hidden_size": 128, "steps": curve_steps, "learning_rate": 5e-3}
    runs = [
        fit_run("classification", "digits", digits, folder / "digits"),
        fit_run("regression", "curve", curve, folder / "curve"),
    ]
    page = write_report(runs, folder / "report.html")
    print(*map(summary, runs), page, sep="\n")
    return page


if __name__ == "__main__":
    main()
