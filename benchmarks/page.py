"""Write docs/measured/layers.md, and the table in README.md, from the rows in `results/`."""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.models import FIT, STEP
from benchmarks.rows import BESIDE, KEPT, REPOSITORY, RESULTS, SCORED, SIZES, Row, read
from benchmarks.state import ROLLOUT
from benchmarks.step import LOOPS, STEPS
from tidegate.probes.race import CASES, CELLS

PAGE, README = REPOSITORY / "docs" / "measured" / "layers.md", REPOSITORY / "README.md"
IN_README = [  # the workloads that its table shows
    ("curve", "gru", "GRU, one sequence of 1,000 steps, 128 hidden"),
    ("mnist-row", "lstm", "LSTM, 128 images of 28 rows, 2 layers of 128"),
    ("charlm", "rnn", "RNN, 32 texts of 128 characters, 512 hidden"),
]
MODELS_IN_README = ("stanza", "neuralhydrology_gru", "neuralforecast")  # of a package each
RANGES = """\
Over {count} workloads on {machines}, the time of torch.nn's layer over that of ours is {rnn} for an RNN,
{lstm} for an LSTM, of which torch.nn has a fused one too, and {gru} for a GRU."""
HELD = ", everybody held to AVX2"
"""Behind the name of a machine."""
AVX2_ALONE = """\
With everybody held to AVX2, which is what most laptops have, it is {mean:.1f} in the geometric mean of {count}
trainings, and {least:.2f} at least."""
LOADED = BESIDE.format("train", 2)
PARTS = ("kernels", "ragged", "step", "state", "memory", "accuracy", "imports", "examples", "models")
PEERS = ("torch", "jax", "onnxruntime")
TITLES = {"torch": "torch.nn", "jax": "JAX", "onnxruntime": "ONNX Runtime"}
AT_PEAK = {  # the workloads whose products are large enough to be bound by arithmetic
    *((name, cell) for name in ("mnist-row", "charlm", "big") for cell in CELLS),
    ("mnist-pixel", "lstm"),
    ("mnist-pixel", "gru"),
}

Race = dict[str, Row]  # the rows of one race, by backend


def main(arguments: list[str] | None = None) -> None:
    options = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    options.add_argument("--results", type=Path, default=RESULTS)
    options.add_argument("--out", type=Path, default=PAGE)
    given = options.parse_args(arguments)
    rows = read(given.results)
    given.out.write_text(page(rows))
    if given.out == PAGE:
        README.write_text(with_summary(README.read_text(), rows))


def page(rows: list[Row]) -> str:
    """The page of these rows, machine by machine; of a race that was run more than once, the last run counts."""
    sections = [HEAD]
    for name, among in machines(rows).items():
        found = Found(among)
        sections += [
            f"## {name}",
            birthplaces(found),
            goals(found),
            times(found, "train", "Training: forward and backward, all gradients", ("torch", "jax")),
            times(found, KEPT.format("train"), "Training where memory is kept", ("torch", "jax"), KEPT_ABOUT),
            times(found, LOADED, "Training on a loaded machine", ("torch", "jax"), LOADED_ABOUT),
            times(found, "infer", "Inference", PEERS),
            ragged(found),
            memory(found),
            accuracy(found),
            step(found),
            loop(found),
            state(found),
            models(found),
            end_to_end(found),
        ]
    return "\n\n".join(section for section in sections if section) + "\n"


def machines(rows: list[Row]) -> dict[str, list[Row]]:
    """The rows of each processor, the one that was measured last first."""
    found: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row["when"], reverse=True):
        if row["mode"] not in SCORED:
            found.setdefault(row["cpu"] + HELD * ("held_to" in row), []).append(row)
    return found


