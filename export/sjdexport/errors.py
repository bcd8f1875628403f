"""The one error that a user may see, and how programs end with it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path


class ExportError(Exception):
    """What the user gave cannot be exported. The message is one sentence: the offending value, what was expected, what to do."""


def exit_status(program: str, run: Callable[[], None], stopped: str, place: Path | None = None) -> int:
    """Runs a program; its status, after a line on stderr where it is not 0.

    `stopped` is what Ctrl+C leaves to be said; `place` is where an error of the operating system happened that names no file.
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
