"""tidegate fit"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated, Any

import typer

from tidegate.cli.complete import TASKS, cells, datasets, initializations, readouts, tasks, units
from tidegate.cli.interrupt import resumable
from tidegate.cli.options import say, source_of, table_options

SERIES, TEXTS, PAIRS, SPEECH = "Forecasting", "Language", "Translation", "Speech"


@table_options
def fit(
    task: Annotated[
        str,
        typer.Argument(help=f"{', '.join(TASKS[:-1])} or {TASKS[-1]}", autocompletion=tasks),
    ],
    data: Annotated[
        str | None,
        typer.Argument(
            help="digits, mnist, curve; recall, adding, or recall:1000, of so many steps; a table (.csv, "
            ".parquet, .xlsx, …), .npz, .ts; a folder of tables, images or IDX files; a text or a folder of texts; "
            "pairs of texts (.tsv, .csv, .jsonl), or two files by --source and --target; audio, or a "
            "manifest of path and text",
            autocompletion=datasets,
        ),
    ] = None,
    cell: Annotated[
        str | None,
        typer.Option(help="rnn, lstm or gru.  [default: by the task, above]", autocompletion=cells),
    ] = None,
    hidden_size: Annotated[
        int | None,
        typer.Option(help="Features of the recurrent state.  [default: by the task, above]"),
    ] = None,
    num_layers: Annotated[int | None, typer.Option(help="Recurrent layers.  [default: 1; 3 for speech]")] = None,
    bidirectional: Annotated[
        bool | None,
        typer.Option(
            help="Read every sequence forward and backward.  [default: bidirectional; not for targets of steps]"
        ),
    ] = None,
    readout: Annotated[
        str | None,
        typer.Option(
            help="How states become one vector: last, mean, max, attention, several by commas, or all (last,mean,max). "
            "[default: all]",
            autocompletion=readouts,
        ),
    ] = None,
    patch: Annotated[
        int | None,
        typer.Option(
            help="Input steps concatenated to one.  [default: leaves about 60; 1 for targets of steps, 3 for speech]"
        ),
    ] = None,
    dropout: Annotated[
        float | None,
        typer.Option(
            help="Share of features set to zero.  [default: by the task; 0.2 for labels, 0 for targets of steps]"
        ),
    ] = None,
    noise: Annotated[
        float | None,
        typer.Option(
            help="Standard deviation of noise added to training inputs.  [default: 0.1; 0 for targets of steps]"
        ),
    ] = None,
    initialization: Annotated[
        str | None,
        typer.Option(
            help="Initial weights: torch, open, chrono (a long memory), orthogonal or identity.  "
            "[default: open for lstm, else torch]",
            autocompletion=initializations,
        ),
    ] = None,
    missing: Annotated[
        str | None,
        typer.Option(help="Missing values: refuse, interpolate, or mask (the mean, and where).  [default: refuse]"),
    ] = None,
    class_weight: Annotated[
        str | None, typer.Option(help="balanced: rare classes count as much as frequent ones.  [default: none]")
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(help="Passes over the data.  [default: as many as the steps make]"),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(help="Optimizer steps, instead of epochs.  [default: by the task, and at least 10 epochs]"),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(help="Peak learning rate.  [default: by the task; 6e-3 for sequences, 2e-3 for over 20,000]"),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(help="Sequences per step.  [default: by the task; a quarter of the sequences, 16 to 128]"),
    ] = None,
    weight_decay: Annotated[float | None, typer.Option(help="Decoupled, as in AdamW.  [default: by the task]")] = None,
    patience: Annotated[
        int | None, typer.Option(help="Checks without improvement after which training stops.  [default: none]")
    ] = None,
    validation_share: Annotated[
        float | None,
        typer.Option(help="Share of the training data held out to choose the best checkpoint.  [default: by the task]"),
    ] = None,
    shift: Annotated[
        int | None,
        typer.Option(help="Pixels by which training images are moved at random.  [default: 2 for 28x28 images]"),
    ] = None,
    horizon: Annotated[
        int | None, typer.Option(help="Steps ahead to forecast.  [default: as the file says]", rich_help_panel=SERIES)
    ] = None,
    windows: Annotated[
        int | None,
        typer.Option(help="Test forecasts at the end of each series.  [default: 1]", rich_help_panel=SERIES),
    ] = None,
    season: Annotated[
        int | None,
        typer.Option(help="Steps per season, 1 for none.  [default: by the dates]", rich_help_panel=SERIES),
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(help="Steps read before a forecast.  [default: 2 seasons, 48 to 168]", rich_help_panel=SERIES),
    ] = None,
    log: Annotated[
        bool | None, typer.Option(help="Forecast logarithms.  [default: no-log]", rich_help_panel=SERIES)
    ] = None,
    members: Annotated[
        int | None,
        typer.Option(help="Networks whose median is the forecast.  [default: 2]", rich_help_panel=SERIES),
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option(
            help="Token of a text: char, byte, or bpe (subword).  [default: by the task]",
            autocompletion=units,
            rich_help_panel=TEXTS,
        ),
    ] = None,
    vocab_size: Annotated[
        int | None,
        typer.Option(
            help="Number of subwords, or of characters at most.  [default: 8,000, or 4,000 for few pairs]",
            rich_help_panel=TEXTS,
        ),
    ] = None,
    embedding_size: Annotated[
        int | None,
        typer.Option(
            help="Size of the embedding.  [default: by the task; for language 128, or the hidden size for many tokens]",
            rich_help_panel=TEXTS,
        ),
    ] = None,
    chunk: Annotated[
        int | None,
        typer.Option(help="Steps of truncated backpropagation through time.  [default: 128]", rich_help_panel=TEXTS),
    ] = None,
    label_smoothing: Annotated[
        float | None,
        typer.Option(help="Probability spread over all tokens in the targets.  [default: 0.1]", rich_help_panel=PAIRS),
    ] = None,
    max_length: Annotated[
        int | None,
        typer.Option(help="Longest text, in tokens.  [default: 256]", rich_help_panel=PAIRS),
    ] = None,
    beam: Annotated[
        int | None,
        typer.Option(help="Width of beam search; 1 for greedy search.  [default: 5]", rich_help_panel=PAIRS),
    ] = None,
    length_penalty: Annotated[
        float | None,
        typer.Option(
            help="Exponent of the length that log-probabilities are divided by.  [default: 1]", rich_help_panel=PAIRS
        ),
    ] = None,
    masks: Annotated[
        int | None,
        typer.Option(
            help="Masked stretches of frames and of features per recording (SpecAugment).  [default: 2]",
            rich_help_panel=SPEECH,
        ),
    ] = None,
    stretch: Annotated[
        float | None,
        typer.Option(
            help="Largest change of tempo in training, as a share below 1.  [default: 0.15]",
            rich_help_panel=SPEECH,
        ),
    ] = None,
    lower: Annotated[
        bool | None,
        typer.Option(help="Transcripts in lower case.  [default: where they have both cases]", rich_help_panel=SPEECH),
    ] = None,
    punctuation: Annotated[
        bool | None,
        typer.Option(help="Transcripts with punctuation.  [default: no-punctuation]", rich_help_panel=SPEECH),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the weights, the order of the data and dropout.  [default: 0]")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder.  [default: runs/DATA-CELL]")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an interrupted run from its last checkpoint.  [default: no]")
    ] = False,
    reading: Any = None,
) -> None:
    """Train a model and write a run folder with its scores, history and report.

    Defaults by task:

    - classification and regression: --cell gru --hidden-size 128 --steps 1,000

    - forecasting: --cell lstm --hidden-size 64 --dropout 0.1 --steps 1,000 --learning-rate 3e-3 --batch-size 64
    --weight-decay 0.01

    - language: --cell lstm --hidden-size 512 --dropout 0.3 --steps 3,000 --learning-rate 4e-3 --batch-size 32
    --weight-decay 0.01 --unit char

    - translation: --cell gru --hidden-size 512 --dropout 0.25 --steps 4,500 --learning-rate 3e-3 --batch-size 128
    --weight-decay 0.01 --unit bpe --embedding-size 256

    - speech: --cell lstm --hidden-size 160 --num-layers 3 --patch 3 --dropout 0.3 --steps 3,600 --learning-rate 3e-3
    --batch-size 16 --weight-decay 0.01
    """
    given = {
        "cell": cell,
        "hidden_size": hidden_size,
        "num_layers": num_layers,
        "bidirectional": bidirectional,
        "readout": readout,
        "patch": patch,
        "dropout": dropout,
        "noise": noise,
        "initialization": initialization,
        "missing": missing,
        "class_weight": class_weight,
        "epochs": epochs,
        "steps": steps,
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "weight_decay": weight_decay,
        "patience": patience,
        "validation_share": validation_share,
        "shift": shift,
        "horizon": horizon,
        "windows": windows,
        "season": season,
        "window": window,
        "log": log,
        "members": members,
        "unit": unit,
        "vocab_size": vocab_size,
        "embedding_size": embedding_size,
        "chunk": chunk,
        "label_smoothing": label_smoothing,
        "max_length": max_length,
        "beam": beam,
        "length_penalty": length_penalty,
        "masks": masks,
        "stretch": stretch,
        "lower": lower,
        "punctuation": punctuation,
        "seed": seed,
    }
    from tidegate.cli.progress import reading_progress
    from tidegate.compare.baselines import write_baselines
    from tidegate.report.run import summary, write_report
    from tidegate.tasks.run import fit_run, task_of

    data, reading = source_of(data, reading)
    own = inspect.signature(task_of(task)).parameters["cell"].default
    folder = out or Path("runs") / f"{Path(data).name.split('.')[0].replace(':', '-')}-{cell or own}"
    parameters = {name: value for name, value in given.items() if value is not None}
    with resumable(folder, "checkpoints/last.ckpt"), reading_progress(data) as tell:
        run = fit_run(task, data, parameters, folder, reading=reading, resume=resume, say=say, tell=tell)
    if run is not None:
        write_baselines(run)
        page = write_report([run], folder / "report.html")
        typer.echo(f"{summary(run)}\n{page}")
