"""What a user can cause and correct: each error states what was passed, what was expected and what to do."""

from __future__ import annotations

from functools import partial


class TidegateError(Exception):
    """An error that a user can cause and correct; the base class of all of them.

    Args:
        got: what was passed or found.
        wanted: what was expected.
        do: what to do.

    >>> from tidegate.errors import DataError
    >>> raise DataError(got="an empty file", wanted="an IDX file", do="download it again")
    Traceback (most recent call last):
        ...
    tidegate.errors.DataError: got an empty file; wanted an IDX file; do download it again
    """

    def __init__(self, *, got: str, wanted: str, do: str) -> None:
        super().__init__(f"got {got}; wanted {wanted}; do {do}")
        self.got, self.wanted, self.do = got, wanted, do

    def __reduce__(self) -> tuple:
        # Exceptions travel between processes by their positional arguments; ours has none.
        return partial(type(self), got=self.got, wanted=self.wanted, do=self.do), ()


class ConfigError(TidegateError, ValueError, TypeError):
    """An argument or option has a value that cannot work. Derives from the types that torch.nn's constructors raise.

    >>> import tidegate
    >>> tidegate.GRU(3, 5, zoneout=1.5)
    Traceback (most recent call last):
        ...
    tidegate.errors.ConfigError: got zoneout=1.5; wanted a number from 0 to below 1; do correct zoneout
    """


class ShapeError(TidegateError, ValueError, RuntimeError):
    """A tensor has the wrong shape or dtype. Derives from the types that torch.nn's layers raise for it.

    >>> import tidegate, torch
    >>> try:
    ...     tidegate.GRU(3, 5)(torch.zeros(7, 2, 4))
    ... except RuntimeError as error:
    ...     print(error.got)
    an input of shape (7, 2, 4) (time, batch, features)
    """


class BackendError(TidegateError, RuntimeError):
    """The backend selected by name cannot run this call.

    >>> import tidegate
    >>> try:
    ...     with tidegate.use_backend("gpu"):
    ...         pass
    ... except tidegate.TidegateError as error:
    ...     print(error.wanted)
    one of auto, cpu, torch, reference
    """


class DataError(TidegateError, ValueError, TypeError):
    """A file or an array cannot be used as data.

    >>> import tidegate
    >>> try:
    ...     tidegate.read_dataset("no-such-file.csv")
    ... except tidegate.TidegateError as error:
    ...     print(type(error).__name__)
    DataError
    """


class NotFittedError(TidegateError, ValueError, AttributeError):
    """A model was asked to predict before it was fitted.

    >>> import tidegate
    >>> try:
    ...     tidegate.SequenceClassifier().predict([[[0.0]]])
    ... except tidegate.TidegateError as error:
    ...     print(error.got)
    a SequenceClassifier that was not fitted
    """


class BundleError(TidegateError):
    """A saved model is missing, damaged, edited, or from a newer version.

    >>> import tidegate
    >>> try:
    ...     tidegate.load("no-such-folder")
    ... except tidegate.TidegateError as error:
    ...     print(type(error).__name__)
    BundleError
    """


class RunError(TidegateError):
    """A run folder cannot be written, read or resumed."""


class TrainingError(TidegateError, ArithmeticError):
    """Training cannot continue: the loss is not finite."""


class MissingExtraError(TidegateError, ImportError):
    """A package of an optional extra is not installed."""


class DataWarning(UserWarning):
    """The data can be used, but something in it was guessed, or is not as in training."""


AUDIO = ("soundfile", "soxr", "kaldi_native_fbank", "jiwer")
"""Packages of the extra `audio`."""


def missing_extra(error: ModuleNotFoundError) -> Exception:
    """A missing package of the tasks as a sentence; any other missing module is our own defect."""
    if error.name is None or error.name.split(".")[0] == "tidegate":
        return error
    extra, what = (
        ("audio", "the tasks of sound") if error.name in AUDIO else ("tasks", "the tasks and the command line")
    )
    return MissingExtraError(
        got=f"no package {error.name!r}", wanted=f"{what} installed", do=f'run: pip install "tidegate[{extra}]"'
    )
