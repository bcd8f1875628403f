"""One module for each model family: what its checkpoints are called inside, and what they do not say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ..checkpoint import Checkpoint
from ..errors import ExportError
from ..image_decoders import ImageDecoder
from ..text_encoder import T5Encoder
from ..transformer import Source
from .chameleon import Chameleon
from .emu3 import Emu3
from .given import Given, Tokenizer
from .janus import Janus
from .llamagen import LlamaGen
from .lumina2 import Lumina2
from .simplear import SimpleAR


class Family(Source, Protocol):
    """A checkpoint of the family. Opening it raises ExportError where something is missing or does not fit."""

    name: str

    def __init__(self, given: Given) -> None: ...

    @staticmethod
    def recognises(checkpoint: Checkpoint, config: Mapping[str, Any]) -> bool:
        """Whether the checkpoint is of this family, by its names and shapes."""

    def image_decoder(self) -> ImageDecoder: ...

    def tokenizer(self) -> Tokenizer | None:
        """None where a prompt is no text."""

    def text_encoder(self) -> T5Encoder | None:
        """None where the transformer reads tokens of text."""

    def generation(self) -> dict[str, Any]:
        """Sections of model.json that generation.json may replace. Those that it has may be left out."""


FAMILIES: dict[str, type[Family]] = {family.name: family for family in (Chameleon, Emu3, LlamaGen, Janus, Lumina2, SimpleAR)}


def find_family(name: str | None, checkpoint: Checkpoint, config: Mapping[str, Any]) -> type[Family]:
    """The family of that name, or else the one that the checkpoint is of. Raises ExportError where there is none such."""
    if name is not None and name not in FAMILIES:
        raise ExportError(f"unknown family {name}; known are {', '.join(FAMILIES)}.")
    known = [family for family in FAMILIES.values() if family.recognises(checkpoint, config)]
    if name is None:
        if len(known) != 1:
            which = "may be of " + " or ".join(family.name for family in known) if known else "is of no family that can be told by its tensors' names"
            raise ExportError(f"the checkpoint in {checkpoint.folder} {which}: give --family, one of {', '.join(FAMILIES)}.")
        return known[0]
    family = FAMILIES[name]
    if known and family not in known:
        raise ExportError(f"the checkpoint in {checkpoint.folder} is of the family {known[0].name}, not {name}: leave --family out, or give that.")
    return family
