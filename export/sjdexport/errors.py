"""The one error that a user may see."""

from __future__ import annotations


class ExportError(Exception):
    """What the user gave cannot be exported. The message is one sentence: the offending value, what was expected, what to do."""
