"""The command line: parse, call the library, print. Nothing heavy is imported before work begins."""

from __future__ import annotations

import sys

from tidegate.errors import MissingExtraError, TidegateError


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 2 wrong input, 130 interrupted, 1 our own defect."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run the command line and return the exit status."""
    try:
        try:
            from typer import Abort

            from tidegate.cli.app import UsageError, app
        except ModuleNotFoundError as error:
            raise _missing(error) from error
        try:
            return app(arguments or ["--help"], prog_name="tidegate", standalone_mode=False) or 0
        except UsageError as error:
            message = " ".join(error.format_message().split()).rstrip(".")
            print(f"error: got wrong arguments ({message}); wanted those of --help; do read it", file=sys.stderr)  # noqa: T201
            return 2
        except Abort:
            raise KeyboardInterrupt from None
        except ModuleNotFoundError as error:
            raise _missing(error) from error
    except TidegateError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)  # noqa: T201
        return 130


def _missing(error: ModuleNotFoundError) -> Exception:
    """A missing package of an extra as a sentence; any other is our own defect."""
    if error.name is None or error.name.split(".")[0] == "tidegate":
        return error
    return MissingExtraError(
        got=f"no package {error.name!r}",
        wanted="the tasks and the command line installed",
        do='run: pip install "tidegate[tasks]"',
    )