def with_summary(text: str, rows: list[Row]) -> str:
    """A README with the text between its two marks made from these rows."""
    everyones = {name: Found(among) for name, among in machines(rows).items()}
    founds = {name: found for name, found in everyones.items() if not name.endswith(HELD)}
    trained = {name: {(case, what): race for case, what, race in found.of("train")} for name, found in founds.items()}
    name, races = next((name, races) for name, races in trained.items() if {row[:2] for row in IN_README} <= set(races))
    cores = races[IN_README[0][:2]]["tidegate"]["cores"]
    lines = [
        f"On {cores} cores of an {name}, each row in turns ([all figures, losses too](docs/measured/layers.md)):",
        "",
        "| a training step | torch.nn | JAX | tidegate | |",
        "| --- | --: | --: | --: | --: |",
    ]
    for case, cell, words in IN_README:
        race = races[case, cell]
        cells = " | ".join(
            f"{number(median(race[name]))} ms" if name in race else "" for name in ("torch", "jax", "tidegate")
        )
        lines.append(f"| {words} | {cells} | {ratio(race, ('torch',)):.1f}× torch.nn |")
    lines += models_in_readme(founds)
    modes = ("train", KEPT.format("train"))
    everywhere = [race for found in founds.values() for mode in modes for race in found.of(mode)]
    ranges = {}
    for cell in CELLS:
        ratios = sorted(r for _, what, race in everywhere if what == cell and (r := ratio(race, ("torch",))))
        ranges[cell] = f"{ratios[0]:.2f} to {ratios[-1]:.1f}"
    count = len({case for case, _, _ in everywhere})
    ran = sum(any(found.of(mode) for mode in modes) for found in founds.values())
    machine = "one machine" if ran == 1 else f"{ran} machines"
    lines += ["", RANGES.format(count=count, machines=machine, **ranges)]
    held = (found.of("train") for name, found in everyones.items() if name.endswith(HELD))
    ratios = sorted(r for _, _, race in next(held, ()) if (r := ratio(race, ("torch",))))
    if ratios:
        lines.append(AVX2_ALONE.format(mean=mean(ratios), least=ratios[0], count=len(ratios)))
    start, end = "<!-- benchmarks -->\n", "<!-- /benchmarks -->"
    before, rest = text.split(start)
    return before + start + "\n".join(lines) + "\n" + end + rest.split(end)[1]


def models_in_readme(founds: dict[str, Found]) -> list[str]:
    """A table of three published models, where one machine has run them all."""
    for found in founds.values():
        races = {what: race for _, what, race in found.of(STEP)}
        if set(MODELS_IN_README) <= set(races):
            shown = [races[name] for name in MODELS_IN_README]
            rows = [[race["tidegate"]["title"], *before_and_after(race)] for race in shown]
            head = ["a training step of a published model", "before", "after `tidegate.accelerate`", ""]
            return ["", *table(head, rows, left=1)]
    return []


COMMANDS = ", ".join(f"`{part}`" for part in PARTS)
HEAD = f"""# Benchmarks

This page is written by `python -m benchmarks.page` from the rows in `benchmarks/results/`, which are added by
`python -m benchmarks.PART`, PART one of {COMMANDS}.
The kernels are run `--against torch,jax,onnxruntime`, which `pip install ".[bench]"` brings, and once more with
`--against torch,jax --modes train --keep-memory`, with `--modes train --avx2`, and with `--modes train --beside 2`.

Implementations take turns in one process, with the same number of threads, and only after their results on the timed
inputs agree with float64. Times are medians; a row also has the 20th and 80th percentile. Where ours is slower, the
line says so. The machine takes its turns too: its multiply-add peak, and how long it takes until one thread sees what
another wrote, move from minute to minute."""

LOADED_ABOUT = """\
With `--beside 2`: two other processes compute without pause, so that a thread often waits for its core, and all others
for it."""

KEPT_ABOUT = """\
With `--keep-memory`. What torch.nn frees after a step, malloc may give back to the system, which clears it page by page
when the next step asks again. Whether it does depends on what else the program holds; above 32 MiB a block it always
does. torch.nn's LSTM takes up to twice as long then. Here malloc is told to keep all, as other allocators do."""


