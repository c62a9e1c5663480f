"""tidegate bench"""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from tidegate.cli import complete
from tidegate.cli.options import names_in

HEAD = f"{'case':<13}{'cell':<6}{'mode':<7}{'torch.nn':>10}{'tidegate':>10}   median ms"


def bench(
    cases: Annotated[
        str,
        typer.Option(
            help="Workloads: curve, mnist-row, mnist-pixel, charlm, stream and big, separated by commas.",
            autocompletion=complete.case_list,
        ),
    ] = "curve,mnist-row,stream",
    cells: Annotated[
        str, typer.Option(help="Cells, separated by commas.", autocompletion=complete.cell_list)
    ] = "rnn,lstm,gru",
    seconds: Annotated[float, typer.Option(help="Total time to measure for.")] = 20.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Benchmark tidegate's layers against torch.nn's on this machine, after checking their results.

    Ctrl-C stops early and prints what was measured.
    """
    from tidegate.probes import machine
    from tidegate.probes.race import beside_torch

    found: list[dict[str, Any]] = []
    stopped = None
    try:
        for row in beside_torch(names_in(cases), names_in(cells), seconds=seconds):
            if not as_json:
                typer.echo(_line(row) if found else f"{HEAD}\n{_line(row)}")
            found.append(row)
    except KeyboardInterrupt as interrupt:
        stopped = interrupt
    if as_json and (found or not stopped):
        typer.echo(json.dumps({"machine": machine(), "rows": found}))
    if stopped:
        raise stopped


def _line(row: dict[str, Any]) -> str:
    theirs, ours = row["ms"]["torch"]["p50"], row["ms"]["tidegate"]["p50"]
    ratio = f"{theirs / ours:.2f}×{'  slower' if ours > theirs else ''}"
    return f"{row['case']:<13}{row['cell']:<6}{row['mode']:<7}{theirs:>10.4g}{ours:>10.4g}   {ratio}"
