"""Compare the cells on real data, and write docs/measured/cells.md from what was found.

    TIDEGATE_DATA=… python -m benchmarks.cells [NAME …]

Data that is not there is left out; what was found earlier stays. Finished parts are kept under runs/cells, and a
comparison that was interrupted goes on.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.tasks import an4
from tidegate.cli.progress import progress
from tidegate.compare import compare
from tidegate.preparation import Reading
from tidegate.report.comparison import markdown, shown, write_comparison

REPOSITORY = Path(__file__).parents[1]
RESULTS = REPOSITORY / "benchmarks" / "results" / "cells"
PAGE = REPOSITORY / "docs" / "measured" / "cells.md"


@dataclass(frozen=True)
class Study:
    """A comparison of the cells."""

    about: str
    task: str | None = None
    data: str | None = None
    """A built-in name, or a path under $TIDEGATE_DATA."""
    reading: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    unpack: Callable[[Path, Path], str] | None = None
    """From the folder of data and one to unpack into, to the source."""
    use: str = ""
    """Which of the uses that are commonly named it stands for."""
    budget: str = "normal"


STUDIES = {
    "probes": Study("The probes alone: layers of 64 hidden features, no data."),
    "digits": Study("Digits of 8×8 pixels, read row by row.", "classification", "digits"),
    "mnist": Study("MNIST digits of 28×28 pixels, read row by row.", "classification", "mnist"),
    "JapaneseVowels": Study(
        "Two vowels said by nine speakers: 12 cepstral channels, 7 to 29 steps (Kudo, Toyama & Shimbo 1999).",
        "classification",
        "ucr_uea/JapaneseVowels/JapaneseVowels_TRAIN.ts",
        use="simple sequence classification",
    ),
    "GunPoint": Study(
        "A hand drawing a gun or pointing: 1 channel, 150 steps, 50 training sequences (Ratanamahatana & Keogh 2004).",
        "classification",
        "ucr_uea/GunPoint/GunPoint_TRAIN.ts",
    ),
    "curve": Study("y = sin(3x) + x: one sequence of 1,000 steps; the test goes beyond it.", "regression", "curve"),
    "m4": Study(
        "M4's 359 weekly series, 13 weeks ahead (Makridakis, Spiliotis & Assimakopoulos 2020).",
        "forecasting",
        "m4_weekly/Weekly-train.csv",
        use="time-series forecasting",
    ),
    "shakespeare": Study(
        "Tiny Shakespeare by characters, the last tenth to test (Karpathy 2015).",
        "language",
        "tinyshakespeare/input.txt",
        use="text generation",
    ),
    "multi30k": Study(
        "Captions of images, English to German, test 2016 (Elliott et al. 2016); compared by chrF.",
        "translation",
        "multi30k",
        reading={"source": "en", "target": "de"},
        use="translation",
    ),
    "an4": Study(
        "AN4, spelled words and numbers, from its cepstral features (Acero 1990).",
        "speech",
        "an4/an4_feat.zip",
        unpack=an4,
        use="speech recognition",
    ),
}
COMMONLY = {
    "simple sequence classification": "RNN",
    "translation": "LSTM",
    "speech recognition": "LSTM",
    "text generation": "GRU",
    "time-series forecasting": "GRU",
}
"""Which cell is commonly named for a use."""


def main(names: list[str], tell: Callable[[int, int, str], None] | None = None, jobs: int | None = -1) -> None:
    data = Path(os.environ.get("TIDEGATE_DATA", "."))
    for name in names or STUDIES:
        study, source = STUDIES[name], STUDIES[name].data
        folder = REPOSITORY / "runs" / "cells" / name
        if source and (data / source).exists():
            # Where it is unpacked once, so that an interrupted comparison finds the same path.
            source = study.unpack(data, folder.with_name(f"{name}-data")) if study.unpack else str(data / source)
        elif source and "/" in source:
            print(f"{name}: no {data / source}, left out", file=sys.stderr)
            continue
        with progress(name, "parts") as seen:
            found = compare(
                study.task,
                source,
                folder=folder,
                reading=Reading(**study.reading) if study.reading else None,
                parameters=study.parameters,
                budget=study.budget,
                jobs=jobs,
                resume=True,
                tell=tell or seen,
            )
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
        "[which cell](../tutorials/which-cell.md).\n"
    ]
    found_of = {
        name: json.loads((RESULTS / f"{name}.json").read_text())
        for name in STUDIES
        if (RESULTS / f"{name}.json").exists()
    }
    if table := uses(found_of):
        parts.append(table)
    for name, found in found_of.items():
        study, machine = STUDIES[name], found["machine"]
        where = f"{machine['cpu']}, {machine['cores']} cores, torch {machine['torch']}"
        seeds = len(found["settings"]["seeds"])
        parts.append(f"## {name}\n\n{study.about} Budget `{study.budget}`, {seeds} seeds. {where}.\n")
        parts.append(f"**{found['verdict']['sentence']}**\n")
        parts.append(markdown(found))
        parts += [table for table in (scores(found), horizons(found)) if table]
    return "\n".join(parts)


def uses(found_of: dict[str, dict[str, Any]]) -> str:
    """What is commonly said of each use, beside the scores of the cells; empty where none was measured."""
    lines = []
    for name, found in found_of.items():
        use = STUDIES[name].use
        if not use:
            continue
        row = next(row for row in found["rows"] if row["name"] == "score")
        cells = " | ".join(shown(row, cell) for cell in found["cells"])
        lines.append(
            f"| {use} | {COMMONLY[use]} | [{name}](#{name.lower()}), {row['unit']} | {cells} | "
            f"{found['verdict']['sentence']} |"
        )
    if not lines:
        return ""
    head = "| use | commonly said | measured on | RNN | LSTM | GRU | verdict |\n|---|---|---|--:|--:|--:|---|"
    about = (
        "The use that each cell is commonly said to be for, measured: small networks, at equal hidden size, with the "
        "learning rate that did best in validation; mean and 95 % interval over seeds.\n"
    )
    return "\n".join(["## Uses\n", about, head, *lines]) + "\n"


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