class Found:
    """The last run of every race."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.races: dict[tuple[str, str, str], Race] = {}
        for row in sorted(rows, key=lambda row: row["when"]):
            race = self.races.setdefault((row["mode"], row["what"], row.get("case", "")), {})
            if race and next(iter(race.values()))["when"] != row["when"]:
                race.clear()
            race[row["backend"]] = row

    def of(self, mode: str) -> list[tuple[str, str, Race]]:
        """Case, what and rows of every race of a mode, in the order of the cases."""
        order = [*CASES, *(case.name for case in (*STEPS, *LOOPS, ROLLOUT)), ""]
        among = [(case, what, race) for (kind, what, case), race in self.races.items() if kind == mode]
        ranked = [race for race in among if "tidegate" in race[2]]
        return sorted(ranked, key=lambda race: (order.index(race[0]), [*CELLS, race[1]].index(race[1])))


def median(row: Row) -> float:
    return row["ms"]["p50"]


def ratio(race: Race, peers: Iterable[str]) -> float | None:
    """The time of the fastest of these peers over ours."""
    theirs = [median(race[peer]) for peer in peers if peer in race]
    return min(theirs) / median(race["tidegate"]) if theirs else None


def mean(values: Iterable[float]) -> float:
    """The geometric mean."""
    logs = [math.log(value) for value in values]
    return math.exp(sum(logs) / len(logs))


def fraction(row: Row) -> float | None:
    """Of the machine's multiply-adds."""
    return row["gflops"] / row["peak_gflops"] if row.get("peak_gflops") else None


@dataclass(frozen=True)
class Goal:
    """A figure beside what it must be and what it should be."""

    what: str
    must: float
    aim: float | None
    value: float | None
    of: int
    """How many measurements it sums up."""
    wanted: int
    """How many it needs to be told."""
    where: str = ""
    form: str = "{:.2f}×"
    at_most: bool = False

    def line(self) -> str:
        sign = "≤" if self.at_most else "≥"
        must, aim = (f"{sign} {self.form.format(v)}" if v is not None else "" for v in (self.must, self.aim))
        if self.value is None:
            return f"| {self.what} | {must} | {aim} | | not measured |"
        reached = self.value <= self.must if self.at_most else self.value >= self.must
        verdict = "reached" if reached else "**missed**"
        if self.of < self.wanted:
            verdict += f" on {self.of} of {self.wanted}"
        where = f" ({self.where})" if self.where else ""
        return f"| {self.what} | {must} | {aim} | {self.form.format(self.value)}{where} | {verdict} |"


