"""tidegate fit"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated, Any

import typer

from tidegate.cli.complete import TASKS, cells, datasets, initializations, loggers, readouts, tasks, units
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
            help="Built in: digits, mnist, curve, recall, adding, or recall:1000 for sequences of 1,000 steps. Files: "
            "a table (.csv, .parquet, .xlsx, …), .npz, .ts; a folder of tables, images, audio or IDX files; a text or "
            "a folder of texts; text pairs (.tsv, .csv, .jsonl, or --source and --target); an audio manifest with path "
            "and text",
            autocompletion=datasets,
        ),
    ] = None,
    cell: Annotated[
        str | None,
        typer.Option(help="rnn, lstm or gru.  [default: depends on the task, see above]", autocompletion=cells),
    ] = None,
    hidden_size: Annotated[
        int | None,
        typer.Option(help="Size of the hidden state.  [default: depends on the task, see above]"),
    ] = None,
    num_layers: Annotated[
        int | None, typer.Option(help="Number of recurrent layers.  [default: 1; 3 for speech]")
    ] = None,
    bidirectional: Annotated[
        bool | None,
        typer.Option(
            help="Read sequences in both directions.  [default: bidirectional, unless every step has a target]"
        ),
    ] = None,
    readout: Annotated[
        str | None,
        typer.Option(
            help="How hidden states are pooled for a prediction: last, mean, max, attention, several separated by "
            "commas, or all (last,mean,max).  [default: all]",
            autocompletion=readouts,
        ),
    ] = None,
    patch: Annotated[
        int | None,
        typer.Option(
            help="Consecutive steps joined into one input.  [default: chosen to leave about 60 steps; 1 if every step "
            "has a target; 3 for speech]"
        ),
    ] = None,
    dropout: Annotated[
        float | None,
        typer.Option(
            help="Dropout probability.  [default: depends on the task; 0.2 for labels, 0 if every step has a target]"
        ),
    ] = None,
    noise: Annotated[
        float | None,
        typer.Option(
            help="Standard deviation of Gaussian noise added to scaled training inputs.  [default: 0.1; 0 if every "
            "step has a target]"
        ),
    ] = None,
    initialization: Annotated[
        str | None,
        typer.Option(
            help="Weight initialization: torch, open (forget gate open), chrono (long memory), orthogonal, identity.  "
            "[default: open for lstm, else torch]",
            autocompletion=initializations,
        ),
    ] = None,
    missing: Annotated[
        str | None,
        typer.Option(
            help="Missing values: refuse, interpolate, or mask (fill with the mean and add an indicator channel).  "
            "[default: refuse]"
        ),
    ] = None,
    class_weight: Annotated[
        str | None, typer.Option(help="balanced: weight classes inversely to their frequency.  [default: none]")
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(help="Passes over the training data.  [default: set by the steps]"),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(help="Optimizer steps, instead of epochs.  [default: depends on the task; at least 10 epochs]"),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            help="Peak learning rate of the schedule.  [default: depends on the task; 6e-3, or 2e-3 "
            "above 20,000 sequences]"
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(help="Sequences per step.  [default: depends on the task; a quarter of the sequences, 16 to 128]"),
    ] = None,
    weight_decay: Annotated[
        float | None, typer.Option(help="Decoupled weight decay, as in AdamW.  [default: depends on the task]")
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            help="Early stopping: validation checks without improvement before training stops.  [default: none]"
        ),
    ] = None,
    validation_share: Annotated[
        float | None,
        typer.Option(
            help="Share of the training data held out to select the best checkpoint; 0 for none.  [default: depends "
            "on the task]"
        ),
    ] = None,
    shift: Annotated[
        int | None,
        typer.Option(help="Random translation of training images, in pixels.  [default: 2 for 28x28 images]"),
    ] = None,
    horizon: Annotated[
        int | None, typer.Option(help="Steps ahead to forecast.  [default: read from the file]", rich_help_panel=SERIES)
    ] = None,
    windows: Annotated[
        int | None,
        typer.Option(
            help="Forecast windows at the end of each series used as the test set.  [default: 1]",
            rich_help_panel=SERIES,
        ),
    ] = None,
    season: Annotated[
        int | None,
        typer.Option(
            help="Seasonal period in steps; 1 for none.  [default: inferred from the dates]", rich_help_panel=SERIES
        ),
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(
            help="Context length in steps.  [default: 2 seasons, at least 48 and at most 168]", rich_help_panel=SERIES
        ),
    ] = None,
    log: Annotated[
        bool | None,
        typer.Option(help="Forecast the logarithm of the target.  [default: no-log]", rich_help_panel=SERIES),
    ] = None,
    members: Annotated[
        int | None,
        typer.Option(
            help="Networks in the ensemble; the forecast is their median.  [default: 2]", rich_help_panel=SERIES
        ),
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option(
            help="Token unit: char, byte, or bpe (subwords).  [default: depends on the task]",
            autocompletion=units,
            rich_help_panel=TEXTS,
        ),
    ] = None,
    vocab_size: Annotated[
        int | None,
        typer.Option(
            help="Largest vocabulary.  [default: 8,000; 4,000 for few text pairs]",
            rich_help_panel=TEXTS,
        ),
    ] = None,
    embedding_size: Annotated[
        int | None,
        typer.Option(
            help="Embedding size.  [default: depends on the task; for language 128, or the hidden size for large "
            "vocabularies]",
            rich_help_panel=TEXTS,
        ),
    ] = None,
    chunk: Annotated[
        int | None,
        typer.Option(
            help="Length of truncated backpropagation through time, in tokens.  [default: 128]", rich_help_panel=TEXTS
        ),
    ] = None,
    label_smoothing: Annotated[
        float | None,
        typer.Option(help="Label smoothing.  [default: 0.1]", rich_help_panel=PAIRS),
    ] = None,
    max_length: Annotated[
        int | None,
        typer.Option(help="Longest text in tokens; longer ones are truncated.  [default: 256]", rich_help_panel=PAIRS),
    ] = None,
    beam: Annotated[
        int | None,
        typer.Option(help="Beam size; 1 for greedy search.  [default: 5]", rich_help_panel=PAIRS),
    ] = None,
    length_penalty: Annotated[
        float | None,
        typer.Option(help="Exponent of length normalization in beam search.  [default: 1]", rich_help_panel=PAIRS),
    ] = None,
    masks: Annotated[
        int | None,
        typer.Option(
            help="Time masks and frequency masks of SpecAugment.  [default: 2]",
            rich_help_panel=SPEECH,
        ),
    ] = None,
    stretch: Annotated[
        float | None,
        typer.Option(
            help="Largest speed perturbation of training recordings, below 1.  [default: 0.15]",
            rich_help_panel=SPEECH,
        ),
    ] = None,
    lower: Annotated[
        bool | None,
        typer.Option(
            help="Convert transcripts to lower case.  [default: if they mix upper and lower case]",
            rich_help_panel=SPEECH,
        ),
    ] = None,
    punctuation: Annotated[
        bool | None,
        typer.Option(help="Keep punctuation in transcripts.  [default: no-punctuation]", rich_help_panel=SPEECH),
    ] = None,
    logger: Annotated[
        str | None,
        typer.Option(
            help="Log the history to tensorboard, mlflow or wandb too.  [default: none]", autocompletion=loggers
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Random seed.  [default: 0]")] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder.  [default: runs/DATA-CELL]")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume an interrupted run, or start it.  [default: no]")
    ] = False,
    reading: Any = None,
) -> None:
    """Train a model and write a run folder with its metrics, history and report.

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
        "logger": logger,
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
