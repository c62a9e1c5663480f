"""Compare the cells on real data, and write docs/guide/measured.md from what was found.

    TIDEGATE_DATA=… python -m benchmarks.cells [NAME …]

Data that is not there is left out; what was found earlier stays. Finished parts are kept under runs/cells, and a
comparison that was interrupted goes on.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tidegate.cli.progress import progress
from tidegate.compare import compare
from tidegate.report.comparison import markdown, write_comparison

REPOSITORY = Path(__file__).parents[1]
RESULTS = REPOSITORY / "benchmarks" / "results" / "cells"
PAGE = REPOSITORY / "docs" / "guide" / "measured.md"

# Name: task, data (under $TIDEGATE_DATA where it is a path), budget, what it is.
STUDIES: dict[str, tuple[str | None, str | None, str, str]] = {
    "probes": (None, None, "normal", "The probes alone: layers of 64 hidden features, no data."),
    "digits": ("classification", "digits", "normal", "Digits of 8×8 pixels, read row by row."),
    "mnist": ("classification", "mnist", "normal", "MNIST digits of 28×28 pixels, read row by row."),
    "JapaneseVowels": (
        "classification",
        "ucr_uea/JapaneseVowels/JapaneseVowels_TRAIN.ts",
        "normal",
        "Two vowels said by nine speakers: 12 cepstral channels, 7 to 29 steps (Kudo, Toyama & Shimbo 1999).",
    ),
    "GunPoint": (
        "classification",
        "ucr_uea/GunPoint/GunPoint_TRAIN.ts",
        "normal",
        "A hand drawing a gun or pointing: 1 channel, 150 steps, 50 training sequences (Ratanamahatana & Keogh 2004).",
    ),
    "curve": (
        "regression",
        "curve",
        "normal",
        "y = sin(3x) + x: one sequence of 1,000 steps; the test goes beyond it.",
    ),
}


def main(names: list[str], tell: Callable[[int, int, str], None] | None = None, jobs: int | None = -1) -> None:
    data = Path(os.environ.get("TIDEGATE_DATA", "."))
    for name in names or STUDIES:
        task, source, budget, _ = STUDIES[name]
        if source and "/" in source:
            source = str(data / source)
            if not Path(source).exists():
                print(f"{name}: no {source}, left out", file=sys.stderr)
                continue
        folder = REPOSITORY / "runs" / "cells" / name
        with progress(name, "parts") as shown:
            found = compare(task, source, folder=folder, budget=budget, jobs=jobs, resume=True, tell=tell or shown)
        write_comparison(found, folder)
        RESULTS.mkdir(parents=True, exist_ok=True)
        kept = {key: value for key, value in found.items() if key != "details"}
        kept["details"] = {key: found["details"][key] for key in ("scores", "horizons")}
        (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    PAGE.write_text(page())


def page() -> str:
    """What was found, study by study."""
    parts = [
        "# What was measured\n\nMade by `python -m benchmarks.cells` from `benchmarks/results/cells`. How to read it: "
        "[which cell](which-cell.md).\n"
    ]
    for name, (_, _, budget, what) in STUDIES.items():
        path = RESULTS / f"{name}.json"
        if not path.exists():
            continue
        found = json.loads(path.read_text())
        machine = found["machine"]
        where = f"{machine['cpu']}, {machine['cores']} cores, torch {machine['torch']}"
        parts.append(f"## {name}\n\n{what} Budget `{budget}`, {len(found['settings']['seeds'])} seeds. {where}.\n")
        parts.append(f"**{found['verdict']['sentence']}**\n")
        parts.append(markdown(found))
        parts += [table for table in (scores(found), horizons(found)) if table]
    return "\n".join(parts)


def scores(found: dict[str, Any]) -> str:
    """Every setting's sizes and scores, with the baselines; empty for the probes."""
    metric = next(row["unit"] for row in found["rows"] if row["name"] == "score")
    lines = [
        f"| {setting} | {cell.upper()} | {by['hidden_size']} | {by['parameters']:,} | {by['learning_rate']:g} | "
        f"{', '.join(f'{score:.4g}' for score in by['scores'])} |"
        for setting, by_cell in found["details"]["scores"].items()
        for cell, by in by_cell.items()
    ]
    lines += [f"| baseline | {name} | | | | {score:.4g} |" for name, score in found["baselines"].items()]
    head = f"| setting | cell | hidden size | parameters | learning rate | test {metric} by seed |"
    return "\n".join([head, "|---|---|--:|--:|--:|---|", *lines]) + "\n" if lines else ""


def horizons(found: dict[str, Any]) -> str:
    """The longest lag that each seed solved, by cell and initialization."""
    lines = []
    for cell, by_initialization in found["details"]["horizons"].items():
        for name, chains in by_initialization.items():
            reached = [max((a["lag"] for a in chain if a["solved"]), default=0) for chain in chains]
            more = [" or more" if chain[-1]["solved"] else "" for chain in chains]
            says = ", ".join(f"{lag:,}{beyond}" for lag, beyond in zip(reached, more, strict=True))
            lines.append(f"| {cell.upper()} | {name} | {says} |")
    return "| cell | initialization | longest lag recalled, by seed |\n|---|---|---|\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