def goals(found: Found) -> str:
    """All figures that the project has set itself."""
    train, infer = found.of("train"), found.of("infer")
    both, every = ("torch", "jax"), len(CASES) * len(CELLS)
    lines = ["### Goals", "", "| what | must | aim | measured | |", "|---|--:|--:|--:|---|"]

    def worst(races: list[tuple[str, str, Race]], peers: Iterable[str]) -> tuple[float | None, str]:
        ratios = [(r, f"{case}, {what.upper()}") for case, what, race in races if (r := ratio(race, peers))]
        return min(ratios, default=(None, ""))

    def average(races: list[tuple[str, str, Race]], peers: Iterable[str]) -> float | None:
        ratios = [r for _, _, race in races if (r := ratio(race, peers))]
        return mean(ratios) if ratios else None

    def add(*parts: object, **more: object) -> None:
        lines.append(Goal(*parts, **more).line())  # type: ignore[arg-type]

    least, where = worst(train, both)
    add("train, every case, against the best of torch.nn and JAX", 1.1, 1.5, least, len(train), every, where)
    kept = found.of(KEPT.format("train"))
    least, where = worst(kept, both)
    add("the same where memory is kept", 1.1, 1.5, least, len(kept), every, where)
    add("train, geometric mean, against torch.nn", 3.5, 5, average(train, ("torch",)), len(train), every)
    add("train, geometric mean, against the best peer", 2, 2.5, average(train, both), len(train), every)
    curve = [race for race in train if race[:2] == ("curve", "gru")]
    add("train, curve with GRU, against torch.nn", 20, 30, average(curve, ("torch",)), len(curve), 1)
    add("infer, geometric mean, against the best peer", 1.4, 1.8, average(infer, PEERS), len(infer), every)
    least, where = worst(infer, PEERS)
    add("infer, every case, against the best peer", 0.95, None, least, len(infer), every, where)

    bound = [(fraction(race["tidegate"]), case, what) for case, what, race in train if (case, what) in AT_PEAK]
    known = [(value, f"{case}, {what.upper()}") for value, case, what in bound if value]
    least, where = min(known, default=(None, ""))
    add(
        "train, share of the multiply-add peak, workloads bound by arithmetic",
        0.6, 0.8, least, len(known), len(AT_PEAK), where, "{:.0%}",
    )  # fmt: skip

    uneven = found.of("ragged")
    least, where = worst(uneven, ("torch",))
    add("ragged, every case, against torch.nn on a PackedSequence", 3, None, least, len(uneven), 12, where)
    shares = [
        (median(race["tidegate"]) / median(race["tidegate padded"]), f"{case}, {what.upper()}")
        for case, what, race in uneven
        if "tidegate padded" in race
    ]
    most, where = max(shares, default=(None, ""))
    add("ragged, time over our own padded time", 0.65, None, most, len(shares), 12, where, "{:.2f}", at_most=True)

    one, wanted = found.of("one step"), len(STEPS) * len(CELLS)
    shares = [
        (share, f"{case}, {what.upper()}, {who}", int(case.split("-")[1])) for case, what, who, share in of_best(one)
    ]
    for title, must, among in (
        (
            "one step, 64 features or more, our layer and cell over the best of torch.nn's",
            1.0,
            range(64, 10**6),
        ),
        ("one step, fewer features", 1.1, range(64)),
    ):
        most, where, _ = max((share for share in shares if share[2] in among), default=(None, "", 0))
        add(title, must, None, most, len(one), wanted, where, "{:.2f}", at_most=True)
    average_share = mean([share for share, _, _ in shares]) if shares else None
    add("one step, geometric mean", 0.6, 0.4, average_share, len(one), wanted, "", "{:.2f}", at_most=True)
    loop = found.of("loop")
    add(
        "training loop of 50 calls of a cell, geometric mean",
        1.8,
        3,
        average(loop, ("torch",)),
        len(loop),
        len(LOOPS) * 3,
    )
    least, where = worst(loop, ("torch",))
    add("the same, every case", 1, None, least, len(loop), len(LOOPS) * 3, where)

    wrong = [
        (value / race["torch"]["error"][name], f"{case}, {what.upper()}, {name}")
        for case, what, race in found.of("accuracy")
        for name, value in race["tidegate"]["error"].items()
        if "torch" in race
    ]
    most, where = max(wrong, default=(None, ""))
    done = len(found.of("accuracy"))
    add("error over torch.nn's, output and every gradient", 2, None, most, done, every, where, "{:.2f}", at_most=True)

    held = [
        (race["tidegate"]["mib"] / race["torch"]["mib"], f"{case}, {what.upper()}")
        for case, what, race in found.of("memory")
        if race.get("torch", {}).get("mib")
    ]
    most, where = max(held, default=(None, ""))
    add(
        "peak memory of a training step over torch.nn's", 1, None, most, len(held), every, where, "{:.2f}", at_most=True
    )

    examples = {what: race for _, what, race in found.of("example")}
    for what, title, must, aim, length in (
        ("mnist", "MNIST example, 10 epochs, against the plain script", 1.6, 2, 10),
        ("curve", "curve example, 5,000 steps, against the plain script", 15, 22, 5000),
    ):
        race = examples.get(what, {})
        value = race["torch"]["seconds"] / race["tidegate"]["seconds"] if "torch" in race else None
        ours = race.get("tidegate", {})
        add(title, must, aim, value, ours.get("epochs") or ours.get("steps", 0), length)
    modeled = found.of(STEP)
    packages = {race["tidegate"]["package"] for _, _, race in modeled}
    count = float(len(packages)) if packages else None
    add("published packages whose models agree before and after", 10, None, count, 1, 1, "", "{:.0f}")
    learned = [race for race in found.of(FIT) if race[1] == "sb3_resets"]
    what = "`learn` of sb3-contrib's RecurrentPPO, with a policy that uses `resets`"
    add(what, 2, 3, average(learned, ("torch",)), len(learned), 1)
    imports = [median(race["tidegate"]) / 1e3 for _, _, race in found.of("import")]
    most = max(imports, default=None)
    what = "`import tidegate` and a first layer, beyond `import torch`"
    add(what, 0.15, None, most, 1, 1, "", "{:.3f} s", at_most=True)
    return "\n".join(lines)


