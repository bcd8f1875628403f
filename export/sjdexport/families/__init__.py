"""The model families, one module each: the names of their tensors, and the settings that checkpoints do not contain."""

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


class Family(Source, Protocol):
    """A checkpoint of the family. The constructor raises ExportError if something is missing or does not fit."""

    name: str

    def __init__(self, given: Given) -> None: ...

    @staticmethod
    def recognizes(checkpoint: Checkpoint, config: Mapping[str, Any]) -> bool:
        """Whether the checkpoint belongs to this family, judging by names and shapes of tensors and by config.json."""

    def image_decoder(self) -> ImageDecoder: ...

    def tokenizer(self) -> Tokenizer | None:
        """The tokenizer, or None if prompts are not text."""

    def text_encoder(self) -> T5Encoder | None:
        """The text encoder, or None if the transformer reads tokens of text."""

    def generation(self) -> dict[str, Any]:
        """The family's sections of model.json, which generation.json may replace. Sections that generation.json has may be missing."""


FAMILIES: dict[str, type[Family]] = {family.name: family for family in (Chameleon, Emu3, LlamaGen, Janus, Lumina2)}


def find_family(name: str | None, checkpoint: Checkpoint, config: Mapping[str, Any]) -> type[Family]:
    """The family of that name, or the one that the checkpoint belongs to. Raises ExportError if there is none, or if they differ."""
    if name is not None and name not in FAMILIES:
        raise ExportError(f"unknown family '{name}'; expected {', '.join(FAMILIES)}.")
    known = [family for family in FAMILIES.values() if family.recognizes(checkpoint, config)]
    if name is None:
        if len(known) != 1:
            which = "could belong to " + " or ".join(
                family.name for family in known) if known else "belongs to no known family, judging by its tensors' names"
            raise ExportError(f"the checkpoint in {checkpoint.folder} {which}: give --family, one of {', '.join(FAMILIES)}.")
        return known[0]
    family = FAMILIES[name]
    if known and family not in known:
        raise ExportError(
            f"the checkpoint in {checkpoint.folder} belongs to the family {known[0].name}, not {name}: give --family {known[0].name}, or "
            "omit it."
        )
    return family
