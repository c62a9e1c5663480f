"""Training on ragged batches, lengths uniform in 1..T: ours, ours padded, and torch.nn on a PackedSequence.

torch.nn is given its batch packed, and packing is not timed.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from benchmarks.rows import Recorder, chosen, parser, times, use_threads
from tidegate.kernels import use_backend
from tidegate.layers import layer_of
from tidegate.probes.race import Entry, Work, check, like, race, tidegate_entry


def ragged_entry(work: Work, lengths: torch.Tensor) -> Entry:
    """Our layer with `lengths=`."""
    layer = like(work.layer, layer_of(work.cell))
    x, weights = work.x.clone().requires_grad_(), dict(layer.named_parameters())

    def run() -> tuple[torch.Tensor, ...]:
        with use_backend("cpu"):
            output, _ = layer(x, lengths=lengths)
        return output.detach(), *torch.autograd.grad(output, [x, *weights.values()], work.d_out)

    return Entry(run, lambda found: dict(zip(["output", "gradient of x", *weights], found, strict=True)))


def packed_entry(work: Work, lengths: torch.Tensor, layer: nn.RNNBase) -> Entry:
    """torch.nn on a PackedSequence; the results are padded again to be compared."""
    weights = dict(layer.named_parameters())
    packed = pack_padded_sequence(work.x, lengths, enforce_sorted=False)
    d_packed = pack_padded_sequence(work.d_out, lengths, enforce_sorted=False).data
    data = packed.data.clone().requires_grad_()

    def run() -> tuple[torch.Tensor, ...]:
        output, _ = layer(packed._replace(data=data))
        return output.data.detach(), *torch.autograd.grad(output.data, [data, *weights.values()], d_packed)

    def padded(values: torch.Tensor) -> torch.Tensor:
        return pad_packed_sequence(packed._replace(data=values), total_length=len(work.x))[0]

    def named(found: tuple[torch.Tensor, ...]) -> dict[str, torch.Tensor]:
        output, d_x, *others = found
        results = {"output": padded(output), "gradient of x": padded(d_x)}
        return results | dict(zip(weights, others, strict=True))

    return Entry(run, named)


def main(arguments: list[str] | None = None) -> None:
    options = parser("ragged", __doc__, rounds=50, seconds=2.0)
    options.set_defaults(cases=["mnist-row", "mnist-pixel", "charlm", "big"])
    given = options.parse_args(arguments)
    use_threads(given.threads)
    recorder = Recorder(given.out)
    for case, cell in chosen(given):
        work = Work.of(case, cell, "train")
        lengths = torch.randint(1, case.T + 1, (case.B,), generator=torch.Generator().manual_seed(0))
        lengths[0] = case.T
        double = like(work.layer, type(work.layer)).double()
        in_double = Work(cell, "train", double, work.x.double(), work.d_out.double())
        exact = packed_entry(in_double, lengths, double).results()
        entries = {
            "tidegate": ragged_entry(work, lengths),
            "tidegate padded": tidegate_entry(work),
            "torch": packed_entry(work, lengths, work.layer),
        }
        for name in ("tidegate", "torch"):
            check(name, entries[name].results(), exact)
        line = f"{case.name:<12}{cell:<5}"
        for name, seconds in race(entries, seconds=given.seconds, rounds=given.rounds).items():
            real = round(float(lengths.sum()) / case.T / case.B, 3)
            row = recorder.add(cell, "ragged", name, case, **times(seconds), real_steps=real)
            line += f"  {name} {row['ms']['p50']:.4g} ms"
        print(line, flush=True)


if __name__ == "__main__":
    main()