def birthplaces(found: Found) -> str:
    """Where and when the rows were recorded that the page shows."""
    places: dict[str, dict[str, None]] = {}
    for (mode, _, _), race in found.races.items():
        for row in race.values():
            place = (
                f"{row['when'][:10]}, commit {row['commit']}{' with changes' if row['dirty'] else ''}, {row['cores']} "
                f"cores, {row['threads']} threads, torch {row['torch']}"
            )
            places.setdefault(place, {})[mode] = None
    lines = [f"- {place}: {'; '.join(sorted(modes))}" for place, modes in sorted(places.items())]
    peaks = [row["peak_gflops"] for race in found.races.values() for row in race.values() if row.get("peak_gflops")]
    peak = f"; multiply-add peak {statistics.median(peaks):.0f} GFLOP/s" if peaks else ""
    return "\n".join([f"Measured{peak}", "", *lines])


def number(value: float) -> str:
    """Three digits that count.

    >>> number(0.12345), number(12.345), number(1234.5)
    ('0.123', '12.3', '1234')
    """
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f}" if value > 0 else "0"


def table(head: list[str], lines: list[list[str]], left: int = 2) -> list[str]:
    """A Markdown table whose first columns are text."""
    rule = ["---"] * left + ["--:"] * (len(head) - left)
    return [f"| {' | '.join(cells)} |" for cells in [head, rule, *lines]]


def sizes(race: Race) -> str:
    return ", ".join(str(race["tidegate"][size]) for size in SIZES)


def labels(races: list[tuple[str, str, Race]]) -> list[list[str]]:
    """The first two cells of every line; a case is named once."""
    seen: set[str] = set()
    cells = []
    for case, what, race in races:
        cells.append(["" if case in seen else f"{case} ({sizes(race)})", what.upper()])
        seen.add(case)
    return cells


CASE = f"case ({', '.join(SIZES)})"


def times(found: Found, mode: str, title: str, peers: Iterable[str], about: str = "") -> str:
    """Milliseconds of everyone, and ours over the best of the others."""
    races = found.of(mode)
    if not races:
        return ""
    shown = [peer for peer in peers if any(peer in race for _, _, race in races)]
    timed_handover = all("handover_ns" in race["tidegate"] for _, _, race in races)
    lines = []
    for label, (_, _, race) in zip(labels(races), races, strict=True):
        cells = [f"{number(median(race[peer]))} ms" if peer in race else "" for peer in shown]
        ours, best, share = race["tidegate"], ratio(race, shown), fraction(race["tidegate"])
        ratio_cell = "" if best is None else f"{best:.2f}×{' **slower**' if best < 1 else ''}"
        lines.append([*label, *cells, f"{number(median(ours))} ms", ratio_cell, f"{share:.0%}" if share else ""])
        if timed_handover:
            lines[-1].append(f"{ours['handover_ns']:.0f} ns")
    head = [CASE, "cell", *(TITLES[peer] for peer in shown), "tidegate", "against the best", "of the peak"]
    head += ["between threads"] * timed_handover
    return "\n".join([f"### {title}", "", *([about, ""] if about else []), *table(head, lines)])


