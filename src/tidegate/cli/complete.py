"""What the Tab key offers. The names stand here again, since those who know them take seconds to import."""

from __future__ import annotations

from collections.abc import Sequence

TASKS = ("classification", "regression", "forecasting", "language", "translation", "speech")
CELLS = ("rnn", "lstm", "gru")
DATASETS = ("digits", "mnist", "curve", "recall", "adding")
READOUTS = ("last", "mean", "max", "attention", "all")
INITIALIZATIONS = ("torch", "open", "chrono", "orthogonal", "identity")
UNITS = ("char", "byte", "bpe")
LOGGERS = ("tensorboard", "mlflow", "wandb")
BUDGETS = ("quick", "normal", "thorough")
PLOTS = ("gradients", "memory", "gates")
CASES = ("curve", "mnist-row", "mnist-pixel", "charlm", "stream", "big")


def tasks(incomplete: str) -> list[str]:
    """The tasks that begin so."""
    return _beginning(TASKS, incomplete)


def cells(incomplete: str) -> list[str]:
    """The cells that begin so."""
    return _beginning(CELLS, incomplete)


def datasets(incomplete: str) -> list[str]:
    """The built-in datasets that begin so; where there is none, the shell offers files.

    >>> datasets("m"), datasets("my.csv")
    (['mnist'], [])
    """
    return _beginning(DATASETS, incomplete)


def readouts(incomplete: str) -> list[str]:
    """Readouts separated by commas, with each that can come next."""
    return _list(READOUTS, incomplete)


def initializations(incomplete: str) -> list[str]:
    """The initializations that begin so."""
    return _beginning(INITIALIZATIONS, incomplete)


def units(incomplete: str) -> list[str]:
    """The units that begin so."""
    return _beginning(UNITS, incomplete)


def loggers(incomplete: str) -> list[str]:
    """The loggers that begin so."""
    return _beginning(LOGGERS, incomplete)


def budgets(incomplete: str) -> list[str]:
    """The budgets that begin so."""
    return _beginning(BUDGETS, incomplete)


def plots(incomplete: str) -> list[str]:
    """The plots that begin so."""
    return _beginning(PLOTS, incomplete)


def cell_list(incomplete: str) -> list[str]:
    """Cells separated by commas, with each that can come next.

    >>> cell_list("lstm,")
    ['lstm,rnn', 'lstm,gru']
    """
    return _list(CELLS, incomplete)


def case_list(incomplete: str) -> list[str]:
    """Cases of a benchmark separated by commas, with each that can come next."""
    return _list(CASES, incomplete)


def _beginning(names: Sequence[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _list(names: Sequence[str], incomplete: str) -> list[str]:
    *given, last = incomplete.split(",")
    return [",".join([*given, name]) for name in _beginning(names, last) if name not in given]
