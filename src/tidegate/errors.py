"""What can go wrong through no fault of ours, said in one sentence: what came, what was wanted, what to do."""

from __future__ import annotations

from functools import partial


class TidegateError(Exception):
    """An error that a user can cause and mend.

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
    """An argument or option has a value that cannot work. Also the types that torch.nn's constructors raise."""


class ShapeError(TidegateError, ValueError, RuntimeError):
    """A tensor has the wrong shape or dtype. Also the types that torch.nn's layers raise for it."""


class BackendError(TidegateError, RuntimeError):
    """A backend asked for by name cannot run this call."""


class DataError(TidegateError, ValueError, TypeError):
    """A file or an array cannot be used as data."""


class NotFittedError(TidegateError, ValueError, AttributeError):
    """A model was asked to predict before it was fitted."""


class BundleError(TidegateError):
    """A saved model is damaged, edited, or from another version."""


class RunError(TidegateError):
    """A run folder cannot be written, read or resumed."""


class TrainingError(TidegateError, ArithmeticError):
    """Training cannot go on: the loss is not finite."""


class MissingExtraError(TidegateError, ImportError):
    """A package of an optional extra is not installed."""


class DataWarning(UserWarning):
    """Data is usable, but something in it was guessed, or is not as in training."""


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