def ragged(found: Found) -> str:
    races = found.of("ragged")
    lines = []
    for label, (_, _, race) in zip(labels(races), races, strict=True):
        ours, padded, theirs = (race[name] for name in ("tidegate", "tidegate padded", "torch"))
        faster = median(theirs) / median(ours)
        lines.append([
            *label, f"{number(median(theirs))} ms", f"{number(median(padded))} ms", f"{number(median(ours))} ms",
            f"{faster:.2f}×{' **slower**' if faster < 1 else ''}", f"{median(ours) / median(padded):.2f}",
        ])  # fmt: skip
    if not lines:
        return ""
    head = [CASE, "cell", "torch.nn, packed", "tidegate, padded", "tidegate, ragged", "faster", "of padded"]
    about = "Lengths are uniform in 1..T. Packing the batch for torch.nn is not timed."
    return "\n".join(["### Training on ragged batches", "", about, "", *table(head, lines)])


def memory(found: Found) -> str:
    races = [race for race in found.of("memory") if "torch" in race[2]]
    lines = [
        [*label, f"{race['torch']['mib']:.1f} MiB", f"{race['tidegate']['mib']:.1f} MiB"]
        for label, (_, _, race) in zip(labels(races), races, strict=True)
    ]
    if not lines:
        return ""
    about = "What the peak of three training steps adds to the layer and its input, in a process of its own."
    return "\n".join(["### Memory", "", about, "", *table([CASE, "cell", "torch.nn", "tidegate"], lines)])


def accuracy(found: Found) -> str:
    races = [race for race in found.of("accuracy") if "torch" in race[2]]
    lines = []
    for label, (_, _, race) in zip(labels(races), races, strict=True):
        ours, theirs = race["tidegate"]["error"], race["torch"]["error"]
        far, name = max((ours[name] / theirs[name], name) for name in ours)
        lines.append([
            *label, f"{theirs['output']:.1e}", f"{ours['output']:.1e}", f"{far:.2f}", name.removeprefix("gradient of "),
        ])  # fmt: skip
    if not lines:
        return ""
    about = "Distance from float64 as a share of the norm; then the result where ours is furthest beyond torch.nn's."
    head = [CASE, "cell", "torch.nn, output", "tidegate, output", "largest ratio", "where"]
    return "\n".join(["### Accuracy", "", about, "", *table(head, lines)])


def of_best(races: list[tuple[str, str, Race]]) -> list[tuple[str, str, str, float]]:
    """Case, cell, and our time over the best of torch.nn's layer and cell: for our layer, and for our cell."""
    shares = []
    for case, what, race in races:
        best = min(median(race[name]) for name in ("torch", "torch cell"))
        shares += [(case, what, who, median(race[name]) / best) for name, who in OURS.items()]
    return shares


OURS = {"tidegate": "layer", "tidegate cell": "cell"}


def step(found: Found) -> str:
    races = found.of("one step")
    if not races:
        return ""
    lines = []
    for case, what, race in races:
        _, H, B = case.split("-")
        names = ("torch", "torch cell", "tidegate", "tidegate cell")
        shares = [share for *_, share in of_best([(case, what, race)])]
        ratios = [f"{share:.2f}{' **slower**' if share > 1 else ''}" for share in shares]
        lines.append([what.upper(), H, B, *(f"{1e3 * median(race[name]):.1f} µs" for name in names), *ratios])
    about = "One step from a state in inference mode; the ratios are our time over the better of torch.nn's two."
    head = [
        "cell",
        "features",
        "sequences",
        "torch.nn's layer",
        "torch.nn's cell",
        "our layer",
        "our cell",
        "layer",
        "cell",
    ]
    return "\n".join(["### One step", "", about, "", *table(head, lines, left=1)])


