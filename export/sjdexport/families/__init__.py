"""One module for each model family: what its checkpoints are called inside, and what they do not say."""

from __future__ import annotations

from . import chameleon

FAMILIES = {chameleon.NAME: chameleon.Chameleon}
