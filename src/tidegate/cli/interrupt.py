"""Ctrl-C and SIGTERM: the work ends in one line, without a traceback."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Stopped(BaseException):
    """A person or the system stopped the command; the message says how to go on, where there is a way."""


@contextmanager
def resumable(folder: Path, begun: str) -> Iterator[None]:
    """Let a KeyboardInterrupt say how to go on, where the folder holds the file by which to tell that work has begun.

    >>> with resumable(Path("runs/digits"), "checkpoints/last.ckpt"):
    ...     pass
    """
    try:
        yield
    except KeyboardInterrupt:
        if (folder / begun).exists():
            raise Stopped(f"the same command with --resume goes on from {folder}") from None
        raise


class Listener:
    """Turns the first signals of a process into KeyboardInterrupt, and remembers which came.

    What a library makes of the exception on its way, in the middle of an import for one, changes nothing about it.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self.ignores = False

    def listen(self) -> None:
        """Take over what nobody has taken or set to be ignored, as nohup does."""
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self)
        # Under torchrun, the other processes would wait for one that ends in its own time.
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL and os.environ.get("WORLD_SIZE", "1") == "1":
            signal.signal(signal.SIGTERM, self)

    def __call__(self, signum: int, frame: Any) -> None:
        if self.ignores:
            return
        self.received = self.received or signum
        # A library's thread may fail as its work is stopped, as that of a pool whose workers have not started yet.
        threading.excepthook = lambda args: None
        raise KeyboardInterrupt

    def end(self) -> None:
        """Let the program end, whatever else is pressed."""
        self.ignores = True
        # A KeyboardInterrupt that left exec once, as in an import, makes CPython end itself by SIGINT, though it was
        # caught; the next exec forgets it.
        exec("")

    @property
    def status(self) -> int:
        """The exit status by which shells tell a signal: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + (self.received or signal.SIGINT)
