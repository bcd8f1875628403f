"""The error type for users, and how programs report it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path


class ExportError(Exception):
    """The user's input cannot be exported. The message is one sentence: the offending value, the expected one, and what to do."""


def exit_status(program: str, run: Callable[[], None], stopped: str, place: Path | None = None) -> int:
    """Runs a program and returns its exit status. If the status is not 0, a line on stderr says why.

    `stopped` says what to do after Ctrl+C. `place` is the path to report for errors of the operating system that name no file.
    """
    try:
        run()
    except ExportError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        where = error.filename or place
        print(f"{program}: {f'{where}: ' if where else ''}{error.strerror or error}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{program}: stopped before it was finished; {stopped}.", file=sys.stderr)
        return 130
    return 0
