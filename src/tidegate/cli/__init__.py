"""The command line: parse, call the library, print. Nothing heavy is imported before work begins."""

from __future__ import annotations

import errno
import os
import sys

from tidegate.cli.interrupt import Listener, Stopped
from tidegate.errors import TidegateError, missing_extra

INTERRUPTED, NO_READER = 130, 141


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit.

    The status is 0 for done, 2 for wrong input, 130 for Ctrl-C, 143 for SIGTERM, 141 where whoever reads the output
    has left, and 1 for a defect of our own.
    """
    listener = Listener()
    try:
        listener.listen()
        status = run(sys.argv[1:] if arguments is None else arguments)
        listener.end()
    except BaseException:
        listener.end()
        if listener.received is None:
            raise
        status = _interrupted()
    sys.exit(listener.status if status == INTERRUPTED else status)


def run(arguments: list[str]) -> int:
    """Run the command line and return the exit status."""
    try:
        try:
            from tidegate.cli.app import UsageError, app
        except ModuleNotFoundError as error:
            raise missing_extra(error) from error
        try:
            status = app(arguments or ["--help"], prog_name="tidegate", standalone_mode=False) or 0
            sys.stdout.flush()
            return status if status != INTERRUPTED else _interrupted()
        except UsageError as error:
            message = " ".join(error.format_message().split()).rstrip(".")
            _say(f"error: got wrong arguments ({message}); wanted those of --help; do read it")
            return 2
        except ModuleNotFoundError as error:
            raise missing_extra(error) from error
    except TidegateError as error:
        _say(f"error: {error}")
        return 2
    except (BrokenPipeError, SystemExit) as error:
        # click makes an exit of it.
        if not isinstance(error, BrokenPipeError) and not isinstance(error.__context__, BrokenPipeError):
            raise
        # What is left in the buffer has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NO_READER
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _say("error: got a disk without space left; wanted room for what is written; do free some space")
        return 2
    except (Stopped, KeyboardInterrupt) as stopped:
        return _interrupted(str(stopped))


def _interrupted(advice: str = "") -> int:
    _say(f"interrupted; {advice}" if advice else "interrupted")
    return INTERRUPTED


def _say(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201