def loop(found: Found) -> str:
    races = found.of("loop")
    if not races:
        return ""
    lines = []
    for case, what, race in races:
        _, H, B = case.split("-")
        times_of = [f"{number(median(race[name]))} ms" for name in ("torch", "tidegate")]
        faster = ratio(race, ("torch",)) or 0
        lines.append([what.upper(), H, B, *times_of, f"{faster:.2f}×{' **slower**' if faster < 1 else ''}"])
    about = "Forward and backward through 50 calls of a one-step cell, with all gradients."
    head = ["cell", "features", "sequences", "torch.nn", "tidegate", "faster"]
    return "\n".join(["### Training through a loop of steps", "", about, "", *table(head, lines, left=1)])


def state(found: Found) -> str:
    """What is done to the state, beside the plain layer."""
    races = found.of("state")
    if not races:
        return ""
    kinds = ("resets", "states", "recurrent dropout", "zoneout")
    lines = []
    for case, what, race in races:
        plain, peer = race["tidegate"], race["torch"]
        of_plain = [f"{median(race[kind]) / median(plain):.2f}" for kind in kinds]
        faster = f"{median(peer) / median(race['resets']):.1f}×"
        lines.append(
            [case, what.upper(), f"{number(median(plain))} ms", *of_plain, f"{number(median(peer))} ms", faster]
        )
    about = """\
A training step with resets before one step in twenty, with the states of all steps, with recurrent dropout and with
zoneout, as shares of the plain layer's time; and a loop over torch.nn's cell that resets its state."""
    head = ["case", "cell", "plain", "resets", "states", "dropout", "zoneout", "torch.nn's cell, resets", "faster"]
    return "\n".join(["### Resets, states and noise", "", about, "", *table(head, lines)])


def before_and_after(race: Race | None) -> list[str]:
    """Two times and their ratio; three empty cells where there is no race."""
    if race is None:
        return ["", "", ""]
    faster = ratio(race, ("torch",)) or 0
    times_of = [f"{number(median(race[name]))} ms" for name in ("torch", "tidegate")]
    return [*times_of, f"{faster:.2f}×{' **slower**' if faster < 1 else ''}"]


def models(found: Found) -> str:
    """Models of packages, by step and by fit."""
    races, fits = found.of(STEP), {what: race for _, what, race in found.of(FIT)}
    if not races:
        return ""
    lines = []
    for _, what, race in races:
        row = race["tidegate"]
        title = f"{row['title']} {row['version']}: {row['sizes']}"
        lines.append([title, *before_and_after(race), f"{row['error']:.0e}", *before_and_after(fits.get(what))])
    about = """\
Each as its package builds it, on random data: a whole training step before and after `tidegate.accelerate`, and a
short fit of the package's own without and with `tidegate.patch()`. The distance is the largest of the loss and of all
gradients to float64 (where a package computes in float32 only, to torch.nn), as a share of the norm."""
    head = ["model", "step", "accelerated", "faster", "distance", "fit", "patched", "faster"]
    return "\n".join(["### Models of published packages", "", about, "", *table(head, lines, left=1)])


def end_to_end(found: Found) -> str:
    """The examples and the import."""
    lines = []
    for _, what, race in found.of("example"):
        if "torch" not in race:
            continue
        ours, theirs = race["tidegate"], race["torch"]
        length = f"{ours['epochs']} epochs" if "epochs" in ours else f"{ours['steps']} steps"
        scaled = theirs.get("timed_steps", theirs.get("steps")) != theirs.get("steps")
        note = f" (scaled from {theirs['timed_steps']} steps)" if scaled else ""
        lines.append([f"{what}, {length}", f"{theirs['seconds']:.1f} s{note}", f"{ours['seconds']:.1f} s"])
    text = ["### From start to end", ""]
    if lines:
        text += ["The examples beside plain PyTorch scripts, imports included.", ""]
        text += table(["example", "plain PyTorch", "tidegate"], lines, left=1)
    for _, what, race in found.of("import"):
        text += ["", f"`{what}` takes {median(race['tidegate']):.1f} ms after `import torch`."]
    return "\n".join(text).strip() if len(text) > 2 else ""


if __name__ == "__main__":
    main()
