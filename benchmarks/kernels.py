"""RNN, LSTM and GRU on six workloads, train and infer, beside torch.nn, JAX and ONNX Runtime."""

from __future__ import annotations

import argparse
import sys
from statistics import median

from benchmarks.peers import INFER_ONLY, PEERS
from benchmarks.rows import (
    BESIDE,
    KEPT,
    Recorder,
    busy,
    chosen,
    hold_to_avx2,
    keep_memory,
    names,
    parser,
    times,
    use_threads,
)
from tidegate.probes.race import MODES, Work, checked_race, machine_entry, tidegate_entry


def main(arguments: list[str] | None = None) -> None:
    options = parser("kernels", __doc__, rounds=50, seconds=4.0)
    options.add_argument("--against", type=names, default=["torch"], help=f"of {','.join(PEERS)} (default: torch)")
    options.add_argument("--modes", type=names, default=list(MODES), help="of train,infer (default: both)")
    options.add_argument("--keep-memory", action="store_true", help="malloc gives nothing back, which helps torch.nn")
    options.add_argument("--avx2", action="store_true", help="hold everybody to AVX2, which most laptops have")
    options.add_argument("--beside", type=int, default=0, help="busy processes beside, as on a loaded server")
    given = options.parse_args(arguments)
    if given.avx2:
        hold_to_avx2(["-m", "benchmarks.kernels", *(sys.argv[1:] if arguments is None else arguments)])
    for option, among in {"against": PEERS, "modes": MODES}.items():
        if unknown := set(getattr(given, option)) - set(among):
            raise SystemExit(f"got --{option} {', '.join(sorted(unknown))}; wanted some of {', '.join(among)}")

    if given.keep_memory:
        keep_memory()
    threads = use_threads(given.threads)
    recorder = Recorder(given.out)
    print(f"{recorder.birthplace['cpu']}, {threads} threads; median ms, p20-p80")
    with busy(given.beside):
        measure(given, threads, recorder)


def measure(given: argparse.Namespace, threads: int, recorder: Recorder) -> None:
    """A row and a part of a line for everyone, in each case, cell and mode."""
    for case, cell in chosen(given):
        for mode in given.modes:
            work = Work.of(case, cell, mode)
            peers = [name for name in given.against if mode == "infer" or name not in INFER_ONLY]
            makers = {"tidegate": tidegate_entry, **{name: PEERS[name] for name in peers}}
            recorded = KEPT.format(mode) if given.keep_memory else mode
            recorded = BESIDE.format(recorded, given.beside) if given.beside else recorded
            peaks: list[float] = []
            handovers: list[float] = []
            beside = {"machine": machine_entry(threads, peaks, handovers)}
            taken = checked_race(work, makers, seconds=given.seconds, rounds=given.rounds, beside=beside)
            del taken["machine"]
            peak = round(median(peaks), 1)
            allowed = {"peak_gflops": peak, "handover_ns": round(median(handovers), 1)}
            line = f"{case.name:<12}{cell:<5}{mode:<6}"
            for name, seconds in taken.items():
                gflops = case.flops(cell, mode) / 1e6 / times(seconds)["ms"]["p50"]
                row = recorder.add(cell, recorded, name, case, **times(seconds), gflops=round(gflops, 1), **allowed)
                line += f"  {name} {row['ms']['p50']:.4g} [{row['ms']['p20']:.4g}-{row['ms']['p80']:.4g}]"
            print(f"{line}  peak {peak:.0f} GFLOP/s, {allowed['handover_ns']} ns between threads", flush=True)


if __name__ == "__main__":
    main()
